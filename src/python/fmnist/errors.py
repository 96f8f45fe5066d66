# SPDX-License-Identifier: MIT
"""What can go wrong, one class for each result of libfmnist. The text is the library's own."""


class Error(Exception):
    """Base of all; `code` is the library's (negative) result."""

    code = 0


class InvalidSpec(Error, ValueError):
    """A field of the spec, or a position, is out of range, or fields do not go together."""

    code = -1


class NoDaemon(Error, ConnectionError):
    """No daemon answers at the socket, or a private one cannot be started."""

    code = -2


class Timeout(Error, TimeoutError):
    """Nothing came within timeout= seconds. The stream stays usable."""

    code = -3


class DaemonDied(Error, ConnectionError):
    """Open the stream again, or iterate again: a stream of fmnist.core goes on where it was."""

    code = -4


class ProtocolError(Error):
    """Who answers does not speak this protocol, or broke it."""

    code = -5


class OutOfMemory(Error, MemoryError):
    """Memory, descriptors or address space ran out, here or in the daemon."""

    code = -6


class Forked(Error):
    """A native stream was made before fork(). fmnist.Stream connects anew in the child."""

    code = -7


class EverySlotHeld(Error, BufferError):
    """zero_copy: too many batches are alive at once. Drop some, or read without zero_copy."""

    code = -8


class TokenError(Error, ValueError):
    """A token or a state is damaged, or belongs to another spec or data set."""

    code = -9


class NotFound(Error, LookupError):
    """The daemon does not serve that data set or split, or there is no such data here."""

    code = -10


class LimitReached(Error):
    """A limit of the daemon's config refuses it; the text says which."""

    code = -11


class DaemonError(Error):
    """The daemon could not do it; the text says why."""

    code = -12


class NotPermitted(Error, PermissionError):
    """This user may not do that; the text says who may."""

    code = -13


class BadData(Error, ValueError):
    """What import_dataset was given cannot be kept as it is; the text says which split and item."""


class AlreadyThere(Error, FileExistsError):
    """import_dataset would have to write where something is."""


_BY_CODE = {c.code: c for c in Error.__subclasses__() if c.code}


def of(code: int, text: str) -> Error:
    """The exception of a result, for fmnist._native."""
    if code == NoDaemon.code:
        text += '; or pass daemon="auto" for a private one'
    error = _BY_CODE.get(code, Error)(text)
    error.code = code
    return error
