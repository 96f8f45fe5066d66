"""fmnist.mxnet beside MXNet's own transforms and Gluon's loader: pixels, order, memory."""

import numpy
import pytest

mxnet = pytest.importorskip("mxnet")

from mxnet import gluon
from mxnet.gluon.data.vision import transforms

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
