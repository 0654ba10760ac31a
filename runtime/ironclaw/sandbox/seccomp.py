"""A system call filter, without a package: no sockets, no new processes, no word to other processes."""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys
from dataclasses import dataclass

from ironclaw.sandbox.syscalls import AARCH64, CLONE, CLONE3, DENIED, PRLIMIT64, X86_64

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_CLONE_THREAD, _X32_BIT = 0x00010000, 0x40000000

Step = tuple[int, int, int, int]  #: Of BPF: code, jump if true, jump if false, value.


@dataclass(frozen=True, slots=True)
class Arch:
    """A processor whose system calls are known."""

    audit: int  #: How the kernel names it to a filter.
    column: int  #: Of the numbers.


#: By the kernel's name of the machine.  The program for aarch64 is tested, but never ran on such a machine.
ARCHES = {"x86_64": Arch(0xC000003E, X86_64), "aarch64": Arch(0xC00000B7, AARCH64)}


def restrict() -> bool:
    """Put the filter in place for this thread and those it starts.

    :return: False where there is no filter for this machine
    :raises OSError: the kernel refused it
    """
    arch = ARCHES.get(platform.machine())
    if sys.platform != "linux" or arch is None:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(program(arch))
    # struct sock_fprog { unsigned short len; struct sock_filter *filter; }
    prog = struct.pack("HxxxxxxQ", (len(code) - 1) // 8, ctypes.addressof(code))
    steps = (_PR_SET_NO_NEW_PRIVS, 1, 0), (_PR_SET_SECCOMP, _MODE_FILTER, prog)
    if any(libc.prctl(*step, 0, 0) for step in steps):
        raise OSError(ctypes.get_errno(), "seccomp refused")
    return True


def program(arch: Arch) -> bytes:
    """The filter in BPF, eight bytes an instruction."""
    denied = [numbers[arch.column] for numbers in DENIED.values()]
    steps = [
        (_LOAD, 0, 0, _ARCH_AT),
        (_EQUAL, 1, 0, arch.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
        # The numbers of x32, a second table of x86_64; other processors have none up there.
        (_AT_LEAST, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, _KILL),
        *(step for number in denied for step in _on(number, _FAIL | errno.EPERM)),
        # ENOSYS: glibc then falls back to clone, whose flags a filter can read.
        *_on(CLONE3[arch.column], _FAIL | errno.ENOSYS),
        # Only new threads, and limits only of this process.
        *_if_first_argument(CLONE[arch.column], (_ANY_BIT, 1, 0, _CLONE_THREAD)),
        *_if_first_argument(PRLIMIT64[arch.column], (_EQUAL, 1, 0, 0)),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("<HBBI", *step) for step in steps)


def _on(number: int | None, action: int) -> list[Step]:
    return [] if number is None else [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, action)]


def _if_first_argument(number: int | None, test: Step) -> list[Step]:
    if number is None:
        return []
    fail = (_RETURN, 0, 0, _FAIL | errno.EPERM)
    return [(_EQUAL, 0, 4, number), (_LOAD, 0, 0, _FIRST_ARGUMENT_AT), test, fail, (_RETURN, 0, 0, _ALLOW)]
