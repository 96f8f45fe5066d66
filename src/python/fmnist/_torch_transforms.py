# SPDX-License-Identifier: MIT
"""torchvision's transforms as a chain's text, which the daemon and the library know.

An object is known by its class, by its exact one: what a class derived from it does is not known.
torchvision is not imported here. Whoever gives its objects has it.

    T.Compose([T.RandomCrop(28, padding=4), T.ToTensor()])
        -> random-crop(size=(28, 28), padding=4, ..., api=1) to-tensor

Source: the constructors of torchvision 0.28's transforms and transforms.v2, and what they keep of
their arguments. The text's grammar: src/augment/chain.h.
"""
import bisect
import functools
import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from fmnist import _native, errors

_MODULES = ("torchvision.transforms.transforms", "torchvision.transforms.autoaugment")
_MODULES_V2 = "torchvision.transforms.v2."

# Pillow's numbers of resampling filters, which torchvision takes for its own names.
_OF_PILLOW = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}

# PyTorch's float32 logarithms of the two default ratios, which augment/chain.h has.
_LOGS = {ratio: tuple(float.fromhex(bits) for bits in logs) for ratio, logs in (
    ((3 / 4, 4 / 3), ("-0x1.26962p-2", "0x1.269624p-2")),
    ((0.3, 3.3), ("-0x1.34379p+0", "0x1.31a4e8p+0")))}


def pillow_version() -> int:
    """The number before the first dot of the Pillow that is installed; without Pillow, 13."""
    try:
        import PIL
        return int(PIL.__version__.split(".")[0])
    except ImportError:
        return 13


class Chain(NamedTuple):
    """A transform as text, and where each of its operations stands in the transform."""

    text: str
    places: tuple[str, ...]  # of each operation, those within others too: "transform[2][0], Pad"
    starts: tuple[int, ...]  # of their names in the text
    steps: tuple[tuple[Any, str, int], ...]  # torchvision's objects that follow one another, their
                                             # places, and where the text of each ends
    ends_in_tensor: bool

    def compiled(self, channels: int, height: int, width: int) -> _native.Augment:
        """For images of that shape. Errors: errors.InvalidSpec, with the transform's place."""
        try:
            return _native.Augment(self.text, channels, height, width)
        except errors.InvalidSpec as error:
            raise errors.InvalidSpec(self._told(str(error))) from None

    def _told(self, text: str) -> str:
        """An error of the library's, in the transform's words."""
        found = re.match(r"augment(?:\[(\d+)\]|, character (\d+):)(?:,? [a-z-]+(?=[,:] ))?(.*)", text,
                         re.DOTALL)
        if found is None:
            return text.replace("augment", "transform", 1)
        operation, character, words = found.groups()
        if operation is None:  # characters are counted from 1
            operation = bisect.bisect_right(self.starts, int(character) - 1) - 1
        return self.places[int(operation)] + (words if words[0] in ",:" else f":{words}")


@functools.lru_cache(maxsize=None)
def grid_rule() -> str:
    """How PyTorch's matrix product makes the grid by which tensors are turned, on this CPU: "fused"
    where it takes a fused multiply-add (augment/chain.h), else "plain"."""
    places = torch.linspace(-13.5, 13.5, 28)
    grid = torch.ones(1, 28, 28, 3)
    grid[..., 0], grid[..., 1] = places, places[:, None]
    turn = torch.tensor([[0.0697, -0.0149, 0.011], [0.0151, 0.0703, -0.027]])
    made = grid.view(1, 28 * 28, 3).bmm(turn.t()[None])[0].numpy()
    rows = grid.view(28 * 28, 3).numpy()
    for column, by in enumerate(turn.numpy()):
        first = (rows[:, 0] * by[0]).astype(np.longdouble)
        sums = (first + rows[:, 1].astype(np.longdouble) * by[1]).astype(np.float32) + by[2]
        if not np.array_equal(made[:, column], sums):
            return "plain"
    return "fused"


class _Unknown(Exception):
    """What is not known of a transform: the words behind its name."""


# ---- arguments -----------------------------------------------------------------------------------

def _number(value: Any) -> str:
    number = value.item() if hasattr(value, "item") else value
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise _Unknown(f" with {value!r:.40} for a number")
    return repr(number)


def _numbers(values: Any) -> str:
    """One number, or several in parentheses."""
    if isinstance(values, (torch.Tensor, np.ndarray)):
        values = values.tolist()
    if not isinstance(values, (list, tuple)):
        return _number(values)
    return f"({', '.join(_number(value) for value in values)})"


def _sides(values: Any) -> str:
    """One number or a sequence of them, of which one stands for all."""
    return _numbers(values[0] if isinstance(values, (list, tuple)) and len(values) == 1 else values)


def _flag(value: Any) -> str:
    return "true" if value else "false"


def _interpolation(value: Any) -> str:
    name = _OF_PILLOW.get(value) if isinstance(value, int) else getattr(value, "value", value)
    return "nearest" if name == "nearest-exact" else str(name)  # of pictures they are the same


def _said(obj: Any, **how: Callable[[Any], str]) -> dict[str, str]:
    """The attributes of those names that are not None."""
    given = {name: (getattr(obj, name), write) for name, write in how.items()}
    return {name: write(value) for name, (value, write) in given.items() if value is not None}


def _fill(obj: Any) -> dict[str, str]:
    if isinstance(obj.fill, dict):
        raise _Unknown(" with a fill= for each type")
    return _said(obj, fill=_numbers)


def _logs(ratio: Any) -> dict[str, str]:
    """PyTorch's own logarithms, where they are others than the text's reader would take."""
    ours = tuple(torch.log(torch.tensor(ratio)).tolist())
    known = tuple(float(np.float32(math.log(np.float32(r)))) for r in ratio)
    return {} if ours == _LOGS.get(tuple(ratio), known) else {"log-ratio": _numbers(ours)}


def _resampling(obj: Any) -> dict[str, str]:
    return {**_said(obj, interpolation=_interpolation), "pillow": str(min(13, max(
        12, pillow_version())))}


# ---- what each takes -----------------------------------------------------------------------------

def _random_crop(obj: Any) -> dict[str, str]:
    padding = _sides
    if type(obj).__module__.startswith(_MODULES_V2):  # which keeps left, right, top, bottom
        padding = _crossed
    return {**_said(obj, size=_numbers, padding=padding, pad_if_needed=_flag), **_fill(obj),
            **_said(obj, padding_mode=str)}


def _crossed(values: Any) -> str:
    left, right, top, bottom = values
    return _numbers((left, top, right, bottom))


def _pad(obj: Any) -> dict[str, str]:
    return {**_said(obj, padding=_sides), **_fill(obj), **_said(obj, padding_mode=str)}


def _resize(obj: Any) -> dict[str, str]:
    if obj.max_size is not None:
        raise _Unknown(f" with max_size={obj.max_size}")
    if obj.size is None:
        raise _Unknown(" with size=None")
    return {**_said(obj, size=_sides), **_resampling(obj)}


def _rotation(obj: Any) -> dict[str, str]:
    return {**_said(obj, degrees=_numbers, interpolation=_interpolation, expand=_flag,
                    center=_numbers), **_fill(obj)}


def _affine(obj: Any) -> dict[str, str]:
    return {**_said(obj, degrees=_numbers, translate=_numbers, scale=_numbers, shear=_numbers,
                    interpolation=_interpolation), **_fill(obj), **_said(obj, center=_numbers)}


def _resized_crop(obj: Any) -> dict[str, str]:
    return {**_said(obj, size=_numbers, scale=_numbers, ratio=_numbers), **_logs(obj.ratio),
            **_resampling(obj)}


def _erasing(obj: Any) -> dict[str, str]:
    if obj.value is None or isinstance(obj.value, str):
        raise _Unknown(' with value="random"')
    return {**_said(obj, p=_number, scale=_numbers, ratio=_numbers, value=_sides),
            **_logs(obj.ratio)}


def _to_dtype(obj: Any) -> dict[str, str]:
    if obj.dtype is not torch.float32:
        raise _Unknown(f" to {obj.dtype}")
    if not getattr(obj, "scale", True):
        raise _Unknown(" with scale=False")
    return {}


def _wide(obj: Any) -> dict[str, str]:
    return {**_said(obj, num_magnitude_bins=_number, interpolation=_interpolation), **_fill(obj)}


def _rand_augment(obj: Any) -> dict[str, str]:
    return {**_said(obj, num_ops=_number, magnitude=_number), **_wide(obj)}


def _auto_augment(obj: Any) -> dict[str, str]:
    return {**_said(obj, policy=lambda policy: str(policy.value), interpolation=_interpolation),
            **_fill(obj)}


def _of(**how: Callable[[Any], str]) -> Callable[[Any], dict[str, str]]:
    return lambda obj: _said(obj, **how)


_JITTER = _of(brightness=_numbers, contrast=_numbers, saturation=_numbers, hue=_numbers)

# By class: the operation's name, and its arguments of an object. Both APIs have most of them.
_KNOWN: dict[str, tuple[str, Callable[[Any], dict[str, str]]]] = {
    "RandomCrop": ("random-crop", _random_crop),
    "CenterCrop": ("center-crop", _of(size=_numbers)),
    "Pad": ("pad", _pad),
    "Resize": ("resize", _resize),
    "RandomHorizontalFlip": ("random-horizontal-flip", _of(p=_number)),
    "RandomVerticalFlip": ("random-vertical-flip", _of(p=_number)),
    "RandomRotation": ("random-rotation", _rotation),
    "RandomAffine": ("random-affine", _affine),
    "RandomResizedCrop": ("random-resized-crop", _resized_crop),
    "ColorJitter": ("color-jitter", _JITTER),
    "RandomGrayscale": ("random-grayscale", _of(p=_number)),
    "Grayscale": ("grayscale", _of(num_output_channels=_number)),
    "RandomErasing": ("random-erasing", _erasing),
    "ToTensor": ("to-tensor", _of()),
    "PILToTensor": ("to-image", _of()),
    "ToImage": ("to-image", _of()),
    "ToDtype": ("to-dtype", _to_dtype),
    "ConvertImageDtype": ("to-dtype", _to_dtype),
    "Normalize": ("normalize", _of(mean=_numbers, std=_numbers)),
    "TrivialAugmentWide": ("trivial-augment-wide", _wide),
    "RandAugment": ("rand-augment", _rand_augment),
    "AutoAugment": ("auto-augment", _auto_augment),
}
_NOTHING = ("Identity", "ToPureTensor")  # of a batch's bytes
_HOLDERS = ("Compose", "RandomApply")
_ALL = ", ".join(sorted([*_KNOWN, *_NOTHING, *_HOLDERS]))


# ---- the text ------------------------------------------------------------------------------------

def _class_of(obj: Any) -> tuple[int, str]:
    """(1 or 2, name) of one of torchvision's classes, of torch.nn.Sequential ("Compose"), or
    (0, what it is) of anything else."""
    kind = type(obj)
    if kind is torch.nn.Sequential:
        return 1, "Compose"
    if kind.__module__ in _MODULES:
        return 1, kind.__qualname__
    if kind.__module__.startswith(_MODULES_V2):
        return 2, kind.__qualname__
    base = next((b.__name__ for b in kind.__mro__ if b.__module__ in _MODULES or
                 b.__module__.startswith(_MODULES_V2)), None)
    if base in _KNOWN or base in _HOLDERS:
        return 0, f"{kind.__name__}, a class derived from torchvision's {base},"
    name = getattr(obj, "__qualname__", None) if callable(obj) else None
    return 0, f"the function {name}" if name else kind.__name__


def _children(obj: Any) -> Any:
    return list(obj) if isinstance(obj, torch.nn.Sequential) else list(obj.transforms)


class _Writer:
    """Writes a chain, operation by operation."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = 0
        self.places: list[str] = []
        self.starts: list[int] = []
        self.steps: list[tuple[Any, str, int]] = []
        self.depth = 0  # within random-apply
        self.tensor = False

    def write(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)

    def begin(self, place: str, name: str) -> None:
        """A blank, but at the beginning of a chain."""
        if self.parts and not self.parts[-1].endswith("["):
            self.write(" ")
        self.places.append(f"{place}, {name}")
        self.starts.append(self.length)

    def add(self, obj: Any, place: str) -> None:
        api, name = _class_of(obj)
        if api and name == "Compose":
            for i, child in enumerate(_children(obj)):
                self.add(child, f"{place}[{i}]")
        elif api and name == "RandomApply":
            self._random_apply(obj, place, api)
        elif api and name in _KNOWN:
            self._operation(obj, place, api, name)
        elif not (api == 2 and name in _NOTHING):
            raise _refusal(place, name)
        if api and name != "Compose" and not self.depth:
            self.steps.append((obj, f"{place}, {name}", self.length))

    def _operation(self, obj: Any, place: str, api: int, name: str) -> None:
        operation, arguments = _KNOWN[name]
        try:
            said = arguments(obj)
        except _Unknown as unknown:
            raise _refusal(place, f"{name}{unknown}") from None
        if operation in ("to-tensor", "to-image"):
            self.tensor = True
        if self.tensor and operation in ("random-rotation", "random-affine"):
            said["grid"] = grid_rule()
        if self.tensor and not getattr(obj, "antialias", True):  # pictures know no other
            raise _refusal(place, f"{name} with antialias={obj.antialias} of a tensor")
        self.begin(place, name)
        self.write(operation + _arguments({**said, "api": str(api)}))

    def _random_apply(self, obj: Any, place: str, api: int) -> None:
        self.begin(place, "RandomApply")
        self.write("random-apply(transforms=[")
        before = len(self.places)
        self.depth += 1
        for i, child in enumerate(_children(obj)):
            self.add(child, f"{place}[{i}]")
        self.depth -= 1
        if len(self.places) == before:
            raise _refusal(place, "RandomApply of nothing")
        self.write("], " + _arguments({"p": _number(obj.p), "api": str(api)})[1:])


def _arguments(said: dict[str, str]) -> str:
    pairs = (f"{key.replace('_', '-')}={value}" for key, value in said.items())
    return f"({', '.join(pairs)})"


def _refusal(place: str, what: str) -> NotImplementedError:
    return NotImplementedError(
        f"{place}: {what} is not known; known are {_ALL}, of torchvision's transforms and "
        "transforms.v2; put it behind the loader, it works on batches there, or set "
        "loader.dataset.transform, which DataLoader then applies sample by sample")


def chain_of(transform: Any) -> Chain:
    """A transform of torchvision's as a chain; "" where it does nothing.

    Errors: NotImplementedError for what is not known, by name and place; errors.InvalidSpec, when
    it is compiled, for what cannot be done."""
    writer = _Writer()
    writer.add(transform, "transform")
    return Chain("".join(writer.parts), tuple(writer.places), tuple(writer.starts),
                 tuple(writer.steps), writer.tensor)


def is_known(transform: Any) -> bool:
    """Whether chain_of takes it, and it ends in a tensor."""
    try:
        return chain_of(transform).ends_in_tensor
    except NotImplementedError:
        return False
