"""fmnist.torch against PyTorch and Pillow themselves: orders, random numbers, pixels, workers."""

import contextlib
import gc
import pickle
import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader, DistributedSampler  # noqa: E402

from conftest import streams  # noqa: E402
from fmnist.torch import FashionMNIST, Loader, pillow_rule  # noqa: E402

COUNT = {"train": 60000, "test": 10000}


def loader(**options):
    """Of 10,000 stored images, with their numbers."""
    return Loader(**{"split": "test", "resize": "none", "dtype": "uint8", "with_indices": True,
                     **options})


def numbers(batches):
    return [indices.tolist() for _, _, indices in batches]


def real(epoch_indices):
    return [batch.tolist() for batch in epoch_indices]


# ---- orders and random numbers ----------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2**32 + 5, 2**62])
@pytest.mark.parametrize("drop_last", [False, True])
def test_manual_seed__order_and_every_later_random_number(daemon, seed, drop_last):
    torch.manual_seed(seed)
    theirs = DataLoader(range(10000), 64, shuffle=True, drop_last=drop_last)
    want = []
    for _ in range(3):
        want += [real(theirs), torch.rand(2).tolist()]
    next(iter(theirs))  # an epoch broken off
    want += [torch.rand(2).tolist(), real(theirs), torch.rand(2).tolist()]

    torch.manual_seed(seed)
    ours = loader(shuffle=True, drop_last=drop_last)
    got = []
    for _ in range(3):
        got += [numbers(ours), torch.rand(2).tolist()]
    next(iter(ours))
    got += [torch.rand(2).tolist(), numbers(ours), torch.rand(2).tolist()]
    assert got == want


def test_manual_seed__train_and_val_in_turn__as_DataLoader(daemon):
    torch.manual_seed(7)
    train, val = DataLoader(range(10000), 64, shuffle=True), DataLoader(range(10000), 64)
    want = [real(train), real(val), real(train), torch.rand(3).tolist()]
    torch.manual_seed(7)
    train, val = loader(shuffle=True), loader()
    assert [numbers(train), numbers(val), numbers(train), torch.rand(3).tolist()] == want


@pytest.mark.parametrize("seed", [0, 9, 2**40 + 1])
def test_generator__order_and_its_later_numbers(daemon, seed):
    g, h = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)
    theirs = DataLoader(range(10000), 64, shuffle=True, generator=g)
    ours = loader(shuffle=True, generator=h)
    for _ in range(3):
        assert numbers(ours) == real(theirs)
        assert torch.equal(g.get_state(), h.get_state())


def test_generator__drawn_from_before_and_between__as_DataLoader(daemon):
    g, h = (torch.Generator().manual_seed(1) for _ in range(2))
    theirs = DataLoader(range(10000), 64, shuffle=True, generator=g)
    ours = loader(shuffle=True, generator=h)
    for _ in range(2):
        assert torch.rand(1, generator=g) == torch.rand(1, generator=h)
        assert numbers(ours) == real(theirs)


@pytest.mark.parametrize("world_size", range(1, 9))
@pytest.mark.parametrize("drop_last", [False, True])
def test_distributed__every_rank_and_epoch_as_DistributedSampler(daemon, world_size, drop_last):
    for rank in range(world_size):
        sampler = DistributedSampler(range(10000), world_size, rank, shuffle=True, seed=11,
                                     drop_last=drop_last)
        theirs = DataLoader(range(10000), 48, sampler=sampler, drop_last=drop_last)
        ours = loader(batch_size=48, shuffle=True, seed=11, rank=rank, world_size=world_size,
                      drop_last=drop_last)
        for epoch in (0, 1, 5, 2):
            sampler.set_epoch(epoch)
            ours.set_epoch(epoch)
            assert len(ours) == len(theirs)
            assert numbers(ours) == real(theirs)


def test_world__torchruns_variables_are_set__all_as_DataLoader(daemon, monkeypatch):
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert numbers(loader()) == real(DataLoader(range(10000), 64))
    assert sum(len(batch) for batch in numbers(loader(shuffle=True))) == 10000


# ---- going on ---------------------------------------------------------------------------------


def test_state__inside_an_epoch__rest_and_later_epochs(daemon):
    torch.manual_seed(3)
    ours = loader(shuffle=True)
    batches = iter(ours)
    for _ in range(5):
        next(batches)
    state, random = pickle.loads(pickle.dumps(ours.state_dict())), torch.get_rng_state()
    want = [numbers(batches), numbers(ours)]
    torch.manual_seed(99)
    other = loader(shuffle=True)
    torch.set_rng_state(random)
    other.load_state_dict(state)
    assert [numbers(other), numbers(other)] == want


def test_stateful_dataloader__inside_an_epoch__goes_on(daemon):
    stateful = pytest.importorskip("torchdata.stateful_dataloader")

    def make():
        return stateful.StatefulDataLoader(loader(order="torch", seed=1), batch_size=None)

    broken_off, goes_on = make(), make()
    batches = iter(broken_off)
    for _ in range(5):
        next(batches)
    goes_on.load_state_dict(broken_off.state_dict())
    assert numbers(goes_on) == numbers(loader(order="torch", seed=1))[5:]


def test_seeded__collected_while_another_is_asked__no_deadlock(daemon):
    """Finalizers run wherever the collector does."""
    def ask():
        ours = loader(shuffle=True, seed=1)
        for epoch in range(300):
            cycle = [loader(shuffle=True, seed=2)]
            cycle.append(cycle)
            del cycle
            ours.set_epoch(epoch)
            assert ours.sampler.epoch == epoch

    before = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    thread = threading.Thread(target=ask, daemon=True)
    try:
        thread.start()
        thread.join(60)
        assert not thread.is_alive()
    finally:
        gc.set_threshold(*before)


# ---- in DataLoader ----------------------------------------------------------------------------


@pytest.mark.parametrize("workers, context", [(0, None), (2, "fork"), (2, "spawn"),
                                              (2, "forkserver")])
def test_in_dataloader__each_batch_once_in_order(daemon, workers, context):
    inside = DataLoader(loader(order="torch", seed=1), batch_size=None, num_workers=workers,
                        multiprocessing_context=context)
    assert numbers(inside) == numbers(loader(order="torch", seed=1))


def test_in_dataloader__drawn_order_is_one_in_all_workers(daemon):
    seen = numbers(DataLoader(loader(shuffle=True), batch_size=None, num_workers=2))
    assert sorted(sum(seen, [])) == list(range(10000))


# ---- connections --------------------------------------------------------------------------------


class Broken(Exception):
    pass


def use(ours, how):
    if how == "dropped":
        next(iter(ours))
    elif how == "break":
        for i, _ in enumerate(ours):
            if i == 2:
                break
    elif how == "exception":
        with contextlib.suppress(Broken):
            for i, _ in enumerate(ours):
                if i == 1:
                    raise Broken
    else:
        list(ours)


def test_connections__a_thousand_loaders_partly_read__none_is_left(private_daemon, monkeypatch):
    monkeypatch.setenv("FMNIST_SOCKET", str(private_daemon))
    orders = [dict(), dict(shuffle=True), dict(shuffle=True, seed=1), dict(sampler=[5, 3, 1] * 200),
              dict(shuffle=True, generator=torch.Generator())]
    for number in range(1000):
        use(loader(**orders[number % len(orders)]),
            ("dropped", "break", "exception")[number % 3] if number % 40 else "all")
        if number % 100 == 0:
            assert streams() == 0
    assert streams() == 0


def test_connections__a_trainer__one(private_daemon, monkeypatch):
    monkeypatch.setenv("FMNIST_SOCKET", str(private_daemon))
    train, val = loader(shuffle=True, batch_size=1000), loader(batch_size=1000)
    for _ in range(2):
        for _ in train:
            assert streams(1) == 1
        for _ in val:
            assert streams(1) == 1
        assert streams(1) == 1


# ---- tensors ----------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 64])
def test_owned__in_place_and_autograd__as_of_DataLoader(daemon, batch_size):
    w = torch.ones(1, requires_grad=True)
    ours = Loader(split="test", batch_size=batch_size)
    kept = [next(iter(ours))[0].clone()]
    ours.set_epoch(0)
    losses = []
    for i, (X, y) in enumerate(ours):
        losses.append((X * w).sum())
        if i == 3:
            break
        X2 = X.clone()
        X.mul_(1)  # would spoil a neighbour's saved tensor if they shared a version counter
        assert torch.equal(X, X2)
    losses[-1].backward()
    assert w.grad.item() == pytest.approx(X.sum().item(), rel=1e-5)
    X.mul_(w)  # an output of split() would refuse this
    assert kept[0].shape == (batch_size, 1, 28, 28)


def test_zero_copy__tensor_keeps_its_batch(daemon, raw_test):
    ours = loader(zero_copy=True, batch_size=10)
    X, _, indices = next(iter(ours))
    part, number = X[3, 0], int(indices[3])
    del X, indices, ours
    list(loader(batch_size=10))
    assert (part.numpy() == raw_test[0][number]).all()


# ---- the chapter ------------------------------------------------------------------------------


def test_chapter__shapes_and_names(daemon, matplotlib_agg):
    data = FashionMNIST(resize=(32, 32))
    assert (len(data.train), len(data.val)) == (60000, 10000)
    assert data.train[0][0].shape == (1, 32, 32)
    X, y = next(iter(data.train_dataloader()))
    assert (X.shape, X.dtype, y.shape, y.dtype) == ((64, 1, 32, 32), torch.float32, (64,),
                                                    torch.int64)
    batch = next(iter(data.val_dataloader()))
    axes = data.visualize(batch)
    assert [a.get_title() for a in axes] == data.text_labels(batch[1][:8])
    assert axes[0].get_title() == "ankle boot"


def test_map__as_torchvisions(daemon, raw_train):
    train = FashionMNIST().train
    assert train.data.shape == (60000, 28, 28) and train.data.dtype == torch.uint8
    assert (train.data.numpy() == raw_train[0]).all()
    assert (train.targets.numpy() == raw_train[1]).all()
    assert train.classes[0] == "T-shirt/top" and train.class_to_idx["Ankle boot"] == 9
    X, y = next(iter(DataLoader(train, 8)))
    assert X.shape == (8, 1, 28, 28) and y.tolist() == raw_train[1][:8].tolist()


# ---- pixels -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
def test_pixels__every_size__the_installed_pillows(daemon, raw_test, name):
    from PIL import Image

    images = [Image.fromarray(image) for image in raw_test[0][:4]]
    how = getattr(Image.Resampling, name.upper())
    for n in range(1, 257):
        for height, width in {(n, n), (n, (n * 37) % 256 + 1)}:
            ours = Loader(split="test", batch_size=4, resize=pillow_rule(name), height=height,
                          width=width)
            X, _ = next(iter(ours))
            want = np.stack([np.asarray(i.resize((width, height), how)) for i in images])
            want = torch.from_numpy(want).unsqueeze(1).to(torch.float32).div(255)
            assert torch.equal(X, want), (height, width)
            ours.close()
