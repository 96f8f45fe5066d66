# SPDX-License-Identifier: MIT
"""What happens to a loader. Each event is the same program for both sides.

A Program has a loader of one side, and writes down what it sees. Events that save mark the moment;
what a resumed program sees is compared with what the stock one saw from there on.
"""
import pickle
import random

import numpy as np
import torch

from harness import trace

EPOCHS = 3


class Broken(Exception):
    pass


class Program:
    """One side's program: `read` makes of its loader what is iterated over."""

    def __init__(self, side, order, size, drop, driver, daemon=None):
        self.side, self.order, self.driver, self.daemon = side, order, driver, daemon
        self.generators = [torch.Generator().manual_seed(100 + i) for i in range(order.generators)]
        self.trace = trace.Trace(self.generators)
        self.mark, self.state = None, None
        trace.seed_all(11)
        self.loader = order.make(side, size, drop, self.generators, **driver.words)
        self.reader = driver.read(side, self.loader, order)
        self.steps = len(self.loader)
        self.trace.say("made", len(self.loader), len(self.loader.dataset), len(self.reader))

    def epoch(self):
        for batch in self.reader:
            self.trace.batch(batch)
        self.trace.say("end")

    def some(self, count):
        """An iteration that is broken off."""
        for i, batch in enumerate(self.reader):
            self.trace.batch(batch)
            if i + 1 >= count:
                break
        self.trace.say("broken off")

    def set_epoch(self, epoch):
        if self.side == "ours":
            self.loader.set_epoch(epoch)
            return
        for sampler in (self.loader.batch_sampler, self.loader.sampler):
            if hasattr(sampler, "set_epoch"):
                sampler.set_epoch(epoch)

    def save(self, within, dead):
        """Here a checkpoint is made, within an epoch or between two; with the daemon dead."""
        self.mark = len(self.trace.lines)
        if self.side == "ours":
            if dead:
                self.daemon.kill()
            self.state = pickle.dumps((
                self.driver.state(self.loader, self.reader), torch.get_rng_state(),
                random.getstate(), np.random.get_state()))
            if dead:
                self.daemon.start()
        for _ in range(self.driver.draws_again[not within]):
            torch.empty((), dtype=torch.int64).random_()

    def resume(self, state):
        kept, of_torch, of_python, of_numpy = pickle.loads(state)
        trace.seed_all(99)
        for generator in self.generators:
            generator.manual_seed(98)
        self.driver.load(self.loader, self.reader, kept)
        torch.set_rng_state(of_torch)
        random.setstate(of_python)
        np.random.set_state(of_numpy)
        self.trace.lines.clear()


def several(p):
    for _ in range(EPOCHS):
        p.epoch()


def numbers_between(p):
    for batch in p.reader:
        p.trace.batch(batch)
        torch.rand(1), random.random(), np.random.random()
        for g in p.generators:
            torch.rand(1, generator=g)
    torch.rand(3)
    p.epoch()


def seeded_again(p):
    for _ in range(EPOCHS):
        torch.manual_seed(3)
        p.epoch()


def broken_off(count):
    def event(p):
        p.some(count)
        p.some(count + 1)
        p.epoch()
        p.epoch()

    return event


def never_asked(p):
    """iter() alone."""
    iter(p.reader)
    p.trace.say("asked")
    waiting = iter(p.reader)
    p.epoch()
    for batch in waiting:
        p.trace.batch(batch)
    p.trace.say("end")


def at_once(p):
    """zip of one loader with itself."""
    for a, b in zip(p.reader, p.reader):
        p.trace.batch(a)
        p.trace.batch(b)
    p.trace.say("end")
    p.epoch()


def by_turns(p):
    a, b = iter(p.reader), None
    for iterator, count in (("a", 1), ("b", 0), ("a", 2), ("b", 1), ("a", 99), ("b", 99)):
        if iterator == "b" and b is None:
            b = iter(p.reader)
        for _, batch in zip(range(count), a if iterator == "a" else b):
            p.trace.batch(batch)
    p.trace.say("end")
    p.epoch()


def evaluated_within(p):
    """A whole epoch within an epoch's first two batches."""
    for i, batch in enumerate(p.reader):
        p.trace.batch(batch)
        if i < 2:
            p.epoch()
    p.trace.say("end")


def exception(p):
    try:
        for i, batch in enumerate(p.reader):
            p.trace.batch(batch)
            if i == 1:
                raise Broken
    except Broken:
        p.trace.say("broken")
    p.epoch()
    p.epoch()


def draws_between(p):
    """The loop draws on the CPU, as a dropout does, also within an epoch that is broken off."""
    for count in (2, 99, 99):
        for i, batch in enumerate(p.reader):
            p.trace.batch(batch)
            torch.rand(3)
            if i + 1 == count:
                break
        p.trace.say("end")


def epochs_set(*numbers):
    def event(p):
        for number in numbers:
            if number is not None:
                p.set_epoch(number)
            p.epoch()

    return event


def set_within(p):
    """set_epoch while an epoch runs is for the next."""
    for i, batch in enumerate(p.reader):
        p.trace.batch(batch)
        if i == 0:
            p.set_epoch(9)
    p.trace.say("end")
    p.epoch()
    p.some(1)
    p.set_epoch(2)
    p.epoch()


def killed(p):
    """The daemon ends as in a power cut, and is started again."""
    for i, batch in enumerate(p.reader):
        p.trace.batch(batch)
        if i == 1 and p.side == "ours":
            p.daemon.kill()
            p.daemon.start()
    p.trace.say("end")
    if p.side == "ours":
        p.daemon.kill()
        p.daemon.start()
    p.epoch()


EVENTS = {
    "several": several, "numbers-between": numbers_between, "seeded-again": seeded_again,
    "broken-0": broken_off(1), "broken-3": broken_off(3), "never-asked": never_asked,
    "at-once": at_once, "by-turns": by_turns, "evaluated-within": evaluated_within,
    "exception": exception, "draws-between": draws_between,
}
OF_DAEMON = {"killed": killed}
OF_EPOCHS = {
    "set-0-5-5-2": epochs_set(0, 5, 5, 2), "set-3-then-never": epochs_set(3, None, None),
    "never-then-set-0": epochs_set(None, None, 0, None), "set-within": set_within,
}

# Where a checkpoint is made: (epoch, batches of it; None: behind its end).
SAVES = {
    "start": (0, 0), "first": (0, 1), "middle": (0, 4), "last": (0, -1), "end": (0, None),
    "later": (1, 2), "later-end": (1, None),
}
SAVES_DEAD = {"dead-middle": (0, 4), "dead-last": (0, -1), "dead-end": (0, None)}


def _place(where):
    """A name of those, or "at-EPOCH-BATCHES", or "at-EPOCH-end"."""
    if where.startswith("at-"):
        epoch, count = where.split("-")[1:]
        return int(epoch), None if count == "end" else int(count)
    return (SAVES | SAVES_DEAD)[where]


def saved(where, sets):
    """Up to the checkpoint and on to the last epoch's end. sets: the program says its epochs."""
    at, count = _place(where)
    dead = where in SAVES_DEAD

    def event(p):
        upto = p.steps if count == -1 else count
        for number in range(EPOCHS):
            if sets:
                p.set_epoch(number)
            if number == at and count == 0:
                p.save(False, dead)
            for i, batch in enumerate(p.reader):
                p.trace.batch(batch)
                if number == at and i + 1 == upto:
                    p.save(True, dead)
            p.trace.say("end")
            if number == at and count is None:
                p.save(False, dead)

    return event


def saved_everywhere(p):
    """Checkpoints at every place; p.marks says which, where in the trace, and the state."""
    p.marks = []

    def save(name, within):
        p.save(within, False)
        p.marks.append((name, p.mark, p.state))

    for number in range(EPOCHS):
        save(f"at-{number}-0", False)
        for i, batch in enumerate(p.reader):
            p.trace.batch(batch)
            save(f"at-{number}-{i + 1}", True)
        p.trace.say("end")
        save(f"at-{number}-end", False)


def resumed(where, sets, state):
    """A new program that goes on from there."""
    at, count = _place(where)

    def event(p):
        p.resume(state)
        for number in range(at + (count is None), EPOCHS):
            if sets:
                p.set_epoch(number)
            p.epoch()

    return event
