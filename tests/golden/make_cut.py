# SPDX-License-Identifier: MIT
"""Writes tests/golden/cut.txt: what scikit-learn parts, for tests/cut/test_cut.c.

    build-python/main/bin/python tests/golden/make_cut.py > tests/golden/cut.txt

Each line: images, classes, a selection, the number of images of it, the CRC-32 of their numbers
(little-endian, 4 bytes each), and the first of them; count 0: scikit-learn refuses it. Labels are
made alike on both sides: x = x * 1664525 + 1013904223 mod 2^32 from x = images, label
(x >> 16) % classes; negative classes: the label is the image's number over -classes.
"""
import random
import warnings
import zlib

import numpy as np
import sklearn
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split


def labels_of(count, classes):
    if classes < 0:
        return np.arange(count) // -classes
    x, out = count, []
    for _ in range(count):
        x = (x * 1664525 + 1013904223) % 2**32
        out.append((x >> 16) % classes)
    return np.array(out)


def part(count, classes, word, amount, seed, stratified):
    labels, numbers = labels_of(count, classes), np.arange(count)
    try:
        if "/" in amount:
            fold, folds = map(int, amount.split("/"))
            kind = StratifiedKFold if stratified else KFold
            maker = kind(folds, shuffle=seed is not None, random_state=seed)
            parts = list(maker.split(numbers, labels))[fold]
        else:
            parts = train_test_split(
                numbers, test_size=float(amount) if "." in amount else int(amount),
                random_state=seed, stratify=labels if stratified else None)
        return parts[word == "held-out"]
    except ValueError:
        return numbers[:0]


def main():
    warnings.simplefilter("ignore")
    rnd = random.Random(17)
    print(f"# made by make_cut.py with scikit-learn {sklearn.__version__}, NumPy {np.__version__}")
    for i in range(400):
        count = rnd.choice([2, 3, 7, 10, 31, 64, 100, 101, 500, 1000, 1337, 4096])
        classes = rnd.choice([1, 2, 3, 7, 10, 10, 47, -3, -10, -100])
        amount = rnd.choice(["0.1", "0.2", "0.25", "0.33", "0.5", "0.9", "0.123456789", "1", "20",
                             "0/2", "1/3", "3/10", "9/10", "4/5", "7/64"])
        seed = rnd.choice([0, 1, 42, 2**32 - 1, rnd.randrange(2**32)])
        if "/" in amount and rnd.random() < 0.5:
            seed = None
        stratified = rnd.random() < 0.6
        word = ("training", "held-out")[i % 2]
        text = f"{word}({amount}" + (f", seed={seed}" if seed is not None else "") + (
            ", stratified)" if stratified else ")")
        numbers = part(count, classes, word, amount, seed, stratified).astype("<u4")
        print(f"{count}|{classes}|{text}|{len(numbers)}|{zlib.crc32(numbers.tobytes()):08x}|"
              f"{' '.join(map(str, numbers[:4]))}")


main()
