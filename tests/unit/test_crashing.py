"""Before a command does anything, it has prepared for its own crash."""

from __future__ import annotations

import os
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


def test_a_reader_that_has_gone() -> None:
    """
    Nobody reads on, as behind `| head`: the command ends without a word.
    """
    read, write = os.pipe()
    os.close(read)
    version = "from ironclaw_bot.cli import main; raise SystemExit(main(['version']))"
    run = subprocess.run(
        [sys.executable, "-c", version], stdout=write, stderr=subprocess.PIPE, text=True, timeout=30
    )
    os.close(write)

    assert (1, "") == (run.returncode, run.stderr)
