# SPDX-License-Identifier: MIT
"""fmnist.keras under model.fit: which batches the model is trained on, over epochs, workers and
fits; beside Keras's own PyDataset over the same arrays."""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pickle
import subprocess
import sys

import numpy
import pytest

keras = pytest.importorskip("keras")

import fmnist
from fmnist.jax import Loader
from fmnist.keras import PyDataset

NUMBERS = numpy.arange(9000, 4000, -7)[:300]
SPEC = dict(split="test", batch_size=64, indices=NUMBERS, shuffle=True, seed=3)  # five batches


class Seen(keras.Model):
    """Keeps the labels that it is trained on, batch by batch."""

    def __init__(self):
        super().__init__()
        self.seen, self.dense = [], keras.layers.Dense(1)
        self.compile("sgd", "mse", run_eagerly=True)  # fit reads a batch to build it

    def call(self, x):
        return self.dense(keras.ops.reshape(x, (-1, 784)))

    def train_step(self, *data):
        self.seen.append(numpy.asarray(data[-1][1]).tolist())
        logs = {"loss": 0.0}
        return (logs, data[0]) if keras.backend.backend() == "jax" else logs

    def test_step(self, *data):
        logs = {"loss": 0.0}
        return (logs, data[0]) if keras.backend.backend() == "jax" else logs


def fit(data, model=None, **options):
    model = model or Seen()
    model.fit(data, verbose=0, **options)
    return model.seen


def epochs(count, **options):
    loader = Loader(**{**SPEC, **options})
    return [[y.tolist() for _, y in loader] for _ in range(count)]


class Own(keras.utils.PyDataset):
    """What a program writes itself: arrays, and an order for each pass that fit makes."""

    def __init__(self, passes, **options):
        super().__init__(**options)
        self.passes, self.at = passes, 0

    def __len__(self):
        return len(self.passes[0])

    def __getitem__(self, i):
        y = numpy.array(self.passes[self.at][i], "int32")
        return numpy.zeros((len(y), 28, 28, 1), "float32"), y


WORKERS = [dict(workers=0), dict(workers=1), dict(workers=2), dict(workers=4, max_queue_size=2),
           dict(workers=2, use_multiprocessing=True)]


@pytest.mark.parametrize("workers", WORKERS, ids=str)
def test_fit__three_epochs_and_a_second_fit__one_epoch_after_the_other(daemon, workers):
    data, want = PyDataset(**SPEC, **workers), epochs(4)
    model = Seen()
    assert fit(data, model, epochs=3, shuffle=False) == sum(want[:3], [])
    assert fit(data, model, shuffle=False)[15:] == want[3]


# fit's own shuffle permutes the batches of an epoch, by Python's generator. Keras' workers begin
# with what they had read to build the model, which is dropped here.
@pytest.mark.parametrize("workers", WORKERS, ids=str)
def test_fit__with_its_own_shuffle__the_batches_that_keras_would_take(daemon, workers):
    import random

    want, runs = epochs(1), []
    for data in (PyDataset(**SPEC, **workers), Own(want, **workers)):
        random.seed(5)
        runs.append(fit(data, epochs=1, shuffle=True))
    assert sorted(runs[0]) == sorted(want[0])
    assert runs[0] == runs[1] or workers["workers"] > 1


@pytest.mark.parametrize("workers", WORKERS[:2], ids=str)
@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_fit__epochs_of_some_steps__the_batches_in_their_order(daemon, workers, steps):
    data, want = PyDataset(**SPEC, **workers), sum(epochs(4), [])
    twin = Own([want[:5]], **workers)
    got = fit(data, epochs=4, steps_per_epoch=steps, shuffle=False)
    assert len(got) == len(fit(twin, epochs=4, steps_per_epoch=steps, shuffle=False))
    assert got == want[:len(got)]


# Keras' workers begin anew for each part, how far ahead is chance: where every epoch is the same,
# its own data sets get no better.
@pytest.mark.parametrize("workers", WORKERS[2:], ids=str)
def test_fit__epochs_of_some_steps_and_workers__refused_where_orders_change(daemon, workers):
    with pytest.raises(RuntimeError, match="say workers=1"):
        fit(PyDataset(**SPEC, **workers), epochs=4, steps_per_epoch=2, shuffle=False)
    same = {**SPEC, "shuffle": False}
    got = fit(PyDataset(**same, **workers), epochs=4, steps_per_epoch=2, shuffle=False)
    want = epochs(1, shuffle=False)[0]
    assert got[:2] == want[:2] and all(batch in want for batch in got)


@pytest.mark.parametrize("workers", WORKERS, ids=str)
def test_fit__with_validation__both_whole(daemon, workers):
    data, val = PyDataset(**SPEC, **workers), PyDataset(split="test", batch_size=1000, **workers)
    assert fit(data, validation_data=val, epochs=2, shuffle=False) == sum(epochs(2), [])


def test_fit__stopped_within_an_epoch__that_epoch_again(daemon):
    data, model = PyDataset(**SPEC), Seen()
    stop = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda step, logs: setattr(model, "stop_training", step == 1))
    fit(data, model, epochs=3, shuffle=False, callbacks=[stop])
    assert fit(data, model, shuffle=False)[2:] == epochs(1)[0]


def test_fit__going_on_with_a_run__epoch_is_initial_epoch(daemon):
    got = fit(PyDataset(**SPEC, epoch=2), initial_epoch=2, epochs=4, shuffle=False)
    assert got == sum(epochs(4)[2:], [])
    data = PyDataset(**SPEC)
    follow = keras.callbacks.LambdaCallback(on_epoch_begin=lambda e, logs: data.set_epoch(e))
    assert fit(data, initial_epoch=2, epochs=4, shuffle=False, callbacks=[follow]) == got


class Drawn:
    def __init__(self):
        self.random = numpy.random.default_rng(3)

    def __len__(self):
        return 150

    def __iter__(self):
        return iter(self.random.integers(0, 10000, 150).tolist())


class DrawnBatches(Drawn):
    def __len__(self):
        return 3

    def __iter__(self):
        return iter(numpy.split(numpy.array(list(super().__iter__())), [10, 70]))


@pytest.mark.parametrize("workers", WORKERS, ids=str)
@pytest.mark.parametrize("sampler", [dict(sampler=Drawn), dict(batch_sampler=DrawnBatches)],
                         ids=str)
def test_fit__with_a_sampler__asked_anew_for_each_epoch(daemon, raw_test, sampler, workers):
    (name, kind), = sampler.items()
    data = PyDataset(split="test", **{name: kind()}, **workers)
    twin = kind()
    want = [numpy.concatenate([numpy.ravel(part) for part in twin]) for _ in range(3)]
    got = fit(data, epochs=3, shuffle=False)
    assert sum(got, []) == raw_test[1][numpy.concatenate(want)].tolist()
    assert [len(y) for y in got[:3]] == ([64, 64, 22] if name == "sampler" else [10, 60, 80])


@pytest.mark.parametrize("sampler", [dict(), dict(sampler=Drawn), dict(batch_sampler=DrawnBatches)],
                         ids=str)
def test_state__of_an_epoch__the_same_batches(daemon, sampler):
    spec = dict(split="test") if sampler else SPEC
    data = PyDataset(**spec, **{name: kind() for name, kind in sampler.items()})
    data.on_epoch_end()
    want = [y.tolist() for _, y in data]
    other = PyDataset(**spec, **{name: kind() for name, kind in sampler.items()})
    other.load_state_dict(pickle.loads(pickle.dumps(data.state_dict())))
    assert other.epoch == 1 and [y.tolist() for _, y in other] == want
    assert len(pickle.dumps(other)) < 10000
    assert [y.tolist() for _, y in pickle.loads(pickle.dumps(other))] == want


def test_load_state_dict__what_is_none__said(daemon):
    with pytest.raises(ValueError, match="no state of a PyDataset"):
        PyDataset().load_state_dict({})


@pytest.mark.parametrize("options, error, match", [
    (dict(wrokers=2), TypeError, "did you mean workers="),
    (dict(sampler=[1], shuffle=True), ValueError, "exclude each other"),
    (dict(timeout=None), ValueError, "timeout=None"), (dict(indices=[]), ValueError, "none")])
def test_py_dataset__what_it_cannot_do__said(daemon, options, error, match):
    with pytest.raises(error, match=match):
        PyDataset(**options)[0]


@pytest.mark.parametrize("workers", [1, 3])
def test_fit__of_a_small_model__keras_trains_on_it(daemon, workers):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                  metrics=["accuracy"])
    train = PyDataset(batch_size=256, shuffle=True, seed=3, workers=workers)
    val = PyDataset(batch_size=1000, split="test")
    history = model.fit(train, validation_data=val, epochs=2, verbose=0, shuffle=False).history
    assert history["val_accuracy"][-1] > 0.7


def test_trainer__fit_and_validation__one_connection(private_daemon, monkeypatch):
    monkeypatch.setenv("FMNIST_SOCKET", str(private_daemon))
    counts = []

    def count(*_, logs=None):
        counts.append(sum("stream" in client for client in fmnist.status()["clients"]))

    data = PyDataset(**SPEC, workers=0)
    val = PyDataset(split="test", batch_size=1000, workers=0)
    fit(data, epochs=2, shuffle=False, validation_data=val,
        callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=count, on_epoch_end=count)])
    assert set(counts) == {1}


def test_fit__on_a_tf_data_dataset__one_epoch_after_the_other(daemon):
    adapter = pytest.importorskip("fmnist.tensorflow")
    data, model, want = adapter.dataset(**SPEC), Seen(), epochs(5)
    if keras.backend.backend() != "tensorflow":
        del want[0]  # fit has read a batch of an iteration of its own, to build the model
    assert fit(data, model, epochs=2) == sum(want[:2], [])
    assert fit(data, model)[10:] == want[2]
    assert fit(data, model, epochs=2, steps_per_epoch=3)[15:] == want[3]


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_fit__on_another_backend__the_same_batches(backend):
    if backend == keras.backend.backend():
        pytest.skip("this one")
    pytest.importorskip(backend)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k",
         "three_epochs and not multiprocessing or steps and not and_workers or tf_data"],
        env={**os.environ, "KERAS_BACKEND": backend}, capture_output=True, text=True, timeout=900)
    assert run.returncode == 0 and " passed" in run.stdout, run.stdout
