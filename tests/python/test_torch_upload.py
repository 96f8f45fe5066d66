# SPDX-License-Identifier: MIT
"""fmnist.torch.Upload with a device of the tests' own: copies that are done late, in the order in
which they began. A slot that is given back too early has other images in it by then."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from fmnist.torch import Loader, Upload  # noqa: E402


torch.set_num_threads(1)  # teams of threads for small batches cost most of the time here
SAMPLES = (torch.uint8, torch.float32)


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

    def __init__(self, late, registers=True, kinds=SAMPLES):
        self.device, self._late, self._registers = torch.device("cpu"), late, registers
        self.events, self.calls, self.ordered = [], [], 0
        self.kinds = kinds  # of what travels

    def register(self, address, length):
        self.calls.append(("register", address, length))
        return self._registers

    def unregister(self, address):
        assert all(event.query() for event in self.events)
        self.calls.append(("unregister", address))

    def copy(self, tensors, finish):
        where = [call for call in self.calls if call[0] == "register"]
        if where:  # inline has no ring
            _, first, length = where[-1]
            assert first <= tensors[0].data_ptr() < first + length
        assert tensors[0].dtype in self.kinds
        shape = finish(tensors[0][:1])
        done = [torch.empty((len(tensors[0]), *shape.shape[1:]), dtype=shape.dtype),
                *(torch.empty_like(tensor) for tensor in tensors[1:])]
        # Addresses, not tensors: the device keeps nothing alive.
        views = [tensor.numpy().__array_interface__ for tensor in tensors]

        def work():
            done[0].copy_(finish(_from(views[0])))
            for copy, view in zip(done[1:], views[1:]):
                copy.copy_(_from(view))

        self.events.append(Event(work))
        if len(self.events) > self._late:
            self.events[-1 - self._late].synchronize()
        return done, self.events[-1]

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


FORMS = [dict(dtype="float32"), dict(dtype="uint8"), dict(dtype="float16"), dict(dtype="bfloat16"),
         dict(mean=0.2860, std=0.3530), dict(mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6), channels=3),
         dict(channels=3), dict(channels=3, layout="NHWC"), dict(mean=0.5, dtype="float16"),
         dict(channels=3, layout="NHWC", dtype="uint8"), dict(std=0.3081, dtype="bfloat16"),
         dict(mean=(0.1, 0.2, 0.3), channels=3, layout="NHWC", dtype="bfloat16"),
         dict(resize="tf-bilinear-pad", height=32, width=32),
         dict(resize="tf-bilinear-pad", height=32, width=32, mean=(0.1, 0.2, 0.3), std=0.7,
              channels=3, layout="NHWC", dtype="float16")]


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("transport", ["shm", "inline"])
def test_upload__any_form__the_bytes_of_the_cpu(daemon, form, transport):
    options = dict(indices=range(300), batch_size=64, with_indices=True, transport=transport, **form)
    upload = Upload(loader(**options), cuda=Device(2))
    batches = list(upload)
    same(batches, list(loader(zero_copy=False, **options)))
    assert batches[0][0].is_contiguous()


class Asked:
    """Batches that nobody knows before they are asked for."""

    def __len__(self):
        return 20

    def __iter__(self):
        return iter([[i, 2 * i, 7000 - i] for i in range(20)])


# Such batches are read one by one, without a stream: images of the Loader's already. (This device
# goes through NumPy, which has no bfloat16.)
@pytest.mark.parametrize("form", [form for form in FORMS if form.get("dtype") != "bfloat16"],
                         ids=str)
def test_upload__sampler_that_is_asked__finished_once(daemon, form):
    options = dict(shuffle=None, seed=None, batch_sampler=Asked(), **form)
    want = list(loader(zero_copy=False, **options))
    upload = Upload(loader(**options), cuda=Device(2, kinds=[want[0][0].dtype]))
    for _ in range(2):
        same(list(upload), want)
    assert not upload._cuda.calls  # the program's memory is its own to lock


AUGMENTED = {
    "levels": ("random-crop(28, padding=4) random-horizontal-flip to-tensor normalize(0.3, 0.4)", {}),
    "multiplied": ("to-image random-crop(26) to-dtype", {}),
    "moved": ("to-tensor random-vertical-flip normalize(0.3, 0.4)", {"dtype": "float16"}),
    "floats": ("random-rotation(10) to-tensor normalize(0.3, 0.4) random-erasing(1)", {}),
    "picture": ("random-crop(28, padding=4)", {"mean": 0.25, "std": 0.5, "layout": "NHWC"}),
    "bytes": ("random-horizontal-flip", {"dtype": "uint8"}),
    "channels": ("random-crop(28, padding=4)", {"channels": 3, "mean": (0.1, 0.2, 0.3)}),
    "colour": ("grayscale(3) color-jitter(0.4) to-tensor normalize((0.1, 0.2, 0.3), 0.5)", {}),
    "views": ("random-crop(28, padding=4) to-tensor", {"views": 2}),
}


@pytest.mark.parametrize("how", [{"draws": "counter"}, {"num_workers": 2}, {}],
                         ids=["counter", "workers", "none"])
@pytest.mark.parametrize("name", AUGMENTED)
def test_upload__augmented__as_the_loader_itself(daemon, name, how):
    text, form = AUGMENTED[name]
    options = dict(augment=text, batch_size=300, **form, **how)
    torch.manual_seed(4)
    want = list(loader(zero_copy=False, **options))
    torch.manual_seed(4)
    travels = SAMPLES if how else (want[0][0].dtype,)
    upload = Upload(loader(**options), cuda=Device(2, kinds=travels))
    same(list(upload), want)
    assert upload.loader.shows_wire() == bool(how)


# A transform that is set later, and that is not known, has DataLoader make the batches, of single samples.
def test_upload__transform_set_between_epochs__finished_once(daemon):
    options = dict(batch_size=2500, mean=0.25, std=0.5)
    upload, plain = Upload(loader(**options), cuda=Device(2)), loader(zero_copy=False, **options)
    same(list(upload), list(plain))
    for each in (upload.loader, plain):
        each.dataset.transform = lambda image: np.array(image, np.float32)[None]
    for each in (upload, plain):
        each.set_epoch(1)
    upload._cuda.calls.clear()
    same(list(upload), list(plain))


def test_upload__state__is_the_loaders_own(daemon):
    plain = loader(zero_copy=False)
    ours = Upload(loader(), cuda=Device(1))
    running = iter(ours)
    for _ in range(5):
        next(running)
    plain.load_state_dict(ours.state_dict())
    same(list(running), list(plain))


def test_upload__owned_tensors__refused(daemon):
    with pytest.raises(ValueError, match="zero_copy=True"):
        Upload(loader(zero_copy=False), cuda=Device(0))
