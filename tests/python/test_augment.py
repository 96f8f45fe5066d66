# SPDX-License-Identifier: MIT
"""Augmented streams in Python, against the chain's own draws and pixels; every framework's loader."""
import importlib

import numpy
import pytest

import fmnist
from fmnist import _native, core, errors

CROP = "random-crop(28, padding=4) random-horizontal-flip to-tensor normalize(0.286, 0.353)"


class Expected:
    """The images of a chain by counter, by number."""

    def __init__(self, text, raw, seed, views=1):
        self.chain = _native.Augment(text, 1, 28, 28)
        count, channels, height, width, dtype, self.text = self.chain.info()
        self.count, self.seed, self.views, self.raw = count, seed, views, raw
        self.shape = (channels, height, width)
        self.dtype = numpy.float32 if dtype == 2 else numpy.uint8

    def __call__(self, epoch, numbers):
        numbers = numpy.ascontiguousarray(numbers, numpy.uint32)
        rows = len(numbers) * self.views
        values = numpy.empty((rows, max(1, self.count)), numpy.uint32)
        self.chain.draw(self.seed, epoch, self.views, numbers, values)
        samples = numpy.ascontiguousarray(self.raw[0][numpy.repeat(numbers, self.views)])
        images = numpy.empty((rows, *self.shape), self.dtype)
        self.chain.run(samples, values, images)
        return images if self.views == 1 else images.reshape(-1, self.views, *self.shape)


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("zero_copy", [False, True])
@pytest.mark.parametrize("batch_size, order", [(1, "sequential"), (64, "shuffle"), (1000, "torch")])
def test_stream__by_counter__the_samples_own_draws(daemon, raw_test, batch_size, order, zero_copy,
                                                   views):
    expected = Expected(CROP, raw_test, 5, views)
    stream = fmnist.Stream(split="test", augment=CROP, seed=5, order=order, batch_size=batch_size,
                           zero_copy=zero_copy, views=views, indices=True, epoch=3)
    seen = 0
    for images, labels, numbers in stream:
        assert images.shape[1:] == expected(3, numbers[:1]).shape[1:]
        if seen % 512 < batch_size:
            assert numpy.array_equal(images, expected(3, numbers))
            assert numpy.array_equal(labels, raw_test[1][numbers])
        seen += len(images)
    assert seen == 10000
    stream.close()


def test_stream__twins_of_other_strength_and_type__the_same_numbers_drawn(daemon, raw_test):
    weak = _native.Augment("random-rotation(5) random-horizontal-flip", 1, 28, 28)
    strong = _native.Augment("random-horizontal-flip random-rotation(50) to-tensor", 1, 28, 28)
    numbers = numpy.arange(1000, dtype=numpy.uint32)
    a, b = numpy.empty((1000, 2), numpy.uint32), numpy.empty((1000, 2), numpy.uint32)
    weak.draw(1, 2, 1, numbers, a)
    strong.draw(1, 2, 1, numbers, b)
    assert numpy.array_equal(a[:, 1], b[:, 0])
    assert numpy.allclose(a[:, 0].view(numpy.float32) * 10, b[:, 1].view(numpy.float32), atol=1e-3)


def test_stream__list_of_draws__each_entrys_own(daemon, raw_test):
    chain = Expected(CROP, raw_test, 0)
    numbers = numpy.arange(100, dtype=numpy.uint32) * 7
    values = numpy.empty((100, chain.count), numpy.uint32)
    chain.chain.draw(9, 9, 1, numbers, values)
    images = numpy.empty((100, 1, 28, 28), numpy.float32)
    chain.chain.run(numpy.ascontiguousarray(raw_test[0][numbers]), values, images)
    stream = fmnist.Stream(split="test", augment=CROP, order="list", list=numbers, draws="list",
                           list_values=values, batch_size=30)
    assert numpy.array_equal(numpy.concatenate([batch for batch, _ in stream]), images)
    stream.close()


@pytest.mark.parametrize("changed", [slice(None, 99), slice(None, 0)])
def test_stream__draws_of_another_length__refused(daemon, changed):
    numbers = numpy.arange(100, dtype=numpy.uint32)
    values = numpy.zeros((100, 3), numpy.uint32)
    with pytest.raises((errors.InvalidSpec, ValueError), match="list_value"):
        fmnist.Stream(augment=CROP, order="list", list=numbers, draws="list",
                      list_values=values[changed]).info


LOADERS = ["jax", "tensorflow"]


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("how", ["shuffle", "indices", "sampler"])
def test_loader__augment__drawn_by_seed_epoch_and_number(daemon, raw_test, name, how):
    pytest.importorskip(name)
    module = importlib.import_module("fmnist." + name)
    numbers = list(range(0, 300, 3))
    options = {"shuffle": {"shuffle": True}, "indices": {"indices": numbers},
               "sampler": {"sampler": numbers}}[how]
    expected = Expected(CROP, raw_test, 7)
    loader = module.Loader(split="test", seed=7, augment=CROP, **options)
    for epoch in range(2):
        order = []
        if how == "shuffle":
            stream = fmnist.Stream(split="test", order="shuffle", seed=7, epoch=epoch, indices=True)
            order = numpy.concatenate([n for _, _, n in stream])
            stream.close()
        else:
            order = numpy.array(numbers)
        got = numpy.concatenate([numpy.asarray(X) for X, _ in loader])
        want = expected(epoch, order)
        if got.shape != want.shape:  # NHWC
            want = want.transpose(0, 2, 3, 1)
        assert numpy.array_equal(got, want)


def test_keras__augment__a_batch_asked_twice_is_the_same(daemon, raw_test):
    pytest.importorskip("keras")
    from fmnist.keras import PyDataset
    numbers = list(range(50))
    data = PyDataset(split="test", seed=7, augment=CROP, indices=numbers, batch_size=20)
    expected = Expected(CROP, raw_test, 7)
    for i in (2, 0, 1, 0):
        want = expected(0, numbers[20 * i:20 * i + 20]).transpose(0, 2, 3, 1)
        assert numpy.array_equal(data[i][0], want)


@pytest.mark.parametrize("text, words", [
    ("random-crap(3)", "random-crop"), ("random-crop(99)", "larger than the picture"),
    ("normalize(0.5, 0.5)", "augment[0], normalize"), ("to-tensor to-tensor", "augment[1]"),
    ("random-crop(nan)", "character"), ("x" * 5000, "augment"), ("to-tensor " * 40, "operations")])
def test_wrong_chains__the_same_words_everywhere(daemon, text, words):
    with pytest.raises(errors.InvalidSpec) as told:
        fmnist.Stream(augment=text).info
    assert words in str(told.value)
    if len(text) < 1000:
        with pytest.raises(errors.InvalidSpec) as alone:
            _native.Augment(text, 1, 28, 28)
        assert words in str(alone.value)
    assert core.Stream(augment="to-tensor").info.dtype == "float32"
