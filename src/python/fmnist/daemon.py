"""A private fmnistd, for daemon="auto": one a process, started when first asked for, gone with it.

It listens in a new folder that only this user can enter. It ends with this process however that
ends: the kernel signals it when its parent dies (prctl(2), PR_SET_PDEATHSIG), a small shell that
waits for its end removes the folder. Children that were forked or spawned use the parent's.
"""
import atexit
import ctypes
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from fmnist import errors

_IDX_FILES = [f"{split}-{kind}" for split in ("train", "t10k")
              for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")]
_VARIABLE = "FMNIST_AUTO_SOCKET"  # how child processes find the parent's
_START_SECONDS = 60

_lock = threading.Lock()
_own = None


def is_idx_set(folder):
    """Whether the folder holds the four files, each plain or .gz."""
    return all(os.access(os.path.join(folder, name), os.R_OK) or
               os.access(os.path.join(folder, name + ".gz"), os.R_OK) for name in _IDX_FILES)


def find_dataset():
    """A folder with Fashion-MNIST that is already here; the same places as scripts/quickstart's."""
    said = os.environ.get("FMNIST_DATA")
    if said:
        if not is_idx_set(said):
            raise errors.NotFound(f"FMNIST_DATA={said} does not hold the four IDX files "
                                  f"({', '.join(_IDX_FILES)}; plain or .gz)")
        return os.path.abspath(said)
    home = os.path.expanduser("~")
    places = [
        "/usr/share/datasets/fashion-mnist",
        "data/FashionMNIST/raw",
        "../data/FashionMNIST/raw",
        os.path.join(home, "data/FashionMNIST/raw"),
        os.path.join(home, ".pytorch/FashionMNIST/raw"),
        os.path.join(os.environ.get("KERAS_HOME", os.path.join(home, ".keras")),
                     "datasets/fashion-mnist"),
        os.path.join(os.environ.get("MXNET_HOME", os.path.join(home, ".mxnet")),
                     "datasets/fashion-mnist"),
        os.path.join(os.environ.get("XDG_DATA_HOME", os.path.join(home, ".local/share")),
                     "fmnistd/datasets/fashion-mnist"),
    ]
    for place in places:
        if is_idx_set(place):
            return os.path.abspath(place)
    raise errors.NotFound("no Fashion-MNIST is here: install Debian's dataset-fashion-mnist, or "
                          "set FMNIST_DATA to a folder with the four IDX files")


def find_program():
    """fmnistd: $FMNISTD, the source tree's, or the PATH's."""
    from fmnist import _built

    said = os.environ.get("FMNISTD")
    built = os.path.join(os.path.dirname(os.path.dirname(_built)), "fmnistd")
    program = said or (built if os.access(built, os.X_OK) else shutil.which("fmnistd"))
    if not program:
        raise errors.NoDaemon("there is no fmnistd to start: build one with `make`, or set FMNISTD "
                              "to its path")
    return program


def _quoted(text):
    """A YAML scalar that may hold anything a path may."""
    return "'" + text.replace("'", "''") + "'"


# The shell outlives a crash of this process just long enough: the daemon's end of the pipe closes
# with the daemon, and then the folder goes.
_SWEEP = 'read line; rm -rf -- "$1"'


class Daemon:
    """fmnistd over `datasets` ({name: folder}; default: the Fashion-MNIST that is found)."""

    def __init__(self, datasets=None, program=None, cache=None):
        self._pid = os.getpid()
        self.process = None
        program = program or find_program()
        datasets = datasets or {"fashion-mnist": find_dataset()}
        self.folder = tempfile.mkdtemp(prefix="fmnistd.")
        self.socket = os.path.join(self.folder, "fmnistd.sock")
        try:
            self._start(program, datasets, cache)
        except BaseException:
            self.stop()
            raise

    def _start(self, program, datasets, cache):
        lines = [f"socket: {_quoted(self.socket)}"]
        if cache:
            lines.append(f"cache: {_quoted(os.path.abspath(cache))}")
        lines.append("datasets:")
        for name, folder in datasets.items():
            lines += [f"  - name: {_quoted(name)}", f"    path: {_quoted(os.path.abspath(folder))}"]
        config = os.path.join(self.folder, "fmnistd.yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        lives, held = os.pipe()
        try:
            self._launch(program, config, lives, held)
        finally:
            os.close(lives)
            os.close(held)
        self._await()

    def _launch(self, program, config, lives, held):
        parent, libc = os.getpid(), ctypes.CDLL(None)

        def die_with_parent():
            libc.prctl(1, signal.SIGTERM, 0, 0, 0)  # PR_SET_PDEATHSIG
            if os.getppid() != parent:
                os._exit(1)

        self.log = os.path.join(self.folder, "log")
        with open(self.log, "w", encoding="utf-8") as log:
            # A group of its own: a terminal's Ctrl-C is for the training, not for the daemon.
            self.process = subprocess.Popen(
                [program, "-c", config], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=log, pass_fds=[held], start_new_session=True, preexec_fn=die_with_parent)
            self._sweeper = subprocess.Popen(
                ["sh", "-c", _SWEEP, "sh", self.folder], stdin=lives, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, start_new_session=True)

    def _await(self):
        deadline = time.monotonic() + _START_SECONDS
        while True:
            with open(self.log, encoding="utf-8", errors="replace") as file:
                said = file.read()
            if re.search(r"\bready\b", said):  # "already" is not "ready"
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise errors.NoDaemon("the private fmnistd did not become ready; it says: "
                                      + (said.strip() or "nothing"))
            time.sleep(0.005)

    def stop(self):
        """Ends the daemon and removes its folder. A forked child's copy does nothing."""
        if self._pid != os.getpid():
            return
        process, self.process = self.process, None
        if process:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self._sweeper.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()


def auto():
    """The socket of this process's private daemon, or of the parent's."""
    global _own
    inherited = os.environ.get(_VARIABLE)
    if inherited and os.path.exists(inherited):
        return inherited
    with _lock:
        if _own is None or _own.process is None or _own.process.poll() is not None:
            if _own is not None:
                _own.stop()
            _own = Daemon()
            os.environ[_VARIABLE] = _own.socket
            atexit.register(_own.stop)
        return _own.socket
