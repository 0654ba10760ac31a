"""Runs in the bench's own environment: draws what the bench has kept.  Arguments: JSON's folder, SVG's."""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "ironclaw", "font.size": 9})
from matplotlib import pyplot  # noqa: E402 - after the choice of a backend

OURS, FLOOR, OTHER = "#1f5fa8", "#b8b8b8", "#d98e32"


def color(name):
    return {"IronClaw": OURS, "floor": FLOOR}.get(name, OTHER)


def throughput(kept, folder):
    """Workflows a second by contender and concurrency, a panel for each database and concurrency."""
    titles = {"durable_sqlite": "SQLite", "durable_postgres": "PostgreSQL"}
    found = [(title, kept[name]["numbers"]) for name, title in titles.items() if name in kept]
    databases = [(title, numbers["contenders"]) for title, numbers in found if numbers]
    if not databases:
        return
    figure, rows = pyplot.subplots(len(databases), 2, figsize=(9, 2.6 * len(databases)), squeeze=False)
    for row, (title, contenders) in zip(rows, databases, strict=True):
        for axis, lanes in zip(row, ("1", "64"), strict=True):
            bars(axis, {name: each["at"][lanes]["per_second"] for name, each in contenders.items()})
            axis.set_title(f"{title}, {lanes} at once", fontsize=9)
    save(figure, folder / "throughput.svg")


def bars(axis, rates):
    names = sorted(rates, key=rates.get)
    drawn = axis.barh(names, [rates[name] for name in names], color=[color(name) for name in names])
    axis.bar_label(drawn, [f"{rates[name]:.0f}" for name in names], padding=2, fontsize=8)
    axis.set_xscale("log")
    axis.set_xlim(1, 10 * max(rates.values()))
    axis.set_xlabel("workflows a second")


def scale(kept, folder):
    """What it costs that so many are paused."""
    if "scale" not in kept:
        return
    rows = kept["scale"]["numbers"]["restarts"][1:]
    paused = [row["paused"] for row in rows]
    figure, axes = pyplot.subplots(1, 4, figsize=(11, 2.6))
    for axis, (title, values) in zip(axes, panels(rows), strict=True):
        axis.plot(paused, values, "o-", color=OURS)
        axis.set(xscale="log", xlabel="paused workflows", title=title, ylim=(0, 1.5 * max(values)))
        axis.title.set_fontsize(9)
    save(figure, folder / "scale.svg")


def panels(rows):
    yield "resume p50, ms", [row["resume"]["p50_ms"] for row in rows]
    yield "memory of the process, MB", [row["resident"] / 1e6 for row in rows]
    yield "until it is ready, s", [row["ready_s"] for row in rows]
    yield "bytes of each on the disk", [row["bytes"] for row in rows]


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None})


def main(source, target):
    kept = {path.stem: json.loads(path.read_text()) for path in Path(source).glob("*.json")}
    throughput(kept, Path(target))
    scale(kept, Path(target))


main(*sys.argv[1:])
