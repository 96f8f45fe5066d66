# SPDX-License-Identifier: MIT
"""Batches on a CUDA device, copied out of the daemon's memory itself and finished there.

    ring slot --DMA, on a stream of our own--> samples on the device --> images on the device
        held until the copy's event says that it is done, then given back to the daemon

What is copied is the wire form: a quarter of the bytes of float32 images, with three channels a
twelfth. Of uint8 samples an image is made by tables of 256 values, which the CPU computed, so that
the device's bytes are the CPU's.

Source: cudaHostRegister in the CUDA runtime's "Memory Management". PyTorch's own allocator of
pinned memory does not know these pages: nothing but the batches kept here keeps a slot from being
written again under a copy.
"""
import collections
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from fmnist._torch_augment import Augmentation
from fmnist._torch_loader import Loader

_SHM = 1  # FMNIST_SHM
_HOST_REGISTER_READ_ONLY = 0x08  # the daemon's memory is mapped read-only


class Cuda:
    """What is asked of CUDA. Tests put another one in its place."""

    def __init__(self, device: Any) -> None:
        self.device = torch.device(device)
        self._stream = torch.cuda.Stream(self.device)

    def register(self, address: int, length: int) -> bool:
        """Page-locks memory, so that copies from it run beside everything else. Returns whether."""
        code = torch.cuda.cudart().cudaHostRegister(address, length, _HOST_REGISTER_READ_ONLY)
        return int(code) == 0

    def unregister(self, address: int) -> None:
        torch.cuda.cudart().cudaHostUnregister(address)

    def copy(self, tensors: Sequence[torch.Tensor],
             finish: Callable[[torch.Tensor], torch.Tensor]) -> tuple[list[torch.Tensor], Any]:
        """Begins to copy, and to finish the first. Returns what comes of it and an event: .query(),
        .synchronize()."""
        with torch.cuda.stream(self._stream):
            copies = [tensor.to(self.device, non_blocking=True) for tensor in tensors]
            copies[0] = finish(copies[0])
            event = torch.cuda.Event()
            event.record(self._stream)
        return copies, event

    def order(self, event: Any, copies: Sequence[torch.Tensor]) -> None:
        """What the program does from now on comes behind the copy; the host does not wait."""
        current = torch.cuda.current_stream(self.device)
        current.wait_event(event)
        for tensor in copies:
            tensor.record_stream(current)


class Finish:
    """Samples as they travel to images as a Loader's spec has them, wherever the samples are.

    Rule: pixels/convert.h's. float32(level) / 255, (x - mean) / std, each rounded to float32, then
    float16 or bfloat16 to nearest even, which PyTorch's CPU operations do, once a level. Samples
    that are float32 themselves take the same operations on their device. Of an augmentation that
    ends in floats the library says what becomes of each level, and floats are what they are.
    """

    def __init__(self, loader: Loader, device: Any) -> None:
        info, spec = loader.info, loader._samples.spec
        self._dtype: torch.dtype = getattr(torch, info.dtype)
        self._channels, self._nchw = info.channels, info.layout == "nchw"
        how = loader._prepare()
        if how is not None and how.floats:  # the chain has its own
            spec = {}
        mean, std = (self._values(spec.get(name), missing)
                     for name, missing in (("mean", 0.0), ("std", 1.0)))
        self._normalised = spec.get("mean") is not None or spec.get("std") is not None
        # [channels][1][1]
        self._mean, self._std = mean.to(device), std.to(device)
        levels = torch.arange(256, dtype=torch.float32).div(torch.tensor(255.0))
        rows = how.levels() if how is not None else None
        if rows is None:
            tables = [self._rounded(levels, mean[c, 0, 0], std[c, 0, 0])
                      for c in range(info.channels)]
        else:
            tables = [torch.from_numpy(rows[c % len(rows)]).to(self._dtype)
                      for c in range(info.channels)]
        self._tables = [table.to(device) for table in tables]
        self._alike = all(torch.equal(table, self._tables[0]) for table in self._tables)

    def _values(self, given: Any, missing: float) -> torch.Tensor:
        values = missing if given is None else given
        tensor = torch.as_tensor(values, dtype=torch.float32).flatten()
        return tensor.expand(self._channels).clone().reshape(-1, 1, 1)

    def _rounded(self, x: torch.Tensor, mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
        if self._dtype is torch.uint8:
            return torch.arange(256, dtype=torch.uint8)
        return (x.sub(mean).div(std) if self._normalised else x).to(self._dtype)

    def __call__(self, samples: torch.Tensor) -> torch.Tensor:
        """samples: [count][1 or channels][height][width], on the device; of several views
        [count][views]... Returns images."""
        if samples.dim() == 5:
            images = self(samples.flatten(0, 1))
            return images.view(*samples.shape[:2], *images.shape[1:])
        if samples.dtype is not torch.uint8:
            images = samples.expand(-1, self._channels, -1, -1)
            images = self._rounded(images, self._mean, self._std)
        elif samples.shape[1] == 1 and self._alike:
            images = self._tables[0][samples.int()].expand(-1, self._channels, -1, -1)
        else:
            planes = samples.expand(-1, self._channels, -1, -1).int().unbind(1)
            images = torch.stack([table[plane] for table, plane in zip(self._tables, planes)], 1)
        return (images if self._nchw else images.permute(0, 2, 3, 1)).contiguous()


def _as_it_is(images: torch.Tensor) -> torch.Tensor:
    return images


class Upload:
    """The batches of a Loader with zero_copy=True, on the device; `ahead` copies are under way.

    Samples travel to the device as the daemon keeps them, and images are made of them there: the
    same bytes as the Loader's own. From then on the Loader's views are such samples
    (Loader.view_wire). Batches that it reads without a stream, of a sampler that is asked for each,
    or by DataLoader, are images before they travel; so are those of a transform without workers,
    whose draws are made when a batch is read, here `ahead` batches before it is handed out.

    The daemon's memory is registered once an epoch, and again where the daemon goes over to another
    ring (readers of equal specs that drift apart). Where the device cannot register it, copies go
    through the driver's own buffers, with a warning.

    loader   a Loader, which nobody else iterates over meanwhile
    device   a CUDA device as torch names it
    ahead    1 or more; fewer where the loader's ring has not so many slots

    Shape: lists as the Loader's, [images, labels] or [images, labels, indices], the caller's own. A
    batch may be used at once on the device's current stream. One thread iterates over it.

    Errors: ValueError for a loader without zero_copy; when it reads those of the Loader.
    """

    def __init__(self, loader: Loader, device: Any = "cuda", ahead: int = 2,
                 cuda: Any = None) -> None:
        if not loader.zero_copy:
            raise ValueError("Upload copies from the daemon's memory: Loader(zero_copy=True)")
        self.loader = loader
        loader.view_wire()
        self._cuda = cuda or Cuda(device)
        self._final: Finish | None = None
        self._of: Augmentation | None = None  # that it finishes
        self._ahead = ahead
        # (copies, event, batch), not handed out yet
        self._pending: collections.deque[tuple[Any, Any, Any]] = collections.deque()

    def __repr__(self) -> str:
        return f"<fmnist.torch.Upload of {self.loader!r}, {self._ahead} ahead>"

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self.loader)

    def set_epoch(self, epoch: int) -> None:
        """The Loader's."""
        self.loader.set_epoch(epoch)

    def state_dict(self) -> dict[str, Any]:
        """The position behind the last batch handed out."""
        return self.loader.state_dict(back=len(self._pending))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The next iteration goes on where the state was taken. Errors: the Loader's."""
        self.loader.load_state_dict(state)

    def __iter__(self) -> Iterator[list[torch.Tensor]]:
        """One epoch, on the device."""
        copying: collections.deque[tuple[Any, Any]] = collections.deque()  # (event, batch), handed out
        memory = _Memory(self._cuda)
        batches = iter(self.loader)
        self._pending.clear()
        if self._final is None or self._of is not self.loader._order.augmentation:
            self._of = self.loader._prepare()
            self._final = Finish(self.loader, self._cuda.device)
        # One slot is for the batch to come; large batches have few.
        slots = self.loader.info.slot_count - 1
        ahead = max(1, min(self._ahead, slots))
        most = slots - ahead
        try:
            for batch in batches:
                address, wire = batch[0].data_ptr(), self.loader.shows_wire()
                if wire and address not in memory.where:  # the first, or one of another ring
                    self._finish(copying, memory)
                    memory.register(address, self.loader.info.transport)
                finish = self._final if wire else _as_it_is
                self._pending.append((*self._cuda.copy(batch, finish), batch))
                del batch
                if len(self._pending) > ahead:
                    yield self._hand_out(copying, most)
            while self._pending:
                yield self._hand_out(copying, most)
        finally:
            self._finish(copying, memory)
            self._pending.clear()

    def _hand_out(self, copying: collections.deque[tuple[Any, Any]],
                  most: int) -> list[torch.Tensor]:
        copies: list[torch.Tensor]
        copies, event, batch = self._pending.popleft()
        copying.append((event, batch))
        while copying and (len(copying) > most or copying[0][0].query()):
            copying[0][0].synchronize()
            copying.popleft()
        self._cuda.order(event, copies)
        return copies

    def _finish(self, copying: collections.deque[tuple[Any, Any]], memory: "_Memory") -> None:
        """Ends every copy, then the registration: while a batch is held, its ring is mapped, and
        the last one that was read always is."""
        for event in [entry[0] for entry in copying] + [entry[1] for entry in self._pending]:
            event.synchronize()
        memory.unregister()
        copying.clear()


class _Memory:
    """The mapping that the batches lie in, and whether the device has it registered."""

    def __init__(self, cuda: Any) -> None:
        self._cuda = cuda
        self._registered = False
        self.where = range(0)

    def register(self, address: int, transport: int) -> None:
        if transport != _SHM:  # batches in the program's own memory, each elsewhere
            self.where = range(2 ** 64)
            return
        self.where = mapping_of(address)
        self._registered = self._cuda.register(self.where.start, len(self.where))
        if not self._registered:
            warnings.warn("this device cannot register the daemon's memory: copies take a detour")

    def unregister(self) -> None:
        if self._registered:
            self._cuda.unregister(self.where.start)
        self._registered, self.where = False, range(0)


def mapping_of(address: int) -> range:
    """This process's mapping that holds the address, as a range; proc(5), /proc/pid/maps."""
    with open("/proc/self/maps") as maps:
        for line in maps:
            first, end = (int(part, 16) for part in line.split(None, 1)[0].split("-"))
            if first <= address < end:
                return range(first, end)
    raise ValueError(f"{address:#x} is not mapped")
