# SPDX-License-Identifier: MIT
"""How far it is, on standard error, of what takes longer than a second."""
import sys
import time
from collections.abc import Callable
from typing import Any

_FIRST_SECONDS = 1.0
_TERMINAL_SECONDS, _FILE_SECONDS = 0.1, 10.0
_WIDTH = 30

Progress = Callable[[str, int, "int | None"], Any]


class Bar:
    """A line that is written again and again; of a file, one in ten seconds. Call it with what is
    done, and close() it."""

    def __init__(self, what: str) -> None:
        self._what, self._file = what, sys.stderr
        self._terminal = bool(self._file) and self._file.isatty()
        self._began = time.monotonic()
        self._next = self._began + _FIRST_SECONDS
        self._shown = 0  # characters of the terminal's line

    def __call__(self, split: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now < self._next or not self._file:
            return
        self._next = now + (_TERMINAL_SECONDS if self._terminal else _FILE_SECONDS)
        rate = done / (now - self._began) if now > self._began else 0.0
        text = f"{self._what}: {split} {done:,}"
        if total:
            filled = _WIDTH * min(done, total) // total
            text += f" of {total:,} [{'#' * filled}{'.' * (_WIDTH - filled)}]"
        text += f" {rate:,.0f} images/s"
        if self._terminal:
            self._file.write("\r" + text.ljust(self._shown))
            self._shown = len(text)
        else:
            self._file.write(text + "\n")
        self._file.flush()

    def close(self) -> None:
        """Ends the terminal's line."""
        if self._shown:
            self._file.write("\r" + " " * self._shown + "\r")
            self._file.flush()


class _NowAndThen:
    """A program's function, which is called ten times a second, and of each split's last image."""

    def __init__(self, tell: Progress) -> None:
        self._tell, self._next = tell, 0.0

    def __call__(self, split: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now >= self._next or done == total:
            self._next = now + _TERMINAL_SECONDS
            self._tell(split, done, total)


def of(progress: Any, what: str) -> tuple[Progress, Callable[[], None]]:
    """What to call, and at the end. Errors: TypeError for what is neither a truth nor callable."""
    if progress is True:
        bar = Bar(what)
        return bar, bar.close
    if progress is False or progress is None:
        return (lambda split, done, total: None), (lambda: None)
    if not callable(progress):
        raise TypeError(f"progress={progress!r:.80}: want True, False, or a function of (split, done, "
                        "total)")
    return _NowAndThen(progress), (lambda: None)
