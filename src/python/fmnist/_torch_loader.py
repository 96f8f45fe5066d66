# SPDX-License-Identifier: MIT
"""fmnist.torch.Loader: a DataLoader whose batches come from the daemon.

What DataLoader draws from torch's generators is drawn here too, at the same moments, so that with
torch.manual_seed alone the order, and every random number after it, stay those of the program before
(tests/python/harness compares).
"""
import collections
import contextlib
import inspect
import itertools
import operator
import os
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.context import get_spawning_popen
from typing import Any

import torch
from torch.utils.data import (DataLoader, IterableDataset, Subset, default_collate,
                              get_worker_info)

from fmnist import _idle, _torch_draws as _draws, core, errors
from fmnist._loader import numbers
from fmnist._part import FIELDS, Part
from fmnist._spec import check_names, shows
from fmnist._torch_arguments import (draws_rule, exclude, numbers_of, order_spec, seconds,
                                     source_of, tell_once, view_count, with_rule)
from fmnist._torch_augment import Augmentation, Rule, Values
from fmnist._torch_epoch import Epoch, Order, draw
from fmnist._torch_samples import MapDataset, each_label, is_plain, subset_of
from fmnist._torch_seeded import SeededSampler, ShardSampler
from fmnist._torch_transforms import chain_of, is_known
from fmnist._typing import Unpack


# iter(loader) of a DataLoader around the loader, which has drawn the base seed, comes from here,
_DATALOADER = ("torch.utils.data._utils.fetch",)
# and Lightning's saving and loading from here.
_LIGHTNING = ("pytorch_lightning.utilities.combined_loader",
              "lightning.pytorch.utilities.combined_loader")


def _base_seed_around() -> int | None:
    """What a DataLoader whose fetcher is asking has drawn for its workers' seeds."""
    frame: Any = sys._getframe()
    while frame is not None:
        seed = getattr(frame.f_locals.get("self"), "_base_seed", None)
        if isinstance(seed, int):
            return seed
        frame = frame.f_back
    return None


def _called_by(modules: tuple[str, ...]) -> bool:
    """Whether the Loader's method that asks was called by one of those."""
    return sys._getframe(2).f_globals.get("__name__") in modules


def _for_spawned_workers() -> bool:
    """Whether this is pickled for a DataLoader's worker that is being spawned."""
    frame = sys._getframe() if get_spawning_popen() is not None else None
    while frame is not None:
        if frame.f_globals.get("__name__") == "torch.utils.data.dataloader":
            return True
        frame = frame.f_back
    return False


class Loader(IterableDataset[Any], DataLoader[Any]):
    """Batches [X, y] of one split: an epoch each time it is iterated over. It is a DataLoader.

    dataset, split    a name that the daemon serves, and "train", "test" or another split of it; or a
                      MapDataset, or a Subset of one (random_split)
    fold=, folds=, held_out=, stratified=, fold_seed=, classes=, renumber=, label_map=     a part of the
                      split, as fmnist.part() says it; fold_seed= is its seed=
    batch_size        samples; None: single samples, as DataLoader
    drop_last         leave the short last batch out

    Which samples, in which order, is said as DataLoader is told:

    shuffle=True      drawn from torch's global generator, or from generator=
    seed=             with shuffle=True: epoch e is DistributedSampler(seed=seed)'s of set_epoch(e)
    rank=, world_size=, pad=     one of several processes' parts; nothing is sharded unasked
    indices=          numbers in the split, a mask, or a Subset; shuffled too, and sharded
    sampler=          any sampler, asked anew for each epoch; or numbers
    batch_sampler=    any batch sampler, of batches of any lengths, asked anew for each epoch
    order=            any order of the daemon's, by its name, with seed=

    Orders of a seed give one epoch after the other; set_epoch(e) says which is next.

    How the images are: resize= (the name of a rule, or a size as torchvision's Resize takes it) or
    height= and width=, dtype=, layout=, channels=, mean= and std= (in units of the 0..1 pixel),
    label_dtype=, target_transform= (of a label, an int). with_indices=True adds each sample's
    number: [X, y, indices]. Images float32 n x 1 x h x w and labels int64 n, unless told otherwise;
    labels of a multi-label set are rows, n x its number of classes.

    transform= is torchvision's, v1 or v2, of classes that are known (docs/augmentation.md): batches are
    DataLoader's over a data set with that transform, random numbers and all, as num_workers= says:
    of the global generator, or of each worker's. draws="counter" draws from none, but from seed=, the
    epoch and the sample's number. augment= is a chain as text instead, "random-crop(28, padding=4)".
    views=2 gives each image twice: images n x 2 x 1 x h x w.

    Tensors are the caller's own. With zero_copy=True they lie in the daemon's memory, which is
    mapped read-only: an in-place operation on one ends the process (PyTorch cannot mark it).

    num_workers=, prefetch_factor=, persistent_workers= start no process: they choose the moments at
    which random numbers are drawn, as with DataLoader. pin_memory= pins. A collate_fn=,
    batch_size=None, and a transform set on .dataset that is not known are served by DataLoader
    itself, sample by sample and with its workers.

    Which daemon: socket=, daemon="auto" and data=; timeout= seconds for a batch (0: 30);
    reconnect= seconds for a daemon that ended to come back, before errors.DaemonDied.

    Inside DataLoader(loader, batch_size=None, num_workers=n) the workers share the epoch's batches;
    there is nothing for them to do, and they cost more than they bring. shuffle=True is drawn there
    from the DataLoader's base seed; a sampler or a generator cannot be asked there.
    """

    dataset: Any  # a MapDataset, or a Subset of one

    def __init__(self, dataset: str | MapDataset | Subset[Any] = "fashion-mnist",
                 split: str | None = None, batch_size: int | None = 64, *,
                 shuffle: bool | None = None, sampler: Iterable[Any] | None = None,
                 batch_sampler: Iterable[Any] | None = None, indices: Any = None,
                 num_workers: int = 0, collate_fn: Callable[[list[Any]], Any] | None = None,
                 pin_memory: bool = False, drop_last: bool = False, timeout: float = 0,
                 worker_init_fn: Callable[[int], None] | None = None,
                 multiprocessing_context: Any = None, generator: torch.Generator | None = None,
                 prefetch_factor: int | None = None, persistent_workers: bool = False,
                 pin_memory_device: str = "", in_order: bool = True,
                 transform: Callable[[Any], Any] | None = None, augment: str | None = None,
                 draws: str | None = None, views: int | None = None,
                 target_transform: Callable[[int], Any] | None = None, seed: int | None = None,
                 order: str | None = None, rank: int | None = None, world_size: int | None = None,
                 pad: str | None = None, epoch: int | None = None,
                 resize: str | int | Sequence[int] | None = None, height: int = 0, width: int = 0,
                 dtype: str | torch.dtype | None = None, layout: str | None = None, channels: int = 0,
                 mean: float | Sequence[float] | None = None,
                 std: float | Sequence[float] | None = None, label_dtype: str | torch.dtype | None = None,
                 with_indices: bool = False, zero_copy: bool = False, transport: str | None = None,
                 socket: Any = None, daemon: str | None = None, data: Any = None,
                 reconnect: float | None = None, **of_split: Unpack[Part]) -> None:
        if "train" in of_split:
            raise TypeError('fmnist.torch.Loader has no argument train=; want split="train" or '
                            'split="test"')
        check_names(of_split, inspect.signature(Loader).parameters, "fmnist.torch.Loader")
        exclude(transform=transform, augment=augment)
        exclude(shuffle=shuffle, sampler=sampler, batch_sampler=batch_sampler, order=order)
        exclude(indices=indices, sampler=sampler, batch_sampler=batch_sampler)
        exclude(batch_sampler=batch_sampler, drop_last=drop_last)
        if batch_sampler is not None:
            if batch_size not in (1, 64):
                raise ValueError("batch_sampler= and batch_size= exclude each other")
            batch_size = 1  # DataLoader's default
        counts = draws_rule(draws) == "counter"
        spec = order_spec(sampler, batch_sampler, shuffle, seed, order, rank, world_size, pad,
                          epoch, drop_last, counts)
        if zero_copy and collate_fn is not None:
            raise ValueError("zero_copy= and collate_fn= exclude each other: samples are collated "
                             "into new tensors")
        if spec is not None and generator is not None and shuffle:
            raise ValueError("generator= is for shuffle=True without seed=, in one process")
        source = source_of(dataset, split, of_split, dict(
            resize=resize, height=height, width=width, dtype=dtype, layout=layout,
            channels=channels, mean=mean, std=std, label_dtype=label_dtype,
            with_indices=with_indices or None, socket=socket, daemon=daemon, data=data,
            reconnect=reconnect, timeout=seconds(timeout)), target_transform)
        source = with_rule(source, transform, Rule(
            augment, draws, view_count(views), seed or 0 if counts else None))
        self._given = dataset
        self._samples: MapDataset
        self._samples, chosen = subset_of(source)
        if indices is not None:
            if chosen is not None:
                raise ValueError("indices= and a Subset exclude each other")
            chosen = numbers_of(indices, self._samples)
            source = Subset(self._samples, chosen)  # type: ignore[arg-type]  # len() and [] do
        if spec is not None:
            kind = ShardSampler if spec["world_size"] > 1 else SeededSampler
            sampler, shuffle = kind(source, self._samples.where, spec), None
        self.zero_copy, self.transport = zero_copy, transport
        self.label_dtype = self._samples.label_dtype
        self.with_indices = self._samples.with_indices
        self._run: Epoch | None = None  # the newest iteration's
        # (its epoch, process): the next iteration is the rest of _run
        self._goes_on: tuple[int | None, int] | None = None
        self._base_drawn = False  # by an iteration before, with persistent_workers
        self._count = epoch or 0  # of iterations, for counter draws that have no other number
        self._told = False        # set_epoch was called
        # base seed of a DataLoader around this, iterations in it
        self._outer: tuple[int | None, int] = (None, 0)
        DataLoader.__init__(
            self, source, batch_size, shuffle, sampler, batch_sampler, num_workers, collate_fn,
            pin_memory, drop_last, timeout, worker_init_fn, multiprocessing_context, generator,
            prefetch_factor=prefetch_factor, persistent_workers=persistent_workers,
            pin_memory_device=pin_memory_device, in_order=in_order)
        self._order = Order(self._samples, chosen, self.batch_sampler, dict(
            label_dtype=self.label_dtype, indices=self.with_indices, zero_copy=zero_copy,
            transport=transport))
        self._check_augmentation(transform)
        if num_workers and not self._by_dataloader():
            tell_once(f"num_workers={num_workers}: fmnist.torch.Loader needs no worker processes "
                       "and starts none; the option only chooses when random numbers are drawn, as "
                       "in DataLoader" + (", and worker_init_fn= is not called"
                                          if worker_init_fn else ""))

    @property
    def _name(self) -> str:
        return f"{self._samples.where['dataset']}/{self._samples.split}"

    def __repr__(self) -> str:
        plain = self.dataset is self._samples
        count = self._samples.count_known if plain else len(self.dataset)
        return (f"<fmnist.torch.Loader {self._name}: " + (
                    "" if count is None else f"{count} samples, ") + (
                    f"batch_size={self.batch_size}, {type(self.sampler).__name__}>"
                    if self._order.sampler is not None else f"{type(self.batch_sampler).__name__}>"))

    # ---- what DataLoader's users ask

    @property
    def info(self) -> core.Info:
        """What the daemon made of it: a core.Info."""
        if self._run is not None and self._run.stream is not None:
            return self._run.stream.info
        self._prepare()
        with self._order.stream(self._order.known() or {}) as stream:
            return stream.info

    def __len__(self) -> int:
        """Batches an epoch."""
        return DataLoader.__len__(self)

    def _by_dataloader(self) -> bool:
        """Whether DataLoader itself has to read the samples."""
        transform = self._samples.transform
        return transform is not None and not is_known(transform) or self._singly()

    def _singly(self) -> bool:
        """Whether that is for another reason than an unknown transform."""
        return (self.batch_sampler is None or self.collate_fn is not default_collate or
                not is_plain(self.dataset))

    def _check_augmentation(self, transform: Any) -> None:
        """Errors: those of an augmentation that cannot be made or kept to."""
        rule = self._samples.rule
        if self._singly() and (rule.draws == "counter" or rule.views > 1):
            raise ValueError(("draws=\"counter\"" if rule.draws == "counter" else "views=") +
                             " beside collate_fn= or batch_size=None: DataLoader reads the samples "
                             "one by one then, with its own draws")
        if rule.draws is not None or rule.views > 1:
            transform = self._samples.transform
        if transform is not None and not self._singly() and not chain_of(transform).ends_in_tensor:
            raise TypeError("transform= gives PIL images, which cannot be made into a batch: it "
                            "has no ToTensor(), PILToTensor() or v2.ToImage()")
        if not self.in_order and self.num_workers:
            raise ValueError("in_order=False beside a transform: DataLoader gives a batch to "
                             "whichever worker has room, and draws other numbers each time")
        if rule.text is None and self._samples.transform is None and (
                rule.draws is not None or rule.views > 1):
            raise ValueError(("draws=" if rule.draws is not None else "views=") +
                             " without transform= or augment=: nothing is drawn")
        with contextlib.suppress(errors.NoDaemon):  # it is told when it is read
            self._samples.augmentation()

    def _prepare(self) -> Augmentation | None:
        """The augmentation as it is now, for what the order is asked next."""
        inside = get_worker_info() is not None  # of another DataLoader
        self._order.augmentation = self._samples.augmentation()
        self._order.workers = 0 if inside else self.num_workers
        return self._order.augmentation

    def check_worker_number_rationality(self) -> None:
        """DataLoader's warning of too many workers, where there are any."""
        if self._by_dataloader():
            DataLoader.check_worker_number_rationality(self)

    def set_epoch(self, epoch: int) -> None:
        """The next iteration gives that epoch, from its first batch; that of a restored state goes
        on where it was. Told to every sampler here that has a set_epoch (a drawn order has none).
        """
        self._told = True
        self._count = epoch
        self._tell(epoch)

    def _tell(self, epoch: int) -> None:
        for sampler in self._samplers():
            if hasattr(sampler, "set_epoch"):
                sampler.set_epoch(epoch)

    def _samplers(self) -> list[Any]:
        found: list[Any] = []
        for sampler in (self.batch_sampler, self.sampler,
                        getattr(self.batch_sampler, "sampler", None)):
            if sampler is not None and all(sampler is not other for other in found):
                found.append(sampler)
        return found

    def view_wire(self) -> None:
        """With zero_copy=True, images are from now on the samples as they travel: core.Stream's.
        But for those that no stream has, of a sampler that is asked for each, and those of a
        transform that draws without workers: shows_wire()."""
        if not self.zero_copy:
            raise ValueError("view_wire() needs zero_copy=True: tensors of your own are final")
        self._order.wire = True
        if self._run is not None and self._run.stream is not None and not self._run.final:
            self._run.stream.view_wire()

    def shows_wire(self) -> bool:
        """Whether the images of the batch handed out last are samples as they travel."""
        return (self._order.wire and not self._by_dataloader() and self._run is not None and
                not self._run.final)

    def close(self) -> None:
        """Ends the connection; the next iteration makes another, one that runs ends in a
        RuntimeError."""
        if self._run is not None and self._run.stream is not None:
            self._run.stream.close()

    # ---- going on

    def state_dict(self, back: int = 0) -> dict[str, Any]:
        """The position behind the last batch that the newest iterator handed out, or `back` batches
        before. Needs no daemon.

        It holds the states of generator= and of the generator that the sampler has as .generator,
        and within an epoch whose indices were drawn here those, too; of a sampler of your own how
        far it was asked, which a new one is then put through again; with num_workers= what their
        draws go on from. Keep it in the model's checkpoint, and torch.get_rng_state() beside it
        where the order, or a transform without workers, draws from torch's global generator.
        torch.load(weights_only=True) takes it. Behind the last batch of a `for` that has not ended, what is left is nothing: the
        resumed `for` is empty, and the next one the next epoch (under Lightning, which counts that
        epoch as done, the first one is).

        Errors: RuntimeError where DataLoader itself reads the samples, or where somebody else drew
        from a sampler's generator within the epoch.
        """
        run, lightning = self._run, _called_by(_LIGHTNING)
        how = None if self._by_dataloader() else self._prepare()
        if self._by_dataloader() or run is not None and run.moved and not run.finished:
            text = "there is no position: " + (
                "somebody else drew from the sampler's generator within the epoch" if not self._by_dataloader() else
                "DataLoader itself reads these samples (collate_fn=, a transform, or "
                "batch_size=None); torchdata's StatefulDataLoader over loader.dataset has one")
            if not lightning:
                raise RuntimeError(text)
            tell_once(f"Lightning's checkpoints are as with a DataLoader, for {text}")
            return {}
        inside = run is not None and (back > 0 or not run.finished)
        if lightning and run is not None and run.at_end(self._order):
            inside = False  # Lightning counts the epoch as done, and asks for the next
        if back and how is not None and how.by_torch and not self._order.workers:
            raise RuntimeError(
                f"there is no position {back} batches before: the global generator has drawn for "
                "those already; num_workers=1 draws an epoch's numbers at once, draws=\"counter\" "
                "from no generator")
        state: dict[str, Any] = {
            "inside": inside, "epoch": self._epoch_now(), "order": self._order.said(),
            "generators": [g.get_state() for g in self._generators()]}
        if self._outer[0] is not None:
            state["outer"] = list(self._outer)
            if how is not None and how.by_torch:
                state["rng"] = torch.get_rng_state()  # of this worker
        if how is not None and how.counts and not self._order.seeded:
            state["count"] = run.count if run is not None and inside else self._count
        if run is not None and run.base is not None and (inside or self.persistent_workers):
            state["workers"] = run.workers_state(self._order, None if inside else self._ahead())
        if run is None or not inside:
            return state
        state["epoch"] = run.number if run.number is not None else state["epoch"]
        state.update(run.state_dict(back))
        if "sampler" in state:  # no stream, whose token would say it
            state["samples"] = self._name
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The next iteration goes on where the state was taken.

        Errors: ValueError for what is no state of a Loader, or that of another order, or of a
        sampler that gives other batches now; errors.TokenError for that of another data set, split
        or batch size, of a sampler of your own also where the split is said in other words."""
        if state == {} and _called_by(_LIGHTNING):
            return
        if not isinstance(state, dict) or not {"inside", "epoch", "generators"} <= state.keys():
            raise ValueError("this is no state of a Loader; it has inside, epoch and generators, "
                             f"not {sorted(state) if isinstance(state, dict) else type(state)}")
        self._prepare()
        if state.get("order") != self._order.said():
            raise ValueError(f"the state is of a Loader with {state.get('order')}; this one has "
                             f"{self._order.said()}: make it as the one that was saved")
        if state.get("samples", self._name) != self._name:
            raise errors.TokenError(f"the state is of {state['samples']}; this Loader reads "
                                    f"{self._name}")
        generators = self._generators()
        if len(generators) != len(state["generators"]):
            raise ValueError(f"the state has {len(state['generators'])} generators, this Loader "
                             f"{len(generators)}: make it as the one that was saved")
        for generator, kept in zip(generators, state["generators"]):
            generator.set_state(kept)
        self._run = run = Epoch.restored(state, self._order)
        self._base_drawn = "workers" in state
        self._count = run.count + bool(state["inside"])
        if "outer" in state:
            base, iteration = state["outer"]
            self._outer = base, iteration
        if state["inside"]:
            self._go_on_with(run)
        elif state["epoch"] is not None and get_worker_info() is None and (
                self._order.seeded or not self._told):  # else the program says its epochs itself
            self._tell(state["epoch"])
        run.finished = not state["inside"]

    def _ahead(self) -> int:
        """Batches that a DataLoader's workers are sent before the first is wanted."""
        return (self.prefetch_factor or 0) * self.num_workers

    def _generators(self) -> list[torch.Generator]:
        return _draws.generators_of(self, self.batch_sampler)

    def _go_on_with(self, run: Epoch) -> None:
        if run.number is not None and get_worker_info() is None:
            self._tell(run.number)
        self._goes_on = run.number, os.getpid()

    def _rest(self) -> bool:
        """Whether the iteration that begins is the rest of one before."""
        goes_on, self._goes_on = self._goes_on, None
        if goes_on is None:
            return False
        epoch, process = goes_on
        if get_worker_info() is None:
            return epoch == self._epoch_now()  # else set_epoch said another one
        if process != os.getpid():
            raise RuntimeError("this Loader's state was loaded outside of the worker that reads it:"
                               " load it into a StatefulDataLoader, or use the Loader itself")
        return True

    def _epoch_now(self) -> int | None:
        """Of the sampler that counts epochs, if one does: the next."""
        for sampler in self._samplers():
            if hasattr(sampler, "set_epoch") and hasattr(sampler, "epoch"):
                epoch: int = sampler.epoch
                return epoch
        return None

    # ---- an epoch

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # DataLoader's own kind
        """One epoch's batches, [images, labels] or [images, labels, indices]."""
        worker = get_worker_info()
        if self._by_dataloader():
            if worker is not None:
                raise RuntimeError("inside another DataLoader's workers there is no collate_fn=, "
                                   "transform or batch_size=None: give them to that DataLoader")
            return DataLoader.__iter__(self)
        last, order = self._run, self._order
        self._samples.check_unchanged()
        how = self._prepare()
        if how is not None:
            how.check()
        order.chosen = subset_of(self.dataset)[1]
        rest = self._rest()
        if worker is not None:
            return self._in_worker(worker, last, rest)
        if rest and last is not None and last.stream is not None:
            if order.seeded:
                order.sampler.begin()
            return self._watched(last, self._streamed(last))
        if rest and last is not None and last.asked is not None:
            queue = collections.deque(last.ahead) if self.num_workers else None
            return self._watched(last, self._rest_asked(last, queue))
        batches = iter(order.batch_sampler) if order.asked() else None
        persistent = self.persistent_workers and self.num_workers > 0 and self._base_drawn
        around = _called_by(_DATALOADER)  # which has drawn from the global generator
        spare = last.stream if last is not None and not last.in_use() else None
        run = Epoch(self._epoch_now())
        run.count = self._count
        self._count += 1
        run.drawn = (rest and last is not None and last.drawn or persistent or
                     around and self.generator is None)
        if persistent and last is not None:
            run.base = last.base
            if how is not None and how.by_torch and run.base is not None:
                run.states = last.generators_behind(order, self._ahead())
        elif rest and last is not None:
            run.base = last.base
        elif around and run.drawn:
            run.base = _base_seed_around()
        if not (run.drawn or around):
            run.drawn = True
            run.base = draw(self.generator)
            if self.num_workers and batches is not None:
                batches = iter(order.batch_sampler)  # as DataLoader with workers does
        self._base_drawn = True
        self._run = run

        def begin() -> Iterator[Any] | None:
            if not run.drawn:  # a DataLoader around may throw this iterator away unread
                run.drawn = True
                run.base = draw(self.generator)
            return run.begin(order, batches, spare)

        if self.num_workers:  # they are sent their first batches at once
            alone, ahead = begin(), self._ahead()
            run.draws.asked(ahead)
            queue = collections.deque(itertools.islice(alone, ahead) if alone is not None else ())
            return self._watched(run, self._batches(run, lambda: alone, queue))
        return self._watched(run, self._batches(run, begin, None))

    def _watched(self, run: Epoch, reader: Iterator[Any]) -> Iterator[Any]:
        run.reader = weakref.ref(reader)
        return reader

    def _refuse_to_ask(self) -> None:
        if self._order.asked() or self.generator is not None:
            raise RuntimeError("a sampler or a generator is asked by the process that reads the "
                               "batches: use this Loader itself, or num_workers=0")

    def __getstate__(self) -> dict[str, Any]:
        if _for_spawned_workers() and not self._by_dataloader():
            self._refuse_to_ask()
        return self.__dict__

    def _in_worker(self, worker: Any, last: Epoch | None, rest: bool) -> Iterator[Any]:
        """The part of worker.id of the epoch: every num_workers-th batch."""
        self._refuse_to_ask()
        how = self._order.augmentation
        if how is not None and how.random and how.counts and not self._order.seeded:
            raise RuntimeError("draws=\"counter\" inside another DataLoader's workers, of an order "
                               "that counts no epochs: give order= or shuffle=True, with seed=")
        base = worker.seed - worker.id  # the same in all of them
        before, iteration = self._outer
        if before != base:
            iteration = 0
        elif not rest:
            iteration += 1  # persistent workers
        self._outer = base, iteration
        self._run = run = last if rest and last is not None else Epoch()
        if rest and run.rng is not None:
            torch.set_rng_state(run.rng)
        run.begin_in_worker(self._order, base, iteration,
                            None if rest or last is None else last.stream)
        return self._watched(run, self._streamed(run, worker.id, worker.num_workers))

    def _batches(self, run: Epoch, begin: Callable[[], Iterator[Any] | None],
                 queue: collections.deque[Any] | None) -> Iterator[Any]:
        alone = begin()
        if alone is None:
            yield from self._streamed(run)
        else:
            yield from self._asked(run, alone, queue)
        run.finished = True

    def _rest_asked(self, run: Epoch, queue: collections.deque[Any] | None) -> Iterator[Any]:
        assert run.asked is not None
        positions = run.pairs(self._order, run.asked)
        if queue is None:
            positions = itertools.chain(run.ahead, positions)
        yield from self._asked(run, positions, queue)
        run.finished = True

    def _asked(self, run: Epoch, positions: Iterator[Any],
               queue: collections.deque[Any] | None) -> Iterator[Any]:
        """Of a sampler that is asked batch by batch, for (positions, draws); `queue`: those that it
        was asked for ahead."""
        run.final = True
        while True:
            if queue is None:
                asked = next(positions, None)
            else:
                asked = queue.popleft() if queue else None
            if asked is None:
                return
            batch = self._fetched(*asked)
            if queue is not None:
                queue.extend(itertools.islice(positions, 1))
            run.handed += 1
            yield batch

    def _streamed(self, run: Epoch, first: int = 0, stride: int = 1) -> Iterator[Any]:
        draws, done = run.draws, 0
        ahead = self._ahead()
        _idle.take(run.stream)
        try:
            for _, step, *arrays in run.batches(first, stride):
                if draws.states:
                    draws.asked(ahead + step + 1)
                self._order.answered = True
                run.handed = step + 1
                yield self._made(*arrays)
                done = step + 1
            draws.asked(ahead + draws.steps + 1)
        except _draws.Moved:
            run.moved = True
            read, rest = draws.again(self.batch_sampler, self._order.chosen)
            again = run.pairs(self._order, rest)
            queue = None
            if ahead:
                queue = collections.deque(list(run.pairs(self._order, read))[done:])
            if queue is not None and not queue:
                queue.extend(itertools.islice(again, 1))
            yield from self._asked(run, again, queue)
        except errors.Error:
            if self._run is run:
                self._go_on_with(run)  # the next `for` tries again
            raise
        finally:
            if run.stream is not None:
                _idle.put(run.stream)
        run.finished = True

    def _made(self, images: torch.Tensor, labels: torch.Tensor,
              indices: torch.Tensor | None) -> list[Any]:
        target_transform = self._samples.target_transform
        if target_transform is not None:
            labels = default_collate([target_transform(label) for label in each_label(labels)])
        batch = [images, labels] if indices is None else [images, labels, indices]
        if self.pin_memory:
            batch = _pinned(batch)
        return batch

    def _fetched(self, positions: Iterable[Any], values: Values | None) -> list[Any]:
        """A batch that is read without a stream."""
        chosen = self._order.numbers(numbers([operator.index(i) for i in positions]))
        if self._order.augmentation is None:
            images, labels, found = self._samples.numbered(chosen)
        else:
            images, labels, found = self._samples.augmented(chosen, values)
        return self._made(images, labels.to(getattr(torch, self.label_dtype)),
                          found if self.with_indices else None)


shows(Loader.__init__, *FIELDS)


def _pinned(batch: list[Any]) -> list[Any]:
    if torch.accelerator.is_available():
        return [tensor.pin_memory() for tensor in batch]
    tell_once("pin_memory=True, and there is no accelerator to pin memory for: it is not pinned")
    return batch
