# SPDX-License-Identifier: MIT
"""Keras, on any of its backends: whole batches by index.

    from fmnist.keras import PyDataset

    model.fit(PyDataset(batch_size=64, height=32, width=32, shuffle=True), epochs=3, shuffle=False)

The daemon shuffles the images, so fit need not shuffle the batches: shuffle=False reads them in
their order, which is the fast way. fit's own shuffle=True works as well and costs more, because
the daemon's work ahead is thrown away with each jump.
"""
import operator
import os
import sys
import threading
from types import FrameType
from typing import Any

import keras
from numpy.typing import NDArray

from fmnist import _loader
from fmnist._ml_arrays import MlArrays
from fmnist._options import DEFAULTS, Options, check, spelled_out
from fmnist._typing import Unpack

# Batches that are kept for a neighbour: workers in threads ask for them nearly in order.
_AHEAD = 16

Batch = tuple[NDArray[Any], NDArray[Any]]


class _Loader(_loader.Loader[NDArray[Any]]):
    resize_rule = "tf-bilinear-pad"
    arrays = MlArrays


class _PyOptions(Options, total=False):
    workers: int
    use_multiprocessing: bool
    max_queue_size: int


_KERAS: dict[str, Any] = {"workers": 1, "use_multiprocessing": False, "max_queue_size": 10}


class _Caller:
    """Who calls on_epoch_end: Keras does so at an epoch's end, but also before fit's first epoch,
    and between two parts of one (steps_per_epoch=), and says nothing of which it is."""

    def __init__(self, frame: FrameType) -> None:
        asker = frame.f_back
        self.begins, self.within, self.enqueuer = False, False, None
        if asker is not None and frame.f_globals["__name__"].startswith("keras."):
            name, owner = asker.f_code.co_name, asker.f_locals.get("self")
            self.begins = name == "reset"
            self.within = getattr(owner, "_steps_seen", 0) > 0 and name != "catch_stop_iteration"
            self.enqueuer = getattr(frame.f_locals.get("self"), "enqueuer", None)

    def drop_read_ahead(self) -> None:
        """Of what Keras' workers have read it keeps the rest, and would begin the next epoch with
        it: what was read to build the model."""
        ready = getattr(self.enqueuer, "ready_queue", None)
        while ready is not None and not ready.empty():
            ready.get_nowait()


class PyDataset(keras.utils.PyDataset):  # type: ignore[misc]
    """Batch i of the epoch as (images, labels), NumPy arrays: float32 n x h x w x 1, int32 n.

    Arguments are fmnist.tensorflow.Loader's, and Keras's workers, use_multiprocessing and
    max_queue_size. [i] may be asked in any order, from any thread. fit gives one epoch after the
    other, from epoch= on (0; say epoch=initial_epoch to go on with a run), with any workers; also
    where steps_per_epoch= reads an epoch in parts. An epoch that fit did not read to its end is
    given again. Where Keras does not ask, on_epoch_end() goes to the next epoch.

    A sampler is asked when the length or the first batch of its epoch is wanted, in the process
    that made this. Errors: IndexError; those of Loader.
    """

    @spelled_out(_PyOptions, **_KERAS)
    def __init__(self, dataset: str = "fashion-mnist", split: str = "train", batch_size: int = 64,
                 **options: Unpack[_PyOptions]) -> None:
        given: dict[str, Any] = dict(options)
        check(given, "fmnist.keras.PyDataset", [*DEFAULTS, *_KERAS])
        super().__init__(**{name: given.pop(name, value) for name, value in _KERAS.items()})
        self._loader = _Loader(dataset, split, batch_size, **given)
        self._run: Any = None  # this epoch's
        self._forget()
        self._lock, self._pid = threading.RLock(), os.getpid()

    def __repr__(self) -> str:
        return repr(self._loader).replace(".Loader", ".PyDataset", 1)

    def _forget(self) -> None:
        self._ahead: dict[int, Batch] = {}
        self._batches: Any = None
        self._position = 0

    def _locked(self) -> threading.RLock:
        if self._pid != os.getpid():  # a worker, forked while a thread of the parent read
            self._lock, self._pid = threading.RLock(), os.getpid()
            self._forget()
        return self._lock

    @property
    def epoch(self) -> int:
        """Of the batches that are handed out now."""
        return self._loader._next if self._run is None else int(self._run.epoch)

    def _begun(self) -> Any:
        if self._run is None:
            self._run = self._loader._begin()
        return self._run

    def __len__(self) -> int:
        """Batches an epoch."""
        with self._locked():
            run = self._begun()
            if run.stream is None:
                return 0
            return len(run.stream)

    def __getitem__(self, index: int) -> Batch:
        index = operator.index(index)
        with self._locked():
            count = len(self)
            if not 0 <= index < count:
                raise IndexError(f"batch {index}: this epoch has {count}")
            if index in self._ahead:
                return self._ahead.pop(index)
            if self._batches is None or not self._position <= index < self._position + _AHEAD:
                self._seek(index)
            while self._position < index:
                self._keep(self._position, self._read())
            return self._read()

    def _seek(self, index: int) -> None:
        run = self._begun()
        run.stream.seek(0 if run.drawn is not None else run.epoch, index)
        self._batches, self._position = run.stream.batches(), index

    def _read(self) -> Batch:
        try:
            batch = next(self._batches)
        except BaseException:
            self._batches = None
            raise
        self._position += 1
        return batch.images, batch.labels

    def _keep(self, index: int, batch: Batch) -> None:
        self._ahead[index] = batch
        if len(self._ahead) > _AHEAD:
            del self._ahead[next(iter(self._ahead))]

    def on_epoch_end(self) -> None:
        """Goes to the next epoch; where Keras calls it before or within one, it stays.

        Errors: RuntimeError for steps_per_epoch= with workers, in an order that changes."""
        caller = _Caller(sys._getframe(1))
        if not caller.within:
            caller.drop_read_ahead()
            if not caller.begins:
                self.set_epoch(self.epoch + 1)
        elif caller.enqueuer is not None and self._loader.changes:
            raise RuntimeError(
                f"steps_per_epoch= with workers={self.workers}: Keras' workers begin the epoch "
                "anew for each part, and batches would come twice; say workers=1 (threads are not "
                "needed here), or leave steps_per_epoch= out")

    def set_epoch(self, epoch: int) -> None:
        """What is handed out from now on is that epoch. A sampler that has a set_epoch is told."""
        with self._locked():
            self._forget()
            run, self._run = self._run, None
            if run is not None and run.stream is not None:
                self._loader._park(run.stream)
            self._loader.set_epoch(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Which epoch it is, and what a sampler drew for it: for the checkpoint. Which of its
        batches were read is what the reader knows."""
        with self._locked():
            drawn = None if self._run is None else self._run.drawn
            return {"epoch": self.epoch, "drawn": drawn}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What is handed out from now on is the state's epoch. Errors: ValueError."""
        if not isinstance(state, dict) or not {"epoch", "drawn"} <= state.keys():
            raise ValueError('this is no state of a PyDataset: want what state_dict() gave, a dict '
                             f'with "epoch" and "drawn", not {state!r:.60}')
        with self._locked():
            self.set_epoch(state["epoch"])
            if state["drawn"] is not None:
                self._run = self._loader._next_run(state["drawn"])

    # Copies for worker processes connect for themselves.
    def __getstate__(self) -> dict[str, Any]:
        with self._locked():
            self._begun()
            state = self.__dict__.copy()
        state.update(_ahead={}, _batches=None, _position=0)
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock, self._pid = threading.RLock(), os.getpid()
