"""Streams, for every framework: what a spec is, where an epoch goes on, who owns the arrays.

A framework's adapter gives a Stream its kind of arrays (see NumpyArrays) and hands the batches on.
"""
import difflib
import math
import os
import time
from typing import NamedTuple

import numpy as np

from fmnist import _native, _numbers, daemon as _daemon, errors

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


# The fields of struct fmnist_spec that a Stream takes as they are.
FIELDS = ("batch_size", "drop_last", "resize", "height", "width", "dtype", "layout", "channels",
          "mean", "std", "label_dtype", "order", "seed", "rank", "world_size", "pad", "transport",
          "epoch", "epochs")


def check_names(given, known, what):
    """TypeError for a keyword that does not exist, with the nearest that does."""
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise TypeError(f"{what} has no argument {name}=" + (
                f"; did you mean {near[0]}=?" if near else f"; there are {', '.join(known)}"))


def _find_socket(socket, daemon, data=None, dataset="fashion-mnist"):
    if daemon not in (None, "auto"):
        raise ValueError(f'daemon={daemon!r}: want None or "auto"')
    if data is not None and (daemon is None or socket is not None):
        raise ValueError('data= says what a private daemon serves: it goes with daemon="auto"')
    if daemon is None or socket is not None:
        return socket
    return _daemon.auto(data, dataset)


def datasets(socket=None, daemon=None, timeout=30.0, data=None):
    """What the daemon serves: a list of Dataset."""
    rows = _native.datasets(_find_socket(socket, daemon, data), _milliseconds(timeout))
    return [Dataset(*row) for row in rows]


def dataset_of(dataset="fashion-mnist", split="train", *, socket=None, daemon=None, timeout=30.0,
               data=None, **_):
    """The Dataset that a Stream of these keywords reads."""
    found = datasets(_find_socket(socket, daemon, data, dataset), None, timeout)
    for served in found:
        if (served.name, served.split) == (dataset, split):
            return served
    raise errors.NotFound(_not_served(dataset, split, found))


def _not_served(dataset, split, found):
    names = list(dict.fromkeys(served.name for served in found))
    text = f'dataset "{dataset}", split "{split}": the daemon does not serve it; it serves ' + (
        "nothing" if not found else ", ".join(
            f"{name} ({', '.join(s.split for s in found if s.name == name)})" for name in names))
    near = difflib.get_close_matches(str(dataset).lower(), names, 1, 0.5)
    return text + (f'; did you mean "{near[0]}"?' if near and near[0] != dataset else "")


def status(socket=None, daemon=None, timeout=30.0):
    """The daemon's state and counters."""
    import json

    return json.loads(_native.status(_find_socket(socket, daemon), _milliseconds(timeout)))


def _milliseconds(seconds, what="timeout"):
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds >= 0:
        raise ValueError(f"{what}={seconds!r}: want seconds, a number of 0 or more")
    return max(1, min(int(seconds * 1000), 2 ** 31 - 1))


def _text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (tuple, list, np.ndarray)):
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

    list= are numbers in the split (uint32) that take the place of its images, in any order=; with
    order="list", in theirs. list_batches= are the lengths of their batches, where they are not runs
    of batch_size.

    Arrays are the caller's own, unless zero_copy: then they are read-only views of the daemon's
    memory, and each keeps its batch's slot until the last array over it is gone.

    The connection is made when first needed. A pickled copy, and a copy in a forked child, connect
    for themselves and go on where the original was. Where the daemon ends, a stream waits up to
    `reconnect` seconds for it to come back and goes on with the very next batch; 0 waits for none.

    epochs=N: the iterations behind the N-th give nothing. One thread reads a stream at a time.

    Errors: those of fmnist.errors, when it connects or reads; TypeError for unknown keywords.
    """

    def __init__(self, dataset="fashion-mnist", split="train", *, socket=None, daemon=None,
                 data=None, timeout=30.0, reconnect=60.0, token=None, zero_copy=False,
                 indices=False, arrays=NumpyArrays, list=None, list_batches=None, **spec):
        check_names(spec, FIELDS, "a stream")
        self._list = tuple(None if a is None else _numbers.uint32(name, a) for name, a in
                           (("list", list), ("list_batches", list_batches)))
        self._fields = dict(dataset=dataset, split=split,
                            **{name: value for name, value in spec.items() if value is not None})
        self._epochs = int(self._fields.pop("epochs", 0))
        self._where = (socket, daemon, data, dataset)
        self._timeout = _milliseconds(timeout)
        self._reconnect = _milliseconds(reconnect, "reconnect") if reconnect else -1
        self._arrays = arrays
        self._with_indices = indices
        self.zero_copy = zero_copy
        self._token = token  # where to open
        self._native = None
        self._kept = None  # the last native stream: it makes tokens without a connection
        self._pid = None
        self._info = None
        self._position = None  # behind what was handed out
        self._readers = 0  # iterators begun: only the newest reads

    def __repr__(self):
        said = ", ".join(f"{name}={value!r}" for name, value in self._fields.items()
                         if name not in ("dataset", "split"))
        where = "not opened" if self._position is None else "epoch %d, step %d" % self._position
        return (f"<fmnist.Stream {self._fields['dataset']}/{self._fields['split']}"
                f"{', ' if said else ''}{said}: {where}>")

    # ---- the connection

    def _open(self):
        fields = tuple((name, _text(value)) for name, value in self._fields.items())
        self._native = self._kept = self._connect(fields)
        self._pid = os.getpid()
        row = list(self._native.info())
        epoch, step = row[13:15]
        row[6], row[8] = _DTYPES[row[6]], _DTYPES[row[8]]
        row[7] = {1: "nchw", 2: "nhwc"}[row[7]]
        self._info = Info(*row[:13], row[15])
        if self._position is None:
            self._position = (epoch, step)

    def _connect(self, fields):
        """The daemon is waited for where it has answered before; Ctrl-C is heard meanwhile."""
        deadline = time.monotonic() + self._reconnect / 1000
        while True:
            try:
                return _native.Stream(_find_socket(*self._where), self._timeout,
                                      fields, self._token, *self._list)
            except (errors.NoDaemon, errors.DaemonDied):
                if self._info is None or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _connected(self):
        if self._native is not None and self._pid != os.getpid():
            self._native = self._kept = None  # the parent's: closing our copy is of no use to it
        if self._native is None:
            self._open()
        return self._native

    def _reopen_at(self, epoch, step):
        self._token = self._connected().token(epoch, step)
        self.close()
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

    def _abandon(self, native):
        """Behind an error: what was not handed out is read again, on another connection."""
        if self._native is native:
            self._token = native.token(*self._position)
            self.close()

    def close(self):
        """Ends the stream; the next use opens it again. Views that are alive stay valid."""
        native, self._native = self._native, None
        if native is not None and self._pid == os.getpid():
            native.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    # ---- what it is

    @property
    def info(self):
        """What the daemon made of the spec."""
        if self._info is None:
            self._connected()
        return self._info

    def __len__(self):
        """Batches an epoch."""
        return self.info.steps

    def same_spec(self, other):
        """Whether both would give the same bytes from the same position on."""
        def said(stream):
            return {**stream._fields, "epoch": 0}, stream._where, stream._with_indices

        return said(self) == said(other) and all(
            np.array_equal(a, b) for a, b in zip(self._list, other._list))

    # ---- the position: behind the last batch that was handed out

    @property
    def epoch(self):
        """Of the next batch."""
        return self._settled()[0]

    @property
    def step(self):
        """Of the next batch."""
        return self._settled()[1]

    def _settled(self):
        steps = self.info.steps
        epoch, step = self._position
        return (epoch + 1, 0) if step == steps else (epoch, step)

    def seek(self, epoch, step=0):
        """The next iteration begins there."""
        self._tokens().token(epoch, step)  # refuses what is out of range
        self._position = (epoch, step)
        self._readers += 1

    def _tokens(self):
        return self._connected() if self._kept is None else self._kept

    def token(self, back=0):
        """48 bytes from which Stream(token=...) of the same spec goes on; `back` batches of this
        epoch before. Needs no daemon once the stream was open."""
        native = self._tokens()
        epoch, step = self._position
        return native.token(epoch, step - back)

    def state_dict(self, back=0):
        """{"token": ...}, for load_state_dict and the model's checkpoint."""
        return {"token": self.token(back)}

    def load_state_dict(self, state):
        """The next iteration goes on where the state was taken.

        Errors: ValueError for what is no state; TokenError for that of another spec or dataset."""
        if not isinstance(state, dict) or not isinstance(state.get("token"), bytes):
            raise ValueError(f'the state of a stream is {{"token": bytes}}, not {state!r:.80}')
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
        if self._kept is not None:
            state["_token"] = self.token()
        state["_native"] = state["_kept"] = state["_pid"] = None
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
        self._position = self._settled()
        return self._readers

    def _last_step(self):
        """Where the epoch ends: at once behind epochs=N."""
        first = int(self._fields.get("epoch", 0))
        ended = self._epochs and self._position[0] >= first + self._epochs
        return self._position[1] if ended else self._info.steps

    def blocks(self, limit):
        """One epoch as arrays of up to `limit` batches of equal lengths, from the position on: for
        what splits them cheaper than Python. A short last batch is a block of its own.

        Shape: images[batch][sample][...], labels[batch][sample]; always the caller's own."""
        reader, info = self._begin(), self._info
        epoch, step = self._position
        native = None
        while step < self._last_step():
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
        wrap, end = self._arrays.wrap, self._last_step()
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
                _, _, _, images, labels, indices = native.view()
            except errors.DaemonDied:
                self._abandon(native)
                raise
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
        size, end = info.batch_size, self._last_step()
        per_block = max(1, BLOCK_BYTES // (size * info.image_bytes)) if stride == 1 else 1
        if self._list[1] is not None:
            per_block = 1  # batches of several lengths
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
            self._abandon(native)  # some of it may be copied
            raise
        return images, labels, indices


def open(dataset="fashion-mnist", split="train", **options):
    """A Stream that is connected: what cannot be is told here."""
    stream = Stream(dataset, split, **options)
    stream._connected()
    return stream
