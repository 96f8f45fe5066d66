# SPDX-License-Identifier: MIT
"""What the package says of itself to help(), completion and whoever prints its objects.

scripts/test has mypy read typed_uses.py.
"""
import importlib
import inspect
import re

import pytest

import fmnist
from fmnist._options import OF_MODULES, Options
from fmnist._spec import Spec

FIELDS = set(Spec.__annotations__)
OPTIONS = set(Options.__annotations__)


def public(name):
    """fmnist.torch.Loader, by its name; skipped where its framework is not installed."""
    module, _, attribute = name.rpartition(".")
    if module != "fmnist":
        pytest.importorskip(module.replace("fmnist.", ""))
    return getattr(importlib.import_module(module), attribute)


def shown(name):
    """The keywords that help() and completion show: none hides behind a **."""
    parameters = inspect.signature(public(name)).parameters
    assert not [p for p in parameters.values() if p.kind is p.VAR_KEYWORD]
    assert not [name for name, p in parameters.items() if p.annotation is p.empty]
    return set(parameters)


# ---- keywords


@pytest.mark.parametrize("name", ["fmnist.open", "fmnist.Stream"])
def test_signature__of_a_stream__every_field(name):
    assert FIELDS | {"socket", "daemon", "data", "timeout", "list"} <= shown(name)


@pytest.mark.parametrize("name", [
    "fmnist.jax.Loader", "fmnist.jax.Iterator", "fmnist.tensorflow.Loader",
    "fmnist.keras.PyDataset"])
def test_signature__of_a_loader__every_option(name):
    assert OPTIONS | {"dataset", "split", "batch_size"} <= shown(name)


def test_signature__of_a_tf_data_set__every_option_but_zero_copy():
    assert OPTIONS - shown("fmnist.tensorflow.dataset") == {"zero_copy"}


def test_signature__of_the_torch_loader__every_option_and_dataloaders():
    data = pytest.importorskip("torch.utils.data")
    known = shown("fmnist.torch.Loader")
    assert OPTIONS - known == {"epochs"}  # a DataLoader has no end
    assert set(inspect.signature(data.DataLoader).parameters) <= known


def test_signature__of_data_by_index__how_images_are_and_where_from():
    wanted = {"resize", "height", "width", "dtype", "layout", "channels", "mean", "std",
              "label_dtype", "split", "dataset", "socket", "daemon", "data", "timeout"}
    assert wanted <= shown("fmnist.torch.MapDataset") & shown("fmnist.arrays")


@pytest.mark.parametrize("name", ["fmnist.jax.FashionMNIST", "fmnist.tensorflow.FashionMNIST"])
def test_signature__of_a_data_module__a_loaders_but_what_it_says_itself(name):
    known = shown(name)
    assert OPTIONS - set(OF_MODULES) <= known
    assert known & set(OF_MODULES) == {"resize"}


def test_signature__of_the_torch_data_module__only_what_it_takes(daemon):
    known = shown("fmnist.torch.FashionMNIST")
    assert known < shown("fmnist.torch.Loader")
    assert {"seed", "rank", "mean", "num_workers"} <= known and not known & {"shuffle", "height"}
    for name in sorted(shown("fmnist.torch.Loader") - known):
        with pytest.raises(TypeError, match=f"no argument {name}="):
            public("fmnist.torch.FashionMNIST")(**{name: None})


# ---- help()


@pytest.mark.parametrize("name", ["fmnist.open", "fmnist.Stream"])
def test_help__of_a_stream__every_field(name):
    text = inspect.getdoc(public(name))
    assert not [field for field in FIELDS if not re.search(rf"\b{field}\b", text)]


def test_help__of_the_torch_loader__each_keyword_of_its_own():
    data = pytest.importorskip("torch.utils.data")
    own = shown("fmnist.torch.Loader") - set(inspect.signature(data.DataLoader).parameters)
    text = inspect.getdoc(public("fmnist.torch.Loader"))
    assert {name for name in own if not re.search(rf"\b{name}\b", text)} <= {"transport"}


@pytest.mark.parametrize("module", [
    "fmnist", "fmnist.errors", "fmnist.daemon", "fmnist.torch", "fmnist.jax", "fmnist.tensorflow",
    "fmnist.keras"])
def test_help__of_everything_public__there_is_some(module):
    if module not in ("fmnist", "fmnist.errors", "fmnist.daemon"):
        pytest.importorskip(module.removeprefix("fmnist."))
    names, silent = vars(importlib.import_module(module)), []
    for name, value in names.items():
        own = name in names.get("__all__", ()) or getattr(value, "__module__", None) == module
        if name.startswith("_") or not own:
            continue
        members = {n: f for n, f in vars(value).items() if not n.startswith("_") and (
            inspect.isfunction(f) or isinstance(f, (property, staticmethod, classmethod)))
        } if inspect.isclass(value) else {}
        silent += [f"{name}.{n}" for n, f in {"": value, **members}.items() if not f.__doc__]
    assert silent == []


# ---- repr()


def useful(thing):
    """Its repr, which says what it is and not where."""
    text = repr(thing)
    assert not re.search(r"\bat 0x[0-9a-f]+", text), text
    return text


def test_repr__of_streams_and_what_is_served__what_they_are(daemon):
    with fmnist.open(split="test", seed=3, order="torch") as stream:
        assert useful(stream) == (
            "<fmnist.Stream fashion-mnist/test, seed=3, order='torch': epoch 0, step 0>")
        assert "sample_count=10000" in useful(stream.info)
    assert "name='fashion-mnist'" in useful(fmnist.datasets()[0])
    assert useful(fmnist.errors.NotFound("no such set")) == "NotFound('no such set')"


def test_repr__of_a_loader_that_was_not_asked_for_anything__asks_no_daemon(monkeypatch, tmp_path):
    monkeypatch.setenv("FMNIST_SOCKET", str(tmp_path / "none"))
    assert useful(public("fmnist.torch.Loader")(split="test", classes=[3])) == (
        "<fmnist.torch.Loader fashion-mnist/test | classes(3): batch_size=64, SequentialSampler>")
    assert useful(public("fmnist.torch.Loader")(indices=[1, 2])) == (
        "<fmnist.torch.Loader fashion-mnist/train: 2 samples, batch_size=64, SequentialSampler>")
    assert useful(public("fmnist.jax.Loader")(fold=1, folds=3)) == (
        "<fmnist.jax.Loader fashion-mnist/train | training(1/3): batch_size=64; epoch 0 is next>")


def test_repr__of_the_torch_adapters_objects__what_they_are(daemon):
    pytest.importorskip("torch")
    from fmnist import torch

    loader = torch.Loader(split="test", zero_copy=True, shuffle=True, seed=3)
    assert useful(loader) == ("<fmnist.torch.Loader fashion-mnist/test: 10000 samples, "
                              "batch_size=64, SeededSampler>")
    assert "order='torch', seed=3" in useful(loader.sampler)
    assert useful(loader.dataset) == (
        "<fmnist.torch.MapDataset fashion-mnist/test: resize='pillow-bilinear', dtype='float32', "
        "layout='NCHW'>")
    assert useful(torch.Upload(loader, cuda=object())) == (
        "<fmnist.torch.Upload of <fmnist.torch.Loader fashion-mnist/test: 10000 samples, "
        "batch_size=64, SeededSampler>, 2 ahead>")
    assert useful(torch.FashionMNIST(seed=3)) == (
        "<fmnist.torch.FashionMNIST batch_size=64, resize=(28, 28), seed=3>")


@pytest.mark.parametrize("name", [
    "fmnist.jax.Loader", "fmnist.jax.Iterator", "fmnist.tensorflow.Loader",
    "fmnist.keras.PyDataset", "fmnist.jax.FashionMNIST", "fmnist.tensorflow.FashionMNIST"])
def test_repr__of_other_adapters_objects__what_they_are(daemon, name):
    assert useful(public(name)(batch_size=32)).startswith(f"<{name} ")


def test_repr__of_jax_batches_ahead__of_what(daemon):
    pytest.importorskip("jax")
    from fmnist.jax import device_iterator, iterator

    assert useful(device_iterator(iterator())) == (
        "<fmnist.jax.DeviceIterator of <fmnist.jax.Iterator fashion-mnist/train: batch_size=64; "
        "epoch 0 is next>, 2 ahead>")
