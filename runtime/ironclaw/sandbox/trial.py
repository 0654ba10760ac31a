"""The process behind :mod:`ironclaw.sandbox.check`: ``python -m ironclaw.sandbox.trial <folder>``.

It puts on each layer, tries to break it, and prints one JSON object, layer to bool.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from ironclaw.errors import SandboxError
from ironclaw.sandbox import hardening, landlock, seccomp
from ironclaw.sandbox.codecache import sealed_memory
from ironclaw.sandbox.engine import make_engine, make_linker, self_test
from ironclaw.sandbox.model import Profile


def _held(folder: Path) -> dict[str, bool]:
    """Try each layer in the order in which a worker puts it on."""
    return {
        "shadows": _shadows_hold(),
        "memfd_seal": _seal_holds(),
        "rlimits": hardening.limit(hardening.WORKER_LIMITS) and _is_refused(_write_too_much, folder),
        "landlock": landlock.restrict(folder) and _is_refused(os.listdir, "/etc") and _can_write(folder),
        "seccomp": seccomp.restrict() and _is_refused(socket.socket) and _is_refused(os.fork),
    }


def _shadows_hold() -> bool:
    checked = make_engine()
    try:
        self_test(checked, lambda: make_linker(checked, Profile.SCRATCH, {}))
    except SandboxError:
        return False
    return True


def _seal_holds() -> bool:
    fd = sealed_memory(b"code")
    refused = sys.platform == "linux" and _is_refused(os.pwrite, fd, b"x", 0)
    os.close(fd)
    return refused


def _write_too_much(folder: Path) -> None:
    with (folder / "large").open("wb") as file:
        file.seek(hardening.WORKER_LIMITS["FSIZE"])
        file.write(b"x")


def _can_write(folder: Path) -> bool:
    return (folder / "small").write_text("text") == len("text")


def _is_refused(action: Callable[..., object], *arguments: object) -> bool:
    try:
        action(*arguments)
    except OSError:
        return True
    return False


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_held(Path(sys.argv[1]))))
    sys.stdout.flush()
    os._exit(0)
