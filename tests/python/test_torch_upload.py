"""fmnist.torch.Upload with a device of the tests' own: copies that are done late, in the order in
which they began. A slot that is given back too early has other images in it by then."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from fmnist.torch import Loader, Upload  # noqa: E402


class Event:
    def __init__(self, work):
        self._work = work

    def query(self):
        return self._work is None

    def synchronize(self):
        work, self._work = self._work, None
        if work:
            work()


class Device:
    """Copies end `late` copies later."""

    def __init__(self, late, registers=True):
        self._late, self._registers = late, registers
        self.events, self.calls, self.ordered = [], [], 0

    def register(self, address, length):
        self.calls.append(("register", address, length))
        return self._registers

    def unregister(self, address):
        assert all(event.query() for event in self.events)
        self.calls.append(("unregister", address))

    def copy(self, tensors):
        copies = [torch.empty_like(tensor) for tensor in tensors]
        pairs = [(copy, tensor.numpy()) for copy, tensor in zip(copies, tensors)]
        _, first, length = next(c for c in reversed(self.calls) if c[0] == "register")
        assert all(first <= t.data_ptr() < first + length for t in tensors)
        # An address, not a tensor: the device keeps nothing alive.
        views = [(copy, array.__array_interface__) for copy, array in pairs]
        self.events.append(Event(lambda: [copy.copy_(_from(where)) for copy, where in views]))
        if len(self.events) > self._late:
            self.events[-1 - self._late].synchronize()
        return copies, self.events[-1]

    def order(self, event, copies):
        self.ordered += 1


class Memory:
    def __init__(self, where):
        self.__array_interface__ = where


def _from(where):
    return torch.from_numpy(np.array(Memory(where)))


def loader(**options):
    return Loader(**{"split": "test", "seed": 3, "shuffle": True, "zero_copy": True, **options})


def same(got, want):
    assert len(got) == len(want)
    for ours, theirs in zip(got, want):
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs))


@pytest.mark.parametrize("late", [0, 1, 5, 1000])
@pytest.mark.parametrize("shuffle", [{"seed": 3}, {"seed": None}], ids=["seed", "drawn"])
def test_upload__copies_that_end_late__every_batch_right(daemon, late, shuffle):
    torch.manual_seed(1)
    plain = loader(zero_copy=False, **shuffle)
    want = [list(plain), list(plain)]
    torch.manual_seed(1)
    upload = Upload(loader(**shuffle), cuda=Device(late))
    for epoch in want:
        upload._cuda.calls.clear()
        same(list(upload), epoch)
        assert [call[0] for call in upload._cuda.calls] == ["register", "unregister"]
    assert upload._cuda.ordered == 2 * len(upload)


@pytest.mark.parametrize("batch_size", [256, 2500])
@pytest.mark.parametrize("ahead", [1, 2, 100])
def test_upload__few_slots__never_more_held_than_there_are(daemon, batch_size, ahead):
    options = {"batch_size": batch_size, "height": 64, "width": 64}
    upload = Upload(loader(**options), cuda=Device(1000), ahead=ahead)
    same(list(upload), list(loader(zero_copy=False, **options)))


def test_upload__broken_off__copies_end_first_and_next_epoch_is_right(daemon):
    upload = Upload(loader(), cuda=Device(10))
    for i, _ in enumerate(upload):
        if i == 4:
            break
    del _
    assert [call[0] for call in upload._cuda.calls] == ["register", "unregister"]
    upload._cuda.calls.clear()
    plain = loader(zero_copy=False)
    plain.set_epoch(1)
    same(list(upload), list(plain))


def test_upload__state__behind_what_was_handed_out(daemon):
    upload = Upload(loader(), cuda=Device(3), ahead=4)
    batches = iter(upload)
    for _ in range(5):
        next(batches)
    state = upload.state_dict()
    other = loader(zero_copy=False)
    other.load_state_dict(state)
    same(list(batches), list(other))


def test_upload__device_that_cannot_register__said_and_right(daemon):
    upload = Upload(loader(), cuda=Device(1, registers=False))
    with pytest.warns(UserWarning, match="cannot register"):
        got = list(upload)
    same(got, list(loader(zero_copy=False)))
    assert len(upload._cuda.calls) == 1


def test_upload__owned_tensors__refused(daemon):
    with pytest.raises(ValueError, match="zero_copy=True"):
        Upload(loader(zero_copy=False), cuda=Device(0))
