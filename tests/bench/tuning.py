# SPDX-License-Identifier: MIT
"""The pictures of docs/tuning.md, measured on this machine: how long a trainer waits by its step and the
number of workers, and what the daemon's CPU time goes into. Needs matplotlib and perf (linux-perf).

usage: python tests/bench/tuning.py [--build FOLDER] [--data FOLDER] [--seconds N] --out FOLDER

Nothing else should run. Prints what was measured as JSON, too.
"""
import argparse
import json
import os
import re
import subprocess
import tempfile
import time

import plot

CHAIN = "random-affine(10, translate=(0.1, 0.1)) random-horizontal-flip"
PLAIN = ["--order", "shuffle", "--height", "32", "--width", "32"]
SPECS = {"32×32, shuffled": PLAIN, "the same, rotated, shifted and flipped": [*PLAIN, "--augment", CHAIN]}
STEPS = "0,50,100,200,500,1000,2000"

# What a function of the daemon does, by its name.
GROUPS = [
    ("kernel", r"\[k\]"),
    ("rotating, shifting, flipping", r"warp|affine|augment|draw_sample|words_refill|flip|sincos|_tan"),
    ("resizing", r"resize|pillow|resample|transpose"),
    ("gathering and converting", r"gather|memmove|memcpy|take|convert|levels|render|entry_lacks|indices"),
    ("order of the epoch", r"shuffle|permut|window"),
]


def advise(build, config, seconds):
    """{label: {workers: [(compute_us, share of its time waited)]}} for each spec."""
    curves = {}
    for label, spec in SPECS.items():
        said = subprocess.run(
            [f"{build}/fmnistctl", "bench", "--advise", "--config", config, "--json", "--step-us",
             STEPS, "--seconds", str(seconds), *spec],
            check=True, stdout=subprocess.PIPE, text=True).stdout
        curves[label] = {}
        for step in json.loads(said)["steps"]:
            for tried in step["tried"]:
                curves[label].setdefault(tried["workers"], []).append(
                    (step["compute_us"], tried["waited_share"]))
    return curves


def group_of(line):
    return next((name for name, words in GROUPS if re.search(words, line)), "the rest")


def profile(build, config, spec, scratch):
    """{what it does: share of the daemon's CPU time}, while a reader takes batches for two seconds."""
    socket, data = os.path.join(scratch, "s"), os.path.join(scratch, "perf.data")
    ctl = [f"{build}/fmnistctl", "--socket", socket]
    with open(os.path.join(scratch, "log"), "w", encoding="utf-8") as log:
        daemon = subprocess.Popen([f"{build}/fmnistd", "-c", config, "--socket", socket], stderr=log)
    try:
        while subprocess.run([*ctl, "status"], capture_output=True).returncode:
            time.sleep(0.05)
        subprocess.run([*ctl, "bench", *spec], check=True, stdout=subprocess.DEVNULL)
        reader = subprocess.Popen([*ctl, "bench", "--epochs", "100000", *spec],
                                  stdout=subprocess.DEVNULL)
        subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-o", data, "-p", str(daemon.pid),
                        "--", "sleep", "2"], check=True)
        reader.terminate()
        reader.wait()
    finally:
        daemon.terminate()
        daemon.wait()
    report = subprocess.run(["perf", "report", "-i", data, "--stdio", "-F", "overhead,symbol"],
                            check=True, capture_output=True, text=True).stdout
    shares = {}
    for line in report.splitlines():
        found = re.match(r"\s*([\d.]+)%\s+(\[.\] \S.*)", line)
        if found:
            group = group_of(found[2])
            shares[group] = shares.get(group, 0) + float(found[1]) / 100
    return shares


def write_config(folder, data, more=""):
    path = os.path.join(folder, f"config{len(os.listdir(folder))}.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{more}cache: {folder}/cache\ndatasets:\n  - name: fashion-mnist\n    path: {data}\n")
    return path


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = write_config(folder, os.path.abspath(options.data))
        unkept = write_config(folder, os.path.abspath(options.data), "sample_store: 0\n")
        curves = advise(options.build, config, options.seconds)
        profiles = {}
        for label, (which, spec) in {
                "kept samples": (config, PLAIN),
                "sample_store: 0": (unkept, PLAIN),
                "with a chain": (config, [*PLAIN, "--augment", CHAIN])}.items():
            with tempfile.TemporaryDirectory() as scratch:
                profiles[label] = profile(options.build, which, spec, scratch)
    print(json.dumps({"advise": curves, "profile": profiles}, ensure_ascii=False))
    plot.draw_advice(curves, options.out)
    plot.draw_profiles(profiles, options.out)


if __name__ == "__main__":
    main()
