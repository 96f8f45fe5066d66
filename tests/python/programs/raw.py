# SPDX-License-Identifier: MIT
"""Fashion-MNIST out of its files, for the programs' stock side, and which side is asked for.

    python torch_quickstart.py stock         # or fmnist, or another way that the program has
"""
import gzip
import os
import pathlib
import sys

import numpy

FOLDER = pathlib.Path(os.environ.get("FMNIST_DATA", "/usr/share/datasets/fashion-mnist"))
SIDE = sys.argv[1]


def _idx(name):
    path = FOLDER / name
    data = path.read_bytes() if path.exists() else gzip.open(f"{path}.gz").read()
    dimensions = numpy.frombuffer(data, ">u4", data[3], 4)
    return numpy.frombuffer(data, "u1", offset=4 + 4 * data[3]).reshape(dimensions)


def arrays(split):
    """(images, labels): uint8 n x 28 x 28 and n."""
    name = "train" if split == "train" else "t10k"
    return _idx(f"{name}-images-idx3-ubyte"), _idx(f"{name}-labels-idx1-ubyte")


def tensors(split):
    """A data set of (float32 1 x 28 x 28, int), as torchvision's FashionMNIST with ToTensor."""
    import torch

    images, labels = arrays(split)
    pixels = torch.from_numpy(images.copy())[:, None].to(torch.float32).div(255)
    return list(zip(pixels, labels.tolist()))


def weights(parameters):
    """A line that is another one if one bit of one weight is."""
    import hashlib

    digest = hashlib.sha256()
    for parameter in parameters:
        digest.update(numpy.ascontiguousarray(parameter).tobytes())
    return f"weights {digest.hexdigest()}"
