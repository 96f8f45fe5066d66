# SPDX-License-Identifier: MIT
"""The cells of "The Image Classification Dataset" (Dive into Deep Learning), JAX tab, on fmnistd: the
import is another one, the rest is the chapter's. The PyTorch tab, with more to it, is chapter.ipynb.

usage: pip install ./src/python jax matplotlib
       python docs/examples/chapter_jax.py [PICTURE]      default chapter_jax.png
"""
import sys
import time

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot

from fmnist.jax import FashionMNIST

# Loading the dataset
data = FashionMNIST(resize=(32, 32), daemon="auto")
print(len(data.train[0]), len(data.val[0]))
print(data.train[0][0].shape)
print(data.text_labels(range(10)))

# Reading a minibatch
X, y = next(iter(data.train_dataloader()))
print(X.shape, X.dtype, y.shape, y.dtype)

tic = time.time()
for X, y in data.train_dataloader():
    continue
print(f"{time.time() - tic:.2f} sec")

# Visualization
batch = next(iter(data.val_dataloader()))
data.visualize(batch)
print(data.text_labels(batch[1][:8]))
picture = sys.argv[1] if len(sys.argv) > 1 else "chapter_jax.png"
pyplot.savefig(picture, dpi=50)
print(picture)
