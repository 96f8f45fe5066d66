"""Batches on a CUDA device, copied out of the daemon's memory itself.

    ring slot --DMA, on a stream of our own--> tensor on the device
        held until the copy's event says that it is done, then given back to the daemon

Source: cudaHostRegister in the CUDA runtime's "Memory Management". PyTorch's own allocator of
pinned memory does not know these pages: nothing but the batches kept here keeps a slot from being
written again under a copy.
"""
import collections
import warnings

import torch

_SHM = 1  # FMNIST_SHM
_HOST_REGISTER_READ_ONLY = 0x08  # the daemon's memory is mapped read-only


class Cuda:
    """What is asked of CUDA. Tests put another one in its place."""

    def __init__(self, device):
        self.device = torch.device(device)
        self._stream = torch.cuda.Stream(self.device)

    def register(self, address, length):
        """Page-locks memory, so that copies from it run beside everything else. Returns whether."""
        code = torch.cuda.cudart().cudaHostRegister(address, length, _HOST_REGISTER_READ_ONLY)
        return int(code) == 0

    def unregister(self, address):
        torch.cuda.cudart().cudaHostUnregister(address)

    def copy(self, tensors):
        """Begins to copy. Returns the copies and an event: .query(), .synchronize()."""
        with torch.cuda.stream(self._stream):
            copies = [tensor.to(self.device, non_blocking=True) for tensor in tensors]
            event = torch.cuda.Event()
            event.record(self._stream)
        return copies, event

    def order(self, event, copies):
        """What the program does from now on comes behind the copy; the host does not wait."""
        current = torch.cuda.current_stream(self.device)
        current.wait_event(event)
        for tensor in copies:
            tensor.record_stream(current)


class Upload:
    """The batches of a Loader with zero_copy=True, on the device; `ahead` copies are under way.

    The daemon's memory is registered once an epoch, and again where the daemon goes over to another
    ring (readers of equal specs that drift apart). Where the device cannot register it, copies go
    through the driver's own buffers, with a warning.
    """

    def __init__(self, loader, device="cuda", ahead=2, cuda=None):
        if not loader.zero_copy:
            raise ValueError("Upload copies from the daemon's memory: Loader(zero_copy=True)")
        self.loader = loader
        self._cuda = cuda or Cuda(device)
        self._ahead = ahead
        self._pending = collections.deque()  # (copies, event, batch), not handed out yet

    def __len__(self):
        return len(self.loader)

    def set_epoch(self, epoch):
        self.loader.set_epoch(epoch)

    def state_dict(self):
        """The position behind the last batch handed out."""
        return self.loader.state_dict(back=len(self._pending))

    def load_state_dict(self, state):
        self.loader.load_state_dict(state)

    def __iter__(self):
        copying = collections.deque()  # (event, batch), handed out
        memory = _Memory(self._cuda)
        batches = iter(self.loader)
        self._pending.clear()
        # One slot is for the batch to come; large batches have few.
        slots = self.loader.info.slot_count - 1
        ahead = max(1, min(self._ahead, slots))
        most = slots - ahead
        try:
            for batch in batches:
                address = batch[0].data_ptr()
                if address not in memory.where:  # the first, or the daemon gave us another ring
                    self._finish(copying, memory)
                    memory.register(address, self.loader.info.transport)
                self._pending.append((*self._cuda.copy(batch), batch))
                del batch
                if len(self._pending) > ahead:
                    yield self._hand_out(copying, most)
            while self._pending:
                yield self._hand_out(copying, most)
        finally:
            self._finish(copying, memory)
            self._pending.clear()

    def _hand_out(self, copying, most):
        copies, event, batch = self._pending.popleft()
        copying.append((event, batch))
        while copying and (len(copying) > most or copying[0][0].query()):
            copying[0][0].synchronize()
            copying.popleft()
        self._cuda.order(event, copies)
        return copies

    def _finish(self, copying, memory):
        """Ends every copy, then the registration: while a batch is held, its ring is mapped, and
        the last one that was read always is."""
        for event in [entry[0] for entry in copying] + [entry[1] for entry in self._pending]:
            event.synchronize()
        memory.unregister()
        copying.clear()


class _Memory:
    """The mapping that the batches lie in, and whether the device has it registered."""

    def __init__(self, cuda):
        self._cuda = cuda
        self._registered = False
        self.where = range(0)

    def register(self, address, transport):
        if transport != _SHM:  # batches in the program's own memory, each elsewhere
            self.where = range(2 ** 64)
            return
        self.where = mapping_of(address)
        self._registered = self._cuda.register(self.where.start, len(self.where))
        if not self._registered:
            warnings.warn("this device cannot register the daemon's memory: copies take a detour")

    def unregister(self):
        if self._registered:
            self._cuda.unregister(self.where.start)
        self._registered, self.where = False, range(0)


def mapping_of(address):
    """This process's mapping that holds the address, as a range; proc(5), /proc/pid/maps."""
    with open("/proc/self/maps") as maps:
        for line in maps:
            first, end = (int(part, 16) for part in line.split(None, 1)[0].split("-"))
            if first <= address < end:
                return range(first, end)
    raise ValueError(f"{address:#x} is not mapped")
