# SPDX-License-Identifier: MIT
"""Which combinations there are. Those that no program can say (a batch sampler and drop_last) are
none."""
import functools
from typing import NamedTuple

from harness import chains, events, frameworks, refusals, tiny, trace, trainers
from harness.drivers import (AROUND, OWN_WORKERS, PLAIN, SPAWNED, STATEFUL, STATEFUL_WORKERS,
                             TRANSFORMING, TRANSFORMING_AROUND, WORKERS)
from harness.orders import ORDERS, SIZES


# A spawned worker imports PyTorch, which takes seconds: one of each kind.
SPAWN = ("shuffle", "generator", "seed", "indices-shuffle", "subset-shuffle", "rank-1-of-2-wrap")


ONE = SIZES[:1]


class Combination(NamedTuple):
    name: str
    run: object  # (daemon) -> ("equal" | "refused" | "different" | "none", text)


def _both(order, size, drop, driver, event, daemon):
    """The same event on both sides."""
    theirs, ours = (events.Program(side, order, size, drop, driver, daemon)
                    for side in ("stock", "ours"))
    trace.seed_all(11)
    event(theirs)
    trace.seed_all(11)
    event(ours)
    return theirs, ours


def compare(order, size, drop, driver, event, daemon):
    if not driver.takes(order):
        return _refused(order, size, drop, driver, event, daemon)
    theirs, ours = _both(order, size, drop, driver, event, daemon)
    text = trace.difference(theirs.trace.lines, ours.trace.lines)
    return ("different", text) if text else ("equal", "")


def _refused(order, size, drop, driver, event, daemon):
    """Inside another DataLoader's workers nobody asks a sampler."""
    try:
        event(events.Program("ours", order, size, drop, driver, daemon))
    except RuntimeError as error:
        trace.forget(error)
        if "is asked by the process that reads the batches" in str(error):
            return "refused", ""
        return "different", f"refused by other words: {error!s:.200}"
    return "different", "a sampler inside a DataLoader's workers was not refused"


def save(order, size, drop, driver, where, sets, daemon):
    """Saved, and loaded in a new process: it sees what the stock program did that never ended."""
    theirs, ours = _both(order, size, drop, driver, events.saved(where, sets), daemon)
    text = trace.difference(theirs.trace.lines, ours.trace.lines)
    if text:
        return "different", text
    if theirs.mark is None:
        return "none", ""
    lines = daemon.elsewhere.resume(order.name, size, drop, driver.name, where, sets, ours.state)
    text = trace.difference(theirs.trace.lines[theirs.mark:], lines)
    return ("different", "resumed: " + text) if text else ("equal", "")


def save_everywhere(order, size, drop, driver, daemon):
    """The same at every batch of every epoch."""
    theirs, ours = _both(order, size, drop, driver, events.saved_everywhere, daemon)
    text = trace.difference(theirs.trace.lines, ours.trace.lines)
    if text:
        return "different", text
    for where, mark, state in ours.marks:
        lines = daemon.elsewhere.resume(order.name, size, drop, driver.name, where, False, state)
        text = trace.difference(theirs.trace.lines[mark:], lines)
        if text:
            return "different", f"resumed {where}: {text}"
    return "equal", ""


def _sizes(order, sizes):
    return sizes if order.sized else [(8, False)]


def _product(drivers, orders, sizes):
    for driver in drivers:
        for order in orders:
            for size, drop in _sizes(order, sizes):
                tail = f"{order.name}/{size}{'-drop' if drop else ''}"
                yield driver, order, size, drop, tail


def _events(order):
    return {**events.EVENTS, **events.OF_DAEMON, **(events.OF_EPOCHS if order.epochs else {})}


def _happening(drivers, orders, sizes, names=None):
    """Events of those names; without, all but those that cost a daemon."""
    for driver, order, size, drop, tail in _product(drivers, orders, sizes):
        for name, event in _events(order).items():
            if name in names if names else name not in events.OF_DAEMON:
                yield Combination(f"{driver.name}/{name}/{tail}", functools.partial(
                    compare, order, size, drop, driver, event))


def _saving(drivers, orders, sizes, places):
    for driver, order, size, drop, tail in _product(drivers, orders, sizes):
        for sets in (False, True) if order.epochs else (False,):
            for where in places:
                if not driver.takes(order):
                    continue
                yield Combination(
                    f"{driver.name}/save-{where}{'-sets' if sets else ''}/{tail}",
                    functools.partial(save, order, size, drop, driver, where, sets))


# Of each way to say an order, for transforms.
ORDERS_TRANSFORMED = [order for order in ORDERS if order.name in (
    "sequential", "shuffle", "generator", "seed", "list", "random-sampler", "global-replacement",
    "weighted", "global-weighted", "by-hand", "batch-sampler", "lengths", "shifting",
    "indices-generator", "mask-shuffle", "subset-shuffle", "subset-sampler", "distributed-1-of-2",
    "rank-1-of-2-drop", "rank-2-of-3-wrap", "rank-indices")]
# Workers that DataLoader starts are fetched anew for each iteration: two at once are not the same.
OF_WORKERS = ("several", "broken-3", "seeded-again", "draws-between", "exception")


def _drawn_transforms(first, count):
    """Random transforms, of those seeds, without a loader."""
    def run(daemon):
        found = [(seed, *chains.compare(seed)) for seed in range(first, first + count)]
        wrong = [f"seed {seed}: {text}" for seed, result, text in found if result == "different"]
        equal = sum(result == "equal" for _, result, _ in found)
        if equal < count * 9 // 10:
            wrong.append(f"only {equal} of {count} could be compared")
        return ("different", "; ".join(wrong)) if wrong else ("equal", "")

    return run


def _transforming(whole):
    """With a transform: who draws for it, beside who iterates and what happens."""
    few = ORDERS_TRANSFORMED
    for chain, drivers in TRANSFORMING.items():
        orders = few if chain == "crop-flip" or whole and chain == "new-api" else few[1::7]
        names = [name for name in events.EVENTS if name not in OF_WORKERS]
        found = [*_happening(drivers[:1], orders, SIZES[:2], events.EVENTS),
                 *_happening(drivers[1:], orders, SIZES[:2], OF_WORKERS),
                 *_happening([d for d in drivers[1:] if not d.said.get("persistent_workers")],
                             orders[::5], ONE, names)]
        yield from found if whole else found[::41]
        if whole or chain in ("crop-flip", "new-api"):
            places = [Combination(f"{driver.name}/save-everywhere/{tail}", functools.partial(
                save_everywhere, order, size, drop, driver))
                for driver, order, size, drop, tail in _product(drivers, orders, ONE)]
            yield from places if whole else places[5::61]
    for first in range(0, 6000 if whole else 300, 100):
        yield Combination(f"random-transforms/{first}-{first + 99}", _drawn_transforms(first, 100))
    daemons = TRANSFORMING["crop-flip"]
    found = list(_happening(daemons, few, ONE, events.OF_DAEMON))
    yield from found if whole else found[::53]
    found = [*_happening(TRANSFORMING_AROUND[:1], few, ONE),
             *_happening(TRANSFORMING_AROUND[1:], few, ONE, OF_WORKERS), *_saving(
        TRANSFORMING_AROUND[:1], few, ONE, events.SAVES)]
    yield from found if whole else found[::29]


def _training(whole):
    two = trainers.TwoProcesses()
    for number, order in enumerate(ORDERS):
        for kind in trainers.KINDS if whole else ("prepare",) if number % 4 == 1 else ():
            if trainers.takes(order, kind):
                yield Combination(f"accelerate-1/{kind}/{order.name}/8",
                                  trainers.one_process(order, kind))
                if whole:
                    yield Combination(f"accelerate-2/{kind}/{order.name}/8", two.run(order, kind))
        if whole or number % 13 == 1:
            for when in trainers.CHECKPOINTS:
                yield Combination(f"lightning/{when}/{order.name}/8",
                                  trainers.lightning(order, when))


def _of_other_images(whole):
    """Parts of a split and rows of labels: every order of each of them, or by turns."""
    every = [order.of(data) for order in ORDERS for data in tiny.OTHERS]
    found = every if whole else every[::11]
    yield from _happening([PLAIN], found, ONE, ("several", "by-turns"))
    yield from _saving([PLAIN], found if whole else found[::2], ONE, ("middle", "later-end"))
    yield from _happening([PLAIN], found[::5], ONE, events.OF_DAEMON)
    yield from _happening([AROUND, *OWN_WORKERS[:2]], found[1::5], ONE, ("several",))
    yield from _saving([STATEFUL], found[2::11], ONE, ("middle",))
    yield from _happening(WORKERS[2:], found[3::41], ONE, ("several",))
    transformed = [order.of(data) for order in ORDERS_TRANSFORMED for data in tiny.OTHERS]
    yield from _happening(TRANSFORMING["crop-flip"][:3:2], transformed[::1 if whole else 13], ONE,
                          ("several",))
    for order in every[::5 if whole else 101]:
        if trainers.takes(order, "prepare"):
            yield Combination(f"accelerate-1/prepare/{order.name}/8",
                              trainers.one_process(order, "prepare"))


def _with_processes(order):
    """Of workers that are started for each: those that cost seconds, for some orders."""
    yield from _happening(OWN_WORKERS, [order], ONE, ("several", "broken-3", "seeded-again"))
    yield from _happening(WORKERS, [order], ONE, ("several", "set-0-5-5-2"))
    yield from _saving([STATEFUL_WORKERS], [order], ONE, ("middle", "later-end"))
    if order.name in SPAWN:
        yield from _happening(SPAWNED, [order], ONE, ("several",))
        yield from _happening(WORKERS, [order], ONE, ("broken-3", "exception"))
        # Persistent workers have one iterator, which a second iter() takes over.
        yield from _happening([w for w in WORKERS if not w.persistent], [order], ONE,
                              ("at-once",))


def all(whole):
    """Every combination, or some of each kind."""
    if whole:
        yield from _happening([PLAIN], ORDERS, SIZES)
        yield from _happening([AROUND], ORDERS, ONE)
        yield from _happening([STATEFUL], ORDERS, ONE, ("several", "broken-3"))
        yield from _happening([PLAIN, AROUND], ORDERS, ONE, events.OF_DAEMON)
        yield from _saving([PLAIN], ORDERS, SIZES[::2], events.SAVES)
        yield from _saving([AROUND, STATEFUL], ORDERS, ONE, events.SAVES)
        yield from _saving([PLAIN], ORDERS, ONE, events.SAVES_DEAD)
    else:
        yield from _happening([PLAIN], ORDERS, ONE)
        yield from _happening([AROUND], ORDERS[::3], ONE)
        yield from _happening([PLAIN], ORDERS[::4], ONE, events.OF_DAEMON)
        yield from _saving([PLAIN, STATEFUL], ORDERS[1::5], ONE, events.SAVES)
        yield from _saving([PLAIN], ORDERS[::6], ONE, events.SAVES_DEAD)
    for number, order in enumerate(ORDERS):
        found = list(_with_processes(order))
        yield from found if whole else found[number % 17::17]
    yield from _of_other_images(whole)
    yield from _transforming(whole)
    yield from _training(whole)
    yield from (Combination(name, run) for name, run in frameworks.all(whole))
    refused = [Combination(name, run) for name, run in refusals.all()]
    yield from refused if whole else refused[::3]
