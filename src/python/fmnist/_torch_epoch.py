# SPDX-License-Identifier: MIT
"""Where the order of a fmnist.torch.Loader's epochs comes from, and one epoch that is being read."""
import operator
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler

from fmnist import _idle, _torch_draws as _draws, core
from fmnist._loader import numbers
from fmnist._torch_augment import Augmentation, Values, worker_states
from fmnist._torch_draws import Numbers
from fmnist._torch_samples import MapDataset, TorchArrays
from fmnist._torch_seeded import SeededSampler, ShardSampler
from fmnist._typing import Self


def draw(generator: torch.Generator | None = None) -> int:
    """What DataLoader draws for its workers, and RandomSampler for its seed."""
    return int(torch.empty((), dtype=torch.int64).random_(generator=generator).item())


class Order:
    """What a Loader was told of its samples' order, by DataLoader's own objects.

    samples: a MapDataset. chosen: numbers in it, or None. given: further keywords of its streams.
    """

    def __init__(self, samples: MapDataset, chosen: Numbers | None, batch_sampler: Any,
                 given: dict[str, Any]) -> None:
        self.samples, self.chosen, self.given = samples, chosen, given
        self.answered = False  # the daemon did, once: it is waited for
        self.wire = False      # views show samples as they travel
        self.batch_sampler = batch_sampler
        self.sampler: Any = batch_sampler.sampler if type(batch_sampler) is BatchSampler else None
        self.seeded = isinstance(self.sampler, (SeededSampler, ShardSampler))
        self.static = _draws.is_static(self.sampler)
        self.augmentation: Augmentation | None = None  # of the iteration that begins
        self.workers = 0  # whose generators it draws from; 0: the global one

    @property
    def count(self) -> int:
        """Samples of the data set or Subset that is read."""
        return len(self.samples) if self.chosen is None else len(self.chosen)

    def shuffles(self) -> bool:
        """Whether it is shuffle=True, or a RandomSampler that does as much."""
        sampler = self.sampler
        return type(sampler) is RandomSampler and not sampler.replacement and (
            sampler.num_samples == len(sampler.data_source) == self.count)

    def known(self) -> dict[str, Any] | None:
        """What a Stream is told of an order that the daemon knows, but for the seed that shuffling
        draws; None of another."""
        spec: dict[str, Any]
        if self.seeded:
            spec = self.sampler.spec
        elif type(self.sampler) is SequentialSampler and len(self.sampler) == self.count:
            spec = {"order": "sequential"}
        elif self.shuffles() and self.sampler.generator is None:
            spec = {"order": "torch"}
        else:
            return None
        return spec if self.chosen is None else {**spec, "list": self.chosen}

    def asked(self) -> bool:
        """Whether a sampler has to be asked for each epoch."""
        return not self.static and self.known() is None

    def said(self) -> str:
        """How the order was said, in words that a state keeps."""
        names = type(self.batch_sampler).__name__
        if self.sampler is not None:
            names += f" of {type(self.sampler).__name__}"
        if self.seeded:
            names += f" of {self.sampler.spec['order']}, seed {self.sampler.spec['seed']}"
        how = self.augmentation
        if self.chosen is not None:
            names += f", {len(self.chosen)} samples chosen"
        if how is not None:
            names += f", augmented by {how.text}"
        if how is not None and how.by_torch and self.workers:
            names += f", drawn by {self.workers} workers"
        return names

    def numbers(self, positions: Numbers) -> Numbers:
        """Of positions in the data set: numbers in the split."""
        return positions if self.chosen is None else self.chosen[positions]

    def listed(self, spec: dict[str, Any]) -> tuple[Numbers, Numbers]:
        """(numbers, lengths of batches) of one epoch that a Stream of that spec would give."""
        given: Any = spec.get("list")
        if spec["order"] == "list" or not self.seeded and spec["order"] == "sequential":
            chosen: Numbers = np.arange(self.count, dtype=np.uint32) if given is None else given
        elif self.seeded:
            chosen = self.numbers(self.sampler.positions(spec["epoch"]))
        else:  # shuffle=True, by the number that was drawn
            generator = torch.Generator().manual_seed(spec["seed"])
            order = torch.randperm(self.count, generator=generator)
            chosen = self.numbers(order.numpy().astype(np.uint32))
        if "list_batches" in spec:
            return chosen, spec["list_batches"]
        size = spec.get("batch_size") or self.batch_sampler.batch_size
        whole, rest = divmod(len(chosen), size)
        if self.sampler is not None and self.batch_sampler.drop_last:
            chosen, rest = chosen[:whole * size], 0
        return chosen, np.array([size] * whole + [rest] * (rest > 0), np.uint32)

    def stream(self, spec: dict[str, Any]) -> core.Stream:
        """A new one, of that order; it is not connected yet."""
        batches, size = self.batch_sampler, {}
        if self.sampler is not None:
            size = {"batch_size": batches.batch_size, "drop_last": batches.drop_last}
        images = self.samples.spec if self.augmentation is None else self.augmentation.fields
        stream = core.Stream(**{**self.samples.where, **images, **self.given, **size,
                                "arrays": TorchArrays, **spec})
        stream.patient = self.answered
        if self.wire and spec.get("draws") != "caller":
            stream.view_wire()
        return stream


def _batches_of(spec: dict[str, Any]) -> dict[str, Any]:
    """What a spec says of its batches."""
    return {name: spec[name] for name in ("batch_size", "list_batches") if name in spec}


class Epoch:
    """One epoch that is being read: what its order was drawn from, and how far it is."""

    def __init__(self, number: int | None = None) -> None:
        self.number = number  # of a sampler that counts them
        # Drawn from the global generator, or of a DataLoader's base seed.
        self.seed: int | None = None
        self.draws = _draws.Draws(None)
        # None: nothing was drawn yet, or it is read without one.
        self.stream: core.Stream | None = None
        self.drawn = False    # the number that DataLoader draws for its workers' seeds
        # A sampler that is asked batch by batch, and how many of its batches were handed out.
        self.asked: _draws.Asked | None = None
        self.handed = 0
        self.final = False    # read without a stream: images, also where views show samples
        self.ahead: list[Any] = []  # restored: those that it was asked for before, as pairs
        self.moved = False    # others drew from its generator: there is no position
        self.ended = False    # restored behind its last batch, with the end still to come
        self.finished = False
        self.reader: weakref.ref[Iterator[Any]] | None = None  # its iterator
        # What a DataLoader's workers are seeded from, their generators' states at the beginning
        # (None: those of new ones), and the lengths of the batches that they were sent or will be.
        self.base: int | None = None
        self.states: bytes | None = None
        self.lengths: Any = []
        self.moving: bytearray | None = None  # behind those, where there is no stream
        self.rng: torch.Tensor | None = None  # restored: the global generator's, of another
                                              # DataLoader's worker
        self.count = 0        # of the iterations, where counter draws have no other number

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "reader": None, "asked": None, "ahead": []}

    def in_use(self) -> bool:
        """Whether somebody may go on with it."""
        return not self.finished and self.reader is not None and self.reader() is not None

    def begin(self, order: Order, batches: Iterator[Any] | None,
              spare: core.Stream | None) -> Iterator[Any] | None:
        """Draws what the order is made of, and opens its stream. `batches`: of the batch sampler,
        where that is asked. Returns None, or an iterator of (list of positions, draws) that is to
        be asked for them one by one."""
        spec, sampler = order.known(), order.sampler
        draws: Any
        if spec is not None and order.seeded:
            self.number = sampler.begin()
            spec = {**spec, "epoch": self.number}
        elif spec is not None and order.shuffles():
            self.seed = draw()
            spec = {**spec, "seed": self.seed}
        elif order.static:
            spec = self.listed(order)
        elif spec is None:
            if order.shuffles():
                draws = _draws.shuffled(order.count, sampler.generator,
                                        order.batch_sampler.batch_size,
                                        order.batch_sampler.drop_last, order.chosen)
            else:
                assert batches is not None  # order.asked()
                if not _draws.is_known(order.batch_sampler):
                    self.asked = _draws.Asked(batches, _draws.generators_of(order.batch_sampler))
                    return self.pairs(order, self.asked)
                draws = _draws.sampled(batches, order.chosen,
                                       _draws.generator_of(order.batch_sampler))
            self.draws = draws
            spec = draws.spec() if len(draws.indices) else None
        if spec is not None:
            self.open(order, spec, spare)
        return None

    def begin_in_worker(self, order: Order, base: int, iteration: int,
                        spare: core.Stream | None) -> None:
        """The same in a worker of a DataLoader around the Loader: drawn from its base seed."""
        spec = order.known()
        if spec is not None and order.seeded:
            self.number = order.sampler.begin(f"{base}-{iteration}", self.number)
            spec = {**spec, "epoch": self.number}
        elif spec is not None and order.shuffles():
            self.seed = base + iteration if self.seed is None else self.seed
            spec = {**spec, "seed": self.seed}
        if self.stream is None:
            self.open(order, spec or self.listed(order), spare)
        else:
            self.attach(order, self.stream)

    def listed(self, order: Order) -> dict[str, Any] | None:
        """The spec of a sampler that is the numbers themselves."""
        self.draws = _draws.Draws(order.numbers(numbers(order.sampler)))
        return self.draws.spec() if len(self.draws.indices) else None

    def batches(self, first: int = 0, stride: int = 1) -> Iterator[core.Batch]:
        """What is left of it, of the stream."""
        if self.stream is None or self.ended:
            return iter(())
        return self.stream.batches(first, stride)

    def open(self, order: Order, spec: dict[str, Any] | None,
             spare: core.Stream | None) -> None:
        """The stream of that order: `spare`, the last epoch's, where it is of the same spec."""
        if spec is None or not len(order.batch_sampler):
            return
        self.stream = made = self.augmented(order, spec)
        if spare is None:
            return
        if spare.same_spec(made):
            self.attach(order, spare)
            self.stream = spare
            spare.seek(made.first_epoch)
        else:
            spare.close()

    def workers_state(self, order: Order, ahead: int | None) -> dict[str, Any]:
        """What a DataLoader's workers go on from: at the epoch's beginning, or with `ahead` behind
        what they were sent."""
        states, how = self.states, order.augmentation
        if ahead is not None and how is not None and how.by_torch:
            states = self.generators_behind(order, ahead)
        return {"base": self.base, "states": None if states is None else torch.frombuffer(
            bytearray(states), dtype=torch.uint8)}

    # ---- augmentation

    def augmented(self, order: Order, spec: dict[str, Any]) -> core.Stream:
        """A stream of that order, with the draws that its augmentation takes."""
        how = order.augmentation
        if how is None or not how.random:
            return order.stream(spec)
        if how.counts:
            return order.stream(self._counted(order, how, spec))
        if not order.workers:
            stream = order.stream({**spec, "draws": "caller"})
            self.attach(order, stream)
            return stream
        chosen, self.lengths = order.listed(spec)
        values = how.from_states(self.generators(order), self.lengths)
        return order.stream({**_batches_of(spec), "order": "list", "list": chosen,
                             "list_values": values, "draws": "list"})

    def attach(self, order: Order, stream: core.Stream) -> None:
        """Has a stream ask for draws of the global generator, batch by batch."""
        how, draws = order.augmentation, self.draws  # not this epoch, which holds the stream
        if how is None or not how.by_torch or order.workers:
            return

        def draw_now(step: int, samples: int) -> Values:
            draws.asked(step + 1)  # as DataLoader: the sampler, then the transform
            assert how is not None
            return how.from_global(samples)

        stream.draw, self.final = draw_now, True

    def _counted(self, order: Order, how: Augmentation, spec: dict[str, Any]) -> dict[str, Any]:
        if how.seed is None or order.seeded:
            return spec
        if spec["order"] != "list":  # whose seed is another
            spec = {**_batches_of(spec), "order": "list", "list": order.listed(spec)[0]}
        return {**spec, "seed": how.seed, "epoch": self._draw_epoch()}

    def _draw_epoch(self) -> int:
        """Of counter draws beside an order that has no seed."""
        return self.count if self.number is None else self.number

    def pairs(self, order: Order, batches: Iterable[Any]) -> Iterator[Any]:
        """(positions, draws or None) of batches that are read without a stream, as each is asked
        for."""
        for batch in batches:
            yield batch, self._values_of(order, batch)

    def _values_of(self, order: Order, batch: Any) -> Values | None:
        how = order.augmentation
        if how is None or not how.random:
            return None
        if how.counts:
            chosen = order.numbers(numbers([operator.index(i) for i in batch]))
            return how.from_counter(how.seed or 0, self._draw_epoch(), chosen)
        if not order.workers:
            return how.from_global(len(batch))
        if self.moving is None:
            self.moving, self.lengths = self.generators(order), []
        values = how.from_states(self.moving, [len(batch)], len(self.lengths))
        self.lengths.append(len(batch))
        return values

    def _drawn_again(self, order: Order, lengths: list[int]) -> None:
        """Moves the workers' generators on by batches that were made before."""
        how = order.augmentation
        if how is not None and how.by_torch and order.workers:
            self.moving, self.lengths = self.generators(order), list(lengths)
            how.from_states(self.moving, lengths)

    def generators(self, order: Order) -> bytearray:
        """The workers', as the epoch begins."""
        if self.states is not None:
            return bytearray(self.states)
        assert self.base is not None  # it was drawn
        return worker_states(self.base, order.workers)

    def generators_behind(self, order: Order, ahead: int) -> bytes:
        """The workers', when they have made what they were sent: `ahead` batches at first, and one
        more for each that was handed out."""
        states, how = self.generators(order), order.augmentation
        if how is not None and how.by_torch:
            how.from_states(states, self.lengths[:ahead + self.handed])
        return bytes(states)

    def at_end(self, order: Order) -> bool:
        """Whether the batch that was handed out last is its last."""
        if self.asked is not None:
            try:
                return self.handed == len(order.batch_sampler)
            except (TypeError, NotImplementedError):
                return False
        return self.stream is not None and self.stream.at_end

    def state_dict(self, back: int) -> dict[str, Any]:
        """The position `back` batches before, and what the order was drawn from."""
        state: dict[str, Any] = {"drawn": self.drawn}
        if self.asked is not None:
            state["sampler"] = self.asked.state_dict(self.handed - back)
        if self.stream is not None:
            state.update(self.stream.state_dict(back), seed=self.seed,
                         ended=not back and self.stream.at_end)
            if self.draws.indices is not None:
                state["draws"] = self.draws.state_dict(back)
        return state

    @classmethod
    def restored(cls, state: dict[str, Any], order: Order) -> Self:
        """Of a Loader's state_dict. Errors: those of core.Stream.load_state_dict."""
        epoch = cls(state["epoch"])
        epoch.drawn = state.get("drawn", False)
        epoch.count, epoch.rng = state.get("count", 0), state.get("rng")
        workers = state.get("workers")
        if workers is not None:
            epoch.base, kept = workers["base"], workers["states"]
            epoch.states = None if kept is None else kept.numpy().tobytes()
        if "sampler" in state:
            epoch.handed = state["sampler"]["handed"]
            ahead, epoch.asked = _draws.Asked.restored(
                state["sampler"], order.batch_sampler, _draws.generators_of(order.batch_sampler))
            epoch._drawn_again(order, epoch.asked.lengths[:-len(ahead) or None])
            epoch.ahead = list(epoch.pairs(order, ahead))
        if "draws" in state:
            epoch.draws = _draws.Draws.restored(state["draws"],
                                                _draws.generator_of(order.batch_sampler))
        if "token" in state:
            epoch.seed = state["seed"]
            spec = epoch.draws.spec() if epoch.draws.indices is not None else order.known() or {}
            seed = {} if epoch.seed is None else {"seed": epoch.seed}
            if order.seeded:
                seed["epoch"] = epoch.number
            epoch.stream = epoch.augmented(order, {**spec, **seed})
            epoch.stream.load_state_dict({"token": state["token"]})
            _idle.put(epoch.stream)
            epoch.handed = epoch.stream.handed
            epoch.ended = state["ended"]
        return epoch
