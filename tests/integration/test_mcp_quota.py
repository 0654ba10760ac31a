"""What a program holds: counted wherever it hides it, and gone with it."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.integration.mcp_world import program, world
from tests.integration.test_mcp_programs import confined

from ironclaw.capabilities import Quota
from ironclaw.mcp.confining import started
from ironclaw.mcp.quota import HIDES, TOO_FULL, TOO_MANY, excess, own_folder

AT = "import ctypes, os, subprocess, threading, time\nos.chdir(os.environ['TMPDIR'])\n"
WAITS = "\nprint(1, flush=True)\ntime.sleep(60)\n"
#: Not as Python's own, which keeps the file open.
MAP = "ctypes.CDLL(None).mmap(None, ctypes.c_size_t(4096), 1, 1, file.fileno(), ctypes.c_long(0))\n"
ONE = "file = open('a', 'w+b', buffering=0); file.write(b'x' * (6 << 20)); os.unlink('a')\n"


@contextlib.asynccontextmanager
async def after(code: str, data: Path) -> AsyncIterator[tuple[Path, int]]:
    """A program that has run this code and waits: its folder and its process group."""
    server = program(Path("-c"), AT + code + WAITS)
    async with own_folder(data, "x") as folder, started(confined(server, folder, data)) as running:
        assert b"1\n" == await running.receive(), running.words(str)
        yield folder, running.pid


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("", ""),
        ("open('a', 'wb').write(b'x' * (3 << 20))", ""),
        ("open('a', 'wb').write(b'x' * (6 << 20))", TOO_FULL),
        (ONE, TOO_FULL),
        (ONE + MAP + "file.close()", TOO_FULL),
        (ONE + "subprocess.Popen(['/bin/sleep', '60'], pass_fds=[file.fileno()]); file.close()", TOO_FULL),
        (ONE + "file.close()", ""),
        ("for _ in range(40): os.mkdir('a'); os.chdir('a')", TOO_FULL),
        ("for _ in range(9): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()", TOO_MANY),
    ],
    ids=["nothing", "some", "named", "open", "mapped", "a child's", "closed", "deep", "threads"],
)
async def test_what_it_holds(code: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Files count with a name and without, in every process and mapping, and so do processes.
    """
    monkeypatch.setattr("ironclaw.mcp.quota.ROOM", Quota(4 << 20, 100))
    monkeypatch.setattr("ironclaw.mcp.quota.FILE_BYTES", 8 << 20)
    monkeypatch.setattr("ironclaw.mcp.quota.MORE_PROCESSES", 8)
    async with after(code, tmp_path) as (folder, group):
        found = excess(folder, group)

    assert why == found


async def test_looks_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Who holds more than can be looked at in time is taken to hide something.
    """
    monkeypatch.setattr("ironclaw.mcp.quota.MOST_LOOKS", 10)
    async with after("", tmp_path) as (folder, group):
        found = excess(folder, group)

    assert HIDES == found


@pytest.fixture
def shallow(tmp_path: Path) -> Iterator[Path]:
    """A folder in which nothing deep is left, which pytest could not remove."""
    yield tmp_path
    subprocess.run(["/bin/rm", "-rf", tmp_path / "mcp"], check=True)


async def test_nothing_stays(shallow: Path) -> None:
    """
    A folder goes with its program, however deep it is and whatever the program forbids.
    """
    code = (
        "for _ in range(1500): os.mkdir('a'); os.chdir('a')\nos.chdir(os.environ['TMPDIR']); os.chmod('a', 0)"
    )
    async with after(code, shallow) as (folder, _):
        assert ["a"] == os.listdir(folder)

    assert [] == os.listdir(shallow / "mcp")


async def test_left_by_a_bot_that_was_killed(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What a killed bot's programs left is gone once the next one has started, whatever servers it has.
    """
    left = tmp_path / "data" / "mcp" / "x-1" / "a"
    left.mkdir(parents=True)
    (left / "kept").write_text("words")
    async with world(tmp_path, built_toolboxes):
        pass

    assert not (tmp_path / "data" / "mcp").exists()
