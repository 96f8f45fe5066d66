# SPDX-License-Identifier: MIT
"""The fields of a spec, by the names that struct fmnist_spec of include/fmnist.h gives them."""
import difflib
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from fmnist._part import Part

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Spec(Part, total=False):
    """What a stream gives. None, and a field that is left out, are the default.

    batch_size   samples, 1 .. 2^24; default 64
    drop_last    leave an epoch's short last batch out
    resize       a rule: "none", "pillow-bilinear" (default), "tf-bilinear-pad", ...
    height, width    pixels, 1 .. 4096; 0: as stored
    dtype        of the pixels: "uint8" (0..255), "float32" (default: 0..1), "float16", "bfloat16"
    layout       "NCHW" (default) or "NHWC"
    channels     0: as stored; 3 repeats a single stored channel
    mean, std    of the 0..1 pixel, one number or one a channel: (x - mean) / std
    label_dtype  "uint8", "int32" or "int64" (default)
    order        "sequential" (default), "shuffle", "torch", "torch-loader", "numpy" or "list"
    seed         of the order, 0 .. 2^64 - 1; default 0
    rank, world_size     this process, and how many share an epoch
    pad          where they do not divide it: "auto", "wrap", "drop" or "none"
    augment      a chain of transforms as text, "random-crop(28, padding=4) random-horizontal-flip"
    draws        where its random numbers come from: "counter" (default: seed, epoch and the sample's
                 number), "list" (list_values=) or "caller" (a function, Stream.draw)
    views        each image so many times, with draws of its own: 1 (default) .. 16
    transport    "shm" (default) or "inline"
    epoch        the first; default 0
    epochs       how many to give; default 0: no end
    fold, folds, held_out, stratified, fold_seed, classes, renumber, label_map     a part of the
                 split, as fmnist.part() says it; fold_seed= is its seed=
    """

    batch_size: int | None
    drop_last: bool | None
    resize: str | None
    height: int | None
    width: int | None
    dtype: str | None
    layout: str | None
    channels: int | None
    mean: float | Sequence[float] | None
    std: float | Sequence[float] | None
    label_dtype: str | None
    order: str | None
    seed: int | None
    rank: int | None
    world_size: int | None
    pad: str | None
    augment: str | None
    draws: str | None
    views: int | None
    transport: str | None
    epoch: int | None
    epochs: int | None


def check_names(given: Iterable[str], known: Iterable[str], what: str) -> None:
    """TypeError for a keyword that does not exist, with the nearest that does."""
    known = list(known)
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise TypeError(f"{what} has no argument {name}=" + (
                f"; did you mean {near[0]}=?" if near else f"; there are {', '.join(known)}"))


def shows(function: _Function, *fields: str) -> _Function:
    """Puts those fields of a Spec in the place of a function's **keywords, for help() and
    completion."""
    signature = inspect.signature(function)
    named = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    taken = {p.name for p in named}
    more = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None,
                              annotation=Spec.__annotations__[name])
            for name in fields if name not in taken]
    function.__signature__ = signature.replace(parameters=named + more)  # type: ignore[attr-defined]
    return function
