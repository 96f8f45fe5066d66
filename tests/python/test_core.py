# SPDX-License-Identifier: MIT
"""The framework-neutral core: positions, ownership, leases, and what goes wrong."""

import collections
import contextlib
import gc
import gzip
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import threading
import time

import numpy as np
import pytest

import fmnist
from fmnist import _native, errors

from conftest import DATASET, FMNISTD, ROOT


def stream(**options):
    return fmnist.open(**{"resize": "none", "dtype": "uint8", "indices": True, "order": "shuffle",
                          **options})


def numbers(batches):
    return np.concatenate([indices for _, _, indices in batches])


@pytest.fixture
def own_daemon():
    """A daemon that the test may stop or kill."""
    with fmnist.Daemon() as daemon:
        yield daemon
        daemon.process.send_signal(signal.SIGCONT)


def test_datasets__names_sizes_classes(daemon):
    train, test = fmnist.datasets()
    assert (train.name, train.split, train.count) == ("fashion-mnist", "train", 60000)
    assert (test.split, test.count, test.height, test.channels) == ("test", 10000, 28, 1)
    assert train.class_names[9] == "Ankle boot"
    assert fmnist.status()


@pytest.mark.parametrize("batch_size", [1, 7, 64, 5000])
@pytest.mark.parametrize("zero_copy", [False, True])
def test_epoch__every_sample_once_with_its_pixels(daemon, raw_test, batch_size, zero_copy):
    seen = []
    for X, y, indices in stream(split="test", batch_size=batch_size, zero_copy=zero_copy):
        assert X.shape == (len(y), 1, 28, 28)
        assert (X[:, 0] == raw_test[0][indices]).all() and (y == raw_test[1][indices]).all()
        seen += indices.tolist()
    assert sorted(seen) == list(range(10000))


def test_owned__list_and_in_place__own_memory(daemon):
    s = stream(split="test", batch_size=3)
    first = list(s)
    s.seek(0)
    for X, y, indices in s:
        X += 1
        y[:] = 0
    s.seek(0)
    assert all((a == b).all() for x, y in zip(first, s) for a, b in zip(x, y))


def test_zero_copy__written_to__refused(daemon):
    X, _, _ = next(iter(stream(zero_copy=True)))
    with pytest.raises(ValueError, match="read-only"):
        X += 1
    with pytest.raises(ValueError):
        X.flags.writeable = True


def test_zero_copy__every_slot_held__said_and_goes_on(daemon, raw_train):
    s = stream(zero_copy=True)
    held, batches = [], iter(s)
    with pytest.raises(errors.EverySlotHeld, match="held"):
        for batch in batches:
            held.append(batch)
    assert len(held) == s.info.slot_count
    assert all((X[:, 0] == raw_train[0][i]).all() for X, _, i in held)
    position = s.step
    del held[:-1]  # slots come back in the order they were filled
    gc.collect()
    assert next(iter(s))[2].shape == (64,) and s.step == position + 1


def test_zero_copy__a_slice_outlives_stream__stays_valid(daemon, raw_train):
    s = stream(zero_copy=True)
    X, _, indices = next(iter(s))
    part, want = X[5, 0], raw_train[0][indices[5]].copy()
    s.close()
    del s, X, indices
    gc.collect()
    with_others = numbers(stream())  # whoever may reuse the memory does
    assert (part == want).all() and len(with_others) == 60000


@pytest.mark.parametrize("batch_size", [1, 64])
@pytest.mark.parametrize("zero_copy", [False, True])
def test_token__inside_a_block__goes_on_behind_what_was_handed_out(daemon, batch_size, zero_copy):
    options = dict(split="test", batch_size=batch_size, zero_copy=zero_copy, seed=4)
    whole = numbers(list(map(lambda b: [a.copy() for a in b], stream(**options))))
    s = stream(**options)
    batches = iter(s)
    for _ in range(5):
        next(batches)
    token, state, copy = s.token(), s.state_dict(), pickle.loads(pickle.dumps(s))
    for other in (stream(token=token, **options), copy):
        assert (other.epoch, other.step) == (0, 5)
        rest = numbers([[a.copy() for a in b] for b in other])
        assert (rest == whole[5 * batch_size:]).all()
    next(batches)
    s.load_state_dict(state)
    assert s.step == 5
    with pytest.raises(RuntimeError, match="newer iterator"):
        list(batches)
    with pytest.raises(errors.TokenError):
        stream(token=token, **{**options, "seed": 5})


def test_epochs__each_iteration_the_next(daemon):
    s = stream(split="test", epoch=3)
    a, b = numbers(s), numbers(s)
    assert (s.epoch, s.step) == (5, 0) and (a != b).any()
    assert (b == numbers(stream(split="test", epoch=4))).all()


def _child(s, queue):
    queue.put(numbers(s).tolist())


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers__a_stream_handed_over__its_own_connection(daemon, method):
    s = stream(split="test", batch_size=100)
    batches = iter(s)
    next(batches)
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=_child, args=(s, queue))
    child.start()
    theirs = queue.get(timeout=60)
    child.join()
    assert child.exitcode == 0 and numbers(batches).tolist() == theirs


def test_interrupt__while_waiting__raised_soon_and_nothing_lost(own_daemon):
    s = stream(socket=own_daemon.socket, batch_size=1000, resize="pillow-bilinear",
               height=64, width=64)
    want = numbers(s)
    s.seek(0)
    batches = iter(s)
    got = [next(batches)]
    own_daemon.process.send_signal(signal.SIGSTOP)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        for batch in batches:
            got.append(batch)
        time.sleep(5)
    assert time.monotonic() - began < 3
    own_daemon.process.send_signal(signal.SIGCONT)
    got += list(s)
    assert (numbers(got) == want).all()


def test_timeout__daemon_stalls__said(own_daemon):
    s = stream(socket=own_daemon.socket, batch_size=1000, timeout=0.3)
    batches = iter(s)
    next(batches)
    own_daemon.process.send_signal(signal.SIGSTOP)
    with pytest.raises(errors.Timeout, match="no batch within 300 ms"):
        list(batches)


def test_daemon_killed__told_apart(own_daemon):
    s = stream(socket=own_daemon.socket, reconnect=0)
    batches = iter(s)
    next(batches)
    own_daemon.process.kill()
    own_daemon.process.wait()
    with pytest.raises((errors.DaemonDied, errors.NoDaemon)):
        list(batches)


class Restartable:
    """A daemon that can be killed and started again at the same socket."""

    def __init__(self, folder):
        self.socket = str(folder / "fmnistd.sock")
        self.config = folder / "fmnistd.yaml"
        self.serve(DATASET)
        self.start()

    def serve(self, path, ring="1MiB"):
        self.config.write_text(f"socket: '{self.socket}'\ncache: none\nring: {ring}\n"
                               f"datasets: [{{name: fashion-mnist, path: '{path}'}}]\n")

    def start(self):
        self.process = subprocess.Popen([FMNISTD, "-c", self.config],
                                        stderr=subprocess.PIPE, text=True)
        assert any(" ready" in line for line in self.process.stderr)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()


@pytest.fixture
def restartable(tmp_path):
    daemon = Restartable(tmp_path)
    yield daemon
    daemon.kill()


@pytest.mark.parametrize("transport", ["shm", "inline"])
@pytest.mark.parametrize("zero_copy", [False, True])
def test_daemon_killed_and_restarted__same_iterator__the_very_next_batch(
        restartable, transport, zero_copy):
    # Batches of 1.6 MB: at most two of them lie ready.
    s = stream(socket=restartable.socket, split="test", batch_size=2000, transport=transport,
               zero_copy=zero_copy, order="list", list=range(10000))
    want = [[a.copy() for a in batch] for batch in s]
    s.seek(0)
    got, starting = [], None
    for batch in s:
        if starting:
            starting.join()
        restartable.kill()
        starting = threading.Timer(0.2, restartable.start)
        starting.start()
        got.append([a.copy() for a in batch])  # a view's daemon is gone, and it is valid
    starting.join()
    assert len(got) == 5
    for a, b in zip(want, got):
        assert all((x == y).all() for x, y in zip(a, b))


def test_daemon_away__interrupt_and_state__soon_and_without_it(restartable):
    s = stream(socket=restartable.socket, split="test", batch_size=1000)
    want = numbers(s)
    s.seek(0)
    batches = iter(s)
    got = [next(batches)]
    restartable.kill()
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        for batch in batches:
            got.append(batch)
        time.sleep(10)
    token = s.token()
    s.close()
    assert s.token() == token == s.state_dict()["token"]
    restartable.start()
    got += list(s)
    assert (numbers(got) == want).all()


# The next daemon's ring has more slots; the call that opened it again ended with a signal.
def test_daemon_restarted__interrupted_just_then__room_for_every_view(restartable):
    restartable.kill()
    restartable.serve(DATASET, "64KiB")
    restartable.start()
    s = stream(socket=restartable.socket, batch_size=8, zero_copy=True)
    next(iter(s))
    restartable.kill()
    restartable.serve(DATASET, "8MiB")

    class Opened(Exception):
        pass

    seen = []
    looking = []  # the next signal comes while it asks still

    def look(*unused):
        if seen or looking:
            return
        looking.append(True)
        try:
            with contextlib.suppress(errors.Error):
                clients = fmnist.status(restartable.socket)["clients"]
                if any("stream" in client for client in clients):
                    seen.append(True)
                    raise Opened
        finally:
            looking.clear()

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    starting = threading.Timer(0.1, restartable.start)
    starting.start()
    try:
        with pytest.raises(Opened):
            while True:
                collections.deque(s, maxlen=0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        starting.join()
    batches = iter(s)
    held = [next(batches) for _ in range(900)]
    restartable.process.send_signal(signal.SIGSTOP)
    del held[:5]  # so many slots are free, and nobody fills them
    more = []
    reading = threading.Thread(
        target=lambda: more.extend(len(labels) for _, (_, labels, _) in zip(range(200), batches)))
    reading.start()
    time.sleep(0.3)  # it waits for the daemon
    assert reading.is_alive()
    held.clear()
    restartable.process.send_signal(signal.SIGCONT)
    reading.join(30)
    assert more == [8] * 200


def test_daemon_restarted__other_data__refused(restartable, tmp_path, raw_test):
    s = stream(socket=restartable.socket, split="test", batch_size=1000, reconnect=30)
    batches = iter(s)
    next(batches)
    restartable.kill()
    folder = tmp_path / "other"
    folder.mkdir()
    for file in DATASET.iterdir():
        if "ubyte" in file.name:
            data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
            (folder / file.name.removesuffix(".gz")).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    restartable.serve(folder)
    restartable.start()
    with pytest.raises(errors.TokenError, match="other data under fashion-mnist/test"):
        list(batches)


def test_daemon_killed__not_back_in_time__said(restartable):
    s = stream(socket=restartable.socket, split="test", batch_size=1000, reconnect=0.3, timeout=0.1)
    batches = iter(s)
    next(batches)
    restartable.kill()
    with pytest.raises(errors.DaemonDied, match="within 300 ms"):
        list(batches)


def test_errors__every_code_of_the_header__a_class_of_its_own():
    header = (ROOT / "include/fmnist.h").read_text()
    codes = [int(code) for code in re.findall(r"FMNIST_E\w+ = (-\d+)", header)]
    assert codes == list(range(-1, -len(codes) - 1, -1))
    kinds = {type(errors.of(code, "said")) for code in codes}
    assert len(kinds) == len(codes) and errors.Error not in kinds
    assert issubclass(type(errors.of(-13, "said")), PermissionError)


def test_no_daemon__one_sentence_with_the_command(tmp_path):
    with pytest.raises(errors.NoDaemon, match=r"no daemon at .*fmnistd -c FILE.*daemon=\"auto\""):
        fmnist.open(socket=str(tmp_path / "none.sock"))


@pytest.mark.parametrize("options, kind, text", [
    (dict(dataset="mnist-of-mars"), errors.NotFound, "mnist-of-mars"),
    (dict(batch_size=0), errors.InvalidSpec, "batch-size"),
    (dict(order="backwards"), errors.InvalidSpec, "order"),
    (dict(batchsize=1), TypeError, "batchsize=; did you mean batch_size=?"),
])
def test_spec__wrong__the_librarys_words(daemon, options, kind, text):
    with pytest.raises(kind, match=text):
        fmnist.open(**options)


# ---- a list of images, in any order: what PyTorch has as a Subset

def subset(values=None, size=257):
    values = np.random.default_rng(4).choice(10000, size, True) if values is None else values
    torch = pytest.importorskip("torch")
    return torch.utils.data, torch.utils.data.Subset(range(10000), values)


@pytest.mark.parametrize("order, shuffle", [("torch", True), ("sequential", False),
                                            ("list", False)])
@pytest.mark.parametrize("world", [1, 2, 3, 5])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("seed", [0, 77])
def test_list__any_rank__distributed_sampler_over_a_subset(daemon, order, shuffle, world,
                                                           drop_last, seed):
    data, chosen = subset()
    for rank in range(world):
        sampler = data.DistributedSampler(chosen, world, rank, shuffle, seed, drop_last)
        loader = data.DataLoader(chosen, 16, sampler=sampler, drop_last=drop_last)
        s = stream(split="test", batch_size=16, list=chosen.indices, order=order, seed=seed,
                   rank=rank, world_size=world, drop_last=drop_last)
        assert len(s) == len(loader)
        for epoch in range(2):
            sampler.set_epoch(epoch)
            assert [i.tolist() for _, _, i in s] == [b.tolist() for b in loader]


@pytest.mark.parametrize("size", [1, 2, 16, 257, 20000])
def test_list__torch_loader__data_loader_over_a_subset(daemon, size):
    data, chosen = subset(size=size)
    torch = pytest.importorskip("torch")
    generator = torch.Generator().manual_seed(5)
    loader = data.DataLoader(chosen, 16, sampler=data.RandomSampler(chosen, generator=generator),
                             generator=generator)
    s = stream(split="test", batch_size=16, list=chosen.indices, order="torch-loader", seed=5)
    for _ in range(3):
        assert [i.tolist() for _, _, i in s] == [b.tolist() for b in loader]


def test_list__numpy__gluons_shuffle_of_it(daemon):
    chosen = np.arange(0, 10000, 39)
    s = stream(split="test", batch_size=16, list=chosen, order="numpy", seed=3)
    random = np.random.RandomState(3)
    for _ in range(2):
        places = np.arange(len(chosen))
        random.shuffle(places)
        assert (numbers(s) == chosen[places]).all()


def test_list__saved_anywhere__pixels_of_the_rest(daemon, raw_test):
    chosen = range(5000, 5100)
    options = dict(split="test", batch_size=7, list=chosen, order="torch", seed=9)
    s = stream(**options)
    for _ in range(2):
        tokens, whole = [s.token()], []
        for X, y, indices in s:
            assert (X[:, 0] == raw_test[0][indices]).all() and (y == raw_test[1][indices]).all()
            tokens.append(s.token())
            whole.append(indices)
        for step, token in enumerate(tokens[:-1]):
            with pickle.loads(pickle.dumps(stream(**options, token=token))) as rest:
                assert numbers(rest).tolist() == np.concatenate(whole[step:]).tolist()


@pytest.mark.parametrize("order", ["sequential", "shuffle", "torch", "torch-loader", "numpy"])
def test_list__every_order__each_of_it_once(daemon, order):
    chosen = np.random.default_rng(1).choice(60000, 4321, False)
    got = numbers(stream(list=chosen, order=order, seed=2))
    assert sorted(got) == sorted(chosen) and (got == chosen).all() == (order == "sequential")


@pytest.mark.parametrize("options, kind, text", [
    (dict(list=[]), ValueError, "list is empty"),
    (dict(list=[1, 2], list_batches=[]), ValueError, "list_batches is empty"),
    (dict(list=[3, -1]), ValueError, r"list\[1\] is -1, of 2 numbers"),
    (dict(list=np.array([2 ** 32])), ValueError, r"list\[0\] is 4294967296"),
    (dict(list=[0.5]), TypeError, "list has numbers of type float64: want whole numbers"),
    (dict(list=np.ones(5, bool)), TypeError, r"a mask of 5 booleans: .* np.flatnonzero\(mask\)"),
    (dict(list=[[1], [2]]), ValueError, r"list has shape \(2, 1\)"),
    (dict(list=[1, 60000]), errors.InvalidSpec,
     r"list\[1\] is 60000: the split has 60000 images, 0 to 59999"),
    (dict(list=[1, 2], list_batches=[2], order="torch"), errors.InvalidSpec,
     "list_batches with order torch"),
    (dict(order="list"), errors.InvalidSpec, "order list with 0 indices: want a list of 1 to"),
])
def test_list__wrong__a_sentence_with_the_place(daemon, options, kind, text):
    with pytest.raises(kind, match=text):
        stream(**{"order": "sequential", **options})


# ---- augmentation

CHAIN = "random-crop(20, padding=2) random-horizontal-flip to-tensor"


def _drawn(images, seed, views=1):
    """Draws of those images by seed, [images][views][values], and the pixels that they make."""
    native = _native.Augment(CHAIN, 1, 28, 28)
    values = np.empty((len(images), views, native.info()[0]), np.uint32)
    native.draw(seed, 0, views, np.arange(len(images), dtype=np.uint32), values)
    made = np.empty((len(images) * views, 1, 20, 20), np.float32)
    native.run(np.repeat(images[:, None], views, 0), values, made)
    return values, made.reshape(len(images), *((views,) if views > 1 else ()), 1, 20, 20)


@pytest.mark.parametrize("views", [1, 3])
def test_stream__draws_of_each_kind__the_same_pixels(daemon, raw_test, views):
    count, numbers = 100, np.arange(100, dtype=np.uint32)
    values, want = _drawn(raw_test[0][:count], 5, views)
    spec = dict(split="test", list=numbers, order="list", augment=CHAIN, views=views, batch_size=7)
    got = np.concatenate([x for x, _ in fmnist.open(**spec, seed=5)])
    assert got.tobytes() == want.tobytes() and got.shape == want.shape
    for bits in (values, values.view(np.int32), values.view(np.float32)):
        listed = fmnist.open(**spec, draws="list", list_values=bits)
        assert np.concatenate([x for x, _ in listed]).tobytes() == want.tobytes()
    for zero_copy in (False, True):
        stream = fmnist.open(**spec, draws="caller", zero_copy=zero_copy, timeout=5)
        asked = []

        def draw(step, samples):
            asked.append((step, samples))
            return values[7 * step:7 * step + samples]

        stream.draw = draw
        assert np.concatenate([np.array(x) for x, _ in stream]).tobytes() == want.tobytes()
        assert asked == [(step, min(7, count - 7 * step)) for step in range(15)]
        part = [batch.images.tobytes() for batch in stream.batches(1, 4)]  # of each fourth
        assert b"".join(part) == b"".join(want[7 * s:7 * s + 7].tobytes() for s in range(1, 15, 4))


@pytest.mark.parametrize("options, error, words", [
    (dict(draws="list", list_values=np.zeros(3, np.uint32)), errors.InvalidSpec, "list_value"),
    (dict(draws="list", list_values=np.zeros(3)), TypeError, "4 bytes each"),
    (dict(draws="list"), errors.InvalidSpec, "list_values"),
    (dict(list_values=np.zeros(6, np.uint32)), errors.InvalidSpec, "list_values"),
    (dict(draws="none"), errors.InvalidSpec, "counter, list, caller"),
    (dict(views=17), errors.InvalidSpec, "views"),
    (dict(draws="list", list_values=np.full((2, 3), 99, np.uint32)), errors.InvalidSpec, "top"),
])
def test_stream__draws_that_do_not_fit__refused(daemon, options, error, words):
    spec = dict(split="test", list=[0, 1], order="list", augment=CHAIN)
    with pytest.raises(error, match=words):
        fmnist.open(**{**spec, **options})


def test_stream__callers_draws__none_or_wrong_ones(daemon):
    stream = fmnist.open(split="test", list=range(10), order="list", augment=CHAIN, batch_size=4,
                         draws="caller")
    with pytest.raises(errors.InvalidSpec, match="fmnist_stream_values"):
        next(iter(stream))
    for wrong, error, words in (
            (np.zeros((3, 1, 3), np.uint32), errors.InvalidSpec, "values of 3 samples: .* has 4"),
            (np.zeros(5, np.uint32), ValueError, "a multiple of 12"),
            (np.full((4, 1, 3), 99, np.uint32), errors.InvalidSpec, "top is 99")):
        stream.draw = lambda step, samples: wrong
        stream.seek(0)
        with pytest.raises(error, match=words):
            next(iter(stream))


def test_augment__its_values__named():
    native = _native.Augment(CHAIN, 1, 28, 28)
    assert native.info() == (3, 1, 20, 20, 2, "random-crop(size=20, padding=2) "
                             "random-horizontal-flip to-tensor")
    assert [native.value(i) for i in range(3)] == [
        (0, "random-crop", "top", False), (0, "random-crop", "left", False),
        (1, "random-horizontal-flip", "applied", False)]
    with pytest.raises(errors.InvalidSpec):
        native.value(3)
    with pytest.raises(errors.InvalidSpec, match="augment, character 1"):
        _native.Augment("random-crp(3)", 1, 28, 28)
    for samples, values, images, words in (
            (784, 12, 1600, None), (783, 12, 1600, "samples has 783 bytes, want a multiple of 784"),
            (784, 16, 1600, "values has 16 bytes, want 12"), (784, 12, 9, "images has 9 bytes")):
        arrays = [np.zeros(n, np.uint8) for n in (samples, values, images)]
        if words is None:
            native.run(*arrays)
            continue
        with pytest.raises(ValueError, match=words):
            native.run(*arrays)
