# SPDX-License-Identifier: MIT
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
from collections.abc import Iterator
from typing import Any

import numpy
import tensorflow

from fmnist import _chapter, _loader
from fmnist._ml_arrays import MlArrays
from fmnist._options import Options, spelled_out
from fmnist._typing import Unpack
from fmnist.core import ALIGNMENT, NumpyArrays

_from_dlpack = tensorflow.experimental.dlpack.from_dlpack


def _tensor(array: Any) -> Any:
    """An eager tensor over the array's memory, or of a copy where TensorFlow cannot use it."""
    if NumpyArrays.address(array) % ALIGNMENT:
        tensor = tensorflow.constant(array)
    else:
        tensor = _from_dlpack(array.__dlpack__())
    # Nothing else is uint16 here.
    return tensorflow.bitcast(tensor, "bfloat16") if array.dtype == "uint16" else tensor


class TensorArrays(NumpyArrays):
    """Filled as NumPy arrays, handed out as eager tensors over the same memory."""

    @staticmethod
    def split(array: Any, length: int) -> list[Any]:
        """Tensors of `length` rows each, the last one shorter."""
        return [_tensor(array[i:i + length]) for i in range(0, len(array), length)]

    @staticmethod
    def wrap(view: Any) -> Any:
        """A tensor over the daemon's memory, or a copy where TensorFlow cannot use it."""
        if view.address % ALIGNMENT:
            return tensorflow.constant(numpy.asarray(view))
        return _from_dlpack(view.__dlpack__())


class Loader(_loader.Loader[tensorflow.Tensor]):
    __doc__ = f"""{_loader.Loader.__doc__}
    The arrays are eager tensors on the CPU. It is several times faster than tf.data can be, whose
    every element costs 50 us and more in Python; dataset() is for what wants a tf.data.Dataset.
    """

    resize_rule = "tf-bilinear-pad"
    arrays: Any = TensorArrays


# A call of Python costs tf.data 300 us of CPU: this much is fetched in each, and split in C++.
_BLOCK_BYTES = 4 << 20


class _NumpyLoader(Loader):
    arrays = MlArrays

    def per_block(self) -> int | None:
        """Batches that are fetched in one block; None: one by one."""
        info = self.info
        count = _BLOCK_BYTES // (info.batch_size * info.image_bytes)
        return None if count < 2 or self._batch_sampler is not None else count

    def epoch(self) -> Iterator[Any]:
        """The next epoch: blocks of per_block() batches, or the batches. TensorFlow keeps this
        object for ever, so that no stream may be kept in it."""
        blocks = self.per_block()
        try:
            if blocks is None:
                yield from self
            else:
                with self._reading(blocks) as found:
                    yield from found
        finally:
            self._release()


@spelled_out(without=["zero_copy"])
def dataset(dataset: str = "fashion-mnist", split: str = "train", batch_size: int = 64,
            **options: Unpack[Options]) -> Any:
    """A tf.data.Dataset of (images, labels): float32 n x h x w x 1 and int32 n, unless told
    otherwise.

    Arguments and errors are Loader's, but for zero_copy. Each iteration is one epoch, the next one,
    on a stream of its own that ends with it; batches are the Loader's. What tf.data does with a
    data set may be done with it: map, take, prefetch, zip; repeat() gives the epochs one after the
    other. cardinality() is batches an epoch; unknown with epochs= (an iteration behind the last is
    empty) and with a sampler that has no len().
    """
    if options.get("zero_copy"):
        raise ValueError("zero_copy=True: tf.data keeps arrays for longer than they are used, and "
                         "the daemon's memory would run out; fmnist.tensorflow.Loader has it")
    loader = _NumpyLoader(dataset, split, batch_size, **options)
    info, blocks = loader.info, loader.per_block()
    try:
        steps = len(loader) if options.get("epochs") is None else None
    except TypeError:
        steps = None
    loader._release()
    block = () if blocks is None else (None,)
    data = tensorflow.data.Dataset.from_generator(loader.epoch, output_signature=(
        tensorflow.TensorSpec((*block, None, *info.image_shape), info.dtype),
        tensorflow.TensorSpec((*block, None, *info.label_shape), info.label_dtype)))
    if blocks is not None:  # as unbatch(), which costs a fifth more
        data = data.flat_map(lambda *arrays: tensorflow.data.Dataset.from_tensor_slices(arrays))
    if steps is not None:
        data = data.apply(tensorflow.data.experimental.assert_cardinality(steps))
    return data


class FashionMNIST(_chapter.ArrayDataModule):
    __doc__ = f"""The data module of the TensorFlow tab. Its loaders are tf.data.Datasets, as the
    chapter's.

    {_chapter.ArrayDataModule.__doc__}"""

    _d2l = "d2l.tensorflow"
    _loader_class = staticmethod(dataset)


def __getattr__(name: str) -> Any:
    if name == "PyDataset":  # Keras is imported when it is asked for
        from fmnist.keras import PyDataset

        return PyDataset
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
