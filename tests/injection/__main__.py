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

NAMES = ", ".join(mode.name for mode in MODES)
HELP = f"""Nothing to play: name a folder that holds some of {", ".join(DRIVERS)}.
  make injection CASES=../shared/cases
  make injection CASES=../shared/cases ARGS="--every 50"
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


def _modes(words: str) -> list[type[Mode]]:
    """
    :raises ArgumentTypeError: there is none of this name
    """
    known = {mode.name: mode for mode in MODES}
    names = [each.strip() for each in words.split(",") if each.strip()]
    if wrong := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"there is no approver {wrong[0]!r}; there are: {NAMES}")
    return [known[name] for name in names or known]


def _count(word: str) -> int:
    """
    :raises ArgumentTypeError: for what is no number above 0
    """
    if not word.isdecimal() or not int(word):
        raise argparse.ArgumentTypeError(f"{word!r} is no number above 0")
    return int(word)


def main(words: Sequence[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.injection", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="a folder with case files")
    parser.add_argument("--modes", type=_modes, default=MODES, help=f"some of: {NAMES}")
    parser.add_argument("--every", type=_count, default=1, metavar="N", help="only each N-th pair")
    parser.add_argument("--clicks", type=_count, default=CLICKS, metavar="N", help="of a storm, at once")
    given = parser.parse_args(words)
    chosen = suites(given.folder) if given.folder and given.folder.is_dir() else []
    if not chosen:
        print(HELP, file=sys.stderr)
        return 2
    hush()
    thinned = [dataclasses.replace(each, pairs=each.pairs[:: given.every]) for each in chosen]
    found = asyncio.run(play(thinned, given.modes, given.clicks))
    missing = [name for name in DRIVERS if not (given.folder / name).is_file()]
    print(f"{told(found)}\n{summary(found, given.modes, missing)}")
    return 1 if any(each.violations for each in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
