# SPDX-License-Identifier: MIT
"""fmnistctl import: pixels and labels are what the frameworks' own loaders read from the same files."""

import io
import pickle
import subprocess
import tarfile
import zipfile

import numpy as np
import pytest

from conftest import FMNISTCTL


def run_import(folder, *sources, **options):
    words = [w for k, v in options.items() for w in (f"--{k.replace('_', '-')}", str(v))]
    return subprocess.run([FMNISTCTL, "import", *sources, "--name", "x", "-o", folder / "set",
                           *words], capture_output=True, text=True)


def read_idx(path):
    data = path.read_bytes()
    dims = np.frombuffer(data, ">u4", data[3], 4)
    dtype = {8: "u1", 12: ">i4"}[data[2]]
    return np.frombuffer(data, dtype, offset=4 + 4 * data[3]).reshape(dims)


def imported(folder, *sources, **options):
    """{split: (images, labels)} of what was written."""
    done = run_import(folder, *sources, **options)
    assert done.returncode == 0, done.stderr
    splits = {}
    for path in sorted((folder / "set").glob("*-images-*")):
        split = path.name.split("-images-")[0]
        labels = next((folder / "set").glob(f"{split}-labels-*"))
        splits[split] = read_idx(path), read_idx(labels)
    return splits


def refused(folder, *sources, **options):
    done = run_import(folder, *sources, **options)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and not list(folder.glob("set*"))
    assert not list(folder.glob(".*"))
    return done.stderr


def pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


# ---- NumPy arrays

@pytest.mark.parametrize("shape", [(7, 28, 28), (7, 5, 6, 3)])
def test_npz__keras_names__equal_arrays(tmp_path, shape):
    x, y = pixels(*shape), np.arange(7, dtype=np.uint8)
    np.savez_compressed(tmp_path / "m.npz", x_test=x[:2], x_train=x[2:], y_train=y[2:], y_test=y[:2])
    splits = imported(tmp_path, tmp_path / "m.npz")
    for split, part in ("train", slice(2, 7)), ("test", slice(0, 2)):
        assert np.array_equal(splits[split][0], x[part]) and np.array_equal(splits[split][1], y[part])


@pytest.mark.parametrize("size", [28, 64])
def test_npz__medmnist_names__three_splits_and_columns(tmp_path, size):
    x = pixels(9, size, size, 3)
    one, many = np.arange(9, dtype=np.uint8)[:, None], pixels(9, 14) % 2
    for labels in one, many:
        arrays = {f"{s}_{k}": v[i * 3:i * 3 + 3] for i, s in enumerate(("train", "val", "test"))
                  for k, v in (("images", x), ("labels", labels))}
        np.savez(tmp_path / "pathmnist.npz", **arrays)
        splits = imported(tmp_path, tmp_path / "pathmnist.npz")
        assert set(splits) == {"train", "validation", "test"}
        assert np.array_equal(splits["validation"][0], x[3:6])
        assert np.array_equal(splits["validation"][1], labels[3:6].squeeze())
        text = (tmp_path / "set/dataset.yaml").read_text()
        assert ("multi_label: true" in text) == (labels is many)
        subprocess.run(["rm", "-r", tmp_path / "set"], check=True)


def test_npz__kuzushiji_49__arr_0_in_four_files(tmp_path):
    x, y = pixels(6, 28, 28), np.arange(43, 49, dtype=np.uint8)
    paths = []
    for split, part in ("train", slice(0, 4)), ("test", slice(4, 6)):
        for kind, a in ("imgs", x), ("labels", y):
            paths.append(tmp_path / f"k49-{split}-{kind}.npz")
            np.savez_compressed(paths[-1], a[part])
    splits = imported(tmp_path, *paths)
    assert np.array_equal(splits["train"][0], x[:4]) and np.array_equal(splits["test"][1], y[4:])
    subprocess.run(["rm", "-r", tmp_path / "set"], check=True)
    assert np.array_equal(imported(tmp_path, tmp_path)["test"][0], x[4:])  # the folder of them


@pytest.mark.parametrize("dtype", ["u1", "<i8", ">i8", ">i4", "<u2", "<f4", ">f8", "<f8"])
@pytest.mark.parametrize("order", "CF")
def test_npy__each_type_and_order__the_same_levels(tmp_path, dtype, order):
    x, y = pixels(50, 7, 6, 3), np.arange(50) * 7
    a = (x / np.dtype(dtype).type(255)).astype(dtype) if "f" in dtype else x.astype(dtype)
    np.save(tmp_path / "x.npy", np.array(a, order=order))
    np.save(tmp_path / "y.npy", y.astype(np.int64))
    splits = imported(tmp_path, tmp_path / "x.npy", tmp_path / "y.npy")
    assert np.array_equal(splits["train"][0], x) and np.array_equal(splits["train"][1], y)


def test_npy__channels_first_flat_rows_and_truth(tmp_path):
    x, y = pixels(5, 3, 8, 7), np.arange(5, dtype=np.uint8)
    np.save(tmp_path / "y.npy", y)
    for a, size, want in ((x, None, x.transpose(0, 2, 3, 1)),
                          (x.reshape(5, -1), "8x7", x.transpose(0, 2, 3, 1)),
                          (x[:, 0, :7].reshape(5, -1), None, x[:, 0, :7]),
                          (x[:, 0] > 99, None, x[:, 0] > 99)):
        np.save(tmp_path / "x.npy", a)
        options = {"size": size} if size else {}
        splits = imported(tmp_path, tmp_path / "x.npy", tmp_path / "y.npy", **options)
        assert np.array_equal(splits["train"][0], want)
        subprocess.run(["rm", "-r", tmp_path / "set"], check=True)


def test_npz__names_that_are_said__those_arrays(tmp_path):
    x, y = pixels(4, 9, 9), np.array([3, 300, 0, 1])
    np.savez(tmp_path / "a.npz", first=pixels(4, 2, 2), second=x, third=y, x_train=pixels(3, 3))
    splits = imported(tmp_path, tmp_path / "a.npz", images="second", labels="third", split="test")
    assert np.array_equal(splits["test"][0], x) and np.array_equal(splits["test"][1], y)
    subprocess.run(["rm", "-r", tmp_path / "set"], check=True)
    assert "--labels fourth: there is no array" in refused(tmp_path, tmp_path / "a.npz", images="second",
                                                           labels="fourth")


def test_npz__values_that_are_no_levels__told_with_their_place(tmp_path):
    y = np.zeros(3, np.uint8)
    for value, dtype, words in ((0.5, "f4", "value 0.5 at [1][2][3] is no level"),
                                (float("nan"), "f8", "value nan at [1][2][3]"),
                                (256, "i4", "value 256 at [1][2][3], want levels from 0 to 255"),
                                (-1, "i2", "value -1 at [1][2][3]")):
        for order in "CF":
            x = np.zeros((3, 4, 5), dtype, order=order)
            x[1, 2, 3] = value
            np.savez(tmp_path / "a.npz", x_train=x, y_train=y)
            said = refused(tmp_path, tmp_path / "a.npz")
            assert words in said and "a.npz: x_train.npy: " in said
    np.savez(tmp_path / "a.npz", x_train=np.array([[None]]), y_train=y)
    assert "its values are pickled objects" in refused(tmp_path, tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", x_train=np.zeros((3, 4, 4), np.uint8), y_train=np.full(3, -1, np.int16))
    assert "label -1 at [0]" in refused(tmp_path, tmp_path / "a.npz")


# ---- CIFAR

def python2_pickle(items):
    """A mapping as Python 2's cPickle wrote those that are published: texts of bytes, protocol 2."""
    puts = iter(range(1 << 20))

    def put():
        n = next(puts)
        return b"q%c" % n if n < 256 else b"r" + n.to_bytes(4, "little")

    def text(s):
        return (b"U%c" % len(s) if len(s) < 256 else b"T" + len(s).to_bytes(4, "little")) + s + put()

    def number(n):
        return b"K%c" % n if n < 256 else b"M" + n.to_bytes(2, "little")

    def write(v):
        if isinstance(v, np.ndarray):
            shape = b"".join(number(n) for n in v.shape) + b"\x86" + put()
            return (b"cnumpy.core.multiarray\n_reconstruct\n" + put() + b"cnumpy\nndarray\n" + put()
                    + b"K\0\x85" + text(b"b") + b"\x87R" + put() + b"(K\1" + shape
                    + b"cnumpy\ndtype\n" + put() + text(b"u1") + b"K\0K\1\x87R" + put()
                    + b"(K\3" + text(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb" + b"\x89"
                    + text(v.tobytes()) + b"tb")
        if isinstance(v, list):
            return b"]" + put() + b"(" + b"".join(map(write, v)) + b"e"
        return text(v) if isinstance(v, bytes) else number(v)

    return (b"\x80\2}" + put() + b"(" + b"".join(text(k) + write(v) for k, v in items.items()) + b"u.")


def cifar10(python2):
    """Six batches, {name: (bytes, images, labels)}."""
    files = {}
    for i, name in enumerate([f"data_batch_{n}" for n in range(1, 6)] + ["test_batch"]):
        rows, labels = pixels(20, 3072, seed=i), [(i + k) % 10 for k in range(20)]
        items = {b"batch_label": b"batch", b"labels": labels, b"data": rows,
                 b"filenames": [b"a%d.png" % k for k in range(20)]}
        data = python2_pickle(items) if python2 else old_names(pickle.dumps(items, protocol=python2 or 2))
        files[name] = data, rows, labels
    return files


def old_names(data):
    return data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def make_tar(path, members):
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


ORDER = ["data_batch_4", "test_batch", "data_batch_3", "data_batch_2", "data_batch_5", "data_batch_1"]
NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


@pytest.mark.parametrize("python2", [True, False])
@pytest.mark.parametrize("packed", [True, False])
def test_cifar10__python_version__equal_keras(tmp_path, python2, packed):
    files = cifar10(python2)
    meta = {b"num_cases_per_batch": 20, b"label_names": [n.encode() for n in NAMES], b"num_vis": 3072}
    members = [("cifar-10-batches-py/readme.html", b"<html>")]
    members += [(f"cifar-10-batches-py/{n}", files[n][0]) for n in ORDER]
    members += [("cifar-10-batches-py/batches.meta",
                 python2_pickle(meta) if python2 else pickle.dumps(meta, protocol=2))]
    source = tmp_path / "cifar-10-batches-py"
    if packed:
        source = make_tar(tmp_path / "cifar-10-python.tar.gz", members)
    else:
        source.mkdir()
        for name, data in members:
            (tmp_path / name).write_bytes(data)
    splits = imported(tmp_path, source)
    batches = [tmp_path / f"data_batch_{n}" for n in range(1, 6)] + [tmp_path / "test_batch"]
    loads = []
    for path in batches:
        path.write_bytes(files[path.name][0])
        loads.append(load_as_keras(path))
    x, y = np.concatenate([a for a, _ in loads[:5]]), np.concatenate([b for _, b in loads[:5]])
    assert np.array_equal(splits["train"][0], x) and np.array_equal(splits["train"][1], y)
    assert np.array_equal(splits["test"][0], loads[5][0])
    assert np.array_equal(splits["test"][1], loads[5][1])
    text = (tmp_path / "set/dataset.yaml").read_text()
    assert [line[5:-1] for line in text.splitlines() if line.startswith('  - "')] == NAMES


def load_as_keras(path):
    """As keras.datasets.cifar10 and torchvision do it."""
    with path.open("rb") as f:
        items = {k.decode() if isinstance(k, bytes) else k: v
                 for k, v in pickle.load(f, encoding="bytes").items()}
    return items["data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), items["labels"]


def test_cifar10__binary_version__equal_python_version(tmp_path):
    files = cifar10(True)
    members = [("cifar-10-batches-bin/batches.meta.txt", "\n".join(NAMES + [""]).encode())]
    for name in ORDER:
        _, rows, labels = files[name]
        records = np.concatenate([np.array(labels, np.uint8)[:, None], rows], axis=1)
        members.append((f"cifar-10-batches-bin/{name}.bin", records.tobytes()))
    splits = imported(tmp_path, make_tar(tmp_path / "cifar-10-binary.tar.gz", members))
    want = [files[f"data_batch_{n}"] for n in range(1, 6)]
    rows = np.concatenate([w[1] for w in want]).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    assert np.array_equal(splits["train"][0], rows)
    assert list(splits["train"][1]) == sum((w[2] for w in want), [])
    assert 'name: "x"' in (tmp_path / "set/dataset.yaml").read_text()


@pytest.mark.parametrize("kind", ["fine", "coarse"])
@pytest.mark.parametrize("binary", [True, False])
def test_cifar100__each_version__labels_of_the_kind(tmp_path, kind, binary):
    members, want = [], {}
    for i, split in enumerate(("train", "test")):
        rows = pixels(30, 3072, seed=i)
        labels = {"coarse": [k % 20 for k in range(30)], "fine": [99 - k for k in range(30)]}
        want[split] = rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels[kind]
        if binary:
            two = np.array([labels["coarse"], labels["fine"]], np.uint8).T
            members.append((f"c/{split}.bin", np.concatenate([two, rows], axis=1).tobytes()))
        else:
            members.append((f"c/{split}", python2_pickle({b"fine_labels": labels["fine"], b"data": rows,
                                                          b"coarse_labels": labels["coarse"]})))
    names = {k: [f"{k}{n}" for n in range(c)] for k, c in (("fine", 100), ("coarse", 20))}
    if binary:
        members += [(f"c/{k}_label_names.txt", "\n".join(v).encode()) for k, v in names.items()]
    else:
        members.append(("c/meta", python2_pickle({f"{k}_label_names".encode(): [n.encode() for n in v]
                                                  for k, v in names.items()})))
    splits = imported(tmp_path, make_tar(tmp_path / "c.tar.gz", members), labels_kind=kind)
    for split, (x, y) in want.items():
        assert np.array_equal(splits[split][0], x) and list(splits[split][1]) == y
    text = (tmp_path / "set/dataset.yaml").read_text()
    assert [line[5:-1] for line in text.splitlines() if line.startswith('  - "')] == names[kind]


class Evil:
    def __reduce__(self):
        return (eval, ("open('evil', 'w')",))


@pytest.mark.parametrize("data, words", [
    (lambda: pickle.dumps({b"data": Evil()}, protocol=2), "names __builtin__.eval at byte"),
    (lambda: pickle.dumps({b"data": Evil()}, protocol=4), "names builtins.eval at byte"),
    (lambda: pickle.dumps({b"data": 1.5}, protocol=2), "opcode 0x47 at byte"),
    (lambda: cifar10(True)["test_batch"][0][:30000], "breaks off at byte 30000"),
    (lambda: cifar10(True)["test_batch"][0].replace(b"K\x14M\0\x0c\x86", b"K\x15M\0\x0c\x86"),
     "an array of 61440 bytes, whose shape and type want 64512"),
    (lambda: b"\x80\2}h\7.", "asks for a value that it has not kept at byte 5"),
    (lambda: b"\x80\2}u.", "looks for a mark that is not there"),
    (lambda: b"\x80\2}T\xff\xff\xff\xffab", "breaks off at byte"),
])
def test_pickle__what_is_no_array__refused_by_opcode_and_place(tmp_path, data, words):
    (tmp_path / "data_batch_1").write_bytes(data())
    assert words in refused(tmp_path, tmp_path / "data_batch_1")


# ---- CSV

def write_csv(path, rows, header=None, separator=",", end="\n"):
    lines = ([separator.join(header)] if header else []) + [separator.join(map(str, r)) for r in rows]
    path.write_text(end.join(lines) + end)
    return path


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("separator, end", [(",", "\n"), (";", "\r\n"), ("\t", "\n")])
def test_csv__label_first__as_kaggle_has_it(tmp_path, header, separator, end):
    x, y = pixels(300, 28, 28), np.arange(300) % 10
    rows = np.column_stack([y, x.reshape(300, -1)])
    names = ["label"] + [f"pixel{n}" for n in range(784)] if header else None
    paths = [write_csv(tmp_path / f"fashion-mnist_{s}.csv", r, names, separator, end)
             for s, r in (("train", rows[:250]), ("test", rows[250:]))]
    splits = imported(tmp_path, *paths)
    assert np.array_equal(splits["train"][0], x[:250]) and np.array_equal(splits["train"][1], y[:250])
    assert np.array_equal(splits["test"][0], x[250:]) and np.array_equal(splits["test"][1], y[250:])


def test_csv__digit_recognizer__the_unlabelled_file_is_left_out(tmp_path):
    x, names = pixels(5, 16), [f"pixel{n}" for n in range(16)]
    y = np.arange(5)
    with zipfile.ZipFile(tmp_path / "digit-recognizer.zip", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("sample_submission.csv", "ImageId,Label\n1,0\n")
        z.write(write_csv(tmp_path / "t", x, names), "test.csv")
        z.write(write_csv(tmp_path / "t", np.column_stack([y, x]), ["label", *names]), "train.csv")
    done = run_import(tmp_path, tmp_path / "digit-recognizer.zip")
    assert done.returncode == 0 and "test.csv is left out: it has no labels" in done.stderr
    assert np.array_equal(read_idx(tmp_path / "set/train-images-idx3-ubyte"), x.reshape(5, 4, 4))


def test_csv__named_column_colour_and_size(tmp_path):
    x, y = pixels(4, 5, 6, 3), np.array([2, 0, 1, 7])
    names = [f"p{n}" for n in range(90)] + ["kind"]
    path = write_csv(tmp_path / "a.csv", np.column_stack([x.reshape(4, -1), y]), names)
    splits = imported(tmp_path, path, size="5x6", label_column="kind")
    assert np.array_equal(splits["train"][0], x) and np.array_equal(splits["train"][1], y)
    subprocess.run(["rm", "-r", tmp_path / "set"], check=True)
    path = write_csv(tmp_path / "a.csv", np.column_stack([x.reshape(4, -1), y]))
    assert np.array_equal(imported(tmp_path, path, size="5x6", label_column="91")["train"][0], x)
    subprocess.run(["rm", "-r", tmp_path / "set"], check=True)
    assert "no such column, of 91" in refused(tmp_path, path, size="5x6", label_column="kind")


@pytest.mark.parametrize("change, words", [
    (lambda t: t.replace(",9,", ",999,", 1), 'is "999", want a level from 0 to 255'),
    (lambda t: t.replace("\n1,", "\none,", 1), 'line 3: column 1 is "one", want a label'),
    (lambda t: t.rstrip("\n") + ",7\n", "line 6: 18 columns, want 17"),
    (lambda t: t + "1,2,3\n", "line 7: 3 columns, want 17"),
    (lambda t: t.replace(",9,", ",,", 1), 'is "", want a level'),
    (lambda t: t.replace("pixel3,", ""), "line 1 has 16 columns, and 15 pixels are no square"),
])
def test_csv__wrong_lines__told_with_line_and_column(tmp_path, change, words):
    rows = np.column_stack([np.arange(5), np.full((5, 16), 9)])
    path = write_csv(tmp_path / "a.csv", rows, ["label"] + [f"pixel{n}" for n in range(16)])
    path.write_text(change(path.read_text()))
    assert words in refused(tmp_path, path)
