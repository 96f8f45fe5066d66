"""Which combinations there are. Those that no program can say (a batch sampler and drop_last) are
none."""
import functools
from typing import NamedTuple

from harness import events, refusals, trace, trainers
from harness.drivers import (AROUND, OWN_WORKERS, PLAIN, SPAWNED, STATEFUL, STATEFUL_WORKERS,
                             WORKERS)
from harness.orders import ORDERS, SIZES


# A spawned worker imports PyTorch, which takes seconds: one of each kind.
SPAWN = ("shuffle", "generator", "seed", "indices-shuffle", "subset-shuffle", "rank-1-of-2-wrap")


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


def _training(whole):
    two = trainers.TwoProcesses()
    for number, order in enumerate(ORDERS):
        for kind in trainers.KINDS:
            if trainers.takes(order, kind):
                yield Combination(f"accelerate-1/{kind}/{order.name}/8",
                                  trainers.one_process(order, kind))
                yield Combination(f"accelerate-2/{kind}/{order.name}/8", two.run(order, kind))
        if whole or number % 9 == 1:
            for when in trainers.CHECKPOINTS:
                yield Combination(f"lightning/{when}/{order.name}/8",
                                  trainers.lightning(order, when))


def all(whole):
    """Every combination, or about a twelfth of them with something of each kind."""
    one = SIZES[:1]
    found = [*_happening([PLAIN], ORDERS, SIZES if whole else one),
             *_happening([AROUND], ORDERS, one),
             *_saving([PLAIN], ORDERS, SIZES if whole else one, events.SAVES),
             *_saving([AROUND], ORDERS, one, events.SAVES),
             *_happening([STATEFUL], ORDERS, one, ("several", "broken-3")),
             *_saving([STATEFUL], ORDERS, one, events.SAVES),
             *_happening([PLAIN, AROUND], ORDERS if whole else ORDERS[::3], one, events.OF_DAEMON),
             *_saving([PLAIN], ORDERS if whole else ORDERS[::3], one, events.SAVES_DEAD)]
    found += _training(whole)
    found += [Combination(name, run) for name, run in refusals.all()]
    for number, order in enumerate(ORDERS):
        with_processes = [
            *_happening(OWN_WORKERS, [order], one, ("several", "broken-3", "seeded-again")),
            *_happening(WORKERS, [order], one, ("several", "broken-3", "set-0-5-5-2")),
            *_happening(SPAWNED, [order], one, ("several",) if order.name in SPAWN else ("none",)),
            *_saving([STATEFUL_WORKERS], [order], one, ("middle", "later-end"))]
        found += with_processes if whole else with_processes[number % 7::11]
    return found
