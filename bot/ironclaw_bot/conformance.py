"""Runs the conformance suite: ``ironclaw tool conform [DIR ...]``.

A toolbox of any language that implements the tools of ``ironclaw_tools/conformance/cases.json`` can be run
against it; ours in Python, JavaScript, C and Zig are beside that file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from ironclaw.settings import Settings
from ironclaw_bot.authoring.cases import Case, read_case_file
from ironclaw_bot.authoring.trying import Trial, open_trials
from ironclaw_bot.build import build_folder, tools_folder
from ironclaw_bot.progress import Progress

OURS = ("python", "js", "c", "zig")


def suite() -> Path:
    """The folder of the cases and of our own toolboxes."""
    return tools_folder() / "conformance"


def cases() -> list[Case]:
    """The suite, in its order."""
    return read_case_file(suite() / "cases.json")


async def run_suite(
    settings: Settings, built: Mapping[str, Path], say: Callable[[str], None]
) -> dict[str, list[Trial]]:
    """Every case with every toolbox.

    :param built: folders of built toolboxes, by the name that the table shows
    """
    found: dict[str, list[Trial]] = {}
    async with open_trials(settings, say) as trials:
        for name, folder in built.items():
            found[name] = [trial async for trial in trials.run(folder, cases())]
    return found


def table(found: Mapping[str, Sequence[Trial]]) -> Iterator[str]:
    """One row a case, one column a toolbox, then what failed, then the counts."""
    yield f"{'':54}" + "".join(f"{name:>16}" for name in found)
    for row in zip(*found.values(), strict=True):
        yield f"{_name(row[0]):54}" + "".join(f"{_cell(trial):>16}" for trial in row)
    for name, trials in found.items():
        yield from (f"{name}: {_name(each)}: {fault}" for each in trials for fault in each.faults)
    total = [trial for trials in found.values() for trial in trials]
    failed = sum(bool(trial.faults) for trial in total)
    yield f"{len(total) - failed} passed, {failed} failed"


def _name(trial: Trial) -> str:
    return f"{trial.case.tool.partition('.')[2]:9} {trial.case.name}"


def _cell(trial: Trial) -> str:
    return "FAIL" if trial.faults else f"pass {trial.result.usage.seconds * 1000:6.1f} ms"


async def conform(settings: Settings, folders: Sequence[Path], say: Callable[[str], None]) -> bool:
    """Build the toolboxes in these folders, or ours, and print how each fares.

    :return: whether all pass
    """
    chosen = {str(folder): folder for folder in folders} or {name: suite() / name for name in OURS}
    built = {name: build_folder(folder, Progress(sys.stderr)) for name, folder in chosen.items()}
    found = await run_suite(settings, built, say)
    for line in table(found):
        print("".join(char if char.isprintable() else "?" for char in line))
    return not any(trial.faults for trials in found.values() for trial in trials)
