# SPDX-License-Identifier: MIT
"""fold=, folds=, classes=, label_map= beside split=, in every loader: scikit-learn's numbers, in
torch's loader and in the others, in every order and shard, and resumed at every batch."""
import importlib
import inspect
import itertools
import pickle

import numpy as np
import pytest

import fmnist
from conftest import DATASET, running_daemon
from fmnist import errors, part
from fmnist._part import FIELDS

LAST = 300  # images of the test split that the parts here are of
SPLIT = f"test[-{LAST}:]"
EVEN = [label % 2 for label in range(10)]

CASES = {
    "fold": dict(fold=3, folds=10),
    "held-out": dict(fold=1, folds=4, held_out=True),
    "first-of-two": dict(fold=0, folds=2, held_out=False),
    "drawn": dict(fold=9, folds=10, fold_seed=2**32 - 1),
    "drawn-0-held-out": dict(fold=np.int64(0), folds=3, fold_seed=np.uint32(0), held_out=True),
    "stratified": dict(fold=2, folds=5, stratified=True),
    "stratified-drawn-held-out": dict(fold=2, folds=3, stratified=True, fold_seed=5, held_out=True),
    "classes": dict(classes=(7, 3)),
    "renumbered": dict(classes=np.array([7, 3]), renumber=True),
    "label-map": dict(label_map=EVEN),
    "of-some-labels": dict(label_map={9: -1, np.int64(0): 300}),
    "all-of-it": dict(fold=1, folds=3, held_out=True, stratified=True, fold_seed=1, classes=[9, 0, 4],
                      renumber=True, label_map={0: 5}),
}


def wanted(labels, fold=None, folds=None, held_out=False, stratified=False, fold_seed=None,
           classes=None, renumber=False, label_map=None):
    """(numbers in the split, their labels) of the keywords, by scikit-learn and by hand."""
    numbers = np.arange(len(labels))
    if folds is not None:
        sklearn = pytest.importorskip("sklearn.model_selection")
        kind = sklearn.StratifiedKFold if stratified else sklearn.KFold
        split = kind(int(folds), shuffle=fold_seed is not None,
                     random_state=None if fold_seed is None else int(fold_seed))
        numbers = list(split.split(numbers, labels))[fold][held_out]
    labels = labels.astype(int)
    if classes is not None:
        classes = [int(label) for label in classes]
        numbers = numbers[np.isin(labels[numbers], classes)]
    found = labels[numbers]
    if renumber:
        found = np.array([classes.index(label) for label in found])
    if label_map is not None:
        table = label_map if isinstance(label_map, dict) else dict(enumerate(label_map))
        found = np.array([table.get(label, label) for label in found])
    return numbers, found


@pytest.fixture
def last(raw_test):
    return raw_test[0][-LAST:], raw_test[1][-LAST:]


@pytest.mark.parametrize("name", CASES)
def test_arrays_and_open__keywords__scikit_learns_images(daemon, last, name):
    numbers, labels = wanted(last[1], **CASES[name])
    for _ in range(2):  # the keywords are the caller's: they are there the second time, too
        x, y = fmnist.arrays(SPLIT, label_dtype="int32", **CASES[name])
        np.testing.assert_array_equal(x[:, 0], last[0][numbers])
        np.testing.assert_array_equal(y, labels)
    with fmnist.open(split=SPLIT, batch_size=LAST, label_dtype="int32", indices=True,
                     **CASES[name]) as stream:
        _, y, indices = next(iter(stream))
    np.testing.assert_array_equal(indices, numbers + 10000 - LAST)
    np.testing.assert_array_equal(y, labels)


# ---- torch


def torchs(last, case):
    """A Subset of a TensorDataset, with the labels as they become."""
    import torch
    from torch.utils.data import Subset, TensorDataset

    numbers, found = wanted(last[1], **case)
    labels = np.zeros(LAST, int)
    labels[numbers] = found
    images = torch.from_numpy(last[0].copy()).unsqueeze(1).float().div(255)
    return Subset(TensorDataset(images, torch.from_numpy(labels)), numbers.tolist())


ORDERS = ["in-order", "generator", "shuffle", *(f"{rank}-of-{world}{drop}" for rank, world, drop in (
    (0, 2, ""), (1, 2, "-drop"), (2, 3, "")))]


def both(last, case, order):
    """(the stock loader, a function that makes ours), of one order."""
    import torch
    from torch.utils.data import DataLoader, DistributedSampler

    from fmnist.torch import Loader

    data = torchs(last, case)
    ours = dict(split=SPLIT, batch_size=32, resize="none", **case)
    if order in ("in-order", "shuffle"):
        more = dict(shuffle=order == "shuffle")
        return DataLoader(data, 32, **more), lambda: Loader(**ours, **more)
    if order == "generator":
        theirs, mine = (torch.Generator().manual_seed(5) for _ in range(2))
        return (DataLoader(data, 32, shuffle=True, generator=theirs),
                lambda: Loader(**ours, shuffle=True, generator=mine))
    rank, world = int(order[0]), int(order[5])
    sampler = DistributedSampler(data, world, rank, True, 5, order.endswith("drop"))
    return (DataLoader(data, 32, sampler=sampler),
            lambda: Loader(**ours, shuffle=True, seed=5, rank=rank, world_size=world,
                           pad="drop" if order.endswith("drop") else "wrap"))


def equal(ours, theirs):
    import torch

    for (x, y), (u, v) in itertools.zip_longest(ours, theirs, fillvalue=(None, None)):
        assert torch.equal(x, u) and torch.equal(y, v)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", CASES)
def test_torch_loader__every_order_and_resumed_everywhere__dataloader_over_a_subset(
        daemon, last, name, order):
    torch = pytest.importorskip("torch")
    from fmnist.torch import Loader

    theirs, make = both(last, CASES[name], order)
    ours = make()
    torch.manual_seed(1)
    wanted_epochs = []
    for epoch in range(2):
        if hasattr(theirs.sampler, "set_epoch"):
            theirs.sampler.set_epoch(epoch)
        wanted_epochs.append(list(theirs))
    torch.manual_seed(1)
    assert len(ours) == len(theirs)
    equal(ours, wanted_epochs[0])
    equal(ours, wanted_epochs[1])

    torch.manual_seed(1)
    first, states = both(last, CASES[name], order)[1](), []
    for batch in first:
        states.append(pickle.dumps((first.state_dict(), torch.get_rng_state())))
    for k, state in enumerate(states, 1):
        again, (kept, drawn) = both(last, CASES[name], order)[1](), pickle.loads(state)
        again.load_state_dict(kept)
        torch.set_rng_state(drawn)
        equal(again, wanted_epochs[0][k:])


@pytest.mark.parametrize("order", [*ORDERS, "own"])
@pytest.mark.parametrize("ours, others", [
    (dict(fold=0, folds=5), dict(fold=1, folds=5)), ({}, dict(label_map=EVEN)),
    (dict(classes=[3]), dict(classes=[3], renumber=True))])
def test_torch_loader__state_of_another_part_of_as_many_images__refused(
        daemon, last, order, ours, others):
    pytest.importorskip("torch")
    from fmnist.torch import Loader

    def make(case):
        if order != "own":
            return both(last, case, order)[1]()
        return Loader(split=SPLIT, batch_size=4, sampler=Own(), **case)

    first = make(ours)
    batches = iter(first)
    next(batches)
    state = first.state_dict()
    left = len(list(batches))
    for case in (ours, others):
        again = make(case)
        if case is others:
            with pytest.raises(errors.TokenError):
                again.load_state_dict(state)
        else:
            again.load_state_dict(state)
            assert len(list(again)) == left


@pytest.mark.parametrize("name", CASES)
def test_map_dataset__keywords__items_of_the_subset(daemon, last, name):
    pytest.importorskip("torch")
    from fmnist.torch import Loader, MapDataset

    numbers, labels = wanted(last[1], **CASES[name])
    data = MapDataset(SPLIT, **CASES[name])
    assert len(data) == len(numbers) and data.targets.tolist() == labels.tolist()
    assert data[0][1] == labels[0] and data[-1][1] == labels[-1]
    np.testing.assert_array_equal(data.data.numpy(), last[0][numbers])
    equal(Loader(data, batch_size=50), Loader(split=SPLIT, batch_size=50, **CASES[name]))
    with pytest.raises(ValueError, match="the MapDataset says that already"):
        Loader(data, **CASES[name])
    Loader(data, held_out=False, renumber=None)  # as if nothing was said


def test_map_dataset__of_a_part__whose_it_is(daemon):
    pytest.importorskip("torch")
    from fmnist.torch import MapDataset

    assert MapDataset(fold=0, folds=2).train and not MapDataset("test[:9]", classes=[3]).train
    assert MapDataset("test", classes=[7, 3]).classes == MapDataset("test").classes
    assert MapDataset("test", classes=[7, 3], renumber=True).classes == ["Sneaker", "Dress"]
    assert MapDataset("test", label_map=EVEN).classes == []


class Own:
    """A user's own sampler: it is asked batch by batch, and each batch is read by its numbers."""

    def __iter__(self):
        return iter(range(0, 20, 3))

    def __len__(self):
        return 7


@pytest.mark.parametrize("name", CASES)
def test_with_indices__of_a_part_however_it_is_read__numbers_in_the_stored_split(daemon, last, name):
    torch = pytest.importorskip("torch")
    from fmnist.torch import Loader, MapDataset

    stored = wanted(last[1], **CASES[name])[0] + 10000 - LAST
    said = dict(split=SPLIT, with_indices=True, **CASES[name])
    for more, places in ((dict(sampler=Own()), range(0, 20, 3)), (dict(indices=[5, 1]), [5, 1]),
                         (dict(collate_fn=torch.utils.data.default_collate, batch_size=4),
                          range(len(stored)))):
        found = torch.cat([batch[2] for batch in Loader(**said, **more)])
        assert found.dtype == torch.int64 and found.tolist() == stored[list(places)].tolist()
    data = MapDataset(**said)
    assert [data[i][2] for i in (0, 7, -1)] == stored[[0, 7, -1]].tolist()
    assert pickle.loads(pickle.dumps(data))[7][2] == stored[7]


def test_with_indices__an_item__asks_for_no_other(tmp_path, monkeypatch):
    """A ring of the split's images, however few at once, would not be allowed."""
    pytest.importorskip("torch")
    from fmnist.torch import Loader, MapDataset

    sets = f"  - name: fashion-mnist\n    path: '{DATASET}'\nlimits:\n  ring_bytes: 1MiB\n"
    with running_daemon(tmp_path, sets) as daemon:
        monkeypatch.setenv("FMNIST_SOCKET", str(daemon))
        for split, first in (("train", 0), ("train[50:]", 50)):
            data = MapDataset(split, with_indices=True)
            assert [data[i][2] for i in (3, -1)] == [first + 3, 59999]
            batch, = Loader(data, batch_size=4, sampler=[3, 1, 2], collate_fn=list)
            assert [number for _, _, number in batch] == [first + 3, first + 1, first + 2]


# ---- the others: what a list of the same numbers gives, and what other words of it give


def batches_of(kind, dataset, **said):
    """[(images, labels)] of two epochs, and the digest that the daemon has of the stream."""
    module, name = kind.split(".")
    maker = getattr(importlib.import_module(f"fmnist.{module}"), name)
    made = maker(dataset, batch_size=32, **said)
    if name == "Iterator":
        found = [(b["image"], b["label"]) for b, _ in zip(made, range(2 * len(made._loader)))]
    elif name == "PyDataset":
        found = []
        for _ in range(2):
            found += [made[i] for i in range(len(made))]
            made.on_epoch_end()
    else:
        found = [*made, *made]
    info = getattr(getattr(made, "_loader", made), "info", None)
    return [(np.asarray(x), np.asarray(y)) for x, y in found], info and info.digest


KINDS = ["jax.Loader", "jax.Iterator", "tensorflow.Loader", "tensorflow.dataset", "keras.PyDataset"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_loaders__keywords__as_the_list_and_as_the_text(daemon, last, kind, name):
    pytest.importorskip(kind.split(".")[0])
    case = CASES[name]
    numbers, labels = wanted(last[1], **case)
    text = part(SPLIT, **{{"fold_seed": "seed"}.get(name, name): value for name, value in case.items()})
    for said in ({}, dict(shuffle=True, seed=3), dict(order="torch", seed=3, rank=1, world_size=3)):
        ours, digest = batches_of(kind, "fashion-mnist", split=SPLIT, **said, **case)
        listed, digest_of_list = batches_of(kind, "fashion-mnist", split=SPLIT, indices=numbers, **said)
        texts, digest_of_text = batches_of(kind, "fashion-mnist", split=text, **said)
        assert len(ours) == len(listed) == len(texts)
        assert digest == digest_of_text
        if not {"label_map", "renumber"} & case.keys():
            assert digest == digest_of_list
        becomes = dict(zip(last[1][numbers].tolist(), labels.tolist()))
        for (x, y), (u, v), (r, s) in zip(ours, listed, texts):
            assert x.tobytes() == u.tobytes() == r.tobytes()
            assert y.tolist() == s.tolist() == [becomes[label] for label in v.tolist()]


@pytest.mark.parametrize("rank, world", [(0, 1), (2, 3)])
@pytest.mark.parametrize("name", CASES)
def test_jax_iterator__keywords__resumed_at_every_batch(daemon, name, rank, world):
    pytest.importorskip("jax")
    from fmnist.jax import Iterator

    said = dict(split=SPLIT, batch_size=16, shuffle=True, seed=4, rank=rank, world_size=world,
                epochs=2, **CASES[name])
    iterator, states, labels = Iterator(**said), [], []
    for batch in iterator:
        labels.append(batch["label"].tolist())
        states.append(iterator.get_state())
    for k, state in enumerate(states, 1):
        again = Iterator(**said)
        again.set_state(state)
        assert [batch["label"].tolist() for batch in again] == labels[k:]


# ---- two splits at once


def test_load_data__a_fold__what_it_trains_on_and_holds_out(daemon, raw_train, raw_test):
    for said in (dict(fold=1, folds=6), dict(fold=5, folds=6, stratified=True, fold_seed=3),
                 dict(fold=0, folds=6, classes=iter([3, 7]), renumber=True)):
        listed = {**said, "classes": [3, 7]} if "classes" in said else said
        pairs = fmnist.load_data(**said)
        for (x, y), held_out in zip(pairs, (False, True), strict=True):
            numbers, labels = wanted(raw_train[1], held_out=held_out, **listed)
            np.testing.assert_array_equal(y, labels)
            np.testing.assert_array_equal(x, raw_train[0][numbers])
    pairs = fmnist.load_data(classes=iter([3, 7]), renumber=True)
    for (x, y), raw in zip(pairs, (raw_train, raw_test), strict=True):
        numbers, labels = wanted(raw[1], classes=[3, 7], renumber=True)
        np.testing.assert_array_equal(y, labels)
        np.testing.assert_array_equal(x, raw[0][numbers])
    for _, y in fmnist.load_data(fold=1, folds=6, label_map=iter(EVEN)):
        assert set(y) == {0, 1}
    (_, y), = fmnist.load_data(splits=["test[:50]"], label_map=EVEN)
    np.testing.assert_array_equal(y, raw_test[1][:50] % 2)
    with pytest.raises(ValueError, match="fold= and splits="):
        fmnist.load_data(splits=["test"], fold=1, folds=2)
    with pytest.raises(TypeError, match="no argument held_out="):
        fmnist.load_data(fold=1, folds=2, held_out=True)


@pytest.mark.parametrize("tab", ["torch", "tensorflow", "jax"])
def test_data_module__a_fold__trains_on_the_one_and_validates_with_the_other(daemon, raw_train, tab):
    pytest.importorskip(tab)
    FashionMNIST = importlib.import_module(f"fmnist.{tab}").FashionMNIST
    said = dict(fold=2, folds=400, stratified=True, fold_seed=1, classes=iter([7, 3]), renumber=True)
    data = FashionMNIST(batch_size=64, **said)
    said["classes"] = [7, 3]
    for train, loader in ((False, data.val_dataloader()), (True, data.train_dataloader())):
        _, labels = wanted(raw_train[1], held_out=not train, **said)
        found = np.concatenate([np.asarray(y) for _, y in loader])
        assert sorted(found) == sorted(labels)
        if not train:
            assert found.tolist() == labels.tolist()
        samples = data.train if train else data.val
        assert len(samples if tab == "torch" else samples[1]) == len(labels)
    assert data.text_labels([0, 1]) == ["sneaker", "dress"]
    assert "stratified" in repr(data)
    copy = pickle.loads(pickle.dumps(data))
    assert len(copy.val_dataloader()) == len(data.val_dataloader())
    assert FashionMNIST(label_map=EVEN).text_labels([0, 1]) == ["0", "1"]
    with pytest.raises(TypeError, match="no argument held_out="):
        FashionMNIST(fold=0, folds=2, held_out=True)
    with pytest.raises(ValueError, match="fold= and folds= go together"):
        FashionMNIST(fold=0)


# ---- refused


WRONG = [
    (dict(fold=1), ValueError, "fold= and folds= go together"),
    (dict(folds=3), ValueError, "fold= and folds= go together"),
    (dict(fold=3, folds=3), ValueError, "fold=3, folds=3: want"),
    (dict(fold=-1, folds=3), ValueError, "fold=-1, folds=3: want"),
    (dict(fold=0, folds=1), ValueError, "want 2 to 10000 folds"),
    (dict(fold=0, folds=10001), ValueError, "want 2 to 10000 folds"),
    (dict(fold=0.5, folds=3), TypeError, "fold: 0.5 is no whole number"),
    (dict(fold=True, folds=3), TypeError, "fold: True is no whole number"),
    (dict(held_out=True), ValueError, "held_out= without fold= and folds="),
    (dict(stratified=True), ValueError, "stratified= without fold= and folds="),
    (dict(fold_seed=0), ValueError, "fold_seed= without fold= and folds=; seed= is the order's"),
    (dict(fold=0, folds=3, fold_seed=-1), ValueError, "fold_seed=-1: want 0 to 4294967295"),
    (dict(fold=0, folds=3, fold_seed=2**32), ValueError, "want 0 to 4294967295"),
    (dict(fold=0, folds=3, fold_seed="1"), TypeError, "fold_seed: '1' is no whole number"),
    (dict(fold=0, folds=3, held_out="test"), TypeError, "held_out='test': want True or False"),
    (dict(renumber=True), ValueError, "renumber= goes with classes="),
    (dict(classes={3, 7}, renumber=True), ValueError, "a set has no order"),
    (dict(classes=3), TypeError, "classes=3: want labels"),
    (dict(classes="37"), TypeError, "classes='37': want labels"),
    (dict(classes=[]), ValueError, "there are none"),
    (dict(classes=[3.0]), TypeError, "classes: 3.0 is no whole number"),
    (dict(classes=np.arange(10) > 7), TypeError, "classes: False is no whole number"),
    (dict(classes=np.array([[3]])), TypeError, "classes: [3] is no whole number"),
    (dict(classes=np.array(3)), TypeError, "classes=3: want labels"),
    (dict(fold=np.array([1]), folds=3), TypeError, "fold: [1] is no whole number"),
    (dict(label_map={3, 7}), TypeError, "label_map={3, 7}: a set has no order"),
    (dict(label_map=7), TypeError, "label_map=7: want"),
    (dict(label_map={}), ValueError, "there are none"),
    (dict(label_map={"a": 1}), TypeError, "label_map: 'a' is no whole number"),
]
TAKE = {"fmnist.arrays": {}, "fmnist.open": {}, "fmnist.Stream": {}, "fmnist.torch.Loader": {},
        "fmnist.torch.MapDataset": {}, "fmnist.jax.Loader": {}, "fmnist.jax.Iterator": {},
        "fmnist.tensorflow.Loader": {}, "fmnist.tensorflow.dataset": {}, "fmnist.keras.PyDataset": {}}


@pytest.mark.parametrize("name", TAKE)
def test_every_adapter__keywords_that_do_not_go_together__refused_by_name(daemon, name):
    module, _, attribute = name.rpartition(".")
    if module != "fmnist":
        pytest.importorskip(module.removeprefix("fmnist."))
    make = getattr(importlib.import_module(module), attribute)
    assert set(FIELDS) <= set(inspect.signature(make).parameters)
    for said, error, text in WRONG:
        with pytest.raises(error) as caught:
            make(**said)
        assert text in str(caught.value), said
    with pytest.raises(TypeError, match="did you mean folds="):
        make(fold=1, fodls=3)


@pytest.mark.parametrize("said, text", [
    (dict(classes=[77]), "no image"), (dict(label_map=[0, 1]), "2 labels, and image"),
    (dict(fold=0, folds=400), "400 folds of 300 images")])
def test_arrays__what_the_split_cannot_be_cut_into__the_daemon_says(daemon, said, text):
    with pytest.raises(errors.InvalidSpec) as caught:
        fmnist.arrays(SPLIT, **said)
    assert text in str(caught.value)
