# SPDX-License-Identifier: MIT
"""The cells of "The Image Classification Dataset" (Dive into Deep Learning), MXNet tab, on fmnistd: the
import is another one, the rest is the chapter's. The PyTorch tab, with more to it, is chapter.ipynb.

usage: pip install ./src/python mxnet matplotlib
       python docs/examples/chapter_mxnet.py [PICTURE]      default chapter_mxnet.png
"""
import sys
import time

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot

from fmnist.mxnet import FashionMNIST

# Loading the dataset
data = FashionMNIST(resize=(32, 32), daemon="auto")
print(len(data.train), len(data.val))
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
picture = sys.argv[1] if len(sys.argv) > 1 else "chapter_mxnet.png"
pyplot.savefig(picture, dpi=50)
print(picture)
