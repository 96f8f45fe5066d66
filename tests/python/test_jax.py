# SPDX-License-Identifier: MIT
"""fmnist.jax beside JAX and Grain: states, device arrays, shardings, and who owns the memory."""

import os

# Before JAX wakes up: four CPU devices, to spread a batch over.
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=4")

import numpy
import pytest

jax = pytest.importorskip("jax")

from fmnist import jax as adapter

SPEC = dict(batch_size=512, shuffle=True, seed=3)


def same(a, b):
    return len(a) == len(b) and all(
        x.keys() == z.keys() and all((numpy.asarray(x[k]) == numpy.asarray(z[k])).all() for k in x)
        for x, z in zip(a, b))


def take(iterator, count):
    return [next(iterator) for _ in range(count)]


# ---- the iterator ---------------------------------------------------------------------------


def test_iterator__its_batches__dicts_of_numpy_arrays(daemon):
    batch = next(adapter.iterator(batch_size=64, height=32, width=32, shuffle=True))
    assert type(batch) is dict and set(batch) == {"image", "label"}
    assert all(type(array) is numpy.ndarray and array.flags.writeable
               for array in batch.values())
    assert (batch["image"].shape, batch["image"].dtype) == ((64, 32, 32, 1), "float32")
    assert (batch["label"].shape, batch["label"].dtype) == ((64,), "int32")


# NumPy has no bfloat16: the arrays must be of JAX's type, never the bits as integers.
@pytest.mark.parametrize("zero_copy", [False, True])
def test_iterator__bfloat16__jaxs_type(daemon, zero_copy):
    spec = dict(split="test", batch_size=64)
    image = next(adapter.iterator(**spec, dtype="bfloat16", zero_copy=zero_copy))["image"]
    want = next(adapter.iterator(**spec))["image"].astype(jax.numpy.bfloat16)
    assert image.dtype == jax.numpy.bfloat16 and (image == want).all()


def test_iterator__over_its_epochs__ends_behind_the_last(daemon):
    batches = list(adapter.iterator(**SPEC, epochs=2))
    assert len(batches) == 2 * 118
    loader = adapter.Loader(**SPEC)
    for batch, (X, y) in zip(batches, [pair for _ in range(2) for pair in loader]):
        assert (batch["image"] == X).all() and (batch["label"] == y).all()


# One program for both: what works with Grain's iterator works with this one.
def check_state(make, count):
    iterator = make()
    take(iterator, 5)
    state = iterator.get_state()
    assert isinstance(state, bytes) and state.decode()
    rest = take(iterator, count)
    iterator.set_state(state)  # back
    assert same(take(iterator, count), rest)
    other = make()
    other.set_state(state)
    assert same(take(other, count), rest)


def test_state__of_ours__goes_on_where_it_was(daemon):
    check_state(lambda: adapter.iterator(**SPEC), 130)  # past the epoch's end


def test_state__of_grains__by_the_same_program(raw_train):
    grain = pytest.importorskip("grain.python")
    images, labels = raw_train

    class Source:
        def __len__(self):
            return 512 * 20

        def __repr__(self):  # Grain checks a state against it
            return "Source"

        def __getitem__(self, i):
            return {"image": images[i][..., None], "label": numpy.int32(labels[i])}

    def make():
        sampler = grain.IndexSampler(512 * 20, grain.NoSharding(), shuffle=True, num_epochs=1, seed=3)
        return iter(grain.DataLoader(data_source=Source(), sampler=sampler,
                                     operations=[grain.Batch(512)], worker_count=0))

    check_state(make, 10)


# Unshuffled, both give the same arrays under the same names.
def test_iterator__beside_grain__the_same_batches(daemon, raw_test):
    grain = pytest.importorskip("grain.python")
    images, labels = raw_test

    class Source:
        def __len__(self):
            return len(labels)

        def __getitem__(self, i):
            return {"image": images[i][..., None].astype("float32") / numpy.float32(255),
                    "label": numpy.int32(labels[i])}

    sampler = grain.IndexSampler(len(labels), grain.NoSharding(), shuffle=False, num_epochs=1)
    theirs = grain.DataLoader(data_source=Source(), sampler=sampler, worker_count=0,
                              operations=[grain.Batch(1000)])
    ours = adapter.iterator(split="test", batch_size=1000, epochs=1)
    assert same(list(ours), list(theirs))


# ---- on the device --------------------------------------------------------------------------


# JAX's CPU backend takes NumPy memory without a copy, so an array that came from memory used again
# would change under the program (with may_alias=False, too, as of JAX 0.10).
def test_device_iterator__arrays_kept_for_an_epoch__never_change(daemon):
    kept = take(adapter.device_iterator(adapter.iterator(**SPEC)), 100)
    again = take(adapter.iterator(**SPEC), 100)
    assert same(kept, again)
    assert all(isinstance(array, jax.Array) for array in kept[0].values())


def test_device_iterator__state__is_of_what_was_handed_out(daemon):
    make = lambda: adapter.device_iterator(adapter.iterator(**SPEC), size=4)
    iterator = make()
    first = take(iterator, 5)
    state = iterator.get_state()
    rest = take(iterator, 120)
    iterator.set_state(state)
    assert same(take(iterator, 120), rest)
    plain = adapter.iterator(**SPEC)
    assert same(take(plain, 5), first)
    assert plain.get_state() == state


def test_device_iterator__with_a_sharding__spread_over_the_devices(daemon):
    devices = jax.devices()
    if len(devices) < 2:
        pytest.skip("JAX was started with one device by another test")
    mesh = jax.sharding.Mesh(numpy.array(devices), ("data",))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    batches = adapter.device_iterator(adapter.iterator(**SPEC, drop_last=True), sharding)
    batch = next(batches)
    assert batch["image"].sharding == sharding
    assert len({shard.device for shard in batch["image"].addressable_shards}) == len(devices)
    assert same([batch], take(adapter.iterator(**SPEC), 1))


def test_device_iterator__to_its_end__every_batch_once(daemon):
    ours = list(adapter.device_iterator(adapter.iterator(**SPEC, epochs=1), size=3))
    assert same(ours, list(adapter.iterator(**SPEC, epochs=1)))
