# SPDX-License-Identifier: MIT
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
import operator
from collections.abc import Iterator, Sequence
from typing import Any

import mxnet
import numpy
from mxnet.gluon.data import Dataset

from fmnist import _chapter, _loader
from fmnist._options import DEFAULTS, OF_MODULES, Options, check, spelled_out
from fmnist._samples import Samples
from fmnist._served import dataset_of
from fmnist._typing import Unpack
from fmnist.core import NumpyArrays


class Arrays(NumpyArrays):
    """Filled as NumPy arrays, handed out as MXNet's over the same memory.

    from_numpy, not from_dlpack: MXNet frees arrays in threads that do not hold the interpreter
    lock, and the NumPy that it works with (1.23) does not take it."""

    @staticmethod
    def split(array: Any, length: int) -> list[Any]:
        numpy_mode = mxnet.util.is_np_array()
        arrays = [mxnet.nd.from_numpy(array[i:i + length], zero_copy=True)
                  for i in range(0, len(array), length)]
        return [a.as_np_ndarray() for a in arrays] if numpy_mode else arrays


class _GlobalShuffle:
    """The permutations that Gluon's RandomSampler draws from NumPy's global generator, of a split
    or of some numbers in it."""

    def __init__(self, chosen: Any, where: dict[str, Any]) -> None:
        self._chosen, self._where = chosen, where

    def __repr__(self) -> str:
        return "gluon's RandomSampler"

    @functools.cached_property
    def _count(self) -> int:
        if self._chosen is not None:
            return len(self._chosen)
        return int(dataset_of(**self._where).count)

    def __len__(self) -> int:
        return self._count

    def __array__(self, dtype: Any = None) -> Any:  # without a Python number for each
        indices = numpy.arange(self._count)
        numpy.random.shuffle(indices)
        return indices if self._chosen is None else self._chosen[indices]


class _MxOptions(Options, total=False):
    last_batch: str


class Loader(_loader.Loader[Any]):
    __doc__ = f"""{_loader.Loader.__doc__}
    Here batches are lists [images, labels] of MXNet arrays on the CPU, float32 n x 1 x h x w and
    int32 n. shuffle=True without seed= draws from NumPy's global generator, as Gluon does, and then
    numpy.random.get_state() belongs into the checkpoint; with seed= it is order="numpy".
    last_batch is Gluon's: "keep" or "discard".
    """

    resize_rule = "opencv-linear"
    layout = "NCHW"
    arrays = Arrays

    @spelled_out(_MxOptions, ["zero_copy"], last_batch="keep")
    def __init__(self, dataset: str = "fashion-mnist", split: str = "train", batch_size: int = 64,
                 **options: Unpack[_MxOptions]) -> None:
        said: dict[str, Any] = dict(options)
        check(said, "fmnist.mxnet.Loader", [*DEFAULTS, "last_batch"])
        last_batch = said.pop("last_batch", "keep")
        if said.get("zero_copy"):
            raise ValueError("zero_copy=True: MXNet's arrays cannot be read-only")
        if last_batch == "rollover":
            raise ValueError('last_batch="rollover": what rolls over would be in no state; give '
                             'batch_sampler=gluon.data.BatchSampler(sampler, n, "rollover")')
        if last_batch not in ("keep", "discard"):
            raise ValueError(f'last_batch={last_batch!r}: want "keep" or "discard"')
        if last_batch == "discard":
            said["drop_last"] = True
        gluons = bool(said.get("shuffle")) and said.get("seed") is None
        if gluons and said.get("world_size") is not None:
            raise ValueError("shuffle=True over several processes: they draw one order from one "
                             "seed=, say it")
        super().__init__(dataset, split, batch_size, **said)
        if gluons:
            self._sampler = _GlobalShuffle(self._spec.pop("list", None), self._where)
        elif said.get("shuffle"):
            self._spec["order"] = "numpy"
        if last_batch == "discard":
            self._given["last_batch"] = self._given.pop("drop_last") and last_batch

    def __iter__(self) -> Iterator[list[Any]]:  # type: ignore[override]
        """[images, labels], batch by batch."""
        with self._reading() as batches:
            for batch in batches:
                yield [batch.images, batch.labels]


class SplitDataset(Dataset):  # type: ignore[misc]
    """One split by sample, as Gluon's behind Resize and ToTensor: [i] is (image, label), an MXNet
    array 1 x h x w and a NumPy int32. An item costs one item: it is asked of the daemon. It is a
    gluon.data.Dataset: transform(), shard(), take(), ... are there.

    Errors: IndexError; those of fmnist.errors."""

    def __init__(self, split: str, **options: Any) -> None:
        self._name = f"{options.get('dataset', 'fashion-mnist')}/{split}"
        self._samples = Samples(split=split, **{"label_dtype": "int32", **options})

    def __repr__(self) -> str:
        return f"<fmnist.mxnet.SplitDataset {self._name}>"

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, i: Any) -> tuple[Any, Any]:
        images, labels = self._samples.fetch([operator.index(i)])
        return Arrays.split(images, 1)[0][0], labels[0]


_OF_SAMPLES = ("dtype", "layout", "channels", "mean", "std", "label_dtype")


class FashionMNIST(_chapter.DataModule):
    """The data module of the MXNet tab. resize is (width, height), as in MXNet's own.

    train and val are data sets of samples, (image, label). Keywords beyond the chapter's are
    Loader's, for both splits; those that say how images are hold for train and val, too.

    Errors: TypeError for an unknown keyword, and for those that a data module says itself.
    """

    _d2l = "d2l.mxnet"

    @spelled_out(_MxOptions, [*OF_MODULES, "zero_copy"], last_batch="keep")
    def __init__(self, batch_size: int = 64, resize: Sequence[int] = (28, 28),
                 **options: Any) -> None:
        _chapter.check_module(self, options, "last_batch")
        super().__init__(batch_size, tuple(resize), **options)
        width, height = resize
        self._size: dict[str, Any] = {"height": height, "width": width}
        images = {"layout": Loader.layout, **self._size, "resize": Loader.resize_rule,
                  **{name: options[name] for name in _OF_SAMPLES if name in options},
                  **_chapter.where(options)}
        self.train = SplitDataset(self._split(True), **images)
        self.val = SplitDataset(self._split(False), **images)

    def _loader(self, train: bool) -> Loader:
        return Loader(split=self._split(train), batch_size=self.batch_size,
                      shuffle=train, **self._size, **self.options)
