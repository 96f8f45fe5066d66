# SPDX-License-Identifier: MIT
"""What import_dataset's tests share: a set of images and labels as the objects of each library, a home
of its own, and what is served then."""
import collections
import os
import pathlib

import numpy
import pytest

import fmnist

COUNTS = {"train": 37, "test": 11}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home without data, and private daemons of one test."""
    for name in ("FMNIST_AUTO", "FMNIST_DATA", "FMNISTD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FMNIST_SOCKET", str(tmp_path / "none.sock"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    yield tmp_path
    fmnist.daemon._stop_all()


def drawn(count=37, height=9, width=12, channels=1, classes=10):
    """Every level among them, and every label."""
    generator = numpy.random.default_rng([count, height, width, channels])
    pixels = generator.integers(0, 256, (count, height, width, channels), numpy.uint8)
    pixels.flat[:256] = numpy.arange(256)
    return pixels, numpy.arange(count) * 7 % classes


def folder_of(name):
    return pathlib.Path(os.environ["XDG_DATA_HOME"], "fmnistd/datasets", name)


def nothing_is_left():
    home = pathlib.Path(os.environ["XDG_DATA_HOME"])
    return not [path for path in home.rglob("*") if path.name != "datasets" and path.name != "fmnistd"]


def served(name, split, **more):
    return fmnist.arrays(split, name, daemon="auto", layout="NHWC", resize="none", **more)


def check(name, splits):
    """That what is served is these (pixels, labels), in the framework's own types, too."""
    for split, (pixels, labels) in splits.items():
        images, numbers = served(name, split)
        assert numpy.array_equal(images, pixels) and images.dtype == numpy.uint8
        assert numpy.array_equal(numbers, labels)
        floats, _ = served(name, split, dtype="float32")
        assert numpy.array_equal(floats, pixels.astype("f4") / numpy.float32(255))


def as_typed(pixels, form):
    if form == "float32":
        return pixels.astype("f4") / numpy.float32(255)
    if form == "float16":
        return (pixels.astype("f4") / numpy.float32(255)).astype("f2")
    if form == "float64":
        return pixels / 255
    if form == "float32 as float64":
        return (pixels.astype("f4") / numpy.float32(255)).astype("f8")
    return pixels.astype(form)


# ---- objects: each gives the set of drawn(), and what it says of itself


NAMES = [f"class {i}" for i in range(10)]


def pictures(pixels):
    from PIL import Image

    return [Image.fromarray(p[..., 0] if p.shape[-1] == 1 else p) for p in pixels]


def torch_set(items, labels, **more):
    from torch.utils.data import Dataset

    class Mine(Dataset):
        def __len__(self):
            return len(labels)

        def __getitem__(self, i):
            return items[i], int(labels[i])

    mine = Mine()
    mine.__dict__.update(more)
    return mine


def map_pictures(pixels, labels):
    return torch_set(pictures(pixels), labels, classes=NAMES)


def map_tensors(pixels, labels):
    import torch

    return torch_set(torch.from_numpy(numpy.moveaxis(pixels, -1, 1).copy()), labels,
                     class_to_idx=dict(zip(reversed(NAMES), reversed(range(10)))))


def map_floats(pixels, labels):
    transforms = pytest.importorskip("torchvision_here").transforms
    return torch_set([transforms.ToTensor()(p) for p in pixels], labels, classes=tuple(NAMES))


def map_dicts(pixels, labels):
    items = [{"img": p, "number": 1, "label": n} for p, n in zip(pixels, labels)]
    return collections.UserList(items)


def tensor_set(pixels, labels):
    import torch
    from torch.utils.data import TensorDataset

    return TensorDataset(torch.from_numpy(numpy.moveaxis(pixels, -1, 1).copy()),
                         torch.from_numpy(labels))


def subset(pixels, labels):
    from torch.utils.data import Subset

    turned = list(range(len(labels)))[::-1]
    return Subset(map_pictures(pixels[::-1], labels[::-1]), turned)


def concatenated(pixels, labels):
    from torch.utils.data import ConcatDataset

    return ConcatDataset([map_pictures(pixels[:5], labels[:5]), subset(pixels[5:], labels[5:])])


def data_loader(pixels, labels):
    from torch.utils.data import DataLoader

    return DataLoader(tensor_set(pixels, labels), batch_size=10)


def iterable(pixels, labels):
    from torch.utils.data import IterableDataset

    class Mine(IterableDataset):
        def __iter__(self):
            return iter(zip(pictures(pixels), labels))

    return Mine()


def arrays_(pixels, labels):
    return (pixels if pixels.shape[-1] > 1 else pixels[..., 0]), labels


def columns(pixels, labels):
    return as_typed(pixels, "float32"), labels[:, None].astype("u1")


def lists(pixels, labels):
    return pixels.tolist(), labels.tolist()


def series(pixels, labels):
    pandas = pytest.importorskip("pandas")
    return pixels, pandas.Series(labels, index=labels * 0 + 5)


def bunch(pixels, labels):
    sklearn = pytest.importorskip("sklearn.utils")
    return sklearn.Bunch(images=pixels if pixels.shape[-1] > 1 else pixels[..., 0],
                         data=pixels.reshape(len(pixels), -1), target=labels,
                         target_names=numpy.array(NAMES))


def tf_data(pixels, labels):
    tensorflow = pytest.importorskip("tensorflow")
    return tensorflow.data.Dataset.from_tensor_slices((pixels, labels))


def tf_batches(pixels, labels):
    return tf_data(pixels, labels).batch(10)


def tf_squeezed_batches(pixels, labels):
    if pixels.shape[-1] > 1:
        return tf_batches(pixels, labels)
    return tf_data(pixels[..., 0], labels).batch(10)


def tf_dicts(pixels, labels):
    tensorflow = pytest.importorskip("tensorflow")
    return tensorflow.data.Dataset.from_tensor_slices(
        {"image": pixels, "label": labels, "id": labels}).map(
            lambda item: {**item, "image": tensorflow.cast(item["image"], "float32") / 255})


def hugging_face(pixels, labels):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"id": datasets.Value("int32"), "picture": datasets.Image(),
                                  "kind": datasets.ClassLabel(names=NAMES)})
    return datasets.Dataset.from_dict({"id": list(labels), "picture": pictures(pixels),
                                       "kind": list(labels)}, features)


def hugging_face_torch(pixels, labels):
    return hugging_face(pixels, labels).with_format("torch")


def hugging_face_numpy(pixels, labels):
    return hugging_face(pixels, labels).with_format("numpy")


def hugging_face_stream(pixels, labels):
    return hugging_face(pixels, labels).to_iterable_dataset(num_shards=3)


NAMED = [map_pictures, map_tensors, map_floats, subset, concatenated, bunch, hugging_face,
         hugging_face_torch, hugging_face_numpy, hugging_face_stream]
OBJECTS = NAMED + [map_dicts, tensor_set, data_loader, iterable, arrays_, columns, lists, series,
                   tf_data, tf_batches, tf_squeezed_batches, tf_dicts]


def needs(make):
    """Skips where the framework is not there."""
    name = make.__name__
    if name.startswith(("map", "tensor", "subset", "concat", "data_loader", "iterable")):
        pytest.importorskip("torch")
