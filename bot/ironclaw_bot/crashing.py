"""What a process of ours leaves behind when it dies of something that nobody expected: nothing secret."""

from __future__ import annotations

import ctypes
import sys
import threading
from types import TracebackType

import structlog

if sys.platform != "win32":
    import resource

_PR_SET_DUMPABLE = 4

log = structlog.get_logger(__name__)


def prepare_for_the_worst() -> None:
    """Leave no memory on disk, and tell of crashes through the log, which redacts.

    Python's faulthandler may stay on: it names files, functions and lines, never a value.
    """
    _no_core_dump()
    sys.excepthook = _tell
    threading.excepthook = lambda crash: _tell(crash.exc_type, crash.exc_value, crash.exc_traceback)


def _no_core_dump() -> None:
    """The limit alone does not hold for a dump that the kernel pipes to a program."""
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _tell(kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None) -> None:
    log.critical("crashed", exc_info=(kind, error, traceback))
