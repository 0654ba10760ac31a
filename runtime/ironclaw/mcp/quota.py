"""What a program holds: its own folder, its files that have no name any more, its processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from itertools import count as numbers
from pathlib import Path

import structlog

from ironclaw.capabilities import Quota
from ironclaw.errors import SettingsError
from ironclaw.mcp.keeper import FILE_BYTES, MORE_PROCESSES
from ironclaw.sandbox.quota import count

FOLDER = "mcp"  #: In data_dir; within it a folder for each program that runs.
ROOM = Quota(512 << 20, 20_000)  #: Of its folder and of its files without a name, together.
MOST_LOOKS = 50_000  #: At open files and mappings of one program, of each thread anew: tenths of a second.
TOO_FULL = "its folder is too full"
TOO_MANY = "it started too many processes"
HIDES = "what it holds open cannot be looked at"

log = structlog.get_logger(__name__)

Files = dict[tuple[int, int], int]  #: Bytes by device and number.


@contextlib.asynccontextmanager
async def own_folder(data_dir: Path, name: str) -> AsyncIterator[Path]:
    """An empty folder of a program's own, which is gone after it.

    :raises OSError: it cannot be made
    """
    folder = await asyncio.to_thread(_new_folder, data_dir, name)
    try:
        yield folder
    finally:
        await asyncio.shield(asyncio.to_thread(_removed, folder))


def _removed(folder: Path) -> None:
    try:
        _remove(folder)
    except OSError as error:  # Raised here, it would hide that the program was let go.
        log.error("mcp_folder_stays", folder=folder.name, error=str(error.strerror))


def clear_left(data_dir: Path) -> None:
    """Remove the folders of programs that ended with a bot that was killed.

    :raises SettingsError: one cannot be removed
    """
    above = data_dir / FOLDER
    try:
        if above.is_dir():
            _remove(above)
    except OSError as error:
        raise SettingsError(
            f"{above}, where programs of MCP servers had their files, cannot be removed: "
            f"{error.strerror}. Remove it, then start again."
        ) from None


def excess(folder: Path, group: int) -> str:
    """Why a program holds more than it may, or "".  It blocks.

    :param group: the number of its processes' group
    """
    try:
        used = count(folder, ROOM)
        tasks, nameless = _held(group, os.fsencode(folder))
    except OSError:
        return HIDES
    if used.is_over(ROOM) or used.bytes + sum(nameless.values()) > ROOM.bytes:
        return TOO_FULL
    # Who is root is bound by no number of processes (RLIMIT_NPROC); the keeper is one more.
    return TOO_MANY if tasks > MORE_PROCESSES + 1 else ""


def _new_folder(data_dir: Path, name: str) -> Path:
    above = data_dir.resolve() / FOLDER
    above.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=above))


def _remove(folder: Path) -> None:
    """However deep it is, and whatever may be entered: nobody is in there any more.

    What lies deeper is brought up first, so no path is ever long.
    """
    name = numbers()
    while found := list(os.scandir(folder)):
        for each in found:
            if not each.is_dir(follow_symlinks=False):
                os.unlink(each)
                continue
            os.chmod(each, 0o700)
            for inner in list(os.scandir(each)):
                if inner.is_dir(follow_symlinks=False):
                    os.chmod(inner, 0o700)
                os.rename(inner, folder / f".{next(name)}.{os.path.basename(each)[:64]}")
            os.rmdir(each)
    os.rmdir(folder)


def _held(group: int, folder: bytes) -> tuple[int, Files]:
    """How many tasks a program has, and which files without a name they hold open or mapped.

    :raises OSError: somebody does not let us look, or holds too much to look at
    """
    tasks, looks, files = 0, 0, Files()
    for process in _members(group) if sys.platform == "linux" else ():
        for each in _tasks(process):
            tasks += 1
            for key, size in _looked(each, folder):
                looks += 1
                if looks > MOST_LOOKS:
                    raise OSError(HIDES)
                if size:
                    files[key] = max(size, files.get(key, 0))
    return tasks, files


def _members(group: int) -> Iterator[str]:
    for name in os.listdir("/proc"):
        with contextlib.suppress(ProcessLookupError):
            if name.isdecimal() and os.getpgid(int(name)) == group:
                yield name


def _tasks(process: str) -> list[str]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return [f"/proc/{process}/task/{each}" for each in os.listdir(f"/proc/{process}/task")]
    return []


def _looked(task: str, folder: bytes) -> Iterator[tuple[tuple[int, int], int]]:
    """Each open file and mapping of a task, with its bytes where it has no name any more.

    :raises PermissionError: it has made itself unreadable
    """
    try:
        with os.scandir(f"{task}/fd") as found:
            for each in found:
                with contextlib.suppress(FileNotFoundError):
                    yield _open(os.stat(each))
        yield from _mapped(task, folder)
    except (FileNotFoundError, ProcessLookupError):
        return  # It has ended.
    except PermissionError:
        if not _has_ended(task):
            raise


def _open(file: os.stat_result) -> tuple[tuple[int, int], int]:
    has_no_name = stat.S_ISREG(file.st_mode) and not file.st_nlink
    return (file.st_dev, file.st_ino), max(file.st_size, file.st_blocks * 512) if has_no_name else 0


def _mapped(task: str, folder: bytes) -> Iterator[tuple[tuple[int, int], int]]:
    """Of a file that is only mapped nobody says how large it is: it counts as large as one may be."""
    with open(f"{task}/maps", "rb") as lines:
        for line in lines:
            _, _, _, device, number, *path = line.split(maxsplit=5)
            has_no_name = path and path[0].startswith(folder) and path[0].endswith(b" (deleted)\n")
            major, minor = (int(part, 16) for part in device.split(b":"))
            yield (os.makedev(major, minor), int(number)), FILE_BYTES if has_no_name else 0


def _has_ended(task: str) -> bool:
    """Of who has ended, and is not looked after yet, nothing is open and nothing may be read."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"{task}/stat").read_bytes().rpartition(b")")[2].split()[0] in (b"Z", b"X")
    return True
