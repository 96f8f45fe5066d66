# SPDX-License-Identifier: MIT
"""A daemon of the tests' own on a socket in a temporary folder, and the files as they are."""

import contextlib
import gc
import gzip
import os
import pathlib
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
# scripts/test --installed tries what is installed, in place of what is built.
INSTALLED = "FMNIST_PROGRAMS" in os.environ
FMNISTD, FMNISTCTL = (pathlib.Path(os.environ.get("FMNIST_PROGRAMS", BUILD)) / name
                      for name in ("fmnistd", "fmnistctl"))
# By what a child finds the package.
PACKAGE = {} if INSTALLED else {"PYTHONPATH": str(ROOT / "src/python"), "BUILD": str(BUILD)}
DATASET = pathlib.Path(os.environ.get("FMNIST_DATA", "/usr/share/datasets/fashion-mnist"))


def idx(name):
    numpy = pytest.importorskip("numpy")
    path = DATASET / name
    data = path.read_bytes() if path.exists() else gzip.open(f"{path}.gz").read()
    dimensions = numpy.frombuffer(data, ">u4", data[3], 4)
    return numpy.frombuffer(data, "u1", offset=4 + 4 * data[3]).reshape(dimensions)


def streams(most=0):
    """How many the daemon serves, once it has noticed those that are gone; `most`: may be left."""
    import fmnist

    gc.collect()
    deadline = time.monotonic() + 5
    while True:
        count = sum("stream" in client for client in fmnist.status()["clients"])
        if count <= most or time.monotonic() > deadline:
            return count
        time.sleep(0.01)


@pytest.fixture(scope="session")
def raw_train():
    return idx("train-images-idx3-ubyte"), idx("train-labels-idx1-ubyte")


@pytest.fixture(scope="session")
def raw_test():
    return idx("t10k-images-idx3-ubyte"), idx("t10k-labels-idx1-ubyte")


@contextlib.contextmanager
def running_daemon(folder, datasets=f"  - name: fashion-mnist\n    path: '{DATASET}'\n"):
    """A daemon in that folder, until the end. Its socket's path."""
    config = folder / "fmnistd.yaml"
    config.write_text(
        f"socket: '{folder}/fmnistd.sock'\n"
        f"cache: '{folder}/cache'\n"
        f"workers: auto\ndatasets:\n{datasets}")
    (folder / "cache").mkdir()
    process = subprocess.Popen(
        [FMNISTD, "-c", config], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True)
    seen = []
    for line in process.stderr:
        seen.append(line)
        if " ready" in line:
            break
    else:
        pytest.fail("fmnistd did not start:\n" + "".join(seen))
    yield folder / "fmnistd.sock"
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.fixture(scope="session")
def daemon_process(tmp_path_factory):
    with running_daemon(tmp_path_factory.mktemp("daemon")) as socket:
        yield socket


@pytest.fixture
def private_daemon(tmp_path):
    """Another daemon, which has seen nothing of this process."""
    with running_daemon(tmp_path) as socket:
        yield socket


@pytest.fixture
def daemon(daemon_process, monkeypatch):
    """The daemon, found as every client finds it. The socket's path."""
    monkeypatch.setenv("FMNIST_SOCKET", str(daemon_process))
    return daemon_process


@pytest.fixture
def matplotlib_agg():
    """Matplotlib that draws nowhere."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    yield
    pyplot.close("all")
