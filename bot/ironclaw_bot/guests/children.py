"""Runs the programs that build guests: bounded in time, their words shown only when they fail."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ironclaw.errors import ToolboxError
from ironclaw_bot.progress import Progress

BUILD_SECONDS = 900
MAX_WORDS = 4000


def run(
    words: Sequence[str],
    *,
    what: str,
    name: str,
    folder: Path,
    log: Path,
    progress: Progress,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a program to its end.

    :param what: the program's name for messages
    :param name: of what is built, for messages
    :param folder: its working directory
    :param log: where its words go; removed in the end
    :raises ToolboxError: it failed, with its last words, or it took too long
    """
    with log.open("wb") as sink:
        child = subprocess.Popen(  # noqa: S603 - our own programs and arguments
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
        status = _wait(child, name, progress)
    said = log.read_text("utf-8", "replace").strip()[-MAX_WORDS:]
    log.unlink()
    if status != 0:
        progress.failed(name)
        raise ToolboxError(f"{what} could not build {name}:\n{said}")


def _wait(child: subprocess.Popen[bytes], name: str, progress: Progress) -> int:
    """The child's exit status; a child that is late, or that we stop waiting for, is killed."""
    started = time.monotonic()
    try:
        while True:
            seconds = time.monotonic() - started
            progress.tick(name, seconds)
            if seconds > BUILD_SECONDS:
                raise ToolboxError(f"building {name} took more than {BUILD_SECONDS} s")
            try:
                return child.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                continue
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def answer(words: Sequence[str], folder: Path, *, seconds: float = 60) -> str:
    """What a program prints, when it ends well.

    :raises ToolboxError: it failed: its last line says why; or it took too long
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own programs and arguments
            words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise ToolboxError(f"reading the tools of {folder} took more than {seconds:g} s") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()[-MAX_WORDS:]
        raise ToolboxError(said or f"the tools of {folder} could not be read")
    return done.stdout.decode("utf-8")
