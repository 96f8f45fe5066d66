#!/usr/bin/env python3
"""Writes augment_open.txt from records of the real libraries: torch 2.13.0, torchvision 0.28.0 and
Pillow 13.0.0 ran each list of transforms on some images, from a seed, and what came out and how many
words were drawn was noted.

    make_augment.py RECORDS.json RECORDS.bin >augment_open.txt

Lines have tab-separated fields: name; seed; images: "train:" and their numbers in Fashion-MNIST's
training split, or "random:" and seed (hex), shift, add; channels, height, width of them and their
count; words drawn; the word that comes next; bytes that came out and their CRC-32 (all images one
after the other, channel by channel; behind a "~" where sizes differ from image to image); the chain.
"""
import json
import sys
import zlib

import numpy as np

NAMES = {"pad_if_needed": "pad-if-needed", "padding_mode": "padding-mode",
         "num_ops": "num-ops", "bins": "num-magnitude-bins"}
PLAIN = {"to-tensor": (), "to-image": (), "to-dtype": ("api",)}


def number(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "(" + ",".join(number(v) for v in value) + ")"
    return value if isinstance(value, str) else repr(value)


def operation(transform, api):
    op = transform["op"]
    if op == "random-apply":
        inner = " ".join(operation(t, api) for t in transform["transforms"])
        return f"random-apply([{inner}],p={number(transform['p'])},api={api[1]})"
    given = []
    for name, value in transform.items():
        if name == "op" or value is None or op == "to-dtype":
            continue
        given.append(f"{NAMES.get(name, name)}={number(value)}")
    if op not in ("to-tensor", "to-image"):
        given.append(f"api={api[1]}")
    return f"{op}({','.join(given)})" if given else op


def source(images):
    if isinstance(images, dict):
        images = images.get("synthetic", images)
        n, h, w, c = images["shape"]
        return f"random:{images['seed']}:{images.get('shift', 0)}:{images.get('add', 0)}", c, h, w, n
    return "train:" + ",".join(map(str, images)), 1, 28, 28, len(images)


def outputs(record, data):
    out = record["out"]
    kind = {"u8": np.uint8, "f32": "<f4"}[out["dtype"]]
    if "shapes" in out:
        images, at = [], out["offset"]
        for shape in out["shapes"]:
            image = np.frombuffer(data, kind, int(np.prod(shape)), at).reshape(shape)
            at += image.nbytes
            images.append(np.ascontiguousarray(image.transpose(2, 0, 1)).tobytes())
        raw = b"".join(images)
        return f"{len(raw)}\t~{zlib.crc32(raw):08x}"
    values = np.frombuffer(data, kind, int(np.prod(out["shape"])), out["offset"])
    values = values.reshape(out["shape"])
    if record["kind"] == "pil":
        values = values.transpose(0, 3, 1, 2)
    raw = np.ascontiguousarray(values).tobytes()
    return f"{len(raw)}\t{zlib.crc32(raw):08x}"


def main():
    with open(sys.argv[1]) as file:
        records = json.load(file)["records"]
    with open(sys.argv[2], "rb") as file:
        data = file.read()
    for r in records:
        if r["kind"] not in ("pil", "tensor", "chain"):
            continue
        where, channels, height, width, count = source(r["images"])
        chain = " ".join(operation(t, r["api"]) for t in r["transforms"])
        print(r["name"], r["seed"], where, f"{channels} {height} {width} {count}", r["words"],
              r["next_word"], outputs(r, data), chain, sep="\t")


if __name__ == "__main__":
    main()
