"""``python -m tests.bench [NAME ...]``: measure, print the tables, keep them as JSON in tests/bench/out.

``report`` writes what is kept into docs/performance.md.  ``scale --million`` measures a million as well.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

from ironclaw_bot.build import build
from ironclaw_bot.progress import Progress
from tests.bench import (
    deciding,
    durable,
    loop,
    memory,
    replicas,
    report,
    sandbox,
    scale,
    slack_ack,
    verdict,
    workflows,
)
from tests.bench.measure import Result, keep, machine, say, table
from tests.cases.__main__ import hush

BENCHES: dict[str, Callable[[], Awaitable[Result]]] = {
    "verdict": verdict.measure,
    "deciding": deciding.measure,
    "loop": loop.measure,
    "sandbox": sandbox.measure,
    "workflows": workflows.measure,
    "slack_ack": slack_ack.measure,
    "durable_sqlite": durable.measure_sqlite,
    "durable_postgres": durable.measure_postgres,
    "replicas": replicas.measure,
    "scale": scale.measure,
    "memory": memory.measure,
}
MILLION, REPORT = "--million", "report"


async def run(names: list[str]) -> None:
    """One after the other, so that none disturbs another."""
    where = machine()
    print(f"{where['at']}, {where['cpus']} CPUs, load {where['load']}, Python {where['python']}, "
          f"SQLite {where['sqlite']}, {where['system']}\n")  # fmt: skip
    for name in names:
        result = await BENCHES[name]()
        print(table(result), flush=True)
        say(f"kept as {keep(result).name}")


def main(words: list[str]) -> int:
    """The exit code."""
    if MILLION in words:
        BENCHES["scale"] = scale.measure_million
    names = [word for word in words if word not in (MILLION, REPORT)]
    unknown = [word for word in names if word not in BENCHES]
    if unknown:
        print(f"There is no bench {unknown[0]!r}: {', '.join((*BENCHES, REPORT))}", file=sys.stderr)
        return 2
    if names or REPORT not in words:
        hush()
        build(("standard", "probe"), Progress(sys.stderr))
        asyncio.run(run(names or list(BENCHES)))
    report.write()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
