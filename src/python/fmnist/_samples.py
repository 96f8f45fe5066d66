# SPDX-License-Identifier: MIT
"""Samples of one split by their numbers: what a map-style data set is made of."""
import ctypes
import operator
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from fmnist import errors
from fmnist._served import Dataset, dataset_of, milliseconds
from fmnist.core import Arrays, Info, NumpyArrays, Stream

# The most that is read ahead of who asks for one sample after the other.
_AHEAD_BYTES = 2 * 1024 * 1024
_AHEAD_SAMPLES = 1024

# A ring in shared memory is worth its making for more than this; what is less comes by the socket.
_INLINE_BYTES = 16 * 1024 * 1024

_T = TypeVar("_T")


class _Block(NamedTuple):
    """Consecutive samples that were read ahead."""

    first: int
    end: int
    images: Any
    labels: Any
    numbers: Any
    info: Info


class Samples:
    """One split's samples, in any order: fetch(indices) -> (images, labels), arrays of the caller's;
    numbered(indices) with their numbers in the stored split.

    A fetch opens a connection and closes it, so that a data set that lies about holds none, and
    costs no more than the samples that it names. Samples that are fetched one by one in their order
    are read ahead, up to 2 MiB. Copies in forked and spawned children work for themselves; a pickled
    one is a few hundred bytes. Any thread may fetch; they do so one after the other.

    Where the daemon ends it is waited for, up to `reconnect` seconds once it has answered before.
    One that then serves another content under the same name is refused.

    Keywords are Stream's. arrays: the framework's kind.
    Errors: IndexError; TypeError for what are no whole numbers; those of fmnist.errors, TokenError
    where the content is another than before.
    """

    def __init__(self, dataset: str = "fashion-mnist", split: str = "train", *,
                 resize: str | None = None, height: int | None = None, width: int | None = None,
                 dtype: str | None = None, layout: str | None = None, channels: int | None = None,
                 mean: float | Sequence[float] | None = None,
                 std: float | Sequence[float] | None = None, label_dtype: str | None = None,
                 augment: str | None = None, views: int | None = None,
                 arrays: Any = NumpyArrays, socket: Any = None, daemon: str | None = None,
                 data: Any = None, timeout: float = 30.0, reconnect: float = 60.0) -> None:
        self._where: dict[str, Any] = dict(
            dataset=dataset, split=split, socket=socket, daemon=daemon, data=data, timeout=timeout)
        self._spec: dict[str, Any] = dict(
            resize=resize, height=height, width=width, dtype=dtype, layout=layout,
            channels=channels, mean=mean, std=std, label_dtype=label_dtype, augment=augment,
            views=views)
        self._arrays: Arrays = arrays
        self._patience = milliseconds(reconnect, "reconnect") / 1000 if reconnect else 0.0
        self._served: Dataset | None = None  # as first seen
        self._begin()

    def _begin(self) -> None:
        """What belongs to one process."""
        self._pid, self._lock = os.getpid(), threading.Lock()
        self._block: _Block | None = None
        self._next, self._ahead = -1, 1  # where a run in order would go on, how far it is read

    def __repr__(self) -> str:
        return f"<fmnist.Samples {self._where['dataset']}/{self._where['split']}>"

    def __getstate__(self) -> dict[str, Any]:
        own = ("_pid", "_lock", "_block", "_next", "_ahead")
        return {name: value for name, value in self.__dict__.items() if name not in own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    @property
    def served(self) -> Dataset:
        """What the daemon said of the split when it was first asked."""
        return self._served or self._patiently(self._ask)

    @property
    def count_known(self) -> int | None:
        """How many there are, where the daemon was asked already."""
        return None if self._served is None else self._served.count

    def __len__(self) -> int:
        return self.served.count

    def fetch(self, indices: Iterable[Any]) -> tuple[Any, Any]:
        """The samples of these numbers, in this order; negative ones count from the end.

        Shape: images[len(indices)] of the spec's, labels[len(indices)], of a multi-label set
        [len(indices)][label_count]."""
        images, labels = self._fetch(indices, False)
        return images, labels

    def numbered(self, indices: Iterable[Any]) -> tuple[Any, Any, Any]:
        """As fetch, and each sample's number in the stored split: of a part of one, not its place
        in the part."""
        images, labels, numbers = self._fetch(indices, True)
        return images, labels, numbers

    def _fetch(self, indices: Iterable[Any], numbered: bool) -> tuple[Any, ...]:
        if self._pid != os.getpid():  # a forked child: its parent's lock may be held for ever
            self._begin()
        if isinstance(indices, (list, tuple)) and len(indices) == 1:
            number = operator.index(indices[0])
            if not 0 <= number < len(self):
                number = int(self._numbers([number])[0])
            with self._lock:
                return self._one(number, numbered)
        numbers = self._numbers(indices)
        with self._lock:
            return self._read(numbers)[:2 + numbered]

    def drawn(self, indices: Iterable[Any], values: npt.NDArray[np.uint32],
              widest: int) -> tuple[Any, Any, Any]:
        """As numbered, of an augmentation: with those draws, [len(indices)][views][values]. widest: the
        bytes that a sample may have."""
        numbers = self._numbers(indices)
        spec = {**self._spec, "draws": "list", "list_values": values} if values.size else self._spec
        return self._patiently(lambda: self._read_now(numbers, spec, widest))[:3]

    def _numbers(self, indices: Iterable[Any]) -> npt.NDArray[np.uint32]:
        if not hasattr(indices, "__array__") and not isinstance(indices, (list, tuple, range)):
            indices = list(indices)
        numbers = np.asarray(indices)
        if numbers.ndim != 1:
            raise TypeError(f"indices: want whole numbers in one row, not of shape {numbers.shape}")
        if numbers.size and numbers.dtype.kind not in "iu":
            raise TypeError(f"indices: want whole numbers, not {numbers.dtype}" + (
                "; np.flatnonzero(mask) gives a mask's" if numbers.dtype == bool else ""))
        count = len(self)
        for wrong in numbers[(numbers < -count) | (numbers >= count)][:1]:
            raise IndexError(f"index {wrong}: {self._where['dataset']}, split "
                             f"{self._where['split']}, has {count} samples")
        if numbers.dtype.kind == "i":
            numbers = np.where(numbers < 0, numbers.astype(np.int64) + count, numbers)
        return numbers.astype(np.uint32)

    # ---- one after the other

    def _one(self, number: int, numbered: bool) -> tuple[Any, ...]:
        block = self._block
        if block is None or not block.first <= number < block.end:
            self._ahead = self._ahead * 4 if number == self._next else 1
            last = min(number + min(self._ahead, self._most()), len(self))
            block = self._block = _Block(number, last, *self._read(
                np.arange(number, last, dtype=np.uint32)))
        self._next = number + 1
        return self._copy(block, number - block.first, numbered)

    def _most(self) -> int:
        return max(1, min(_AHEAD_SAMPLES, _AHEAD_BYTES // self._widest()))

    def _widest(self) -> int:
        """Bytes of an image as float32: the most that it can have."""
        served, spec = self.served, self._spec
        return 4 * ((spec["height"] or served.height) * (spec["width"] or served.width) *
                    (spec["channels"] or served.channels))

    def _copy(self, block: _Block, row: int, numbered: bool) -> tuple[Any, ...]:
        info, arrays = block.info, self._arrays
        copies = []
        for whole, shape, dtype, size in (
                (block.images, info.image_shape, info.dtype, info.image_bytes),
                (block.labels, info.label_shape, info.label_dtype, info.label_bytes),
                (block.numbers, (), "int64", 8))[:2 + numbered]:
            copy = arrays.empty((1, *shape), dtype)
            ctypes.memmove(arrays.address(copy), arrays.address(whole) + row * size, size)
            copies.append(copy)
        return tuple(copies)

    # ---- asking the daemon

    def _read(self, numbers: npt.NDArray[np.uint32]) -> tuple[Any, Any, Any, Info]:
        return self._patiently(lambda: self._read_now(numbers, self._spec, self._widest()))

    def _read_now(self, numbers: npt.NDArray[np.uint32], spec: dict[str, Any],
                  size: int) -> tuple[Any, Any, Any, Info]:
        self._ask()
        if len(numbers):
            spec = {**spec, "list": numbers, "order": "list",
                    "batch_size": max(1, min(len(numbers), _AHEAD_BYTES // size))}
        if len(numbers) * size <= _INLINE_BYTES:
            spec = {**spec, "transport": "inline"}
        with Stream(**self._where, **spec, reconnect=0, indices=True, arrays=self._arrays) as stream:
            info = stream.info
            if not len(numbers):
                empty = self._arrays.empty
                return (empty((0, *info.image_shape), info.dtype),
                        empty((0, *info.label_shape), info.label_dtype), empty((0,), "int64"), info)
            return *stream.whole(), info

    def _ask(self) -> Dataset:
        served = dataset_of(**self._where)
        if self._served is None:
            self._served = served
        elif (served.digest, served.count) != (self._served.digest, self._served.count):
            raise errors.TokenError(
                f"{self._where['dataset']}, split {self._where['split']}: the daemon serves "
                f"{served.count} images of digest {served.digest.hex()}; before it were "
                f"{self._served.count} of {self._served.digest.hex()}. Make a new data set for it")
        return served

    def _patiently(self, ask: Callable[[], _T]) -> _T:
        """A daemon that has answered before is waited for; Ctrl-C is heard meanwhile."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return ask()
            except (errors.NoDaemon, errors.DaemonDied):
                if self._served is None or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
