"""A Loader's transform=, augment=, draws= and views=. That whole epochs are DataLoader's, by
whatever order, workers and event, is the harness'; here is what has no stock loader beside it."""

import copy
import hashlib
import json
import pathlib
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision_here", exc_type=ImportError)

from torch.utils.data import (DataLoader, RandomSampler, Subset,  # noqa: E402
                              WeightedRandomSampler, random_split)
from torchvision_here import transforms as T, v2  # noqa: E402

import fmnist  # noqa: E402
from fmnist import _torch_check, errors  # noqa: E402
from fmnist.torch import FashionMNIST, Loader, MapDataset, Upload  # noqa: E402

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden" / "augment_loader.json"


def crop_flip(normalize=True):
    return T.Compose([T.RandomCrop(28, padding=4), T.RandomHorizontalFlip(), T.ToTensor(),
                      *([T.Normalize((0.2860,), (0.3530,))] if normalize else [])])


def ours(**options):
    return Loader(**{"split": "test", "indices": range(300), "with_indices": True, **options})


def bytes_of(batches):
    return [tuple(t.numpy().tobytes() for t in batch) for batch in batches]


def by_number(batches):
    """The bytes of each sample, by its number."""
    return {int(n): image.numpy().tobytes() for images, _, numbers in batches
            for image, n in zip(images, numbers)}


# ---- the records of the real libraries

def _transform(record):
    api = {"v1": T, "v2": v2}[record["api"]]
    makers = {
        "random-crop": lambda **t: api.RandomCrop(**t),
        "random-horizontal-flip": lambda **t: api.RandomHorizontalFlip(**t),
        "random-rotation": lambda interpolation, **t: api.RandomRotation(
            interpolation=T.InterpolationMode(interpolation), **t),
        "random-erasing": lambda **t: api.RandomErasing(**t),
        "to-tensor": lambda: T.ToTensor(), "to-image": lambda: v2.ToImage(),
        "to-dtype": lambda **t: v2.ToDtype(torch.float32, scale=True),
        "normalize": lambda **t: api.Normalize(**t),
    }
    return T.Compose([makers[t["op"]](**{k: v for k, v in t.items() if k != "op"})
                      for t in record["transforms"]])


def _seen(record):
    """A digest of all that the record's passes give: numbers, images, labels, generator."""
    torch.manual_seed(int(record["seed"]))
    seed = record["generator_seed"]
    generator = None if seed is None else torch.Generator().manual_seed(int(seed))
    images = record["images"]
    loader = Loader(
        batch_size=record["batch_size"], shuffle=record["shuffle"], drop_last=record["drop_last"],
        generator=generator, num_workers=record["num_workers"], with_indices=True,
        persistent_workers=record["persistent_workers"], prefetch_factor=record["prefetch_factor"],
        indices=[images["first"] + images["step"] * i for i in range(images["count"])],
        transform=_transform(record))
    seen = hashlib.sha256()
    for stop_after in record["passes"]:
        for n, (x, y, numbers) in enumerate(loader):
            if record["loop_draw"]:
                torch.rand(1)
            positions = (numbers - images["first"]).div(images["step"], rounding_mode="floor")
            for tensor in (positions, x, y, torch.get_rng_state()):
                seen.update(hashlib.sha256(tensor.numpy().tobytes()).digest())
            if n + 1 == stop_after:
                break
        seen.update(hashlib.sha256(torch.get_rng_state().numpy().tobytes()).digest())
    return seen.hexdigest()


@pytest.mark.parametrize("record", json.loads(GOLDEN.read_text()) if GOLDEN.exists() else [],
                         ids=lambda record: record["name"])
def test_loader__records_of_the_real_libraries__the_same_bytes(daemon, record):
    assert _seen(record) == record["sha256"]
