# SPDX-License-Identifier: MIT
"""fmnist.tensorflow beside TensorFlow's and Keras's own: pixels, tf.data, PyDataset, memory."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy
import pytest

tensorflow = pytest.importorskip("tensorflow")

from conftest import streams
from fmnist import tensorflow as adapter


def epoch(loader):
    return [(numpy.asarray(X), numpy.asarray(y)) for X, y in loader]


def same(a, b):
    return len(a) == len(b) and all(
        (X == Z).all() and (y == z).all() for (X, y), (Z, z) in zip(a, b))


# ---- pixels: the chapter's own two lines are the reference ------------------------------------


def chapter_pixels(images, height, width):
    scaled = tensorflow.expand_dims(images, axis=3) / 255
    return tensorflow.image.resize_with_pad(scaled, height, width).numpy()


@pytest.mark.parametrize("first", range(1, 257, 32))
def test_pixels__every_square_size_to_256__tensorflows_own_bits(daemon, raw_test, first):
    for size in range(first, first + 32):
        loader = adapter.Loader(split="test", batch_size=4, height=size, width=size)
        X, _ = next(iter(loader))
        want = chapter_pixels(raw_test[0][:4], size, size)
        assert X.shape == want.shape and X.numpy().tobytes() == want.tobytes(), size


@pytest.mark.parametrize("size", [(52, 60), (64, 49), (14, 40), (40, 14), (1, 28), (200, 31)])
def test_pixels__not_square__tensorflows_own_bits(daemon, raw_test, size):
    X, _ = next(iter(adapter.Loader(split="test", batch_size=64, height=size[0], width=size[1])))
    assert X.numpy().tobytes() == chapter_pixels(raw_test[0][:64], *size).tobytes()


# ---- the loader ---------------------------------------------------------------------------------


def test_loader__its_batches__eager_tensors_of_the_users(daemon):
    loader = adapter.Loader(batch_size=64, shuffle=True, seed=3)
    kept = list(loader)
    assert all(tensorflow.is_tensor(X) and X.dtype == "float32" and y.dtype == "int32"
               for X, y in kept)
    copies = [X.numpy().copy() for X, _ in kept]
    list(loader)  # one more epoch through the same ring
    assert all((X.numpy() == copy).all() for (X, _), copy in zip(kept, copies))


# NumPy has no bfloat16: every way must give the number, never its bits as an integer.
@pytest.mark.parametrize("get", [
    lambda spec: adapter.Loader(**spec), lambda spec: adapter.Loader(**spec, zero_copy=True),
    lambda spec: adapter.dataset(**spec), lambda spec: [adapter.PyDataset(**spec)[0]],
], ids=["Loader", "Loader-zero-copy", "dataset", "PyDataset"])
def test_bfloat16__every_way__the_rounded_numbers(daemon, get):
    spec = dict(split="test", batch_size=64, height=32, width=32)
    want = tensorflow.cast(next(iter(adapter.Loader(**spec)))[0], "bfloat16")
    X, _ = next(iter(get({**spec, "dtype": "bfloat16"})))
    assert X.dtype == "bfloat16"
    assert bool(tensorflow.reduce_all(tensorflow.equal(X, want)))


def test_loader__state__goes_on_where_it_was(daemon):
    loader = adapter.Loader(batch_size=512, shuffle=True, seed=3)
    batches = iter(loader)
    for _ in range(5):
        next(batches)
    state = loader.state_dict()
    rest = epoch(batches)
    assert len(rest) == 113
    other = adapter.Loader(batch_size=512, shuffle=True, seed=3)
    other.load_state_dict(state)
    assert same(epoch(other), rest)
    assert same(epoch(other), epoch(loader))  # and both begin the next epoch


# ---- tf.data ------------------------------------------------------------------------------------


def test_dataset__iterated__a_tf_data_dataset_with_the_loaders_batches(daemon):
    dataset = adapter.dataset(batch_size=512, height=32, width=32, shuffle=True, seed=3)
    assert isinstance(dataset, tensorflow.data.Dataset)
    assert dataset.cardinality().numpy() == 118
    X, y = dataset.element_spec
    assert (X.shape.as_list(), X.dtype) == ([None, 32, 32, 1], tensorflow.float32)
    assert (y.shape.as_list(), y.dtype) == ([None], tensorflow.int32)
    loader = adapter.Loader(batch_size=512, height=32, width=32, shuffle=True, seed=3)
    for _ in range(2):  # epoch after epoch
        assert same(epoch(dataset.prefetch(2)), epoch(loader))


# Batches come in blocks, which tf.data splits: one batch each, many, and a short last one.
@pytest.mark.parametrize("batch_size", [7, 64, 500, 1500, 10000])
def test_dataset__batches_of_any_size__the_loaders(daemon, batch_size):
    spec = dict(split="test", batch_size=batch_size, shuffle=True, seed=3)
    dataset, loader = adapter.dataset(**spec), adapter.Loader(**spec)
    for _ in range(2):
        assert same(epoch(dataset), epoch(loader))


@pytest.mark.parametrize("which, lengths", [
    ({"sampler": range(100, 200)}, [64, 36]),
    ({"indices": [5, 5, 9]}, [3]),
    ({"batch_sampler": [[1, 2, 3], [4]]}, [3, 1]),
])
def test_dataset__of_some_samples__those(daemon, raw_test, which, lengths):
    dataset = adapter.dataset(split="test", batch_size=64, **which)
    assert dataset.cardinality().numpy() == len(lengths)
    labels = [y.numpy().tolist() for _, y in dataset]
    assert [len(y) for y in labels] == lengths
    numbers = numpy.concatenate([numpy.ravel(n) for n in list(which.values())[0]])
    assert sum(labels, []) == raw_test[1][numbers].tolist()


def test_dataset__zero_copy__refused(daemon):
    with pytest.raises(ValueError, match="Loader has it"):
        adapter.dataset(zero_copy=True)


def test_dataset__broken_off_and_transformed__as_any_other(daemon):
    dataset = adapter.dataset(batch_size=64, shuffle=True, seed=3)
    taken = epoch(dataset.take(3))
    assert len(taken) == 3
    levels = dataset.map(lambda X, y: (tensorflow.reduce_max(X), y)).take(2)
    assert len(epoch(levels)) == 2
    first, second = zip(*tensorflow.data.Dataset.zip((dataset, dataset)).take(4))
    assert len(first) == 4


# As a data set of tf.data's own that has the same orders.
SOME = numpy.arange(9000, 4000, -7)
ORDERS = {
    "files": dict(), "shuffle": dict(shuffle=True, seed=3), "indices": dict(indices=SOME),
    "indices-shuffle": dict(indices=SOME, shuffle=True),
    "indices-shuffle-shard": dict(indices=SOME, shuffle=True, rank=1, world_size=3),
    "shard": dict(shuffle=True, rank=2, world_size=3), "sampler": dict(sampler=SOME[:500]),
    "batch_sampler": dict(batch_sampler=[SOME[:3], SOME[3:400], SOME[5:6]]),
}


@pytest.mark.parametrize("change", [
    lambda data: data, lambda data: data.map(lambda X, y: (X, y + 1)), lambda data: data.take(3),
    lambda data: data.prefetch(2), lambda data: data.unbatch().batch(70), lambda data: data.skip(2),
    lambda data: data.enumerate(), lambda data: tensorflow.data.Dataset.zip((data, data)),
    lambda data: data.repeat(2), lambda data: data.shard(2, 1)],
    ids="plain map take prefetch batch skip enumerate zip repeat shard".split())
@pytest.mark.parametrize("order", ORDERS)
def test_dataset__changed_as_tf_data_can__as_its_own_of_the_same_epochs(daemon, order, change):
    spec = dict(split="test", **ORDERS[order])
    if order != "batch_sampler":
        spec["batch_size"] = 130 if "indices" in spec or "sampler" in spec else 1300
    loader = adapter.Loader(**spec)
    epochs = [epoch(loader) for _ in range(6)]
    begun = iter(range(6))
    own = tensorflow.data.Dataset.from_generator(
        lambda: iter(epochs[next(begun)]), output_signature=(
            tensorflow.TensorSpec((None, 28, 28, 1)), tensorflow.TensorSpec((None,), "int32")))
    own = own.apply(tensorflow.data.experimental.assert_cardinality(len(loader)))
    ours = adapter.dataset(**spec)
    assert ours.element_spec == own.element_spec
    for _ in range(2):
        theirs, got = [[tensorflow.nest.flatten(element) for element in change(data)]
                       for data in (own, ours)]
        assert len(theirs) == len(got)
        for a, b in zip(theirs, got):
            assert all((x.numpy() == y.numpy()).all() for x, y in zip(a, b))


def test_dataset__epochs__nothing_behind_the_last(daemon):
    data = adapter.dataset(split="test", batch_size=1000, epochs=2)
    assert [len(list(data)) for _ in range(4)] == [10, 10, 0, 0]


class NoLength:
    def __iter__(self):
        return iter(range(100))


def test_dataset__of_a_sampler_without_a_length__no_cardinality(daemon):
    data = adapter.dataset(split="test", sampler=NoLength())
    assert data.cardinality() == tensorflow.data.UNKNOWN_CARDINALITY
    assert [len(y) for _, y in data] == [64, 36]


@pytest.mark.parametrize("options, error, match", [
    (dict(batchsize=3), TypeError, "did you mean batch_size="),
    (dict(transform=abs), TypeError, "no argument transform="),
    (dict(timeout=None), ValueError, "timeout=None"), (dict(indices=[]), ValueError, "none"),
    (dict(dataset="FashionMNIST"), LookupError, 'did you mean "fashion-mnist"')])
@pytest.mark.parametrize("kind", ["Loader", "dataset"])
def test_tensorflow__what_it_cannot_do__said(daemon, kind, options, error, match):
    with pytest.raises(error, match=match):
        list(getattr(adapter, kind)(**options))


# ---- connections: TensorFlow keeps what a Dataset calls for ever ------------------------------


def read(data, how):
    if how == "exception":
        with pytest.raises(KeyError):
            for _ in data:
                raise KeyError
    elif how == "side by side":
        [next(iter(data)), next(iter(data))]
    else:
        for _ in data:
            if how == "break":
                break


@pytest.mark.parametrize("kind, count", [("Loader", 250), ("dataset", 12), ("PyDataset", 250)])
def test_connections__made_partly_read_and_dropped__none_is_left(
        private_daemon, monkeypatch, kind, count):
    monkeypatch.setenv("FMNIST_SOCKET", str(private_daemon))
    for _ in range(count):
        for how in ("whole", "break", "exception", "side by side"):
            read(getattr(adapter, kind)(split="test", batch_size=64, indices=range(640)), how)
    assert not streams()


# ---- Keras (PyDataset under fit: test_keras.py) -----------------------------------------------


def test_py_dataset__any_index_in_any_order__the_loaders_batches(daemon):
    batches = adapter.PyDataset(batch_size=512, shuffle=True, seed=3)
    assert isinstance(batches, tensorflow.keras.utils.PyDataset) and len(batches) == 118
    want = epoch(adapter.Loader(batch_size=512, shuffle=True, seed=3))
    order = numpy.random.default_rng(0).permutation(118)
    assert all(same([batches[int(i)]], [want[i]]) for i in order)
    assert same([batches[i] for i in range(118)], want)
    with pytest.raises(IndexError):
        batches[118]


def test_py_dataset__the_epochs_end__the_next_epochs_batches(daemon):
    batches = adapter.PyDataset(batch_size=512, shuffle=True, seed=3)
    loader = adapter.Loader(batch_size=512, shuffle=True, seed=3)
    epoch(loader)
    batches.on_epoch_end()
    assert same([batches[i] for i in range(118)], epoch(loader))


# The daemon's batches, shuffled by tf.data as the chapter's own are, train as the chapter's.
def test_fit__keras_on_the_tf_data_dataset__trains(daemon):
    keras = tensorflow.keras
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                  metrics=["accuracy"])
    history = model.fit(adapter.dataset(batch_size=256, shuffle=True), epochs=2, verbose=0).history
    assert history["accuracy"][-1] > 0.7
