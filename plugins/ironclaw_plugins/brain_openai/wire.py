"""The port between planning and a server's API: what is asked, what came back, and how both are written."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import Field

from ironclaw.task import Message, ProposedCall
from ironclaw_plugins.brain_openai.functions import Function
from ironclaw_plugins.brain_openai.profiles import Profile

T = TypeVar("T")
#: A list in a reply.  No model's turn has so many of anything: a longer one is refused at its first entry too
#: many, and a wrong one at its first fault, or reading it would take all memory while everybody waits.
Few = Annotated[list[T], Field(max_length=256, fail_fast=True)]
MAX_CALLS = 128  #: Of one turn, before it is broken; how many of them are judged is the engine's.
SAY_SECONDS = 0.1  #: Between two drafts: each is the whole text, and somebody must show it.


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, in no server's words."""

    model: str
    prompt: str
    messages: tuple[Message, ...]  #: As :func:`history.told` makes them.
    functions: tuple[Function, ...]
    who: str  #: Names the person to the server without saying who it is.
    temperature: float | None = None
    max_output_tokens: int | None = None
    num_ctx: int | None = None
    insists: bool = False  #: On a call: a probe's.

    def streams(self, profile: Profile) -> bool:
        """Whether its reply comes as it is made."""
        return profile.streams_tools or (profile.streams and not self.functions)


class End(Enum):
    """Why a model stopped."""

    STOP = "stop"  #: It was done.
    LENGTH = "length"  #: Its limit of tokens.
    FILTER = "filter"  #: The server did not like it.


@dataclass(frozen=True, slots=True)
class Used:
    """Tokens of one request, as the server counted them."""

    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: whole, and not yet believed."""

    text: str = ""
    refusal: str = ""
    calls: tuple[ProposedCall, ...] = ()  #: Under function names, with the arguments as they were written.
    end: End = End.STOP
    used: Used = Used()


class Draft:
    """A text while it grows; told now and then, and never at the end: then there is the answer.

    :param say: is given the whole text so far
    :param seconds: between two of them, at least
    """

    def __init__(self, say: Callable[[str], None], seconds: float = SAY_SECONDS) -> None:
        self._say = say
        self._seconds = seconds
        self._pieces: list[str] = []
        self._said_at = float("-inf")
        self.events = 0  #: That came so far, of whatever kind.

    def add(self, piece: str) -> None:
        self._pieces.append(piece)
        if time.monotonic() - self._said_at >= self._seconds:
            self._say(self.text)
            self._said_at = time.monotonic()

    @property
    def text(self) -> str:
        return "".join(self._pieces)


class Assembly(Protocol):
    """Puts one reply together from its events."""

    def add(self, event: str) -> None:
        """
        :param event: the data of one event
        :raises BrainError: the server gave up, or it is nothing that we know
        """
        ...

    def reply(self) -> Reply:
        """
        :raises Broken: the stream ended before the reply did
        """
        ...


@dataclass(frozen=True, slots=True)
class Api:
    """How one API is written and read: the port.  No network."""

    name: str  #: "chat" or "responses".
    body: Callable[[Ask, Profile], dict[str, Any]]  #: The request.
    reply: Callable[[bytes], Reply]  #: What came in one piece; raises Unreadable.
    assembly: Callable[[Draft], Assembly]  #: For what comes in events.
