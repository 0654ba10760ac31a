"""Says what is being built."""

from __future__ import annotations

from typing import TextIO

CLEAR_LINE = "\r\033[K"


class Progress:
    """Says on a stream what is being built: one moving line on a terminal, plain lines elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._moves = stream.isatty()

    def begin(self, name: str, seconds: str) -> None:
        """:param seconds: how long it takes, in words"""
        if not self._moves:
            self._say(f"building the toolbox {name} ({seconds}) ...\n")

    def tick(self, name: str, seconds: float) -> None:
        if self._moves:
            self._say(f"{CLEAR_LINE}building the toolbox {name} ... {seconds:.0f} s")

    def done(self, name: str, seconds: float) -> None:
        self._say(f"{CLEAR_LINE if self._moves else ''}built the toolbox {name} in {seconds:.1f} s\n")

    def failed(self, name: str) -> None:
        if self._moves:
            self._say(CLEAR_LINE)

    def _say(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
