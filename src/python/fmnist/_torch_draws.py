"""What a PyTorch sampler gives for one epoch, read ahead of the daemon without being seen to.

DataLoader asks a sampler while the epoch runs, so that a generator is where the batches handed out
so far have left it, also when the epoch is broken off. A daemon has to know the indices first. So a
sampler is asked for all of them when the epoch's first batch is wanted, its generator's states are
noted on the way, and it is put through them again as the batches are handed out.
"""
import operator

import numpy as np
import torch

from fmnist._loader import numbers

END = None  # the key of the state behind the last batch


class Draws:
    """Indices of one epoch, as order="list" takes them, and the states of `generator` (or None).

    states[step] is its state once that batch was asked for, where that changed it; states[END] the
    one behind the epoch.
    """

    def __init__(self, indices, lengths=None, generator=None, states=None):
        self.indices, self.lengths = indices, lengths
        self.generator, self.states = generator, states or {}

    def spec(self):
        """What a core.Stream of them has instead of its own."""
        spec, lengths = {"order": "list", "list": self.indices}, self.lengths
        if lengths is None:
            return spec
        if (lengths[:-1] == lengths[0]).all() and lengths[-1] <= lengths[0]:
            return {**spec, "batch_size": int(lengths[0])}  # faster: fetched in blocks
        return {**spec, "list_batches": lengths}

    def reached(self, step):
        if step in self.states:
            self.generator.set_state(self.states[step])

    def state_dict(self):
        """Tensors only: torch.load(weights_only=True) takes them."""
        kept = {"list": _tensor(self.indices), "lengths": _tensor(self.lengths)}
        if END in self.states:
            kept["generator"] = self.generator.get_state(), self.states[END]
        return kept

    @classmethod
    def restored(cls, state, generator):
        if "generator" not in state or generator is None:
            return cls(_array(state["list"]), _array(state["lengths"]))
        now, end = state["generator"]
        generator.set_state(now)
        return cls(_array(state["list"]), _array(state["lengths"]), generator, {END: end})


def _tensor(array):
    return None if array is None else torch.from_numpy(array.view(np.int32).copy())


def _array(tensor):
    return None if tensor is None else tensor.numpy().view(np.uint32)


def shuffled(count, generator, batch_size, drop_last, indices=None):
    """RandomSampler's epoch of `count` samples, or of those `indices`, with the second permutation
    that it draws when asked for more, and throws away: a short last batch asks for more."""
    order = torch.randperm(count, generator=generator)
    now = generator.get_state()
    torch.randperm(count, generator=generator)
    states = {END: generator.get_state()}
    generator.set_state(now)
    if count % batch_size and not drop_last:
        states[count // batch_size] = states[END]
    order = order.numpy().astype(np.uint32) if indices is None else indices[order.numpy()]
    return Draws(order, None, generator, states)


def sampled(batches, generator):
    """Everything an iterator of a batch sampler gives; `generator`, or None, is what it draws from.
    None where it gives no batch."""
    states, read = {}, []
    last = first = generator.get_state() if generator is not None else None

    def note(key):
        nonlocal last
        if generator is not None:
            now = generator.get_state()
            if not torch.equal(now, last):
                states[key] = last = now

    for batch in batches:
        note(len(read))
        read.append(batch)
    note(END)
    if not read:
        return None
    lengths = np.array([len(batch) for batch in read], np.uint32)
    indices = numbers([operator.index(i) for batch in read for i in batch])
    if states:
        states.setdefault(END, last)
        generator.set_state(first)
    return Draws(indices, lengths, generator, states)


def generator_of(batch_sampler):
    """The generator that a batch sampler, or the sampler within it, says it draws from."""
    for sampler in (batch_sampler, getattr(batch_sampler, "sampler", None)):
        if isinstance(getattr(sampler, "generator", None), torch.Generator):
            return sampler.generator
    return None


def is_static(sampler):
    """Whether it is the numbers themselves, the same in every epoch."""
    return isinstance(sampler, (list, tuple, range, np.ndarray, torch.Tensor))
