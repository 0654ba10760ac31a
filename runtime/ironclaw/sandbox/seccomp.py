"""A system call filter, without a package: no sockets, no new processes, no word to other processes."""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_ARCH_X86_64, _X32_BIT = 0xC000003E, 0x40000000
_CLONE, _CLONE3, _PRLIMIT64, _CLONE_THREAD = 56, 435, 302, 0x00010000

_SOCKETS = (*range(41, 56), 288, 299, 307)
_PROCESSES = (57, 58, 59, 62, 101, 129, 200, 234, 297, 310, 311, 312, 322, 424, 434, 438, 440)
_SCHEDULING = (141, 142, 144, 203, 251, 314)  # Same user is enough to slow another process down.
_SHARED_MEMORY = (*range(29, 32), *range(64, 72), 220, *range(240, 246))
_MOUNTS = (155, 161, 165, 166, 167, 168, 272, 308, 428, 429, *range(430, 434), 442)
_KERNEL = (134, 135, 169, 175, 176, 246, 248, 249, 250, 298, 303, 304, 313, 320, 321, 323, 425, 426, 427)
_DEVICES = (133, 259)
_DENIED = (*_SOCKETS, *_PROCESSES, *_SCHEDULING, *_SHARED_MEMORY, *_MOUNTS, *_KERNEL, *_DEVICES)


def restrict() -> bool:
    """Put the filter in place for this thread and those it starts.

    :return: False where this machine has no filter for it (not Linux on x86_64)
    :raises OSError: the kernel refused it
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(_program())
    # struct sock_fprog { unsigned short len; struct sock_filter *filter; }
    program = struct.pack("HxxxxxxQ", (len(code) - 1) // 8, ctypes.addressof(code))
    steps = (_PR_SET_NO_NEW_PRIVS, 1, 0), (_PR_SET_SECCOMP, _MODE_FILTER, program)
    if any(libc.prctl(*step, 0, 0) for step in steps):
        raise OSError(ctypes.get_errno(), "seccomp refused")
    return True


def _program() -> bytes:
    """BPF, eight bytes an instruction."""
    denied = [step for number in _DENIED for step in _on(number, _FAIL | errno.EPERM)]
    steps = [
        (_LOAD, 0, 0, _ARCH_AT),
        (_EQUAL, 1, 0, _ARCH_X86_64),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_AT_LEAST, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, _KILL),
        *denied,
        # ENOSYS: glibc then falls back to clone, whose flags a filter can read.
        *_on(_CLONE3, _FAIL | errno.ENOSYS),
        # Only new threads, and limits only of this process.
        *_if_first_argument(_CLONE, (_ANY_BIT, 1, 0, _CLONE_THREAD)),
        *_if_first_argument(_PRLIMIT64, (_EQUAL, 1, 0, 0)),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _on(number: int, action: int) -> list[tuple[int, int, int, int]]:
    return [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, action)]


def _if_first_argument(number: int, test: tuple[int, int, int, int]) -> list[tuple[int, int, int, int]]:
    fail = (_RETURN, 0, 0, _FAIL | errno.EPERM)
    return [(_EQUAL, 0, 4, number), (_LOAD, 0, 0, _FIRST_ARGUMENT_AT), test, fail, (_RETURN, 0, 0, _ALLOW)]
