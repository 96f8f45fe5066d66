# SPDX-License-Identifier: MIT
"""What a fmnist.torch.Loader does to each image, and where its random numbers come from.

    draws="torch"    from PyTorch's generators, at DataLoader's moments: without workers the global
                     one, batch by batch; with workers those that each of them would seed
    draws="counter"  from (seed, epoch, the sample's number, operation): from no generator

Nothing here knows an order, or when a batch is wanted.
"""
import re
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from fmnist import _native, _torch_check
from fmnist._torch_transforms import Chain

Values = NDArray[np.uint32]  # 4 bytes each, int32 or float32

_DTYPES = {1: "uint8", 2: "float32"}


class Rule(NamedTuple):
    """What a Loader was told of it, beside a transform."""

    text: str | None = None    # augment=
    draws: str | None = None   # "torch" or "counter"; None: "torch"
    views: int = 1
    seed: int | None = None    # of counter draws, where the order has none of its own


class Augmentation:
    """A chain for images of one shape, [channels][height][width], by a Rule.

    spec: the fields of a core.Stream that say such images. fields: with those that say the chain,
    and for a transform's the type that it gives.
    `native` makes its draws.
    Errors: errors.InvalidSpec for what cannot be done with such images, by its place.
    """

    def __init__(self, chain: Chain | str, shape: tuple[int, int, int], rule: Rule,
                 spec: dict[str, Any]) -> None:
        self._made_of = chain, shape, rule, spec
        self.native = (_native.Augment(chain, *shape) if isinstance(chain, str) else
                       chain.compiled(*shape))
        self.value_count, channels, height, width, dtype, self.text = self.native.info()
        self._channels = channels
        self.floats = _DTYPES[dtype] == "float32"  # behind the chain: mean= and std= have no part
        self.views, self.seed = rule.views, rule.seed
        self.counts = rule.draws == "counter"
        self.random = self.value_count > 0
        # Of a sample, at most.
        self.bytes = 4 * max(channels, spec.get("channels") or 0) * height * width * self.views
        self.fields: dict[str, Any] = {**spec, "augment": self.text}
        if self.views > 1:
            self.fields["views"] = self.views
        if isinstance(chain, Chain):
            self.fields["dtype"] = _DTYPES[dtype]

    def levels(self) -> NDArray[np.float32] | None:
        """What becomes of each level where levels travel, [channels][256]; None where the chain
        does not end in floats. Behind levels there is the conversion, and a normalize at the end.
        """
        if not self.floats:
            return None
        conversion = re.search(r"to-(?:tensor|dtype)(?:\([^()]*\))?", self.text)
        normalize = re.search(r" normalize\((?:[^()]|\([^()]*\))*\)$", self.text)
        assert conversion is not None  # else there were no floats
        text = conversion[0] + (normalize[0] if normalize else "")
        if conversion[0].startswith("to-dtype"):
            text = f"to-image {text}"
        native = _native.Augment(text, self._channels, 16, 16)
        samples = np.empty((self._channels, 256), np.uint8)
        samples[:] = np.arange(256)
        made = np.empty((self._channels, 256), np.float32)
        native.run(samples, np.empty(0, np.uint32), made)
        return made

    def __reduce__(self) -> Any:
        return Augmentation, self._made_of

    @property
    def by_torch(self) -> bool:
        """Whether it draws from PyTorch's generators."""
        return self.random and not self.counts

    def check(self) -> None:
        """Errors: NotImplementedError where the installed libraries draw or compute otherwise."""
        chain, shape = self._made_of[:2]
        if not self.counts and (self.random or isinstance(chain, Chain)):
            _torch_check.check(chain if isinstance(chain, Chain) else None, self.native, shape)

    def _lengths(self, lengths: Any) -> NDArray[np.uint32]:
        return np.asarray(lengths, np.uint32) * np.uint32(self.views)

    def _room(self, samples: int) -> Values:
        return np.empty((samples, self.views, self.value_count), np.uint32)

    def from_global(self, samples: int) -> Values:
        """Draws of so many samples from the global generator, which goes on by them."""
        values = self._room(samples)
        state = torch.get_rng_state()
        self.native.draw_torch(state.numpy(), 0, self._lengths([samples]), values)
        torch.set_rng_state(state)
        return values

    def from_states(self, states: bytearray, lengths: Any, first: int = 0) -> Values:
        """Draws of batches of those lengths; batch b draws from generator first + b, in turn."""
        lengths = np.asarray(lengths, np.uint32)
        values = self._room(int(lengths.sum()))
        self.native.draw_torch(states, first, self._lengths(lengths), values)
        return values

    def from_counter(self, seed: int, epoch: int, numbers: NDArray[np.uint32]) -> Values:
        """Draws of those samples of the split."""
        values = self._room(len(numbers))
        self.native.draw(seed, epoch, self.views, np.ascontiguousarray(numbers, np.uint32), values)
        return values


def worker_states(base: int, workers: int) -> bytearray:
    """The generators of a DataLoader's new workers, one behind the other."""
    return bytearray(b"".join(_native.torch_seed((base + k) % 2 ** 64) for k in range(workers)))

