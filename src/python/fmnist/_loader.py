# SPDX-License-Identifier: MIT
"""What the loaders of JAX, TensorFlow, Keras and MXNet share: one epoch for each `for`, and where
it goes on."""
import contextlib
import math
import operator
import time
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import numpy
from numpy.typing import NDArray

from fmnist import _idle, core, errors
from fmnist._options import DEFAULTS, WHERE, Options, check, spelled_out
from fmnist._part import FIELDS, part_of
from fmnist._served import dataset_of
from fmnist._typing import Unpack

Array = TypeVar("Array")

class Run:
    """One iteration: which epoch, the stream that it reads (None: there is nothing to read), and
    the (indices, lengths) that a sampler drew for it."""

    def __init__(self, epoch: int, stream: Any, drawn: Any = None, state: Any = None) -> None:
        self.epoch, self.stream, self.drawn = epoch, stream, drawn
        self.state = state      # restored, until it is read
        self.opened = False
        self.finished = False


class Loader(Generic[Array]):
    """Batches (images, labels) of one split: an epoch each time it is iterated over, the next one.

    dataset, split   a name that the daemon serves, and "train", "test" or another split of it
    fold=, folds=, held_out=, stratified=, fold_seed=, classes=, renumber=, label_map=     a part of the
                     split, as fmnist.part() says it; fold_seed= is its seed=
    batch_size       samples a batch; the last of an epoch is shorter, unless drop_last=True

    Which samples, in which order:

    (nothing)        all of them, in the files' order
    shuffle=True     in an order of seed= (0) and the epoch's number
    order=           any order of the daemon's, by its name, with seed=
    indices=         numbers in the split, or a mask of truths; shuffled and sharded too
    rank=, world_size=, pad=     one of several processes' parts; nothing is sharded unasked
    sampler=         an iterable of numbers, asked for all of an epoch when it begins
    batch_sampler=   an iterable of lists of numbers, of any lengths, likewise
    epoch=, epochs=  the first epoch (0), and how many there are: an iteration behind them is empty

    How they are: height= and width= in pixels (0: as stored), resize= the name of a rule (without
    it the framework's own), dtype= ("float32", "uint8", "float16", "bfloat16"), layout= ("NHWC",
    "NCHW"), channels=, mean= and std= (of the 0..1 pixel, a number or one for each channel),
    label_dtype= ("int32", "int64", "uint8"); labels of a multi-label set are rows, N x label_count.

    augment= is a chain of transforms as text, "random-crop(28, padding=4) random-horizontal-flip"
    (docs/augmentation.md), drawn by seed= (0), the epoch's number and the sample's. views= gives each
    image so many times, with draws of its own: images[N][views]...

    zero_copy=True gives read-only arrays in the daemon's memory. transport= is "shm" or "inline".
    Which daemon: socket= (a path), daemon="auto" (a private one where none runs) and data= (what
    that one serves). timeout= is how many seconds to wait for a batch; reconnect= how many for a
    daemon that ended to come back, before errors.DaemonDied.

    An iterator begins when its first batch is asked for, and reads a stream of its own: several may
    run side by side. After an error of fmnist.errors the next `for` is the rest of the epoch; after
    a `break` it is the next epoch.

    Errors: TypeError for an unknown keyword, ValueError for what excludes each other; when it reads
    those of fmnist.errors.
    """

    resize_rule: str = "none"  # the framework's
    layout = "NHWC"
    arrays: Any = core.NumpyArrays

    @spelled_out()
    def __init__(self, dataset: str = "fashion-mnist", split: str = "train", batch_size: int = 64,
                 **options: Unpack[Options]) -> None:
        check(options, f"{type(self).__module__}.Loader")
        said: dict[str, Any] = {**DEFAULTS, **options}
        split = part_of(split, said)
        self._given = {"batch_size": batch_size, **{
            name: value for name, value in options.items() if name not in FIELDS}}
        self._name = f"{dataset}/{split}"
        _check_order(said, batch_size)
        self._next = _count("epoch", said.pop("epoch"), 0)
        epochs = said.pop("epochs")
        self._end = math.inf if epochs is None else self._next + _count("epochs", epochs, 1)
        self._sampler, self._batch_sampler = said.pop("sampler"), said.pop("batch_sampler")
        shuffle, indices = said.pop("shuffle"), said.pop("indices")
        self._where = {"dataset": dataset, "split": split, **{name: said[name] for name in WHERE}}
        said["order"] = said["order"] or ("shuffle" if shuffle else "sequential")
        said["resize"] = _rule(said["resize"]) or self.resize_rule
        said["layout"] = said["layout"] or self.layout
        self._spec = {**said, **self._where, "arrays": self.arrays,
                      "batch_size": 1 if self._batch_sampler is not None else batch_size}
        if indices is not None:
            self._spec["list"] = self._chosen(indices)
        self._run: Run | None = None      # the newest iteration
        self._goes_on: Run | None = None  # the next iteration is its rest
        self._spare: Any = None           # the last stream, for the next epoch
        self._info: Any = None

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={_brief(value)}" for name, value in self._given.items())
        return f"<{type(self).__module__}.Loader {self._name}: {given}; epoch {self._next} is next>"

    def _chosen(self, indices: Any) -> NDArray[numpy.uint32]:
        """The numbers that indices= says."""
        mask = numpy.asarray(indices) if hasattr(indices, "__len__") else None
        if mask is not None and mask.dtype == bool:
            count = dataset_of(**self._where).count
            if mask.shape != (count,):
                raise ValueError(f"indices: a mask of shape {mask.shape}, want ({count},), one "
                                 f"truth for each sample of {self._name}")
            indices = numpy.flatnonzero(mask)
        chosen = numbers(indices)
        if not chosen.size:
            raise ValueError("indices: there are none; want at least one number of an image in the "
                             "split, or no indices= for all of them")
        return chosen

    # ---- its size

    @property
    def info(self) -> core.Info:
        """What the daemon made of it: sample_count, steps, image_shape, ... (asks the daemon)."""
        if self._info is None:
            stream = self._acquire(self._next, None)
            self._info = stream.info
            self._park(stream)
        info: core.Info = self._info
        return info

    @property
    def changes(self) -> bool:
        """Whether one epoch may have another order than the next."""
        return self._sampler is not None or self._batch_sampler is not None or (
            self._spec["order"] != "sequential")

    def __len__(self) -> int:
        """Batches an epoch. TypeError where the sampler has no length."""
        if self._batch_sampler is not None:
            return _length(self._batch_sampler)
        if self._sampler is None:
            return int(self.info.steps)
        size: int = self._spec["batch_size"]
        return (_length(self._sampler) + (0 if self._spec["drop_last"] else size - 1)) // size

    # ---- an epoch

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        """(images, labels), batch by batch."""
        with self._reading() as batches:
            for batch in batches:
                yield batch.images, batch.labels

    @contextlib.contextmanager
    def _reading(self, blocks: int | None = None) -> Iterator[Any]:
        """What an epoch's batches are read from, or its blocks of so many batches at most."""
        run = self._begin()
        try:
            if run.stream is None:
                yield ()
            else:
                self._open(run)
                yield run.stream.batches() if blocks is None else run.stream.blocks(blocks)
            run.finished = True
        except errors.Error:
            self._goes_on = run
            raise
        finally:
            if run.stream is not None:
                self._park(run.stream)

    def _begin(self) -> Run:
        run, self._goes_on = self._goes_on, None
        if run is None:
            run = self._next_run()
        elif run.stream is not None:
            _idle.take(run.stream)
            if run.opened and run.stream.at_end:  # its rest is nothing, not the stream's next epoch
                self._park(run.stream)
                run.stream = None
        run.state = None
        self._run = run
        return run

    def _next_run(self, drawn: Any = None) -> Run:
        """The next epoch, as a sampler draws it or has `drawn` it."""
        with _idle.lock():
            epoch = self._next
            if epoch >= self._end:
                return Run(epoch, None)
            self._next += 1
        drawn = self._draw() if drawn is None else drawn
        if drawn is not None and not len(drawn[0]):
            return Run(epoch, None, drawn)
        return Run(epoch, self._acquire(epoch, drawn), drawn)

    def _draw(self) -> Any:
        """(numbers, lengths of the batches or None) of the samplers' next epoch, or None."""
        if self._sampler is not None:
            return numbers(self._sampler), None
        if self._batch_sampler is None:
            return None
        batches = [numbers(batch) for batch in self._batch_sampler]
        lengths = numpy.array([len(batch) for batch in batches], numpy.uint32)
        if not lengths.all():
            raise ValueError(f"batch_sampler: batch {int((lengths == 0).argmax())} is empty")
        return numpy.concatenate(batches) if batches else numpy.empty(0, numpy.uint32), lengths

    def _stream(self, epoch: int, drawn: Any) -> Any:
        if drawn is None:
            return core.Stream(**self._spec, epoch=epoch)
        indices, lengths = drawn
        spec = {**self._spec, "order": "list", "list": indices, "epoch": epoch}
        if lengths is not None and (lengths[:-1] == lengths[0]).all() and lengths[-1] <= lengths[0]:
            spec["batch_size"] = int(lengths[0])  # faster: fetched in blocks
        else:
            spec["list_batches"] = lengths
        return core.Stream(**spec)

    def _acquire(self, epoch: int, drawn: Any) -> Any:
        """A stream with that epoch next: the last epoch's, where it is still connected."""
        stream, spare, self._spare = self._stream(epoch, drawn), self._spare, None
        if not _idle.take(spare) or spare is None:
            return stream
        if not spare.same_spec(stream):
            spare.close()
            return stream
        spare.seek(epoch)
        return spare

    def _park(self, stream: Any) -> None:
        """The stream is not read any more: it is kept for the next epoch, until another one is."""
        _idle.put(stream)
        self._spare = stream

    def _release(self) -> None:
        """Closes the stream that is kept for the next epoch."""
        spare, self._spare = self._spare, None
        if spare is not None and _idle.take(spare):
            spare.close()

    def _open(self, run: Run) -> None:
        """Connects. A daemon that has answered before is waited for."""
        deadline = time.monotonic() + (self._where["reconnect"] or 0)
        while True:
            try:
                self._info = run.stream.info
                run.opened = True
                return
            except (errors.NoDaemon, errors.DaemonDied):
                if self._info is None or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    # ---- where it goes on

    def set_epoch(self, epoch: int) -> None:
        """The next iteration is this epoch, from its first batch; the rest of it, where a state
        within it was loaded. A sampler that has a set_epoch is told."""
        epoch = _count("epoch", epoch, 0)
        for sampler in (self._sampler, self._batch_sampler):
            if hasattr(sampler, "set_epoch"):
                sampler.set_epoch(epoch)
        if self._goes_on is not None and self._goes_on.epoch == epoch:
            return
        self._next, self._goes_on = epoch, None

    def state_dict(self) -> dict[str, Any]:
        """The position behind the last batch that the newest iterator handed out. Needs no daemon.

        It holds, where a sampler drew the epoch that is being read, those numbers (4 bytes each). A
        sampler's own generator is the program's to keep. Behind the last batch of a `for` that has
        not ended, what is left is nothing: the resumed `for` is empty, the one behind it the next
        epoch. Keep it in the model's own checkpoint; it may be pickled.
        """
        run = self._goes_on or self._run
        if run is None or run.finished:
            return {"inside": False, "epoch": self._next}
        if run.state is not None:
            return dict(run.state)
        if run.stream is not None and not run.opened:
            return {"inside": False, "epoch": run.epoch}
        state = {"inside": True, "epoch": run.epoch,
                 "token": None if run.stream is None else run.stream.token()}
        if run.drawn is not None:
            state["list"], state["lengths"] = run.drawn
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The next iteration goes on where the state was taken.

        Errors: ValueError for what is no state of such a loader; errors.TokenError for that of
        another dataset, split, batch size or order."""
        if not isinstance(state, dict) or not {"inside", "epoch"} <= state.keys():
            raise ValueError('this is no state of a loader: want what state_dict() gave, a dict '
                             f'with "inside" and "epoch", not {_brief(state)}')
        drawn = (state["list"], state["lengths"]) if "list" in state else None
        draws = self._sampler is not None or self._batch_sampler is not None
        if state["inside"] and draws != (drawn is not None):
            raise ValueError("the state is of a loader " + (
                "without a sampler, this one has one" if draws else
                "with a sampler, this one has none") + ": make it as the one that was saved")
        epoch = _count("epoch", state["epoch"], 0)
        run = Run(epoch, None, drawn, dict(state))
        if state["inside"] and state["token"] is not None:
            stream = self._stream(epoch, drawn)
            stream.load_state_dict({"token": state["token"]})
            if stream.epoch == epoch:  # else it was behind the last batch
                run.stream, run.opened, self._info = stream, True, stream.info
                self._park(stream)
        self._run = None
        self._next = epoch + bool(state["inside"])
        self._goes_on = run if state["inside"] else None

    def close(self) -> None:
        """Gives the connection back; the next iteration makes another. An iterator that is being
        read ends with an error."""
        for stream in (self._spare, self._run.stream if self._run is not None else None):
            if stream is not None:
                stream.close()

    def __getstate__(self) -> dict[str, Any]:
        """A copy begins with the same epoch as the next iteration here."""
        return {**self.__dict__, "_run": None, "_goes_on": None, "_spare": None}


def _check_order(said: dict[str, Any], batch_size: int) -> None:
    names = [f"{name}=" for name in ("shuffle", "sampler", "batch_sampler", "order")
             if said[name] is not None and said[name] is not False]
    drawn = said["sampler"] is not None or said["batch_sampler"] is not None
    if drawn and said["indices"] is not None:
        names.append("indices=")
    if len(names) > 1:
        raise ValueError(f"{' and '.join(names)} exclude each other")
    if (said["rank"] is None) != (said["world_size"] is None):
        raise ValueError(f"rank={said['rank']} and world_size={said['world_size']}: say both")
    if not drawn:
        return
    useless = [f"{name}=" for name in ("seed", "rank", "world_size", "pad")
               if said[name] is not None and not (name == "seed" and said["augment"])]
    if useless:
        raise ValueError(f"a sampler is asked as it is: no {', '.join(useless)}")
    if said["batch_sampler"] is not None and (batch_size not in (1, 64) or said["drop_last"]):
        raise ValueError("batch_sampler= makes the batches: no batch_size= or drop_last=")
    for name in ("sampler", "batch_sampler"):
        if hasattr(said[name], "__next__"):
            raise TypeError(f"{name}={said[name]!r:.60}: an iterator gives one epoch only; want "
                            "what can be iterated over anew (a list, or an object with __iter__)")


def _count(name: str, value: Any, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if number < least or isinstance(value, bool):
        raise ValueError(f"{name}={value!r}: want a whole number, {least} or more")
    return number


def _rule(resize: Any) -> str | None:
    if resize is None or isinstance(resize, str):
        return resize
    raise ValueError(f"resize={resize!r}: want the name of a rule; the size is height= and width=")


def _length(sampler: Any) -> int:
    try:
        return int(len(sampler))
    except TypeError:
        raise TypeError(f"{type(sampler).__name__} has no len(): how many batches an epoch has is "
                        "known when it has been read") from None


def _brief(value: Any) -> str:
    text = repr(value) if not hasattr(value, "shape") else f"<{type(value).__name__}>"
    return text if len(text) <= 40 else text[:37] + "..."


def numbers(indices: Any) -> NDArray[numpy.uint32]:
    """Numbers in a split, as the daemon takes them."""
    if hasattr(indices, "indices") and hasattr(indices, "dataset"):
        raise TypeError(f"indices: a {type(indices).__name__} of a data set; want its numbers, "
                        "subset.indices")
    if not hasattr(indices, "__array__") and not isinstance(indices, (list, tuple)):
        indices = list(indices)
    array = numpy.asarray(indices)
    if array.ndim != 1 or array.size and array.dtype.kind not in "iu":
        raise ValueError(f"indices: want whole numbers in one row, not {array.dtype} "
                         f"of shape {array.shape}")
    if array.size and not 0 <= array.min() <= array.max() < 2 ** 32:
        raise ValueError(f"indices: {array.min()} to {array.max()}, want numbers of images, "
                         "from 0 on")
    return array.astype(numpy.uint32)
