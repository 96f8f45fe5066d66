# SPDX-License-Identifier: MIT
"""The samplers of orders that a seed and an epoch say: seed=, order=, rank= of fmnist.torch.Loader.

    epoch e  ->  the daemon's order of (seed, e), of this rank

Epochs follow one another; set_epoch says which is next. The number lies in a file in memory that
the workers of a DataLoader around the loader share with the process that made it: set_epoch there
is heard here, and the workers of one epoch agree on which it is, whichever is first.
"""
import collections
import fcntl
import itertools
import json
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sized
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DistributedSampler, Sampler, get_worker_info

from fmnist import _served, core

_REMEMBERED = 64  # epochs of outer DataLoaders, by their base seeds


class _Ledger:
    """Numbers that processes share: {name: {"next": epoch, "begun": {key: epoch}}}.

    A worker of a DataLoader, forked or spawned, uses its parent's; any other child has a copy of
    its own from the moment of the fork. Source: memfd_create(2), flock(2), proc(5).
    """

    def __init__(self) -> None:
        self._pid: int | None = None
        self._file: int | None = None
        self._copy: dict[str, Any] = {}
        self._gone: collections.deque[str] = collections.deque()  # names whose samplers are no more
        self._lock = threading.Lock()  # held over a fork: no child inherits a locked file
        os.register_at_fork(before=self._before_fork, after_in_parent=self._lock.release,
                            after_in_child=self._lock.release)

    def path(self) -> str:
        """Where this process's workers find it."""
        if self._pid is None or get_worker_info() is None and self._pid != os.getpid():
            self._file, self._pid = os.memfd_create("fmnist-epochs", os.MFD_CLOEXEC), os.getpid()
            os.write(self._file, json.dumps(self._copy).encode() + b"\n")
        return f"/proc/{self._pid}/fd/{self._file}"

    def _before_fork(self) -> None:
        self._lock.acquire()
        if self._pid == os.getpid():
            with open(self.path(), "rb") as file:
                self._copy = _numbers_of(file.read())

    def change(self, path: str, what: Callable[[dict[str, Any]], Any]) -> Any:
        """what(numbers) changes them in place, while nobody else does. Returns its result."""
        with self._lock, open(path, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            numbers = _numbers_of(file.read())
            while self._gone:
                numbers.pop(self._gone.popleft(), None)
            result = what(numbers)
            # One write, with its end marked: nothing that interrupts it leaves half of it.
            os.pwrite(file.fileno(), json.dumps(numbers).encode() + b"\n", 0)
        return result

    def forget(self, name: str) -> None:
        """For finalizers, which run anywhere, also within change(): without the lock."""
        self._gone.append(name)


def _numbers_of(content: bytes) -> dict[str, Any]:
    numbers: dict[str, Any] = json.loads(content[:content.index(b"\n")])
    return numbers


_ledger = _Ledger()
_names = itertools.count()


class _Seeded:
    """What both samplers below add to PyTorch's: the daemon's order, and an epoch that is shared.

    where: the keywords that say which daemon and split. spec: those that say the order."""

    def _begin_with(self, where: dict[str, Any], spec: dict[str, Any], data: Sized) -> None:
        self.where, self.spec, self._length = where, spec, len(data)
        self._at: int = spec.pop("epoch")  # the epoch that was next when it was last seen
        self._path: str | None = None      # of the parent's ledger, in an unpickled copy
        _ledger.path()                     # before any worker is forked
        self._new_name()

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self.spec.items())
        return f"<{type(self).__name__} of {self._length} samples: {said}, epoch={self._at}>"

    def _new_name(self) -> None:
        self._name = f"{os.getpid()}-{next(_names)}"
        weakref.finalize(self, _ledger.forget, self._name).atexit = False

    def _change(self, what: Callable[[dict[str, Any]], Any]) -> Any:
        if self._path is not None and get_worker_info() is None:
            self._path = None  # a copy of the program's own, which counts for itself
            self._new_name()

        def of_this(numbers: dict[str, Any]) -> tuple[Any, int]:
            entry = numbers.setdefault(self._name, {"next": self._at, "begun": {}})
            return what(entry), entry["next"]

        result, self._at = _ledger.change(self._path or _ledger.path(), of_this)
        return result

    @property
    def epoch(self) -> int:
        """That the next iteration gives."""
        return int(self._change(lambda entry: entry["next"]))

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._change(lambda entry: entry.update(next=int(epoch)))

    def set_epoch(self, epoch: int) -> None:
        """The next iteration gives that epoch, the one behind it the next."""
        self.epoch = epoch

    def begin(self, key: str | None = None, epoch: int | None = None) -> int:
        """The epoch of an iteration that begins now, `epoch` if that is said; the one behind it is
        the next. Iterations of one key, in several processes, are one iteration."""
        def take(entry: dict[str, Any]) -> Any:
            begun = entry["begun"]
            if key is None or key not in begun:
                now = entry["next"] if epoch is None else epoch
                entry["next"] = now + 1
                if key is None:
                    return now
                begun[key] = now
                while len(begun) > _REMEMBERED:
                    del begun[next(iter(begun))]
            return begun[key]

        return int(self._change(take))

    def __iter__(self) -> Iterator[int]:
        """Positions in the data set, of one epoch: for whoever reads it without the daemon."""
        yield from self.positions(self.begin()).tolist()

    def positions(self, epoch: int) -> NDArray[np.uint32]:
        """Those of an epoch, this rank's. Of orders that are PyTorch's no daemon is asked."""
        spec = {**self.spec, "epoch": epoch, "drop_last": False}
        if spec["pad"] == "auto":
            spec["pad"] = "drop" if self.spec["drop_last"] else "wrap"
        if spec["order"] == "sequential":
            return _shard(np.arange(self._length, dtype=np.uint32), spec)
        if spec["order"] == "torch":
            generator = torch.Generator().manual_seed((spec["seed"] + epoch) % 2 ** 32)
            order = torch.randperm(self._length, generator=generator)
            return _shard(order.numpy().astype(np.uint32), spec)
        if self._length != _served.dataset_of(**self.where).count:
            spec["list"] = np.arange(self._length)
        with core.Stream(**self.where, **spec, batch_size=4096, resize="pillow-nearest", height=1,
                         width=1, dtype="uint8", indices=True) as stream:
            return np.concatenate([numbers for _, _, numbers in stream]).astype(np.uint32)

    def __getstate__(self) -> dict[str, Any]:
        self._change(lambda entry: None)
        return {**self.__dict__, "_path": self._path or _ledger.path()}


def _shard(order: NDArray[np.uint32], spec: dict[str, Any]) -> NDArray[np.uint32]:
    """A rank's part of an order, as DistributedSampler cuts it."""
    rank, world = spec["rank"], spec["world_size"]
    short = -len(order) % world
    if spec["pad"] == "wrap":
        order = np.resize(order, len(order) + short)
    elif spec["pad"] == "drop" and short:
        order = order[:len(order) + short - world]
    return order[rank::world]


class SeededSampler(_Seeded, Sampler[int]):
    """An order of one process. No RandomSampler: Lightning and accelerate put others in place of
    those, or a generator into them."""

    def __init__(self, data: Sized, where: dict[str, Any], spec: dict[str, Any]) -> None:
        self._begin_with(where, spec, data)

    def __len__(self) -> int:
        """Samples an epoch."""
        return self._length


class ShardSampler(_Seeded, DistributedSampler[Any]):
    """A rank's part of an order. pad says what happens where the ranks do not divide it."""

    def __init__(self, data: Any, where: dict[str, Any], spec: dict[str, Any]) -> None:
        rank, world, pad, epoch = spec["rank"], spec["world_size"], spec["pad"], spec["epoch"]
        self._begin_with(where, spec, data)
        DistributedSampler.__init__(
            self, data, world, rank, shuffle=spec["order"] != "sequential", seed=spec["seed"],
            drop_last=pad == "drop" or pad == "auto" and spec["drop_last"])  # sets the epoch to 0
        self.epoch = epoch
        if pad == "none":
            self.total_size = len(data)
            self.num_samples = (len(data) - rank + world - 1) // world
