"""Streams, for every framework: what a spec is, where an epoch goes on, who owns the arrays.

A framework's adapter gives a Stream its kind of arrays (see NumpyArrays) and hands the batches on.
"""
import math
import os
from typing import NamedTuple

import numpy as np

from fmnist import _native, daemon as _daemon, errors

# One call fetches about this much: enough small batches that the call costs little for each, little
# enough that a block stays in the CPU's cache until it is handed out.
BLOCK_BYTES = 256 * 1024

# Of the arrays that a Stream makes. TensorFlow and JAX use such memory as it is; other memory they
# copy first (and where TensorFlow is not asked whether to, an operation ends the process).
ALIGNMENT = 64

_DTYPES = {1: "uint8", 2: "float32", 3: "float16", 4: "bfloat16", 5: "int32", 6: "int64"}


class Dataset(NamedTuple):
    """One split of one dataset."""

    name: str
    split: str
    count: int
    height: int
    width: int
    channels: int
    class_names: tuple
    digest: bytes


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
    image_bytes: int
    label_bytes: int
    digest: bytes

    @property
    def image_shape(self):
        if self.layout == "nchw":
            return (self.channels, self.height, self.width)
        return (self.height, self.width, self.channels)


class Batch(NamedTuple):
    """Where one batch lies in its epoch, and its arrays."""

    epoch: int
    step: int
    images: object
    labels: object
    indices: object  # None unless asked for


def _find_socket(socket, daemon):
    if daemon not in (None, "auto"):
        raise ValueError(f'daemon={daemon!r}: want None or "auto"')
    return _daemon.auto() if daemon == "auto" and socket is None else socket


def datasets(socket=None, daemon=None, timeout=30.0):
    """What the daemon serves: a list of Dataset."""
    rows = _native.datasets(_find_socket(socket, daemon), _milliseconds(timeout))
    return [Dataset(*row) for row in rows]


def dataset_of(dataset="fashion-mnist", split="train", *, socket=None, daemon=None, timeout=30.0,
               **_):
    """The Dataset that a Stream of these keywords reads."""
    for served in datasets(socket, daemon, timeout):
        if (served.name, served.split) == (dataset, split):
            return served
    raise errors.NotFound(f'dataset "{dataset}", split "{split}": the daemon does not serve it')


def status(socket=None, daemon=None, timeout=30.0):
    """The daemon's state and counters."""
    import json

    return json.loads(_native.status(_find_socket(socket, daemon), _milliseconds(timeout)))


def _milliseconds(seconds):
    return max(1, min(int(seconds * 1000), 2 ** 31 - 1))


def _text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (tuple, list)):
        return ",".join(repr(float(v)) for v in value)
    return str(value)


class NumpyArrays:
    """How a Stream makes arrays. The adapters have their own with the same four functions."""

    bfloat16 = "uint16"  # the bits: NumPy has no such type

    @classmethod
    def empty(cls, shape, dtype):
        """An array of the caller's, aligned to ALIGNMENT."""
        dtype = np.dtype(cls.bfloat16 if dtype == "bfloat16" else dtype)
        size = math.prod(shape) * dtype.itemsize
        memory = np.empty(size + ALIGNMENT, np.uint8)
        first = -memory.ctypes.data % ALIGNMENT
        return memory[first:first + size].view(dtype).reshape(shape)

    @staticmethod
    def address(array):
        return array.ctypes.data

    @staticmethod
    def split(array, length):
        """The array's parts of `length` rows, the last one shorter; without a copy."""
        return [array[i:i + length] for i in range(0, len(array), length)]

    @staticmethod
    def wrap(view):
        """An array over a fmnist._native.View, which it keeps alive."""
        return np.asarray(view)


class Stream:
    """Batches of one spec. Iterating gives one epoch, from the position on, then the next.

    Keyword arguments are the fields of struct fmnist_spec in include/fmnist.h by their C names, and
    enum values by the names that fmnistctl has: order="torch", resize="pillow-bilinear".

    order="list" takes its indices as list=, and the lengths of its batches, where they are not runs
    of batch_size, as list_batches=; both uint32 arrays.

    Arrays are the caller's own, unless zero_copy: then they are read-only views of the daemon's
    memory, and each keeps its batch's slot until the last array over it is gone.

    The connection is made when first needed. A pickled copy, and a copy in a forked child, connect
    for themselves and go on where the original was.
    """

    def __init__(self, dataset="fashion-mnist", split="train", *, socket=None, daemon=None,
                 timeout=30.0, token=None, zero_copy=False, indices=False, arrays=NumpyArrays,
                 list=None, list_batches=None, **spec):
        self._list = tuple(None if a is None else np.ascontiguousarray(a, np.uint32)
                           for a in (list, list_batches))
        self._fields = dict(dataset=dataset, split=split, **spec)
        self._where = (socket, daemon)
        self._timeout = timeout
        self._arrays = arrays
        self._with_indices = indices
        self.zero_copy = zero_copy
        self._token = token  # where to open
        self._native = None
        self._pid = None
        self._info = None
        self._position = None  # behind what was handed out
        self._readers = 0  # iterators begun: only the newest reads

    # ---- the connection

    def _open(self):
        fields = tuple((name, _text(value)) for name, value in self._fields.items())
        self._native = _native.Stream(_find_socket(*self._where), _milliseconds(self._timeout),
                                      fields, self._token, *self._list)
        self._pid = os.getpid()
        row = list(self._native.info())
        epoch, step = row[13:15]
        row[6], row[8] = _DTYPES[row[6]], _DTYPES[row[8]]
        row[7] = {1: "nchw", 2: "nhwc"}[row[7]]
        self._info = Info(*row[:13], row[15])
        if self._position is None:
            self._position = (epoch, step)

    def _connected(self):
        if self._native is not None and self._pid != os.getpid():
            self._native = None  # the parent's: closing our copy would be of no use to it
        if self._native is None:
            self._open()
        return self._native

    def _reopen_at(self, epoch, step):
        native = self._connected()
        self._token = native.token(epoch, step)
        native.close()
        self._native = None
        self._open()
        return self._native

    def _at(self, epoch, step):
        """The native stream, with (epoch, step) as its next batch."""
        native = self._connected()
        at = native.info()[13:15]
        if at[1] == self._info.steps:  # behind an epoch's last batch: the end comes first
            native.view()
            at = native.info()[13:15]
        return native if at == (epoch, step) else self._reopen_at(epoch, step)

    def close(self):
        """Ends the stream; the next use opens it again. Views that are alive stay valid."""
        native, self._native = self._native, None
        if native is not None and self._pid == os.getpid():
            native.close()

    # ---- what it is

    @property
    def info(self):
        self._connected()
        return self._info

    def __len__(self):
        """Batches an epoch."""
        return self.info.steps

    # ---- the position: behind the last batch that was handed out

    @property
    def epoch(self):
        self._connected()
        return self._settled()[0]

    @property
    def step(self):
        self._connected()
        return self._settled()[1]

    def _settled(self):
        epoch, step = self._position
        return (epoch + 1, 0) if step == self._info.steps else (epoch, step)

    def seek(self, epoch, step=0):
        """The next iteration begins there."""
        self._connected()
        self._native.token(epoch, step)  # refuses what is out of range
        self._position = (epoch, step)
        self._readers += 1

    def token(self, back=0):
        """48 bytes from which Stream(token=...) of the same spec goes on; `back` batches of this
        epoch before."""
        native = self._connected()
        epoch, step = self._position
        return native.token(epoch, step - back)

    def state_dict(self, back=0):
        return {"token": self.token(back)}

    def load_state_dict(self, state):
        self.close()
        kept = self._token, self._position
        self._token, self._position = state["token"], None
        try:
            self._open()
        except errors.Error:
            self._token, self._position = kept
            raise
        self._readers += 1

    def __getstate__(self):
        state = self.__dict__.copy()
        state["_native"] = state["_pid"] = None
        return state

    # ---- reading

    def __iter__(self):
        """One epoch's (images, labels), or (images, labels, indices) where asked for."""
        if self._with_indices:
            return (batch[2:] for batch in self.batches())
        return (batch[2:4] for batch in self.batches())

    def batches(self, first=0, stride=1):
        """One epoch's Batch by Batch, from the position on; every stride-th from `first` on where
        several readers share an epoch. A broken-off epoch goes on with the next iterator."""
        read = self._views if self.zero_copy else self._owned
        return read(self._begin(), first, stride)

    def _begin(self):
        self._readers += 1
        self._connected()
        if self._position[1] == self._info.steps:
            self._position = (self._position[0] + 1, 0)
        return self._readers

    def blocks(self, limit):
        """One epoch as arrays of up to `limit` batches of equal lengths, from the position on: for
        what splits them cheaper than Python. A short last batch is a block of its own.

        Shape: images[batch][sample][...], labels[batch][sample]; always the caller's own."""
        reader, info = self._begin(), self._info
        epoch, step = self._position
        native = None
        while step < info.steps:
            self._check(reader)
            native = native or self._at(epoch, step)
            whole = (info.sample_count - step * info.batch_size) // info.batch_size
            count = 1 if self._list[1] is not None else max(1, min(limit, whole))
            arrays = self._fetch(native, step, count)[:2]
            step += count
            self._position = (epoch, step)
            yield tuple(a.reshape(count, -1, *a.shape[1:]) for a in arrays)

    def _check(self, reader):
        if reader != self._readers:
            raise RuntimeError("this stream has a newer iterator: one reads a stream at a time")

    def _views(self, reader, first, stride):
        epoch, step = self._position
        wrap = self._arrays.wrap
        native = None
        while step < self._info.steps:
            self._check(reader)
            native = native or self._at(epoch, step)
            if step % stride != first:
                native.skip(1)
                step += 1
                self._position = (epoch, step)
                continue
            _, _, _, images, labels, indices = native.view()
            step += 1
            self._position = (epoch, step)
            batch = Batch(epoch, step - 1, wrap(images), wrap(labels),
                          wrap(indices) if self._with_indices else None)
            del images, labels, indices
            yield batch
            del batch

    def _owned(self, reader, first, stride):
        info, arrays = self._info, self._arrays
        epoch, step = self._position
        size = info.batch_size
        per_block = max(1, BLOCK_BYTES // (size * info.image_bytes)) if stride == 1 else 1
        if self._list[1] is not None:
            per_block = 1  # batches of several lengths
        native = None
        while step < info.steps:
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

    def _fetch(self, native, step, count):
        """`count` batches in one array of each kind."""
        info, arrays = self._info, self._arrays
        if self._list[1] is not None:
            rows = int(self._list[1][step])
        else:
            rows = min(count * info.batch_size, info.sample_count - step * info.batch_size)
        images = arrays.empty((rows, *info.image_shape), info.dtype)
        labels = arrays.empty((rows,), info.label_dtype)
        indices = arrays.empty((rows,), "int64") if self._with_indices else None
        address = arrays.address
        try:
            native.fill(count, address(images), rows * info.image_bytes, address(labels),
                        rows * info.label_bytes,
                        0 if indices is None else address(indices), rows * 8)
        except BaseException:
            # What was copied and not handed out is read again.
            self._abandon(native)
            raise
        return images, labels, indices

    def _abandon(self, native):
        if self._native is native:
            self._native = None
            native.close()


def open(dataset="fashion-mnist", split="train", **options):
    """A Stream that is connected: what cannot be is told here."""
    stream = Stream(dataset, split, **options)
    stream._connected()
    return stream
