"""What goes wrong between us and a model's server, and what a person is told of it.

A server's own words stay out of every sentence: they may quote the request, and the key.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from ironclaw.errors import BrainError, ContextTooLong

LATE = "The model's server did not answer in time. Try again."
UNREACHABLE = "The model's server cannot be reached: check OPENAI_BASE_URL and the network."
BROKE_OFF = "The connection to the model's server broke. Try again."
ENDLESS = "The model's server sent an endless answer, which was cut. Check OPENAI_BASE_URL."
UNREADABLE = "The model's server answered what is no model's turn. Check OPENAI_BASE_URL and openai_api."
EMPTY = "The model gave neither a tool call nor an answer. Ask again, or set another openai_model."
CUT_OFF = "The model's turn was cut off at its length limit, so nothing of it was used. Ask for less at once."
FILTERED = "The model's server stopped the answer with its content filter. Word the task differently."
TOO_LONG = "The conversation is longer than the model can read: ask in a new thread."
USED_UP = "The model gave nothing usable before this task's budget was used up. Ask for less at once."
NO_PARSER = (
    "The model did not answer: this vLLM was started without tool calling: give it --enable-auto-tool-choice "
    "and --tool-call-parser."
)
NO_TOOLS = "The model did not answer: it cannot call tools: set openai_model to one that can."
OWN_TOOLS = "The model's server ran a tool of its own, which nobody here judged. Turn its tools off."

#: What to tell the person, by HTTP status or the server's own code.
REMEDIES: dict[int | str, str] = {
    400: "the server refused the request{code}: check that openai_model names a model with tool calling",
    401: "the server refused the API key: check OPENAI_API_KEY",
    403: "the API key may not use this model: check OPENAI_API_KEY and openai_model",
    404: "the server knows no such model or path: check openai_model and OPENAI_BASE_URL, which mostly "
    "ends in /v1",
    429: "the server asks for a pause (rate limit or quota{code}): try again in a minute",
    "insufficient_quota": "the account's quota or credit is used up: add to it where the API key is from, or "
    "set openai_fallbacks",
}
#: How servers say it that have no code for it: vLLM, llama.cpp, Ollama and what stands before them.
_LONG = re.compile(r"(context|prompt)[^.]{0,40}(size|window|length|long)", re.IGNORECASE)
_LONG_CODES = {"context_length_exceeded", "exceed_context_size_error", "context_exceeded"}
_PASSING_CODES = {"server_error", "rate_limit_exceeded", "overloaded"}


#: A named server's own, by what the sentences above call it.
_OWN = {"OPENAI_API_KEY": "api_key", "OPENAI_BASE_URL": "base_url", "openai_api": "api"}


def name_settings(fault: BrainError, table: str) -> None:
    """Have its remedy name the settings of the server that was asked, and not those of another.

    :param table: of ironclaw.toml; "" for the common server
    """
    if table:
        sentence = re.sub("|".join(_OWN), lambda found: f"{_OWN[found[0]]} in {table}", str(fault))
        fault.args = (sentence,)


class Passing(BrainError):
    """It may go better the next time.

    :ivar seconds: how long the server asked to wait; None where it did not
    """

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


class Untaken(Exception):
    """The server did not take a request, so nothing of a model was used.

    :ivar fault: what that means
    """

    def __init__(self, fault: BrainError) -> None:
        super().__init__(str(fault))
        self.fault = fault


class Unreadable(Passing):
    """The reply is no model's turn."""


class Broken(BrainError):
    """The model's turn cannot be used, and the model may do better once it is told so.

    :ivar told: what it is told, in words of ours alone
    """

    def __init__(self, message: str, told: str) -> None:
        super().__init__(message)
        self.told = told


class Declined(BrainError):
    """Neither another try nor another model may do this task: only the person can change that."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a server says of its refusal: untrusted, and only looked at."""

    code: str = ""
    kind: str = ""
    message: str = ""

    @classmethod
    def of(cls, body: Any) -> Said:
        """:param body: the value under "error", or the whole body where there is none such"""
        if not isinstance(body, dict):
            return cls()
        return cls(*(str(body.get(key) or "")[:2000] for key in ("code", "type", "message")))

    @property
    def is_too_long(self) -> bool:
        return bool({self.code, self.kind} & _LONG_CODES) or _LONG.search(self.message) is not None


def refused(status: int, said: Said, headers: Mapping[str, str]) -> BrainError:
    """What an HTTP status other than 200 means, in our words."""
    if status == 413 or (status in (400, 500) and said.is_too_long):
        return ContextTooLong(TOO_LONG)
    if status == 400 and (special := _special(said)):
        return special
    shown = f", {said.code}" if re.fullmatch(r"[a-z_]{1,40}", said.code) else ""
    known = REMEDIES.get(said.code) or REMEDIES.get(status)
    remedy = known or (f"the server answered {status}: try again later, or check OPENAI_BASE_URL")
    sentence = f"The model did not answer: {remedy.format(code=shown)}."
    if (status not in (408, 409, 429) and status < 500) or said.code == "insufficient_quota":
        return BrainError(sentence)
    return Passing(sentence, asked_pause(headers))


def _special(said: Said) -> BrainError | None:
    """Of 400, what has a remedy of its own."""
    if "content_filter" in (said.code, said.kind):
        return Declined(FILTERED)
    if "--enable-auto-tool-choice" in said.message:
        return BrainError(NO_PARSER)
    return BrainError(NO_TOOLS) if "does not support tools" in said.message else None


def failed_midway(said: Said) -> BrainError:
    """What an error within a reply that began as a good one means."""
    if said.is_too_long:
        return ContextTooLong(TOO_LONG)
    if "content_filter" in (said.code, said.kind):
        return Declined(FILTERED)
    sentence = "The model's server gave up in the middle of its answer. Try again."
    may_pass = not said.code or {said.code, said.kind} & _PASSING_CODES or said.code.startswith("5")
    return Passing(sentence) if may_pass else BrainError(sentence)


def asked_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds of ``Retry-After``, a number or a date, or of its finer sister; None where there is none."""
    with contextlib.suppress(ValueError):
        return max(0.0, float(headers.get("retry-after-ms", "")) / 1000)
    asked = headers.get("retry-after", "")
    with contextlib.suppress(ValueError):
        return max(0.0, float(asked))
    # Overflow: a year, or a time zone, beyond all time.
    with contextlib.suppress(TypeError, ValueError, OverflowError, OSError):
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    return None
