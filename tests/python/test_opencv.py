# SPDX-License-Identifier: MIT
"""The pixels of opencv-linear beside the installed OpenCV."""

import numpy
import pytest

cv2 = pytest.importorskip("cv2")

import fmnist


def levels(height, width):
    stream = fmnist.open(split="test", batch_size=4, resize="opencv-linear", dtype="uint8",
                         height=height, width=width)
    return next(iter(stream))[0][:, 0]


def opencvs(images, height, width):
    return numpy.stack([cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
                        for image in images])


@pytest.mark.parametrize("first", range(1, 257, 64))
def test_pixels__every_square_size_to_256__opencvs_own(daemon, raw_test, first):
    for size in range(first, first + 64):
        assert (levels(size, size) == opencvs(raw_test[0][:4], size, size)).all(), size


@pytest.mark.parametrize("height, width", [(14, 40), (40, 14), (1, 28), (200, 31), (28, 56)])
def test_pixels__not_square__opencvs_own(daemon, raw_test, height, width):
    assert (levels(height, width) == opencvs(raw_test[0][:4], height, width)).all()
