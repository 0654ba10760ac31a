"""Runs case files: each driver module of this folder names its file and yields one outcome per case.

A driver is a module with ``FILE``, the name of the case file it knows, and::

    async def cases(data: dict) -> AsyncIterator[tuple[str, str | None]]

yielding (case id, None when it passed, else what went wrong).  A case that belongs to another driver
is not yielded at all.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import tests.cases

DATA = Path(__file__).parent / "data"  #: The files written for this project, so that tests need nothing else.
NOT_DRIVERS = {"driver", "__main__"}


@dataclass(slots=True)
class Report:
    """What came of one file."""

    name: str
    passed: int = 0
    failures: list[str] = field(default_factory=list)  #: "case id: what went wrong"

    @property
    def line(self) -> str:
        """``jwt_vectors.json 144/144``"""
        return f"{self.name} {self.passed}/{self.passed + len(self.failures)}"


def drivers() -> dict[str, list[ModuleType]]:
    """Every driver by the name of its file; a file may have several."""
    found: dict[str, list[ModuleType]] = {}
    for module in _modules():
        found.setdefault(module.FILE, []).append(module)
    return found


def _modules() -> Iterator[ModuleType]:
    for info in pkgutil.iter_modules(tests.cases.__path__):
        if info.name not in NOT_DRIVERS and not info.name.startswith(("_", "test_")):
            module = importlib.import_module(f"tests.cases.{info.name}")
            if hasattr(module, "FILE"):
                yield module


def load(path: Path) -> Any:
    """The parsed case file."""
    return json.loads(path.read_text("utf-8"))


async def run(path: Path, modules: list[ModuleType]) -> Report:
    """All cases of one file through its drivers.

    A driver that raises, or that finds not one case, is a failure: silence never passes.
    """
    report = Report(path.name)
    for module in modules:
        try:
            await _note(report, module.cases(load(path)))
        except Exception as error:  # noqa: BLE001  # one broken driver must not hide the other files
            report.failures.append(f"{module.__name__}: the driver stopped: {type(error).__name__}: {error}")
    if not report.passed and not report.failures:
        report.failures.append("no driver found a case in it")
    return report


async def _note(report: Report, outcomes: AsyncIterator[tuple[str, str | None]]) -> None:
    async for case, problem in outcomes:
        if problem is None:
            report.passed += 1
        else:
            report.failures.append(f"{case}: {problem}")
