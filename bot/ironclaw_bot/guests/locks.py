"""One process at a time in a folder that builds write to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ironclaw.errors import ToolboxError


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold the right to write to a folder of built or installed things, against other processes.

    :raises ToolboxError: it cannot be written
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("w")
    except OSError as error:
        raise ToolboxError(
            f"{folder} cannot be written ({error.strerror}): toolboxes are built there"
        ) from None
    with file:
        _wait_for(file)
        yield


def _wait_for(file: TextIO) -> None:
    """Lock the file until it is closed."""
    if sys.platform == "win32":
        return  # Two builds at once waste work there; the renames keep each result whole.
    import fcntl  # noqa: PLC0415 - does not exist on Windows

    fcntl.flock(file, fcntl.LOCK_EX)
