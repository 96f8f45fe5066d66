# SPDX-License-Identifier: MIT
"""JAX's Loader and iterator, beside what documented.py says of them.

What differs from PyTorch's part: the reference is NumPy; an iterator goes through the epochs.
"""
import copy
import pickle
import random

import numpy as np
import torch

from fmnist import errors
from fmnist.jax import Iterator, Loader
from harness import documented, events, trace
from harness.documented import Reference


class Seen(trace.Trace):
    """The lines, of NumPy's batches. random=False: whoever reads ahead draws ahead."""

    def __init__(self, generators, with_random=True):
        super().__init__(generators)
        self.with_random = with_random

    def random(self):
        return super().random() if self.with_random else ""

    def batch(self, batch):
        images, labels = batch.values() if isinstance(batch, dict) else batch
        images, labels = np.asarray(images), np.asarray(labels)
        self.lines.append((
            "batch", labels.tolist(), str(images.dtype), str(labels.dtype), list(images.shape),
            trace.digest(np.ascontiguousarray(images).tobytes()), self.random()))


def seeded(order):
    return [torch.Generator().manual_seed(100 + i) for i in range(order.generators)]


def randoms(generators):
    """What the program keeps beside the loader's state."""
    return (torch.get_rng_state(), random.getstate(), np.random.get_state(),
            [g.get_state() for g in generators])


def set_randoms(generators, kept):
    torch.set_rng_state(kept[0])
    random.setstate(kept[1])
    np.random.set_state(kept[2])
    for generator, state in zip(generators, kept[3]):
        generator.set_state(state)


def words_of(order, size, drop, generators):
    """Our keywords."""
    sizes = {"batch_size": size, "drop_last": drop} if order.sized else {}
    return {**order.data.words("train"), **sizes, **order.words(generators)}


def steps_of(order, size, drop):
    """Batches an epoch."""
    found = Reference(order, size, drop, seeded(order))
    try:
        return len(found)
    except TypeError:
        return order.count // size if drop else -(-order.count // size)


class Program(events.Program):
    """Of a Loader: PyTorch's events, as they are."""

    kind = "loader"
    with_random = True

    def __init__(self, side, order, size, drop, daemon=None, epochs=None):
        self.side, self.order, self.size, self.drop = side, order, size, drop
        self.daemon, self.epochs = daemon, epochs
        self.mark, self.state, self.within = None, None, 0
        self.generators = seeded(order)
        self.trace = Seen(self.generators, self.with_random)
        self.steps = steps_of(order, size, drop)
        trace.seed_all(11)
        self.loader = self.reader = self.make()
        self.trace.say("made", *self.lengths())

    def make(self):
        if self.side == "stock":
            return Reference(self.order, self.size, self.drop, self.generators, self.epochs)
        return Loader(epochs=self.epochs,
                      **words_of(self.order, self.size, self.drop, self.generators))

    def lengths(self):
        try:
            return len(self.loader), len(self.loader)
        except TypeError:
            return ()

    def set_epoch(self, epoch):
        self.loader.set_epoch(epoch)

    def again(self):
        """Another one, after a checkpoint of this one was loaded."""
        return self.loader.state_dict()

    def load(self, state):
        self.loader.load_state_dict(state)

    def save(self, within, dead):
        self.mark = len(self.trace.lines)
        if self.side == "ours":
            if dead:
                self.daemon.kill()
            self.state = pickle.dumps((self.again(), randoms(self.generators)))
            if dead:
                self.daemon.start()

    def resume(self, state):
        kept, numbers = pickle.loads(state)
        trace.seed_all(99)
        for generator in self.generators:
            generator.manual_seed(98)
        self.load(kept)
        set_randoms(self.generators, numbers)
        self.trace.lines.clear()


class ReferenceIterator:
    """Through the epochs, with Grain's two methods."""

    def __init__(self, reference):
        self.reference, self.left = reference, []

    def __iter__(self):
        return self

    def __next__(self):
        if not self.left:
            self.left = self.reference.draw()
        if not self.left:
            raise StopIteration
        numbers, *self.left = self.left
        return self.reference.batch(numbers)

    def get_state(self):
        return self.reference.next, self.left

    def set_state(self, state):
        self.reference.next, self.left = state


class Iterating(Program):
    """Of an iterator."""

    kind = "iterator"

    def make(self):
        if self.side == "stock":
            return ReferenceIterator(super().make())
        return Iterator(epochs=self.epochs,
                        **words_of(self.order, self.size, self.drop, self.generators))

    def lengths(self):
        return ()

    def again(self):
        return self.loader.get_state()

    def load(self, state):
        self.loader.set_state(state)

    def take(self, count):
        for _ in range(count):
            self.trace.batch(next(self.reader))

    def rest(self):
        for batch in self.reader:
            self.trace.batch(batch)
        self.trace.say("end", next(self.reader, None))


class OnDevice(Iterating):
    """Of jax.Arrays that are put ahead."""

    kind = "device"
    with_random = False

    def make(self):
        made = super().make()
        if self.side == "stock":
            return made
        from fmnist.jax import device_iterator

        return device_iterator(made, size=3)


# ---- what happens to a loader beyond what happens to PyTorch's


def gone(p):
    """Nobody waits for the daemon: the iteration ends with an error, the next one is the rest."""
    if p.side == "ours":
        p.loader._where["reconnect"] = p.loader._spec["reconnect"] = 0
        try:
            for i, batch in enumerate(p.reader):
                p.trace.batch(batch)
                if i == 1:
                    p.daemon.kill()
        except (errors.DaemonDied, errors.NoDaemon):
            p.daemon.start()
        else:  # the whole of the rest had been handed over
            p.daemon.start()
            p.trace.say("end")
            p.epoch()
            return
    p.epoch()
    p.epoch()


def copied(p):
    """A copy begins with the epoch that is next."""
    p.some(1)
    if p.side == "ours":
        p.loader = p.reader = pickle.loads(pickle.dumps(p.loader))
    p.epoch()


def closed(p):
    p.epoch()
    if p.side == "ours":
        p.loader.close()
    p.epoch()


# ---- what happens to an iterator


def endless(p):
    p.take(3 * p.steps + 1)
    p.trace.say("enough")


def broken_off(p):
    """A `for` goes on where the last one stopped."""
    for count in (1, 3, p.steps, p.steps + 2):
        for i, batch in enumerate(p.reader):
            p.trace.batch(batch)
            if i + 1 >= count:
                break
        p.trace.say("broken off")


def two(p):
    """Two of them by turns, and zip of one with itself."""
    other = p.make()
    for _ in range(p.steps + 2):
        p.trace.batch(next(other))
        p.take(1)
    for pair, _ in zip(zip(p.reader, p.reader), range(p.steps + 1)):
        for batch in pair:
            p.trace.batch(batch)


def back(p):
    """To a state, from behind the epoch's end, twice; the generators are where they went."""
    p.take(2)
    state = p.again()
    for _ in range(2):
        p.take(p.steps + 1)
        p.load(state)
        p.trace.say("back")
    p.take(2 * p.steps)


def copy_goes_on(p):
    p.take(1)
    for make in (copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))):
        p.take(p.steps)
        if p.side == "ours":
            p.loader = p.reader = make(p.loader)
    p.take(p.steps)


def closed_goes_on(p):
    for count in (1, p.steps - 1, p.steps + 1):
        p.take(count)
        if p.side == "ours":
            p.loader.close()
    p.take(p.steps)


def killed(p):
    """Within an epoch, and between two."""
    p.take(min(2, p.steps))
    for count in (p.steps - min(2, p.steps), p.steps):
        if p.side == "ours":
            p.daemon.kill()
            p.daemon.start()
        p.take(count)
    p.trace.say("end")


def ends(p):
    """With epochs=2."""
    p.rest()
    p.rest()


def _place(where, steps):
    at, count = (events.SAVES | events.SAVES_DEAD)[where]
    upto = {-1: steps, None: steps}.get(count, count)
    return at * steps + min(upto, steps)


def saved(where):
    def event(p):
        p.take(_place(where, p.steps))
        p.save(False, where in events.SAVES_DEAD)
        p.take(4 * p.steps - _place(where, p.steps))

    return event


# The generator of a copied sampler is a copy, too: only what draws from none is copied.
LOADER = {**events.EVENTS, "closed": closed}
OF_LOADER_COPIES = {"copied": copied}
OF_LOADER_DAEMON = {**events.OF_DAEMON, "gone": gone}
ITERATOR = {"endless": endless, "broken-off": broken_off, "two": two, "back": back,
            "closed": closed_goes_on, "ends": ends}
OF_ITERATOR_COPIES = {"copied": copy_goes_on}
OF_ITERATOR_DAEMON = {"killed": killed}
DEVICE = {"endless": endless, "broken-off": broken_off, "two": two, "ends": ends}
EPOCHS = {"ends": 2}


def _pair(kind, order, size, drop, event, daemon, epochs):
    found = []
    for side in ("stock", "ours"):
        found.append(kind(side, order, size, drop, daemon, epochs))
        event(found[-1])
    return found


def compare(kind, order, size, drop, event, daemon, epochs=None):
    if not steps_of(order, size, drop):
        return _refused(kind, order, size, drop, daemon)
    theirs, ours = _pair(kind, order, size, drop, event, daemon, epochs)
    text = trace.difference(theirs.trace.lines, ours.trace.lines)
    return ("different", text) if text else ("equal", "")


def _refused(kind, order, size, drop, daemon):
    """An epoch that drop_last leaves without a batch."""
    try:
        next(iter(kind("ours", order, size, drop, daemon).reader))
    except errors.InvalidSpec as error:
        if "leaves out the only" in str(error):
            return "refused", ""
        return "different", f"refused by other words: {error!s:.200}"
    return "different", "an epoch of no batches was not refused"


def save(kind, order, size, drop, where, sets, daemon):
    event = events.saved(where, sets) if kind is Program else saved(where)
    theirs, ours = _pair(kind, order, size, drop, event, daemon, None)
    text = trace.difference(theirs.trace.lines, ours.trace.lines)
    if text:
        return "different", text
    if theirs.mark is None:
        return "none", ""
    lines = daemon.elsewhere.resume(resumed, kind, order.name, size, drop, where, sets, ours.state)
    text = trace.difference(theirs.trace.lines[theirs.mark:], lines)
    return ("different", "resumed: " + text) if text else ("equal", "")


def resumed(kind, order, size, drop, where, sets, state):
    """In the new process: the lines from there on."""
    p = kind("ours", documented.named(order), size, drop)
    if kind is Program:
        events.resumed(where, sets, state)(p)
    else:
        p.resume(state)
        p.take(4 * p.steps - _place(where, p.steps))
    return p.trace.lines
