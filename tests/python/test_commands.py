# SPDX-License-Identifier: MIT
"""The package's commands: they become the program itself."""

import os
import signal
import subprocess
import sys

import pytest

import _fmnist_programs
import fmnist
from conftest import INSTALLED, PACKAGE

of_a_tree = pytest.mark.skipif(INSTALLED, reason="$BUILD's programs are a source tree's alone")

SAYS = """#!/bin/sh
printf '%s\\n' "$0" "$@"
sed -n 's/^SigIgn:[[:space:]]*//p' /proc/$$/status
"""


def write_program(folder, text, name="fmnistctl"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)
    return folder / name


def run(command, *arguments, **environment):
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True,
        env={**os.environ, **PACKAGE, **environment})


def as_command(folder):
    """The script that an installation makes."""
    return [str(write_program(folder, f"#!{sys.executable}\nfrom _fmnist_programs import fmnistctl\n"
                                      "fmnistctl()\n"))]


@of_a_tree
def test_command__run__arguments_and_signals_are_the_programs(tmp_path):
    program = write_program(tmp_path / "build", SAYS)
    done = run(as_command(tmp_path / "bin"), "--json", "a b", "", BUILD=str(program.parent))
    *said, ignored = done.stdout.splitlines()
    assert said == [str(program), "--json", "a b", ""] and done.returncode == 0
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores
        assert not int(ignored, 16) >> (number - 1) & 1


@of_a_tree
@pytest.mark.parametrize("how, status", [("exit 7", 7), ("kill -TERM $$", -signal.SIGTERM)])
def test_command__program_ends__with_its_status(tmp_path, how, status):
    program = write_program(tmp_path / "build", f"#!/bin/sh\n{how}\n")
    assert run(as_command(tmp_path / "bin"), BUILD=str(program.parent)).returncode == status


@of_a_tree
def test_command__package_without_the_program__the_next_of_path_but_not_itself(tmp_path):
    command = as_command(tmp_path / "bin")
    path = os.pathsep.join([str(tmp_path / "bin"), str(tmp_path / "other"), os.environ["PATH"]])
    none = run(command, BUILD="/no/such", PATH=str(tmp_path / "bin"))
    assert none.returncode == 1 and "was built without it" in none.stderr
    other = write_program(tmp_path / "other", SAYS)
    assert run(command, BUILD="/no/such", PATH=path).stdout.startswith(f"{other}\n")


def test_python_m_fmnist__is_fmnistctl(tmp_path):
    done = run([sys.executable, "-m", "fmnist"], "--version")
    assert done.stdout.startswith(f"fmnistctl {fmnist.__version__},")


@of_a_tree
def test_find_program__in_order__said_then_own_then_path(tmp_path, monkeypatch):
    said, own, found = (write_program(tmp_path / name, SAYS, "fmnistd")
                        for name in ("said", "own", "path"))
    monkeypatch.setenv("FMNISTD", str(said))
    monkeypatch.setenv("BUILD", str(own.parent))
    monkeypatch.setenv("PATH", str(found.parent))
    assert fmnist.daemon.find_program() == str(said)
    monkeypatch.delenv("FMNISTD")
    assert fmnist.daemon.find_program() == str(own) == _fmnist_programs.own("fmnistd")
    own.chmod(0o644)
    assert fmnist.daemon.find_program() == str(found)
    found.unlink()
    with pytest.raises(fmnist.errors.NoDaemon, match="no fmnistd to start"):
        fmnist.daemon.find_program()
