# SPDX-License-Identifier: MIT
"""Who iterates over the loader, in this process."""
import torch
from torch.utils.data import DataLoader, default_collate
from torchdata.stateful_dataloader import StatefulDataLoader

from harness import chains


class Driver:
    """The loop itself reads the loader; `words` are keywords of both sides' loaders."""

    # Numbers that a DataLoader around draws for workers' seeds when it goes on: within an epoch,
    # and between two.
    draws_again = 0, 0

    def __init__(self, name, **words):
        self.name, self.words = name, words

    def read(self, side, loader, order):
        return loader

    def takes(self, order):
        """Whether it can serve that order; else it refuses."""
        return True

    def state(self, loader, reader):
        return loader.state_dict()

    def load(self, loader, reader, state):
        loader.load_state_dict(state)


class Around(Driver):
    """DataLoader(loader, batch_size=None), beside the stock loader itself; which, where it has a
    generator=, does not draw the number from the global one that the DataLoader around it does."""

    around = DataLoader
    draws_again = 1, 0

    def read(self, side, loader, order):
        if side == "ours":
            return self.around(loader, batch_size=None)
        return loader if loader.generator is None else Drawn(loader)


class Drawn:
    def __init__(self, loader):
        self.loader = loader

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        torch.empty((), dtype=torch.int64).random_()
        return self._asked()

    def _asked(self):
        """The loader's own generator is drawn from when the first batch is wanted."""
        yield from self.loader


class Workers(Driver):
    """The same with worker processes. The stock side is the documented rule: a number is drawn for
    the workers' seeds; shuffle=True is randperm of that and the iteration's number. A transform
    draws from the generator of the worker whose batch it is."""

    def __init__(self, name, workers, context, persistent, around=DataLoader):
        super().__init__(name)
        self.around, self.context, self.persistent = around, context, persistent
        self.workers = workers

    def takes(self, order):
        return not order.drawn

    def read(self, side, loader, order):
        if side == "stock":
            return Rule(loader, order.shuffles, self.persistent, self.workers)
        return self.around(loader, batch_size=None, num_workers=self.workers,
                           multiprocessing_context=self.context,
                           persistent_workers=self.persistent)


class Rule:
    def __init__(self, loader, shuffles, persistent, workers):
        self.loader, self.shuffles, self.persistent = loader, shuffles, persistent
        self.base, self.iteration = None, 0
        self.generators = [None] * workers  # their states

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        if self.base is None or not self.persistent:
            self.base = int(torch.empty((), dtype=torch.int64).random_().item())
            self.iteration = 0
            self.generators = [torch.Generator().manual_seed(self.base + k).get_state()
                               for k in range(len(self.generators))]
        else:
            self.iteration += 1
        data = self.loader.dataset
        if self.shuffles:
            generator = torch.Generator().manual_seed(self.base + self.iteration)
            order = torch.randperm(len(data), generator=generator)
            batches = order.split(self.loader.batch_size)
            if self.loader.drop_last and len(order) % self.loader.batch_size:
                batches = batches[:-1]
        else:
            batches = self.loader.batch_sampler
        return (self._made(data, number, batch) for number, batch in enumerate(batches))

    def _made(self, data, number, batch):
        """By the worker whose turn it is."""
        worker, own = number % len(self.generators), torch.get_rng_state()
        torch.set_rng_state(self.generators[worker])
        samples = default_collate([data[int(i)] for i in batch])
        self.generators[worker] = torch.get_rng_state()
        torch.set_rng_state(own)
        return samples


class _Keeps:
    """torchdata's StatefulDataLoader around the loader, whose state_dict holds the loader's."""

    draws_again = 1, 1

    def state(self, loader, reader):
        return reader.state_dict()

    def load(self, loader, reader, state):
        reader.load_state_dict(state)


class Stateful(_Keeps, Around):
    around = StatefulDataLoader


class StatefulWorkers(_Keeps, Workers):
    def __init__(self, name, workers):
        super().__init__(name, workers, "fork", False, StatefulDataLoader)


PLAIN = Driver("plain")
AROUND = Around("around")
STATEFUL = Stateful("stateful")
STATEFUL_WORKERS = StatefulWorkers("stateful-2-workers", 2)
# Loader's own num_workers=: no processes, but DataLoader's moments of drawing.
OWN_WORKERS = [Driver("num-workers-1", num_workers=1),
               Driver("num-workers-2-persistent", num_workers=2, persistent_workers=True),
               Driver("num-workers-2-prefetch-3", num_workers=2, prefetch_factor=3)]
WORKERS = [Workers("around-1-fork", 1, "fork", False),
           Workers("around-1-fork-persistent", 1, "fork", True),
           Workers("around-2-fork", 2, "fork", False),
           Workers("around-2-fork-persistent", 2, "fork", True)]
SPAWNED = [Workers("around-1-spawn", 1, "spawn", False),
           Workers("around-2-spawn-persistent", 2, "spawn", True)]


class Transforming(Driver):
    """With a transform, and whose draws those are."""

    def __init__(self, chain, name, **words):
        super().__init__(f"{chain}-{name}", **words)
        self.chain = chain

    @property
    def words(self):
        return {**self.said, "transform": chains.NAMED[self.chain]()}

    @words.setter
    def words(self, said):
        self.said = said

    def read(self, side, loader, order):
        if side == "ours" and loader._by_dataloader():
            raise AssertionError("DataLoader itself reads this transform's samples")
        return super().read(side, loader, order)


class TransformingAround(Transforming, Around):
    """The same with a DataLoader around the loader."""


_WORKERS = {
    "0": {}, "1": {"num_workers": 1}, "2": {"num_workers": 2},
    "2-persistent": {"num_workers": 2, "persistent_workers": True},
    "3-prefetch-1": {"num_workers": 3, "prefetch_factor": 1},
    "3-persistent-prefetch-4": {"num_workers": 3, "persistent_workers": True, "prefetch_factor": 4},
}
# By the transform's name: each with each of those.
TRANSFORMING = {chain: [Transforming(chain, name, **words) for name, words in _WORKERS.items()]
                for chain in chains.NAMED}
TRANSFORMING_AROUND = [TransformingAround("crop-flip", "around"),
                       TransformingAround("rotate-erase", "around-2", num_workers=2)]
TRANSFORMERS = [d for drivers in TRANSFORMING.values() for d in drivers]
DRIVERS = {d.name: d for d in (PLAIN, AROUND, STATEFUL, STATEFUL_WORKERS, *OWN_WORKERS, *WORKERS,
                               *SPAWNED, *TRANSFORMERS, *TRANSFORMING_AROUND)}
