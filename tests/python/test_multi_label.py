# SPDX-License-Identifier: MIT
"""Multi-label sets: rows of labels in every adapter, against PyTorch's own loader over the same rows."""

import itertools
import pickle

import numpy as np
import pytest

import fmnist
from harness.rows import COUNT, LABELS, NAMES, SIDE, arrays, chest, served  # noqa: F401

def test_datasets__labels_of_an_image_and_their_names(chest):
    found = {s.split: s for s in fmnist.datasets()}
    assert [found[split].count for split in COUNT] == list(COUNT.values())
    assert all(s.label_count == LABELS and s.class_names == NAMES for s in found.values())


# ---- arrays ------------------------------------------------------------------------------------


@pytest.mark.parametrize("label_dtype", ["uint8", "int32", "int64"])
@pytest.mark.parametrize("transport", ["shm", "inline"])
@pytest.mark.parametrize("zero_copy", [False, True])
def test_open__each_type__rows(chest, arrays, label_dtype, transport, zero_copy):
    with fmnist.open(**chest, batch_size=32, order="shuffle", label_dtype=label_dtype,
                     transport=transport, zero_copy=zero_copy, indices=True) as stream:
        assert (stream.info.label_count, stream.info.label_shape) == (LABELS, (LABELS,))
        for _ in range(2):
            seen = []
            for _, rows, numbers in stream:
                assert (rows.dtype, rows.shape) == (label_dtype, (len(numbers), LABELS))
                assert (rows == arrays["train"][1][numbers]).all()
                assert rows.flags.writeable is not zero_copy
                seen += numbers.tolist()
            assert sorted(seen) == list(range(COUNT["train"]))


def test_arrays__and_load_data__rows(chest, arrays):
    images, rows = fmnist.arrays("test", **chest)
    assert rows.dtype == "int64" and (rows == arrays["test"][1]).all()
    assert (images == arrays["test"][0]).all()
    _, rows = fmnist.arrays("train", **chest, indices=[5, -1, 5], label_dtype="uint8")
    assert (rows == arrays["train"][1][[5, -1, 5]]).all()
    assert fmnist.arrays("train", **chest, indices=[])[1].shape == (0, LABELS)
    for (_, rows), (_, want) in zip(fmnist.load_data("chest"), arrays.values()):
        assert rows.dtype == "uint8" and (rows == want).all()


def test_samples__one_by_one__their_own_rows(chest, arrays):
    from fmnist._samples import Samples

    samples = Samples(**chest, label_dtype="int32")
    for i in [*range(40), 330, 3, 4, -1]:
        _, rows = samples.fetch([i])
        assert rows.shape == (1, LABELS) and (rows[0] == arrays["train"][1][i]).all()


# ---- PyTorch -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def theirs(torch, arrays, label_dtype, split="train"):
    images, rows = arrays[split]
    return torch.utils.data.TensorDataset(
        torch.from_numpy(images), torch.from_numpy(rows).to(getattr(torch, label_dtype)))


def ours(label_dtype, **options):
    from fmnist.torch import Loader

    return Loader(**{"dataset": "chest", "resize": "none", "dtype": "uint8",
                     "label_dtype": label_dtype, **options})


def must_equal(torch, got, want):
    got, want = list(got), list(want)
    assert len(got) == len(want)
    for mine, other in zip(got, want):
        assert len(mine) == len(other) == 2
        for a, b in zip(mine, other):
            assert a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)


def orders(torch, order, seed, world_size, rank):
    """(keywords of DataLoader, keywords of Loader, and what begins an epoch of both)."""
    if world_size > 1:
        sampler = torch.utils.data.DistributedSampler(
            range(COUNT["train"]), world_size, rank, shuffle=order != "sequential", seed=seed)
        more = {"shuffle": True, "seed": seed} if order != "sequential" else {}
        return {"sampler": sampler}, {**more, "rank": rank, "world_size": world_size}
    if order == "generator":
        return tuple({"shuffle": True, "generator": torch.Generator().manual_seed(seed)}
                     for _ in range(2))
    if order == "batch_sampler":
        lengths = [[i, i + 1, i + 2][: 1 + i % 3] for i in range(0, 200, 7)]
        return {"batch_sampler": lengths}, {"batch_sampler": lengths}
    if order == "sampler":
        numbers = torch.randperm(COUNT["train"]).tolist()[:100]
        return {"sampler": numbers}, {"sampler": numbers}
    return {"shuffle": order == "shuffle"}, {"shuffle": order == "shuffle"}


SINGLE = ["sequential", "shuffle", "generator", "sampler", "batch_sampler"]
CASES = [(order, 1, 0) for order in SINGLE] + [
    (order, world, rank) for order in ("sequential", "shuffle") for world in (2, 3)
    for rank in range(world)]


@pytest.mark.parametrize("label_dtype", ["uint8", "int32", "int64"])
@pytest.mark.parametrize("order, world_size, rank", CASES)
@pytest.mark.parametrize("zero_copy", [False, True])
def test_torch__every_order_rank_and_resumed_position__as_DataLoader(
        chest, torch, arrays, label_dtype, order, world_size, rank, zero_copy):
    theirs_says, ours_says = orders(torch, order, 11, world_size, rank)
    data = theirs(torch, arrays, label_dtype)
    plain = {} if "batch_sampler" in theirs_says else {"batch_size": 48}
    stock = torch.utils.data.DataLoader(data, **plain, **theirs_says)
    loader = ours(label_dtype, **plain, **ours_says, zero_copy=zero_copy)
    want, got = [], []
    for epoch in range(2):
        if world_size > 1:
            theirs_says["sampler"].set_epoch(epoch)
        torch.manual_seed(epoch)
        want.append([[t.clone() for t in batch] for batch in stock])
        torch.manual_seed(epoch)
        got.append([[t.clone() for t in batch] for batch in loader])
    for mine, other in zip(got, want):
        must_equal(torch, mine, other)

    # From a state within an epoch, in another loader: exactly the rest. Generators are the program's
    # to keep.
    for done in (0, 1, len(want[0]) - 1):
        generators = [torch.Generator().manual_seed(11) for _ in range(2)]
        say = [{**ours_says, "generator": g} if order == "generator" else ours_says
               for g in generators]
        first = ours(label_dtype, **plain, **say[0], zero_copy=zero_copy)
        torch.manual_seed(0)
        batches = iter(first)
        for _ in range(done):
            next(batches)
        state, drawn = pickle.loads(pickle.dumps(first.state_dict())), torch.get_rng_state()
        del batches
        generators[1].set_state(generators[0].get_state())
        other = ours(label_dtype, **plain, **say[1], zero_copy=zero_copy)
        torch.set_rng_state(drawn)
        other.load_state_dict(state)
        must_equal(torch, other, want[0][done:])


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("label_dtype", ["uint8", "int64"])
def test_torch__MapDataset_in_DataLoader__as_TensorDataset(chest, torch, arrays, label_dtype, workers):
    from fmnist.torch import MapDataset

    data = MapDataset(**chest, resize="none", dtype="uint8", label_dtype=label_dtype)
    image, row = data[4]
    assert row.dtype == getattr(torch, label_dtype) and row.tolist() == arrays["train"][1][4].tolist()
    assert data.targets.shape == (COUNT["train"], LABELS) and data.classes == list(NAMES)
    assert (data.targets.numpy() == arrays["train"][1]).all()
    torch.manual_seed(3)
    want = list(torch.utils.data.DataLoader(theirs(torch, arrays, label_dtype), 32, shuffle=True))
    torch.manual_seed(3)
    got = torch.utils.data.DataLoader(data, 32, shuffle=True, num_workers=workers)
    must_equal(torch, got, want)


def test_torch__target_transform__gets_rows(chest, torch, arrays):
    from fmnist.torch import MapDataset

    kept = []

    def first_two(row):
        kept.append((row.dtype, row.shape))
        return row[:2].float()

    want = torch.from_numpy(arrays["train"][1][:, :2]).float()
    for label_dtype in ("uint8", "int64"):
        loader = ours(label_dtype, target_transform=first_two, batch_size=50)
        assert torch.equal(torch.cat([y for _, y in loader]), want)
        data = MapDataset(**chest, target_transform=first_two, label_dtype=label_dtype)
        assert torch.equal(data[7][1], want[7])
    assert set(kept) == {(torch.int64, (LABELS,))}


def test_torch__transform_and_views__rows_as_they_are(chest, torch, arrays):
    loader = ours("int64", augment="random-crop(4)", views=2, seed=5, shuffle=True, batch_size=32,
                  draws="counter", with_indices=True, dtype="float32")
    seen = 0
    for X, y, numbers in loader:
        assert X.shape[1:] == (2, 1, 4, 4)
        assert (y.numpy() == arrays["train"][1][numbers.numpy()]).all()
        seen += len(numbers)
    assert seen == COUNT["train"]


@pytest.mark.parametrize("label_dtype", ["uint8", "int64"])
def test_torch__Upload__rows_beside_samples_as_they_travel(chest, torch, arrays, label_dtype):
    from fmnist.torch import Upload
    from test_torch_upload import Device

    loader = ours(label_dtype, zero_copy=True, batch_size=40, dtype="float32")
    got = list(Upload(loader, ahead=2, cuda=Device(5)))  # copies that end late
    assert torch.equal(torch.cat([y for _, y in got]),
                       torch.from_numpy(arrays["train"][1]).to(getattr(torch, label_dtype)))
    assert torch.equal(torch.cat([X for X, _ in got]),
                       torch.from_numpy(arrays["train"][0]).float().div(255))


def test_torch__trains__on_float_rows(chest, torch, arrays):
    """What such sets are for: BCEWithLogitsLoss of the rows, the same loss as from TensorDataset."""
    losses = []
    for batches in (ours("uint8", batch_size=64), torch.utils.data.DataLoader(
            theirs(torch, arrays, "uint8"), 64)):
        torch.manual_seed(1)
        net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(SIDE * SIDE, LABELS))
        optimizer = torch.optim.SGD(net.parameters(), 0.1)
        for X, y in batches:
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                net(X.float() / 255), y.float().clamp(max=1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    assert losses[0] == losses[1]


# ---- the others --------------------------------------------------------------------------------


def rows_of(batches, key=lambda batch: batch[1]):
    return np.concatenate([np.asarray(key(batch)) for batch in batches])


@pytest.mark.parametrize("label_dtype", ["uint8", "int32", "int64"])
@pytest.mark.parametrize("batch_size, drop_last", list(itertools.product([1, 32, 400], [False, True])))
def test_jax__rows(chest, arrays, label_dtype, batch_size, drop_last):
    jax = pytest.importorskip("jax")
    from fmnist.jax import Iterator, Loader, device_iterator

    if drop_last and batch_size == 400:
        return  # no batch at all
    options = dict(**chest, batch_size=batch_size, drop_last=drop_last, label_dtype=label_dtype)
    want = arrays["train"][1][:COUNT["train"] // batch_size * batch_size if drop_last else None]
    got = rows_of(Loader(**options))
    assert got.dtype == label_dtype and (got == want).all()
    got = rows_of(Iterator(**options, epochs=1), lambda batch: batch["label"])
    assert (got == want).all()
    if label_dtype != "int64":  # 64 bits are off in JAX
        batch = next(device_iterator(Iterator(**options)))
        assert isinstance(batch["label"], jax.Array) and (batch["label"] == want[:batch_size]).all()


@pytest.mark.parametrize("label_dtype", ["uint8", "int32"])
@pytest.mark.parametrize("batch_size", [1, 32])
@pytest.mark.parametrize("zero_copy", [False, True])
def test_tensorflow__loader_and_dataset__rows(chest, arrays, label_dtype, batch_size, zero_copy):
    pytest.importorskip("tensorflow")
    from fmnist.tensorflow import Loader, dataset

    options = dict(**chest, batch_size=batch_size, label_dtype=label_dtype)
    got = rows_of(Loader(**options, zero_copy=zero_copy))
    assert got.dtype == label_dtype and (got == arrays["train"][1]).all()
    data = dataset(**options)
    assert data.element_spec[1].shape.as_list() == [None, LABELS]
    assert (rows_of(data) == arrays["train"][1]).all()
    assert (rows_of(data.unbatch().batch(50)) == arrays["train"][1]).all()


def test_keras__fit__on_rows(chest, arrays):
    keras = pytest.importorskip("keras")
    from fmnist.keras import PyDataset

    data = PyDataset(**chest, batch_size=32)
    assert (rows_of(data[i] for i in range(len(data))) == arrays["train"][1]).all()
    net = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(LABELS, "sigmoid")])
    net.compile(loss="binary_crossentropy")
    history = net.fit(PyDataset(**chest, batch_size=32, shuffle=True), epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2


@pytest.mark.parametrize("tab", ["torch", "jax", "tensorflow"])
def test_chapter__text_labels__names_of_a_row(chest, arrays, tab):
    pytest.importorskip(tab)
    module = __import__(f"fmnist.{tab}", fromlist=["FashionMNIST"])
    data = module.FashionMNIST(dataset="chest", batch_size=8)
    _, rows = next(iter(data.val_dataloader()))
    texts = data.text_labels(rows)
    assert texts[3] == "none" and texts[4].startswith("finding 0=2, finding 1=255")
    row = arrays["test"][1][0]
    assert texts[0] == ", ".join(name for name, set_ in zip(NAMES, row) if set_)
