#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes rgb.bin: colour pictures as Pillow, OpenCV and TensorFlow resize them, whole, with all
three channels at once.

    make_rgb.py rgb.bin

README.md has the layout. The results stand there as Pillow 13.0.0, opencv-python-headless 5.0.0
and TensorFlow 2.21.0 gave them on x86-64.
"""
import struct
import sys
import zlib

import cv2
import numpy as np
import tensorflow as tf
from PIL import Image

PILLOW, OPENCV, TENSORFLOW = 5, 2, 3
FILTERS = {1: Image.Resampling.LANCZOS, 2: Image.Resampling.BILINEAR, 3: Image.Resampling.BICUBIC,
           4: Image.Resampling.BOX, 5: Image.Resampling.HAMMING, 0: Image.Resampling.NEAREST}
SIZES = [((32, 32), (28, 28)), ((32, 32), (48, 48)), ((32, 32), (20, 44)), ((19, 23), (31, 17)),
         ((28, 28), (9, 61))]


def pictures(height, width):
    """Noise, and ramps that differ by channel, so that channels which change places show."""
    y, x = np.mgrid[0:height, 0:width]
    ramps = np.stack([x * 255 // (width - 1), y * 255 // (height - 1), (x * 37 + y * 91) % 256], -1)
    noise = np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3))
    return np.stack([noise, ramps]).astype(np.uint8)


def results(images, height, width):
    for number, kind in FILTERS.items():
        yield PILLOW, number, np.stack([np.asarray(Image.fromarray(i).resize((width, height), kind))
                                        for i in images])
    yield OPENCV, 1, np.stack([cv2.resize(i, (width, height), interpolation=cv2.INTER_LINEAR)
                               for i in images])
    yield TENSORFLOW, 1, tf.image.resize_with_pad(
        tf.constant(images, tf.float32) / 255, height, width).numpy()


def main():
    index = 0
    with open(sys.argv[1], "wb") as file:
        for (in_h, in_w), (out_h, out_w) in SIZES:
            images = pictures(in_h, in_w)
            for pipeline, number, out in results(images, out_h, out_w):
                before, after = images.tobytes(), out.tobytes()
                file.write(b"FMR3" + struct.pack(
                    "<13IQ", 64, pipeline, number, in_h, in_w, out_h, out_w, len(images), 1,
                    1 if out.dtype == np.uint8 else 2, zlib.crc32(before), zlib.crc32(after),
                    index, len(before) + len(after)) + before + after)
                index += 1


main()
