"""Whether the files of an open database are still those at their place.

A process goes on writing into a file that was deleted or replaced: everything it promises then is gone at its
end, and who opens the file that is there now runs what ran.
"""

from __future__ import annotations

import os
from pathlib import Path

import structlog

MOVED = "its file was replaced or deleted while it was open; stop the bot and put the file back"

log = structlog.get_logger(__name__)


class Files:
    """The database and its log, as they were when they were opened."""

    def __init__(self, path: Path) -> None:
        self._paths = (str(path), f"{path}-wal")
        self._opened = self._there()
        self._is_said = False

    def check(self) -> None:
        """Before anything is written.

        :raises OSError: they are not in their place
        """
        if self._there() == self._opened:
            self._is_said = False
            return
        if not self._is_said:
            self._is_said = True
            log.critical("database_moved", file=self._paths[0], what=MOVED)
        raise OSError(MOVED)

    def _there(self) -> list[tuple[int, int] | None]:
        return [_identity(path) for path in self._paths]


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path, follow_symlinks=False)
    except OSError:
        return None
    return found.st_dev, found.st_ino
