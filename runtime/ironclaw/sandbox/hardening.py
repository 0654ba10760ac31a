"""What a worker or compiler process takes from itself before anything untrusted is near it."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys

from ironclaw.errors import SandboxError
from ironclaw.sandbox.caps import MAX_FILE, MIB

if sys.platform != "win32":
    import resource

_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _CLEAR_ALL = 24, 38, 47, 4
_CAPABILITIES, _VERSION_3 = 64, 0x20080522  #: The most there may ever be; their sets' third form.

#: Of a worker: open files, bytes of one file, bytes of a core dump, bytes of data and heap.
WORKER_LIMITS = {"NOFILE": 64, "FSIZE": MAX_FILE, "CORE": 0, "DATA": 768 * MIB}
#: Of a compiler: it writes to its pipe only; a component that needs more than this is a bomb.
COMPILER_LIMITS = {"NOFILE": 64, "FSIZE": 0, "CORE": 0, "DATA": 2048 * MIB, "CPU": 300}


def limit(limits: dict[str, int]) -> bool:
    """Set hard limits; False where the system has none."""
    if sys.platform == "win32":
        return False
    for name, most in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
    # A write past FSIZE shall be an error that the guest sees, not a death.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    return True


def limit_files(most: int) -> None:
    """From now on no file grows over ``most`` bytes; at most WORKER_LIMITS["FSIZE"]."""
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, WORKER_LIMITS["FSIZE"]))


def belong_to(parent: int) -> None:
    """Die with the supervisor, and leave Ctrl-C to it.

    :raises SandboxError: it died already
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if sys.platform != "win32" and os.getppid() != parent:
        raise SandboxError("The supervisor is gone.")


def give_up_capabilities() -> None:
    """Be nobody special, also as root, and start nobody who is.

    :raises OSError: the kernel refused
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for each in range(_CAPABILITIES):
        libc.prctl(_PR_CAPBSET_DROP, each, 0, 0, 0)  # Who may not is bound by the next two all the same.
    libc.prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    head, none = struct.pack("Ii", _VERSION_3, 0), bytes(24)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.capset(head, none):
        raise OSError(ctypes.get_errno(), "the capabilities stay")


class Threads:
    """Counts this process's threads, also after /proc is closed."""

    def __init__(self) -> None:
        self._tasks = os.open("/proc/self/task", os.O_RDONLY) if sys.platform == "linux" else None

    def require_one(self) -> None:
        """:raises SandboxError: a thread runs that a restriction would not bind"""
        if self._tasks is not None and len(os.listdir(self._tasks)) != 1:
            raise SandboxError("A second thread runs in a worker that is not yet restricted.")


class Memory:
    """Reads how much private memory this process has, also after /proc is closed."""

    _DATA_FIELD = 5  #: Of /proc/self/statm: data and stack, in pages.

    def __init__(self) -> None:
        self._statm = os.open("/proc/self/statm", os.O_RDONLY) if sys.platform == "linux" else None
        self._page = resource.getpagesize() if sys.platform != "win32" else 0

    def bytes(self) -> int:
        """Bytes of writable private memory; 0 where the system does not say."""
        if self._statm is None:
            return 0
        return int(os.pread(self._statm, 128, 0).split()[self._DATA_FIELD]) * self._page
