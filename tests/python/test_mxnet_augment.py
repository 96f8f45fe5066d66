# SPDX-License-Identifier: MIT
"""MXNet's loader with a chain of transforms, against the chain's own draws and pixels."""
import numpy
import pytest

pytest.importorskip("mxnet")

from fmnist.mxnet import Loader  # noqa: E402
from test_augment import CROP, Expected  # noqa: E402


@pytest.mark.parametrize("how", ["indices", "sampler"])
def test_loader__augment__drawn_by_seed_epoch_and_number(daemon, raw_test, how):
    numbers = list(range(0, 300, 3))
    expected = Expected(CROP, raw_test, 7)
    loader = Loader(split="test", seed=7, augment=CROP, **{how: numbers})
    for epoch in range(2):
        got = numpy.concatenate([X.asnumpy() for X, _ in loader])
        want = expected(epoch, numpy.array(numbers))
        assert numpy.array_equal(got.reshape(want.shape), want)
