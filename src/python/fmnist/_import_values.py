# SPDX-License-Identifier: MIT
"""Images and labels of any framework as the bytes and numbers that an IDX file holds, exactly: what
would be rounded, cut or guessed is refused."""
import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fmnist.errors import BadData

SIDE_MAX = 4096
CHANNELS_MAX = 4
ROW_MAX = 4096  # labels of one image
_INT32 = np.iinfo(np.int32)
_ONE_BIT, _LEVELS, _PALETTE = "1", ("L", "LA", "RGB", "RGBA"), ("P", "PA")


def kind(value: Any) -> str:
    """What it is, in words for an error."""
    shape = getattr(value, "shape", None)
    name = type(value).__name__
    return name if shape is None else f"{name} of shape {tuple(shape)}"


def is_picture(value: Any) -> bool:
    """A PIL.Image, which is not imported for this."""
    return hasattr(value, "getbands") and hasattr(value, "mode")


def array(value: Any) -> npt.NDArray[Any]:
    """Of any framework's array, a list or a number. Errors: BadData."""
    if hasattr(value, "detach"):  # a tensor of PyTorch's, which may be bfloat16 or elsewhere
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":
            value = value.float()
        return np.asarray(value.numpy())
    if hasattr(value, "asnumpy"):
        return np.asarray(value.asnumpy())
    try:
        return np.asarray(value)
    except ValueError as error:  # lists of several lengths
        raise BadData(f"{kind(value)} is no array: {error}") from error


def size(image: Any) -> int:
    """About how many numbers an image has."""
    if is_picture(image):
        return int(math.prod(image.size)) * len(image.getbands())
    shape = getattr(image, "shape", None)
    return int(math.prod(shape)) if shape is not None else 1 << 16


# ---- images


def _picture(image: Any, mode: str | None) -> npt.NDArray[Any]:
    if mode is not None and image.mode != mode:
        image = image.convert(mode)
    if image.mode == _ONE_BIT:
        image = image.convert("L")  # 0 and 255, as Pillow has it
    if image.mode not in _LEVELS:
        want = 'mode="RGB" or mode="L" converts it as Pillow does' if image.mode in _PALETTE else (
            "its numbers are no levels of 0 to 255")
        raise BadData(f'a picture of mode "{image.mode}": want one of {", ".join(_LEVELS)}; {want}')
    return np.asarray(image)


def _channels_last(shape: tuple[int, ...], layout: str | None, torch: bool) -> bool:
    """Of three sizes: whether channels are the last one."""
    if layout is not None:
        return layout == "NHWC"
    first, last = shape[0] <= CHANNELS_MAX, shape[-1] <= CHANNELS_MAX
    return last and not (first and torch)


def _with_channels(pixels: npt.NDArray[Any], layout: str | None, torch: bool) -> npt.NDArray[Any]:
    """[n][h][w] or with channels, first or last, as [n][h][w][c]."""
    if pixels.ndim == 3:
        return pixels[..., None]
    given = pixels.shape[1:]
    if not _channels_last(given, layout, torch):
        pixels = np.moveaxis(pixels, 1, -1)
    if not 1 <= pixels.shape[-1] <= CHANNELS_MAX:
        raise BadData(f"images of {' x '.join(map(str, given))}: want 1 to {CHANNELS_MAX} channels, "
                      "first or last (layout= says which)")
    return pixels


def _stacked(many: Sequence[Any], mode: str | None) -> tuple[npt.NDArray[Any], bool, bool]:
    """Several images as one array, whether they are pictures, and whether tensors of PyTorch's.

    Errors: BadData, also where they are of several kinds."""
    picture, torch = is_picture(many[0]), hasattr(many[0], "detach")
    arrays = [_picture(one, mode) if is_picture(one) else array(one) for one in many]
    if any((one.shape, one.dtype) != (arrays[0].shape, arrays[0].dtype) for one in arrays) or any(
            (is_picture(one), hasattr(one, "detach")) != (picture, torch) for one in many):
        raise BadData("images of several kinds")
    return np.stack(arrays), picture, torch


def images(value: Any, *, batched: bool, layout: str | None = None, mode: str | None = None,
           scale: float | None = None) -> npt.NDArray[np.uint8]:
    """A batch of images, or a sequence of single ones, as levels. Shape: [n][h][w][c].

    Errors: BadData, which does not say where; where single ones are of several kinds, it does not
    say more."""
    if batched:
        pixels, picture, torch = array(value), False, hasattr(value, "detach")
    else:
        pixels, picture, torch = _stacked(value, mode)
    if pixels.ndim not in (3, 4):
        many = pixels.shape[1:] if pixels.ndim else ()
        side = math.isqrt(many[0]) if len(many) == 1 else 0
        raise BadData(f"{kind(value if batched else value[0])} is no image: want height x width, with channels first or last" +
                      (f"; rows of {side * side} numbers are images behind "
                       f".reshape(-1, {side}, {side})" if side > 1 and side * side == many[0] else ""))
    pixels = _with_channels(pixels, "NHWC" if picture else layout, torch)
    height, width = pixels.shape[1:3]
    if not (1 <= height <= SIDE_MAX and 1 <= width <= SIDE_MAX):
        raise BadData(f"images of {height} x {width} pixels: want 1 to {SIDE_MAX} of each")
    return levels(pixels, scale)


def _exact(values: npt.NDArray[Any], scale: float | None) -> tuple[npt.NDArray[Any], Any]:
    """The levels that numbers would be, and which of them are exactly that."""
    if scale is not None or values.dtype.kind != "f":
        scaled = values.astype(np.float64) * (scale or 1.0)
        level = np.rint(scaled)
        return level, (level >= 0) & (level <= 255) & (level == scaled)
    # level/255 rounded to the array's type, as a division gives it and as the daemon gives it back. What
    # is out of range becomes some level here, to which it is then not equal.
    level = np.rint(values * np.asarray(255, values.dtype)).astype(np.uint8)
    exact = _of_255(values.dtype.char)[level] == values
    if values.dtype == np.float64:  # float32 that was made wide
        exact |= _of_255("f").astype(np.float64)[level] == values
    return level, exact


@functools.lru_cache(maxsize=None)
def _of_255(dtype: str) -> npt.NDArray[Any]:
    """0/255, 1/255, ... 255/255."""
    if dtype == "e":  # made in float32, as frameworks do, and by the daemon
        return (np.arange(256, dtype=np.float32) / np.float32(255)).astype(np.float16)
    table: npt.NDArray[Any] = np.arange(256).astype(dtype) / np.asarray(255, dtype)
    return table


def levels(values: npt.NDArray[Any], scale: float | None = None) -> npt.NDArray[np.uint8]:
    """Numbers as levels of 0 to 255. Errors: BadData, with the first pixel that is none."""
    if values.dtype == np.uint8 and scale is None:
        return values
    if values.dtype.kind not in "iuf" and not (values.dtype == bool and scale is not None):
        more = "; scale=255 makes true 255" if values.dtype == bool else ""
        raise BadData(f"pixels of type {values.dtype}: want whole numbers or floats{more}")
    with np.errstate(invalid="ignore", over="ignore"):  # of what is no number
        level, exact = _exact(values, scale)
    if not exact.all():
        place = np.unravel_index(int(np.argmin(exact)), exact.shape)
        seen = values[place]
        raise BadData(_inexact(seen, tuple(int(i) for i in place), values.dtype, scale))
    return level.astype(np.uint8)


def _inexact(seen: Any, place: tuple[int, ...], dtype: np.dtype[Any], scale: float | None) -> str:
    row, column, channel = place[1:]
    text = f"pixel at row {row}, column {column}, channel {channel} is {seen!s} ({dtype}), "
    if scale is not None:
        return text + f"and times scale={scale:g} that is no whole number of 0 to 255"
    if dtype.kind != "f":
        return text + "want 0 to 255"
    whole = float(seen) == np.rint(seen) and 1 < seen <= 255
    return text + "which is not exactly level / 255: want the levels themselves, as of before a " \
        "normalisation, or ToTensor's 0 to 1" + (
            "; scale=1 takes whole numbers as they are" if whole else "")


# ---- labels


def labels(value: Any, *, batched: bool, classes: tuple[str, ...] = ()) -> npt.NDArray[np.int64]:
    """A batch of labels, or a sequence of single ones. Shape: [n], of rows of labels [n][columns].

    A text is the number of the class of that name. Errors: BadData, as of images()."""
    if batched:
        numbers = array(value)
    else:
        many = [_label(one) for one in value]
        if any((one.shape, one.dtype) != (many[0].shape, many[0].dtype) for one in many):
            raise BadData("labels of several kinds")
        numbers = np.stack(many)
    if numbers.dtype.kind in "USO":
        numbers = _named(numbers, classes)
    if numbers.dtype.kind not in "iub":
        first = numbers.ravel()[:1]
        way = ".argmax(1) makes them of one-hot rows" if numbers.ndim == 2 and numbers.shape[1] > 1 else (
            ".astype(int) makes them of floats that are whole")
        raise BadData(f"the label is {first[0] if len(first) else 'empty'} ({numbers.dtype}): want "
                      f"whole numbers; {way}")
    if numbers.ndim == 2 and numbers.shape[1] == 1:
        numbers = numbers[:, 0]
    if numbers.ndim not in (1, 2):
        raise BadData(f"the label is a {kind(value if batched else value[0])}: want a whole number, or a "
                      "row of them")
    low, high = (_INT32.min, _INT32.max) if numbers.ndim == 1 else (0, 255)
    if numbers.ndim == 2 and not 1 <= numbers.shape[1] <= ROW_MAX:
        raise BadData(f"a row of {numbers.shape[1]} labels: want 1 to {ROW_MAX}")
    wrong = (numbers < low) | (numbers > high)
    if wrong.any():
        raise BadData(f"the label is {numbers[wrong][0]}: want {low} to {high}" + (
            "" if numbers.ndim == 1 else ", in a row of labels"))
    return numbers.astype(np.int64)


def _label(value: Any) -> npt.NDArray[Any]:
    if value is None or isinstance(value, dict) or is_picture(value):
        raise BadData(f"the label is {'None' if value is None else 'a ' + kind(value)}: want a whole "
                      "number, or a row of them")
    found = array(value)
    return found.astype(object) if found.dtype.kind in "US" else found  # of any length


def _named(texts: npt.NDArray[Any], classes: tuple[str, ...]) -> npt.NDArray[Any]:
    """Classes' names as their numbers."""
    numbers = np.empty(texts.shape, np.int64)
    for place, text in np.ndenumerate(texts):
        if not isinstance(text, str):
            raise BadData(f"the label is {text!r:.80}: want a whole number, or a row of them")
        if text not in classes:
            raise BadData(f"the label is {str(text)!r:.80}, " + (
                f"no name of the {len(classes)} classes" if classes else
                "a text: classes=[...] says which number each name is"))
        numbers[place] = classes.index(text)
    return numbers
