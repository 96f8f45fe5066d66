# SPDX-License-Identifier: MIT
"""The differential harness, some of each kind; scripts/harness --whole runs every combination."""
import os
import pathlib
import re
import subprocess
import sys

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchdata")

HERE = pathlib.Path(__file__).resolve().parent


def test_harness__brief__all_equal_to_the_stock_loader():
    run = subprocess.run([sys.executable, "-m", "harness", "--brief"], text=True, timeout=1700,
                         stdout=subprocess.PIPE, env={
                             **os.environ,
                             "PYTHONPATH": f"{os.environ.get('PYTHONPATH', HERE)}:{HERE}"})
    print(run.stdout)
    found = re.search(r"^(\d+) combinations equal to the stock loader, (\d+) refused, 0 different$",
                      run.stdout, re.MULTILINE)
    assert run.returncode == 0 and found, run.stdout[-4000:]
    assert int(found[1]) >= 400 and int(found[2]) >= 100
