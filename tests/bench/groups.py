# SPDX-License-Identifier: MIT
"""What scripts/bench measures: one function a group, each of which fills in `results`.

A result is a number under a name ("fmnistd-f32-b64": seconds of an epoch), or what a program
printed. table.py says what is held against what. Runs programs; measures nothing itself.
"""
import contextlib
import glob
import json
import math
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("BUILD", "build")
PYTHON = os.environ.get("BENCH_PYTHON", "python3")
IMAGES = 60000
JOB = ["--height", "32", "--width", "32", "--order", "shuffle"]
SWEEP = (1, 4, 16, 64, 256, 1024)
GROWTH = (60000, 8100000)


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(*command, env=None):
    """The JSON object that a program prints."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False,
                          env={**os.environ, **(env or {})})
    if done.returncode:
        sys.exit(f"bench: {' '.join(command)}: exit status {done.returncode}")
    return json.loads(done.stdout)


def bench(name, *args):
    return run(os.path.join(BUILD, "bench", name), *map(str, args))


def limit(mode, batch, repeats=20, samples=IMAGES):
    """Seconds of an epoch of the limit program, as Daemon.read says them of fmnistd's: the mean of
    some in a row."""
    answer = bench("limit", mode, "--batch-size", batch, "--repeats", repeats, "--samples", samples)
    return sum(answer["epochs"]) / len(answer["epochs"])


def python_peers(script, *args, program=PYTHON):
    """What a script of peers prints; nothing where there is no Python for it."""
    command = [program, os.path.join("tests", "bench", script), *map(str, args)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False)
    for line in done.stderr.splitlines():
        if line.startswith(script.removesuffix(".py") + ":"):
            say("  " + line)
    if done.returncode:
        say(f"  {script} failed:\n{done.stderr[-2000:]}")
        return {"results": [], "skipped": []}
    return json.loads(done.stdout)


def find_dataset():
    script = '. scripts/lib.sh; find_dataset && printf %s "$DATASET_DIR"'
    found = subprocess.run(["bash", "-euo", "pipefail", "-c", script], stdout=subprocess.PIPE,
                           text=True, check=False)
    if found.returncode:
        sys.exit("bench: no dataset on this machine: scripts/quickstart, or scripts/fetch-datasets")
    return found.stdout


class Daemon:
    """A private fmnistd, in a folder of its own. `entries`: the datasets of its config, where that
    is not one of the name."""

    def __init__(self, data, *lines, name="fashion-mnist", cache=None, entries=None):
        self.folder = tempfile.mkdtemp(prefix="fmnistd-bench.")
        self.socket = os.path.join(self.folder, "fmnistd.sock")
        self.config = os.path.join(self.folder, "fmnistd.yaml")
        cache = os.path.abspath(cache or os.path.join(BUILD, "cache"))
        with open(self.config, "w") as file:
            file.write("\n".join((f"socket: {json.dumps(self.socket)}",
                                  f"cache: {json.dumps(cache)}", *lines, "datasets:",
                                  *(entries or [f"  - name: {name}", "    path: "
                                                + json.dumps(os.path.abspath(data))]))) + "\n")
        self.process = None

    def __enter__(self):
        os.environ["FMNIST_SOCKET"] = self.socket
        log = os.path.join(self.folder, "log")
        with open(log, "w") as file:
            self.process = subprocess.Popen([os.path.join(BUILD, "fmnistd"), "-c", self.config],
                                            stderr=file)
        while " ready: " not in open(log).read():
            if self.process.poll() is not None:
                sys.exit(f"bench: fmnistd did not start:\n{open(log).read()}")
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        shutil.rmtree(self.folder)

    def pid(self):
        return self.process.pid

    def read(self, *spec, epochs=20):
        """fmnistctl bench: the whole answer. Seconds are of one epoch of 60,000, as a mean over
        so many in a row: training goes on for many, too."""
        answer = run(os.path.join(BUILD, "fmnistctl"), "--json", "bench", *map(str, spec),
                     *(["--epochs", str(epochs)] if epochs else []))
        answer["epoch_seconds"] = IMAGES / answer["images_per_second"]
        return answer

    def status(self):
        return run(os.path.join(BUILD, "fmnistctl"), "--json", "status")


class Settled:
    """Waits until two CPUs pass data between them as fast as they ever did in this run. A virtual
    machine's CPUs share a cache in one minute and not in the next, where everything that hands
    batches from one to the other takes two to four times as long."""

    PROBES, PATIENCE = 8, 90  # at the start; seconds

    def __init__(self):
        self.best = None

    @staticmethod
    def probe():
        epochs = sorted(bench("limit", "u8", "--repeats", 12)["epochs"])
        return epochs[len(epochs) // 2]

    def __call__(self):
        if self.best is None:
            probes = []
            for _ in range(self.PROBES):
                probes.append(self.probe())
                time.sleep(0.5)
            self.best = min(probes)
        end = time.monotonic() + self.PATIENCE
        while (now := self.probe()) > 1.3 * self.best:
            if time.monotonic() > end:
                say(f"  the CPUs stay apart: {now / self.best:.1f} times the best time")
                return
            time.sleep(1)
        self.best = min(self.best, now)


settle = Settled()


class Results(dict):
    def best(self, name, value):
        """The smallest value counts."""
        self[name] = min(value, self.get(name, value))

    def most(self, name, value):
        self[name] = max(value, self.get(name, value))


# ---- groups -----------------------------------------------------------------------------------

def epoch(results, data, repeats):
    with Daemon(data) as daemon:
        daemon.read(*JOB)
        for _ in range(repeats):
            for dtype, name in (("float32", "f32"), ("uint8", "u8")):
                for batch in (64, 256):
                    settle()
                    results.best(f"limit-{name}-b{batch}", limit(name, batch))
                    results.best(f"fmnistd-{name}-b{batch}", daemon.read(
                        *JOB, "--dtype", dtype, "--batch-size", batch)["epoch_seconds"])
            settle()
            one = daemon.read(*JOB, "--batch-size", 1)
            results.most("fmnistd-b1-batches-per-second", one["batches_per_second"])


PICTURES = 50000


def write_random(folder, shape):
    """Images of random levels and labels, as IDX files; its entry of a config."""
    generator = random.Random(0)
    os.makedirs(folder)
    for kind, dims, top in (("images", (PICTURES, *shape), 256), ("labels", (PICTURES,), 10)):
        each = bytes(i % top for i in range(256))
        with open(os.path.join(folder, kind), "wb") as file:
            file.write(bytes([0, 0, 8, len(dims)]))
            file.write(b"".join(n.to_bytes(4, "big") for n in dims))
            for _ in range(100):
                file.write(generator.randbytes(math.prod(dims) // 100).translate(each))
    return (f"  - {{name: {os.path.basename(folder)}, path: {json.dumps(folder)}, "
            "splits: {train: {images: images, labels: labels}}}")


def colour(results, data, repeats):
    """Pictures of three channels beside as many of one, at their stored size and in turn; and what
    the limit program makes of as many bytes in batches as large."""
    folder = tempfile.mkdtemp(prefix="fmnistd-colour.", dir=os.environ.get("TMPDIR", "/tmp"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        entries = [write_random(os.path.join(folder, name), shape)
                   for name, shape in (("one", (32, 32)), ("three", (32, 32, 3)))]
        daemon = stack.enter_context(Daemon(None, cache=folder, entries=entries))
        for _ in range(3 * repeats):
            settle()
            for name, layout in (("one", "NCHW"), ("three", "NCHW"), ("three", "NHWC")):
                answer = daemon.read("--dataset", name, "--order", "shuffle", "--layout", layout,
                                     "--batch-size", 64, epochs=10)
                results.best(f"colour-{name}-{layout}", PICTURES / answer["images_per_second"])
            for name, channels in (("one", 1), ("three", 3)):
                results.best(f"colour-{name}-limit", limit("f32", 64 * channels, 10,
                                                           PICTURES * channels))


def inline(results, data, repeats):
    with Daemon(data) as daemon:
        daemon.read(*JOB)
        for _ in range(repeats):
            for batch in (64, 256):
                settle()
                for mode, name in (("socket", "f32"), ("socket-u8", "u8")):
                    results.best(f"socket-{name}-b{batch}", limit(mode, batch))
                for dtype, name in (("float32", "f32"), ("uint8", "u8")):
                    results.best(f"inline-{name}-b{batch}", daemon.read(
                        *JOB, "--dtype", dtype, "--batch-size", batch, "--transport", "inline")
                        ["epoch_seconds"])


def peers(results, data, repeats):
    with Daemon(data) as daemon:
        daemon.read(*JOB)
        settle()
        answer = python_peers("peers.py", "--data", data, "--repeats", min(repeats, 3),
                              "--seconds", 4)
    results["peers"] = {r["name"]: r["seconds"] for r in answer["results"]}
    results["peers-skipped"] = {s["name"]: s["why"] for s in answer["skipped"]}


def augment(results, data, repeats):
    with Daemon(data):
        settle()
        answer = python_peers("augment.py", "--data", data, "--repeats", min(repeats, 3),
                              "--seconds", 3)
    results["augment"] = {r["name"]: r["seconds"] for r in answer["results"]}


def sweep(results, data, repeats):
    names = ("fmnist-t1,torch-dataloader-w0,torch-index-select-f32-t2,numpy-take-f32,"
             "tf-data-gather,tf-data-cached,spdl,dali")
    curves = {"fmnistd, C": {}, "the limit, C": {}}
    with Daemon(data) as daemon:
        daemon.read(*JOB)
        for batch in SWEEP:
            for _ in range(min(repeats, 3)):
                settle()
                for name, value in (
                        ("fmnistd, C",
                         daemon.read(*JOB, "--batch-size", batch)["epoch_seconds"]),
                        ("the limit, C", limit("f32", batch))):
                    curves[name][batch] = min(value, curves[name].get(batch, value))
        for batch in SWEEP:
            for r in python_peers("peers.py", "--data", data, "--only", names, "--repeats", 2,
                                  "--seconds", 1.5, "--batch-size", batch)["results"]:
                curves.setdefault(r["name"], {})[batch] = r["seconds"]
    results["sweep"] = curves


def latency(results, data, repeats):
    with Daemon(data) as daemon:
        daemon.read(*JOB)
        settle()
        results["trainer"] = min((bench("trainer", "--batches", 1500, *JOB)
                                  for _ in range(min(repeats, 2))), key=lambda a: a["p99_us"])


def clients(results, data, repeats):
    def one_round(daemon, count, *more):
        return bench("clients", "--daemon-pid", daemon.pid(), "--clients", count, *more, *JOB)

    kept = results.setdefault("clients", {})
    with Daemon(data) as daemon:
        daemon.read(*JOB)
        for _ in range(min(repeats, 3)):
            for name, count, more in (
                    ("1", 1, ["--epochs", 20]), ("8-equal", 8, ["--epochs", 20]),
                    ("1-timed", 1, ["--seconds", 1]),
                    ("8-different", 8, ["--seconds", 1, "--seeds", "different"]),
                    ("64-equal", 64, ["--seconds", 1]),
                    ("64-different", 64, ["--seconds", 1, "--seeds", "different"])):
                settle()
                answer = one_round(daemon, count, *more)
                best = kept.get(name)
                if not best or answer["images_per_second"] > best["images_per_second"]:
                    kept[name] = answer
        curve = results.setdefault("clients-curve", {"equal": {}, "different": {}})
        for seeds in curve:
            for count in (1, 2, 4, 8, 16, 32, 64):
                settle()
                curve[seeds][count] = one_round(
                    daemon, count, "--seconds", 0.7, "--seeds", seeds)["images_per_second"]
        results["status"] = daemon.status()


def large(results, data, repeats):
    """One worker that resizes every image anew. Its CPU time counts: the client, which reads 600 KB
    an image on the other CPU, is the slower side."""
    spec = ["--order", "shuffle", "--height", 224, "--width", 224, "--channels", 3]
    with Daemon(data, "workers: 1", "sample_store: 0") as daemon:
        for _ in range(2 * repeats):
            for batch in (1, 4, 16):
                answer = bench("clients", "--daemon-pid", daemon.pid(), "--clients", 1,
                               "--seconds", 0.2, *spec, "--batch-size", batch)
                results.best("large-us", answer["daemon_us_per_batch"] / batch)


def resize(results, data, repeats):
    def key(r):
        return f"{r['rule']} {r['from']} {r['to']}"

    ours, theirs = results.setdefault("resize", {}), results.setdefault("resize-peers", {})
    for _ in range(min(repeats, 2)):
        for r in bench("resize")["results"]:
            ours[key(r)] = min(r["ns"], ours.get(key(r), r["ns"]))
        for r in python_peers("resize_peers.py")["results"]:
            theirs[key(r)] = min(r["ns"], theirs.get(key(r), r["ns"]))


def start(results, data, repeats):
    files = sorted(glob.glob(os.path.join(data, "*ubyte.gz")))
    cache = tempfile.mkdtemp(prefix="fmnistd-bench-cache.")
    daemon = Daemon(data, cache=cache)  # its config; start runs it
    os.environ["FMNIST_SOCKET"] = daemon.socket
    program = os.path.join(BUILD, "fmnistd")
    for _ in range(repeats):
        shutil.rmtree(cache, ignore_errors=True)
        if files:
            results.best("inflate-seconds", bench("start", "inflate", *files)["seconds"])
        for name in ("start-cold-seconds", "start-warm-seconds"):
            results.best(name, bench("start", "first-batch", program, daemon.config, *JOB)
                         ["seconds"])
    shutil.rmtree(cache)
    shutil.rmtree(daemon.folder)


def idle(results, data, repeats):
    with Daemon(data) as daemon:
        results["idle"] = bench("idle", "--daemon-pid", daemon.pid(), "--seconds", 3)


def python(results, data, repeats):
    """The adapters and their alternatives, by batch size. A process for each group of frameworks:
    what one of them does to a process is not to be the others' cost."""
    scripts = [("python.py", PYTHON), ("python_arrays.py", PYTHON)]
    mxnet = f"{BUILD}-python/mxnet/bin/python"  # of scripts/python-env
    if os.path.exists(mxnet):
        scripts.append(("python_arrays.py", mxnet))
    results["python"] = {}
    with Daemon(data) as daemon:
        daemon.read(*JOB)
        for batch in (1, 64, 256):
            found = results["python"][str(batch)] = {}
            for script, program in scripts:
                answer = python_peers(script, "--data", data, "--repeats", min(repeats, 3),
                                      "--seconds", 3, "--batch-size", batch, program=program)
                found.update({r["name"]: {"seconds": r["seconds"], "cpu_us": r["cpu_us"]}
                              for r in answer["results"]})


def growth(results, data, repeats):
    """Stored size, so that nothing but the dataset grows. The same number of batches of each, in
    turn; and what the limit program makes of as many samples."""
    folder = tempfile.mkdtemp(prefix="fmnistd-growth.", dir=os.environ.get("TMPDIR", "/tmp"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        daemons = {}
        for count in GROWTH:
            where, cache = os.path.join(folder, str(count)), os.path.join(folder, f"cache-{count}")
            say(f"  drawing {count} images")
            subprocess.run([os.path.join(BUILD, "fmnistctl"), "gen-dataset", "--raw", "--train",
                            str(count), "--test", "100", "-o", where], check=True,
                           stdout=subprocess.DEVNULL)
            daemons[count] = stack.enter_context(Daemon(where, cache=cache))
            daemons[count].read("--order", "shuffle", epochs=1)
        for _ in range(repeats):
            settle()
            for count, daemon in daemons.items():
                os.environ["FMNIST_SOCKET"] = daemon.socket
                answer = daemon.read("--order", "shuffle", "--batches", 15000, epochs=0)
                results.best(f"growth-{count}-seconds", answer["seconds"] / answer["batches"])
                seconds = limit("f32", 64, max(2, 300000 // count), count)
                results.best(f"growth-{count}-limit-seconds", 64 * seconds / count)
        for count, daemon in daemons.items():
            os.environ["FMNIST_SOCKET"] = daemon.socket
            results[f"growth-{count}-status"] = daemon.status()


GROUPS = {"epoch": epoch, "colour": colour, "inline": inline, "peers": peers,
          "latency": latency, "clients": clients, "large": large, "resize": resize, "start": start,
          "idle": idle, "python": python, "augment": augment, "sweep": sweep}


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), platform.machine())
    return {"cpu": cpu, "cpus": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "load": os.getloadavg()[0], "date": time.strftime("%Y-%m-%d"),
            "version": subprocess.run(["git", "rev-parse", "--short", "HEAD"], check=False,
                                      stdout=subprocess.PIPE, text=True).stdout.strip()}


def measure(chosen, repeats):
    data, results, about = find_dataset(), Results(), machine()
    for name in chosen:
        began = time.monotonic()
        say(f"{name} ...")
        {**GROUPS, "growth": growth}[name](results, data, repeats)
        say(f"  {name}: {time.monotonic() - began:.0f} s")
    return {"machine": about, "repeats": repeats, "results": results}
