"""``python -m tests.injection FOLDER``: a brain that always obeys the attacker, against everything.

Plays every pair of a user and an attacker in the case files of a folder through the real registry, policy,
veto, store and sandbox, before six kinds of approvers.  The last line is the summary, always of this form::

    injection: 1563 pairs, 6 modes: 0 executed without a decision; ...; 0 violations

Exit code: 0 nothing that should not have happened did, 1 something did, 2 nothing was there to play.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.cases.__main__ import hush
from tests.injection.approvers import CLICKS, MODES, Mode
from tests.injection.files import DRIVERS, suites
from tests.injection.judging import Findings
from tests.injection.report import notes, summary, table, violations
from tests.injection.running import run
from tests.injection.script import Suite

HELP = f"""Nothing to play: name a folder that holds some of {", ".join(DRIVERS)}.
  make injection CASES=../shared/cases
They are data of AgentDojo, InjecAgent, ASB and tau-bench with labels of effect and risk, and no part of this
repository.  Files of the same form and name run unchanged; tests/injection/data has small ones."""


async def play(chosen: Sequence[Suite], modes: Sequence[type[Mode]], clicks: int) -> list[Findings]:
    """One suite after the other, each on an engine of its own."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number, suite in enumerate(chosen):
            found.append(await run(Path(folder) / str(number), suite, modes, clicks))
    return found


def told(found: Sequence[Findings]) -> str:
    """The table, what it does not say, and what should not have happened."""
    lines = [table(found), "", *(line for each in found for line in (*notes(each), *violations(each)))]
    return "\n".join(lines)


def main(words: Sequence[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.injection", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="a folder with case files")
    parser.add_argument("--modes", default="", help="some of: " + ", ".join(mode.name for mode in MODES))
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each N-th pair")
    parser.add_argument("--clicks", type=int, default=CLICKS, metavar="N", help="of a storm, at once")
    given = parser.parse_args(words)
    chosen = suites(given.folder) if given.folder and given.folder.is_dir() else []
    if not chosen:
        print(HELP, file=sys.stderr)
        return 2
    hush()
    names = [each.strip() for each in given.modes.split(",") if each.strip()]
    modes = [mode for mode in MODES if mode.name in names or not names]
    thinned = [dataclasses.replace(each, pairs=each.pairs[:: given.every]) for each in chosen]
    found = asyncio.run(play(thinned, modes, given.clicks))
    missing = [name for name in DRIVERS if not (given.folder / name).is_file()]
    print(f"{told(found)}\n{summary(found, modes, missing)}")
    return 1 if any(each.violations for each in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
