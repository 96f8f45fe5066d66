# SPDX-License-Identifier: MIT
"""How a program says the order of its samples, to DataLoader and to us.

An Order makes the loader of either side from the same words. Where DataLoader has no such word
(seed=, rank=), the stock side is what the documentation names: DistributedSampler, whose epochs
follow one another.
"""
import random
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import (BatchSampler, DataLoader, DistributedSampler, RandomSampler, Sampler,
                              SequentialSampler, Subset, SubsetRandomSampler,
                              WeightedRandomSampler)

from fmnist.torch import Loader, MapDataset
from harness import chains, tiny


class Following(Sampler):
    """DistributedSampler whose epochs follow one another: the documented rule of seed=."""

    def __init__(self, *args, **options):
        self.within = DistributedSampler(*args, **options)
        self.next = 0

    def __len__(self):
        return len(self.within)

    def set_epoch(self, epoch):
        self.next = epoch

    def __iter__(self):
        self.within.set_epoch(self.next)
        self.next += 1
        return iter(self.within)


class ByHand(Sampler):
    """A user's own: draws from Python's and NumPy's global generators when the epoch begins."""

    def __iter__(self):
        order = random.sample(range(103), 60)
        np.random.shuffle(order)
        return iter(order)

    def __len__(self):
        return 60


class Lengths(Sampler):
    """A user's own batch sampler: batches of many lengths, another order each epoch."""

    def __init__(self, generator):
        self.generator = generator

    def __iter__(self):
        order = torch.randperm(103, generator=self.generator).tolist()
        for at, length in ((0, 1), (1, 30), (31, 5), (36, 40), (76, 27)):
            yield order[at:at + length]

    def __len__(self):
        return 5


class Shifting(Sampler):
    """A user's own batch sampler that draws for each batch when that is asked for."""

    def __init__(self, generator):
        self.generator = generator

    def __iter__(self):
        for _ in range(9):
            yield torch.randint(103, (11,), generator=self.generator).tolist()

    def __len__(self):
        return 9


class Order(NamedTuple):
    name: str
    words: object              # (g, data): the keywords, of the side that has that data; or makes it
    drawn: bool = False        # in the program's process: refused inside a DataLoader's workers
    sized: bool = True         # takes batch_size and drop_last
    epochs: bool = False       # set_epoch means something
    shuffles: bool = False     # from the global generator; in workers from their base seed
    generators: int = 0
    split: str = "train"
    data: tiny.Data = tiny.TINY

    def of(self, data):
        """The same of other images."""
        return self._replace(name=f"{data.name}+{self.name}", data=data)

    def make(self, side, size, drop, generators, **more):
        """The loader of one side: "stock" or "ours"."""
        data = tiny.stock(self.split, self.data) if side == "stock" else self.samples
        words = self.words(generators, data)
        if self.sized:
            words = {"batch_size": size, "drop_last": drop, **words}
        words.update(more)
        if side == "stock" and "transform" in words:
            data = tiny.Pictures(self.split, words.pop("transform"), self.data)
            if "dataset" in words:
                words["dataset"] = Subset(data, words["dataset"].indices)
        if side == "stock":
            return _stock(data, **words)
        named = {} if "dataset" in words else {**self.data.words(self.split), "with_indices": True}
        return Loader(**named, **words)

    def samples(self):
        """Ours, by index."""
        return MapDataset(with_indices=True, **self.data.words(self.split))


def _stock(data, *, indices=None, seed=None, rank=None, world_size=None, pad=None, epoch=0,
           shuffle=None, drop_last=False, dataset=None, split=None, with_indices=None, **words):
    if indices is not None:
        array = np.asarray(indices)
        data = Subset(data, np.flatnonzero(array).tolist() if array.dtype == bool else
                      array.tolist())
    if dataset is not None:
        data = dataset
    if seed is None and world_size is None:
        return DataLoader(data, shuffle=shuffle, drop_last=drop_last, **words)
    drop = drop_last if pad is None else pad == "drop"
    sampler = Following(data, world_size or 1, rank or 0, bool(shuffle), seed or 0, drop)
    sampler.set_epoch(epoch)
    return DataLoader(data, sampler=sampler, drop_last=drop_last, **words)


def _ours_subset(chosen):
    """dataset= of a Subset of a map-style data set, on either side."""
    def words(g, data):
        return {"dataset": Subset(data() if callable(data) else data, chosen)}

    return words


HALF = list(range(1, 103, 2))
MASK = np.arange(103) % 3 == 0
WEIGHTS = [1.0 + i % 5 for i in range(103)]

ORDERS = [
    Order("sequential", lambda g, d: {}),
    Order("shuffle", lambda g, d: {"shuffle": True}, shuffles=True),
    Order("generator", lambda g, d: {"shuffle": True, "generator": g[0]}, drawn=True, generators=1),
    Order("seed", lambda g, d: {"shuffle": True, "seed": 7}, epochs=True),
    Order("seed-epoch", lambda g, d: {"shuffle": True, "seed": 7, "epoch": 4}, epochs=True),
    Order("test-split", lambda g, d: {"shuffle": True}, split="test", shuffles=True),
    Order("list", lambda g, d: {"sampler": HALF + HALF[:7]}),
    Order("sequential-sampler", lambda g, d: {"sampler": SequentialSampler(range(103))}),
    Order("random-sampler", lambda g, d: {"sampler": RandomSampler(range(103), generator=g[0])},
          drawn=True, generators=1),
    Order("global-random-sampler", lambda g, d: {"sampler": RandomSampler(range(103))}, shuffles=True),
    Order("replacement", lambda g, d: {"sampler": RandomSampler(
        range(103), True, 70, generator=g[0])}, drawn=True, generators=1),
    Order("global-replacement", lambda g, d: {"sampler": RandomSampler(range(103), True, 70)},
          drawn=True),
    Order("subset-random", lambda g, d: {"sampler": SubsetRandomSampler(HALF, g[0])}, drawn=True,
          generators=1),
    Order("global-subset-random", lambda g, d: {"sampler": SubsetRandomSampler(HALF)}, drawn=True),
    Order("weighted", lambda g, d: {"sampler": WeightedRandomSampler(WEIGHTS, 90, generator=g[0])},
          drawn=True, generators=1),
    Order("global-weighted", lambda g, d: {"sampler": WeightedRandomSampler(WEIGHTS, 90)},
          drawn=True),
    Order("by-hand", lambda g, d: {"sampler": ByHand()}, drawn=True),
    Order("sampler-and-generator", lambda g, d: {
        "sampler": SubsetRandomSampler(HALF, g[0]), "generator": g[1]}, drawn=True, generators=2),
    Order("batch-sampler", lambda g, d: {"batch_sampler": BatchSampler(
        SubsetRandomSampler(HALF, g[0]), 8, False)}, drawn=True, sized=False, generators=1),
    Order("lengths", lambda g, d: {"batch_sampler": Lengths(g[0])}, drawn=True, sized=False,
          generators=1),
    Order("shifting", lambda g, d: {"batch_sampler": Shifting(g[0])}, drawn=True, sized=False,
          generators=1),
    Order("batches", lambda g, d: {"batch_sampler": [[5, 1, 2], [7], [102, 0, 5, 5]]}, drawn=True,
          sized=False),
    Order("indices", lambda g, d: {"indices": HALF}),
    Order("indices-shuffle", lambda g, d: {"indices": HALF, "shuffle": True}, shuffles=True),
    Order("indices-generator", lambda g, d: {"indices": HALF, "shuffle": True, "generator": g[0]},
          drawn=True, generators=1),
    Order("indices-seed", lambda g, d: {"indices": HALF, "shuffle": True, "seed": 3}, epochs=True),
    Order("mask", lambda g, d: {"indices": MASK}),
    Order("mask-shuffle", lambda g, d: {"indices": MASK, "shuffle": True}, shuffles=True),
    Order("subset", _ours_subset(HALF)),
    Order("subset-shuffle", lambda g, d: {**_ours_subset(HALF)(g, d), "shuffle": True},
          shuffles=True),
    Order("subset-sampler", lambda g, d: {**_ours_subset(HALF)(g, d), "sampler":
                                          RandomSampler(HALF, True, 30, g[0])}, drawn=True,
          generators=1),
    *(Order(f"distributed-{rank}-of-{world}{'-drop' if drop else ''}",
            lambda g, d, rank=rank, world=world, drop=drop: {"sampler": DistributedSampler(
                range(103), world, rank, True, 5, drop)}, drawn=True, epochs=True)
      for rank, world, drop in ((0, 1, False), (1, 2, False), (1, 2, True), (2, 3, True))),
    *(Order(f"rank-{rank}-of-{world}-{pad}",
            lambda g, d, rank=rank, world=world, pad=pad: {
                "rank": rank, "world_size": world, "pad": pad, "seed": 5, "shuffle": True},
            epochs=True)
      for rank, world in ((0, 2), (1, 2), (0, 3), (2, 3)) for pad in ("wrap", "drop")),
    Order("crop-shuffle", lambda g, d: {"shuffle": True, "transform": chains.crop_flip()},
          shuffles=True),
    Order("erase-generator", lambda g, d: {
        "shuffle": True, "generator": g[0], "transform": chains.rotate_erase()}, drawn=True,
        generators=1),
    Order("crop-seed", lambda g, d: {"shuffle": True, "seed": 7, "transform": chains.crop_flip()},
          epochs=True),
    Order("rank-auto", lambda g, d: {"rank": 1, "world_size": 3, "seed": 5, "shuffle": True},
          epochs=True),
    Order("rank-in-order", lambda g, d: {"rank": 1, "world_size": 2}, epochs=True),
    Order("rank-indices", lambda g, d: {"rank": 1, "world_size": 2, "seed": 5, "shuffle": True,
                                        "indices": HALF}, epochs=True),
]
SIZES = [(8, False), (8, True), (1, False), (103, False), (200, False), (200, True)]


def named(name):
    """The order of that name, of which images it may be."""
    data, _, order = name.rpartition("+")
    found = next(o for o in ORDERS if o.name == order)
    return found.of(next(d for d in tiny.OTHERS if d.name == data)) if data else found
