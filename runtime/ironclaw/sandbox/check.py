"""Which layers of the sandbox hold here: a process of its own puts them on and tries to break them."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile

from ironclaw.errors import SandboxError

LAYERS = ("shadows", "rlimits", "memfd_seal", "landlock", "seccomp")
SECONDS = 60


def layers() -> dict[str, bool]:
    """Which layers hold here.

    ``shadows``: sleeping traps (without it nothing starts).  ``rlimits``: memory, file size, open files.
    ``memfd_seal``: verified code cannot be changed before it is mapped.  ``landlock``: a worker sees its
    tenant's folder only.  ``seccomp``: it has no sockets and starts no process.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = (sys.executable, "-I", "-m", "ironclaw.sandbox.trial", folder)
        try:
            done = subprocess.run(command, env={}, capture_output=True, timeout=SECONDS, check=True)  # noqa: S603
            held = json.loads(done.stdout)
        except (OSError, ValueError, subprocess.SubprocessError):
            held = {}
    return {layer: held.get(layer) is True for layer in LAYERS}


def require_shadows() -> None:
    """:raises SandboxError: a tool could sleep; nothing may start"""
    if not layers()["shadows"]:
        raise SandboxError(
            "The sandbox's self-test failed: reinstall the pinned wasmtime. Nothing was started."
        )
