"""The system call filter of a program that somebody else wrote: it starts processes, none leaves its group.

It may not open a socket, not even one of this machine's own files (a container engine listens on one), unless
the operator gave it the network; then those of the internet alone.  Nor take memory that no limit sees.
"""

from __future__ import annotations

import errno
from functools import partial

from ironclaw.sandbox import bpf
from ironclaw.sandbox.bpf import ANY_BIT, EQUAL, KEEP_BITS, Arch, Step, only_if, refuse
from ironclaw.sandbox.syscalls import (
    CLONE,
    CLONE3,
    DENIED,
    MEMFD_CREATE,
    MEMFD_SECRET,
    MMAP,
    PRLIMIT64,
    SETPGID,
    SETSID,
    SOCKET,
    SOCKETPAIR,
)

_PROCESSES = frozenset({"fork", "vfork", "execve", "execveat"})
_SIGNALS = frozenset({"kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"})
#: Of a pair of sockets, whose other end is its own: all but giving one an address, or sending files through
#: it, which nobody can count while they are on their way.
_PAIRS = frozenset(
    {
        "sendto",
        "recvfrom",
        "recvmsg",
        "shutdown",
        "getsockname",
        "getpeername",
        "setsockopt",
        "getsockopt",
        "recvmmsg",
    }
)
#: What a name server is asked with sends by sendmmsg.
_INTERNET = frozenset({"connect", "accept", "bind", "listen", "accept4", "sendmsg", "sendmmsg"})
_NEW_SPACES = (
    0x7E020000  #: Flags of clone: namespaces of mounts, groups, names, messages, users, ids, network.
)
#: Memory that is no process's own, so that no limit counts it: shared and without a file, or a file without a
#: disk; and a mapping that grows as a stack does.
_MEMORY = (MEMFD_CREATE, MEMFD_SECRET)
_SHARED, _GROWS = 0x21, 0x100  #: MAP_SHARED with MAP_ANONYMOUS; MAP_GROWSDOWN.
_TYPE_BITS, _STREAM = 0xF, 1
_INET, _INET6 = 2, 10


def restrict(*, has_network: bool, may_signal: bool) -> bool:
    """Put the filter in place for this process and those that it starts.

    :param may_signal: whether another layer keeps its signals within
    :return: False where there is no filter for this machine
    :raises OSError: the kernel refused it
    """
    return bpf.install(partial(program, has_network=has_network, may_signal=may_signal))


def program(arch: Arch, *, has_network: bool, may_signal: bool) -> bytes:
    """The filter in BPF, eight bytes an instruction."""
    allowed = _PROCESSES | _PAIRS | {"socket", "socketpair"}
    allowed |= (_INTERNET if has_network else frozenset()) | (_SIGNALS if may_signal else frozenset())
    denied = [numbers[arch.column] for name, numbers in DENIED.items() if name not in allowed]
    denied += [numbers[arch.column] for numbers in (SETPGID, SETSID)]
    steps = [
        *(step for number in denied for step in refuse(number)),
        *(step for numbers in _MEMORY for step in refuse(numbers[arch.column], errno.ENOSYS)),
        *only_if(MMAP, arch, 3, (ANY_BIT, 2, 0, _GROWS), (KEEP_BITS, 0, 0, _SHARED), (EQUAL, 0, 1, _SHARED)),
        *refuse(CLONE3[arch.column], errno.ENOSYS),
        # The other way round than a thread's: where a flag is set, the call fails.
        *only_if(CLONE, arch, 0, (ANY_BIT, 0, 1, _NEW_SPACES)),
        *only_if(PRLIMIT64, arch, 0, (EQUAL, 1, 0, 0)),
        *_sockets(arch, has_network=has_network),
        # A pair of datagrams could be given another end: the log's, the system manager's.
        *only_if(SOCKETPAIR, arch, 1, (KEEP_BITS, 0, 0, _TYPE_BITS), (EQUAL, 1, 0, _STREAM)),
    ]
    return bpf.assembled(arch, steps)


def _sockets(arch: Arch, *, has_network: bool) -> list[Step]:
    if not has_network:
        return refuse(SOCKET[arch.column])
    return only_if(SOCKET, arch, 0, (EQUAL, 2, 0, _INET), (EQUAL, 1, 0, _INET6))
