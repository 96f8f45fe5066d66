# SPDX-License-Identifier: MIT
"""The fmnistd of daemon="auto": the one that every client finds, where it serves what is asked for,
else a private one, which is started when first asked for and gone with its program.

The private one listens in a new folder that only this user can enter. It ends when its standard
input does, a pipe whose other end this process alone has: so it ends with the process, however that
ends, and not with the thread that started it. A small shell that waits likewise removes the folder.
Children that were forked or spawned use their parent's.
"""
import atexit
import contextlib
import hashlib
import os
import re
import shutil
import socket as sockets
import subprocess
import tempfile
import threading
import time
import weakref
from types import TracebackType
from typing import Any

import _fmnist_programs
from fmnist import _native, _private_data as private_data, errors
from fmnist._typing import Self

_VARIABLE = "FMNIST_AUTO"  # the folders of this process's and its parents' daemons, for children
_START_SECONDS = 60
_REVIVE_SECONDS = 10
_RUNNING_MS = 2000  # for the machine's daemon to say what it serves
_SOCKET_BYTES = 103  # as docs/config.md has it
_LOG_LINES = 6

# Reads until the pipe ends, which is when this process does.
_SWEEP = 'read line; rm -rf -- "$1"'


def find_program() -> str:
    """fmnistd: $FMNISTD, the package's own (in a source tree its build's), or the PATH's.

    Errors: NoDaemon."""
    said = os.environ.get("FMNISTD")
    if said:
        if shutil.which(said):
            return said
        raise errors.NoDaemon(f"FMNISTD={said}: there is no such program that may be run")
    found = _fmnist_programs.own("fmnistd") or shutil.which("fmnistd")
    if not found:
        raise errors.NoDaemon("there is no fmnistd to start: build one with `make` in its source "
                              "tree and set FMNISTD to the path of build/fmnistd, or put it on PATH")
    return found


def _new_folder(name_bytes: int) -> str:
    """A new folder of this user's, whose sockets' paths are short enough to be listened at."""
    places = [os.environ.get("XDG_RUNTIME_DIR"), f"/run/user/{os.getuid()}", "/tmp", "/var/tmp",
              "/dev/shm"]
    failures = []
    with contextlib.suppress(OSError):  # no folder for temporary files at all
        places.insert(0, os.path.abspath(tempfile.gettempdir()))
    for place in filter(None, places):
        if len(os.fsencode(place)) + len("/fmnistd.12345678/") + name_bytes > _SOCKET_BYTES:
            failures.append(f"{place}: its path is too long for a socket")
            continue
        try:
            return tempfile.mkdtemp(prefix="fmnistd.", dir=place)
        except OSError as error:
            failures.append(f"{place}: {error.strerror}")
    raise errors.NoDaemon("there is no folder for a private fmnistd's socket: " +
                          "; ".join(failures) + ". Set TMPDIR to a folder that may be written")


class Daemon:
    """fmnistd over `datasets`: a folder, {name: folder}, or a config file's path (.yaml, .yml);
    default: `dataset`, where it is found. `program` is fmnistd, `cache` a folder of its cache.

    .socket is its socket's path, .process its subprocess.Popen. It is serving when this returns,
    and ends with stop(), at the end of a `with`, or with this process. Any thread may make one.

    Errors: NotFound where there is no such data; NoDaemon where it cannot be started, with its own
    last words.
    """

    def __init__(self, datasets: Any = None, program: str | None = None,
                 cache: str | None = None, dataset: str = "fashion-mnist", *,
                 name: str = "fmnistd.sock") -> None:
        self._pid = os.getpid()
        self._pipes: list[int] = []  # the daemon's and the shell's: both ends of each
        self._sweeper: subprocess.Popen[bytes] | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self._program = program or find_program()
        self._data = private_data.sources(datasets, dataset)
        if cache and isinstance(self._data, str):
            raise ValueError(f"cache={cache!r}: the config file {self._data} says that")
        self._cache = cache
        self.folder = _new_folder(len(name))
        self.socket = os.path.join(self.folder, name)
        self._log = os.path.join(self.folder, "log")
        _made.add(self)
        try:
            self._start()
        except BaseException as error:
            self.stop()
            if isinstance(error, OSError) and not isinstance(error, errors.Error):
                raise errors.NoDaemon(f"{self._program} cannot be started: {error}") from error
            raise

    def _start(self) -> None:
        config = self._data if isinstance(self._data, str) else self._config(self._data)
        # Not one for both: the daemon makes its end O_NONBLOCK, which the shell's `read` takes for
        # the end.
        self._pipes = [*os.pipe(), *os.pipe()]
        self._sweeper = subprocess.Popen(
            ["sh", "-c", _SWEEP, "sh", self.folder], stdin=self._pipes[2],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self._command = [self._program, "-c", config, "--socket", self.socket, "--until-eof"]
        self.start_again()

    def _config(self, datasets: dict[str, str]) -> str:
        path = os.path.join(self.folder, "fmnistd.yaml")
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(private_data.config(datasets, self._cache))
        return path

    def start_again(self) -> None:
        """At the same path, where the last one has ended. Errors: NoDaemon."""
        with open(self._log, "wb") as log:
            # A session of its own: a terminal's Ctrl-C is for the training, not for the daemon.
            self.process = subprocess.Popen(self._command, stdin=self._pipes[0], stderr=log,
                                            stdout=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + _START_SECONDS
        while True:
            ended = self.process.poll() is not None
            with open(self._log, encoding="utf-8", errors="replace") as file:
                said = file.read()
            if re.search(r"\bready\b", said) and not ended:  # "already" is not "ready"
                return
            if ended or time.monotonic() > deadline:
                words = "\n".join(said.strip().splitlines()[-_LOG_LINES:]) or "nothing"
                how = (f"ended with status {self.process.returncode}" if ended else
                       f"was not ready within {_START_SECONDS} s")
                raise errors.NoDaemon(f"the private fmnistd ({self._program}) {how}; its last "
                                      f"words: {words}")
            time.sleep(0.005)

    def stop(self) -> None:
        """Ends the daemon and removes its folder. A forked child's copy does nothing."""
        if self._pid != os.getpid():
            return
        _made.discard(self)
        self._close_pipes()
        process, self.process = self.process, None
        if process:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._sweeper:
            self._sweeper.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _close_pipes(self) -> None:
        pipes, self._pipes = self._pipes, []
        for end in pipes:
            os.close(end)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<fmnist.Daemon at {self.socket}>"


class _Auto(Daemon):
    """One that is started again when it ends, until the program stops it."""

    def __init__(self, data: Any, dataset: str, name: str) -> None:
        self._lock = threading.Lock()
        super().__init__(data, dataset=dataset, name=name)
        threading.Thread(target=self._revive, name="fmnistd", daemon=True).start()

    def _revive(self) -> None:
        pause = 0.0
        while (process := self.process) is not None:
            began = time.monotonic()
            with contextlib.suppress(ChildProcessError):  # another thread was first
                # It stays a zombie: Popen.poll() knows nothing while a thread is in Popen.wait().
                os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            pause = min(2 * pause + 0.1, 5.0) if time.monotonic() - began < 1 else 0.0
            time.sleep(pause)
            try:
                self.serve()
            except (errors.NoDaemon, OSError):
                return  # the next who asks for it is told

    def serve(self) -> None:
        """Returns when it is serving, or stopped."""
        with self._lock:
            if self.process is not None and self.process.poll() is not None:
                self.start_again()

    def stop(self) -> None:
        if self._pid == os.getpid():
            with self._lock:
                super().stop()


_lock = threading.Lock()
_own: dict[str, _Auto] = {}
_running: dict[str, str] = {}  # data sets that the machine's daemon serves: its socket
_made: weakref.WeakSet[Daemon] = weakref.WeakSet()


def _in_forked_child() -> None:
    global _lock
    _lock = threading.Lock()
    for daemon in list(_made):
        daemon._close_pipes()  # which would keep it alive behind its process
    _made.clear()
    _own.clear()


os.register_at_fork(after_in_child=_in_forked_child)


@atexit.register
def _stop_all() -> None:
    for daemon in list(_own.values()):
        daemon.stop()
    _own.clear()
    _running.clear()


def _answers(path: str) -> bool:
    """Waits for one that is being started again: as long as its socket is there."""
    deadline = time.monotonic() + _REVIVE_SECONDS
    while os.path.exists(path) and time.monotonic() < deadline:
        with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as probe:
            try:
                probe.connect(path)
                return True
            except ConnectionRefusedError:
                time.sleep(0.02)
            except OSError:
                return False
    return False


def _find_running(dataset: str) -> str | None:
    """The socket of the daemon that every client finds, where it answers and serves `dataset`."""
    with contextlib.suppress(errors.Error, OSError, ValueError):
        socket, served = _native.running(_RUNNING_MS)
        if any(row[0] == dataset for row in served):
            return os.path.abspath(socket)
    return None


def auto(data: Any = None, dataset: str = "fashion-mnist") -> str:
    """The socket of a daemon that serves `data`: of this program's private one, which is started
    where it does not run; or with nothing said of the one that every client finds, where that
    answers and serves `dataset`, and for as long as this process lives.

    data: a folder of `dataset`, {name: folder}, or a config file (.yaml, .yml); None: $FMNIST_DATA,
    else that running daemon, else where Debian's package, torchvision, Keras, MXNet or
    scripts/fetch-datasets keep it. The same data in this process, or in one that it forked or
    spawned, is the same daemon. A private one that ended is started again at the same path. Any
    thread.

    Errors: NotFound where there is no such data, with how to get it; NoDaemon where none can be
    started; ValueError for a `data` that is none of these."""
    key = private_data.key(data, dataset)
    name = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:12] + ".sock"
    with _lock:
        own = _own.get(name)
        if own is not None:
            own.serve()
            return own.socket
        folders = os.environ.get(_VARIABLE, "").split(os.pathsep)
        for folder in filter(None, folders):
            inherited = os.path.join(folder, name)
            if _answers(inherited):
                return inherited
        if data is None and not os.environ.get("FMNIST_DATA"):
            running = _running.get(dataset) or _find_running(dataset)
            if running:
                _running[dataset] = running
                return running
        own = _Auto(data, dataset, name)
        _own[name] = own
        os.environ[_VARIABLE] = os.pathsep.join([own.folder, *filter(None, folders)])
        return own.socket
