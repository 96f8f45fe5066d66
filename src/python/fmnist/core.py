# SPDX-License-Identifier: MIT
"""Streams, for every framework: what a spec is, where an epoch goes on, who owns the arrays.

A framework's adapter gives a Stream its kind of arrays (see NumpyArrays) and hands the batches on.
"""
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from fmnist import _native, _numbers, errors
from fmnist._served import dataset_of, find_socket, milliseconds
from fmnist._part import part_of
from fmnist._spec import Spec, check_names, shows
from fmnist._typing import Self, Unpack

# One call fetches about this much: enough small batches that the call costs little for each, little
# enough that a block stays in the CPU's cache until it is handed out.
BLOCK_BYTES = 256 * 1024

# Arrays from this size on lie in memory that is kept for the next ones (native/memory.c).
POOLED_BYTES = 64 * 1024

# Of the arrays that a Stream makes, too. TensorFlow and JAX use such memory as it is; other memory
# they copy first (and where TensorFlow is not asked whether to, an operation ends the process).
ALIGNMENT = 64

_DTYPES = {1: "uint8", 2: "float32", 3: "float16", 4: "bfloat16", 5: "int32", 6: "int64"}
_LAYOUTS = {1: "nchw", 2: "nhwc"}


class Info(NamedTuple):
    """What the daemon made of a spec: struct fmnist_stream_info."""

    sample_count: int
    steps: int
    batch_size: int
    channels: int
    height: int
    width: int
    dtype: str
    layout: str
    label_dtype: str
    transport: int
    slot_count: int
    image_bytes: int  # of one sample, all its views
    label_bytes: int
    digest: bytes
    views: int  # images of each sample
    label_count: int  # labels of each image in a multi-label set; 0: one, its class

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Of one sample's image, in the layout's order; of its views, where it has several."""
        views = (self.views,) if self.views > 1 else ()
        if self.layout == "nchw":
            return (*views, self.channels, self.height, self.width)
        return (*views, self.height, self.width, self.channels)

    @property
    def label_shape(self) -> tuple[int, ...]:
        """Of one sample's label: () of a class, (label_count,) in a multi-label set."""
        return (self.label_count,) if self.label_count else ()


class Batch(NamedTuple):
    """Where one batch lies in its epoch, and its arrays."""

    epoch: int
    step: int
    images: Any
    labels: Any
    indices: Any  # None unless asked for


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (tuple, list, np.ndarray)):
        return ",".join(repr(float(v)) for v in value)
    return str(value)


class Arrays(Protocol):
    """How a Stream makes arrays of a framework's kind."""

    takes: bool
    """Whether wrap() makes one's own arrays of writable memory, too."""

    def empty(self, shape: tuple[int, ...], dtype: str) -> Any:
        """An array of the caller's."""

    def address(self, array: Any) -> int:
        """Of its first byte."""

    def split(self, array: Any, length: int) -> Sequence[Any]:
        """Its parts of `length` rows, the last one shorter; without a copy."""

    def wrap(self, view: _native.View) -> Any:
        """An array over a View, which it keeps alive."""


class NumpyArrays:
    """NumPy's Arrays."""

    takes = False
    bfloat16 = "uint16"  # the bits: NumPy has no such type

    @classmethod
    def empty(cls, shape: tuple[int, ...], dtype: str) -> npt.NDArray[Any]:
        """An array of the caller's, aligned to ALIGNMENT."""
        kind: np.dtype[Any] = np.dtype(cls.bfloat16 if dtype == "bfloat16" else dtype)
        memory = _native.Memory(max(1, math.prod(shape) * kind.itemsize))
        return np.ndarray(shape, kind, memoryview(memory))

    @staticmethod
    def address(array: npt.NDArray[Any]) -> int:
        return _native.address(array)

    @staticmethod
    def split(array: npt.NDArray[Any], length: int) -> Sequence[npt.NDArray[Any]]:
        return [array[i:i + length] for i in range(0, len(array), length)]

    @staticmethod
    def wrap(view: _native.View) -> npt.NDArray[Any]:
        return np.asarray(view)


def _same(a: npt.NDArray[np.uint32] | None, b: npt.NDArray[np.uint32] | None) -> bool:
    return np.array_equal(a, b) if a is not None and b is not None else a is b


class Stream:
    """Batches of one spec. Iterating gives one epoch, from the position on, then the next.

    Keyword arguments are the fields of struct fmnist_spec in include/fmnist.h by their C names, and
    enum values by the names that fmnistctl has: order="torch", resize="pillow-bilinear".

    list= are numbers in the split (uint32) that take the place of its images, in any order=; with
    order="list", in theirs. list_batches= are the lengths of their batches, where they are not runs
    of batch_size. list_values= are the draws of their augmentation, draws="list", 4 bytes each:
    [len(list)][views][values], as fmnist_augment_value of include/fmnist.h names them.

    Arrays are the caller's own, unless zero_copy: then they are read-only views of the daemon's
    memory, and each keeps its batch's slot until the last array over it is gone.

    The connection is made when first needed. A pickled copy, and a copy in a forked child, connect
    for themselves and go on where the original was. Where the daemon ends, a stream waits up to
    `reconnect` seconds for it to come back and goes on with the very next batch; 0 waits for none.

    epochs=N: the iterations behind the N-th give nothing. One thread reads a stream at a time.

    Errors: those of fmnist.errors, when it connects or reads; TypeError for unknown keywords.
    """

    def __init__(self, dataset: str = "fashion-mnist", split: str = "train", *,
                 socket: Any = None, daemon: str | None = None, data: Any = None,
                 timeout: float = 30.0, reconnect: float = 60.0, token: bytes | None = None,
                 zero_copy: bool = False, indices: bool = False, arrays: Any = NumpyArrays,
                 list: Any = None, list_batches: Any = None, list_values: Any = None,
                 **spec: Unpack[Spec]) -> None:
        check_names(spec, Spec.__annotations__, "a stream")
        self._list = None if list is None else _numbers.uint32("list", list)
        self._values = None if list_values is None else _numbers.bits32("list_values", list_values)
        self._lengths = (None if list_batches is None else
                         _numbers.uint32("list_batches", list_batches))
        self._fields: dict[str, Any] = dict(dataset=dataset, split=part_of(split, spec), **{
            name: value for name, value in spec.items() if value is not None})
        self._epochs = int(self._fields.pop("epochs", 0))
        self._where = (socket, daemon, data, dataset)
        self._timeout = milliseconds(timeout)
        self._reconnect = milliseconds(reconnect, "reconnect") if reconnect else -1
        self._arrays: Arrays = arrays
        self._with_indices = indices
        self.zero_copy = zero_copy
        self._token = token  # where to open
        self._native: _native.Stream | None = None
        self._kept: _native.Stream | None = None  # the last: it makes tokens without a connection
        self._pid: int | None = None
        self._info: Info | None = None
        self._position: tuple[int, int] | None = None  # behind what was handed out
        self._wire = False   # views show samples as they travel
        self.patient = False  # wait for a daemon that has not answered this stream yet, too
        self._readers = 0  # iterators begun: only the newest reads
        # draws="caller": (step, samples) -> the draws of that batch, [samples][views][values], 4
        # bytes each. It is asked just before a batch is read, once for each that is handed out.
        self.draw: Callable[[int, int], npt.NDArray[np.uint32]] | None = None
        self._drawn: tuple[tuple[int, int], npt.NDArray[np.uint32]] | None = None

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self._fields.items()
                         if name not in ("dataset", "split"))
        where = "not opened" if self._position is None else "epoch %d, step %d" % self._position
        return (f"<fmnist.Stream {self._fields['dataset']}/{self._fields['split']}"
                f"{', ' if said else ''}{said}: {where}>")

    # ---- the connection

    def _open(self) -> _native.Stream:
        fields = tuple((name, _text(value)) for name, value in self._fields.items())
        self._native = self._kept = native = self._connect(fields)
        self._pid = os.getpid()
        row = native.info()
        self._info = Info(*row[:6], _DTYPES[row[6]], _LAYOUTS[row[7]], _DTYPES[row[8]], *row[9:13],
                          *row[15:18])
        if self._position is None:
            self._position = row[13:15]
        if self._wire:
            native.view_wire()
        return native

    def view_wire(self) -> None:
        """With zero_copy, images are from now on the samples as they travel, for who makes the rest
        of them elsewhere: uint8 (float32 of resize="tf-bilinear-pad"), [count][stored channels]
        [height][width]. Labels and indices, digest and tokens are as ever."""
        if not self.zero_copy:
            raise ValueError("view_wire() needs zero_copy=True: arrays of your own are final")
        self.close()
        self._wire = True

    def _connect(self, fields: tuple[tuple[str, str], ...]) -> _native.Stream:
        """The daemon is waited for where it has answered before; Ctrl-C is heard meanwhile."""
        deadline = time.monotonic() + self._reconnect / 1000
        while True:
            try:
                return _native.Stream(find_socket(*self._where), self._timeout, self._reconnect,
                                      fields, self._token, self._list, self._lengths,
                                      self._values)
            except errors.NotFound:
                socket, daemon, data, name = self._where
                dataset_of(name, self._fields["split"], socket=socket, daemon=daemon, data=data)
                raise  # dataset_of says what is served
            except (errors.NoDaemon, errors.DaemonDied):
                known = self.patient or self._info is not None
                if not known or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _connected(self) -> _native.Stream:
        if self._native is not None and self._pid != os.getpid():
            self._native = self._kept = None  # the parent's: closing our copy is of no use to it
        return self._open() if self._native is None else self._native

    def _at(self, epoch: int, step: int) -> _native.Stream:
        """The native stream, with (epoch, step) as its next batch."""
        native = self._connected()
        at = native.info()[13:15]
        if at[1] == self.info.steps:  # behind an epoch's last batch: the end comes first
            native.view()
            at = native.info()[13:15]
        if at == (epoch, step):
            return native
        self._token = native.token(epoch, step)
        self.close()
        return self._open()

    def _abandon(self, native: _native.Stream) -> None:
        """Behind an error: what was not handed out is read again, on another connection."""
        if self._native is native:
            self._token = native.token(*self._now())
            self.close()

    def close(self) -> None:
        """Ends the stream; the next use opens it again. Views that are alive stay valid."""
        native, self._native = self._native, None
        if native is not None and self._pid == os.getpid():
            native.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    # ---- what it is

    @property
    def info(self) -> Info:
        """What the daemon made of the spec."""
        if self._info is None:
            self._connected()
        assert self._info is not None
        return self._info

    def __len__(self) -> int:
        """Batches an epoch."""
        return self.info.steps

    def same_spec(self, other: "Stream") -> bool:
        """Whether both would give the same bytes from the same position on."""
        def said(stream: Stream) -> tuple[object, ...]:
            return ({**stream._fields, "epoch": 0}, stream._where, stream._with_indices,
                    stream.zero_copy, stream._wire)

        return (said(self) == said(other) and _same(self._list, other._list) and
                _same(self._lengths, other._lengths) and _same(self._values, other._values))

    # ---- the position: behind the last batch that was handed out

    @property
    def epoch(self) -> int:
        """Of the next batch."""
        return self._settled()[0]

    @property
    def step(self) -> int:
        """Of the next batch."""
        return self._settled()[1]

    @property
    def at_end(self) -> bool:
        """Whether the last batch that was handed out is its epoch's last."""
        return self._now()[1] == self.info.steps

    @property
    def first_epoch(self) -> int:
        """That the spec says."""
        return int(self._fields.get("epoch", 0))

    @property
    def handed(self) -> int:
        """Batches of the epoch that were handed out."""
        return self._now()[1]

    def _now(self) -> tuple[int, int]:
        if self._position is None:
            self._connected()
        assert self._position is not None
        return self._position

    def _settled(self) -> tuple[int, int]:
        epoch, step = self._now()
        return (epoch + 1, 0) if step == self.info.steps else (epoch, step)

    def seek(self, epoch: int, step: int = 0) -> None:
        """The next iteration begins there. Errors: InvalidSpec for what is no position."""
        self._tokens().token(epoch, step)  # refuses what is out of range
        self._position = (epoch, step)
        self._drawn = None
        self._readers += 1

    def _tokens(self) -> _native.Stream:
        if self._kept is None or self._pid != os.getpid():  # a forked child's is the parent's
            return self._connected()
        return self._kept

    def token(self, back: int = 0) -> bytes:
        """48 bytes from which Stream(token=...) of the same spec goes on; `back` batches of this
        epoch before. Needs no daemon once the stream was open."""
        native = self._tokens()
        epoch, step = self._now()
        return native.token(epoch, step - back)

    def state_dict(self, back: int = 0) -> dict[str, bytes]:
        """{"token": ...}, for load_state_dict and the model's checkpoint."""
        return {"token": self.token(back)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The next iteration goes on where the state was taken.

        Errors: ValueError for what is no state; TokenError for that of another spec or dataset."""
        if not isinstance(state, dict) or not isinstance(state.get("token"), bytes):
            raise ValueError(f'the state of a stream is {{"token": bytes}}, not {state!r:.80}')
        self.close()
        kept = self._token, self._position
        self._token, self._position, self._drawn = state["token"], None, None
        try:
            self._open()
        except errors.Error:
            self._token, self._position = kept
            raise
        self._readers += 1

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if self._kept is not None:
            state["_token"] = self.token()
        state["_native"] = state["_kept"] = state["_pid"] = state["draw"] = None
        return state

    # ---- reading

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """One epoch's (images, labels), or (images, labels, indices) where asked for."""
        if self._with_indices:
            return (batch[2:] for batch in self.batches())
        return (batch[2:4] for batch in self.batches())

    def batches(self, first: int = 0, stride: int = 1) -> Iterator[Batch]:
        """One epoch's Batch by Batch, from the position on; every stride-th from `first` on where
        several readers share an epoch. A broken-off epoch goes on with the next iterator."""
        read = self._one_by_one if self.zero_copy else self._owned
        return read(self._begin(), first, stride)

    def _begin(self) -> int:
        self._readers += 1
        self._position = self._settled()
        return self._readers

    def _last_step(self, epoch: int) -> int:
        """Where the epoch ends: at once behind epochs=N."""
        ended = self._epochs and epoch >= self.first_epoch + self._epochs
        return 0 if ended else self.info.steps

    def blocks(self, limit: int) -> Iterator[tuple[Any, Any]]:
        """One epoch as arrays of up to `limit` batches of equal lengths, from the position on: for
        what splits them cheaper than Python. A short last batch is a block of its own.

        Shape: images[batch][sample][...], labels[batch][sample], of a multi-label set with
        [label_count] behind; always the caller's own."""
        reader, info = self._begin(), self.info
        epoch, step = self._now()
        native, end = None, self._last_step(epoch)
        while step < end:
            self._check(reader)
            native = native or self._at(epoch, step)
            whole = (info.sample_count - step * info.batch_size) // info.batch_size
            one = self._lengths is not None or self.draw is not None
            count = 1 if one else max(1, min(limit, whole))
            images, labels, _ = self._fetch(native, step, count)
            step += count
            self._position = (epoch, step)
            yield (images.reshape(count, -1, *images.shape[1:]), labels.reshape(count, -1, *labels.shape[1:]))

    def _rows(self, step: int, count: int = 1) -> int:
        """Samples of the batches from `step` on, `count` of them."""
        if self._lengths is not None:
            return int(self._lengths[step:step + count].sum())
        size = self.info.batch_size
        return min(count * size, self.info.sample_count - step * size)

    def _draw(self, native: _native.Stream, epoch: int, step: int) -> None:
        """Gives the native stream the draws of its next batch. They are asked for once: where the
        batch cannot be read they are kept for the next try."""
        if self.draw is None:
            return
        if self._drawn is None or self._drawn[0] != (epoch, step):
            self._drawn = (epoch, step), self.draw(step, self._rows(step))
        if self._drawn[1].size:
            native.values(self._drawn[1])

    def _check(self, reader: int) -> None:
        if reader != self._readers:
            raise RuntimeError("this stream has a newer iterator: one reads a stream at a time")

    def _one_by_one(self, reader: int, first: int, stride: int) -> Iterator[Batch]:
        """Batch by batch: views, or memory of the caller's own that the native stream makes."""
        epoch, step = self._now()
        wrap, end = self._arrays.wrap, self._last_step(epoch)
        # Behind anything else a view is still to come.
        broken = errors.DaemonDied if self.zero_copy else BaseException
        native = None
        while step < end:
            self._check(reader)
            native = native or self._at(epoch, step)
            if step % stride != first:
                native.skip(1)
                step += 1
                self._position = (epoch, step)
                continue
            try:
                self._draw(native, epoch, step)
                batch = native.view() if self.zero_copy else native.take(self._with_indices)
            except broken:
                self._abandon(native)
                raise
            assert batch is not None  # there are batches left
            self._drawn = None
            step += 1
            self._position = (epoch, step)
            numbers = wrap(batch[5]) if self._with_indices and batch[5] is not None else None
            wrapped = Batch(epoch, step - 1, wrap(batch[3]), wrap(batch[4]), numbers)
            del batch, numbers
            yield wrapped
            del wrapped

    def _owned(self, reader: int, first: int, stride: int) -> Iterator[Batch]:
        info, arrays = self.info, self._arrays
        epoch, step = self._now()
        size, end = info.batch_size, self._last_step(epoch)
        per_block = max(1, BLOCK_BYTES // (size * info.image_bytes)) if stride == 1 else 1
        if self._lengths is not None or self.draw is not None:
            per_block = 1  # batches of several lengths, or whose draws come one by one
        if per_block == 1 and arrays.takes and self._lengths is None:
            yield from self._one_by_one(reader, first, stride)
            return
        native = None
        while step < end:
            self._check(reader)
            native = native or self._at(epoch, step)
            if step % stride != first:
                native.skip(1)
                step += 1
                self._position = (epoch, step)
                continue
            blocks = self._fetch(native, step, min(per_block, info.steps - step))
            images = arrays.split(blocks[0], size)
            labels = arrays.split(blocks[1], size)
            indices = arrays.split(blocks[2], size) if blocks[2] is not None else None
            del blocks
            for i, image in enumerate(images):
                if reader != self._readers:
                    self._check(reader)
                step += 1
                self._position = (epoch, step)
                yield Batch(epoch, step - 1, image, labels[i], indices and indices[i])
            del images, labels, indices, image

    def whole(self) -> tuple[Any, Any, Any]:
        """A whole epoch of equal batches as (images, labels, indices), in one array of each kind.
        It is the one that follows; behind an error it is not begun."""
        native, epoch = self._at(self.epoch, 0), self.epoch
        arrays = self._fetch(native, 0, self.info.steps)
        self._position = (epoch, self.info.steps)
        return arrays

    def _fetch(self, native: _native.Stream, step: int, count: int) -> tuple[Any, Any, Any]:
        """`count` batches in one array of each kind."""
        info, arrays = self.info, self._arrays
        rows = self._rows(step, count)
        images = arrays.empty((rows, *info.image_shape), info.dtype)
        labels = arrays.empty((rows, *info.label_shape), info.label_dtype)
        indices = arrays.empty((rows,), "int64") if self._with_indices else None
        address = arrays.address
        try:
            self._draw(native, self._now()[0], step)
            native.fill(count, address(images), rows * info.image_bytes, address(labels),
                        rows * info.label_bytes,
                        0 if indices is None else address(indices), rows * 8)
        except BaseException:
            self._abandon(native)  # some of it may be copied
            raise
        self._drawn = None
        return images, labels, indices


def open(dataset: str = "fashion-mnist", split: str = "train", *, socket: Any = None,
         daemon: str | None = None, data: Any = None, timeout: float = 30.0,
         reconnect: float = 60.0, token: bytes | None = None, zero_copy: bool = False,
         indices: bool = False, list: Any = None, list_batches: Any = None,
         list_values: Any = None, **spec: Unpack[Spec]) -> Stream:
    """A Stream that is connected: what cannot be is told here. Keywords and errors are Stream's.
    """
    stream = Stream(dataset, split, socket=socket, daemon=daemon, data=data, timeout=timeout,
                    reconnect=reconnect, token=token, zero_copy=zero_copy, indices=indices,
                    list=list, list_batches=list_batches, list_values=list_values, **spec)
    stream._connected()
    return stream


for _function in (Stream.__init__, open):
    shows(_function, *Spec.__annotations__)
for _described in (Stream, open):
    _described.__doc__ = f"{_described.__doc__}\n    {Spec.__doc__}"
