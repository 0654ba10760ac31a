"""``make sabotage``: each edit in a copy of the repository, and the table of which tests noticed."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.sabotage.model import Mutant
from tests.sabotage.mutants import MUTANTS, NOT_YET

ROOT = Path(__file__).parents[2]
ROOTS = ("runtime", "bot", "plugins", "tools", ".")
SHARED = (".ironclaw/tests", "tools/ironclaw_tools/built", "tools/ironclaw_tools/sdk/js/node_modules")
_FAILED = re.compile(r"^(?:FAILED|ERROR) (tests/\S+)", re.MULTILINE)
MOST_SECONDS = 900.0  #: For one mutant's tests.


def copy_to(folder: Path) -> None:
    """The files that git knows, as they are now, and links to what takes long to make."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for name in SHARED:
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(ROOT / name)


def apply(mutant: Mutant, folder: Path) -> None:
    for edit in mutant.edits:
        path = folder / edit.file
        path.write_text(path.read_text("utf-8").replace(edit.old, edit.new, 1), "utf-8")


def killed_by(mutant: Mutant) -> str:
    """The first test that failed; "" where none did."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_to(folder)
        apply(mutant, folder)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(folder / each) for each in ROOTS)}
        words = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider"]
        ran = subprocess.run(
            [*words, *mutant.tests],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=MOST_SECONDS,
        )
    failed = _FAILED.search(ran.stdout)
    if ran.returncode == 1 and failed:
        return failed[1]
    if ran.returncode:
        raise RuntimeError(
            f"mutant {mutant.number}: the tests did not run:\n{ran.stdout[-2000:]}{ran.stderr}"
        )
    return ""


def main() -> int:
    """
    :return: 0 when every mutant was noticed
    """
    parser = argparse.ArgumentParser(prog="python -m tests.sabotage", description=__doc__)
    parser.add_argument("numbers", nargs="*", type=int, help="only these")
    chosen = parser.parse_args().numbers
    mutants = [each for each in MUTANTS if not chosen or each.number in chosen]
    alive = 0
    for mutant in mutants:
        began = time.monotonic()
        by = killed_by(mutant)
        alive += not by
        took = time.monotonic() - began
        print(f"{mutant.number:>3} {mutant.what:<66} {took:5.0f} s  {by or 'NOT NOTICED'}", flush=True)
    for number, why in NOT_YET.items():
        print(f"{number:>3} {why}")
    print(f"{len(mutants) - alive} of {len(mutants)} noticed")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
