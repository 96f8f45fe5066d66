# SPDX-License-Identifier: MIT
"""A new process for each checkpoint: one that has PyTorch imported, and forks for each request.

usage: python -m harness.again, spoken to by Elsewhere over its standard input and output
"""
import os
import pickle
import struct
import subprocess
import sys
import traceback
import warnings


class Elsewhere:
    """Resumes programs in processes that have never seen a loader."""

    def __enter__(self):
        self._process = subprocess.Popen([sys.executable, "-m", "harness.again"],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(self, *unused):
        _send(self._process.stdin, None)  # workers that were forked may hold the pipe open
        self._process.wait()

    def resume(self, *request):
        """The lines that a resumed program sees; request: those of _program, or a function
        and its own."""
        _send(self._process.stdin, request)
        lines, text = _receive(self._process.stdout)
        if text:
            raise RuntimeError("in a new process: " + text)
        return lines


def _send(file, what):
    data = pickle.dumps(what)
    file.write(struct.pack("<Q", len(data)) + data)
    file.flush()


def _receive(file):
    head = file.read(8)
    return pickle.loads(file.read(struct.unpack("<Q", head)[0])) if head else None


def _resumed(order, *request):
    if callable(order):
        return order(*request)
    return _program(order, *request)


def _program(order, size, drop, driver, where, sets, state):
    from harness import drivers, events, orders

    program = events.Program("ours", orders.named(order), size, drop, drivers.DRIVERS[driver])
    events.resumed(where, sets, state)(program)
    return program.trace.lines


def main():
    from harness import drivers, events, orders  # noqa: F401  (once, before any fork)

    warnings.simplefilter("ignore")
    asked, answered = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while (request := _receive(asked)) is not None:
        child = os.fork()
        if child == 0:
            try:
                _send(answered, (_resumed(*request), ""))
            except Exception as error:
                _send(answered, ([], f"{type(error).__name__}: {error}\n"
                                     f"{traceback.format_exc(limit=-3)}"))
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
