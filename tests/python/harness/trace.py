# SPDX-License-Identifier: MIT
"""What is compared: one line for everything that a program could see."""
import hashlib
import random
import traceback

import numpy as np
import torch


def digest(*parts):
    return hashlib.blake2b(b"".join(parts), digest_size=8).hexdigest()


def tensor_bytes(tensor):
    return tensor.contiguous().numpy().tobytes()


class Trace:
    """Lines in the order in which they happened."""

    def __init__(self, generators=()):
        self.lines = []
        self.generators = list(generators)

    def random(self):
        """Of every generator that a loader may draw from."""
        state = np.random.get_state()
        return digest(torch.get_rng_state().numpy().tobytes(),
                      repr(random.getstate()).encode(), state[1].tobytes(), repr(state[2:]).encode(),
                      *(g.get_state().numpy().tobytes() for g in self.generators))

    def batch(self, batch):
        images, labels, numbers = batch
        self.lines.append((
            "batch", numbers.tolist(), str(images.dtype), str(labels.dtype), list(images.shape),
            digest(tensor_bytes(images), tensor_bytes(labels)), self.random()))

    def say(self, *what):
        self.lines.append((*what, self.random()))


def difference(theirs, ours):
    """None, or a sentence about the first place where two lists of lines differ."""
    for i, (a, b) in enumerate(zip(theirs, ours)):
        if a != b:
            fields = [f"{x!r:.120} and not {y!r:.120}" for x, y in zip(b, a) if x != y]
            return f"line {i} ({a[0]}): {'; '.join(fields) or f'{b!r:.100} and not {a!r:.100}'}"
    if len(theirs) != len(ours):
        longer = theirs if len(theirs) > len(ours) else ours
        return (f"{len(ours)} lines and not {len(theirs)}; the first one more: "
                f"{longer[min(len(theirs), len(ours))]!r:.120}")
    return None


def forget(error):
    """Lets go of an iterator that an error of its workers keeps in a cycle of frames: one that only the
    garbage collector finds has closed its queues when it ends, and waits 5 s for each worker."""
    traceback.clear_frames(error.__traceback__)


def seed_all(seed):
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
