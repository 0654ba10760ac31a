"""A system call filter, without a package: no sockets, no new processes, no word to other processes."""

from __future__ import annotations

import errno

from ironclaw.sandbox.bpf import ANY_BIT, ARCHES, EQUAL, Arch, assembled, install, only_if, refuse
from ironclaw.sandbox.syscalls import CLONE, CLONE3, DENIED, PRLIMIT64

__all__ = ["ARCHES", "Arch", "program", "restrict"]

_CLONE_THREAD = 0x00010000


def restrict() -> bool:
    """Put the filter in place for this thread and those it starts.

    :return: False where there is no filter for this machine
    :raises OSError: the kernel refused it
    """
    return install(program)


def program(arch: Arch) -> bytes:
    """The filter in BPF, eight bytes an instruction."""
    denied = [numbers[arch.column] for numbers in DENIED.values()]
    steps = [
        *(step for number in denied for step in refuse(number)),
        # ENOSYS: glibc then falls back to clone, whose flags a filter can read.
        *refuse(CLONE3[arch.column], errno.ENOSYS),
        # Only new threads, and limits only of this process.
        *only_if(CLONE, arch, 0, (ANY_BIT, 1, 0, _CLONE_THREAD)),
        *only_if(PRLIMIT64, arch, 0, (EQUAL, 1, 0, 0)),
    ]
    return assembled(arch, steps)
