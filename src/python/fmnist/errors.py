"""What can go wrong, one class for each result of libfmnist. The text is the library's own."""


class Error(Exception):
    """Base of all; `code` is the library's (negative) result."""

    code = 0


class InvalidSpec(Error, ValueError):
    code = -1


class NoDaemon(Error, ConnectionError):
    code = -2


class Timeout(Error, TimeoutError):
    code = -3


class DaemonDied(Error, ConnectionError):
    """Open the stream again, or iterate again: a stream of fmnist.core goes on where it was."""

    code = -4


class ProtocolError(Error):
    code = -5


class OutOfMemory(Error, MemoryError):
    code = -6


class Forked(Error):
    code = -7


class EverySlotHeld(Error, BufferError):
    """zero_copy: too many batches are alive at once. Drop some, or read without zero_copy."""

    code = -8


class TokenError(Error, ValueError):
    code = -9


class NotFound(Error, LookupError):
    code = -10


class LimitReached(Error):
    code = -11


class DaemonError(Error):
    code = -12


_BY_CODE = {c.code: c for c in Error.__subclasses__()}


def of(code: int, text: str) -> Error:
    """The exception of a result, for fmnist._native."""
    if code == NoDaemon.code:
        text += '; or pass daemon="auto" for a private one'
    error = _BY_CODE.get(code, Error)(text)
    error.code = code
    return error
