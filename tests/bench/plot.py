# SPDX-License-Identifier: MIT
"""The pictures of docs/performance.md, drawn from what scripts/bench measured, and those of docs/tuning.md
from what tuning.py did. Needs matplotlib."""
import os


def new_figure(title, x, y):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "fmnistd", "svg.fonttype": "path",
                                "font.size": 10, "axes.spines.top": False,
                                "axes.spines.right": False})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.5, 4.5), layout="constrained")
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.25)
    return figure, axes


def save(figure, folder, name):
    os.makedirs(folder, exist_ok=True)
    figure.savefig(os.path.join(folder, name + ".svg"), metadata={"Date": None})
    figure.savefig(os.path.join(folder, name + ".png"), dpi=110)


def by_number(points):
    """Keys that went through JSON are text."""
    return sorted((int(k), v) for k, v in points.items())


def draw_sweep(curves, folder):
    figure, axes = new_figure("One epoch of 60,000, 32×32 float32, shuffled, every value read",
                              "batch size", "seconds")
    order = sorted(curves, key=lambda n: -by_number(curves[n])[-1][1])
    for name in order:
        x, y = zip(*by_number(curves[name]))
        ours = name in ("fmnistd, C", "fmnist-t1")
        axes.plot(x, y, marker="o", markersize=5 if ours else 3.5, linewidth=3 if ours else 1.3,
                  color="black" if ours else None, linestyle="--" if name.endswith(", C") else "-",
                  label=name, zorder=3 if ours else 2)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(x, [str(n) for n in x])
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    save(figure, folder, "epoch-by-batch-size")


def draw_clients(curves, folder):
    figure, axes = new_figure("All clients together, 32×32 float32, batch 64, every byte read",
                              "clients", "million images a second")
    for seeds, label in (("equal", "one spec"), ("different", "a spec each")):
        x, y = zip(*by_number(curves[seeds]))
        axes.plot(x, [v / 1e6 for v in y], marker="o", label=label)
    axes.set_xscale("log", base=2)
    axes.set_xticks(x, [str(n) for n in x])
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    save(figure, folder, "throughput-by-clients")


def draw_latency(trainer, folder):
    figure, axes = new_figure("fmnist_next of a trainer that computes 1 ms a batch",
                              "microseconds (the last bar: and more)", "calls")
    counts, width = trainer["histogram"], trainer["bucket_us"]
    shown = min(len(counts), max(50, max(i for i, n in enumerate(counts) if n) + 2))
    shown = min(shown, 250)
    bars = counts[:shown - 1] + [sum(counts[shown - 1:])]
    axes.bar([(i + 0.5) * width for i in range(shown)], bars, width=width * 0.9)
    axes.set_yscale("log")
    axes.axvline(trainer["p99_us"], color="tab:red", linewidth=1)
    axes.annotate(f" p99 = {trainer['p99_us']:.2f} µs", (trainer["p99_us"], max(bars) / 2),
                  color="tab:red")
    save(figure, folder, "latency")


def draw_advice(curves, folder):
    """curves: {what is read: {workers: [(step_us, share waited)]}}"""
    figure, axes = new_figure("What a trainer waits for a batch of 64, by its step and the workers",
                              "microseconds that the trainer computes a step", "% of its time waited")
    for color, (label, by_workers) in zip(("tab:blue", "tab:red"), curves.items()):
        for line, (workers, points) in zip(("-", "--", ":", "-."), by_workers.items()):
            steps = range(len(points))
            axes.plot(steps, [100 * share for _, share in points], line, color=color, marker="o", markersize=3.5,
                      label=f"{label}: {workers} worker{'s' if workers > 1 else ''}")
            axes.set_xticks(steps, [str(step) for step, _ in points])
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    save(figure, folder, "waits-by-step")


def draw_profiles(profiles, folder):
    """profiles: {case: {what the daemon does: share of its CPU time}}"""
    figure, axes = new_figure("What fmnistd's CPU time goes into, by perf", "% of its CPU time", "")
    figure.set_size_inches(7.5, 2.6)
    left = dict.fromkeys(profiles, 0)
    groups = dict.fromkeys(group for shares in profiles.values() for group in shares)
    for group in sorted(groups, key=lambda g: -max(p.get(g, 0) for p in profiles.values())):
        widths = [100 * shares.get(group, 0) for shares in profiles.values()]
        axes.barh(list(profiles), widths, left=list(left.values()), label=group)
        left = {case: at + width for (case, at), width in zip(left.items(), widths)}
    axes.invert_yaxis()
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.25), ncols=3, frameon=False)
    save(figure, folder, "profile")


def draw(results, folder):
    for name, picture in (("sweep", draw_sweep), ("clients-curve", draw_clients),
                          ("trainer", draw_latency)):
        if name in results:
            picture(results[name], folder)
