# SPDX-License-Identifier: MIT
"""Transforms of torchvision: some that programs use, and others drawn at random.

A random one is what torchvision takes, with arguments from all of their range. What fmnist refuses
of them, or torchvision when it is called, is neither equal nor different.
"""
import random

import numpy as np
import torch
from PIL import Image

from fmnist import _native, _torch_transforms, errors
from torchvision_here import transforms as v1, v2

MODES = ["constant", "edge", "reflect", "symmetric"]


def api(name):
    return {"v1": v1, "v2": v2}[name]


# ---- as programs have them, for the small pictures of harness.tiny

def crop_flip():
    return v1.Compose([v1.RandomCrop(8, padding=2), v1.RandomHorizontalFlip(), v1.ToTensor(),
                       v1.Normalize((0.2860,), (0.3530,))])


def rotate_erase():
    return v1.Compose([v1.RandomRotation(15), v1.ToTensor(), v1.RandomErasing(p=0.7, value=0.5)])


def new_api():
    return v2.Compose([v2.RandomApply([v2.RandomAffine(10, (0.1, 0.1), (0.8, 1.2))], p=0.6),
                       v2.RandomResizedCrop(9, scale=(0.5, 1)), v2.ToImage(),
                       v2.ToDtype(torch.float32, scale=True)])


def levels():
    return v2.Compose([v2.RandomCrop(7), v2.PILToTensor()])


def plain():
    """Nothing random."""
    return v1.Compose([v1.Resize(10), v1.ToTensor(), v1.Normalize(0.5, 0.25)])


NAMED = {f.__name__.replace("_", "-"): f for f in (crop_flip, rotate_erase, new_api, levels, plain)}


# ---- at random

class Drawer:
    """Draws transforms for pictures [channels][height][width], of one API."""

    def __init__(self, seed, channels, height, width):
        self.random = random.Random(seed)
        self.channels, self.height, self.width = channels, height, width
        self.name = self.random.choice(["v1", "v2"])
        self.api = api(self.name)

    def one_of(self, *values):
        return self.random.choice(values)

    def number(self, low, high):
        return round(self.random.uniform(low, high), self.one_of(1, 2, 6, 17))

    def pair(self, low, high):
        return tuple(sorted((self.number(low, high), self.number(low, high))))

    def sides(self, most):
        """Of padding."""
        n = self.random.randint
        return self.one_of(n(0, most), (n(0, most), n(0, most)),
                           (n(0, most), n(0, most), n(0, most), n(0, most)))

    def fill(self):
        n = self.random.randint
        return self.one_of(0, 0, n(0, 255), tuple(n(0, 255) for _ in range(self.channels)))

    def resampling(self, tensor=False):
        from torchvision.transforms import InterpolationMode as mode

        if tensor:
            return self.one_of(mode.NEAREST, mode.BILINEAR)
        return self.one_of(mode.NEAREST, mode.NEAREST, mode.BILINEAR, mode.BICUBIC)

    # Each gives a transform, and what the picture's size is then (None: what it was).

    def random_crop(self):
        padding, needed = self.one_of(None, self.sides(4)), self.one_of(False, False, True)
        bound = 6 if needed else 0
        h, w = (self.random.randint(1, side + bound) for side in (self.height, self.width))
        size = self.one_of((h, w), min(h, w))
        made = self.api.RandomCrop(size, padding, needed, self.fill(), self.one_of(*MODES))
        return made, size if isinstance(size, tuple) else (size, size)

    def center_crop(self):
        size = tuple(self.random.randint(1, side + 3) for side in (self.height, self.width))
        return self.api.CenterCrop(size), size

    def pad(self):
        padding = self.sides(3)
        p = (padding,) * 2 if isinstance(padding, int) else padding
        p = (*p, *p)[:4]
        made = self.api.Pad(padding, self.fill(), self.one_of(*MODES))
        return made, (self.height + p[1] + p[3], self.width + p[0] + p[2])

    def resize(self):
        size = tuple(self.random.randint(1, 2 * side) for side in (self.height, self.width))
        return self.api.Resize(size, self.resampling()), size

    def resized_crop(self):
        size = tuple(self.random.randint(1, 2 * side) for side in (self.height, self.width))
        scale = self.one_of((0.08, 1.0), self.pair(0.01, 1.3))
        ratio = self.one_of((3 / 4, 4 / 3), self.pair(0.2, 5))
        return self.api.RandomResizedCrop(size, scale, ratio, self.resampling()), size

    def flip(self):
        kind = self.one_of(self.api.RandomHorizontalFlip, self.api.RandomVerticalFlip)
        return kind(self.one_of(0.5, 0.0, 1.0, self.number(0, 1))), None

    def degrees(self, most):
        return self.one_of(self.number(0, most), self.pair(-most, most), (90, 90), 0, (180, 180))

    def center(self):
        return self.one_of(None, None, (self.number(0, self.width), self.number(0, self.height)))

    def rotation(self, tensor=False):
        return self.api.RandomRotation(
            self.degrees(360), self.resampling(tensor), center=self.center(),
            fill=self.fill()), None

    def expanded(self, tensor=False):
        """A rotation whose size is drawn, and what makes it one size again."""
        size = (self.height, self.width)
        made = [self.api.RandomRotation(self.degrees(60), self.resampling(tensor), expand=True,
                                        fill=self.fill()),
                self.api.CenterCrop(size) if tensor else
                self.one_of(self.api.CenterCrop(size), self.api.Resize(size))]
        return self.api.Compose(made), size

    def affine(self, tensor=False):
        shear = self.one_of(None, self.number(0, 30), self.pair(-30, 30),
                            (*self.pair(-20, 20), *self.pair(-20, 20)))
        return self.api.RandomAffine(
            self.degrees(90), self.one_of(None, (self.number(0, 1), self.number(0, 1))),
            self.one_of(None, self.pair(0.3, 3)), shear,
            self.resampling(tensor), self.fill(), self.center()), None

    def jitter(self):
        def factor():
            return self.one_of(0, 0, self.number(0, 1.5), self.pair(0, 2))

        return self.api.ColorJitter(factor(), factor(), factor(), self.one_of(
            0, 0, self.number(0, 0.5), self.pair(-0.5, 0.5))), None

    def grayscale(self):
        if self.one_of(True, False):
            return self.api.RandomGrayscale(self.number(0, 1)), None
        return self.api.Grayscale(self.channels), None

    def policy(self):
        a, fill = self.api, self.one_of(None, self.fill())
        policies = a.AutoAugmentPolicy
        return self.one_of(
            lambda: a.TrivialAugmentWide(self.random.randint(2, 40), self.resampling(), fill),
            lambda: a.RandAugment(self.random.randint(0, 4), self.random.randint(0, 30), 31,
                                  self.resampling(), fill),
            lambda: a.AutoAugment(self.one_of(policies.IMAGENET, policies.CIFAR10, policies.SVHN),
                                  self.resampling(), fill))(), None

    def applied(self):
        made = [self.one_of(self.flip, self.rotation, self.affine, self.jitter)()[0]
                for _ in range(self.random.randint(1, 3))]
        return self.api.RandomApply(made, self.one_of(0.5, self.number(0, 1))), None

    def erasing(self):
        value = self.one_of(0, self.number(-1, 2), tuple(
            self.number(-1, 1) for _ in range(self.channels)))
        return self.api.RandomErasing(
            self.one_of(0.5, 1, self.number(0, 1)), self.one_of((0.02, 0.33), self.pair(0, 1)),
            self.one_of((0.3, 3.3), self.pair(0.1, 10)), value), None

    def normalize(self):
        count = self.one_of(1, self.channels)
        return self.api.Normalize([self.number(-1, 1) for _ in range(count)],
                                  [self.number(0.1, 2) for _ in range(count)]), None

    def to_tensor(self):
        """[transforms], whether floats come of it."""
        if self.one_of(True, False, False):
            made = self.one_of(self.api.PILToTensor, getattr(self.api, "ToImage", self.api.PILToTensor))
            if self.one_of(True, False):
                return [made()], False
            convert = (v2.ToDtype(torch.float32, scale=True) if self.name == "v2" else
                       v1.ConvertImageDtype(torch.float32))
            return [made(), convert], True
        return [v1.ToTensor()], True

    def whole(self):
        """A chain from a picture to a tensor."""
        made = []
        of_pictures = [self.random_crop, self.center_crop, self.pad, self.resize, self.resized_crop,
                       self.flip, self.rotation, self.expanded, self.affine, self.jitter,
                       self.grayscale, self.policy, self.applied]
        for _ in range(self.random.randint(1, 3)):
            self._add(made, self.random.choice(of_pictures)())
        tensor, floats = self.to_tensor()
        made += tensor
        of_tensors = [self.random_crop, self.center_crop, self.flip,
                      lambda: self.rotation(True), lambda: self.affine(True),
                      lambda: self.expanded(True), self.erasing]
        if not floats and self.name == "v2":
            of_tensors += [self.resize, self.resized_crop]
        if floats:
            of_tensors += [self.normalize] * 4
        for _ in range(self.random.randint(0, 2)):
            self._add(made, self.random.choice(of_tensors)())
        return self.api.Compose(made) if self.one_of(True, False) else v1.Compose(made)

    def _add(self, made, step):
        transform, size = step
        made.append(transform)
        if size is not None:
            self.height, self.width = size


def drawn(seed, channels, height, width):
    """A random transform of a seed."""
    return Drawer(seed, channels, height, width).whole()


def pictures(seed, count, shape):
    """Noise; a third of it dark, so that levels are scarce."""
    levels = np.random.Generator(np.random.PCG64(seed)).integers(0, 256, (count, *shape), np.uint8)
    return np.minimum(levels, 40) if seed % 3 == 0 else levels


def picture(levels):
    return Image.fromarray(levels[0] if len(levels) == 1 else levels.transpose(1, 2, 0))


def compare(seed, count=6):
    """The random transform of a seed on some pictures, by torchvision and by the library:
    "equal", "refused", "none" where torchvision itself raises, or "different"; and words."""
    random_shape = random.Random(~seed)
    shape = (random_shape.choice([1, 1, 3]), random_shape.randint(4, 33), random_shape.randint(4, 33))
    transform = drawn(seed, *shape)
    levels = pictures(seed, count, shape)
    torch.manual_seed(seed)
    try:
        theirs = [transform(picture(one)).contiguous().numpy() for one in levels]
    except Exception:  # each operation has its own for what it cannot do
        return "none", ""
    behind = torch.get_rng_state().numpy().tobytes()
    chain = _torch_transforms.chain_of(transform)
    try:
        native = chain.compiled(*shape)
    except errors.InvalidSpec as error:
        return "refused", str(error)
    values, channels, height, width, dtype, _ = native.info()
    draws = np.empty((count, values), np.uint32)
    ours = np.empty((count, channels, height, width), np.float32 if dtype == 2 else np.uint8)
    state = bytearray(_native.torch_seed(seed))
    native.draw_torch(state, 0, np.array([count], np.uint32), draws)
    native.run(levels, draws, ours)
    for i, (a, b) in enumerate(zip(theirs, ours)):
        if a.shape != b.shape or a.dtype != b.dtype or a.tobytes() != b.tobytes():
            return "different", f"picture {i} of {shape}: {chain.text}"
    if behind != bytes(state):
        return "different", f"the generator, behind pictures of {shape}: {chain.text}"
    return "equal", ""
