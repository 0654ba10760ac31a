"""Before a command does anything, it has prepared for its own crash."""

from __future__ import annotations

import subprocess
import sys

import pytest

PREPARED = """
import ctypes, resource, sys, threading
from ironclaw_bot.cli import main
main(["version"])
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
raise SystemExit(sys.excepthook is sys.__excepthook__ or threading.excepthook is threading.__excepthook__)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel cannot be asked")
def test_every_command_is_prepared() -> None:
    """
    No command can be dumped to disk, whatever the machine's settings, and no crash prints past the log.
    """
    run = subprocess.run([sys.executable, "-c", PREPARED], capture_output=True, text=True, timeout=30)

    assert (0, "(0, 0) 0") == (run.returncode, run.stdout.splitlines()[-1])
