# SPDX-License-Identifier: MIT
"""JAX: an iterator of NumPy dicts with Grain's states, device arrays ahead of time, and the book's
JAX tab.

    from fmnist.jax import device_iterator, iterator

    batches = device_iterator(iterator(batch_size=64, shuffle=True, epochs=3), sharding)
    for batch in batches:
        step(batch["image"], batch["label"])  # float32 N x h x w x 1, int32 N, on the devices

The pixels are those of the chapter's JAX tab, which are TensorFlow's (tf-bilinear-pad).

JAX's CPU backend may keep using a NumPy array's memory instead of copying it, whatever device_put
is told. Every batch here is therefore memory of its own that is never written again, or with
zero_copy=True memory of the daemon's that is kept until the last array over it is gone.

In a program of several processes each reads its part: rank=jax.process_index(),
world_size=jax.process_count().
"""
import base64
import binascii
import collections
import json
from typing import Any

import numpy
from numpy.typing import NDArray

from fmnist import _chapter, _loader
from fmnist._ml_arrays import MlArrays
from fmnist._options import Options, spelled_out
from fmnist._typing import Unpack


class Loader(_loader.Loader[NDArray[Any]]):
    __doc__ = _loader.Loader.__doc__

    resize_rule = "tf-bilinear-pad"
    arrays = MlArrays


class Iterator:
    """{"image": float32 n x h x w x 1, "label": int32 n}, NumPy arrays, through the epochs.

    Without epochs= it has no end. get_state and set_state are Grain's: bytes, of what was handed
    out, for a checkpoint. A copy (copy.deepcopy, pickle) goes on where this one is. Arguments and
    errors are Loader's; one thread reads it at a time.
    """

    @spelled_out()
    def __init__(self, dataset: str = "fashion-mnist", split: str = "train", batch_size: int = 64,
                 **options: Unpack[Options]) -> None:
        self._loader = Loader(dataset, split, batch_size, **options)
        self._batches: Any = None

    def __repr__(self) -> str:
        return repr(self._loader).replace(".Loader", ".Iterator", 1)

    def __iter__(self) -> "Iterator":
        return self

    def __next__(self) -> dict[str, NDArray[Any]]:
        while True:
            rest = self._loader._goes_on is not None
            begins = self._batches is None
            if begins:
                self._batches = iter(self._loader)
            for images, labels in self._batches:
                return {"image": images, "label": labels}
            self._batches = None
            if begins and not rest:  # an epoch without batches: behind epochs=, or of no samples
                raise StopIteration

    def get_state(self) -> bytes:
        """Where the next batch is. Needs no daemon."""
        return _encoded(self._loader.state_dict())

    def set_state(self, state: bytes) -> None:
        """The next batch is the one behind those that had been handed out at get_state.

        Errors: ValueError for what get_state did not give; errors.TokenError for the state of
        another dataset, split, batch size or order."""
        self._loader.load_state_dict(_decoded(state))
        self._batches = None

    def close(self) -> None:
        """Gives the connection back; the next batch makes another."""
        if self._batches is not None:
            self._batches, self._loader._goes_on = None, self._loader._run
        self._loader.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"_loader": self._loader, "state": self.get_state()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._loader = state["_loader"]
        self.set_state(state["state"])


_ARRAYS = ("list", "lengths")  # of a sampler's epoch, uint32


def _encoded(state: dict[str, Any]) -> bytes:
    text = dict(state)
    if text.get("token") is not None:
        text["token"] = text["token"].hex()
    for name in _ARRAYS:
        if text.get(name) is not None:
            text[name] = base64.b64encode(text[name].astype("<u4").tobytes()).decode()
    return json.dumps(text).encode()


def _decoded(state: Any) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(state)
        if found.get("token") is not None:
            found["token"] = bytes.fromhex(found["token"])
        for name in _ARRAYS:
            if found.get(name) is not None:
                found[name] = numpy.frombuffer(base64.b64decode(found[name]), "<u4")
    except (AttributeError, TypeError, ValueError, binascii.Error):
        raise ValueError("this is no state of an iterator: want the bytes that get_state() gave, "
                         f"not {state!r:.60}") from None
    return found


iterator = Iterator


class DeviceIterator:
    """The batches of an iterator as jax.Arrays, `size` of them on their way while one is used.

    sharding: where the arrays go, any that jax.device_put takes; with several processes it spreads
    the global batch, of which each process brings its part. The state is that of the batches that
    were handed out, never of those on their way. Any iterator with Grain's two methods will do.
    """

    def __init__(self, iterator: Any, sharding: Any = None, size: int = 2) -> None:
        if size < 1:
            raise ValueError(f"size={size}: want 1 or more")
        self._iterator = iterator
        self._sharding = sharding
        self._size = size
        self._queue: Any = collections.deque()  # of (batch on the device, the state behind it)
        self._state: Any = None  # None: the iterator's own

    def __repr__(self) -> str:
        return f"<fmnist.jax.DeviceIterator of {self._iterator!r}, {self._size} ahead>"

    def __iter__(self) -> "DeviceIterator":
        return self

    def __next__(self) -> Any:
        while len(self._queue) < self._size:
            if self._state is None:
                self._state = self._now()
            batch = next(self._iterator, None)
            if batch is None:
                break
            self._queue.append((self._put(batch), self._now()))
        if not self._queue:
            raise StopIteration
        batch, self._state = self._queue.popleft()
        return batch

    def _now(self) -> Any:
        """The iterator's state: of ours a dict, which costs little, and encoded when asked for."""
        if isinstance(self._iterator, Iterator):
            return self._iterator._loader.state_dict()
        return self._iterator.get_state()

    def _put(self, batch: Any) -> Any:
        import jax

        if self._sharding is not None and jax.process_count() > 1:
            return {name: jax.make_array_from_process_local_data(self._sharding, array)
                    for name, array in batch.items()}
        return jax.device_put(batch, self._sharding)

    def get_state(self) -> Any:
        """Where the next batch is: the iterator's bytes."""
        if self._state is None:
            return self._iterator.get_state()
        return _encoded(self._state) if isinstance(self._iterator, Iterator) else self._state

    def set_state(self, state: Any) -> None:
        """The next batch is the one behind those that had been handed out at get_state. Errors:
        the iterator's."""
        self._iterator.set_state(state)
        self._queue.clear()
        self._state = None


def device_iterator(iterator: Any, sharding: Any = None, size: int = 2) -> DeviceIterator:
    """A DeviceIterator."""
    return DeviceIterator(iterator, sharding, size)


class FashionMNIST(_chapter.ArrayDataModule):
    """The data module of the JAX tab. Its loaders give (images, labels), NumPy arrays."""

    _d2l = "d2l.jax"
    _loader_class = Loader
