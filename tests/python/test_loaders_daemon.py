# SPDX-License-Identifier: MIT
"""Loaders and their daemon: how many connections they cost, and a daemon that ends meanwhile."""
import threading

import numpy
import pytest

pytest.importorskip("jax")

import fmnist
from conftest import streams
from fmnist import errors
from fmnist.jax import Loader, device_iterator, iterator
from test_core import restartable  # noqa: F401  (a fixture)


# ---- connections --------------------------------------------------------------------------------


def use(loader, how):
    if how == "break":
        for _ in loader:
            break
    elif how == "exception":
        with pytest.raises(KeyError):
            for _ in loader:
                raise KeyError
    elif how == "two":
        [next(iter(loader)), next(iter(loader))]
    elif how == "next":
        next(iter(loader))


@pytest.mark.parametrize("kind", [
    Loader, iterator, lambda **spec: device_iterator(iterator(**spec)),
    lambda **spec: Loader(**{**spec, "shuffle": False}, sampler=range(200))],
    ids=["Loader", "iterator", "device_iterator", "sampler"])
def test_loaders__a_thousand_made_partly_read_and_dropped__no_connection(
        private_daemon, monkeypatch, kind):
    monkeypatch.setenv("FMNIST_SOCKET", str(private_daemon))
    for i in range(250):
        for how in ("break", "exception", "two", "next"):
            use(kind(split="test", batch_size=64, shuffle=True), how)
    assert not streams()


def test_trainer__two_loaders_in_turn__one_connection(private_daemon, monkeypatch):
    monkeypatch.setenv("FMNIST_SOCKET", str(private_daemon))
    train, val = Loader(split="test", shuffle=True), Loader(split="test")
    len(train), len(val)
    for _ in range(2):
        for loader in (train, val):
            for i, _ in enumerate(loader):
                if i % 50 == 0:
                    assert sum("stream" in c for c in fmnist.status()["clients"]) == 1
    del train, val, loader
    assert not streams()


# ---- the daemon ends ----------------------------------------------------------------------------


class Drawn:
    """A sampler of 700 numbers, anew in each epoch."""

    def __init__(self):
        self.random = numpy.random.default_rng(1)

    def __len__(self):
        return 700

    def __iter__(self):
        return iter(self.random.integers(0, 10000, 700).tolist())


@pytest.mark.parametrize("zero_copy", [False, True])
@pytest.mark.parametrize("at", [1, 5, 10, 11, 12], ids="begin middle last end next".split())
@pytest.mark.parametrize("options", [
    lambda: dict(indices=range(700), shuffle=True), lambda: dict(sampler=Drawn())],
    ids=["shuffle", "sampler"])
def test_iterator__daemon_started_again__the_very_next_batch(
        restartable, options, at, zero_copy):  # noqa: F811
    spec = dict(split="test", socket=restartable.socket)
    whole = Loader(**spec, **options())
    want = [y.tolist() for _ in range(2) for _, y in whole]
    batches, got = iterator(**spec, **options(), zero_copy=zero_copy), []
    for step in range(len(want)):
        if step == at:
            restartable.kill()
            starting = threading.Timer(0.2, restartable.start)
            starting.start()
        got.append(next(batches)["label"].tolist())
    starting.join()
    assert got == want


@pytest.mark.parametrize("options", [
    lambda: dict(indices=range(5000), shuffle=True), lambda: dict(sampler=range(5000))],
    ids=["shuffle", "sampler"])
def test_loader__daemon_gone__its_state_and_then_the_rest(restartable, options):  # noqa: F811
    spec = dict(split="test", socket=restartable.socket, reconnect=0)
    want = [y.tolist() for _, y in Loader(**spec, **options())]
    loader, got = Loader(**spec, **options()), []
    with pytest.raises(errors.DaemonDied):
        for _, y in loader:
            got.append(y.tolist())
            if len(got) == 3:
                restartable.kill()
    state = loader.state_dict()
    with pytest.raises(errors.NoDaemon):
        list(loader)
    assert loader.state_dict().keys() == state.keys()
    restartable.start()
    other = Loader(**spec, **options())
    other.load_state_dict(state)
    for same in (loader, other):
        assert got + [y.tolist() for _, y in same] == want
