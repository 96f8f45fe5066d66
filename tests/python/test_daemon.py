# SPDX-License-Identifier: MIT
"""The private daemon of daemon="auto" and fmnist.Daemon: when it lives, what it serves, what is said."""

import contextlib
import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import numpy
import pytest

import fmnist
from conftest import DATASET, FMNISTCTL, FMNISTD, PACKAGE
from fmnist import errors

auto = fmnist.daemon.auto


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Private daemons of one test."""
    for name in ("FMNIST_AUTO", "FMNIST_DATA", "FMNIST_SOCKET", "FMNISTD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FMNIST_DATA", str(DATASET))
    yield
    fmnist.daemon._stop_all()


def write_set(folder, count=3, names=("train", "t10k"), dash="-"):
    """Images of 2 x 2. Returns the training images."""
    folder.mkdir(parents=True, exist_ok=True)
    number, two = count.to_bytes(4, "big"), (2).to_bytes(4, "big")
    pixels = bytes(range(count * 4))
    for name in names:
        (folder / f"{name}-images{dash}idx3-ubyte").write_bytes(
            bytes([0, 0, 8, 3]) + number + two + two + pixels)
        (folder / f"{name}-labels{dash}idx1-ubyte").write_bytes(
            bytes([0, 0, 8, 1]) + number + bytes(count))
    return numpy.frombuffer(pixels, numpy.uint8).reshape(count, 1, 2, 2)


def pid_at(socket):
    return fmnist.status(socket)["pid"]


def ended(pid):
    """Waits for it; a zombie has ended."""
    for _ in range(2000):
        try:
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def gone(path):
    for _ in range(2000):
        if not os.path.exists(path):
            return True
        time.sleep(0.01)
    return False


def program(text, **environment):
    """Runs a program of its own. It writes lines."""
    return subprocess.Popen(
        [sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, **PACKAGE, **environment})


OPENS = """
import fmnist, sys
socket = fmnist.daemon.auto()
print(socket, fmnist.status(socket)["pid"], flush=True)
"""


# ---- how long it lives


def test_auto__opened_in_a_thread_that_ended__still_serves():
    sockets = []
    thread = threading.Thread(target=lambda: sockets.append(auto()))
    thread.start()
    thread.join()
    pid = pid_at(sockets[0])
    time.sleep(0.3)  # for a death that would follow the thread's
    assert pid_at(auto()) == pid


@pytest.mark.parametrize("how", ["its end", "sys.exit", "os._exit", "SIGTERM", "SIGKILL"])
def test_auto__program_ends_somehow__daemon_and_folder_are_gone(how):
    ways = {"its end": "", "sys.exit": "sys.exit(3)", "os._exit": "import os; os._exit(0)"}
    child = program(OPENS + (ways[how] if how in ways else "sys.stdin.read()"))
    socket, pid = child.stdout.readline().split()
    if how not in ways:
        child.send_signal(getattr(signal, how))
    child.wait()
    child.communicate()
    assert ended(pid) and gone(os.path.dirname(socket))


def test_auto__killed_while_a_forked_child_lives_on__daemon_ends():
    child = program(OPENS + """
import os, time
if os.fork() == 0:
    print(os.getpid(), flush=True)
    time.sleep(60)
    os._exit(0)
sys.stdin.read()
""")
    socket, pid = child.stdout.readline().split()
    orphan = int(child.stdout.readline())
    child.kill()
    child.wait()
    assert ended(pid) and gone(os.path.dirname(socket))
    os.kill(orphan, signal.SIGKILL)
    child.communicate()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_auto__daemon_ended__comes_back_at_the_same_path(number):
    socket = auto()
    pid = pid_at(socket)
    os.kill(pid, number)
    for _ in range(2000):
        with contextlib.suppress(errors.Error):  # in the moment of its end
            if pid_at(auto()) != pid:
                break
        time.sleep(0.01)
    assert auto() == socket and pid_at(socket) != pid


def test_auto__daemon_killed_while_a_stream_reads__the_very_next_batch_follows():
    with fmnist.open(daemon="auto", batch_size=1000, order="shuffle", seed=3, indices=True,
                     height=40, width=40) as stream:
        want = [batch[2] for batch in stream]
        stream.seek(0)
        got = []
        for batch in stream:
            got.append(batch[2])
            if len(got) == 2:
                os.kill(pid_at(auto()), signal.SIGKILL)
    assert numpy.array_equal(numpy.concatenate(got), numpy.concatenate(want))


def test_auto__twice_and_from_many_threads__one_daemon():
    sockets = []
    threads = [threading.Thread(target=lambda: sockets.append(auto())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sockets) == 8 and set(sockets) == {auto()}


def _auto_in_child(queue):
    queue.put(auto())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_auto__in_a_child__the_parents(method):
    socket = auto()
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=_auto_in_child, args=(queue,))
    child.start()
    assert queue.get(timeout=60) == socket
    child.join()
    assert pid_at(socket)


def test_auto__in_a_child_whose_parent_has_none__its_own_ends_with_it():
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_auto_in_child, args=(queue,))
    child.start()
    socket = queue.get(timeout=60)
    child.join()
    assert gone(os.path.dirname(socket))
    assert auto() != socket


def test_daemon__with_ends__ended_and_the_folder_gone():
    with fmnist.Daemon() as daemon:
        pid = pid_at(daemon.socket)
    assert ended(pid) and not os.path.exists(daemon.folder)


# ---- where it listens


def test_auto__long_tmpdir__listens_elsewhere(tmp_path, monkeypatch):
    long = tmp_path / ("long" * 30)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    socket = auto()
    assert len(os.fsencode(socket)) <= 103 and pid_at(socket)


def test_auto__tmpdir_that_is_not_there__listens_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    assert pid_at(auto())


# ---- what it serves


def test_auto__data_is_a_folder__that_data_set_of_any_name(tmp_path):
    images = write_set(tmp_path / "toys")
    with fmnist.open("mine", daemon="auto", data=tmp_path / "toys", dtype="uint8") as stream:
        assert numpy.array_equal(next(iter(stream))[0], images)


def test_auto__names_with_a_dot__found(tmp_path):
    images = write_set(tmp_path / "toys", dash=".")
    assert numpy.array_equal(
        fmnist.arrays("train", "mine", daemon="auto", data=str(tmp_path / "toys"))[0], images)


def test_auto__data_names_several__each_is_served(tmp_path):
    write_set(tmp_path / "a", 3)
    write_set(tmp_path / "b's", 5, names=("train",))
    data = {"a": tmp_path / "a", "b": str(tmp_path / "b's")}
    served = fmnist.datasets(daemon="auto", data=data)
    assert [(s.name, s.split, s.count) for s in served] == [
        ("a", "train", 3), ("a", "test", 3), ("b", "train", 5)]


def test_auto__data_is_a_config__its_data_sets_at_a_socket_of_our_own(tmp_path):
    images = write_set(tmp_path / "toys")
    config = tmp_path / "some.yaml"
    config.write_text("socket: never.sock\ncache: none\ndatasets:\n  - name: it\n    path: toys\n"
                      "    splits: {train: {images: train-images-idx3-ubyte, "
                      "labels: train-labels-idx1-ubyte}}\n")
    assert numpy.array_equal(fmnist.arrays("train", "it", daemon="auto", data=config)[0], images)
    assert not (tmp_path / "never.sock").exists()


def test_auto__other_data__another_daemon(tmp_path):
    write_set(tmp_path / "a")
    first, second = auto(), auto(tmp_path / "a", "a")
    assert first != second
    assert auto(os.path.relpath(tmp_path / "a"), "a") == second
    assert auto({"a": str(tmp_path / "a")}, "a") == second


def test_auto__fmnist_data_holds_folders_by_name__that_one(tmp_path, monkeypatch):
    images = write_set(tmp_path / "mine", 4)
    monkeypatch.setenv("FMNIST_DATA", str(tmp_path))
    assert numpy.array_equal(fmnist.arrays("train", "mine", daemon="auto")[0], images)
    with pytest.raises(errors.NotFound, match="FMNIST_DATA=.* does not hold .* of other"):
        auto(dataset="other")


# ---- the daemon that runs already


def test_auto__one_runs_and_serves_it__that_one(daemon_process, monkeypatch):
    monkeypatch.delenv("FMNIST_DATA")
    monkeypatch.setenv("FMNIST_SOCKET", str(daemon_process))
    assert auto() == str(daemon_process)
    assert len(fmnist.arrays("test", indices=[0], daemon="auto")[0]) == 1
    assert "FMNIST_AUTO" not in os.environ  # nothing was started


def test_auto__one_runs_and_data_is_said__a_private_one(daemon_process, tmp_path, monkeypatch):
    monkeypatch.setenv("FMNIST_SOCKET", str(daemon_process))
    images = write_set(tmp_path / "toys")
    assert auto() != str(daemon_process)  # FMNIST_DATA says it
    monkeypatch.delenv("FMNIST_DATA")
    assert numpy.array_equal(
        fmnist.arrays("train", daemon="auto", data=tmp_path / "toys")[0], images)


def test_auto__one_runs_and_does_not_serve_it__a_private_one(daemon_process, tmp_path, monkeypatch):
    monkeypatch.delenv("FMNIST_DATA")
    monkeypatch.setenv("FMNIST_SOCKET", str(daemon_process))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    write_set(tmp_path / "fmnistd/datasets/kmnist")
    assert auto(dataset="kmnist") != str(daemon_process)


# Where that daemon listens is the library's to find.
def test_auto__one_runs_in_the_runtime_folder__that_one(daemon_process, tmp_path, monkeypatch):
    monkeypatch.delenv("FMNIST_DATA")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    socket = tmp_path / "fmnistd/fmnistd.sock"
    socket.parent.mkdir()
    socket.symlink_to(daemon_process)
    assert auto() == str(socket)
    fmnist.daemon._stop_all()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FMNIST_SOCKET", "fmnistd/fmnistd.sock")
    assert auto() == str(socket)


@pytest.mark.parametrize("what", ["nothing", "a file", "a folder"])
def test_auto__nobody_answers_at_the_socket__a_private_one(what, tmp_path, monkeypatch):
    socket = tmp_path / "fmnistd.sock"
    {"nothing": lambda: None, "a file": socket.touch, "a folder": socket.mkdir}[what]()
    monkeypatch.setenv("FMNIST_SOCKET", str(socket))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("FMNIST_DATA")
    write_set(tmp_path / "fmnistd/datasets/kmnist")
    assert pid_at(auto(dataset="kmnist"))


# ---- what is said


def test_auto__no_data_anywhere__how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.delenv("FMNIST_DATA")
    for name in ("HOME", "KERAS_HOME", "MXNET_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.NotFound, match="no kmnist is .*scripts/fetch-datasets kmnist"):
        auto(dataset="kmnist")
    with pytest.raises(errors.NotFound, match='"FashionMNIST".*did you mean "fashion-mnist"'):
        auto(dataset="FashionMNIST")


@pytest.mark.parametrize("data, text", [
    ("{0}/toy", "data={0}/toy: there is no such folder; beside it is {0}/toys"),
    ("{0}/no/such", "there is no such folder, nor {0}/no"),
    ("{0}/toys/train-images-idx3-ubyte", "that is a file"),
    ("{0}/none.yaml", "there is no such config file"),
], ids=["near", "parent", "file", "config"])
def test_auto__data_that_is_not_there__said(tmp_path, data, text):
    write_set(tmp_path / "toys")
    with pytest.raises(errors.NotFound, match=text.format(tmp_path)):
        auto(data.format(tmp_path))


@pytest.mark.parametrize("data", [7, {}, ["a"]], ids=str)
def test_auto__data_of_another_kind__value_error(data):
    with pytest.raises(ValueError, match="want .*name: folder"):
        auto(data)


def test_auto__a_folder_without_the_files__the_daemons_last_words(tmp_path):
    with pytest.raises(errors.NoDaemon, match="ended with status 1; its last words: .*t10k-|train-"):
        auto(tmp_path)


def test_auto__unknown_name_and_no_usual_files__what_to_do(tmp_path):
    with pytest.raises(errors.NotFound, match='"mine" is not known.*config file'):
        auto(tmp_path, "mine")


def test_auto__wrong_config__its_line(tmp_path):
    config = tmp_path / "bad.yml"
    config.write_text("datasets:\n  - nmae: x\n")
    with pytest.raises(errors.NoDaemon, match=r"status 78; its last words: .*bad.yml:2: "):
        auto(config)


@pytest.mark.parametrize("name", ["no-such-program", "/etc/passwd"])
def test_auto__fmnistd_is_no_program__said(monkeypatch, name):
    monkeypatch.setenv("FMNISTD", name)
    with pytest.raises(errors.NoDaemon, match=f"FMNISTD={name}"):
        auto()


def test_auto__working_directory_removed__serves_what_has_a_whole_path(tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    here.rmdir()
    assert pid_at(auto(str(DATASET)))
    with pytest.raises(errors.NotFound, match="working directory has been removed"):
        auto("data")


def test_open__no_daemon_and_none_named__says_what_to_type(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("FMNIST_SOCKET", "")
    if os.path.exists("/run/fmnistd/fmnistd.sock"):  # where every client looks last
        pytest.skip("a daemon runs for this machine")
    with pytest.raises(errors.NoDaemon, match='fmnistd -c FILE.*pass daemon="auto"'):
        fmnist.open()


# ---- fmnistd's options for it


def start(folder, *options, **how):
    write_set(folder / "toys")
    config = folder / "c.yaml"
    config.write_text("socket: c.sock\ncache: none\ndatasets:\n  - name: it\n    path: toys\n    splits:"
                      " {train: {images: train-images-idx3-ubyte, labels: train-labels-idx1-ubyte}}\n")
    return subprocess.Popen([FMNISTD, "-c", config, *options], stderr=subprocess.PIPE,
                            text=True, cwd=folder, **how)


def test_fmnistd__until_eof__ends_in_order_with_its_input(tmp_path):
    process = start(tmp_path, "--until-eof", stdin=subprocess.PIPE)
    assert any(" ready" in line for line in process.stderr)
    process.stdin.write("what is written is not read\n")
    process.stdin.flush()
    assert pid_at(str(tmp_path / "c.sock")) == process.pid
    said = process.communicate()[1]
    assert process.returncode == 0 and "standard input has ended" in said
    assert not (tmp_path / "c.sock").exists()


def test_fmnistd__until_eof_of_no_pipe__refused(tmp_path):
    process = start(tmp_path, "--until-eof", stdin=subprocess.DEVNULL)
    assert "want a pipe" in process.communicate()[1]
    assert process.returncode == 1


def test_fmnistd__socket_said__listens_there_also_after_a_reload(tmp_path):
    process = start(tmp_path, "--socket", "other.sock", stdin=subprocess.DEVNULL)
    assert any(" ready" in line for line in process.stderr)
    reload = [FMNISTCTL, "--socket", tmp_path / "other.sock", "reload"]
    assert "nothing changed" in subprocess.run(reload, capture_output=True, text=True).stdout
    assert not (tmp_path / "c.sock").exists()
    process.terminate()
    process.communicate()


def test_fmnistd__socket_too_long__refused(tmp_path):
    process = start(tmp_path, "--socket", "x" * 104, stdin=subprocess.DEVNULL)
    assert "--socket" in process.communicate()[1]
    assert process.returncode == 78
