"""TensorFlow: a loader of eager tensors, a tf.data.Dataset, and the book's TensorFlow tab.

    from fmnist.tensorflow import Loader, dataset

    for X, y in Loader(batch_size=64, height=32, width=32, shuffle=True):
        ...                                  # eager float32 N x h x w x 1, int32 N
    model.fit(dataset(batch_size=64, shuffle=True), epochs=3)

The pixels are TensorFlow's own: resize_with_pad of the image / 255. The order is not: the chapter
shuffles whole batches, by a rule that TensorFlow does not specify; shuffle=True shuffles images,
differently in each epoch, and equally in every run of one seed.

Tensors take over the memory that the batch was copied into, without another copy. It is used for
nothing else, so that a tensor never changes. With zero_copy=True a tensor is the daemon's own
memory, which is kept for it until the tensor is gone.
"""

import threading

import numpy
import tensorflow

from fmnist import _chapter, _loader
from fmnist._ml_arrays import MlArrays
from fmnist.core import ALIGNMENT, NumpyArrays

_from_dlpack = tensorflow.experimental.dlpack.from_dlpack


def _tensor(array):
    """An eager tensor over the array's memory, or of a copy where TensorFlow cannot use it."""
    if array.ctypes.data % ALIGNMENT:
        tensor = tensorflow.constant(array)
    else:
        tensor = _from_dlpack(array.__dlpack__())
    # Nothing else is uint16 here.
    return tensorflow.bitcast(tensor, "bfloat16") if array.dtype == "uint16" else tensor


class TensorArrays(NumpyArrays):
    """Filled as NumPy arrays, handed out as eager tensors over the same memory."""

    @staticmethod
    def split(array, length):
        return [_tensor(array[i:i + length]) for i in range(0, len(array), length)]

    @staticmethod
    def wrap(view):
        if view.address % ALIGNMENT:
            return tensorflow.constant(numpy.asarray(view))
        return _from_dlpack(view.__dlpack__())


class Loader(_loader.Loader):
    """An iterable of (images, labels), eager tensors on the CPU; an epoch for each `for`.

    Several times faster than tf.data can be, whose every element costs 50 us and more in Python;
    dataset() is for what wants a tf.data.Dataset.
    """

    resize_rule = "tf-bilinear-pad"
    arrays = TensorArrays


class _NumpyLoader(Loader):
    arrays = MlArrays

    def blocks(self, limit):
        self._begin()
        return self.stream.blocks(limit)


# A call of Python costs tf.data 300 us of CPU: this much is fetched in each, and split in C++.
_BLOCK_BYTES = 4 << 20


class _Epochs:
    """The generator functions of a tf.data.Dataset: every iteration is the next epoch, on a stream
    of its own, so that iterations may run side by side. Elements are blocks of `per_block` batches,
    or where it is None the batches."""

    def __init__(self, first, options, per_block):
        self._options = options
        self._per_block = per_block
        self._lock = threading.Lock()
        self._idle = [first]
        self._epoch = options.get("epoch", 0)

    def __call__(self):
        with self._lock:
            epoch, self._epoch = self._epoch, self._epoch + 1
            loader = self._idle.pop() if self._idle else _NumpyLoader(**self._options)
        try:
            loader.set_epoch(epoch)
            yield from loader.blocks(self._per_block) if self._per_block else loader
        finally:
            self._idle.append(loader)


def dataset(**options):
    """A tf.data.Dataset of (images, labels), with the arguments of Loader but zero_copy. Each
    iteration is one epoch, the next. Its batches are the Loader's."""
    if options.get("zero_copy"):
        raise ValueError("zero_copy=True: tf.data keeps arrays for longer than they are used, and "
                         "the daemon's memory would run out; fmnist.tensorflow.Loader has it")
    first = _NumpyLoader(**options)
    info = first.stream.info
    per_block = _BLOCK_BYTES // (info.batch_size * info.image_bytes)
    if per_block < 2 or options.get("batch_sampler") is not None:
        per_block = None
    block = () if per_block is None else (None,)
    data = tensorflow.data.Dataset.from_generator(
        _Epochs(first, options, per_block), output_signature=(
            tensorflow.TensorSpec((*block, None, *info.image_shape), info.dtype),
            tensorflow.TensorSpec((*block, None), info.label_dtype)))
    if per_block:
        data = data.unbatch()
    return data.apply(tensorflow.data.experimental.assert_cardinality(len(first)))


class FashionMNIST(_chapter.ArrayDataModule):
    """The data module of the TensorFlow tab."""

    _d2l = "d2l.tensorflow"
    loader = Loader


def __getattr__(name):
    if name == "PyDataset":  # Keras is imported when it is asked for
        from fmnist.keras import PyDataset

        return PyDataset
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
