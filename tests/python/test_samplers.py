# SPDX-License-Identifier: MIT
"""Indices of the program's own: a list, a sampler, a batch sampler, on the loaders that are not
PyTorch's."""

import numpy
import pytest

pytest.importorskip("jax")

from fmnist import errors
from fmnist.jax import Loader


def labels(loader):
    return [y.tolist() for _, y in loader]


class Drawn:
    """A sampler with replacement, anew in each epoch."""

    def __init__(self, count, seed):
        self._count, self._random = count, numpy.random.default_rng(seed)

    def __len__(self):
        return self._count

    def __iter__(self):
        return iter(self._random.integers(0, 10000, self._count))


class Lengths:
    def __init__(self, *lengths):
        self._lengths = lengths

    def __len__(self):
        return len(self._lengths)

    def __iter__(self):
        first = 0
        for length in self._lengths:
            yield range(first, first + length)
            first += length


@pytest.mark.parametrize("kind", [list, tuple, numpy.array, iter])
def test_indices__any_kind__those_samples_in_each_epoch(daemon, raw_test, kind):
    half = [9999, 0, 5, 5, 17]
    loader = Loader(split="test", batch_size=2, indices=kind(half))
    want = raw_test[1][half].tolist()
    assert len(loader) == 3
    for _ in range(2):
        assert labels(loader) == [want[0:2], want[2:4], want[4:]]


def test_sampler__two_epochs__asked_anew_for_each(daemon, raw_test):
    loader = Loader(split="test", batch_size=300, sampler=Drawn(1000, 3))
    assert len(loader) == 4
    twin = Drawn(1000, 3)
    for _ in range(2):
        assert sum(labels(loader), []) == raw_test[1][list(twin)].tolist()


def test_batch_sampler__batches_of_several_lengths__as_it_says(daemon, raw_test):
    loader = Loader(split="test", batch_sampler=Lengths(3, 1, 700, 2))
    assert len(loader) == 4
    got = list(loader)
    assert [len(y) for _, y in got] == [3, 1, 700, 2]
    assert numpy.concatenate([y for _, y in got]).tolist() == raw_test[1][:706].tolist()
    images = numpy.concatenate([X for X, _ in got])
    assert (images[..., 0] == raw_test[0][:706] / numpy.float32(255)).all()


def test_state__within_a_samplers_epoch__goes_on_with_its_indices(daemon):
    loader = Loader(split="test", batch_size=100, sampler=Drawn(1000, 3))
    batches = iter(loader)
    for _ in range(4):
        next(batches)
    state = loader.state_dict()
    rest = labels(batches)
    assert len(rest) == 6
    other = Loader(split="test", batch_size=100, sampler=Drawn(1000, 4))
    other.load_state_dict(state)
    assert labels(other) == rest
    assert len(labels(other)) == 10


@pytest.mark.parametrize("indices, error", [
    ([10000], errors.InvalidSpec), ([-1], ValueError), ([0.5], ValueError), ([[1]], ValueError)])
def test_indices__that_do_not_fit__an_error_that_says_why(daemon, indices, error):
    with pytest.raises(error, match="indices|list"):
        list(Loader(split="test", indices=indices))


def test_loader__two_ways_to_choose__refused():
    with pytest.raises(ValueError, match="exclude each other"):
        Loader(shuffle=True, sampler=[1])
