#!/usr/bin/env python3
"""Writes augment_draws.txt from records of torch 2.13.0: what calls gave, one after the other, from
one seed of its CPU generator.

    make_augment_draws.py RECORDS.json >augment_draws.txt

Text: a record is `record` name seed, then its calls, then `end` words next: so many words were
drawn, and that one comes next. Calls:

    rand n, uniform a b n          and n float32, as the hex of their bits; a and b as hex floats
    rand64 n                       and n float64, the same way
    randint low high n             and n numbers
    random n                       and n numbers, of 63 bits
    randperm n                     and its numbers, where there are at most 100
    skip n                         normal numbers, and of a beta distribution: only their words

How many words those take is found here by where the next call's numbers are in the sequence, and
`end` holds the sum against the words that torch itself counted.
"""
import json
import sys

import numpy as np


class Words:
    """The generator's words, of NumPy's Mersenne Twister, which seeds a small number the same way."""

    def __init__(self, seed):
        self.source = np.random.RandomState(int(seed) & 0xffffffff)
        self.known = []
        self.at = 0

    def take(self, n):
        while len(self.known) < self.at + n:
            self.known += self.source.randint(0, 1 << 32, 4096, np.uint32).tolist()
        self.at += n
        return self.known[self.at - n:self.at]


def take64(words):
    high, low = words.take(2)
    return high << 32 | low


def float_bits(value, kind, digits):
    return f"{np.array([value], kind).view('u' + kind[2:])[0]:0{digits}x}"


def rand(words):
    return (words.take(1)[0] & 0xffffff) * 2.0 ** -24


def uniform(words, a, b):
    """With one rounding, as of a fused multiply-add."""
    a, b = np.float32(a), np.float32(b)
    value = np.float32(np.longdouble(rand(words)) * np.longdouble(b - a) + np.longdouble(a))
    return a if value == b else value


def randint(words, low, high):
    wide = high - low >= 1 << 28
    return low + (take64(words) if wide else words.take(1)[0]) % (high - low)


def randperm(words, n):
    p = list(range(n))
    for i in range(n - 1):
        k = i + words.take(1)[0] % (n - i)
        p[i], p[k] = p[k], p[i]
    return p


def gives(words, call):
    """Whether a call gives what it gave."""
    kind, n = call["call"], call["n"]
    if kind == "rand" and call["dtype"] == "f32":
        return [float_bits(rand(words), "<f4", 8) for _ in range(n)] == call["bits"]
    if kind == "rand":
        got = [(take64(words) & (1 << 53) - 1) * 2.0 ** -53 for _ in range(n)]
        return [float_bits(v, "<f8", 16) for v in got] == call["bits"]
    if kind == "uniform":
        got = [uniform(words, call["a"], call["b"]) for _ in range(n)]
        return [float_bits(v, "<f4", 8) for v in got] == call["bits"]
    if kind == "randint":
        got = [randint(words, int(call["low"]), int(call["high"])) for _ in range(n)]
        return got == list(map(int, call["values"]))
    if kind == "random":
        return [take64(words) & (1 << 63) - 1 for _ in range(n)] == list(map(int, call["values"]))
    p = randperm(words, n)
    return "values" not in call or p == call["values"]


def is_skipped(call):
    return call["call"] in ("normal", "beta")


def skipped(words, calls, end):
    """Words up to where the calls go on: those before the next that is skipped, or all."""
    for i, call in enumerate(calls):
        if is_skipped(call):
            calls, end = calls[:i], None
            break
    start = words.at
    for n in range(1000):
        words.at = start + n
        if all(gives(words, call) for call in calls) and end in (None, words.at):
            words.at = start
            return n
    raise ValueError(f"no place for {calls}")


def write(record):
    words = Words(record["seed"])
    print("record", record["name"], record["seed"])
    calls = record["calls"]
    i = 0
    while i < len(calls):
        call, kind = calls[i], calls[i]["call"]
        if is_skipped(call):
            while i < len(calls) and is_skipped(calls[i]):
                i += 1
            n = skipped(words, calls[i:], record["words"])
            print("skip", n)
            words.take(n)
            continue
        n = call["n"]
        if kind == "rand":
            print("rand" if call["dtype"] == "f32" else "rand64", n, *call["bits"])
        elif kind == "uniform":
            print("uniform", float(call["a"]).hex(), float(call["b"]).hex(), n, *call["bits"])
        elif kind == "randint":
            print("randint", call["low"], call["high"], n, *call["values"])
        elif kind == "random":
            print("random", n, *call["values"])
        else:
            print("randperm", n, *(call.get("values", []) if n <= 100 else []))
        if not gives(words, call):
            raise ValueError(f"{record['name']}: {call}")
        i += 1
    if (words.at, words.take(1)[0]) != (record["words"], record["next_word"]):
        raise ValueError(f"{record['name']}: {words.at} words")
    print("end", record["words"], record["next_word"])


def main():
    with open(sys.argv[1]) as file:
        records = json.load(file)["records"]
    for record in records:
        if record["kind"] == "draws":
            write(record)


if __name__ == "__main__":
    main()
