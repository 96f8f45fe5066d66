# SPDX-License-Identifier: MIT
"""What the keywords of fmnist.torch.Loader mean together, and what is refused."""
import copy
import functools
import operator
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Subset

from fmnist._loader import numbers
from fmnist._part import part_of
from fmnist._torch_augment import Rule
from fmnist._torch_samples import MapDataset, subset_of


def seconds(timeout: float | None) -> float | None:
    """How long to wait for a batch, of DataLoader's timeout=; None: our own default."""
    if timeout is None or isinstance(timeout, bool) or not timeout >= 0:
        raise ValueError(f"timeout={timeout!r}: want seconds, 0 for the default of 30")
    return timeout or None


def exclude(**said: Any) -> None:
    """ValueError where more than one of these was said."""
    names = [f"{name}=" for name, value in said.items() if value is not None and value is not False]
    if len(names) > 1:
        raise ValueError(f"{' and '.join(names)} exclude each other")


@functools.lru_cache(maxsize=None)
def tell_once(text: str) -> None:
    """A UserWarning, once in a process."""
    warnings.warn(text, stacklevel=3)


def order_spec(sampler: Any, batch_sampler: Any, shuffle: bool | None, seed: int | None,
               order: str | None, rank: int | None, world_size: int | None, pad: str | None,
               epoch: int | None, drop_last: bool, counts: bool) -> dict[str, Any] | None:
    """The spec of an order that a seed and an epoch say; None where nothing of it was given.
    counts: random draws have a seed and an epoch, too.

    Errors: ValueError for what does not go together."""
    said = {"seed": seed, "order": order, "rank": rank, "world_size": world_size, "pad": pad,
            "epoch": epoch}
    given = [f"{name}=" for name, value in said.items() if value is not None]
    own = sampler is not None or batch_sampler is not None
    if counts and own:
        given = [name for name in given if name not in ("seed=", "epoch=")]  # of the draws
    elif counts:
        given.append('draws="counter"')
    if not given:
        return None
    if own:
        which = "sampler=" if batch_sampler is None else "batch_sampler="
        raise ValueError(f"{' and '.join(given)} beside {which}: a sampler is asked as it is")
    if rank is not None and world_size is None:
        raise ValueError(f"rank={rank} without world_size=")
    if pad not in (None, "auto", "wrap", "drop", "none"):
        raise ValueError(f'pad={pad!r}: want "auto", "wrap", "drop" or "none"')
    for name in ("seed", "epoch", "rank", "world_size"):
        value = said[name]
        if value is not None and not (hasattr(value, "__index__") and operator.index(value) >= 0):
            raise ValueError(f"{name}={value!r}: want a whole number of 0 or more")
    world = 1 if world_size is None else world_size
    if world == 1 and order is None and not shuffle and not counts:
        return None  # nothing that a seed or an epoch changes
    if shuffle and seed is None and world == 1:
        raise ValueError(f"{' and '.join(given)}: for orders of a seed: give seed=, too")
    return dict(order=order or ("torch" if shuffle else "sequential"), seed=seed or 0,
                rank=rank or 0, world_size=world, pad=pad or "auto", drop_last=bool(drop_last),
                epoch=epoch or 0)


def draws_rule(draws: str | None) -> str:
    """What draws= says. Errors: ValueError."""
    if draws not in (None, "torch", "counter"):
        raise ValueError(f'draws={draws!r}: want "torch" (PyTorch\'s generators, at DataLoader\'s '
                         'moments) or "counter" (of seed=, the epoch and the sample\'s number)')
    return draws or "torch"


def view_count(views: int | None) -> int:
    """What views= says. Errors: ValueError."""
    count = 1 if views is None else views
    if isinstance(count, bool) or not hasattr(count, "__index__") or not 1 <= count <= 16:
        raise ValueError(f"views={views!r}: want 1 to 16, of each image")
    return operator.index(count)


def with_rule(data: Any, transform: Any, rule: Rule) -> Any:
    """A MapDataset, or Subsets of one, with that transform and rule of augmentation: a copy, where
    they are others than its own.

    Errors: ValueError where it has others already."""
    if isinstance(data, Subset):
        within = with_rule(data.dataset, transform, rule)
        if within is data.dataset:
            return data
        subset = copy.copy(data)
        subset.dataset = within
        return subset
    if transform is None and rule == Rule():
        return data
    if transform is not None and data.transform not in (None, transform):
        raise ValueError("transform=: the MapDataset says that already")
    if rule.text is not None and data.transform is not None:
        raise ValueError("augment= beside the MapDataset's transform=: say one")
    copied: MapDataset = copy.copy(data)
    copied.transform = data.transform if transform is None else transform
    if transform is not None:
        copied.check_transform()
    copied.rule = rule if rule != Rule() else data.rule
    return copied


def numbers_of(indices: Any, samples: MapDataset) -> NDArray[np.uint32]:
    """The numbers that indices= says: numbers, a mask of len(samples) truths, or a Subset's.

    Errors: ValueError for none, and for a mask of another length."""
    found: NDArray[np.uint32] | None
    if isinstance(indices, Subset):
        found = subset_of(indices)[1]
    elif np.asarray(indices).dtype != bool:
        found = numbers(indices)
    elif np.shape(indices) == (len(samples),):
        found = np.flatnonzero(indices).astype(np.uint32)
    else:
        raise ValueError(f"indices: a mask of shape {np.shape(indices)}, want ({len(samples)},), "
                         "one truth for each sample of the split")
    if found is None or not len(found):
        raise ValueError("indices= names no sample: want 1 or more, or None for all of the split")
    return found


def source_of(dataset: Any, split: str | None, of_split: Any, samples_said: dict[str, Any],
              target_transform: Any) -> Any:
    """The data set that a Loader reads, a MapDataset or a Subset of one: the one that was given, or
    one of these keywords; of_split: a Part's.

    Errors: TypeError for another kind; ValueError for a keyword that a MapDataset says already."""
    if split is not None and not isinstance(split, str):
        raise TypeError(f'split={split!r}: want a name, as "train" or "test"; batch_size= comes behind it')
    if isinstance(dataset, str):
        return MapDataset(part_of(split or "train", of_split), None, target_transform, dataset=dataset, **{
            name: value for name, value in samples_said.items() if value is not None})
    samples, _ = subset_of(dataset)
    if not isinstance(samples, MapDataset):
        raise TypeError(f"dataset={type(samples).__name__}: want the name of a data set that the "
                        'daemon serves ("fashion-mnist"), an fmnist.torch.MapDataset, or a Subset '
                        "of one; which samples of it is said by indices=")
    of_split = {name: value for name, value in of_split.items() if value is not False}
    said = {"split": split, **of_split, "target_transform": target_transform, **samples_said}
    # Lightning makes a Loader anew out of its attributes, of which these are two.
    own = {"label_dtype": samples.label_dtype, "with_indices": samples.with_indices}
    given = [f"{name}=" for name, value in said.items() if value is not None and not (
        name in ("height", "width", "channels") and value == 0 or
        name in own and value == own[name])]
    if given:
        raise ValueError(f"{', '.join(given)}: the MapDataset says that already")
    return dataset
