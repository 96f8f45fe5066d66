# SPDX-License-Identifier: MIT
"""From results to the table: what each figure is held against and what it is to reach.

A row: what, the figure, the reference, their ratio, the ratio or value to reach, whether it does.
Rows whose figures were not measured are left out. Measures nothing.
"""


class Rows(list):
    def add(self, what, figure, reference, value, bound, at_least=False, unit="x", short=False):
        """`value` is held against `bound`: at most, or at least. README shows the short ones."""
        met = value >= bound if at_least else value <= bound
        self.append({"what": what, "figure": figure, "reference": reference, "value": value,
                     "unit": unit, "reach": ("≥ " if at_least else "≤ ") + f"{bound:g}",
                     "met": met, "short": short})


def ms(seconds):
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def millions(n):
    return f"{n / 1e6:.2f} M"


def epoch_rows(rows, r):
    for name, label, bound in (("f32", "float32", 1.2), ("u8", "uint8", 1.3)):
        for batch in (64, 256):
            ours, limit = r.get(f"fmnistd-{name}-b{batch}"), r.get(f"limit-{name}-b{batch}")
            if ours and limit:
                rows.add(f"epoch of 60,000, 32×32 {label}, batch {batch}", ms(ours),
                         f"two-process limit {ms(limit)}", ours / limit, bound,
                         short=name == "f32" and batch == 64)
        if r.get("fmnistd-f32-b64") and r.get("fmnistd-u8-b64") and name == "u8":
            f32, u8 = r["fmnistd-f32-b64"], r["fmnistd-u8-b64"]
            rows.add("float32 beside uint8, batch 64", ms(f32), f"uint8 {ms(u8)}", f32 / u8, 1.6)
    one = r.get("fmnistd-b1-batches-per-second")
    if one:
        rows.add("batch size 1, batches a second", millions(one), "", one / 1e6, 1.5, True, "M/s",
                 short=True)


def colour_rows(rows, r):
    if "colour-three-limit" not in r:
        return
    one, grown = r["colour-one-NCHW"], r["colour-three-limit"] / r["colour-one-limit"]
    for layout in ("NCHW", "NHWC"):
        three = r[f"colour-three-{layout}"]
        rows.add(f"50,000 of 32×32×3, float32 {layout}, batch 64", ms(three),
                 f"of 32×32×1 {ms(one)} (the limit program grows {grown:.1f}×)", three / one, 3.2)


def peer_rows(rows, r):
    """The adapter beside what its users have, all read by torch (or by what their arrays are of)."""
    peers = r.get("peers", {})
    if "fmnist-t1" not in peers:
        return
    ours = min(peers["fmnist-t1"], peers["fmnist-t2"])
    what = "PyTorch adapter, batch 64, each summed by torch"
    for prefix, label, bound in (
            ("torch-index-select", "fastest PyTorch loop in memory", 1.6),
            ("torch-plain-index", "PyTorch X[idx] in memory", 2),
            ("torch-dataloader", "PyTorch DataLoader", 100),
            ("numpy-take", "fastest NumPy loop in memory", 1),
            ("tf-data", "tf.data, cached", 1), ("spdl", "SPDL", 1), ("dali", "DALI, CPU", 1),
            ("ffcv", "FFCV", 1)):
        found = {n: s for n, s in peers.items() if n.startswith(prefix)}
        if found:
            name = min(found, key=found.get)
            rows.add(f"{what}, beside {label}", ms(ours), f"{name} {ms(found[name])}",
                     found[name] / ours, bound, True,
                     short=prefix in ("torch-index-select", "torch-dataloader"))
    one, two, constant = peers["fmnist-t1"], peers["fmnist-t2"], peers["constant-t1"]
    rows.add("what that costs beside one constant batch", ms(one),
             f"constant-t1 {ms(constant)}", (one - constant) * 1e3, 10, unit="ms more")
    rows.add("the same with two threads of torch's", ms(two), f"one thread {ms(one)}", two / one,
             1.2)


def inline_rows(rows, r):
    for batch in (64, 256):
        ours, copy = r.get(f"inline-u8-b{batch}"), r.get(f"socket-u8-b{batch}")
        if ours and copy:
            rows.add(f"inline, uint8, batch {batch}", ms(ours), f"bare socket copy {ms(copy)}",
                     ours / copy, 1.15)
        ours, copy = r.get(f"inline-f32-b{batch}"), r.get(f"socket-f32-b{batch}")
        if ours and copy:
            rows.add(f"inline, float32, batch {batch}", ms(ours),
                     f"bare socket copy of floats {ms(copy)}", ours / copy, 1)


def latency_rows(rows, r):
    t = r.get("trainer")
    if t:
        rows.add("p99 of next, trainer computing 1 ms", f"{t['p99_us']:.1f} µs", "", t["p99_us"],
                 30, unit="µs")
        rows.add("that trainer's time", f"{t['time_of_constant_data']:.4f}", "constant data: 1",
                 t["time_of_constant_data"], 1.005)


def client_rows(rows, r):
    c = r.get("clients")
    if not c:
        return
    one, eight, timed = c["1"], c["8-equal"], c["1-timed"]
    rows.add("8 clients of one spec: the daemon's CPU", ms(eight["daemon_cpu_seconds"]),
             f"one client {ms(one['daemon_cpu_seconds'])}",
             eight["daemon_cpu_seconds"] / one["daemon_cpu_seconds"], 1.3)
    same = eight["digests_equal"] and eight["digest"] == one["digest"]
    rows.add("their bytes beside the solo run's", "equal" if same else "DIFFERENT", "",
             0 if same else 1, 0, unit="differ")
    d = c["8-different"]
    rows.add("8 clients of 8 specs: the slowest", f"{d['slowest_of_mean']:.2f}", "their mean: 1",
             d["slowest_of_mean"], 0.8, True)
    rows.add("their images a second in all", millions(d["images_per_second"]),
             f"one client {millions(timed['images_per_second'])}",
             d["images_per_second"] / timed["images_per_second"], 0.9, True)
    for name, what in (("64-equal", "one spec"), ("64-different", "64 specs")):
        many = c[name]
        rows.add(f"64 clients of {what}: the daemon's CPU a batch",
                 f"{many['daemon_us_per_batch']:.1f} µs",
                 f"one client {timed['daemon_us_per_batch']:.1f} µs",
                 many["daemon_us_per_batch"] / timed["daemon_us_per_batch"], 1.3)


def resize_rows(rows, r):
    pillow = r.get("resize-peers", {}).get("pillow-bilinear 28 224")
    if pillow and r.get("large-us"):
        rows.add("224×224×3 float32: a worker's time for an image", f"{r['large-us']:.1f} µs",
                 f"Pillow's resize of one channel {pillow / 1e3:.1f} µs",
                 pillow / 1e3 / r["large-us"], 8, True)
    for prefix, library, bound in (("pillow", "Pillow", 4), ("opencv", "OpenCV", 1),
                                   ("tf", "TensorFlow", 2)):
        ratios = {}
        for key, ns in r.get("resize", {}).items():
            theirs = r["resize-peers"].get(key.replace("pillow12", "pillow"))
            if key.startswith(prefix) and theirs:
                ratios[key] = theirs / ns
        if ratios:
            key = min(ratios, key=ratios.get)
            rule, source, target = key.split()
            rows.add(f"resize kernels of {library}'s rules: the worst, {rule} {source}→{target}",
                     f"{r['resize'][key]:.0f} ns",
                     f"{library} {r['resize'][key] * ratios[key]:.0f} ns", ratios[key], bound, True)


LOOPS = ("tensordataset", "index-select-t1", "index-select-t2", "plain-index")


def python_rows(rows, r):
    for batch, ways in r.get("python", {}).items():
        if "fmnist" not in ways:
            continue
        found = {name: way["seconds"] for name, way in ways.items()}
        ours, views = found["fmnist"], found["fmnist-zero-copy"]
        what = f"PyTorch adapter, batch {batch}"
        loaders = [n for n in found if n.startswith("dataloader-w")]
        if loaders and batch == "64":
            best = min(loaders, key=found.get)
            rows.add(f"{what}: an epoch", ms(ours), f"{best} {ms(found[best])}",
                     found[best] / ours, 150, True)
        loop = min((n for n in LOOPS if n in found), key=found.get)
        if batch == "1":
            rows.add(f"{what}: batches a second", millions(60000 / ours),
                     f"{loop} {millions(60000 / found[loop])}", 0.06 / ours, 0.2, True, "M/s")
        else:
            for name, seconds, bound in (("", ours, 1), (", zero-copy", views, 2)):
                rows.add(f"{what}{name}: an epoch", ms(seconds), f"{loop} {ms(found[loop])}",
                         found[loop] / seconds, bound, True)


def python_markdown(r, machine):
    """Every way at every batch size: an epoch, and the reading thread's own CPU time a batch."""
    sizes = r["python"]
    names = max((list(ways) for ways in sizes.values()), key=len)
    lines = ["| | " + " | ".join(f"batch {b} | CPU a batch" for b in sizes) + " |",
             "|---|" + "--:|--:|" * len(sizes)]
    for name in names:
        cells = []
        for ways in sizes.values():
            way = ways.get(name)
            cells += [ms(way["seconds"]), f"{way['cpu_us']:.1f} µs"] if way else ["", ""]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines.append(f"\n{machine['cpus']} CPUs ({machine['cpu']}), {machine['date']}, load "
                 f"{machine['load']:.1f} when it began; `scripts/bench --markdown` writes this "
                 "table.\n")
    return "\n".join(lines)


def augment_rows(rows, r):
    found = r.get("augment", {})
    if "plain" not in found:
        return
    ours = found["crop-flip w2"]
    what = "crop 28 with padding 4, flip, normalize"
    rows.add(f"{what}: an epoch", ms(ours), f"without them {ms(found['plain'])}",
             ours / found["plain"], 1.6)
    loader = min((n for n in found if n.startswith("crop-flip dataloader")), key=found.get)
    for name, label in (("w2", "2 workers' draws"), ("w0", "the trainer's draws"),
                        ("counter", "draws by counter")):
        seconds = found[f"crop-flip {name}"]
        rows.add(f"{what}, {label}", ms(seconds), f"{loader.removeprefix('crop-flip ')} "
                 f"{ms(found[loader])}", found[loader] / seconds, 200, True, short=name == "w2")
    for chain, bound in (("rotation", 10), ("affine", 10), ("affine-bilinear", 6)):
        library, pillow = found[f"{chain} library"], found[f"{chain} Pillow"]
        rows.add(f"{chain}, an image in one thread", f"{library * 1e6:.2f} µs",
                 f"Pillow {pillow * 1e6:.2f} µs", pillow / library, bound, True)
    pictures = found["cifar w2"]
    rows.add("crop 32 with padding 4, flip, normalize of 50,000 32×32×3", ms(pictures),
             f"dataloader-w2 {ms(found['cifar dataloader-w2'])}",
             found["cifar dataloader-w2"] / pictures, 300, True)
    rows.add("rotation(10): an epoch", ms(found["rotation w2"]), "",
             found["rotation w2"] * 1e3, 100, unit="ms")
    rows.add("drawing a batch of 64 from PyTorch's generator", f"{found['drawing 64'] * 1e6:.1f} µs",
             "", found["drawing 64"] * 1e6, 40, unit="µs")


def start_rows(rows, r):
    warm, cold, zlib = (r.get(n) for n in ("start-warm-seconds", "start-cold-seconds",
                                           "inflate-seconds"))
    if warm:
        rows.add("exec to first batch, warm cache", ms(warm), "", warm * 1e3, 20, unit="ms")
    if cold and zlib:
        rows.add("exec to first batch, no cache", ms(cold), f"zlib alone {ms(zlib)}", cold / zlib,
                 1.3)
    if "idle" in r:
        rows.add("wake-ups a second, rings full", f"{r['idle']['wakeups_per_second']:.1f}", "",
                 r["idle"]["wakeups_per_second"], 0, unit="/s")
    few, many = r.get("growth-60000-seconds"), r.get("growth-8100000-seconds")
    if few and many:
        limits = [r[f"growth-{count}-limit-seconds"] for count in (60000, 8100000)]
        rows.add("8.1 million images: a batch", f"{many * 1e6:.1f} µs",
                 f"60,000 images {few * 1e6:.1f} µs (the limit program grows "
                 f"{limits[1] / limits[0]:.1f}×)", many / few, 1.3)


def rows(results):
    all = Rows()
    for part in (epoch_rows, colour_rows, peer_rows, inline_rows, latency_rows, client_rows,
                 resize_rows, start_rows, python_rows, augment_rows):
        part(all, results)
    return all


def shown(row):
    value = row["value"]
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}"


def as_text(all):
    lines = [f"{'what':62} {'figure':>11}  {'reference':48} {'ratio':>8}  to reach"]
    for row in all:
        lines.append(f"{row['what']:62} {row['figure']:>11}  {row['reference']:48} "
                     f"{shown(row):>8} {row['unit']:6} {row['reach']:8} "
                     f"{'met' if row['met'] else 'MISSED'}")
    missed = sum(not row["met"] for row in all)
    return "\n".join(lines + ["", f"{len(all) - missed} of {len(all)} met"])


def as_markdown(all, machine, short=False):
    lines = ["| what | figure | reference, same run | ratio | to reach | |",
             "|---|---|---|---|---|---|"]
    for row in all:
        if short and not row["short"]:
            continue
        unit = "×" if row["unit"] == "x" else " " + row["unit"]
        met = "✓" if row["met"] else "**missed**"
        lines.append(f"| {row['what']} | {row['figure']} | {row['reference']} | "
                     f"{shown(row)}{unit} | {row['reach']} | {met} |")
    lines.append(f"\n{machine['cpus']} CPUs ({machine['cpu']}), Linux {machine['kernel']}, "
                 f"{machine['date']}; `scripts/bench --markdown` writes this table.\n")
    return "\n".join(lines)
