"""What a PyTorch sampler gives for one epoch, read ahead of the daemon without being seen to.

DataLoader asks a sampler while the epoch runs, so that a generator is where the batches handed out
so far have left it, also when the epoch is broken off. A daemon has to know the indices first. So a
sampler is asked for all of them when the epoch's first batch is wanted, its generator's states are
noted on the way, and it is put through them again as the batches are asked for.

Where the program draws from that generator, too, the sampler is put through the epoch again, up to
there, and asked batch by batch from then on. A sampler that goes on drawing from a global generator
while the epoch runs is found out, and asked batch by batch.
"""
import itertools
import operator
import random
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from fmnist._loader import numbers

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


def _globals() -> tuple[Any, ...]:
    """What a sampler may draw from besides its own generator."""
    ours: Any = np.random.get_state()
    return (torch.get_rng_state().numpy().tobytes(), random.getstate(), ours[1].tobytes(),
            ours[2:])


def _restore(state: tuple[Any, ...]) -> None:
    torch.set_rng_state(torch.frombuffer(bytearray(state[0]), dtype=torch.uint8))
    random.setstate(state[1])
    np.random.set_state(("MT19937", np.frombuffer(state[2], np.uint32), *state[3]))


def sampled(batch_sampler: Any, batches: Iterator[Any], numbers_of: Numbers | None,
            generator: torch.Generator | None) -> Draws | Iterator[Any]:
    """Everything that an iterator `batches` of a batch sampler gives, in Draws; `generator`, or
    None, is what it draws from. numbers_of: of a Subset's positions, or None.

    Where it cannot be read ahead (no len(), or it draws from a global generator behind its first
    batch): an iterator of lists of indices, which is to be asked batch by batch.
    """
    try:
        count = len(batch_sampler)
    except TypeError:
        return batches
    before = _globals()
    states: dict[int, torch.Tensor] = {}
    read: list[Any] = []
    last = first = generator.get_state() if generator is not None else None
    early: tuple[Any, ...] | None = None  # the global generators behind the first batch

    def note(key: int) -> None:
        nonlocal last
        if generator is not None and last is not None:
            now = generator.get_state()
            if not torch.equal(now, last):
                states[key] = last = now

    for batch in batches:
        note(len(read))
        read.append(batch)
        early = early or _globals()
        if len(read) > count:
            break
    note(END)
    if len(read) > count or early is not None and _globals() != early:
        _restore(before)
        if generator is not None and first is not None:
            generator.set_state(first)
        anew: Iterator[Any] = iter(batch_sampler)
        return anew
    lengths = np.array([len(batch) for batch in read], np.uint32)
    indices = numbers([operator.index(i) for batch in read for i in batch])
    if numbers_of is not None:
        indices = numbers_of[indices]
    if states and generator is not None and first is not None and last is not None:
        states.setdefault(END, last)
        generator.set_state(first)
    return Draws(indices, lengths, generator, states, first, len(read))


def generators_of(loader: Any) -> list[torch.Generator]:
    """The generators that a DataLoader and its sampler draw from, each once: its own, if it has
    one, and the sampler's."""
    found: list[torch.Generator] = []
    for holder in (loader, loader.batch_sampler, loader.sampler,
                   getattr(loader.batch_sampler, "sampler", None)):
        generator = getattr(holder, "generator", None)
        if isinstance(generator, torch.Generator) and all(generator is not g for g in found):
            found.append(generator)
    return found


def generator_of(batch_sampler: Any) -> torch.Generator | None:
    """The generator that a batch sampler, or the sampler within it, says it draws from."""
    for sampler in (batch_sampler, getattr(batch_sampler, "sampler", None)):
        generator = getattr(sampler, "generator", None)
        if isinstance(generator, torch.Generator):
            return generator
    return None


def is_static(sampler: Any) -> bool:
    """Whether it is the numbers themselves, the same in every epoch."""
    return isinstance(sampler, (list, tuple, range, np.ndarray, torch.Tensor))
