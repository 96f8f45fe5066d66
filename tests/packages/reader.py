# SPDX-License-Identifier: MIT
"""Reads epochs of a shuffled stream until a file is there, a line a batch, and then the same batches
again by a stream of its own: "equal: N batches" where they are.

    python3 reader.py STOP
"""
import os
import sys
import zlib

import fmnist

OPTIONS = {"batch_size": 64, "order": "shuffle", "seed": 5, "dtype": "uint8"}


def batches():
    """(epoch, step, checksum of the images and labels), for ever."""
    stream = fmnist.open(**OPTIONS)
    epoch = 0
    while True:
        for step, (images, labels) in enumerate(stream):
            yield epoch, step, zlib.crc32(labels.tobytes(), zlib.crc32(images.tobytes()))
        epoch += 1


def main(stop):
    read = []
    for batch in batches():
        read.append(batch)
        print(*batch, flush=True)
        if os.path.exists(stop):
            break
    for got, want in zip(read, batches()):
        if got != want:
            sys.exit(f"read {got}, want {want}")
    print(f"equal: {len(read)} batches")


main(sys.argv[1])
