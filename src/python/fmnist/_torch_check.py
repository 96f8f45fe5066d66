# SPDX-License-Identifier: MIT
"""Whether the installed torch, torchvision and Pillow draw and compute what the library knows.

They are other programs, and change: Pillow 13 changed what a resize gives, PyTorch itself draws
other numbers on a CPU without fused multiply-add. So the first time that a chain is used it is put
beside the program's own transform, for some pictures, and PyTorch's generators beside ours. What
differs is refused, by the library's name and version, before a batch is wrong.

Costs a few milliseconds for each chain and process. The global generator stays where it is.
"""
import math
import re
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fmnist import _native, errors
from fmnist._torch_transforms import Chain

_SEED = 1234567
_PICTURES = 8
_DRAWS = 64
_KNOWN = "fmnist follows torch 2.13 with fused multiply-add, torchvision 0.28, and Pillow 11 to 13"

_checked: set[Any] = set()


def check(chain: Chain | None, native: _native.Augment, shape: tuple[int, int, int]) -> None:
    """Of a transform's chain, or without one of PyTorch's draws alone; once for each.

    Errors: NotImplementedError with what differs, and where."""
    if torch.get_default_dtype() is not torch.float32:
        raise NotImplementedError(
            f"torch.get_default_dtype() is {torch.get_default_dtype()}: transforms draw other "
            'numbers then; want torch.float32, or draws="counter"')
    text = native.info()[5]
    key = text, shape, chain is None
    if key in _checked:
        return
    for what, takes, *how in _TORCH:
        if what not in _checked and re.search(takes, text):
            _check_torch(what, *how)
            _checked.add(what)
    if chain is not None:
        _check_transform(chain, shape)
    _checked.add(key)


# ---- PyTorch -------------------------------------------------------------------------------------

def _uniform(generator: torch.Generator, low: float, high: float) -> float:
    return torch.empty(1).uniform_(low, high, generator=generator).item()


def _range(generator: torch.Generator, end: int) -> int:
    return int(torch.randint(0, end, (1,), generator=generator).item())


def _rotation(g: torch.Generator) -> list[float]:
    return [_uniform(g, -10.0, 10.0)]


def _flip(g: torch.Generator) -> list[int]:
    return [int(torch.rand(1, generator=g).item() < 0.5)]


def _crop(g: torch.Generator) -> list[int]:
    return [_range(g, 9), _range(g, 9)]


def _jitter(g: torch.Generator) -> list[float]:
    order = torch.randperm(4, generator=g).tolist()
    return [sum(which << 2 * i for i, which in enumerate(order)),
            *(_uniform(g, low, high) for low, high in ((0.6, 1.4), (0.7, 1.3), (0.8, 1.2)))]


def _box(g: torch.Generator) -> list[int]:
    """Of random-resized-crop, in a picture of 4096 x 4096, where one bit more or less may show."""
    log_ratio = torch.log(torch.tensor((3 / 4, 4 / 3)))
    for _ in range(10):
        area = 4096 * 4096 * _uniform(g, 0.08, 1.0)
        ratio = torch.exp(torch.empty(1).uniform_(
            log_ratio[0].item(), log_ratio[1].item(), generator=g)).item()
        width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < width <= 4096 and 0 < height <= 4096:
            return [_range(g, 4096 - height + 1), _range(g, 4096 - width + 1), height, width]
    return [0, 0, 4096, 4096]


# A function of PyTorch's, what draws by it, a chain that does, its picture, and the values as PyTorch
# makes them. Ranges from 2^28 on, which randint() takes another rule for, no picture has.
_TORCH: tuple[tuple[str, str, str, int, Any], ...] = (
    ("rand()", "flip|apply|erasing|grayscale|augment", "random-horizontal-flip", 8, _flip),
    ("randint()", "crop|erasing|augment", "random-crop(8, padding=4)", 8, _crop),
    ("uniform_()", "rotation|affine|jitter|resized|erasing", "random-rotation(10)", 8, _rotation),
    ("randperm()", "jitter", "color-jitter(0.4, 0.3, 0.2)", 8, _jitter),
    ("exp() or log()", "resized|erasing", "random-resized-crop(8)", 4096, _box),
)


def _check_torch(what: str, text: str, size: int, made: Any) -> None:
    native = _native.Augment(text, 1, size, size)
    state = bytearray(_native.torch_seed(_SEED))
    values = np.empty((_DRAWS, native.info()[0]), np.uint32)
    native.draw_torch(state, 0, np.array([_DRAWS], np.uint32), values)
    generator = torch.Generator().manual_seed(_SEED)
    for row in values:
        theirs = made(generator)
        if _numbers(native, row)[:len(theirs)] != theirs:
            raise _other(what)
    if generator.get_state().numpy().tobytes() != bytes(state):
        raise _other(what)


def _numbers(native: _native.Augment, row: NDArray[np.uint32]) -> list[float]:
    return [(bits.view(np.float32) if native.value(i)[3] else bits.view(np.int32)).item()
            for i, bits in enumerate(row)]


def _other(what: str) -> NotImplementedError:
    return NotImplementedError(
        f"torch {torch.__version__} ({torch.backends.cpu.get_cpu_capability()}): {what} draws "
        f'other numbers than are known; {_KNOWN}. draws="counter" needs none of PyTorch\'s numbers')


# ---- transforms ----------------------------------------------------------------------------------

def _pictures(shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Levels [picture][channel][height][width]: noise, and flat in part, as images are."""
    random = np.random.Generator(np.random.PCG64(_SEED))
    pictures = random.integers(0, 256, (_PICTURES, *shape), np.uint8)
    pictures[::2, :, : shape[1] // 3] = 0
    return pictures


def _check_transform(chain: Chain, shape: tuple[int, int, int]) -> None:
    if _difference(chain, len(chain.steps), shape) is None:
        return
    for length in range(1, len(chain.steps) + 1):  # the first step with which it differs
        try:
            what = _difference(chain, length, shape)
        except errors.InvalidSpec:
            continue  # of several sizes there
        if what is not None:
            raise _other_transform(chain.steps[length - 1][1], what)


def _difference(chain: Chain, length: int, shape: tuple[int, int, int]) -> str | None:
    """Between the first steps of a transform and of its chain: "draws" or "pixels"."""
    text = chain.text[:chain.steps[length - 1][2]]
    if not text:
        return None
    native = _native.Augment(text, *shape)
    values, channels, height, width, dtype, _ = native.info()
    pictures = _pictures(shape)
    drawn = np.empty((_PICTURES, values), np.uint32)
    images = np.empty((_PICTURES, channels, height, width), np.float32 if dtype == 2 else np.uint8)
    state = bytearray(_native.torch_seed(_SEED))
    native.draw_torch(state, 0, np.array([_PICTURES], np.uint32), drawn)
    native.run(pictures, drawn, images)
    before = torch.get_rng_state()
    try:
        torch.default_generator.manual_seed(_SEED)  # the CPU's alone
        theirs = list(_transformed(chain, length, pictures))
        behind = torch.get_rng_state().numpy().tobytes()
    finally:
        torch.set_rng_state(before)
    if behind != bytes(state):
        return "draws"
    same = all(a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in zip(theirs, images))
    return None if same else "pixels"


def _transformed(chain: Chain, length: int, pictures: NDArray[np.uint8]) -> Iterator[Any]:
    from PIL import Image

    for levels in pictures:
        image: Any = Image.fromarray(levels[0] if len(levels) == 1 else levels.transpose(1, 2, 0))
        for step, _, _ in chain.steps[:length]:
            image = step(image)
        if isinstance(image, torch.Tensor):
            yield np.ascontiguousarray(image.numpy())
        else:
            levels = np.asarray(image)
            yield np.ascontiguousarray(levels.reshape(*levels.shape[:2], -1).transpose(2, 0, 1))


def _other_transform(place: str, what: str) -> NotImplementedError:
    torchvision, pillow = (getattr(sys.modules.get(name), "__version__", "")
                           for name in ("torchvision", "PIL"))
    return NotImplementedError(
        f"{place}: torchvision {torchvision} with Pillow {pillow} and torch {torch.__version__} "
        f"has other {what} than are known; {_KNOWN}. A DataLoader over "
        "fmnist.torch.MapDataset(transform=...) applies it itself")
