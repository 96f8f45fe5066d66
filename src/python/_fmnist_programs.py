# SPDX-License-Identifier: MIT
"""fmnistd and fmnistctl as commands of the Python package.

Beside the package and not in it, so that a command is not kept waiting by NumPy's import: each of
these becomes the program itself, with its arguments, signals, descriptors and exit status.
"""
import os
import signal
import sys
from typing import NoReturn

_HERE = os.path.dirname(os.path.abspath(__file__))


def own(name: str) -> str | None:
    """The program that the package brings, or that the source tree around it has built."""
    folders = [os.path.join(_HERE, "fmnist")]
    if os.path.isdir(os.path.join(_HERE, "native")):  # src/python of a source tree
        folders.append(os.path.join(_HERE, "..", "..", os.environ.get("BUILD", "build")))
    for folder in map(os.path.normpath, folders):
        program = os.path.join(folder, name)
        if os.path.isfile(program) and os.access(program, os.X_OK):
            return program
    return None


def _on_path(name: str) -> str | None:
    """The first of PATH that is not this very command."""
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        program = os.path.join(folder or ".", name)
        if (os.path.isfile(program) and os.access(program, os.X_OK) and
                not (os.path.exists(sys.argv[0]) and os.path.samefile(program, sys.argv[0]))):
            return program
    return None


def _become(name: str) -> NoReturn:
    program = own(name) or _on_path(name)
    if program is None:
        sys.exit(f"{name}: the Python package was built without it, as its libraries or their "
                 "headers were not there (in a checkout: scripts/install-packages build)")
    # Python ignores them, and what is ignored stays so in the program.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execv(program, [program, *sys.argv[1:]])
    except OSError as error:
        sys.exit(f"{name}: {program} cannot be run: {error.strerror}")


def fmnistd() -> NoReturn:
    _become("fmnistd")


def fmnistctl() -> NoReturn:
    _become("fmnistctl")
