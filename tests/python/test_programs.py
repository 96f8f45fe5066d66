# SPDX-License-Identifier: MIT
"""The introductory programs of PyTorch, Keras, Lightning and accelerate, in programs/: each prints
its losses and accuracies, and a digest of its weights, once with the framework's own loader and
once with ours. Not one digit may differ."""
import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import pytest

from conftest import DATASET, PACKAGE

PROGRAMS = pathlib.Path(__file__).with_name("programs")

# One thread: sums of floats are then the same in every run.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1",
               "TF_DETERMINISTIC_OPS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "",
               "PYTHONDONTWRITEBYTECODE": "1", "FMNIST_DATA": str(DATASET),
               **PACKAGE}
TWO_PROCESSES = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2")


class Running:
    """A program that runs in a folder of its own."""

    def __init__(self, folder, name, side, launcher, arguments, environment):
        folder.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, *launcher, PROGRAMS / name, side, *arguments], cwd=folder, text=True,
            env={**os.environ, **ENVIRONMENT, **environment}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def printed(self):
        printed, told = self.process.communicate(timeout=600)
        assert self.process.returncode == 0, told
        return printed


def needs(module):
    """importorskip without the import, which takes seconds."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"there is no {module}")


@pytest.fixture(scope="module")
def stock_printed():
    """What stock sides printed, by how they were run: each runs once."""
    return {}


@pytest.fixture
def same_numbers(daemon, tmp_path, stock_printed):
    """Runs a program on both sides at once and compares. Returns what it printed."""
    started = []

    def run(name, side="fmnist", launcher=(), arguments=(), **environment):
        how = launcher, arguments, environment
        key = repr((name, how))
        for each in [side] if key in stock_printed else [side, "stock"]:
            started.append(Running(tmp_path / each, name, each, *how))
        printed, *stock = (program.printed() for program in started)
        if stock:
            stock_printed[key], = stock
        assert printed == stock_printed[key]
        assert re.search("^weights [0-9a-f]{64}$", printed, re.M)
        return printed

    yield run
    for program in started:
        program.process.terminate()


@pytest.mark.parametrize("side", ["fmnist", "fmnist-samples"])
def test_torch_quickstart__the_loader_changed__the_same_numbers(same_numbers, side):
    needs("torch")
    printed = same_numbers("torch_quickstart.py", side)
    accuracies = [float(n) for n in re.findall(r"accuracy (\S+)%", printed)]
    assert len(accuracies) == 4 and 50 < accuracies[-1] < 100


@pytest.mark.parametrize("launcher", [(), TWO_PROCESSES], ids=["one-process", "two-processes"])
def test_accelerate__the_loader_changed__the_same_numbers(same_numbers, launcher):
    needs("accelerate")
    printed = same_numbers("accelerate_basic.py", launcher=launcher)
    batches, rest = (16, 11) if launcher else (32, 27)
    assert printed.startswith(f"{batches} batches of 2040 samples")
    assert f", {rest} batches" in printed
    counted = re.findall(r"(\d+) of (\d+) right", printed)
    assert [count for _, count in counted] == ["1000"] * 3 and int(counted[-1][0]) > 500


@pytest.mark.parametrize("processes", [(), ("2",)], ids=["one-process", "two-processes"])
def test_lightning__the_loader_changed__the_same_numbers(same_numbers, processes):
    needs("pytorch_lightning")
    printed = same_numbers("lightning_basic.py", arguments=processes)
    assert ("batches 16 [8]" if processes else "batches 32 [16]") in printed
    losses = [float(n) for n in re.findall(r"val_loss ([^ \n]+)", printed)]
    assert len(losses) == 4 and losses[-1] < losses[0] / 1.5


@pytest.mark.parametrize("side", ["fmnist", "fmnist-dataset"])
def test_keras_convnet__the_loader_changed__the_same_numbers(same_numbers, side):
    needs("keras")
    printed = same_numbers("keras_convnet.py", side, KERAS_BACKEND="tensorflow")
    assert float(re.search("accuracy ([0-9.]+)$", printed, re.M)[1]) > 0.5


def test_keras_arrays__load_data_changed__the_same_numbers(same_numbers):
    needs("keras")
    printed = same_numbers("keras_arrays.py", KERAS_BACKEND="tensorflow")
    assert float(re.search("accuracy ([0-9.]+)$", printed, re.M)[1]) > 0.5
