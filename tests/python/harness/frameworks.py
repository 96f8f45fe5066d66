# SPDX-License-Identifier: MIT
"""Which combinations of JAX's loaders (jax_programs.py) and Keras' fit (keras_fit.py) there are."""
import functools

from harness import documented, events, tiny
from harness.documented import ORDERS
from harness.jax_programs import (DEVICE, EPOCHS, ITERATOR, Iterating, LOADER,
                                  OF_ITERATOR_COPIES, OF_ITERATOR_DAEMON, OF_LOADER_COPIES,
                                  OF_LOADER_DAEMON, OnDevice, Program, back, compare, endless,
                                  save, steps_of)

SIZES = [(8, False), (8, True), (1, False), (103, False), (200, False), (200, True)]


def _tail(order, size, drop):
    return f"{order.name}/{size}{'-drop' if drop else ''}" if order.sized else order.name


def _happening(kind, order, size, drop, found):
    for name, event in found.items():
        yield (
            f"jax-{kind.kind}/{name}/{_tail(order, size, drop)}",
            functools.partial(compare, kind, order, size, drop, event, epochs=EPOCHS.get(name)))


def _saving(kind, order, size, drop, places):
    for sets in (False, True) if order.epochs and kind is Program else (False,):
        for where in places:
            yield (
                f"jax-{kind.kind}/save-{where}{'-sets' if sets else ''}/{_tail(order, size, drop)}",
                functools.partial(save, kind, order, size, drop, where, sets))


def _of_order(order, number):
    of_loader = {**LOADER, **(events.OF_EPOCHS if order.epochs else {}),
                 **({} if order.draws else OF_LOADER_COPIES)}
    of_iterator = {**ITERATOR, **({} if order.draws else OF_ITERATOR_COPIES)}
    yield from _happening(Program, order, 8, False, of_loader)
    yield from _happening(Iterating, order, 8, False, of_iterator)
    yield from _saving(Program, order, 8, False, events.SAVES)
    yield from _saving(Iterating, order, 8, False, events.SAVES)
    for size, drop in SIZES[1:] if order.sized else ():
        yield from _happening(Program, order, size, drop, {"several": events.several,
                                                           "at-once": events.at_once})
        yield from _happening(Iterating, order, size, drop, {"endless": endless, "back": back})
        if steps_of(order, size, drop):
            yield from _saving(Iterating, order, size, drop, ("middle", "last"))
    if number % 3 == 0:
        yield from _happening(Program, order, 8, False, OF_LOADER_DAEMON)
        yield from _happening(Iterating, order, 8, False, OF_ITERATOR_DAEMON)
        yield from _saving(Program, order, 8, False, events.SAVES_DEAD)
        yield from _saving(Iterating, order, 8, False, events.SAVES_DEAD)
    if number % 4 == 1:
        yield from _happening(OnDevice, order, 8, False, DEVICE)


def _ahead():
    """Each new process imports JAX, which takes a second. What is read ahead may be drawn ahead:
    of what is not."""
    for name, where in (("torch", "middle"), ("list", "last"), ("indices-seed", "later")):
        yield from _saving(OnDevice, documented.named(name), 8, False, [where])


KERAS = ("epochs", "fits", "stopped", "evaluated", "initial-epoch", "validated", "in-parts",
         "killed", "items-forward", "items-backward", "items-scattered")
KERAS_SETS = ("set-before", "set-0-5-5-2")
KERAS_SAVES = ("start", "within", "end", "later-end")


def _fitting(order):
    for workers in (1, 2):
        for size, drop in SIZES if order.sized else SIZES[:1]:
            if size == 1:
                continue
            for name in (*KERAS, *(KERAS_SETS if order.epochs else ()), *KERAS_SAVES):
                if name in ("in-parts", "within") and steps_of(order, 2 * size, drop) == 1:
                    continue
                said = f"save-{name}" if name in KERAS_SAVES else name
                yield (f"keras-{workers}/{said}/{_tail(order, 2 * size, drop)}",
                       functools.partial(_fit, order.name, 2 * size, drop, workers, name))


def _fit(*words):
    from harness import keras_fit

    return keras_fit.compare(*words)


def all(whole):
    """(name, run) of each: a seventh of the product, in which every event meets every kind of order
    at some size; or a few of each. Of parts of a split and of rows of labels fewer."""
    others = [order.of(data) for order in ORDERS for data in tiny.OTHERS]
    for orders, every in (ORDERS, 7 if whole else 60), (others, 43 if whole else 521):
        found = [c for number, order in enumerate(orders) for c in _of_order(order, number)]
        yield from found[::every]
    yield from list(_ahead())[::1 if whole else 3]
    for orders, every in (ORDERS, 47 if whole else 311), (others, 311 if whole else 9973):
        yield from [c for order in orders for c in _fitting(order)][::every]
