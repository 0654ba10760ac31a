"""What a process leaves that dies with secrets in its hands: its last words, and no memory on disk."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def left_by_crashes(values: Sequence[str]) -> Iterator[str | None]:
    """For each value None, or where it is after a SIGSEGV with faulthandler on, and after exceptions."""
    ends = [_crashed(how, values) for how in ("signal", "exception")]
    for value in values:
        faults = [fault for fault, said in ends if fault] + [
            "the value is in the last words" for _, said in ends if value in said
        ]
        yield faults[0] if faults else None


def _crashed(how: str, values: Sequence[str]) -> tuple[str | None, str]:
    """Let it die where core dumps are allowed.

    :return: what is wrong with its end, and its last words
    """
    with tempfile.TemporaryDirectory() as name, _core_dumps(), open(Path(name) / "said", "w+b") as said:
        (Path(name) / "asked").write_text(json.dumps(list(values)))
        status = _spawned(how, Path(name) / "asked", said.fileno())
        said.seek(0)
        text = said.read().decode()
    if os.WIFSIGNALED(status) is not (how == "signal"):
        return f"it did not die of its {how}: {text[-200:]}", text
    if os.WIFSIGNALED(status) and os.WCOREDUMP(status):
        return "its memory was dumped", text
    expected = "Segmentation fault" if how == "signal" else '"event": "crashed"'
    return None if expected in text else f"its last words do not say {expected}: {text[-200:]}", text


def _spawned(how: str, asked: Path, said: int) -> int:
    files = [
        (os.POSIX_SPAWN_OPEN, 0, str(asked), os.O_RDONLY, 0),
        *((os.POSIX_SPAWN_DUP2, said, number) for number in (1, 2)),
    ]
    words = [sys.executable, "-m", "tests.fakes.crashing", how]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    pid = os.posix_spawn(sys.executable, words, environ, file_actions=files)
    return os.waitpid(pid, 0)[1]


@contextlib.contextmanager
def _core_dumps() -> Iterator[None]:
    """As where an operator wants them: the child must refuse by itself."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)
