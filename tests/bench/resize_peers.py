#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Resizing alone with the libraries whose rules fmnistd has: Pillow, OpenCV, TensorFlow, one
thread each, in the form that is fastest for them. Nanoseconds an image.

    resize_peers.py [--milliseconds N]

Single-channel images of random pixels, in turn. Pillow's images exist beforehand, OpenCV writes
into an array that is there, TensorFlow takes a batch of 256 in a compiled function and its
division by 255 is part of its rule. Prints one JSON object.
"""
import argparse
import json
import os
import sys
import time

IMAGES = 256
SIZES = ((28, 32), (28, 64), (28, 224), (32, 28))

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def best_ns(run, images, seconds):
    """The best round of run(), which resizes `images` images."""
    run()
    best, end = float("inf"), time.perf_counter() + seconds
    while True:
        began = time.perf_counter()
        run()
        done = time.perf_counter()
        best = min(best, done - began)
        if done >= end:
            return best / images * 1e9


def random_images(side):
    import numpy as np

    return np.random.default_rng(1).integers(0, 256, (IMAGES, side, side), np.uint8)


def pillow():
    from PIL import Image

    for filter_name in ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"):
        resample = getattr(Image.Resampling, filter_name.upper())
        for source, target in SIZES:
            images = [Image.fromarray(a) for a in random_images(source)]
            size = (target, target)

            def run():
                for image in images:
                    image.resize(size, resample)
            yield f"pillow-{filter_name}", source, target, run, IMAGES


def opencv():
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    for source, target in SIZES:
        images, size = list(random_images(source)), (target, target)
        out = np.empty(size, np.uint8)

        def run():
            for image in images:
                cv2.resize(image, size, out, interpolation=cv2.INTER_LINEAR)
        yield "opencv-linear", source, target, run, IMAGES


def tensorflow():
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for source, target in SIZES:
        batch = tf.constant(random_images(source)[..., None])

        @tf.function
        def resize(images, target=target):
            return tf.image.resize_with_pad(tf.cast(images, tf.float32) / 255, target, target)

        yield "tf-bilinear-pad", source, target, lambda r=resize, b=batch: r(b).numpy(), IMAGES


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--milliseconds", type=float, default=60)
    args = parser.parse_args()
    results, skipped = [], []
    for library in (pillow, opencv, tensorflow):
        try:
            for rule, source, target, run, images in library():
                results.append({"rule": rule, "from": source, "to": target,
                                "ns": round(best_ns(run, images, args.milliseconds / 1000), 1)})
        except ImportError as error:
            print(f"resize_peers: {library.__name__}: skipped, {error}", file=sys.stderr)
            skipped.append({"name": library.__name__, "why": str(error)})
    print(json.dumps({"program": "resize_peers", "results": results, "skipped": skipped}))


if __name__ == "__main__":
    main()
