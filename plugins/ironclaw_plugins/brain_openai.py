"""The brain ``openai``: any server that speaks Chat Completions.  It plans; it runs nothing."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import structlog

from ironclaw.errors import BrainError
from ironclaw.hookspecs import Services, hookimpl
from ironclaw.settings import Settings
from ironclaw.task import Brain, Conversation, Move, ToolOffer
from ironclaw_plugins import openai_wire

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI

log = structlog.get_logger(__name__)

OPENAI = "https://api.openai.com/v1"
ATTEMPTS = 4  #: Of one turn: after 408, 409, 429, 5xx, broken connections and replies that nobody can read.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0  #: Seconds before the next one; the pause doubles.
CONNECT_SECONDS = 5.0
READ_SECONDS = 120.0  #: Between two bytes.
TURN_SECONDS = 300.0  #: For one turn, retries included.

MAX_REPLY = 8 * 2**20  #: Bytes of one reply, unpacked.

LATE = "The model's server did not answer in time. Try again."
UNREACHABLE = "The model's server cannot be reached: check OPENAI_BASE_URL and the network."
TOO_LONG = "The model's server sent an endless answer, which was cut. Check OPENAI_BASE_URL."

#: What to tell the person, by HTTP status.
REMEDIES = {
    400: "the server refused the request{code}: check that openai_model names a model with tool calling",
    401: "the server refused the API key: check OPENAI_API_KEY",
    403: "the API key may not use this model: check OPENAI_API_KEY and openai_model",
    404: "the server knows no such model or path: check openai_model and OPENAI_BASE_URL",
    413: "the conversation is too long for the server: ask in a new thread",
    429: "the server asks for a pause (rate limit or quota{code}): try again in a minute",
}


class Passing(BrainError):
    """It may go better the next time.

    :ivar seconds: how long the server asked to wait; None where it did not
    """

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


class OpenAIBrain:
    """The plugin."""

    def __init__(self, services: Services) -> None:
        self._brain = ChatBrain(services.settings)

    @hookimpl
    def ironclaw_brains(self) -> Mapping[str, Brain]:
        return {"openai": self._brain}


class ChatBrain:
    """Plans with a chat model.

    :param read_seconds: how long the server may stay silent
    :param turn_seconds: how long one turn may take, retries included
    :param first_pause: seconds before the first retry
    """

    def __init__(
        self,
        settings: Settings,
        read_seconds: float = READ_SECONDS,
        turn_seconds: float = TURN_SECONDS,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        self._settings = settings
        self._read_seconds = read_seconds
        self._turn_seconds = turn_seconds
        self._first_pause = first_pause
        self._prompt = files("ironclaw_plugins").joinpath("prompts/system.md").read_text("utf-8").strip()

    async def plan(self, conversation: Conversation) -> Move:
        """One move; asked again, for a while, where the server may do better the next time.

        :raises BrainError: the server failed or answered what nobody can use; the message names the remedy
        """
        body = openai_wire.request(conversation, self._settings.openai_model, self._prompt)
        if not self._settings.openai_base_url:
            body |= _for_openai(conversation)
        # In a thread: the import takes a second, the trust store a moment, and others must not wait.
        client = await asyncio.to_thread(lambda: self._client)
        until = asyncio.get_running_loop().time() + self._turn_seconds
        try:
            async with asyncio.timeout_at(until):
                return await self._patiently(lambda: _asked(client, body, conversation.tools), until)
        except TimeoutError:
            raise BrainError(LATE) from None

    async def _patiently(self, ask: Callable[[], Awaitable[Move]], until: float) -> Move:
        """
        :param until: of the event loop's clock: a pause that would end later is not begun
        :raises BrainError: for good, or once too often
        """
        for attempt in range(1, ATTEMPTS):
            try:
                return await ask()
            except Passing as fault:
                pause = self._pause(fault, attempt)
                if asyncio.get_running_loop().time() + pause >= until:
                    raise
                log.info("model_asked_again", why=str(fault), attempt=attempt, seconds=round(pause, 1))
            await asyncio.sleep(pause)
        return await ask()

    def _pause(self, fault: Passing, attempt: int) -> float:
        """What the server asked for; else longer each time, and not the same for all who wait."""
        if fault.seconds is not None:
            return fault.seconds
        longest = min(LONGEST_PAUSE, self._first_pause * 2.0 ** (attempt - 1))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  # a pause is no secret

    @cached_property
    def _client(self) -> AsyncOpenAI:
        """Neither proxies nor redirects: the conversation goes to the configured server and nowhere else."""
        # Imported here: it takes a second, which a bot that plans with another brain need not wait.
        from httpx2 import Limits, Timeout  # noqa: PLC0415  # as above
        from openai import AsyncOpenAI, DefaultAsyncHttpx2Client  # noqa: PLC0415  # as above

        key = self._settings.openai_api_key
        client = AsyncOpenAI(
            api_key=key.get_secret_value() if key else "none",  # Local servers need none, the library does.
            base_url=self._settings.openai_base_url or OPENAI,
            max_retries=0,  # Its own would not wait for as long as a server asks.
            timeout=Timeout(self._read_seconds, connect=CONNECT_SECONDS),
            http_client=DefaultAsyncHttpx2Client(
                trust_env=False,
                follow_redirects=False,
                # A turn takes seconds: a kept connection would save little, and nobody closes a plugin.
                limits=Limits(max_keepalive_connections=0),
            ),
        )
        # The library reads these from the environment; ours is read in settings alone.
        client.organization = client.project = None
        return client


async def _asked(client: AsyncOpenAI, body: dict[str, Any], tools: Sequence[ToolOffer]) -> Move:
    """One request.

    :raises Passing: another one may go better
    :raises BrainError: it would not
    """
    from httpx2 import HTTPError  # noqa: PLC0415  # start-up time, see ChatBrain._client
    from openai import APIConnectionError, APIStatusError, APITimeoutError, OpenAIError  # noqa: PLC0415  # same

    try:
        return openai_wire.move(await _reply(client, body), tools)
    except openai_wire.Unreadable as error:
        raise Passing(str(error)) from None
    except APIStatusError as error:
        raise _explained(error) from None
    except APITimeoutError:
        raise Passing(LATE) from None
    except APIConnectionError:
        raise Passing(UNREACHABLE) from None
    except HTTPError:
        raise Passing("The connection to the model's server broke. Try again.") from None
    except OpenAIError as error:
        raise BrainError(f"The model's server could not be asked ({type(error).__name__}).") from None


async def _reply(client: AsyncOpenAI, body: dict[str, Any]) -> bytes:
    """The reply's bytes, read piece by piece so that a server cannot fill the memory."""
    found = bytearray()
    async with client.chat.completions.with_streaming_response.create(**body) as reply:
        async for piece in reply.iter_bytes():
            found += piece
            if len(found) > MAX_REPLY:
                raise BrainError(TOO_LONG)
    return bytes(found)


def _for_openai(conversation: Conversation) -> dict[str, Any]:
    """What OpenAI itself understands: keep nothing; a stable id for a person without naming them."""
    who = hashlib.sha256(f"{conversation.tenant}\0{conversation.requester}".encode()).hexdigest()
    return {"store": False, "safety_identifier": who}


def _explained(error: APIStatusError) -> BrainError:
    """In our words.  The server's own stay out: they may quote the request, and the key."""
    status = error.status_code
    code = str(error.code or "")
    shown = f", {code}" if re.fullmatch(r"[a-z_]{1,40}", code) else ""
    remedy = REMEDIES.get(status, f"the server answered {status}: try again later, or check OPENAI_BASE_URL")
    sentence = f"The model did not answer: {remedy.format(code=shown)}."
    if (status not in (408, 409, 429) and status < 500) or code == "insufficient_quota":
        return BrainError(sentence)
    return Passing(sentence, _asked_pause(error.response.headers))


def _asked_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds of ``Retry-After``, a number or a date, or of its finer sister; None where there is none."""
    with contextlib.suppress(ValueError):
        return max(0.0, float(headers.get("retry-after-ms", "")) / 1000)
    asked = headers.get("retry-after", "")
    with contextlib.suppress(ValueError):
        return max(0.0, float(asked))
    with contextlib.suppress(TypeError, ValueError):
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    return None
