"""Landlock by system call: this process sees what it is given, no TCP, no abstract socket, no process.

It binds the calling thread and what that starts later, so it comes before the engine's own threads.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # The same on every architecture.
_RULE_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

# write-file, read-file, read-dir, remove-dir, remove-file, make-dir, make-reg, refer, truncate:
# no execute, device, socket, fifo, symlink or ioctl.
USE = sum(1 << bit for bit in (1, 2, 3, 4, 5, 7, 8, 13, 14))
#: The same without what makes a folder fuller: read and remove.
SHRINK = sum(1 << bit for bit in (2, 3, 4, 5))
#: Read files and folders, and run programs: for what is somebody else's.
RUN = sum(1 << bit for bit in (0, 2, 3))
#: Of a file or a device: read and write.
READ_WRITE = sum(1 << bit for bit in (1, 2))
_OF_FILES = sum(1 << bit for bit in (0, 1, 2, 14, 15))  #: The rights that a rule about a file may name.
#: How many file rights each ABI version knows.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}


def abi() -> int:
    """The kernel's Landlock version; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_libc().syscall(_CREATE_RULESET, None, 0, 1)))


def restrict(folder: Path | None, rights: int = USE) -> bool:
    """From now on only what lies in the folder can be opened; nothing at all without one.

    :param rights: what may be done in the folder: USE or SHRINK
    :return: False where the kernel has no Landlock
    :raises OSError: it has, and refused
    """
    return confine([] if folder is None else [(folder, rights)])


def confine(given: Iterable[tuple[Path, int]], *, has_network: bool = False) -> bool:
    """From now on only what lies at these paths can be opened, each with its rights.

    :param given: paths without links in them; of one within another, the rights of both
    :return: False where the kernel has no Landlock
    :raises OSError: it has, and refused, or a path is not there
    """
    version = abi()
    if not version:
        return False
    ruleset = _ruleset(version, has_network=has_network)
    try:
        for path, rights in given:
            _allow(ruleset, path, rights & _handled(version))
        _check(_libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _check(_libc().syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
    return True


def is_deaf() -> bool:
    """Whether who is confined cannot send a signal to who is not."""
    return abi() >= 6


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _handled(version: int) -> int:
    return (1 << _FILE_RIGHTS.get(version, 16)) - 1


def _ruleset(version: int, *, has_network: bool) -> int:
    net = 3 if version >= 4 and not has_network else 0
    scoped = 3 if version >= 6 else 0
    attributes = (ctypes.c_uint64 * 3)(_handled(version), net, scoped)
    return _check(_libc().syscall(_CREATE_RULESET, attributes, 24, 0))


def _allow(ruleset: int, path: Path, rights: int) -> None:
    parent = os.open(path, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if not stat.S_ISDIR(os.fstat(parent).st_mode):
            rights &= _OF_FILES
        rule = ctypes.create_string_buffer(struct.pack("<Qi", rights, parent))
        _check(_libc().syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0))
    finally:
        os.close(parent)


def _check(answer: int) -> int:
    if answer < 0:
        raise OSError(ctypes.get_errno(), "Landlock refused")
    return answer
