"""Which layers of the sandbox hold here: a process of its own puts them on and tries to break them."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
from typing import Any, Literal

from ironclaw.errors import SandboxError

Missing = Literal["require", "warn"]  #: What a missing layer means: no start, or a warning.
LAYERS = ("shadows", "rlimits", "memfd_seal", "landlock", "seccomp")
SECONDS = 60


def layers() -> dict[str, bool]:
    """Which layers hold here.

    ``shadows``: sleeping traps (without it nothing starts).  ``rlimits``: memory, file size, open files.
    ``memfd_seal``: verified code cannot be changed before it is mapped.  ``landlock``: a worker sees its
    tenant's folder only.  ``seccomp``: it has no sockets and starts no process.
    """
    try:
        held = _tried(sys.executable)
    except (OSError, ValueError, subprocess.SubprocessError):
        held = {}
    return {layer: held.get(layer) is True for layer in LAYERS}


@functools.lru_cache(maxsize=1)
def _tried(program: str) -> dict[str, Any]:
    """What the trial prints.  Once for a process: the kernel under it stays the same.

    :raises OSError, ValueError, subprocess.SubprocessError: it cannot be tried
    """
    with tempfile.TemporaryDirectory() as folder:
        command = (program, "-I", "-m", "ironclaw.sandbox.trial", folder)
        done = subprocess.run(command, env={}, capture_output=True, timeout=SECONDS, check=True)  # noqa: S603
    return dict(json.loads(done.stdout))


def require(missing_means: Missing) -> list[str]:
    """Which layers are missing here.

    :raises SandboxError: one is that may not be; nothing may start
    """
    missing = [layer for layer, holds in layers().items() if not holds]
    if "shadows" in missing:
        raise SandboxError(
            "The sandbox's self-test failed: reinstall the pinned wasmtime. Nothing was started."
        )
    if missing and missing_means == "require":
        raise SandboxError(
            f"This machine lacks sandbox layers: {', '.join(missing)}. Use a kernel that has them (Linux "
            '6.12 on x86_64 or aarch64), or accept less with sandbox_layers = "warn". Nothing was started.'
        )
    return missing
