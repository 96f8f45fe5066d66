# SPDX-License-Identifier: MIT
"""Samples by their numbers, and whole splits, against the files' own bytes."""

import multiprocessing
import os
import pickle
import subprocess
import threading

import numpy
import pytest

import fmnist
from conftest import DATASET, FMNISTD
from fmnist._samples import Samples


def stored(daemon, **options):
    return Samples(socket=str(daemon), **{"resize": "none", "dtype": "uint8", "layout": "NHWC",
                                          **options})


def equal(fetched, raw, numbers):
    images, labels = fetched
    numbers = numpy.asarray(numbers, int)
    return (numpy.array_equal(images[..., 0], raw[0][numbers]) and
            numpy.array_equal(labels, raw[1][numbers]))


def told(daemon):
    return fmnist.status(str(daemon))


# ---- which samples


@pytest.mark.parametrize("numbers", [
    [0], [59999], [-1], [-60000], [5, 5, 0, -1], range(100), range(7, 0, -2), [],
    numpy.array([3, 1], numpy.uint8), numpy.arange(300, dtype=numpy.int64)[::-1], (i for i in [4, 2])],
    ids=str)
def test_fetch__any_numbers__the_files_bytes_in_that_order(daemon_process, raw_train, numbers):
    numbers = list(numbers) if hasattr(numbers, "send") else numbers
    assert equal(stored(daemon_process).fetch(numbers), raw_train, numbers)


def test_fetch__random_batches_and_single_ones_mixed__the_files_bytes(daemon_process, raw_test):
    samples = stored(daemon_process, split="test")
    draw = numpy.random.default_rng(0)
    for size in [1, 64, 1, 1, 700, 3, 1]:
        numbers = draw.integers(-10000, 10000, size)
        assert equal(samples.fetch(numbers), raw_test, numbers)


def test_fetch__a_whole_split__the_files_bytes(daemon_process, raw_train):
    samples = stored(daemon_process)
    assert len(samples) == 60000
    assert equal(samples.fetch(range(60000)), raw_train, range(60000))


def test_fetch__one_by_one_in_order__each_as_when_asked_alone(daemon_process, raw_test):
    samples = stored(daemon_process, split="test")
    for i in [*range(8000, 10000), *range(30), 5, 6, 7]:
        assert equal(samples.fetch([i]), raw_test, [i])


def test_fetch__one_is_written_into__the_next_is_not_changed(daemon_process, raw_train):
    samples = stored(daemon_process)
    for i in [0, 1, 2, 3, 3, 2]:
        images, labels = samples.fetch([i])
        assert equal((images, labels), raw_train, [i])
        images[:], labels[:] = 77, 77


def test_fetch__resized_float__as_a_streams_batch(daemon_process):
    spec = dict(height=40, width=36, channels=3, mean=0.5, std=0.25, resize="pillow-bilinear")
    stream = fmnist.open(socket=str(daemon_process), batch_size=8, **spec)
    images, labels = next(iter(stream))
    stream.close()
    ours = Samples(socket=str(daemon_process), **spec).fetch(range(8))
    assert numpy.array_equal(ours[0], images) and numpy.array_equal(ours[1], labels)
    assert ours[0].dtype == images.dtype and ours[1].dtype == labels.dtype


def test_fetch__no_numbers__empty_arrays_of_the_spec(daemon_process):
    images, labels = Samples(socket=str(daemon_process), height=9, width=8).fetch([])
    assert images.shape == (0, 1, 9, 8) and labels.shape == (0,)
    assert images.dtype == numpy.float32 and labels.dtype == numpy.int64


@pytest.mark.parametrize("number", [60000, -60001, 2 ** 40])
def test_fetch__out_of_range__index_error_with_the_number_and_the_length(daemon_process, number):
    samples = stored(daemon_process)
    for numbers in ([number], [0, number]):
        with pytest.raises(IndexError, match=rf"index {number}: .*60000 samples"):
            samples.fetch(numbers)


@pytest.mark.parametrize("numbers, text", [
    ([1.5], "float"), ([1.5, 2], "float64"), ([[1], [2]], "shape"),
    ([True, False], r"flatnonzero\(mask\)"), (["a", "b"], "whole numbers")], ids=str)
def test_fetch__no_whole_numbers__type_error_says_which(daemon_process, numbers, text):
    with pytest.raises(TypeError, match=text):
        stored(daemon_process).fetch(numbers)


# ---- whole splits


def test_load_data__by_default__as_keras_has_it(daemon, raw_train, raw_test):
    (x_train, y_train), (x_test, y_test) = fmnist.load_data()
    for ours, raw in ((x_train, raw_train[0]), (y_train, raw_train[1]), (x_test, raw_test[0]),
                      (y_test, raw_test[1])):
        assert ours.dtype == numpy.uint8 and ours.flags.writeable
        assert numpy.array_equal(ours, raw)


def test_load_data__no_such_data_set__not_found_says_what_is_served(daemon):
    with pytest.raises(fmnist.errors.NotFound, match=r"fashion-mnist \(train, test\)"):
        fmnist.load_data("fashion_mnist")


def test_arrays__by_default__levels_of_the_training_split(daemon, raw_train):
    images, labels = fmnist.arrays()
    assert images.dtype == numpy.uint8 and labels.dtype == numpy.int64
    assert numpy.array_equal(images[:, 0], raw_train[0])
    assert numpy.array_equal(labels, raw_train[1])


def test_arrays__resized_floats__as_the_batches_of_a_stream(daemon):
    spec = dict(height=32, width=30, dtype="float32", layout="NHWC", channels=3, mean=0.5, std=0.5)
    with fmnist.open(split="test", batch_size=1000, **spec) as stream:
        batches = [numpy.concatenate(parts) for parts in zip(*stream)]
    ours = fmnist.arrays("test", **spec)
    assert numpy.array_equal(ours[0], batches[0]) and numpy.array_equal(ours[1], batches[1])


def test_arrays__numbers_or_a_mask__those_samples(daemon, raw_test):
    mask = raw_test[1] == 3
    numbers = numpy.flatnonzero(mask)
    for indices in (mask, mask.tolist(), numbers, (i for i in numbers)):
        images, labels = fmnist.arrays("test", indices=indices)
        assert numpy.array_equal(images[:, 0], raw_test[0][mask]) and (labels == 3).all()
    assert equal(fmnist.arrays("test", indices=[-1, 4], layout="NHWC"), raw_test, [-1, 4])


def test_arrays__a_mask_of_another_length__refused_with_both(daemon):
    with pytest.raises(ValueError, match=r"mask of shape \(3,\), want \(10000,\)"):
        fmnist.arrays("test", indices=[True, False, True])


def test_arrays__a_size_as_resize__refused_with_the_way_out(daemon):
    with pytest.raises(TypeError, match=r"resize=\(32, 32\).*height= and width="):
        fmnist.arrays(resize=(32, 32))


# ---- what it costs


def test_fetch__one_item_of_large_images__is_all_that_is_asked_for(private_daemon):
    samples = Samples(socket=str(private_daemon), height=224, width=224)
    samples.fetch([17])
    samples.fetch([4000])
    assert told(private_daemon)["lists"]["bytes"] == 2 * 4  # of two numbers


def test_fetch__one_by_one__few_connections(private_daemon):
    samples = stored(private_daemon)
    before = told(private_daemon)["clients_accepted"]
    for i in range(2000):
        samples.fetch([i])
    assert told(private_daemon)["clients_accepted"] - before < 40


def test_fetch__many_data_sets_at_once__no_connection_stays(private_daemon):
    kept = [stored(private_daemon) for _ in range(200)]  # more than a user may have connections
    for samples in kept:
        samples.fetch([3])
        samples.fetch([3, 4])
    assert len(told(private_daemon)["clients"]) == 1  # who asks


# ---- threads and processes


def test_fetch__from_threads__each_gets_its_own(daemon_process, raw_train):
    samples, wrong = stored(daemon_process), []

    def read(first):
        for i in range(first, first + 200):
            if not equal(samples.fetch([i]), raw_train, [i]):
                wrong.append(i)

    threads = [threading.Thread(target=read, args=(1000 * k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def _child(samples, queue):
    queue.put(samples.fetch([7, 2]))
    queue.put(samples.fetch([8]))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_fetch__in_a_child__the_same(daemon_process, raw_train, method):
    samples = stored(daemon_process)
    samples.fetch([7])
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=_child, args=(samples, queue))
    child.start()
    assert equal(queue.get(timeout=60), raw_train, [7, 2])
    assert equal(queue.get(timeout=60), raw_train, [8])
    child.join()
    assert equal(samples.fetch([8]), raw_train, [8])


def test_fetch__forked_while_a_thread_reads__the_child_does_not_wait_for_it(daemon_process):
    samples = stored(daemon_process)
    samples.fetch([0])
    with samples._lock:  # as of a thread that the child does not have
        child = os.fork()
        if not child:
            samples.fetch([0])
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_pickle__after_reading__small_and_the_same(daemon_process, raw_train):
    samples = stored(daemon_process)
    for i in range(100):
        samples.fetch([i])
    data = pickle.dumps(samples)
    assert len(data) < 1000
    assert equal(pickle.loads(data).fetch([5]), raw_train, [5])


# ---- the daemon ends


def start(folder, data=DATASET):
    """A daemon at folder/s that can be started again there."""
    config = folder / "c.yaml"
    config.write_text(f"socket: '{folder}/s'\ncache: none\ndatasets:\n"
                      f"  - {{name: sewn, path: '{data}', splits: {{train: {{"
                      "images: train-images-idx3-ubyte, labels: train-labels-idx1-ubyte}}}\n")
    process = subprocess.Popen([FMNISTD, "-c", config], stdin=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    assert any(" ready" in line for line in process.stderr)
    return process


def end(process):
    process.kill()
    process.communicate()


def test_fetch__daemon_killed_and_started_again__goes_on(tmp_path, raw_train):
    process = start(tmp_path)
    samples = stored(tmp_path / "s", dataset="sewn")
    samples.fetch([1])
    end(process)
    later = []
    starter = threading.Timer(0.3, lambda: later.append(start(tmp_path)))
    starter.start()
    try:
        assert equal(samples.fetch([40000, 3]), raw_train, [40000, 3])
    finally:
        starter.join()
        end(later[0])


def test_fetch__daemon_gone_and_reconnect_0__no_daemon_at_once(tmp_path):
    process = start(tmp_path)
    samples = stored(tmp_path / "s", dataset="sewn", reconnect=0)
    samples.fetch([1])
    end(process)
    with pytest.raises(fmnist.errors.NoDaemon):
        samples.fetch([10])


def test_fetch__never_answered__no_daemon_at_once(tmp_path):
    with pytest.raises(fmnist.errors.NoDaemon):
        stored(tmp_path / "none").fetch([10])


def test_fetch__another_content_after_a_restart__refused_with_both_digests(tmp_path):
    toys = tmp_path / "toys"
    toys.mkdir()
    (toys / "train-images-idx3-ubyte").write_bytes(
        bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, *range(24)]))
    (toys / "train-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 1, 0]))
    process = start(tmp_path, toys)
    samples = stored(tmp_path / "s", dataset="sewn")
    assert samples.fetch([1])[0].ravel().tolist() == list(range(12, 24))
    end(process)
    process = start(tmp_path)
    try:
        now = fmnist.datasets(str(tmp_path / "s"))[0]
        with pytest.raises(fmnist.errors.TokenError, match=(
                f"60000 images of digest {now.digest.hex()}.* 2 of {samples.served.digest.hex()}")):
            samples.fetch([0, 1])
    finally:
        end(process)
