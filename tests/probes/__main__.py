"""``python -m tests.probes [WORD]``: every attack as a row, with what stopped it; exits 1 where one escaped.

The last line is always of the form ``probes: 97 stopped, 0 escaped``.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from ironclaw_bot.build import build, built_folder
from ironclaw_bot.progress import Progress
from tests.cases.__main__ import hush
from tests.probes import ATTACKS
from tests.probes.attack import Attack, Row, made
from tests.probes.world import open_world

CACHE = (
    Path(__file__).parents[2] / ".ironclaw" / "tests" / "probes"
)  #: Compiled code, from one run to the next.
WIDTHS = (38, 34, 30, 16)
HEAD = (("attack", "how", "stopped by", "failure"), "      ms   lag ms   neighbour ms")


async def run(attacks: list[Attack]) -> list[Row]:
    """One after the other, each printed when it is over."""
    rows = []
    print(_columns(*HEAD[0]) + HEAD[1])
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        async with open_world(Path(name), built_folder(), CACHE) as world:
            for attack in attacks:
                rows.append(await made(attack, world))
                print(shown(rows[-1]), flush=True)
    return rows


def shown(row: Row) -> str:
    """The row as text; a fault on a line of its own."""
    attack, meanwhile = row.attack, row.meanwhile
    times = f"{meanwhile.took * 1000:8.0f} {meanwhile.lag * 1000:8.0f} {meanwhile.neighbour * 1000:14.0f}"
    line = _columns(attack.phrase, attack.name, attack.layer, row.stopped.kind) + times
    return f"{line}\n  ESCAPED: {row.fault}" if row.fault else line


def _columns(*cells: str) -> str:
    return "".join(cell[: width - 1].ljust(width) for cell, width in zip(cells, WIDTHS, strict=True))


def summary(rows: list[Row]) -> str:
    """The last line."""
    escaped = sum(row.fault is not None for row in rows)
    return f"probes: {len(rows) - escaped} stopped, {escaped} escaped"


def main(words: list[str]) -> int:
    """The exit code."""
    hush()
    build(("probe",), Progress(sys.stderr))
    chosen = [each for each in ATTACKS if all(word in f"{each.phrase} {each.name}" for word in words)]
    rows = asyncio.run(run(chosen))
    print(summary(rows))
    return 1 if not rows or any(row.fault for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
