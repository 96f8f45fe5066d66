# SPDX-License-Identifier: MIT
"""fmnist: shuffled, resized minibatches of (Fashion-)MNIST from fmnistd.

    import fmnist
    for images, labels in fmnist.open(batch_size=64, resize="pillow-bilinear", height=32, width=32):
        ...                                       # NumPy arrays of your own; one epoch
    images, labels = fmnist.arrays("test")        # a whole split at once
    fmnist.open(split="train[:50000]", fold=3, folds=10)      # parts of a split
    fmnist.import_dataset(torchvision_dataset, name="mine")   # what other libraries have

fmnist.torch, fmnist.jax, fmnist.tensorflow and fmnist.mxnet speak each framework's language.
"""
import os as _os

# In a source tree the extension lies where make puts it.
_tree = _os.path.dirname(_os.path.dirname(_os.path.dirname(_os.path.dirname(
    _os.path.abspath(__file__)))))
_in_tree = _os.path.isdir(_os.path.join(_tree, "src", "python", "native"))
_built = _os.path.join(_tree, _os.environ.get("BUILD", "build"), "python", "fmnist")
if _in_tree and _os.path.isdir(_built):
    __path__.append(_built)

try:
    from fmnist import _native
except ImportError as error:
    raise ImportError(
        f"fmnist's extension is not built ({error}): run `make python` in {_tree}, "
        f"or `pip install ./src/python` there" if _in_tree else
        f"fmnist's extension cannot be loaded: {error}") from None

from fmnist import errors
from fmnist._arrays import arrays, load_data
from fmnist._import import Imported, import_dataset
from fmnist._part import part
from fmnist._served import Dataset, datasets, status
from fmnist.core import Info, Stream, open
from fmnist.daemon import Daemon
from fmnist.errors import Error

__version__ = _native.version
__all__ = ["Daemon", "Dataset", "Error", "Imported", "Info", "Stream", "arrays", "datasets",
           "errors", "import_dataset", "load_data", "open", "part", "status"]
