# SPDX-License-Identifier: MIT
"""Parts of a split: each the images that scikit-learn, tensorflow_datasets or a comprehension names,
in every loader, order and shard, and resumed at every batch."""
import itertools

import numpy as np
import pytest

import fmnist
from fmnist import errors, part

COUNT = 10000
ALL = np.arange(COUNT)


def as_tfds(text):
    """What tensorflow_datasets' ReadInstruction makes of "[from:to]", rounding="closest"."""
    ends = []
    for end, missing in zip(text[1:-1].split(":"), (0, COUNT)):
        value = int(end.rstrip("%") or 0)
        if "%" in text:
            value = int(round(value * COUNT / 100.0))
        ends.append(missing if not end else value + COUNT if value < 0 else value)
    return ALL[ends[0]:ends[1]]


SLICES = ["[:50]", "[-50:]", "[9950:]", "[99%:]", "[:1%]", "[-1%:]", "[50%:51%]", "[100:233]",
          "[-300:-200]"]


@pytest.mark.parametrize("text", SLICES)
def test_arrays__a_slice__tensorflow_datasets_images(daemon, raw_test, text):
    images, labels = fmnist.arrays(f"test{text}")
    wanted = as_tfds(text)
    np.testing.assert_array_equal(labels, raw_test[1][wanted])
    np.testing.assert_array_equal(images[:, 0], raw_test[0][wanted])


def sklearn_cases():
    for seed, stratified, held_out in itertools.product((0, 1, 2**32 - 1), (False, True),
                                                        (False, True)):
        for fraction in (0.1, 0.25, 0.01, 0.123):
            yield dict(fraction=fraction, seed=seed, stratified=stratified, held_out=held_out)
        yield dict(count=777, seed=seed, stratified=stratified, held_out=held_out)
        yield dict(fold=3, folds=10, seed=seed, stratified=stratified, held_out=held_out)
    for folds, stratified in itertools.product((2, 7), (False, True)):
        for fold in range(folds):
            yield dict(fold=fold, folds=folds, stratified=stratified, held_out=fold % 2 == 0)


def by_sklearn(labels, fraction=None, count=None, fold=None, folds=None, seed=None,
               stratified=False, held_out=False):
    sklearn = pytest.importorskip("sklearn.model_selection")
    numbers = np.arange(len(labels))
    if folds is None:
        parts = sklearn.train_test_split(numbers, test_size=count or fraction, random_state=seed,
                                         stratify=labels if stratified else None)
    else:
        kind = sklearn.StratifiedKFold if stratified else sklearn.KFold
        splits = kind(folds, shuffle=seed is not None, random_state=seed).split(numbers, labels)
        parts = list(splits)[fold]
    return parts[held_out]


def test_open__parts_of_scikit_learn__its_numbers_in_its_order(daemon, raw_test):
    for case in sklearn_cases():
        wanted = by_sklearn(raw_test[1], **case)
        with fmnist.open(split=part("test", **case), batch_size=COUNT, dtype="uint8",
                         indices=True) as stream:
            _, labels, indices = next(iter(stream))
        np.testing.assert_array_equal(indices, wanted, err_msg=str(case))
        np.testing.assert_array_equal(labels, raw_test[1][wanted], err_msg=str(case))


def test_open__folds__each_image_held_out_once(daemon):
    held = []
    for fold in range(5):
        sides = [part("test[:501]", fold=fold, folds=5, seed=9, held_out=side)
                 for side in (True, False)]
        numbers = []
        for split in sides:
            with fmnist.open(split=split, batch_size=501, indices=True) as stream:
                numbers.append(next(iter(stream))[2])
        assert sorted(np.concatenate(numbers)) == list(range(501))
        held.append(numbers[0])
    assert sorted(np.concatenate(held)) == list(range(501))


PARTS = {
    "test[:60]": ALL[:60],
    "test[99%:]": ALL[9900:],
    part("test[:100]", fold=1, folds=3): np.r_[0:34, 67:100],
    part("test[-90:]", fraction=0.5, seed=4, held_out=True): None,
}


def numbers_of(split):
    if PARTS[split] is not None:
        return PARTS[split]
    sklearn = pytest.importorskip("sklearn.model_selection")
    return 9910 + sklearn.train_test_split(np.arange(90), test_size=0.5, random_state=4)[1]


@pytest.mark.parametrize("split", PARTS)
@pytest.mark.parametrize("order", ["sequential", "shuffle", "torch", "torch-loader", "numpy"])
def test_loader__orders_shards_and_resumed_at_every_batch__as_the_list(daemon, split, order):
    pytest.importorskip("jax")
    from fmnist.jax import Loader

    for rank, world in ((0, 1), (0, 3), (2, 3)):
        said = dict(batch_size=16, order=order, seed=3, rank=rank, world_size=world,
                    dtype="uint8", resize="none")
        theirs = Loader(split="test", indices=numbers_of(split), **said)
        ours = Loader(split=split, **said)
        assert len(ours) == len(theirs)
        epochs = [[(np.asarray(x), np.asarray(y)) for x, y in theirs] for _ in range(2)]
        for epoch in epochs:
            for (x, y), (u, v) in zip(ours, epoch, strict=True):
                np.testing.assert_array_equal(x, u)
                np.testing.assert_array_equal(y, v)
        for k in range(len(ours)):
            first = Loader(split=split, **said)
            batches = iter(first)
            for _ in range(k):
                next(batches)
            state = first.state_dict()
            again = Loader(split=split, **said)
            again.load_state_dict(state)
            rest = list(again)
            assert len(rest) == len(ours) - k
            for (x, y), (u, v) in zip(rest, epochs[0][k:], strict=True):
                np.testing.assert_array_equal(np.asarray(x), u)
                np.testing.assert_array_equal(np.asarray(y), v)


@pytest.mark.parametrize("split", PARTS)
def test_torch_loader__shuffled__dataloaders_batches_over_a_subset(daemon, split):
    torch = pytest.importorskip("torch")
    from fmnist.torch import Loader, MapDataset

    whole = MapDataset("test", resize=(32, 32))
    subset = torch.utils.data.Subset(whole, numbers_of(split).tolist())
    for shuffle in (False, True):
        theirs = torch.utils.data.DataLoader(subset, 16, shuffle=shuffle,
                                             generator=torch.Generator().manual_seed(5))
        ours = Loader(split=split, batch_size=16, shuffle=shuffle, resize=(32, 32),
                      generator=torch.Generator().manual_seed(5))
        for _ in range(2):
            for (x, y), (u, v) in zip(ours, theirs, strict=True):
                assert torch.equal(x, u) and torch.equal(y, v)


def test_torch_loader__random_split_of_a_part__subset_over_subset(daemon, raw_test):
    torch = pytest.importorskip("torch")
    from fmnist.torch import Loader, MapDataset

    mapped = MapDataset("test[-100:]")
    assert len(mapped) == 100
    first, _ = torch.utils.data.random_split(mapped, [30, 70], torch.Generator().manual_seed(1))
    loader = Loader(first, batch_size=30)
    (_, labels), = loader
    wanted = raw_test[1][9900 + np.array(first.indices)]
    np.testing.assert_array_equal(labels.numpy(), wanted)
    assert mapped[7][1] == raw_test[1][9907]
    assert mapped[-1][1] == raw_test[1][9999]
    with pytest.raises(IndexError):
        mapped[100]


def test_part__classes_and_label_map__other_labels(daemon, raw_test):
    wanted = np.flatnonzero(np.isin(raw_test[1], (3, 7)))
    images, labels = fmnist.arrays(part("test", classes=[7, 3]))
    np.testing.assert_array_equal(labels, raw_test[1][wanted])
    np.testing.assert_array_equal(images[:, 0], raw_test[0][wanted])
    _, labels = fmnist.arrays(part("test", classes=[7, 3], renumber=True))
    np.testing.assert_array_equal(labels, raw_test[1][wanted] == 3)
    _, labels = fmnist.arrays(part("test", label_map=[0, 0, 0, 0, 0, 1, 0, 1, 0, 1]))
    np.testing.assert_array_equal(labels, np.isin(raw_test[1], (5, 7, 9)))
    _, labels = fmnist.arrays(part("test[:100]", label_map={9: -1}), label_dtype="int32")
    stored = raw_test[1][:100].astype(int)
    np.testing.assert_array_equal(labels, np.where(stored == 9, -1, stored))


def test_part__texts__as_the_daemon_reads_them():
    assert part("train") == "train"
    assert part("train", fold=3, folds=10) == "train | training(3/10)"
    assert part("train[:5]", fraction=0.1, seed=1, held_out=True, stratified=True) == (
        "train[:5] | held-out(0.1, seed=1, stratified)")
    assert part(part("a", classes=[1]), label_map={1: 0}) == "a | classes(1) labels(1:0)"
    assert part("a", fraction="0.10", seed=0) == "a | training(0.1, seed=0)"
    assert part("a", count=np.int64(5), seed=np.uint32(7)) == "a | training(5, seed=7)"


@pytest.mark.parametrize("wrong, error", [
    (dict(fraction=0.1), ValueError), (dict(fold=1), ValueError), (dict(folds=3), ValueError),
    (dict(fold=3, folds=3), ValueError), (dict(fraction=1.0, seed=1), ValueError),
    (dict(fraction=1 / 3, seed=1), ValueError), (dict(held_out=True), ValueError),
    (dict(renumber=True), ValueError), (dict(classes=[1.5]), TypeError),
    (dict(fraction=0.5, count=3, seed=1), ValueError), (dict(seed=1), ValueError),
    (dict(count=0, seed=1), ValueError)])
def test_part__what_does_not_go_together__refused(wrong, error):
    with pytest.raises(error):
        part("train", **wrong)


@pytest.mark.parametrize("split, text", [
    ("test[:10001]", "a slice from 0 to 10001 of 10000 images"),
    ("test[5]", "want ':' in a slice"), ("test | classes(77)", "holds no image"),
    ("test | clases(7)", "want slice"), ("tset[:5]", "does not serve it")])
def test_arrays__a_part_that_there_is_not__said(daemon, split, text):
    with pytest.raises((errors.Error, ValueError)) as caught:
        fmnist.arrays(split)
    assert text in str(caught.value)
