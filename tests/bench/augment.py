#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Augmented epochs beside the DataLoader's of the same transforms, and kernels beside Pillow's.

One epoch of the training split, shuffled, float32, every value read (summed); all take turns, and the
best of several epochs counts. `CHAIN plain` is our adapter without the chain, `CHAIN wK` ours with
num_workers=K, `CHAIN counter` ours with draws of its own, `CHAIN dataloader-wK` PyTorch's with the
chain of torchvision. An epoch that takes longer than S seconds is cut there and reckoned from the
batches that were read. Prints one JSON object: {"results": [...], "skipped": [...]}.

    augment.py --data FOLDER [--only NAME[,NAME]] [--batch-size 64] [--repeats 3] [--seconds S]
"""
import json
import os
import subprocess
import sys
import tempfile
import time

from peers import (Peers, arguments, chosen_of, import_torchvision, note, read_idx, time_epoch, TURN)


def chains(T):
    """Name to transforms; those of CIFAR's shape are of 50,000 images of 32x32x3."""
    end = [T.ToTensor(), T.Normalize((0.2860,), (0.3530,))]
    return {
        "crop-flip": [T.RandomCrop(28, padding=4), T.RandomHorizontalFlip(), *end],
        "rotation": [T.RandomRotation(10), T.ToTensor()],
        "affine": [T.RandomAffine(10, (0.1, 0.1), (0.9, 1.1), 5), T.ToTensor()],
        "affine-bilinear": [T.RandomAffine(10, (0.1, 0.1), (0.9, 1.1), 5,
                                           interpolation=T.InterpolationMode.BILINEAR),
                            T.ToTensor()],
        "crop-flip-erase": [T.RandomCrop(28, padding=4), T.RandomHorizontalFlip(), *end,
                            T.RandomErasing()],
        "resized-crop": [T.RandomResizedCrop(28), T.RandomHorizontalFlip(), *end],
    }


CIFAR = 50000


def write_cifar(folder):
    """A data set of CIFAR-10's shape, of random levels, as IDX files."""
    import numpy as np

    draw = np.random.default_rng(0)
    head = {"images": ("idx4", (CIFAR, 32, 32, 3)), "labels": ("idx1", (CIFAR,))}
    for kind, (form, shape) in head.items():
        levels = draw.integers(0, 256 if kind == "images" else 10, shape, np.uint8)
        with open(os.path.join(folder, f"train-{kind}-{form}-ubyte"), "wb") as file:
            file.write(bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes())
            file.write(levels.tobytes())


class Augmented(Peers):
    """Ways to read an epoch; methods as Peers has them."""

    def __init__(self, data, batch_size):
        super().__init__(data, batch_size)
        self.steps = -(-60000 // batch_size)

    def ours(self, transforms, **options):
        from fmnist.torch import Loader
        from torchvision import transforms as T

        if transforms is not None:
            options["transform"] = T.Compose(transforms)
        loader = Loader(batch_size=self.batch, shuffle=True, **options)
        return lambda: (float(X.sum()) for X, y in loader)

    def counter(self, transforms):
        from fmnist.torch import Loader
        from torchvision import transforms as T

        loader = Loader(batch_size=self.batch, shuffle=True, seed=1, draws="counter",
                        transform=T.Compose(transforms))
        return lambda: (float(X.sum()) for X, y in loader)

    def dataloader(self, transforms, workers):
        import torch
        import torchvision
        from torchvision import transforms as T

        data = torchvision.datasets.FashionMNIST(
            root=self.torchvision_root(), train=True, transform=T.Compose(transforms),
            download=False)
        loader = torch.utils.data.DataLoader(data, self.batch, shuffle=True, num_workers=workers)
        return lambda: (float(X.sum()) for X, y in loader)

    def ways(self):
        import_torchvision()
        from torchvision import transforms as T

        found = {"plain": lambda: self.ours(None)}
        for name, chain in chains(T).items():
            found[f"{name} w0"] = lambda c=chain: self.ours(c)
            found[f"{name} w2"] = lambda c=chain: self.ours(c, num_workers=2)
            found[f"{name} counter"] = lambda c=chain: self.counter(c)
            for workers in (0, 1, 2, 4) if name == "crop-flip" else (2,):
                found[f"{name} dataloader-w{workers}"] = (
                    lambda c=chain, w=workers: self.dataloader(c, w))
        return found


def cifar(batch_size, limit):
    """Crop and flip of 50,000 pictures of 32x32x3: ours, and the DataLoader with two workers over
    pictures in memory, as torchvision's CIFAR10 keeps them."""
    import numpy as np
    import torch
    from fmnist.torch import Loader
    from PIL import Image
    from torchvision import transforms as T

    transform = T.Compose([T.RandomCrop(32, padding=4), T.RandomHorizontalFlip(), T.ToTensor(),
                           T.Normalize((0.491, 0.482, 0.447), (0.202, 0.199, 0.201))])

    class Pictures(torch.utils.data.Dataset):
        levels = np.random.default_rng(0).integers(0, 256, (CIFAR, 32, 32, 3), np.uint8)

        def __len__(self):
            return CIFAR

        def __getitem__(self, i):
            return transform(Image.fromarray(self.levels[i])), 0

    steps = -(-CIFAR // batch_size)
    with tempfile.TemporaryDirectory() as folder:
        write_cifar(folder)
        config = os.path.join(folder, "fmnistd.yaml")
        with open(config, "w") as file:
            file.write(f"socket: {folder}/sock\ncache: none\ndatasets:\n  - name: pictures\n"
                       f"    path: {folder}\n    splits: {{train: {{images: train-images-idx4-ubyte, "
                       "labels: train-labels-idx1-ubyte}}\n")
        build = os.environ.get("BUILD", "build")
        daemon = subprocess.Popen([os.path.join(build, "fmnistd"), "-c", config],
                                  stderr=subprocess.DEVNULL)
        while not os.path.exists(f"{folder}/sock"):
            time.sleep(0.05)
        try:
            ours = Loader("pictures", batch_size=batch_size, shuffle=True, num_workers=2,
                          transform=transform, socket=f"{folder}/sock")
            theirs = torch.utils.data.DataLoader(Pictures(), batch_size, shuffle=True,
                                                 num_workers=2)
            best = {}
            for name, loader, repeats in (("w2", ours, 8), ("dataloader-w2", theirs, 1)):
                times = [time_epoch(lambda: (float(X.sum()) for X, y in loader), steps, limit)
                         for _ in range(repeats)]
                best[name] = min(times)
        finally:
            daemon.terminate()
            daemon.wait()
    return [{"name": f"cifar {name}", "seconds": seconds} for name, seconds in best.items()]


KERNELS = ("rotation", "affine", "affine-bilinear")


def kernels(data):
    """Seconds an image: Pillow's own call with parameters that are there already, and the library's
    for the same chain, both in one thread."""
    import numpy as np
    from fmnist import _native
    from PIL import Image
    from torchvision import transforms as T
    from torchvision.transforms import functional as F

    from fmnist._torch_transforms import chain_of

    raw = np.frombuffer(read_idx(data, "train-images-idx3-ubyte"), np.uint8, offset=16)
    images = np.ascontiguousarray(raw.reshape(-1, 28, 28)[:2000])
    results = []
    for name in KERNELS:
        transform = chains(T)[name][0]
        # A levels' end: what is timed is the operation.
        text = chain_of(T.Compose([transform, T.PILToTensor()])).text
        chain = _native.Augment(text, 1, 28, 28)
        values = np.empty((len(images), chain.info()[0]), np.uint32)
        chain.draw(1, 0, 1, np.arange(len(images), dtype=np.uint32), values)
        out = np.empty_like(images)
        pictures = [Image.fromarray(image) for image in images]
        if name == "rotation":
            angles = values[:, 0].copy().view(np.float32)

            def theirs():
                for picture, angle in zip(pictures, angles):
                    picture.rotate(float(angle))
        else:
            size = (28, 28)
            resample = 2 if "bilinear" in name else 0
            matrices = [F._get_inverse_affine_matrix(
                [14.0, 14.0], float(row[0:1].view(np.float32)[0]), row[1:3].view(np.int32).tolist(),
                float(row[3:4].view(np.float32)[0]), row[4:6].view(np.float32).tolist())
                for row in values]

            def theirs():
                for picture, matrix in zip(pictures, matrices):
                    picture.transform(size, Image.Transform.AFFINE, matrix, resample)

        def ours():
            chain.run(images, values, out)
        for kind, call in (("library", ours), ("Pillow", theirs)):
            best = float("inf")
            for _ in range(15):
                began = time.perf_counter()
                call()
                best = min(best, time.perf_counter() - began)
            results.append({"name": f"{name} {kind}", "seconds": best / len(images)})
    return results


def drawing():
    """Seconds of drawing a batch of 64 in the trainer's thread, the generator's state taken and put
    back included."""
    import numpy as np
    import torch
    from fmnist import _native

    chain = _native.Augment("random-crop(28,padding=4,api=1) random-horizontal-flip(api=1)", 1, 28, 28)
    values = np.empty((64, chain.info()[0]), np.uint32)
    lengths = np.array([64], np.uint32)
    best = float("inf")
    for _ in range(2000):
        began = time.perf_counter()
        state = torch.get_rng_state()
        chain.draw_torch(state.numpy(), 0, lengths, values)
        torch.set_rng_state(state)
        best = min(best, time.perf_counter() - began)
    return best


def main():
    args = arguments(__doc__)
    bench = Augmented(args.data, args.batch_size)
    ways = bench.ways()
    epochs, found, skipped = {}, {}, []
    try:
        for name in chosen_of(args, ways):
            try:
                epochs[name] = ways[name]()
                found[name] = [time_epoch(epochs[name], bench.steps, 0.2)]
            except ImportError as error:
                skipped.append({"name": name, "why": str(error)})
        for _ in range(args.repeats):
            for name, epoch in epochs.items():
                turn = time.perf_counter()
                while time.perf_counter() - turn < TURN:
                    found[name].append(time_epoch(epoch, bench.steps, args.seconds))
    finally:
        bench.close()
    results = [{"name": name, "seconds": round(min(found[name][1:]), 6)} for name in epochs]
    if not args.only:
        results += kernels(args.data)
        results += cifar(args.batch_size, args.seconds)
        results.append({"name": "drawing 64", "seconds": drawing()})
    for result in results:
        note(f"augment: {result['name']}: {result['seconds']:.7f} s")
    print(json.dumps({"program": "augment", "skipped": skipped, "results": results}))


if __name__ == "__main__":
    main()
