# SPDX-License-Identifier: MIT
"""Parts of a split as the text that every split= takes, and as keywords beside it."""
import operator
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, TypedDict

FOLDS_MAX = 10000


class Part(TypedDict, total=False):
    """What stands beside a split=, in every loader; part()'s, of the same names.

    fold, folds  the fold-th, from 0 on, of KFold(folds)'s splits of split=: what it trains on
    held_out     what it holds out, instead
    stratified   of StratifiedKFold(folds)'s
    fold_seed    shuffle=True, random_state=fold_seed; part()'s seed=. The order's own is seed=
    classes      of that, images with these labels only
    renumber     classes become 0, 1, ..., in their order
    label_map    what labels become: a mapping, or a number for each label from 0 on
    """

    fold: int | None
    folds: int | None
    held_out: bool | None
    stratified: bool | None
    fold_seed: int | None
    classes: Iterable[int] | None
    renumber: bool | None
    label_map: Mapping[int, int] | Sequence[int] | None


FIELDS = tuple(Part.__annotations__)
FOLD_FIELDS = FIELDS[:5]


def part_of(split: str, said: Any) -> str:
    """The text of a split= and of the keywords of a Part beside it, which are taken out of `said`.

    Errors: part()'s."""
    given = {name: said.pop(name) for name in FIELDS if name in said}
    given = {name: value for name, value in given.items() if value is not None}
    if "fold" not in given and "folds" not in given:
        loose = [f"{name}=" for name in ("held_out", "stratified", "fold_seed")
                 if name in given and (name == "fold_seed" or given[name])]
        if loose:
            raise ValueError(f"{' and '.join(loose)} without fold= and folds=" + (
                "; seed= is the order's" if "fold_seed=" in loose else ""))
    if "fold_seed" in given:
        given["seed"] = _seed("fold_seed", given.pop("fold_seed"))
    return part(split, **given)


def parts_of(splits: Iterable[str], said: Any) -> list[str]:
    """The same of several splits, of keywords that hold for each of them."""
    for name in ("classes", "label_map"):
        if isinstance(said.get(name), Iterator):
            said[name] = list(said[name])  # it gives them once
    given = {name: said.pop(name) for name in FIELDS if name in said}
    return [part_of(split, dict(given)) for split in splits]


def pair_of(said: Any) -> tuple[str, str]:
    """The texts of what to train on and what to validate with, of a Part's keywords that hold for
    both: "train" and "test", or what a fold of "train" trains on and holds out. They are taken out
    of `said`."""
    fold = {name: said.pop(name) for name in FOLD_FIELDS if name in said}
    if fold.get("fold") is None and fold.get("folds") is None:
        train, test = "train", part_of("test", fold)
    else:
        train, test = part_of("train", dict(fold)), part_of("train", {**fold, "held_out": True})
    train, test = parts_of((train, test), said)
    return train, test


def name_of(split: str) -> str:
    """The name of the split that a text is a part of."""
    return re.split(r"\s*[\[|]", split, maxsplit=1)[0]


def class_names_of(split: str, names: Sequence[str]) -> tuple[str, ...]:
    """Of a split's class names those of a part of it; none where its labels are others altogether.
    """
    kept = tuple(names)
    for step, words in re.findall(r"(classes|labels)\(([^)]*)\)", split.partition("|")[2]):
        if step == "labels":
            return ()
        labels = [int(label) for label in re.findall(r"-?\d+", words)]
        if "renumber" in words:
            if not all(0 <= label < len(kept) for label in labels):
                return ()
            kept = tuple(kept[label] for label in labels)
    return kept


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
    for name, value in (("held_out", held_out), ("stratified", stratified), ("renumber", renumber)):
        if value not in (False, True):
            raise TypeError(f"{name}={value!r}: want True or False")
    if renumber and classes is None:
        raise ValueError("renumber= goes with classes=")
    if renumber and isinstance(classes, Set):
        raise ValueError(f"classes={classes!r} beside renumber=: a set has no order; want a list")
    steps = []
    if ways:
        steps.append(_parting(_amount(fraction, count, fold, folds), held_out, seed, stratified))
    if classes is not None:
        numbers = ", ".join(str(_whole("classes", label)) for label in _listed("classes", classes))
        steps.append(f"classes({numbers}{', renumber' if renumber else ''})")
    if label_map is not None:
        steps.append(f"labels({_labels(label_map)})")
    if not steps:
        return split
    return f"{split}{' ' if '|' in split else ' | '}{' '.join(steps)}"


def _listed(name: str, values: Any) -> Collection[Any]:
    values = _plain(values)
    if not isinstance(values, Iterable) or isinstance(values, (str, bytes, Mapping)):
        raise TypeError(f"{name}={values!r}: want labels, as [3, 7]")
    listed = values if isinstance(values, Set) else list(values)
    if not listed:
        raise ValueError(f"{name}={values!r}: there are none")
    return listed


def _plain(value: Any) -> Any:
    """What an array, a tensor or a scalar of one holds, as Python has it."""
    return value.tolist() if hasattr(value, "tolist") else value


def _whole(name: str, value: Any) -> int:
    value = _plain(value)
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}: {value!r} is no whole number")
    return operator.index(value)


def _seed(name: str, value: Any) -> int:
    if not 0 <= _whole(name, value) < 2 ** 32:
        raise ValueError(f"{name}={value}: want 0 to {2 ** 32 - 1}, as scikit-learn's random_state")
    return _whole(name, value)


def _amount(fraction: float | str | None, count: int | None, fold: int | None,
            folds: int | None) -> str:
    if fold is not None and folds is not None:
        if not 2 <= _whole("folds", folds) <= FOLDS_MAX or not 0 <= _whole("fold", fold) < folds:
            raise ValueError(f"fold={fold}, folds={folds}: want 2 to {FOLDS_MAX} folds, counted "
                             "from 0")
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
    said = "" if seed is None else f", seed={_seed('seed', seed)}"
    return (f"{'held-out' if held_out else 'training'}({amount}{said}"
            f"{', stratified' if stratified else ''})")


def _labels(label_map: Mapping[int, int] | Sequence[int]) -> str:
    if isinstance(label_map, Mapping):
        if not label_map:
            raise ValueError(f"label_map={label_map!r}: there are none")
        return ", ".join(f"{_whole('label_map', old)}:{_whole('label_map', new)}"
                         for old, new in label_map.items())
    if isinstance(label_map, Set):
        raise TypeError(f"label_map={label_map!r}: a set has no order; want a list, or a mapping")
    return ", ".join(str(_whole("label_map", new)) for new in _listed("label_map", label_map))
