"""What every benchmark needs: percentiles, tables, and where results are kept."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

OUT = Path(__file__).parent / "out"  #: Ignored by git: numbers of one machine on one day.

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Samples:
    """Times of one thing, in seconds."""

    seconds: tuple[float, ...]

    @property
    def p50(self) -> float:
        """Milliseconds."""
        return 1000 * statistics.median(self.seconds)

    @property
    def p99(self) -> float:
        """Milliseconds; of fewer than 100 samples simply the largest."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]

    def summary(self) -> dict[str, float]:
        """For the JSON file: milliseconds."""
        return {"samples": len(self.seconds), "p50_ms": round(self.p50, 4), "p99_ms": round(self.p99, 4)}


@dataclass(frozen=True, slots=True)
class Result:
    """One benchmark's table, and the same numbers for a program.

    :ivar notes: what the numbers do and do not include, one sentence each
    """

    name: str
    title: str
    head: Row
    rows: tuple[Row, ...]
    numbers: dict[str, object]
    notes: tuple[str, ...] = ()
    machine: dict[str, object] = field(default_factory=lambda: machine())


def machine() -> dict[str, object]:
    """Where and when: without it a number means nothing."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpus": os.cpu_count(),
        "load": [round(each, 2) for each in os.getloadavg()],
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def table(result: Result) -> str:
    """The result as Markdown."""
    lines = [result.head, *result.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(result.head))]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    drawn = [_line(line, widths) for line in lines]
    notes = [f"- {note}" for note in result.notes]
    return "\n".join([f"### {result.title}", "", drawn[0], rule, *drawn[1:], "", *notes, ""])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = cells
    padded = [first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(rest, widths[1:], strict=True))]
    return "| " + " | ".join(padded) + " |"


def keep(result: Result, folder: Path = OUT) -> Path:
    """The result as a JSON file, in place of the one of the run before."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.name}.json"
    path.write_text(json.dumps(asdict(result), indent=2) + "\n", "utf-8")
    return path


def say(text: str) -> None:
    """What the bench is waiting for."""
    print(text, file=sys.stderr, flush=True)


def ms(value: float) -> str:
    """Milliseconds with three digits that mean something."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def times(value: float) -> str:
    """A ratio."""
    return f"{value:.2f}x"
