"""The words of a system call filter: classic BPF, eight bytes an instruction."""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ironclaw.sandbox.syscalls import AARCH64, X86_64, Numbers

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
LOAD, EQUAL, AT_LEAST, ANY_BIT, KEEP_BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16
_X32_BIT = 0x40000000

Step = tuple[int, int, int, int]  #: Code, jump if true, jump if false, value.


@dataclass(frozen=True, slots=True)
class Arch:
    """A processor whose system calls are known."""

    audit: int  #: How the kernel names it to a filter.
    column: int  #: Of the numbers.


#: By the kernel's name of the machine.  Programs for aarch64 are tested, but never ran on such a machine.
ARCHES = {"x86_64": Arch(0xC000003E, X86_64), "aarch64": Arch(0xC00000B7, AARCH64)}


def install(program: Callable[[Arch], bytes]) -> bool:
    """Put a filter in place for this thread and those that it starts.

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


def assembled(arch: Arch, steps: Iterable[Step]) -> bytes:
    """A whole filter: other processors end, and what no step answers is allowed."""
    whole = [
        (LOAD, 0, 0, _ARCH_AT),
        (EQUAL, 1, 0, arch.audit),
        (RETURN, 0, 0, _KILL),
        (LOAD, 0, 0, _NUMBER_AT),
        # The numbers of x32, a second table of x86_64; other processors have none up there.
        (AT_LEAST, 0, 1, _X32_BIT),
        (RETURN, 0, 0, _KILL),
        *steps,
        (RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("<HBBI", *step) for step in whole)


def refuse(number: int | None, error: int = errno.EPERM) -> list[Step]:
    """Answer a call with an error."""
    return [] if number is None else [(EQUAL, 0, 1, number), (RETURN, 0, 0, _FAIL | error)]


def only_if(numbers: Numbers, arch: Arch, argument: int, *tests: Step) -> list[Step]:
    """Allow a call only if one of its arguments, its low 32 bits, passes; EPERM otherwise.

    :param tests: the last of them skips one instruction where the argument passes
    """
    number = numbers[arch.column]
    if number is None:
        return []
    load = (LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument)
    fail = (RETURN, 0, 0, _FAIL | errno.EPERM)
    inner: list[Step] = [load, *tests, fail, (RETURN, 0, 0, ALLOW)]
    return [(EQUAL, 0, len(inner), number), *inner]
