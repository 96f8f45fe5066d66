# SPDX-License-Identifier: MIT
"""Parts of a split as the text that every split= takes."""
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

FOLDS_MAX = 10000


def part(split: str = "train", *, fraction: float | str | None = None, count: int | None = None,
         fold: int | None = None, folds: int | None = None, held_out: bool = False,
         seed: int | None = None, stratified: bool = False, classes: Iterable[int] | None = None,
         renumber: bool = False,
         label_map: Mapping[int, int] | Sequence[int] | None = None) -> str:
    """The text of a part of a split, for split= of every loader here:

        part("train", fold=3, folds=10)                  what the fourth of ten folds trains on
        part("train", fold=3, folds=10, held_out=True)   what it holds out
        part("train", fraction=0.1, seed=1)              train_test_split's first array
        part("train[:50000]", classes=[3, 7], renumber=True)

    split       a name, or a slice of one, or what another part() gave
    fraction    of the images, or count= of them, are held out as scikit-learn's train_test_split(
                test_size=, random_state=seed) does
    fold, folds    the fold-th, from 0 on, of KFold(folds)'s splits; with seed=: shuffle=True,
                random_state=seed
    held_out    the part that is held out; else the part that is left for training
    stratified  with as much of each class: stratify=labels, StratifiedKFold
    classes     images with these labels only; renumber: they are 0, 1, ... then, in this order
    label_map   what labels become: a mapping, or a number for each label from 0 on

    Errors: TypeError, ValueError for keywords that do not go together; what the split cannot be cut
    into, the daemon tells (docs/selection.md).
    """
    if not isinstance(split, str):
        raise TypeError(f"split={split!r}: want a name")
    ways = [name for name, value in (("fraction", fraction), ("count", count), ("fold", fold))
            if value is not None]
    if len(ways) > 1:
        raise ValueError(f"{' and '.join(ways)} exclude each other")
    if (fold is None) != (folds is None):
        raise ValueError("fold= and folds= go together: the fold-th, from 0 on, of so many")
    if not ways and (held_out or stratified or seed is not None):
        raise ValueError("held_out=, stratified= and seed= go with fraction=, count= or folds=")
    if renumber and classes is None:
        raise ValueError("renumber= goes with classes=")
    steps = []
    if ways:
        steps.append(_parting(_amount(fraction, count, fold, folds), held_out, seed, stratified))
    if classes is not None:
        numbers = ", ".join(str(_whole("classes", label)) for label in classes)
        steps.append(f"classes({numbers}{', renumber' if renumber else ''})")
    if label_map is not None:
        steps.append(f"labels({_labels(label_map)})")
    if not steps:
        return split
    return f"{split}{' ' if '|' in split else ' | '}{' '.join(steps)}"


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}: {value!r} is no whole number")
    return operator.index(value)


def _amount(fraction: float | str | None, count: int | None, fold: int | None,
            folds: int | None) -> str:
    if fold is not None and folds is not None:
        if not 2 <= _whole("folds", folds) <= FOLDS_MAX or not 0 <= _whole("fold", fold) < folds:
            raise ValueError(f"fold={fold}, folds={folds}: want 2 folds or more, counted from 0")
        return f"{_whole('fold', fold)}/{_whole('folds', folds)}"
    if count is not None:
        if _whole("count", count) < 1:
            raise ValueError(f"count={count}: want 1 or more")
        return str(_whole("count", count))
    text = fraction if isinstance(fraction, str) else format(float(fraction or 0), ".15f")
    text = text.rstrip("0")
    number = float(text)
    if not 0 < number < 1 or not isinstance(fraction, str) and number != fraction:
        raise ValueError(f"fraction={fraction!r}: want more than 0 and less than 1, of at most 15 "
                         "digits behind the point")
    return text


def _parting(amount: str, held_out: bool, seed: int | None, stratified: bool) -> str:
    if seed is None and "/" not in amount:
        raise ValueError("seed= is missing: what is drawn must be the same each time")
    said = "" if seed is None else f", seed={_whole('seed', seed)}"
    return (f"{'held-out' if held_out else 'training'}({amount}{said}"
            f"{', stratified' if stratified else ''})")


def _labels(label_map: Mapping[int, int] | Sequence[int]) -> str:
    if isinstance(label_map, Mapping):
        return ", ".join(f"{_whole('label_map', old)}:{_whole('label_map', new)}"
                         for old, new in label_map.items())
    return ", ".join(str(_whole("label_map", new)) for new in label_map)
