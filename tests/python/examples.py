# SPDX-License-Identifier: MIT
"""Runs the chapter's scripts of docs/examples as a user would: nothing is started before, and no daemon
runs that they could find."""
import os
import pathlib
import subprocess
import sys

import fmnist

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT_LABELS = ["t-shirt", "trouser", "pullover", "dress", "coat",
               "sandal", "shirt", "sneaker", "bag", "ankle boot"]
FIRST_OF_VAL = ["ankle boot", "pullover", "trouser", "trouser", "shirt", "trouser", "coat", "shirt"]


def without_daemon(folder):
    """An environment in which no daemon is found."""
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("FMNIST_SOCKET", "XDG_RUNTIME_DIR")}
    return {**environment, "FMNIST_SOCKET": str(folder / "none"),
            "PYTHONPATH": str(pathlib.Path(fmnist.__file__).resolve().parents[1])}


def check_script(tab, folder, counts, shape, batch):
    """It prints the chapter's values, and draws. batch: X and y as they are printed."""
    picture = folder / "batch.png"
    done = subprocess.run(
        [sys.executable, ROOT / f"docs/examples/chapter_{tab}.py", picture], cwd=folder,
        env=without_daemon(folder), capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:4] == [counts, shape, str(TEXT_LABELS), batch], done.stdout
    assert lines[4].endswith(" sec") and float(lines[4].split()[0]) > 0
    assert lines[5:] == [str(FIRST_OF_VAL), str(picture)], done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
