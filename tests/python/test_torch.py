# SPDX-License-Identifier: MIT
"""fmnist.torch against PyTorch and Pillow themselves: orders, random numbers, pixels, workers."""

import contextlib
import gc
import pickle
import random
import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader, DistributedSampler  # noqa: E402

import fmnist  # noqa: E402
from conftest import streams  # noqa: E402
from fmnist.torch import FashionMNIST, Loader, MapDataset, pillow_rule  # noqa: E402

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


# ---- what a program may change ------------------------------------------------------------------


class Negative(MapDataset):
    """As people add to a data set of torchvision's."""

    def __getitem__(self, i):
        image, label = super().__getitem__(i)
        return -image, label


def test_map__a_class_derived_from_it__is_read(daemon):
    data = Negative("test")
    want = -MapDataset("test")[0][0]
    for batches in (DataLoader(data, 1), Loader(data, batch_size=1),
                    Loader(torch.utils.data.Subset(data, [0, 5]), batch_size=1)):
        assert torch.equal(next(iter(batches))[0][0], want)


def test_map__targets_changed_in_place__refused(daemon):
    data = MapDataset("test")
    ours = Loader(data, batch_size=3)
    data.targets[:] = 7
    for read in (lambda: data[0], lambda: next(iter(ours)), lambda: next(iter(DataLoader(data)))):
        with pytest.raises(RuntimeError, match="target_transform="):
            read()


def test_subset__its_indices_changed__are_read(daemon):
    ours = loader(indices=range(100), batch_size=4)
    ours.dataset.indices = range(200, 300)
    assert numbers(ours)[0] == [200, 201, 202, 203]


class Curriculum(torch.utils.data.Sampler):
    """Counts its epochs, and draws while they run."""

    def __init__(self):
        self.epoch = 0

    def __len__(self):
        return 500

    def __iter__(self):
        self.epoch += 1
        for _ in range(500):
            yield (1000 * self.epoch + random.randrange(1000)) % 10000


class Hard(torch.utils.data.Sampler):
    """Gives what the program says meanwhile."""

    def __init__(self):
        self.hard = []

    def __iter__(self):
        for i in range(300):
            yield self.hard.pop() if self.hard else i


@pytest.mark.parametrize("workers", [0, 2])
def test_sampler__with_a_state_of_its_own__as_DataLoader(daemon, workers):
    seen = []
    for make in (lambda s: DataLoader(range(10000), 50, sampler=s, num_workers=workers),
                 lambda s: loader(sampler=s, batch_size=50, num_workers=workers)):
        random.seed(1)
        sampler = Curriculum()
        batches, lines = make(sampler), []
        for _ in range(2):
            for i, batch in enumerate(batches):
                lines.append((batch if torch.is_tensor(batch) else batch[2]).tolist())
                if i == 2:
                    break
            lines += [(b if torch.is_tensor(b) else b[2]).tolist() for b in batches]
        hard = Hard()
        for i, batch in enumerate(make(hard) if not workers else ()):
            lines.append((batch if torch.is_tensor(batch) else batch[2]).tolist())
            if i == 0:
                hard.hard.append(9999)
        seen.append((lines, sampler.epoch))
    assert seen[0] == seen[1]


def test_module__another_batch_size_or_subset__another_loader(daemon):
    data = FashionMNIST(batch_size=4)
    assert data.train_dataloader() is data.train_dataloader()
    assert len(next(iter(data.train_dataloader()))[1]) == 4
    data.batch_size = 8
    assert len(next(iter(data.train_dataloader()))[1]) == 8
    data.train = torch.utils.data.Subset(data.train, range(4))
    assert len(data.train_dataloader().dataset) == 4


def test_daemon__restarted_between_epochs__waited_for(daemon):
    with fmnist.Daemon() as own:
        ours = [loader(socket=own.socket, shuffle=True, batch_size=5000),
                loader(socket=own.socket, batch_size=5000,
                       sampler=torch.utils.data.SubsetRandomSampler(range(10000)))]
        data = MapDataset("test", socket=own.socket)
        assert len(data) == 10000 and all(len(list(each)) == 2 for each in ours)
        own.process.kill()
        own.process.wait()
        threading.Timer(0.5, own.start_again).start()
        assert [len(list(each)) for each in ours] == [2, 2] and data[0][1] == 9


def test_spawned__a_loader_with_a_sampler__reads_in_the_child(daemon):
    context = torch.multiprocessing.get_context("spawn")
    queue = context.Queue()
    child = context.Process(target=_read, args=(loader(sampler=DistributedSampler(
        range(10000), 2, 1, shuffle=False), batch_size=2500), queue))
    child.start()
    assert queue.get(timeout=60) == list(range(1, 10000, 2))
    child.join()


def _read(ours, queue):
    queue.put(sum(numbers(ours), []))


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


# NumPy, whose memory tensors lie in, has no bfloat16.
@pytest.mark.parametrize("batch_size", [1, 16, 64])
def test_owned__bfloat16__rounded_numbers_and_no_view(daemon, batch_size):
    spec = dict(split="test", batch_size=batch_size, height=32, width=32)
    X = next(iter(Loader(**spec, dtype="bfloat16")))[0]
    want = next(iter(Loader(**spec)))[0].to(torch.bfloat16)
    assert X.dtype == torch.bfloat16 and not X._is_view() and torch.equal(X, want)
    X.detach_().mul_(2)
    assert torch.equal(X, want * 2)


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
