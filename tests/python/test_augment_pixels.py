# SPDX-License-Identifier: MIT
"""Pixels of single operations with given values, against torchvision's functional API: angles,
boxes, factors and orders that a generator would seldom draw. FMNIST_PIXELS=5000 takes so many cases
(300). Whole transforms with their draws are the harness' (harness/chains.py)."""
import os
import random

import numpy
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision_here")

import PIL.Image  # noqa: E402
from fmnist import _native, _torch_transforms  # noqa: E402
from torchvision_here import transforms as v1, v2  # noqa: E402
from torchvision.transforms import autoaugment, functional as of_v1, InterpolationMode  # noqa: E402
from torchvision.transforms.v2 import functional as of_v2  # noqa: E402

CASES = int(os.environ.get("FMNIST_PIXELS", "300"))
PILLOW = 13 if int(PIL.__version__.split(".")[0]) >= 13 else 12
ACTS = ["Identity", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color",
        "Contrast", "Sharpness", "Posterize", "Solarize", "AutoContrast", "Equalize"]
SIGNED = ACTS[1:10]


class Case:
    """One operation for one picture, drawn by a seed: a chain's text, its values, and what
    torchvision makes of it."""

    def __init__(self, seed, form):
        self.random = random.Random(seed)
        self.form = form  # picture, levels, floats
        self.api = self.one_of(1, 2)
        self.functional = of_v1 if self.api == 1 else of_v2
        self.channels = self.one_of(1, 1, 3)
        side = self.random.randint
        self.height, self.width = self.one_of((28, 28), (32, 32), (side(3, 45), side(3, 45)))
        levels = numpy.random.Generator(numpy.random.PCG64(seed)).integers(
            0, 256, (self.channels, self.height, self.width), numpy.uint8)
        self.levels = self.one_of(levels, levels // 50 * 50, numpy.minimum(levels, 30))

    def one_of(self, *values):
        return self.random.choice(values)

    def real(self, low, high):
        """A float32, as draws are."""
        return float(numpy.float32(self.random.uniform(low, high)))

    @property
    def input(self):
        if self.form == "picture":
            levels = self.levels
            return PIL.Image.fromarray(
                levels[0] if len(levels) == 1 else levels.transpose(1, 2, 0).copy())
        tensor = torch.from_numpy(self.levels.copy())
        return tensor if self.form == "levels" else tensor.to(torch.float32) / 255

    # ---- arguments

    def fill(self):
        def one():
            return (self.one_of(0, 0.5, self.real(-1, 2)) if self.form == "floats" else
                    self.one_of(0, 255, self.random.randint(0, 255)))
        return [one() for _ in range(self.channels)] if self.one_of(0, 1) else [one()]

    def of_torchvision(self, fill):
        """Of a tensor, v1 wants a list of floats."""
        return [float(f) for f in fill] * (self.channels // len(fill) if self.form != "picture" else 1)

    def angle(self):
        return self.one_of(0.0, 90.0, -90.0, 180.0, 270.0, 45.0, 30.0, 60.0, 360.0,
                           self.real(-1e-5, 1e-5), self.real(89.9999, 90.0001), self.real(-180, 180),
                           self.real(-180, 180), self.real(-400, 400))

    def center(self):
        return self.one_of(None, None, [0.0, 0.0], [self.width / 2, self.height / 2],
                           [self.real(-9, self.width + 9), self.real(-9, self.height + 9)])

    def filter(self, *names):
        name = self.one_of(*names)
        return name, InterpolationMode(name)

    def map_filter(self):
        return self.filter("nearest", "bilinear", *(["bicubic"] if self.form == "picture" else []))

    def said(self, name, **arguments):
        """The operation's text, behind what makes a tensor."""
        def text(value):
            if isinstance(value, (list, tuple)):
                return "(" + ", ".join(text(v) for v in value) + ")"
            return str(value).lower() if isinstance(value, bool) else str(value)

        begin = {"picture": "", "levels": "to-image ", "floats": "to-tensor "}[self.form]
        if self.form != "picture" and name in ("random-rotation", "random-affine"):
            arguments["grid"] = _torch_transforms.grid_rule()
        pairs = [f"{key.replace('_', '-')}={text(v)}" for key, v in arguments.items() if v is not None]
        return f"{begin}{name}({', '.join([*pairs, f'api={self.api}'])})"

    # ---- operations: (text, values, what torchvision makes)

    def rotation(self):
        angle, fill, center = self.angle(), self.fill(), self.center()
        name, mode = self.map_filter()
        expand = self.one_of(False, False, True)
        made = self.functional.rotate(self.input, angle, mode, expand, center,
                                      self.of_torchvision(fill))
        text = self.said("random-rotation", degrees=(angle, angle), interpolation=name,
                         expand=expand, center=center, fill=fill)
        if expand:
            made = self.functional.center_crop(made, [40, 41])
            text += f" center-crop((40, 41), api={self.api})"
        return text, [angle], made

    def affine(self):
        angle, fill, center = self.angle(), self.fill(), self.center()
        name, mode = self.map_filter()
        x, y = (self.random.randint(-side // 2, side // 2) for side in (self.width, self.height))
        scale = self.one_of(1.0, 0.5, 2.0, self.real(0.3, 3), self.real(1e-3, 2e-3), 1000.0)
        shears = [self.one_of(0.0, 0.0, 45.0, self.real(-60, 60)) for _ in range(2)]
        made = self.functional.affine(self.input, angle, [x, y], scale, shears, mode,
                                      self.of_torchvision(fill), center)
        text = self.said("random-affine", degrees=(angle, angle), translate=(1, 1),
                         scale=(scale, scale), shear=(shears[0], shears[0], shears[1], shears[1]),
                         interpolation=name, center=center, fill=fill)
        return text, [angle, x, y, scale, *shears], made

    def box(self, least=1):
        height, width = (self.random.randint(least, side) for side in (self.height, self.width))
        return [self.random.randint(0, self.height - height),
                self.random.randint(0, self.width - width), height, width]

    def resized_crop(self):
        if self.form == "levels":
            self.api, self.functional = 2, of_v2
        names = ["bilinear", "bicubic"] + (["nearest"] if self.form == "picture" else [])
        name, mode = self.filter(*names)
        size = [self.random.randint(1, 60), self.random.randint(1, 60)]
        top, left, height, width = self.box()
        if self.one_of(False, False, True):
            size[0] = height
        made = self.functional.resized_crop(self.input, top, left, height, width, size, mode, True)
        text = self.said("random-resized-crop", size=size, interpolation=name, pillow=PILLOW)
        return text, [top, left, height, width], made

    def crop(self):
        mode = self.one_of("constant", "constant", "edge", "reflect", "symmetric")
        most_w, most_h = min(6, self.width - 1), min(6, self.height - 1)
        padding = [self.random.randint(0, most) for most in (most_w, most_h, most_w, most_h)]
        fill = self.fill()
        if self.form != "picture" and (self.api == 1 or mode != "constant"):
            fill = fill[:1]
        padded = self.functional.pad(self.input, padding, fill if len(fill) > 1 else fill[0], mode)
        height, width = self.height + padding[1] + padding[3], self.width + padding[0] + padding[2]
        size = [self.random.randint(1, height), self.random.randint(1, width)]
        top = self.random.randint(0, height - size[0]) if self.api == 1 or size[0] < height else 0
        left = self.random.randint(0, width - size[1]) if self.api == 1 or size[1] < width else 0
        text = self.said("random-crop", size=size, padding=padding, fill=fill, padding_mode=mode)
        return text, [top, left], self.functional.crop(padded, top, left, *size)

    def jitter(self):
        order = self.random.sample(range(4), 4)
        names = ["brightness", "contrast", "saturation", "hue"]
        factors, made = [1.0, 1.0, 1.0, 0.0], self.input
        given = {}
        for kind in order:
            if self.one_of(True, False):
                factors[kind] = self.one_of(-0.5, 0.5, self.real(-0.5, 0.5)) if kind == 3 else (
                    self.one_of(0.0, 2.0, 0.5, self.real(0, 1), self.real(0, 4)))
                given[names[kind]] = (factors[kind], factors[kind])
                made = getattr(self.functional, "adjust_" + names[kind])(made, factors[kind])
        # What is (1, 1), of hue (0, 0), is not asked for.
        text = self.said("color-jitter", **given)
        return text, [sum(kind << 2 * i for i, kind in enumerate(order)), *factors], made

    def grayscale(self):
        channels = self.one_of(1, 3)
        return (self.said("grayscale", num_output_channels=channels), [],
                self.functional.to_grayscale(self.input, channels))

    def act(self):
        which, (name, mode) = self.random.randrange(14), self.map_filter()
        bins, fill = self.one_of(31, 31, self.random.randint(2, 60)), self.fill()
        level, negative = self.random.randrange(bins), self.one_of(0, 1)
        of = v1.RandAugment if self.api == 1 else v2.RandAugment
        transform = of(1, level, bins, mode, fill)
        negative &= ACTS[which] in SIGNED
        if self.api == 1:
            magnitudes, _ = transform._augmentation_space(bins, (self.height, self.width))[ACTS[which]]
            amount = float(magnitudes[level]) if magnitudes.ndim else 0.0
            made = autoaugment._apply_op(self.input, ACTS[which], -amount if negative else amount,
                                         mode, fill)
        else:
            space, _ = transform._AUGMENTATION_SPACE[ACTS[which]]
            magnitudes = space(bins, self.height, self.width)
            amount = 0.0 if magnitudes is None else float(magnitudes[level])
            made = transform._apply_image_or_video_transform(
                self.input, ACTS[which], -amount if negative else amount, mode, transform._fill)
        text = self.said("rand-augment", num_ops=1, magnitude=level, num_magnitude_bins=bins,
                         interpolation=name, fill=fill)
        return text, [which, negative], made

    def erasing(self):
        box = self.box(1)
        box[2], box[3] = min(box[2], self.height - 1), min(box[3], self.width - 1)
        value = self.fill()
        tensor = torch.tensor([float(v) for v in value])[:, None, None]
        made = self.functional.erase(self.input, *box, tensor)
        return self.said("random-erasing", value=value), box, made


def values_of(chain, numbers):
    """A row of values: float32 or int32 as each is."""
    row = numpy.zeros((1, chain.info()[0]), numpy.uint32)
    assert row.shape[1] == len(numbers)
    for i, number in enumerate(numbers):
        kind = numpy.float32 if chain.value(i)[3] else numpy.int32
        row[0, i] = numpy.array(number, kind).view(numpy.uint32)
    return row


def levels_of(made):
    if isinstance(made, torch.Tensor):
        return numpy.ascontiguousarray(made.numpy())
    levels = numpy.asarray(made)
    return numpy.ascontiguousarray(levels[None] if levels.ndim == 2 else levels.transpose(2, 0, 1))


OPERATIONS = [("rotation", "picture"), ("rotation", "levels"), ("rotation", "floats"),
              ("affine", "picture"), ("affine", "levels"), ("affine", "floats"),
              ("resized_crop", "picture"), ("resized_crop", "levels"),
              ("crop", "picture"), ("crop", "levels"), ("crop", "floats"),
              ("jitter", "picture"), ("grayscale", "picture"), ("act", "picture"),
              ("erasing", "levels"), ("erasing", "floats")]


@pytest.mark.parametrize("operation, form", OPERATIONS)
def test_operation__given_values__the_pixels_of_torchvision(operation, form):
    for seed in range(max(1, CASES // len(OPERATIONS))):
        case = Case(seed * 100 + OPERATIONS.index((operation, form)), form)
        text, numbers, made = getattr(case, operation)()
        want = levels_of(made)
        chain = _native.Augment(text, case.channels, case.height, case.width)
        got = numpy.empty((1, *want.shape), want.dtype)
        assert chain.info()[1:4] == want.shape, text
        chain.run(numpy.ascontiguousarray(case.levels[None]), values_of(chain, numbers), got)
        assert got[0].tobytes() == want.tobytes(), (
            f"{text} with {numbers}: {(got[0] != want).sum()} of {want.size} numbers of "
            f"{case.levels.shape} differ")
