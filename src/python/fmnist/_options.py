# SPDX-License-Identifier: MIT
"""The keywords of the loaders that are not PyTorch's: one list, for checks, help() and types."""
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, get_type_hints

from fmnist._part import Part
from fmnist._spec import check_names


class Options(Part, total=False):
    """What a Loader takes besides dataset, split and batch_size. Its docstring says what each is.
    """

    shuffle: bool
    seed: int | None
    order: str | None
    indices: Any
    sampler: Iterable[Any] | None
    batch_sampler: Iterable[Any] | None
    drop_last: bool
    rank: int | None
    world_size: int | None
    pad: str | None
    epoch: int
    epochs: int | None
    resize: str | None
    height: int
    width: int
    dtype: str
    layout: str | None
    channels: int
    mean: float | Sequence[float] | None
    std: float | Sequence[float] | None
    label_dtype: str
    augment: str | None
    views: int
    zero_copy: bool
    transport: str | None
    socket: Any
    daemon: str | None
    data: Any
    timeout: float
    reconnect: float


DEFAULTS: dict[str, Any] = dict(
    fold=None, folds=None, held_out=False, stratified=False, fold_seed=None, classes=None,
    renumber=False, label_map=None,
    shuffle=False, seed=None, order=None, indices=None, sampler=None, batch_sampler=None,
    drop_last=False, rank=None, world_size=None, pad=None, epoch=0, epochs=None, resize=None,
    height=0, width=0, dtype="float32", layout=None, channels=0, mean=None, std=None,
    label_dtype="int32", augment=None, views=1, zero_copy=False, transport=None, socket=None, daemon=None, data=None,
    timeout=30.0, reconnect=60.0)

WHERE = ("socket", "daemon", "data", "timeout", "reconnect")

# Said by a data module itself, for each of its two loaders.
OF_MODULES = ("held_out", "shuffle", "order", "indices", "sampler", "batch_sampler", "rank", "world_size",
              "pad", "epoch", "epochs", "resize", "height", "width")

_Function = TypeVar("_Function", bound=Callable[..., Any])


def check(options: Any, what: str, known: Iterable[str] = DEFAULTS) -> None:
    """TypeError for a keyword that does not exist, with the nearest that does."""
    if "transform" in options:
        raise TypeError(f"{what} has no argument transform=: the daemon resizes (resize=, height=, "
                        "width=), normalises (mean=, std=) and augments (augment=, as text); apply "
                        "others to the batches")
    check_names(options, ("dataset", "split", "batch_size", *known), what)


def spelled_out(options: type = Options, without: Iterable[str] = (),
                **defaults: Any) -> Callable[[_Function], _Function]:
    """Gives a function's **options the names, defaults and types of a TypedDict, for help() and
    completion. `defaults`: of those that Options has not, or others."""
    hints, known = get_type_hints(options), {**DEFAULTS, **defaults}

    def spell(function: _Function) -> _Function:
        given = inspect.signature(function)
        own = [p for p in given.parameters.values() if p.kind is not p.VAR_KEYWORD]
        more = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=known[name],
                                  annotation=hint)
                for name, hint in hints.items()
                if name not in without and name not in given.parameters]
        function.__signature__ = given.replace(parameters=own + more)  # type: ignore[attr-defined]
        return function

    return spell
