# SPDX-License-Identifier: MIT
"""What a PyTorch sampler gives for one epoch, read ahead of the daemon without being seen to.

DataLoader asks a sampler while the epoch runs, so that a generator is where the batches handed out
so far have left it, also when the epoch is broken off. A daemon has to know the indices first. So a
sampler is asked for all of them when the epoch's first batch is wanted, its generator's states are
noted on the way, and it is put through them again as the batches are asked for.

Where the program draws from that generator, too, the sampler is put through the epoch again, up to
there, and asked batch by batch from then on.

A sampler of another's making may have a state of its own, or look at what the program does meanwhile:
it is asked batch by batch, as DataLoader asks it (Asked).
"""
import itertools
import operator
import random
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import (BatchSampler, DistributedSampler, RandomSampler, SequentialSampler,
                              SubsetRandomSampler, WeightedRandomSampler)

from fmnist._loader import numbers
from fmnist._typing import Self

Numbers = NDArray[np.uint32]

END = -1  # the key of the state behind the last batch


class Moved(Exception):
    """Somebody else drew from the generator, and the sampler draws from it once more."""


class Draws:
    """Indices of one epoch, as order="list" takes them, and the states of `generator` (or None).

    states[n] is its state once batch n was asked for, where that changed it; states[END] the one
    when there was no further batch than those `steps`. `first` is the one before batch 0.
    """

    def __init__(self, indices: Numbers | None, lengths: Numbers | None = None,
                 generator: torch.Generator | None = None,
                 states: dict[int, torch.Tensor] | None = None, first: torch.Tensor | None = None,
                 steps: int = 0) -> None:
        self.indices: Any = indices  # None: the daemon draws them
        self.lengths, self.steps = lengths, steps
        self.generator: Any = generator  # there is one where there are states
        self.states, self.first = states or {}, first
        self._asked, self._left = 0, first

    def spec(self) -> dict[str, Any]:
        """What a core.Stream of them has instead of its own."""
        spec: dict[str, Any] = {"order": "list", "list": self.indices}
        lengths = self.lengths
        if lengths is None:
            return spec
        if (lengths[:-1] == lengths[0]).all() and lengths[-1] <= lengths[0]:
            return {**spec, "batch_size": int(lengths[0])}  # faster: fetched in blocks
        return {**spec, "list_batches": lengths}

    def asked(self, count: int) -> None:
        """So many batches have been asked for, so far; one more than there are: the end was met.
        Raises Moved where what was read ahead does not hold any longer."""
        if self.states and count > self._asked:
            state = self._state(self._asked, count)
            if state is not None:
                assert self._left is not None  # it goes with the states
                if not torch.equal(self.generator.get_state(), self._left):
                    raise Moved
                self.generator.set_state(state)
                self._left = state
            self._asked = count

    def _state(self, begin: int, end: int) -> torch.Tensor | None:
        """The newest of those noted in the asking for batches begin .. end - 1."""
        if end > self.steps and END in self.states:
            return self.states[END]
        keys = range(min(end, self.steps) - 1, begin - 1, -1)
        return next((self.states[key] for key in keys if key in self.states), None)

    def again(self, batch_sampler: Any,
              numbers_of: Numbers | None) -> tuple[list[Any], Iterator[Any]]:
        """(batches that were asked for, an iterator of the rest), as positions: the sampler itself
        goes on from what the generator has become.

        Errors: RuntimeError where the sampler gives other batches than before."""
        now = self.generator.get_state()
        self.generator.set_state(self.first)
        rest = iter(batch_sampler)
        read = list(itertools.islice(rest, self._asked))
        self.generator.set_state(now)
        indices = numbers([operator.index(i) for batch in read for i in batch])
        if numbers_of is not None:
            indices = numbers_of[indices]
        if not np.array_equal(indices, self.indices[:len(indices)]):
            raise RuntimeError(
                "somebody drew from the sampler's generator within the epoch, and the sampler, "
                "which has a state of its own, does not give the same batches twice: give it a "
                "generator of its own")
        return read, rest

    def state_dict(self, back: int) -> dict[str, Any]:
        """As `back` batches before. Tensors only: torch.load(weights_only=True) takes them."""
        kept: dict[str, Any] = {"list": _tensor(self.indices), "lengths": _tensor(self.lengths)}
        if self.states:
            asked = self._asked - back
            kept.update(asked=asked, steps=self.steps, first=self.first, states={
                key: state for key, state in self.states.items() if key >= asked or key == END})
            if back:
                now = self._state(0, asked)
                kept["now"] = self.first if now is None else now
        return kept

    @classmethod
    def restored(cls, state: dict[str, Any], generator: torch.Generator | None) -> Self:
        """Of a state_dict; `generator` is put where it was."""
        draws = cls(_array(state["list"]), _array(state["lengths"]))
        if "states" in state and generator is not None:
            if "now" in state:
                generator.set_state(state["now"])
            draws.generator, draws.first = generator, state["first"]
            draws.states, draws.steps = dict(state["states"]), state["steps"]
            draws._asked, draws._left = state["asked"], generator.get_state()
        return draws


def _tensor(array: Numbers | None) -> torch.Tensor | None:
    return None if array is None else torch.from_numpy(array.view(np.int32).copy())


def _array(tensor: torch.Tensor | None) -> Numbers | None:
    if tensor is None:
        return None
    array: Numbers = tensor.numpy().view(np.uint32)
    return array


def shuffled(count: int, generator: torch.Generator, batch_size: int, drop_last: bool,
             indices: Numbers | None = None) -> Draws:
    """RandomSampler's epoch of `count` samples, or of those `indices`, with the second permutation
    that it draws when asked for more, and throws away: a short last batch asks for more."""
    first = generator.get_state()
    order = torch.randperm(count, generator=generator)
    states = {0: generator.get_state()}
    torch.randperm(count, generator=generator)
    states[END] = generator.get_state()
    generator.set_state(first)
    steps = count // batch_size
    if count % batch_size and not drop_last:
        states[steps] = states[END]
        steps += 1
    numbered = order.numpy().astype(np.uint32) if indices is None else indices[order.numpy()]
    return Draws(numbered, None, generator, states, first, steps)


_KNOWN = (BatchSampler, DistributedSampler, RandomSampler, SequentialSampler, SubsetRandomSampler,
          WeightedRandomSampler)


def is_known(batch_sampler: Any) -> bool:
    """Whether it is made of PyTorch's own samplers, and so may be read ahead."""
    if type(batch_sampler) is BatchSampler:
        return is_known(batch_sampler.sampler)
    return type(batch_sampler) in _KNOWN or is_static(batch_sampler)


def sampled(batches: Iterator[Any], numbers_of: Numbers | None,
            generator: torch.Generator | None) -> Draws:
    """Everything that an iterator `batches` of a known batch sampler gives; `generator`, or None,
    is what it draws from. numbers_of: of a Subset's positions, or None."""
    states: dict[int, torch.Tensor] = {}
    last = first = generator.get_state() if generator is not None else None
    read: list[Any] = []

    def note(key: int) -> None:
        nonlocal last
        if generator is not None and last is not None:
            now = generator.get_state()
            if not torch.equal(now, last):
                states[key] = last = now

    for batch in batches:
        note(len(read))
        read.append(batch)
    note(END)
    lengths = np.array([len(batch) for batch in read], np.uint32)
    indices = numbers([operator.index(i) for batch in read for i in batch])
    if numbers_of is not None:
        indices = numbers_of[indices]
    if states and generator is not None and first is not None and last is not None:
        states.setdefault(END, last)
        generator.set_state(first)
    return Draws(indices, lengths, generator, states, first, len(read))


class Asked:
    """The batches of a sampler that is asked for one after the other, and where it began: the
    states of all generators then, and a digest of what it gave.

    From a state, another sampler of its kind is put through the epoch again, up to there."""

    def __init__(self, batches: Iterator[Any], generators: list[torch.Generator]) -> None:
        self._batches, self._generators = batches, generators
        self._first: Any = None  # the generators' states before the first batch
        self._given: list[int] = []  # digests of the batches up to each
        self.lengths: list[int] = []  # of the batches

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[int]:
        if self._first is None:
            self._first = _states(self._generators)
        batch = [operator.index(i) for i in next(self._batches)]
        before = self._given[-1] if self._given else 0
        self._given.append(zlib.crc32(np.array(batch, np.int64).tobytes(), before))
        self.lengths.append(len(batch))
        return batch

    def state_dict(self, handed: int) -> dict[str, Any]:
        """As `handed` batches were handed out, of those that it was asked for."""
        return {"first": self._first, "handed": handed, "asked": len(self._given),
                "digest": self._given[handed - 1] if handed else 0}

    @classmethod
    def restored(cls, state: dict[str, Any], batch_sampler: Any,
                 generators: list[torch.Generator]) -> tuple[list[list[int]], Self]:
        """(batches that it was asked for and that were not handed out, itself).

        Errors: ValueError where the sampler gives other batches than the one that was saved."""
        now = _states(generators)
        if state["first"] is not None:
            _restore(state["first"], generators)
        asked = cls(iter(batch_sampler), generators)
        read = list(itertools.islice(asked, state["asked"]))
        handed = state["handed"]
        if state["first"] is not None:
            asked._first = state["first"]
        _restore(now, generators)
        if handed and (len(asked._given) < handed or asked._given[handed - 1] != state["digest"]):
            raise ValueError("the state is of a sampler that gave other batches than this one, made "
                             "anew, does: make it as it was at that epoch's beginning, or save "
                             "between two epochs")
        return read[handed:], asked


def _states(generators: list[torch.Generator]) -> list[Any]:
    """Of the global generators, and of those. What torch.load(weights_only=True) takes."""
    ours: Any = np.random.get_state()
    return [torch.get_rng_state(), random.getstate(), ours[1].tobytes(),
            tuple(x.item() if hasattr(x, "item") else x for x in ours[2:]),
            [g.get_state() for g in generators]]


def _restore(states: list[Any], generators: list[torch.Generator]) -> None:
    torch.set_rng_state(states[0])
    random.setstate(states[1])
    np.random.set_state(("MT19937", np.frombuffer(states[2], np.uint32), *states[3]))
    for generator, state in zip(generators, states[4]):
        generator.set_state(state)


def generators_of(*holders: Any) -> list[torch.Generator]:
    """The generators that loaders and samplers say they draw from, each once."""
    found: list[torch.Generator] = []
    for holder in (*holders, *(getattr(h, "sampler", None) for h in holders)):
        generator = getattr(holder, "generator", None)
        if isinstance(generator, torch.Generator) and all(generator is not g for g in found):
            found.append(generator)
    return found


def generator_of(batch_sampler: Any) -> torch.Generator | None:
    """The generator that a batch sampler, or the sampler within it, says it draws from."""
    return next(iter(generators_of(batch_sampler)), None)


def is_static(sampler: Any) -> bool:
    """Whether it is the numbers themselves, the same in every epoch."""
    return isinstance(sampler, (list, tuple, range, np.ndarray, torch.Tensor))
