"""Says what is being built."""

from __future__ import annotations

from typing import TextIO

CLEAR_LINE = "\r\033[K"


EVERY = 10.0  #: Seconds between two lines where no line can move.


class Progress:
    """Says on a stream what is being made: one moving line on a terminal, else a plain line now and then.

    :param doing: what is said before it is done
    :param did: and after it
    """

    def __init__(
        self, stream: TextIO, doing: str = "building the toolbox", did: str = "built the toolbox"
    ) -> None:
        self._stream = stream
        self._moves = stream.isatty()
        self._doing, self._did = doing, did
        self._next = EVERY

    def begin(self, name: str, seconds: str) -> None:
        """:param seconds: how long it takes, in words"""
        self._next = EVERY
        if not self._moves:
            self._say(f"{self._doing} {name} ({seconds}) ...\n")

    def tick(self, name: str, seconds: float) -> None:
        """:param seconds: since it began"""
        if self._moves:
            self._say(f"{CLEAR_LINE}{self._doing} {name} ... {seconds:.0f} s")
        elif seconds >= self._next:
            self._next += EVERY
            self._say(f"{self._doing} {name} ... {seconds:.0f} s\n")

    def done(self, name: str, seconds: float, note: str = "") -> None:
        """:param note: what was special about it"""
        clear, note = CLEAR_LINE if self._moves else "", f" ({note})" if note else ""
        self._say(f"{clear}{self._did} {name} in {seconds:.1f} s{note}\n")

    def failed(self, name: str) -> None:
        if self._moves:
            self._say(CLEAR_LINE)

    def _say(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
