# SPDX-License-Identifier: MIT
"""fmnist.mxnet beside MXNet's own transforms and Gluon's loader: pixels, order, memory."""

import pickle
import time

import numpy
import pytest

mxnet = pytest.importorskip("mxnet")

from mxnet import gluon
from mxnet.gluon.data.vision import transforms

import fmnist
from fmnist import mxnet as adapter


def epoch(loader):
    return [(X.asnumpy(), y.asnumpy()) for X, y in loader]


def same(a, b):
    return len(a) == len(b) and all(
        (X == Z).all() and (y == z).all() for (X, y), (Z, z) in zip(a, b))


def gluon_loader(raw, batch_size, size, **options):
    """The chapter's loader over the same files."""
    images = mxnet.nd.array(raw[0][..., None], dtype="uint8")
    dataset = gluon.data.ArrayDataset(images, raw[1].astype("int32"))
    transform = transforms.Compose([transforms.Resize(size), transforms.ToTensor()])
    return gluon.data.DataLoader(dataset.transform_first(transform), batch_size, **options)


# ---- pixels ---------------------------------------------------------------------------------


@pytest.mark.parametrize("first", range(1, 257, 32))
def test_pixels__every_square_size_to_256__mxnets_own_bits(daemon, raw_test, first):
    for size in range(first, first + 32):
        X, y = next(iter(adapter.Loader(split="test", batch_size=4, height=size, width=size)))
        want, labels = next(iter(gluon_loader([part[:4] for part in raw_test], 4, (size, size))))
        assert X.shape == want.shape and X.asnumpy().tobytes() == want.asnumpy().tobytes(), size
        assert y.asnumpy().tobytes() == labels.asnumpy().tobytes()


# MXNet's Resize takes (width, height).
@pytest.mark.parametrize("size", [(14, 40), (40, 14), (1, 28), (200, 31)])
def test_pixels__not_square__mxnets_own_bits(daemon, raw_test, size):
    X, _ = next(iter(adapter.Loader(split="test", batch_size=8, width=size[0], height=size[1])))
    want, _ = next(iter(gluon_loader([part[:8] for part in raw_test], 8, size)))
    assert X.shape == want.shape and X.asnumpy().tobytes() == want.asnumpy().tobytes()


# ---- order ----------------------------------------------------------------------------------


# With nothing but np.random.seed in the program: the same batches, epoch after epoch, and the same
# random numbers for whatever the program draws next.
@pytest.mark.parametrize("seed", [0, 1, 2**31])
def test_order__numpys_global_seed__gluons_batches_and_gluons_draws(daemon, raw_test, seed):
    runs = []
    for loader in (gluon_loader(raw_test, 1000, 28, shuffle=True),
                   adapter.Loader(split="test", batch_size=1000, shuffle=True)):
        numpy.random.seed(seed)
        batches = epoch(loader)
        between = numpy.random.rand(3)
        batches += epoch(loader)
        runs.append((batches, between, numpy.random.rand(3)))
    (theirs, *their_draws), (ours, *our_draws) = runs
    assert same(ours, theirs)
    assert numpy.array_equal(our_draws, their_draws)


def test_order__a_loader_made_and_iter_called__nothing_drawn(daemon):
    numpy.random.seed(5)
    before = numpy.random.get_state()[1:3]
    iter(adapter.Loader(split="test", batch_size=64, shuffle=True))
    list(adapter.Loader(split="test", batch_size=64))
    after = numpy.random.get_state()[1:3]
    assert (before[0] == after[0]).all() and before[1] == after[1]


def test_order__a_seed_of_its_own__the_global_generator_untouched(daemon):
    numpy.random.seed(5)
    ours = epoch(adapter.Loader(split="test", batch_size=1000, shuffle=True, seed=7))
    assert numpy.random.rand() == numpy.random.RandomState(5).rand()
    order = numpy.arange(10000)
    numpy.random.RandomState(7).shuffle(order)
    plain = numpy.concatenate([X for X, _ in epoch(adapter.Loader(split="test", batch_size=1000))])
    assert (numpy.concatenate([X for X, _ in ours]) == plain[order]).all()


# ---- arrays ---------------------------------------------------------------------------------


def test_loader__its_batches__arrays_of_the_users(daemon):
    loader = adapter.Loader(split="test", batch_size=64, height=32, width=32)
    X, y = next(iter(loader))
    assert type(X) is mxnet.nd.NDArray and X.context == mxnet.cpu()
    assert (X.shape, X.dtype, y.shape, y.dtype) == (
        (64, 1, 32, 32), numpy.float32, (64,), numpy.int32)
    kept = list(loader)
    copies = [X.asnumpy() for X, _ in kept]
    for X, _ in loader:
        X += 1  # in place is safe, and nobody else's
    assert all((X.asnumpy() == copy).all() for (X, _), copy in zip(kept, copies))
    assert same(epoch(loader), [(copy, y.asnumpy()) for copy, (_, y) in zip(copies, kept)])


def test_loader__in_numpy_mode__mxnets_numpy_arrays(daemon):
    mxnet.npx.set_np()
    try:
        X, y = next(iter(adapter.Loader(split="test", batch_size=64)))
        assert type(X) is type(y) is mxnet.np.ndarray
        assert (X.dtype, y.dtype) == (numpy.float32, numpy.int32)
    finally:
        mxnet.npx.reset_np()


@pytest.mark.parametrize("last_batch, steps", [("keep", 157), ("discard", 156)])
def test_loader__the_last_batch__as_gluon_names_it(daemon, last_batch, steps):
    loader = adapter.Loader(split="test", batch_size=64, last_batch=last_batch)
    assert len(loader) == len(list(loader)) == steps


# ---- which samples, states, connections --------------------------------------------------------

SOME = numpy.arange(9000, 4000, -7)  # 715 numbers of the test split


class Drawn:
    """A sampler that draws from NumPy's global generator, as Gluon's do."""

    def __len__(self):
        return 300

    def __iter__(self):
        return iter(numpy.random.randint(0, 10000, 300).tolist())


def gluons_lengths():
    sampler = gluon.data.RandomSampler(10000)
    return gluon.data.BatchSampler(sampler, 3000, "rollover")


ORDERS = {
    "all": (lambda: dict(batch_size=3000), None),
    "shuffle": (lambda: dict(batch_size=3000, shuffle=True), None),
    "discard": (lambda: dict(batch_size=3000, shuffle=True, last_batch="discard"), None),
    "indices": (lambda: dict(batch_size=200), SOME),
    "indices-shuffle": (lambda: dict(batch_size=200, shuffle=True), SOME),
    "sampler": (lambda: dict(batch_size=100, sampler=Drawn()), None),
    "batch_sampler": (lambda: dict(batch_sampler=gluons_lengths()), None),
}


def pair(raw, order):
    """(Gluon's loader, ours) of that order; of some samples: Gluon's over those."""
    options, some = ORDERS[order]
    theirs, ours = options(), options()
    size = theirs.pop("batch_size", None)
    raw = raw if some is None else [part[some] for part in raw]
    return (gluon_loader(raw, size, 28, **theirs),
            adapter.Loader(split="test", indices=some, **ours))


# What Gluon's loader gives, and what it leaves of the global generator for the program.
@pytest.mark.parametrize("use", ["whole", "broken off", "side by side", "within"])
@pytest.mark.parametrize("order", ORDERS)
def test_loader__used_as_gluons__the_same_batches_and_draws(daemon, raw_test, order, use):
    if use in ("side by side", "within") and order == "batch_sampler":
        pytest.skip("rollover is one state that both iterators share")
    runs = []
    for loader in pair(raw_test, order):
        numpy.random.seed(3)
        got = []
        if use == "side by side":
            for (X, y), (Z, z) in zip(loader, loader):
                got += [(X.asnumpy(), y.asnumpy()), (Z.asnumpy(), z.asnumpy())]
        elif use == "within":
            for X, y in loader:
                got += [(X.asnumpy(), y.asnumpy())] + epoch(loader)
                break
        elif use == "broken off":
            for X, y in loader:
                got.append((X.asnumpy(), y.asnumpy()))
                break
        if not (use == "broken off" and order == "batch_sampler"):  # ours was asked for the epoch
            got += epoch(loader) + epoch(loader)
        runs.append((got, numpy.random.rand(2).tolist(), len(loader)))
    (theirs, *rest), (ours, *our_rest) = runs
    assert same(ours, theirs)
    assert rest == our_rest or order == "batch_sampler" and use == "broken off"


@pytest.mark.parametrize("order", [order for order in ORDERS if order != "batch_sampler"])
def test_state__of_every_position__the_rest_and_the_next_epoch(daemon, raw_test, order):
    make = lambda: pair(raw_test, order)[1]
    numpy.random.seed(3)
    loader = make()
    states, whole = [(loader.state_dict(), numpy.random.get_state())], []
    for X, y in loader:
        whole.append((X.asnumpy(), y.asnumpy()))
        states.append((loader.state_dict(), numpy.random.get_state()))
    following = epoch(loader)
    for done, (state, generator) in enumerate(states):
        other = make()
        other.load_state_dict(pickle.loads(pickle.dumps(state)))
        numpy.random.set_state(generator)
        assert same(epoch(other), whole[done:])
        assert same(epoch(other), following)


@pytest.mark.parametrize("how", ["break", "exception", "side by side"])
def test_loaders__partly_read_and_dropped__no_connection(private_daemon, monkeypatch, how):
    monkeypatch.setenv("FMNIST_SOCKET", str(private_daemon))
    for _ in range(250):
        loader = adapter.Loader(split="test", batch_size=64, shuffle=True)
        if how == "side by side":
            [next(iter(loader)), next(iter(loader))]
        elif how == "break":
            for _ in loader:
                break
        else:
            with pytest.raises(KeyError):
                for _ in loader:
                    raise KeyError
    del loader
    deadline = time.monotonic() + 5
    while any("stream" in c for c in fmnist.status()["clients"]) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any("stream" in client for client in fmnist.status()["clients"])


# ---- the data module's samples ------------------------------------------------------------------


def test_samples__by_index__as_gluons_and_those_of_the_loader(daemon, raw_test):
    data = adapter.FashionMNIST(resize=(20, 32), mean=0.5, std=0.25)
    X, y = next(iter(data.val_dataloader()))
    for i in (0, 63, 5):
        image, label = data.val[i]
        assert (image.asnumpy() == X[i].asnumpy()).all() and label == y[i].asscalar()
        assert type(label) is numpy.int32 and image.shape == (1, 32, 20)
    assert (data.val[-1][0].asnumpy() == data.val[9999][0].asnumpy()).all()
    doubled = data.val.transform_first(lambda image: image * 2)
    assert (doubled[3][0].asnumpy() == data.val[3][0].asnumpy() * 2).all()
    loaded = next(iter(gluon.data.DataLoader(data.val, 64)))
    assert (loaded[0].asnumpy() == X.asnumpy()).all() and (loaded[1].asnumpy() == y.asnumpy()).all()


# One item costs one item: neither a rendering of all, nor of memory.
def test_samples__one_large_item__little_is_rendered(private_daemon, monkeypatch):
    monkeypatch.setenv("FMNIST_SOCKET", str(private_daemon))
    data = adapter.FashionMNIST(resize=(224, 224))
    assert data.train[59999][0].shape == (1, 224, 224)
    assert fmnist.status()["memory"]["samples_bytes"] < 64 << 20
    assert len(pickle.dumps(data)) < 10000


@pytest.mark.parametrize("i, error", [(10000, IndexError), (-10001, IndexError), (0.5, TypeError)])
def test_samples__what_is_no_index__said(daemon, i, error):
    with pytest.raises(error):
        adapter.FashionMNIST().val[i]


@pytest.mark.parametrize("options, error, match", [
    (dict(batchsize=3), TypeError, "did you mean batch_size="),
    (dict(last_batc="keep"), TypeError, "did you mean last_batch="),
    (dict(last_batch="rollover"), ValueError, "gluon.data.BatchSampler"),
    (dict(shuffle=True, rank=0, world_size=2), ValueError, "seed="),
    (dict(zero_copy=True), ValueError, "cannot be read-only"),
    (dict(indices=[]), ValueError, "none"), (dict(timeout=None), ValueError, "timeout=None")])
def test_loader__what_it_cannot_do__said(daemon, options, error, match):
    with pytest.raises(error, match=match):
        list(adapter.Loader(**options))


def test_keywords_of_a_part__loader_and_data_module__kfolds_images_in_gluons_order(daemon, raw_test):
    numbers = numpy.arange(9000, 10000)
    of = {False: numpy.setdiff1d(numbers, numpy.array_split(numbers, 7)[2]),
          True: numpy.array_split(numbers, 7)[2]}
    for held_out, chosen in of.items():
        said = dict(fold=2, folds=7, held_out=held_out, classes=[3, 7], renumber=True)
        chosen = chosen[numpy.isin(raw_test[1][chosen], (3, 7))]
        labels = (raw_test[1][chosen] == 7).astype("int32")
        for shuffle in False, True:
            numpy.random.seed(4)
            want = epoch(gluon_loader((raw_test[0][chosen], labels), 32, (28, 28), shuffle=shuffle))
            numpy.random.seed(4)
            ours = adapter.Loader(split="test[-1000:]", batch_size=32, shuffle=shuffle, **said)
            assert same(epoch(ours), want)
    data = adapter.FashionMNIST(fold=0, folds=600, classes=[3, 7], renumber=True)
    counts = [len(data.train), len(data.val)]
    assert sum(counts) == 12000 and 0 < counts[1] < 100
    assert sum(len(y) for _, y in data.val_dataloader()) == counts[1]
    assert data.text_labels([0, 1]) == ["dress", "sneaker"]
    with pytest.raises(ValueError, match="fold= and folds= go together"):
        adapter.Loader(fold=1)


def test_reprs__say_what_they_are(daemon):
    loader = adapter.Loader(split="test", shuffle=True)
    assert repr(loader) == ("<fmnist.mxnet.Loader fashion-mnist/test: batch_size=64, shuffle=True; "
                            "epoch 0 is next>")
    assert repr(adapter.FashionMNIST().val) == "<fmnist.mxnet.SplitDataset fashion-mnist/test>"
