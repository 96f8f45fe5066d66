"""Where the order of a fmnist.torch.Loader's epochs comes from, and one epoch that is being read."""
import weakref
from collections.abc import Iterator
from typing import Any, Self

import torch
from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler

from fmnist import _idle, _torch_draws as _draws, core
from fmnist._loader import numbers
from fmnist._torch_draws import Numbers
from fmnist._torch_samples import MapDataset, TorchArrays
from fmnist._torch_seeded import SeededSampler, ShardSampler


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
        return names + ("" if self.chosen is None else f", {len(self.chosen)} samples chosen")

    def numbers(self, positions: Numbers) -> Numbers:
        """Of positions in the data set: numbers in the split."""
        return positions if self.chosen is None else self.chosen[positions]

    def stream(self, spec: dict[str, Any]) -> core.Stream:
        """A new one, of that order; it is not connected yet."""
        batches, size = self.batch_sampler, {}
        if self.sampler is not None:
            size = {"batch_size": batches.batch_size, "drop_last": batches.drop_last}
        stream = core.Stream(**{**self.samples.where, **self.samples.spec, **self.given, **size,
                                "arrays": TorchArrays, **spec})
        stream.patient = self.answered
        if self.wire:
            stream.view_wire()
        return stream


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
        self.ahead: list[Any] = []  # restored: those that it was asked for before
        self.moved = False    # others drew from its generator: there is no position
        self.ended = False    # restored behind its last batch, with the end still to come
        self.finished = False
        self.reader: weakref.ref[Iterator[Any]] | None = None  # its iterator

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "reader": None, "asked": None}

    def in_use(self) -> bool:
        """Whether somebody may go on with it."""
        return not self.finished and self.reader is not None and self.reader() is not None

    def begin(self, order: Order, batches: Iterator[Any] | None,
              spare: core.Stream | None) -> Iterator[Any] | None:
        """Draws what the order is made of, and opens its stream. `batches`: of the batch sampler,
        where that is asked. Returns None, or an iterator of lists of positions that is to be asked
        for them one by one."""
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
                    return self.asked
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
        self.stream = order.stream(spec)
        if spare is None:
            return
        if spare.same_spec(self.stream):
            self.stream = spare
            spare.seek(spec.get("epoch", 0))
        else:
            spare.close()

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
        if "sampler" in state:
            epoch.handed = state["sampler"]["handed"]
            epoch.ahead, epoch.asked = _draws.Asked.restored(
                state["sampler"], order.batch_sampler, _draws.generators_of(order.batch_sampler))
        if "draws" in state:
            epoch.draws = _draws.Draws.restored(state["draws"],
                                                _draws.generator_of(order.batch_sampler))
        if "token" in state:
            epoch.seed = state["seed"]
            spec = epoch.draws.spec() if epoch.draws.indices is not None else order.known() or {}
            seed = {} if epoch.seed is None else {"seed": epoch.seed}
            epoch.stream = order.stream({**spec, **seed})
            epoch.stream.load_state_dict({"token": state["token"]})
            _idle.put(epoch.stream)
            epoch.ended = state["ended"]
        return epoch
