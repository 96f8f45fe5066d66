# SPDX-License-Identifier: MIT
"""The whole: LeNet by plain PyTorch code ends with the same bits, whichever loader feeds it."""

import copy
import hashlib
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import distributed as dist, nn  # noqa: E402
from torch.utils.data import DataLoader, Dataset, DistributedSampler  # noqa: E402

from fmnist.torch import Loader  # noqa: E402

EPOCHS = 3


class Chapter(Dataset):
    """What torchvision's FashionMNIST with Resize((32, 32)) and ToTensor gives, by the same calls
    of Pillow and PyTorch (torchvision has no CPU build beside this PyTorch)."""

    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        from PIL import Image

        image = Image.fromarray(self.images[i]).resize((32, 32), Image.Resampling.BILINEAR)
        image = torch.from_numpy(np.array(image)).view(32, 32, 1).permute(2, 0, 1).contiguous()
        return image.to(torch.float32).div(255), int(self.labels[i])


def ours(**options):
    return Loader(**{"height": 32, "width": 32, "shuffle": True, **options})


class Training:
    """LeNet with a dropout, so that the random numbers between batches count too."""

    def __init__(self, seed):
        torch.manual_seed(seed)
        self.net = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Sigmoid(),
            nn.AvgPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.Sigmoid(), nn.Dropout(0.1),
            nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10))
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.5, momentum=0.9)
        self.losses = []

    def step(self, X, y):
        loss = nn.functional.cross_entropy(self.net(X), y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.losses.append(loss.item())

    def weights(self):
        return [p.detach().numpy().tobytes() for p in self.net.parameters()]

    def state(self):
        return copy.deepcopy({"net": self.net.state_dict(), "random": torch.get_rng_state(),
                              "optimizer": self.optimizer.state_dict(), "losses": self.losses})

    def go_on_from(self, state):
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.losses = list(state["losses"])
        torch.set_rng_state(state["random"])


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run(loader, seed=42, epochs=EPOCHS):
    training = Training(seed)
    for _ in range(epochs):
        for X, y in loader:
            training.step(X, y)
    return training


@pytest.mark.parametrize("split, steps", [("test", 157), ("train", 938)])
def test_lenet__three_epochs__same_losses_and_weights(daemon, raw_train, raw_test, split, steps):
    raw = raw_train if split == "train" else raw_test
    theirs = run(DataLoader(Chapter(*raw), 64, shuffle=True))
    mine = run(ours(split=split))
    assert len(mine.losses) == EPOCHS * steps
    assert mine.losses == theirs.losses and mine.weights() == theirs.weights()


# ---- with a transform: a crop, a flip and an erasure, drawn between the dropout's numbers

AUGMENTED = range(0, 6000, 3)  # of the training split


class Pictures(Dataset):
    """torchvision's FashionMNIST, but for where the files are."""

    def __init__(self, images, labels, transform):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        from PIL import Image

        return self.transform(Image.fromarray(self.images[i])), int(self.labels[i])


def augmented(**options):
    return Loader(split="train", indices=AUGMENTED, shuffle=True, batch_size=64,
                  transform=crop_flip_erase(), **options)


def crop_flip_erase():
    from torchvision_here import transforms as T

    return T.Compose([T.RandomCrop(28, padding=4), T.RandomHorizontalFlip(), T.Pad(2), T.ToTensor(),
                      T.Normalize((0.2860,), (0.3530,)), T.RandomErasing(p=0.5)])


def killed_and_resumed(tmp_path, loader_of, options, saved, killed):
    """A training of two epochs in a process that ends by SIGKILL behind the batch `killed`, and
    another's rest of it, from what the first wrote behind the batch `saved`: (epoch, step)."""
    checkpoint = tmp_path / "checkpoint.pt"
    program = f"""
import os, sys, torch
sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
from test_torch_training import Training, {loader_of.__name__}
torch.set_num_threads(1)
training, loader = Training(42), {loader_of.__name__}(**{options!r})
for epoch in range(2):
    for step, (X, y) in enumerate(loader):
        training.step(X, y)
        if (epoch, step) == {saved}:
            torch.save(dict(training.state(), loader=loader.state_dict()), {str(checkpoint)!r})
        if (epoch, step) == {killed}:
            os.kill(os.getpid(), 9)
"""
    ended = subprocess.run([sys.executable, "-c", program], timeout=600)
    assert ended.returncode == -9
    state = torch.load(checkpoint, weights_only=False)
    training, loader = Training(1), loader_of(**options)
    training.go_on_from(state)
    loader.load_state_dict(state["loader"])
    for _ in range(2):
        for X, y in loader:
            training.step(X, y)
    return training


@pytest.mark.parametrize("workers", [
    {}, {"num_workers": 2}, {"num_workers": 2, "persistent_workers": True}],
    ids=["0", "2", "2-persistent"])
def test_lenet__augmented__same_losses_and_weights_also_resumed(daemon, raw_train, tmp_path, workers):
    pytest.importorskip("torchvision_here")
    chosen = list(AUGMENTED)
    data = Pictures(raw_train[0][chosen], raw_train[1][chosen], crop_flip_erase())
    theirs = run(DataLoader(data, 64, shuffle=True, **workers), epochs=2)
    mine = run(augmented(**workers), epochs=2)
    assert len(mine.losses) == 2 * 32
    assert mine.losses == theirs.losses and mine.weights() == theirs.weights()

    resumed = killed_and_resumed(tmp_path, augmented, workers, saved=(0, 13), killed=(0, 17))
    assert resumed.losses == theirs.losses and resumed.weights() == theirs.weights()


@pytest.mark.parametrize("batch_size", [64, 250])
def test_lenet__killed_and_resumed__as_if_never(daemon, tmp_path, batch_size):
    options = dict(split="test", batch_size=batch_size)
    whole = run(ours(**options))
    resumed = killed_and_resumed(tmp_path, ours, options, saved=(1, 20), killed=(1, 23))
    assert resumed.losses == whole.losses and resumed.weights() == whole.weights()


# The barrier lets gloo's own threads finish, and os._exit skips torch's teardown: without them
# plain PyTorch 2.13 programs end in "terminate called without an active exception" now and then.
WORKER = """
import json, os, pathlib, sys
sys.path.insert(0, {folder!r})
import torch, torch.distributed as dist
from test_torch_training import ddp_run
dist.init_process_group("gloo")
pathlib.Path({results!r}, f"{{dist.get_rank()}}.json").write_text(json.dumps(ddp_run({which!r})))
dist.barrier()
dist.destroy_process_group()
os._exit(0)
"""


def ddp_run(which):
    """Two epochs of the test split by DistributedDataParallel; called in each process."""
    torch.set_num_threads(1)
    training = Training(5)
    net = nn.parallel.DistributedDataParallel(training.net)
    training.net = net
    if which == "ours":
        loader = sampler = ours(split="test", batch_size=32, seed=3, rank=dist.get_rank(),
                                world_size=dist.get_world_size())
    else:
        from conftest import idx

        data = Chapter(idx("t10k-images-idx3-ubyte"), idx("t10k-labels-idx1-ubyte"))
        sampler = DistributedSampler(data, seed=3)
        loader = DataLoader(data, 32, sampler=sampler)
    for epoch in range(2):
        sampler.set_epoch(epoch)
        for X, y in loader:
            training.step(X, y)
    return training.losses, hashlib.sha256(b"".join(training.weights())).hexdigest()


@pytest.mark.parametrize("world_size", [2, 3])
def test_ddp__gloo_under_torchrun__as_DistributedSampler(daemon, tmp_path, world_size):
    results = {}
    for which in ("theirs", "ours"):
        program, folder = tmp_path / f"{which}.py", tmp_path / which
        folder.mkdir()
        program.write_text(WORKER.format(folder=str(pathlib.Path(__file__).parent), which=which,
                                         results=str(folder)))
        done = subprocess.run(
            [sys.executable, "-m", "torch.distributed.run", "--standalone",
             f"--nproc-per-node={world_size}", str(program)],
            env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True,
            timeout=900)
        assert done.returncode == 0, which + ": " + done.stderr[:3000]
        results[which] = [json.loads((folder / f"{rank}.json").read_text())
                          for rank in range(world_size)]
    assert results["ours"] == results["theirs"]
