# SPDX-License-Identifier: MIT
"""Uses of the whole public package, which `mypy --strict` has to accept. It is read, never run.

assert_type says what a program is told; an `ignore` is what has to be refused: mypy --strict finds
one that is not needed.
"""
import pathlib
from typing import Any, assert_type

import jax
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, RandomSampler, random_split

import fmnist
import fmnist.jax
import fmnist.keras
import fmnist.mxnet
import fmnist.tensorflow
import fmnist.torch

Array = npt.NDArray[Any]


def streams() -> None:
    with fmnist.open(batch_size=64, resize="pillow-bilinear", height=32, width=32, mean=0.5,
                     std=[0.5], order="torch", seed=1, rank=0, world_size=2, pad="wrap",
                     epochs=3, daemon="auto") as stream:
        assert_type(stream, fmnist.Stream)
        assert_type(len(stream), int)
        assert_type(stream.info, fmnist.Info)
        assert_type(stream.info.image_shape, tuple[int, ...])
        for images, labels in stream:
            print(images.shape, labels.shape)
        state = stream.state_dict()
        stream.load_state_dict(state)
        stream.seek(stream.epoch + 1, 0)
        assert_type(stream.token(), bytes)
    fmnist.Stream("mnist", "test", socket=pathlib.Path("socket"), list=range(10), order="list",
                  zero_copy=True, indices=True, timeout=3, reconnect=0)
    fmnist.open(fold=3, folds=10, held_out=True, stratified=True, fold_seed=1)
    fmnist.open(split=fmnist.part("train", classes=range(3)), label_map={3: 0, 7: 1})
    fmnist.open(folds="10")  # type: ignore[arg-type]
    fmnist.open(batch_sizes=64)  # type: ignore[call-arg]
    fmnist.open(height="32")  # type: ignore[arg-type]


def arrays() -> None:
    assert_type(fmnist.arrays("test", height=32, width=32, dtype="float32"), tuple[Array, Array])
    fmnist.arrays(indices=np.arange(100), data={"fashion-mnist": "folder"}, daemon="auto")
    (x_train, y_train), (x_test, y_test) = fmnist.load_data("mnist")
    assert_type(x_train, Array)
    assert_type(fmnist.load_data("mine", ["train", "a", "b"]), tuple[tuple[Array, Array], ...])
    assert_type(fmnist.load_data(fold=3, folds=10, classes=np.array([3, 7]), renumber=True),
                tuple[tuple[Array, Array], tuple[Array, Array]])
    fmnist.arrays("test", classes=[3, 7], renumber=True, label_map=[0, 1])
    fmnist.arrays(classes=3)  # type: ignore[arg-type]
    fmnist.arrays(resize=32)  # type: ignore[arg-type]


def what_is_served() -> None:
    for served in fmnist.datasets():
        assert_type(served, fmnist.Dataset)
        assert_type(served.count, int)
        assert_type(served.class_names, tuple[str, ...])
    assert_type(fmnist.status(timeout=1.0), dict[str, Any])
    with fmnist.Daemon({"mnist": "folder"}, cache="cache") as daemon:
        assert_type(daemon, fmnist.Daemon)
        assert_type(daemon.socket, str)


def imports(data: torch.utils.data.Dataset[Any]) -> None:
    got = fmnist.import_dataset({"train": data, "test": (np.zeros(1), [1])}, "mine", classes=["a"],
                                path=pathlib.Path("folder"), exist_ok=True, scale=1,
                                progress=lambda split, done, total: print(split, done, total))
    assert_type(got, fmnist.Imported)
    assert_type(got.splits, dict[str, int])
    assert_type(got.classes, tuple[str, ...])
    fmnist.arrays("train", got.name, daemon="auto", data=got)
    pathlib.Path(got)
    fmnist.import_dataset(data, "mine", layout=3)  # type: ignore[arg-type]


def errors() -> None:
    try:
        fmnist.status()
    except fmnist.errors.NoDaemon as error:
        assert_type(error.code, int)
    except (fmnist.errors.InvalidSpec, fmnist.errors.Timeout, fmnist.errors.DaemonDied,
            fmnist.errors.TokenError, fmnist.errors.NotFound, fmnist.errors.EverySlotHeld,
            fmnist.errors.BadData, fmnist.errors.AlreadyThere):
        pass
    except fmnist.Error as error:
        print(error)
    except (ConnectionError, ValueError, LookupError):
        pass


def torch_loaders(model: torch.nn.Module) -> None:
    loader = fmnist.torch.Loader(batch_size=64, shuffle=True, height=32, width=32, seed=0)
    for X, y in loader:
        model(X).softmax(-1).gather(1, y)
    assert_type(len(loader), int)
    assert_type(loader.info, fmnist.Info)
    state = loader.state_dict()
    assert_type(state, dict[str, Any])
    loader.load_state_dict(state)
    loader.set_epoch(1)
    loader.close()
    loader.dataset.transform = None
    for X, y in fmnist.torch.Loader(transform=lambda image: image, draws="counter", seed=1,
                                    views=2):
        print(X.shape, y.shape)
    fmnist.torch.Loader(augment="random-crop(28, padding=4)", draws="torch", num_workers=2)
    fmnist.open(list=[1, 2], order="list", augment="pad(1)", draws="counter", views=3)

    data = fmnist.torch.MapDataset("train", resize=32, label_dtype="int32")
    assert_type(data.data, torch.Tensor)
    assert_type(data.classes, list[str])
    assert_type(data.fetch([1, 2]), tuple[torch.Tensor, torch.Tensor])
    picture, label = data[0]
    train, validation = random_split(data, [50000, 10000])
    fmnist.torch.Loader(train, shuffle=True, generator=torch.Generator(), num_workers=2,
                        prefetch_factor=4, persistent_workers=True, pin_memory=True)
    fmnist.torch.Loader(data, sampler=RandomSampler(data), drop_last=True)
    fmnist.torch.Loader(indices=[1, 2, 3], resize=(32, 32), mean=[0.5], std=0.5, rank=0,
                        world_size=2, collate_fn=lambda samples: samples,
                        target_transform=lambda label: label % 2)
    fmnist.torch.Loader(batch_sampler=[[1, 2], [3]], socket=pathlib.Path("socket"), timeout=5)
    DataLoader(data, batch_size=64)
    DataLoader(loader, batch_size=None)
    fmnist.torch.Loader(fold=3, folds=10, classes=(3, 7), renumber=True, shuffle=True)
    fmnist.torch.MapDataset(fold=3, folds=10, held_out=True)
    fmnist.torch.Loader(fold=0.5, folds=10)  # type: ignore[arg-type]
    fmnist.torch.Loader(batchsize=64)  # type: ignore[call-arg]
    fmnist.torch.Loader(height="32")  # type: ignore[arg-type]
    fmnist.torch.MapDataset(heigth=32)  # type: ignore[call-arg]

    upload = fmnist.torch.Upload(fmnist.torch.Loader(zero_copy=True), "cuda:0", ahead=3)
    for batch in upload:
        assert_type(batch, list[torch.Tensor])
    upload.load_state_dict(upload.state_dict())
    assert_type(fmnist.torch.pillow_rule("bicubic"), str)

    module = fmnist.torch.FashionMNIST(batch_size=64, resize=(32, 32), seed=1, daemon="auto")
    for X, y in module.train_dataloader():
        module.visualize([X, y])
    assert_type(module.text_labels([0, 1]), list[str])
    assert_type(module.train, fmnist.torch.MapDataset)


def jax_loaders() -> None:
    for images, labels in fmnist.jax.Loader(batch_size=64, shuffle=True, seed=3, drop_last=True):
        assert_type(images, Array)
    batches = fmnist.jax.iterator(batch_size=64, epochs=3, indices=range(100), mean=0.5)
    for batch in batches:
        assert_type(batch, dict[str, Array])
    assert_type(batches.get_state(), bytes)
    batches.set_state(batches.get_state())
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    for batch in fmnist.jax.device_iterator(batches, sharding, size=2):
        print(batch["image"] + 1, batch["label"])
    module = fmnist.jax.FashionMNIST(resize=(32, 32), seed=1)
    assert_type(module.train, tuple[Array, Array])
    fmnist.jax.Loader(fold=3, folds=10, stratified=True, fold_seed=0)
    fmnist.jax.Loader(batchsize=64)  # type: ignore[call-arg]


def tensorflow_loaders() -> None:
    loader = fmnist.tensorflow.Loader("fashion-mnist", "test", 64, height=32, width=32, epochs=2)
    for images, labels in loader:
        print(images, labels)
    loader.load_state_dict(loader.state_dict())
    for images, labels in fmnist.tensorflow.dataset(batch_size=64, shuffle=True).prefetch(2):
        print(images, labels)
    fmnist.tensorflow.FashionMNIST(64, (32, 32)).get_dataloader(train=True)
    fmnist.tensorflow.dataset(classes=[3, 7], label_map={3: 1, 7: 0})
    fmnist.tensorflow.dataset(batchsize=64)  # type: ignore[call-arg]


def keras_data(model: Any) -> None:
    data = fmnist.keras.PyDataset(batch_size=64, height=32, width=32, shuffle=True, workers=2)
    model.fit(data, epochs=3, shuffle=False)
    images, labels = data[0]
    assert_type(images, Array)
    assert_type(len(data), int)
    data.load_state_dict(data.state_dict())
    fmnist.keras.PyDataset(fold=3, folds=10, held_out=True)
    fmnist.keras.PyDataset(batchsize=64)  # type: ignore[call-arg]


def mxnet_loaders() -> None:
    for X, y in fmnist.mxnet.Loader(batch_size=64, shuffle=True, last_batch="discard"):
        print(X.asnumpy(), y)
    module = fmnist.mxnet.FashionMNIST(batch_size=64, resize=(32, 32))
    image, label = module.train[0]
    assert_type(len(module.val), int)
    fmnist.mxnet.Loader(fold=3, folds=10, classes=[3, 7])
    fmnist.mxnet.Loader(last_batches="keep")  # type: ignore[call-arg]
