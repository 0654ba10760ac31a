"""``python -m tests.cases FOLDER``: every case file in a folder that a driver knows by name.

The last line is the summary, always of this form (the parts after a semicolon only when not empty)::

    cases: 320 passed, 1 failed; by file: jwt_vectors.json 144/144, ...; no driver: tau.json, ...

Exit code: 0 all passed, 1 a case failed, 2 no folder or nothing in it to run.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import structlog

from tests.cases.driver import Report, drivers, run

FORMS = {".json", ".csv"}


async def run_files(files: list[Path]) -> tuple[list[Report], list[str]]:
    """Reports of the files that have a driver, and the names of those that have none."""
    known = drivers()
    reports = []
    for path in files:
        if path.name in known:
            reports.append(await run(path, known[path.name]))
            show(reports[-1])
    return reports, [path.name for path in files if path.name not in known]


def show(report: Report) -> None:
    """One file's result, each failure on a line of its own."""
    print(f"{report.name}: {report.passed} passed, {len(report.failures)} failed")
    for failure in report.failures:
        print(f"  FAILED {failure}")


def summary(reports: list[Report], unknown: list[str]) -> str:
    """The last line."""
    passed = sum(report.passed for report in reports)
    failed = sum(len(report.failures) for report in reports)
    parts = [f"cases: {passed} passed, {failed} failed"]
    if reports:
        parts.append("by file: " + ", ".join(report.line for report in reports))
    if unknown:
        parts.append("no driver: " + ", ".join(unknown))
    return "; ".join(parts)


def hush() -> None:
    """Refused requests are the point of many cases: their log lines would bury the results."""
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def main(arguments: list[str]) -> int:
    """The exit code."""
    hush()
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("Usage: python -m tests.cases FOLDER, a folder of case files", file=sys.stderr)
        return 2
    files = sorted(path for path in Path(arguments[0]).iterdir() if path.suffix in FORMS)
    reports, unknown = asyncio.run(run_files(files))
    for name in unknown:
        print(f"{name}: no driver")
    print(summary(reports, unknown))
    if not reports:
        return 2
    return 1 if any(report.failures for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
