"""``python -m tests.cases``: a silent or broken driver never passes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

from tests.cases.__main__ import summary
from tests.cases.driver import DATA, Report, drivers, run


def driver(*outcomes: tuple[str, str | None] | Exception) -> ModuleType:
    async def cases(data: Any) -> AsyncIterator[tuple[str, str | None]]:
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
            yield outcome

    return cast("ModuleType", SimpleNamespace(FILE="x.json", cases=cases, __name__="x"))


def case_file(folder: Path) -> Path:
    path = folder / "x.json"
    path.write_text(json.dumps({}))
    return path


async def test_counts(tmp_path: Path) -> None:
    """
    Each case counts once, a failure with what went wrong.
    """
    report = await run(case_file(tmp_path), [driver(("a", None), ("b", "too late"))])

    assert (1, ["b: too late"]) == (report.passed, report.failures)


async def test_broken_driver(tmp_path: Path) -> None:
    """
    A driver that stops in the middle fails, though what it yielded had passed.
    """
    report = await run(case_file(tmp_path), [driver(("a", None), KeyError("k"))])

    assert ["x: the driver stopped: KeyError: 'k'"] == report.failures


async def test_silent_driver(tmp_path: Path) -> None:
    """
    A file in which the driver finds no case fails.
    """
    assert ["no driver found a case in it"] == (await run(case_file(tmp_path), [driver()])).failures


def test_last_line() -> None:
    """
    The last line has the totals, each file, and the files that nobody runs.
    """
    line = summary([Report("a.json", 2, ["x: y"]), Report("b.json", 3)], ["c.csv"])

    assert "cases: 5 passed, 1 failed; by file: a.json 2/3, b.json 3/3; no driver: c.csv" == line


def test_every_driver_has_its_data() -> None:
    """
    Each driver's case file is in the repository, so that the tests need nothing else.
    """
    assert [] == sorted(name for name in drivers() if not (DATA / name).is_file())
