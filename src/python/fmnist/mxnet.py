"""MXNet: a Gluon-style loader, and the data module of the book's MXNet tab.

    from fmnist.mxnet import Loader

    for X, y in Loader(batch_size=64, height=32, width=32, shuffle=True):
        ...                                  # float32 N x 1 x h x w, int32 N, on the CPU

The pixels are MXNet's own (opencv-linear). So is the order: with shuffle=True and no seed, an epoch
draws its permutation from NumPy's global generator when its first batch is asked for, as
gluon.data.DataLoader does. After np.random.seed(s) both give the same batches and leave the same
random numbers to the program. With a seed the global generator is left alone, and the order is that
of a generator seeded so.

Arrays are the program's own: those in place operations change nothing else. MXNet's arrays cannot
be read-only, so there is no zero_copy here.
"""

import functools

import mxnet
import numpy

from fmnist import _chapter, _loader
from fmnist.core import NumpyArrays, dataset_of


class Arrays(NumpyArrays):
    """Filled as NumPy arrays, handed out as MXNet's over the same memory.

    from_numpy, not from_dlpack: MXNet frees arrays in threads that do not hold the interpreter
    lock, and the NumPy that it works with (1.23) does not take it."""

    @staticmethod
    def split(array, length):
        numpy_mode = mxnet.util.is_np_array()
        arrays = [mxnet.nd.from_numpy(array[i:i + length], zero_copy=True)
                  for i in range(0, len(array), length)]
        return [a.as_np_ndarray() for a in arrays] if numpy_mode else arrays


class _GlobalShuffle:
    """The permutations that Gluon's RandomSampler draws from NumPy's global generator."""

    def __init__(self, dataset, split, options):
        self._spec = {**_chapter.where(options), "dataset": dataset, "split": split}

    @functools.cached_property
    def _count(self):
        return dataset_of(**self._spec).count

    def __len__(self):
        return self._count

    def __array__(self, dtype=None):  # a permutation, without a Python number for each
        indices = numpy.arange(self._count)
        numpy.random.shuffle(indices)
        return indices


class Loader(_loader.Loader):
    """An iterable of [images, labels]; an epoch for each `for`. last_batch is Gluon's: "keep" or
    "discard"."""

    resize_rule = "opencv-linear"
    layout = "NCHW"
    arrays = Arrays

    def __init__(self, dataset="fashion-mnist", split="train", batch_size=64, *, shuffle=False,
                 seed=None, last_batch="keep", **options):
        if options.get("zero_copy"):
            raise ValueError("zero_copy=True: MXNet's arrays cannot be read-only")
        if last_batch not in ("keep", "discard"):
            raise ValueError(f'last_batch={last_batch!r}: want "keep" or "discard"')
        if shuffle and seed is None and "order" not in options:
            shuffle, options["sampler"] = False, _GlobalShuffle(dataset, split, options)
        elif shuffle:
            options.setdefault("order", "numpy")
        super().__init__(dataset, split, batch_size, shuffle=shuffle, seed=seed or 0,
                         drop_last=last_batch == "discard", **options)

    def __iter__(self):
        for images, labels in super().__iter__():
            yield [images, labels]


class Samples:
    """One split by sample, as Gluon's dataset behind Resize and ToTensor: [i] is (image, label)."""

    def __init__(self, split, **options):
        self._split, self._options = split, options

    @functools.cached_property
    def _arrays(self):
        return _loader.read_split(self._split, layout="NCHW", label_dtype="int32",
                                  **self._options)

    def __len__(self):
        return len(self._arrays[1])

    def __getitem__(self, i):
        images, labels = self._arrays
        levels = images[i].astype(numpy.float32)
        return Arrays.split((levels / numpy.float32(255))[None], 1)[0][0], labels[i]


class FashionMNIST(_chapter.DataModule):
    """The data module of the MXNet tab. resize is (width, height), as in MXNet's own."""

    _d2l = "d2l.mxnet"

    def __init__(self, batch_size=64, resize=(28, 28), **options):
        super().__init__(batch_size, resize, **options)
        width, height = resize
        self._size = {"height": height, "width": width}
        where = {**self._size, "resize": Loader.resize_rule, **_chapter.where(options)}
        self.train = Samples("train", **where)
        self.val = Samples("test", **where)

    def _loader(self, train):
        return Loader(split="train" if train else "test", batch_size=self.batch_size,
                      shuffle=train, **self._size, **self.options)
