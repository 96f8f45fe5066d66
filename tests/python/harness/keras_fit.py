# SPDX-License-Identifier: MIT
"""Keras' model.fit of a PyDataset, beside a loop over what documented.py says. Imported when the
first of it runs: TensorFlow takes seconds."""
import os
import pickle

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from fmnist import errors
from fmnist.keras import PyDataset
from harness import documented, jax_programs, trace

EPOCHS = 3


def nothing(program):
    """An act that lets the fit go on."""
    return False


class Model(keras.Model):
    """Writes down what it is trained and validated on."""

    def __init__(self, seen):
        super().__init__()
        self.lines, self.dense = seen, keras.layers.Dense(1)
        self.compile("sgd", "mse", run_eagerly=True)

    def call(self, x):
        return self.dense(keras.ops.reshape(x, (-1, 64)))

    def train_step(self, data):
        self.lines.batch(data)
        return {"loss": 0.0}

    def test_step(self, data):
        self.lines.batch(data)
        return {"loss": 0.0}


class Acts(keras.callbacks.Callback):
    def __init__(self, program, sets, acts):
        super().__init__()
        self.program, self.sets, self.acts, self.epoch = program, sets, acts, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.program.begins()
        if self.sets:
            self.program.data.set_epoch(self.sets[epoch])

    def on_train_batch_end(self, step, logs=None):
        if self.acts.get((self.epoch, step), nothing)(self.program):
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        self.acts.get((epoch, None), nothing)(self.program)


class Fitted:
    """Ours: a PyDataset under fit."""

    side = "ours"

    def __init__(self, order, size, drop, workers, daemon=None):
        self.order, self.daemon = order, daemon
        self.generators = jax_programs.seeded(order)
        self.trace = jax_programs.Seen(self.generators, with_random=False)
        self.mark, self.began, self.state = None, 0, None
        self.data = PyDataset(
            workers=workers, **jax_programs.words_of(order, size, drop, self.generators))
        self.model = Model(self.trace)  # draws from Python's generator

    def begins(self):
        self.began = len(self.trace.lines)

    def fit(self, epochs, first=0, sets=None, acts=None, steps=None, validated=False):
        validation = PyDataset("tiny", "train", 40, indices=documented.HALF) if validated else None
        self.model.fit(self.data, epochs=epochs, initial_epoch=first, steps_per_epoch=steps,
                       shuffle=False, verbose=0, validation_data=validation,
                       callbacks=[Acts(self, sets, acts or {})])
        self.trace.say("fitted")

    def evaluate(self):
        self.model.evaluate(self.data, verbose=0)
        self.trace.say("evaluated")

    def set_epoch(self, epoch):
        self.data.set_epoch(epoch)

    def save(self, within):
        """Within an epoch it is the epoch: which of its batches were read, the reader knows."""
        self.mark = self.began if within else len(self.trace.lines)
        if self.side == "ours":
            self.state = pickle.dumps((
                self.data.state_dict(), jax_programs.randoms(self.generators)))

    def resume(self, state):
        kept, randoms = pickle.loads(state)
        jax_programs.set_randoms(self.generators, randoms)
        self.data.load_state_dict(kept)


class Looped(Fitted):
    """The reference."""

    side = "stock"

    def __init__(self, order, size, drop, workers, daemon=None):
        self.order, self.daemon = order, None
        self.generators = jax_programs.seeded(order)
        self.trace = jax_programs.Seen(self.generators, with_random=False)
        self.mark, self.began, self.state = None, 0, None
        self.data = documented.Reference(order, size, drop, self.generators)
        self.left = None  # of the epoch
        self.validation = documented.Reference(documented.Order("", lambda g: {
            "indices": documented.HALF}), 40, False, [])

    def read(self, numbers):
        self.trace.batch(self.data.batch(numbers))

    def fit(self, epochs, first=0, sets=None, acts=None, steps=None, validated=False):
        acts, at = acts or {}, 0
        for number in range(first, epochs):
            self.begins()
            if sets:
                self.set_epoch(sets[number])
            self.left = self.left or self.data.draw()
            for i, numbers in enumerate(self.left[at:][:steps]):
                self.read(numbers)
                at += 1
                if acts.get((number, i), nothing)(self):
                    self.trace.say("fitted")
                    return  # what is left is the whole epoch
            if at == len(self.left):
                at = 0
                self.ends()
            for batch in self.validation if validated else ():
                self.trace.batch(batch)
            acts.get((number, None), nothing)(self)
        self.trace.say("fitted")

    def evaluate(self):
        for numbers in self.left or self.data.draw():
            self.read(numbers)
        self.ends()
        self.trace.say("evaluated")

    def ends(self):
        """A sampler that has a set_epoch is told the next."""
        self.set_epoch(self.data.next)

    def set_epoch(self, epoch):
        self.left = None
        self.data.set_epoch(epoch)


# ---- what happens


def fits(p):
    p.fit(1)
    p.fit(2)
    p.fit(EPOCHS, first=2)


def stopped(p):
    """Within an epoch, which is then given again."""
    p.fit(EPOCHS, acts={(1, 1): lambda p: True})
    p.fit(2)


def sets(*epochs):
    return lambda p: p.fit(len(epochs), sets=epochs)


def set_before(p):
    p.set_epoch(4)
    p.fit(2)
    p.set_epoch(0)
    p.fit(1)


def evaluated(p):
    """An evaluation of the same data set is an epoch."""
    p.fit(1)
    p.evaluate()
    p.fit(2)


def in_parts(p):
    p.fit(5, steps=2)


def killed(p):
    def act(p):
        if p.side == "ours":
            p.daemon.kill()
            p.daemon.start()

    p.fit(EPOCHS, acts={(0, 1): act, (1, None): act})


def saved(at, step):
    def event(p):
        if (at, step) == (0, "start"):
            p.save(False)
        p.fit(EPOCHS, acts={(at, step): lambda p: p.save(step is not None)})

    return event


def items(arrange):
    """Without fit: batches by index, then on_epoch_end."""
    def event(p):
        for _ in range(EPOCHS):
            if p.side == "ours":
                for i in arrange(len(p.data)):
                    p.trace.batch(p.data[i])
                p.data.on_epoch_end()
            else:
                batches = p.data.draw()
                for i in arrange(len(batches)):
                    p.read(batches[i])
                p.ends()

    return event


EVENTS = {
    "epochs": lambda p: p.fit(EPOCHS), "fits": fits, "stopped": stopped, "evaluated": evaluated,
    "initial-epoch": lambda p: p.fit(5, first=3),
    "validated": lambda p: p.fit(2, validated=True), "in-parts": in_parts,
    "set-before": set_before, "set-0-5-5-2": sets(0, 5, 5, 2), "killed": killed,
    "items-forward": items(range), "items-backward": items(lambda n: range(n)[::-1]),
    "items-scattered": items(lambda n: [*range(0, n, 3), *range(2, n, 3), *range(1, n, 3)]),
}
SAVES = {"start": (0, "start"), "within": (1, 1), "end": (0, None), "later-end": (1, None)}


def compare(order, size, drop, workers, name, daemon):
    order = documented.named(order)
    event = EVENTS.get(name) or saved(*SAVES[name])
    if not jax_programs.steps_of(order, size, drop):
        return _refused("leaves out the only", event, order, size, drop, workers, daemon)
    if name == "in-parts" and workers > 1 and PyDataset(
            **jax_programs.words_of(order, size, drop, jax_programs.seeded(order)))._loader.changes:
        return _refused("say workers=1", event, order, size, drop, workers, daemon)
    theirs, ours = (kind(order, size, drop, workers, daemon) for kind in (Looped, Fitted))
    for p in theirs, ours:
        trace.seed_all(11)
        event(p)
    text = trace.difference(theirs.trace.lines, ours.trace.lines)
    if not text and name in SAVES:
        lines = daemon.elsewhere.resume(
            resumed, order.name, size, drop, workers, name, ours.state)
        text = trace.difference(theirs.trace.lines[theirs.mark:], lines)
        text = text and "resumed: " + text
    return ("different", text) if text else ("equal", "")


def _refused(words, event, order, *rest):
    try:
        event(Fitted(order, *rest))
    except (RuntimeError, errors.InvalidSpec) as error:
        if words in str(error):
            return "refused", ""
        return "different", f"refused by other words: {error!s:.200}"
    return "different", f"it was not refused: {words}"


def resumed(order, size, drop, workers, name, state):
    """In the new process: the lines from there on."""
    p = Fitted(documented.named(order), size, drop, workers)
    p.resume(state)
    at, step = SAVES[name]
    p.fit(EPOCHS, first=at + (step is None))
    return p.trace.lines
