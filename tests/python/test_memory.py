# SPDX-License-Identifier: MIT
"""The memory of arrays that are the user's own: whose it is, and when it is another's."""

import gc
import os
import random
import resource
import threading

import numpy
import pytest

import fmnist
from fmnist import _native

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SPEC = dict(split="test", batch_size=64, height=32, width=32)
MIB = 1 << 20


def memory(size):
    return numpy.frombuffer(_native.Memory(size), numpy.uint8)


def address(array):
    return array.ctypes.data


def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


# ---- blocks -------------------------------------------------------------------------------------


def test_memory__the_last_array_is_gone__the_next_ones(daemon):
    array = memory(MIB)
    first = address(array)
    part = array[10:20]
    del array
    assert address(memory(MIB)) != first  # the part is alive
    del part
    assert address(memory(MIB)) == first


def test_memory__of_another_size__not_mostly_unused():
    first = address(memory(8 * MIB))
    small = memory(8 * MIB // 2 - 1)
    assert address(small) != first
    fitting = memory(8 * MIB - 4096)
    assert address(fitting) == first and fitting.size == 8 * MIB - 4096


def test_memory__much_is_gone__given_back():
    before = resident()
    kept = [memory(MIB // 4) for _ in range(800)]
    assert resident() > before + 190 * MIB
    del kept
    assert resident() < before + 70 * MIB
    whole = memory(200 * MIB)
    whole[:] = 1
    del whole
    assert resident() < before + 70 * MIB


# TensorFlow and JAX copy what is not.
@pytest.mark.parametrize("size", [1, 63, 64, 256, 65535, 65536, 65537, 4 * MIB])
def test_memory__of_any_size__aligned_and_writable(size):
    kept = [memory(size) for _ in range(4)]
    assert all(array.size == size and array.flags.writeable for array in kept)
    assert all(address(array) % 64 == 0 for array in kept)
    assert len({_native.address(array) for array in kept}) == 4


def test_address__of_what_has_gaps__refused():
    array = memory(64).reshape(8, 8)
    assert _native.address(array[1:]) == address(array) + 8
    with pytest.raises(ValueError, match="contiguous"):
        _native.address(array[:, 1])


@pytest.mark.parametrize("size", [0, -1, 1 << 60])
def test_memory__of_no_size__refused(size):
    with pytest.raises((ValueError, MemoryError)):
        _native.Memory(size)


# Arrays die in whichever thread had them last.
def test_memory__handed_between_threads__each_has_its_own():
    wrong = []

    def work(number):
        held = []
        for turn in range(2000):
            array = memory(65536 + 4096 * (turn % 3))
            array[::4096] = number
            held.append(array)
            if len(held) > 5:
                gone = held.pop(turn % 5)
                if (gone[::4096] != number).any():
                    wrong.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_memory__in_a_forked_child__its_own():
    array = memory(MIB)
    array[:] = 7
    del array
    child = os.fork()
    if not child:
        memory(MIB)[:] = 9
        os._exit(0)
    array = memory(MIB)
    array[:] = 8
    os.waitpid(child, 0)
    assert (array == 8).all()


# ---- each framework's arrays --------------------------------------------------------------------


def of_numpy():
    stream = fmnist.open(**SPEC, order="shuffle")
    return stream, numpy.asarray


def of_torch():
    pytest.importorskip("torch")
    from fmnist.torch import Loader

    return Loader(**SPEC, shuffle=True, seed=1), lambda X: X.numpy()


def of_jax():
    jax = pytest.importorskip("jax")
    from fmnist.jax import Loader

    loader = Loader(**SPEC, shuffle=True)
    return (tuple(map(jax.device_put, batch)) for _ in range(6) for batch in loader), numpy.asarray


def of_jax_devices():
    pytest.importorskip("jax")
    from fmnist.jax import device_iterator, iterator

    batches = device_iterator(iterator(**SPEC, shuffle=True, epochs=6))
    return ((batch["image"], batch["label"]) for batch in batches), numpy.asarray


def of_tensorflow():
    pytest.importorskip("tensorflow")
    from fmnist.tensorflow import Loader

    return Loader(**SPEC, shuffle=True), lambda X: X.numpy()


def of_tf_data():
    pytest.importorskip("tensorflow")
    from fmnist.tensorflow import dataset

    return dataset(**SPEC, shuffle=True), lambda X: X.numpy()


def of_keras():
    pytest.importorskip("keras")
    from fmnist.keras import PyDataset

    data = PyDataset(**SPEC, shuffle=True)
    return (data[i] for _ in range(6) for i in range(len(data))), numpy.asarray


def of_mxnet():
    pytest.importorskip("mxnet")
    from fmnist.mxnet import Loader

    return Loader(**SPEC, shuffle=True, seed=1), lambda X: X.asnumpy()


KINDS = [of_numpy, of_torch, of_jax, of_jax_devices, of_tensorflow, of_tf_data, of_keras, of_mxnet]


# Arrays are kept for long and dropped in any order, while others are read into what they leave.
@pytest.mark.parametrize("batch_size", [64, 13])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_arrays__held_while_others_go__never_change(daemon, monkeypatch, kind, batch_size):
    monkeypatch.setitem(SPEC, "batch_size", batch_size)
    batches, seen = kind()
    chance, kept, checked = random.Random(batch_size), [], 0
    for _ in range(4):
        for X, y in batches:
            kept.append((X, y, seen(X).copy(), seen(y).copy()))
            while len(kept) > 20 or kept and chance.random() < 0.3:
                X, y, pixels, labels = kept.pop(chance.randrange(len(kept)))
                assert (seen(X) == pixels).all() and (seen(y) == labels).all()
                checked += 1
            del X, y
    assert checked > 400


# What the frameworks free in a row comes from the kernel anew where malloc gives it back.
@pytest.mark.parametrize("kind", [of_numpy, of_torch, of_jax, of_tensorflow, of_keras],
                         ids=lambda kind: kind.__name__)
def test_arrays__several_freed_in_a_row__no_new_pages(daemon, kind):
    batches, _ = kind()

    def read(count):
        held = []
        for (X, y), _ in zip(batches, range(count)):
            held.append((X, y))
            if len(held) == 16:
                held.clear()

    read(150)
    gc.collect()
    before = faults()
    read(150)
    assert faults() - before < 64 * 40  # 64 pages a batch, were they new
