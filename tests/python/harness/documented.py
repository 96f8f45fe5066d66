# SPDX-License-Identifier: MIT
"""What docs/python.md says of the loaders of JAX and Keras, written in NumPy.

An order that is named after a framework is drawn by that framework; a sampler is asked itself.
"""
import functools
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import (BatchSampler, DataLoader, DistributedSampler, RandomSampler,
                              SubsetRandomSampler, WeightedRandomSampler)

from harness import orders, tiny

COUNT = tiny.COUNTS["train"]
HALF = orders.HALF


class Order(NamedTuple):
    name: str
    words: object            # (g) -> the keywords, of either side
    sized: bool = True       # takes batch_size and drop_last
    epochs: bool = False     # set_epoch means something
    generators: int = 0      # torch.Generators of the program's
    draws: bool = False      # by a sampler, from a generator
    count: int = 0           # of samples, where a sampler has no len
    data: tiny.Data = tiny.TINY

    def of(self, data):
        """The same of other images."""
        return self._replace(name=f"{data.name}+{self.name}", data=data)


class Told:
    """A user's own: with a set_epoch, without a len."""

    def __init__(self):
        self.epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        return iter(np.random.default_rng(self.epoch).permutation(COUNT)[:50])


class OfNumpy:
    """A user's own: from NumPy's global generator, anew each epoch."""

    def __len__(self):
        return 44

    def __iter__(self):
        yield from np.random.randint(0, COUNT, 44)


TORCH = {"order": "torch", "seed": 5}
ORDERS = [
    Order("files", lambda g: {}),
    Order("sequential", lambda g: {"order": "sequential"}),
    Order("shuffle", lambda g: {"shuffle": True}, epochs=True),
    Order("seed", lambda g: {"shuffle": True, "seed": 7}, epochs=True),
    Order("seed-epoch", lambda g: {"shuffle": True, "seed": 7, "epoch": 4}, epochs=True),
    Order("torch", lambda g: TORCH, epochs=True),
    Order("torch-epoch", lambda g: {**TORCH, "epoch": 3}, epochs=True),
    Order("torch-loader", lambda g: {"order": "torch-loader", "seed": 5}, epochs=True),
    Order("numpy", lambda g: {"order": "numpy", "seed": 5}, epochs=True),
    Order("list", lambda g: {"sampler": HALF + HALF[:7]}),
    Order("array", lambda g: {"sampler": np.arange(90, 20, -1)}),
    Order("range", lambda g: {"sampler": range(7, COUNT, 2)}),
    Order("random-sampler", lambda g: {"sampler": RandomSampler(range(COUNT), generator=g[0])},
          generators=1, draws=True),
    Order("replacement", lambda g: {"sampler": RandomSampler(range(COUNT), True, 70)}, draws=True),
    Order("subset-random", lambda g: {"sampler": SubsetRandomSampler(HALF, g[0])}, generators=1,
          draws=True),
    Order("weighted", lambda g: {"sampler": WeightedRandomSampler(orders.WEIGHTS, 90)}, draws=True),
    Order("distributed", lambda g: {"sampler": DistributedSampler(range(COUNT), 3, 1)},
          epochs=True),
    Order("by-hand", lambda g: {"sampler": orders.ByHand()}, draws=True),
    Order("of-numpy", lambda g: {"sampler": OfNumpy()}, draws=True),
    Order("told", lambda g: {"sampler": Told()}, epochs=True, count=50),
    Order("batches", lambda g: {"batch_sampler": [[5, 1, 2], [7], [102, 0, 5, 5]]}, sized=False),
    Order("batch-sampler", lambda g: {"batch_sampler": BatchSampler(
        SubsetRandomSampler(HALF, g[0]), 8, False)}, sized=False, generators=1, draws=True),
    Order("lengths", lambda g: {"batch_sampler": orders.Lengths(g[0])}, sized=False, generators=1,
          draws=True),
    Order("shifting", lambda g: {"batch_sampler": orders.Shifting(g[0])}, sized=False,
          generators=1, draws=True),
    Order("indices", lambda g: {"indices": HALF[::-1]}),
    Order("indices-seed", lambda g: {"indices": HALF, "shuffle": True, "seed": 3}, epochs=True),
    Order("indices-torch", lambda g: {"indices": np.array(HALF), **TORCH}, epochs=True),
    Order("indices-numpy", lambda g: {"indices": HALF, "order": "numpy"}, epochs=True),
    Order("mask", lambda g: {"indices": orders.MASK}),
    Order("mask-torch", lambda g: {"indices": orders.MASK.tolist(), **TORCH}, epochs=True),
    *(Order(f"rank-{rank}-of-{world}-{pad}", lambda g, r=rank, w=world, p=pad: {
        **TORCH, "rank": r, "world_size": w, "pad": p}, epochs=True)
      for rank, world in ((0, 2), (1, 2), (2, 3)) for pad in ("wrap", "drop", "none")),
    Order("rank-auto", lambda g: {**TORCH, "rank": 1, "world_size": 3}, epochs=True),
    Order("rank-in-files", lambda g: {"rank": 1, "world_size": 2}),
    Order("rank-seed", lambda g: {"shuffle": True, "seed": 3, "rank": 1, "world_size": 3},
          epochs=True),
    Order("rank-indices", lambda g: {**TORCH, "rank": 1, "world_size": 2, "indices": HALF},
          epochs=True),
    Order("rank-mask-seed", lambda g: {"shuffle": True, "rank": 2, "world_size": 3,
                                       "indices": orders.MASK}, epochs=True),
]


def named(name):
    """The order of that name, of which images it may be."""
    data, _, order = name.rpartition("+")
    found = next(o for o in ORDERS if o.name == order)
    return found.of(next(d for d in tiny.OTHERS if d.name == data)) if data else found


# ---- the daemon's orders


@functools.lru_cache
def _keyed(count, seed, epoch):
    """Order "shuffle", as src/sampler/shuffle.h defines it (below 1,024: of 24 rounds)."""
    ones, mask64 = 0xffffffff, (1 << 64) - 1
    gamma = 0x9e3779b97f4a7c15

    def mix(x):
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & mask64
        x = (x ^ x >> 27) * 0x94d049bb133111eb & mask64
        return x ^ x >> 31

    def scattered(value, add, mul):
        h = (value + add) * mul & ones
        return (h ^ h >> 15) * 0x2c1b3c6d & ones

    state = mix(1)
    for value in (seed, epoch, count):
        state = mix((state + gamma & mask64) ^ mix(value + gamma & mask64))
    keys = [mix(state + i * gamma & mask64) for i in range(1, 25)]
    keys = [(key & ones, key >> 32 | 1) for key in keys]
    bits = max(1, -(-(count - 1).bit_length() // 2))
    rows = (count + (1 << bits) - 1) >> bits

    def once(x):
        low, high = x & (1 << bits) - 1, x >> bits
        for across, along in zip(keys[::2], keys[1::2]):
            high = (high + (scattered(low, *across) * rows >> 32)) % rows
            low = low + (scattered(high, *along) >> 32 - bits) & (1 << bits) - 1
        return high << bits | low

    def place(x):
        x = once(x)
        while x >= count:
            x = once(x)
        return x

    return np.array([place(x) for x in range(count)])


def _torch(count, seed, epoch):
    sampler = DistributedSampler(range(count), 1, 0, seed=seed)
    sampler.set_epoch(epoch)
    return np.array(list(sampler))


def _torch_loader(count, seed, epoch):
    loader = DataLoader(range(count), count, shuffle=True,
                        generator=torch.Generator().manual_seed(seed))
    return [list(loader) for _ in range(epoch + 1)][-1][0].numpy()


def _numpy(count, seed, epoch):
    random = np.random.RandomState(seed)
    for _ in range(epoch + 1):
        order = np.arange(count)
        random.shuffle(order)
    return order


RULES = {"sequential": lambda count, seed, epoch: np.arange(count), "shuffle": _keyed,
         "torch": _torch, "torch-loader": _torch_loader, "numpy": _numpy}


def _numbers(words, epoch, drop):
    """Of one epoch, for one rank."""
    chosen = np.arange(COUNT)
    if "indices" in words:
        chosen = np.asarray(words["indices"])
        chosen = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
    rule = words.get("order", "shuffle" if words.get("shuffle") else "sequential")
    order = chosen[RULES[rule](len(chosen), words.get("seed", 0), epoch)]
    world, pad = words.get("world_size", 1), words.get("pad") or ("drop" if drop else "wrap")
    if pad != "none":
        total = len(order) // world * world if pad == "drop" else -(-len(order) // world) * world
        order = np.resize(order, total)
    return order[words.get("rank", 0)::world]


class Reference:
    """A loader of (images, labels): each iteration is the next epoch, from when it is first
    asked."""

    def __init__(self, order, size, drop, generators, epochs=None):
        self.words = order.words(generators)
        self.size, self.drop = size, drop
        self.images, self.labels, _ = order.data.raw("train")
        self.next = self.words.get("epoch", 0)
        self.end = None if epochs is None else self.next + epochs

    def set_epoch(self, epoch):
        for sampler in (self.words.get("sampler"), self.words.get("batch_sampler")):
            if hasattr(sampler, "set_epoch"):
                sampler.set_epoch(epoch)
        self.next = epoch

    def draw(self):
        """The next epoch's batches, of numbers."""
        if self.next == self.end:
            return []
        self.next += 1
        return self._batches(self.next - 1)

    def _batches(self, epoch):
        if "batch_sampler" in self.words:
            return [np.asarray(batch) for batch in self.words["batch_sampler"]]
        numbers = np.asarray(list(self.words["sampler"])) if "sampler" in self.words else (
            _numbers(self.words, epoch, self.drop))
        batches = [numbers[at:at + self.size] for at in range(0, len(numbers), self.size)]
        return [b for b in batches if len(b) == self.size or not self.drop]

    def batch(self, numbers):
        images = self.images[numbers][..., None].astype(np.float32) / np.float32(255)
        return images, self.labels[numbers].astype(np.int32)

    def __iter__(self):
        for numbers in self.draw():
            yield self.batch(numbers)

    def __len__(self):
        """TypeError where a sampler has no len."""
        if "batch_sampler" in self.words:
            return len(self.words["batch_sampler"])
        if "sampler" in self.words:
            count = len(self.words["sampler"])
        else:
            count = len(_numbers(self.words, 0, self.drop))
        return count // self.size if self.drop else -(-count // self.size)
