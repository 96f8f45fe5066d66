# SPDX-License-Identifier: MIT
"""The one connection that a process keeps without reading it.

A loader that is read through keeps its stream for its next epoch, unless another loader is read
meanwhile: then that one is kept. So training and validating in turn, by however many loaders, is
one connection, and so are loaders that nobody reads any more.
"""
import os
import threading
import weakref
from typing import Any

from fmnist import core

_lock = threading.RLock()  # not a Lock: a generator may be finalised, and put its stream, anywhere
_kept: "weakref.ref[core.Stream] | None" = None


def _new_lock() -> None:
    global _lock
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_new_lock)


def lock() -> Any:
    """Held for a moment only, by whatever the loaders of a process share."""
    return _lock


def take(own: Any) -> bool:
    """Nothing is kept any more: `own` is the caller's, if it was that; another one is closed."""
    global _kept
    with _lock:
        kept, _kept = _kept() if _kept is not None else None, None
        if kept is not None and kept is not own:
            kept.close()
        return kept is not None and kept is own


def put(stream: Any) -> None:
    """The stream is kept, as long as somebody holds it."""
    global _kept
    with _lock:
        take(stream)
        _kept = weakref.ref(stream)
