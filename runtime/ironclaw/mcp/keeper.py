"""Runs one program that somebody else wrote, confined, and ends with all that it started.

A process of its own, between the bot and the program: ``python -I -m ironclaw.mcp.keeper FD``.  It reads from
the descriptor what to run, as one line of JSON (:class:`ironclaw.mcp.confining.Confinement`), and kills its
whole process group, itself included, when the program ends or when the descriptor does, which the bot holds
open: so nothing survives a bot that was killed.  The program cannot leave the group, nor signal others.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from ironclaw.mcp import filter as system_calls
from ironclaw.sandbox import hardening, landlock

if sys.platform != "win32":
    import resource

FILES, FILE_BYTES, STACK = 512, 64 << 20, 8 << 20
MORE_PROCESSES = 256  #: Processes and threads that the program may start, beside those of its user already.
MAX_LINE = 1 << 20  #: Bytes of what to run.
NOT_STARTED = 127


def main(control: int) -> None:
    os.set_inheritable(control, False)
    spec = json.loads(_line(control))
    program = os.fork()
    if program == 0:
        _become(spec)
    _let_go_of_pipes()
    watched = select.poll()
    for descriptor in (control, os.pidfd_open(program)):
        watched.register(descriptor, select.POLLIN)
    watched.poll()
    os.killpg(0, signal.SIGKILL)


def _line(control: int) -> bytes:
    """
    :raises EOFError: the bot is gone
    """
    found = b""
    while not found.endswith(b"\n"):
        part = os.read(control, 65536)
        if not part or len(found) > MAX_LINE:
            raise EOFError
        found += part
    return found


def _let_go_of_pipes() -> None:
    """The program's pipes are its own: they end when it does."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)


def _become(spec: dict[str, Any]) -> NoReturn:
    try:
        hardening.belong_to(os.getppid())
        os.chdir(spec["folder"])
        _limit(spec)
        _confine(spec)
        os.execve(spec["command"], [spec["command"], *spec["args"]], spec["env"])  # noqa: S606 - the operator's
    except Exception as error:  # noqa: BLE001 - whatever it was: nothing of ours may go on in this process
        with contextlib.suppress(OSError):
            os.write(2, f"{spec['command']} was not started: {error}".encode())
    finally:
        os._exit(NOT_STARTED)


def _limit(spec: dict[str, Any]) -> None:
    most = {"NOFILE": FILES, "FSIZE": FILE_BYTES, "CORE": 0, "STACK": STACK, "DATA": spec["memory_mb"] << 20}
    if hardening.limit(most):
        hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        room = _tasks() + MORE_PROCESSES
        room = room if hard == resource.RLIM_INFINITY else min(hard, room)
        resource.setrlimit(resource.RLIMIT_NPROC, (room, room))


def _tasks() -> int:
    """Processes and threads of this user; the kernel counts them together."""
    found = 0
    for each in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if each.name.isdecimal() and each.stat().st_uid == os.getuid():
                found += len(os.listdir(each / "task"))
    return found


def _confine(spec: dict[str, Any]) -> None:
    """
    :raises OSError: a layer is missing here that must be there, or a capability stays
    """
    hardening.give_up_capabilities()
    given = [(Path(path), rights) for path, rights in spec["given"]]
    has_files = landlock.confine(given, has_network=spec["network"])
    has_calls = system_calls.restrict(has_network=spec["network"], may_signal=landlock.is_deaf())
    if spec["require"] and not (has_files and has_calls):
        raise OSError('this machine lacks Landlock or seccomp, and sandbox_layers = "require"')


if __name__ == "__main__":
    with contextlib.suppress(EOFError):
        main(int(sys.argv[1]))
