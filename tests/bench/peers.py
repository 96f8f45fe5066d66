#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same epoch with what people use today, each in the best configuration that was found.

One epoch of the training split, shuffled, 32x32 float32, every value read (summed by the library that
the batches are of); all take turns, and the best of several epochs counts. `fmnist-tN` is our PyTorch
adapter, read by N of torch's threads as the other loops are; `constant-tN` adds the same batch up
again and again, which is what reading alone takes. All but those and the DataLoader get images that
were resized beforehand, which is not timed. Prints one JSON object: {"results": [...], "skipped": [...]}.

    peers.py --data FOLDER [--only NAME[,NAME]] [--batch-size 64] [--repeats 3] [--seconds S]

FOLDER holds the IDX files, plain or .gz; the daemon is found as every client finds it. What is not installed is skipped, with a word. An epoch
that takes longer than S seconds is cut there and reckoned from the batches that were read.
"""
import argparse
import gzip
import json
import os
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src",
                                "python"))

SIDE = 32
TURN = 0.3  # seconds: short epochs are read as often as fit, so that all have the same chances


def read_idx(folder, name):
    """The bytes of an IDX file, whichever way it is kept."""
    path = os.path.join(folder, name)
    if os.path.exists(path):
        with open(path, "rb") as file:
            return file.read()
    with gzip.open(path + ".gz", "rb") as file:
        return file.read()


def note(text):
    print("peers: " + text, file=sys.stderr, flush=True)


def import_torchvision():
    """torchvision, also where its wheel has no compiled operators for this PyTorch: Resize and
    ToTensor need none, but importing wants them declared."""
    import importlib
    import re

    from torch import library

    operators = library.Library("torchvision", "FRAGMENT")
    for _ in range(100):
        try:
            return importlib.import_module("torchvision")
        except RuntimeError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if not missing:
                raise
            operators.define(f"{missing[1]}(Tensor[] unused) -> Tensor")
            for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
                del sys.modules[name]
    raise ImportError("torchvision wants more than 100 operators")


class Peers:
    """Every peer is a method that prepares and returns a generator function: one epoch, which
    yields the sum of each batch."""

    def __init__(self, data, batch_size):
        self.data = data
        self.batch = batch_size
        self.scratch = tempfile.mkdtemp(prefix="fmnistd-peers.")
        self.kept = {}

    def close(self):
        shutil.rmtree(self.scratch, ignore_errors=True)

    # ---- the dataset, in the forms that the peers take

    def torchvision_root(self):
        """A folder as torchvision's own download leaves it."""
        raw = os.path.join(self.scratch, "FashionMNIST", "raw")
        if not os.path.isdir(raw):
            os.makedirs(raw)
            for split in ("train", "t10k"):
                for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"):
                    with open(os.path.join(raw, f"{split}-{kind}"), "wb") as file:
                        file.write(read_idx(self.data, f"{split}-{kind}"))
        return self.scratch

    def levels(self):
        """uint8 [count][32][32]: resized once beforehand, which these peers are not timed for.
        Any resize will do, the cost of an epoch does not depend on the pixels: nearest."""
        import numpy as np

        if "levels" not in self.kept:
            raw = read_idx(self.data, "train-images-idx3-ubyte")
            count, height, width = np.frombuffer(raw, ">u4", 3, 4)
            images = np.frombuffer(raw, np.uint8, offset=16).reshape(count, height, width)
            rows = np.arange(SIDE) * height // SIDE
            columns = np.arange(SIDE) * width // SIDE
            self.kept["levels"] = np.ascontiguousarray(images[:, rows][:, :, columns])
        return self.kept["levels"]

    def floats(self):
        import numpy as np

        if "floats" not in self.kept:
            self.kept["floats"] = self.levels().astype(np.float32) / np.float32(255)
        return self.kept["floats"]

    # ---- PyTorch

    def chapter(self):
        import_torchvision()
        import torchvision
        from torchvision import transforms

        # The chapter's code, word for word but for download=True.
        trans = transforms.Compose([transforms.Resize((SIDE, SIDE)), transforms.ToTensor()])
        return torchvision.datasets.FashionMNIST(
            root=self.torchvision_root(), train=True, transform=trans, download=False)

    def adapter(self, threads, **options):
        import torch
        from fmnist.torch import Loader

        loader = Loader(batch_size=self.batch, height=SIDE, width=SIDE, shuffle=True, **options)

        def epoch():
            torch.set_num_threads(threads)
            return (float(X.sum()) for X, y in loader)
        return epoch

    def constant(self, threads):
        import torch

        X = torch.rand(self.batch, 1, SIDE, SIDE)

        def epoch():
            torch.set_num_threads(threads)
            for _ in range(-(-len(self.levels()) // self.batch)):
                yield float(X.sum())
        return epoch

    def torch_dataloader(self, workers):
        import torch

        loader = torch.utils.data.DataLoader(
            self.chapter(), self.batch, shuffle=True, num_workers=workers)
        return lambda: (float(X.sum()) for X, y in loader)

    def torch_loop(self, threads, fetch):
        """Batches of a shuffled epoch; fetch(indices) returns a tensor."""
        import torch

        count = len(self.levels())

        def epoch():
            torch.set_num_threads(threads)
            order = torch.randperm(count)
            for first in range(0, count, self.batch):
                yield float(fetch(order[first:first + self.batch]).sum())
        return epoch

    def torch_index_select_f32(self, threads):
        import torch

        X = torch.from_numpy(self.floats())
        out = torch.empty((self.batch, SIDE, SIDE))
        return self.torch_loop(
            threads, lambda i: torch.index_select(X, 0, i, out=out[:len(i)]))

    def torch_index_select_u8(self, threads):
        import torch

        X = torch.from_numpy(self.levels())
        narrow = torch.empty((self.batch, SIDE, SIDE), dtype=torch.uint8)
        out = torch.empty((self.batch, SIDE, SIDE))

        def fetch(i):
            part = torch.index_select(X, 0, i, out=narrow[:len(i)])
            return torch.mul(part, 1 / 255, out=out[:len(i)])
        return self.torch_loop(threads, fetch)

    def torch_plain_index(self, threads):
        import torch

        X = torch.from_numpy(self.floats())
        return self.torch_loop(threads, lambda i: X[i])

    # ---- NumPy

    def numpy_loop(self, fetch):
        import numpy as np

        count = len(self.levels())
        random = np.random.default_rng(1)

        def epoch():
            order = random.permutation(count)
            for first in range(0, count, self.batch):
                yield float(fetch(order[first:first + self.batch]).sum())
        return epoch

    def numpy_take_f32(self):
        import numpy as np

        X = self.floats()
        out = np.empty((self.batch, SIDE, SIDE), np.float32)
        # mode="clip": the default checks through a copy when out= is given.
        return self.numpy_loop(lambda i: X.take(i, 0, out=out[:len(i)], mode="clip"))

    def numpy_take_u8(self):
        import numpy as np

        X = self.levels()
        narrow = np.empty((self.batch, SIDE, SIDE), np.uint8)
        out = np.empty((self.batch, SIDE, SIDE), np.float32)
        scale = np.float32(1 / 255)

        def fetch(i):
            X.take(i, 0, out=narrow[:len(i)], mode="clip")
            return np.multiply(narrow[:len(i)], scale, out=out[:len(i)])
        return self.numpy_loop(fetch)

    # ---- TensorFlow

    def tf_data(self, gather):
        """Cached after the resize; batches widened in parallel. Or: shuffled numbers, by which a
        batch is gathered at a time."""
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import tensorflow as tf

        X = self.levels()
        count = len(X)
        if gather:
            whole = tf.constant(X)
            data = tf.data.Dataset.range(count)

            def fetch(i):
                return tf.cast(tf.gather(whole, i), tf.float32) / 255
        else:
            data = tf.data.Dataset.from_tensor_slices(X).cache()

            def fetch(x):
                return tf.cast(x, tf.float32) / 255
        data = (data.shuffle(count).batch(self.batch)
                .map(fetch, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE))
        return lambda: (float(X.sum()) for X in data.as_numpy_iterator())

    # ---- SPDL

    def spdl(self):
        import numpy as np
        from spdl.pipeline import PipelineBuilder

        X = self.levels()
        count, scale = len(X), np.float32(1 / 255)
        random = np.random.default_rng(1)

        def indices():
            order = random.permutation(count)
            for first in range(0, count, self.batch):
                yield order[first:first + self.batch]

        def fetch(i):
            return X[i] * scale

        def epoch():
            pipeline = (PipelineBuilder().add_source(indices()).pipe(fetch, concurrency=2)
                        .add_sink(16).build(num_threads=2))
            with pipeline.auto_stop():
                for batch in pipeline:
                    yield float(batch.sum())
        return epoch

    # ---- DALI

    def dali(self):
        import numpy as np
        from nvidia.dali import fn, pipeline_def, types

        X = self.levels()
        random = np.random.default_rng(1)
        steps = len(X) // self.batch  # one batch size only: the short last batch is left out
        order = random.permutation(len(X))

        def fetch(step):
            nonlocal order
            if step % steps == 0:
                order = random.permutation(len(X))
            first = step % steps * self.batch
            return X[order[first:first + self.batch]]

        @pipeline_def(batch_size=self.batch, num_threads=2, device_id=None, prefetch_queue_depth=2)
        def pipeline():
            images = fn.external_source(fetch, batch=True, dtype=types.UINT8)
            return fn.cast(images, dtype=types.FLOAT) / 255.0

        pipe = pipeline()
        pipe.build()

        def epoch():
            for _ in range(steps):
                (batch,) = pipe.run()
                yield float(batch.as_array().sum())
        return epoch

    # ---- FFCV

    def ffcv(self):
        import ffcv  # its wheel needs a compiler, OpenCV's and libjpeg-turbo's headers

        raise ImportError(f"ffcv {ffcv.__version__}: no configuration of it was measured here")

    def peers(self):
        all = {}
        for n in (1, 2):
            all[f"fmnist-t{n}"] = lambda n=n: self.adapter(n)
            all[f"fmnist-views-t{n}"] = lambda n=n: self.adapter(n, zero_copy=True)
            all[f"constant-t{n}"] = lambda n=n: self.constant(n)
        all |= {f"torch-dataloader-w{n}": lambda n=n: self.torch_dataloader(n) for n in (0, 1, 2, 4)}
        for n in (1, 2):
            all[f"torch-index-select-f32-t{n}"] = lambda n=n: self.torch_index_select_f32(n)
            all[f"torch-index-select-u8-t{n}"] = lambda n=n: self.torch_index_select_u8(n)
            all[f"torch-plain-index-t{n}"] = lambda n=n: self.torch_plain_index(n)
        all.update({
            "numpy-take-f32": self.numpy_take_f32,
            "numpy-take-u8": self.numpy_take_u8,
            "tf-data-cached": lambda: self.tf_data(gather=False),
            "tf-data-gather": lambda: self.tf_data(gather=True),
            "spdl": self.spdl,
            "dali": self.dali,
            "ffcv": self.ffcv,
        })
        return all


def time_epoch(epoch, steps, limit):
    """Seconds for an epoch of `steps` batches, reckoned from those read within `limit`."""
    read, began = 0, time.perf_counter()
    for _ in epoch():
        read += 1
        if time.perf_counter() - began > limit:
            break
    seconds = time.perf_counter() - began
    # A cut short last batch, or one that is left out, is still the epoch.
    return seconds if read >= steps - 1 else seconds * steps / read


def arguments(about):
    """The command line of everything here that times epochs."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of the IDX files")
    parser.add_argument("--only", default="", help="names, separated by commas; default: all")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60, help="that an epoch is read at most")
    return parser.parse_args()


def chosen_of(args, ways):
    """The names that --only gives, or all."""
    chosen = args.only.split(",") if args.only else list(ways)
    unknown = [name for name in chosen if name not in ways]
    if unknown:
        sys.exit(f"--only: there is no {unknown[0]!r}; there are: {', '.join(ways)}")
    return chosen


def main():
    args = arguments(__doc__)
    bench = Peers(args.data, args.batch_size)
    peers = bench.peers()
    chosen = chosen_of(args, peers)

    epochs, found, skipped = {}, {}, []
    steps = -(-len(bench.levels()) // args.batch_size)
    try:
        for name in chosen:
            try:
                epochs[name] = peers[name]()
                found[name] = [time_epoch(epochs[name], steps, 0.2)]  # warm, and not the best
            except ImportError as error:
                epochs.pop(name, None)
                note(f"{name}: skipped, {error}")
                skipped.append({"name": name, "why": str(error)})
        for _ in range(args.repeats):
            for name, epoch in epochs.items():
                turn = time.perf_counter()
                while time.perf_counter() - turn < TURN:
                    found[name].append(time_epoch(epoch, steps, args.seconds))
    finally:
        bench.close()
    for name in epochs:
        note(f"{name}: {min(found[name][1:]):.4f} s")
    print(json.dumps({"program": "peers", "skipped": skipped, "results": [
        {"name": name, "batch_size": args.batch_size, "seconds": round(min(found[name][1:]), 6)}
        for name in epochs]}))


if __name__ == "__main__":
    main()
