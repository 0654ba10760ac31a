"""What to type next, as it was typed before: a hint that does not work when pasted helps nobody."""

from __future__ import annotations

import os
import shlex
import shutil
import sys


def called(*words: object) -> str:
    """This command with other words: ``ironclaw`` where the shell finds it, else the path that was typed."""
    return shlex.join([_program(), *map(str, words)])


def pip(package: str) -> str:
    """What installs a package where this program runs, and nowhere else."""
    return shlex.join([_near(sys.executable), "-m", "pip", "install", package])


def _program() -> str:
    path = sys.argv[0]
    found = shutil.which("ironclaw")
    if os.path.basename(path) != "ironclaw" or (found and os.path.realpath(found) == os.path.realpath(path)):
        return "ironclaw"
    return _near(path)


def _near(path: str) -> str:
    near = os.path.relpath(path)
    return path if near.startswith(os.pardir) else near
