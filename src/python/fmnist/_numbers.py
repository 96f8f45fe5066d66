# SPDX-License-Identifier: MIT
"""Lists of numbers as the daemon takes them: what NumPy would round, wrap or count is refused."""

from typing import Any

import numpy as np
import numpy.typing as npt

_LARGEST = np.iinfo(np.uint32).max


def uint32(name: str, values: Any) -> npt.NDArray[np.uint32]:
    """`values` (a sequence, an array, a tensor) as a contiguous array of uint32.

    Errors: TypeError for what are no whole numbers, ValueError for one out of range or for none,
    with its place; the text begins with `name`."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} has shape {array.shape}: want numbers in one dimension")
    if not len(array):
        raise ValueError(f"{name} is empty: want 1 number or more, or {name}=None for no such list")
    if array.dtype == bool:
        raise TypeError(f"{name} is a mask of {len(array)} booleans: want numbers, which "
                        "np.flatnonzero(mask) gives")
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} has numbers of type {array.dtype}: want whole numbers")
    if array.dtype != np.uint32:
        wrong = np.flatnonzero((array < 0) | (array > _LARGEST))
        if len(wrong):
            raise ValueError(f"{name}[{wrong[0]}] is {array[wrong[0]]}, of {len(array)} numbers: "
                             f"want 0 to {_LARGEST}")
    return np.ascontiguousarray(array, np.uint32)


def bits32(name: str, values: Any) -> npt.NDArray[np.uint32]:
    """Numbers of 4 bytes each, whatever they are, as a contiguous array of their bits.

    Errors: TypeError for numbers of another size."""
    array = np.ascontiguousarray(values)
    if array.dtype.kind not in "iuf" or array.dtype.itemsize != 4:
        raise TypeError(f"{name} has numbers of type {array.dtype}: want 4 bytes each, the bits of "
                        "int32 and float32 (array.view(numpy.uint32))")
    return array.view(np.uint32)
