"""Plans with chat models.  It plans; it runs nothing."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog

from ironclaw.errors import BrainError, ContextTooLong, SettingsError
from ironclaw.settings import Settings
from ironclaw.task import Conversation, Message, Move, Role
from ironclaw_plugins.brain_openai.counting import Meter, broken_off, counted, micros, sent
from ironclaw_plugins.brain_openai.faults import LATE, USED_UP, Broken, Declined, Untaken, name_settings
from ironclaw_plugins.brain_openai.functions import functions
from ironclaw_plugins.brain_openai.history import told
from ironclaw_plugins.brain_openai.moves import move
from ironclaw_plugins.brain_openai.patience import FIRST_PAUSE, patiently
from ironclaw_plugins.brain_openai.prompts import Prompt
from ironclaw_plugins.brain_openai.servers import Choice, Choices, Server, Target
from ironclaw_plugins.brain_openai.wire import SAY_SECONDS, Ask, Draft, Reply, Used

if TYPE_CHECKING:
    from openai import AsyncOpenAI

log = structlog.get_logger(__name__)

READ_SECONDS = 120.0  #: Between two bytes.
TURN_SECONDS = 300.0  #: For one turn: retries, the repair and fallbacks included.


class ModelBrain:
    """Plans with the models of the settings.

    :param read_seconds: how long a server may stay silent
    :param turn_seconds: how long one turn may take, all included
    :param first_pause: seconds before the first retry
    :param say_seconds: between two drafts of an answer
    :raises SettingsError: a prompt or a server of the settings is not there
    """

    def __init__(
        self,
        settings: Settings,
        choices: Choices | None = None,
        read_seconds: float = READ_SECONDS,
        turn_seconds: float = TURN_SECONDS,
        first_pause: float = FIRST_PAUSE,
        say_seconds: float = SAY_SECONDS,
    ) -> None:
        self._settings = settings
        self._choices = choices or Choices(settings, settings.tenants.get)
        self._read_seconds = read_seconds
        self._turn_seconds = turn_seconds
        self._first_pause = first_pause
        self._say_seconds = say_seconds
        self._clients: dict[Server, AsyncOpenAI] = {}

    async def plan(self, conversation: Conversation) -> Move:
        """One move; asked again, for a while, where a server or a model may do better the next time.

        :raises ContextTooLong: the model cannot read so much
        :raises BrainError: no usable move; the message names the remedy, ``uses`` what it cost all the same
        """
        return await self._turn(conversation, self._choice(conversation.tenant))

    async def summarise(self, conversation: Conversation, request: str) -> Move:
        """What a long conversation came to, by the same model and without tools: see SummarisingBrain.

        :raises BrainError: as :meth:`plan`
        """
        prompt = Prompt.of("summary", request)
        asked = replace(conversation, tools=(), can_ask=False)
        return await self._turn(asked, replace(self._choice(conversation.tenant), prompt=prompt))

    def reckon(self, tenant: str, tokens_in: int, tokens_out: int) -> int:
        """Micros of one request of so many tokens, by the dearest of the tenant's models: see PricedBrain.

        :raises BrainError: a model has no price, or the tenant's settings cannot be followed
        """
        used = Used(tokens_in, 0, tokens_out)
        prices = map(self._choices.price, self._choice(tenant).targets)
        return max((micros(price, used) for price in prices if price), default=0)

    async def ask(self, conversation: Conversation, target: Target, *, insists: bool) -> Move:
        """What one model says, and no other: a probe's.

        :param insists: on a call, where the server can
        :raises BrainError: as :meth:`plan`
        """
        choice = replace(self._choice(conversation.tenant), targets=(target,), insists=insists)
        return await self._turn(conversation, choice)

    async def _turn(self, conversation: Conversation, choice: Choice) -> Move:
        meter = Meter(choice.prompt.version)
        try:
            found = await self._first_that_can(conversation, choice, meter)
        except BrainError as error:
            error.uses = meter.uses
            raise
        return replace(found, tokens=meter.tokens, uses=meter.uses)

    def _choice(self, tenant: str) -> Choice:
        try:
            return self._choices.of(tenant)
        except SettingsError as error:
            raise BrainError(str(error)) from None

    async def _first_that_can(self, conversation: Conversation, choice: Choice, meter: Meter) -> Move:
        """Each model in its turn, with its share of the time that is left.

        :raises BrainError: the last one's; or what no other model would do better
        """
        until = asyncio.get_running_loop().time() + self._turn_seconds
        for index, target in enumerate(choice.targets):
            others = len(choice.targets) - index - 1
            now = asyncio.get_running_loop().time()
            try:
                share = now + (until - now) / (others + 1)
                return await self._in_time(conversation, choice, target, meter, share)
            except (ContextTooLong, Declined):
                raise
            except BrainError as fault:
                name_settings(fault, target.table)
                if not others:
                    raise
                log.warning("model_fell_back", model=target.model, why=str(fault))
        raise BrainError("No model is configured. Set openai_model.")

    async def _in_time(
        self, conversation: Conversation, choice: Choice, target: Target, meter: Meter, until: float
    ) -> Move:
        try:
            async with asyncio.timeout_at(until):
                return await self._with_repair(conversation, choice, target, meter, until)
        except TimeoutError:
            raise BrainError(LATE) from None

    async def _with_repair(
        self, conversation: Conversation, choice: Choice, target: Target, meter: Meter, until: float
    ) -> Move:
        """A turn that cannot be used is asked for once more, and the model is told why."""
        ask = _ask(conversation, choice, target, self._settings)

        async def once(asked: Ask) -> Move:
            return await self._once(conversation, target, asked, meter)

        try:
            return await patiently(lambda: once(ask), until, self._first_pause)
        except Broken as fault:
            log.info("model_turn_repaired", model=target.model, why=str(fault))
            mended = replace(ask, messages=(*ask.messages, Message(Role.USER, fault.told)))
        return await patiently(lambda: once(mended), until, self._first_pause)

    async def _once(self, conversation: Conversation, target: Target, ask: Ask, meter: Meter) -> Move:
        _check_budget(conversation, meter)
        body = target.server.api.body(ask, target.server.profile)
        asked, draft, reply = sent(body), Draft(conversation.say, self._say_seconds), None
        try:
            reply = await self._reply(target.server, body, draft)
            return move(reply, ask.functions)
        except Untaken as untaken:
            asked = Used()
            raise untaken.fault from None
        finally:
            used = counted(reply, asked) if reply else broken_off(asked, draft)
            meter.add(target.model, self._choices.price(target), used)

    async def _reply(self, server: Server, body: dict[str, Any], draft: Draft) -> Reply:
        if server not in self._clients:
            # In a thread: the import takes a second, the trust store a moment, and others must not wait.
            self._clients[server] = await asyncio.to_thread(_connected, server, self._read_seconds)
        from ironclaw_plugins.brain_openai.connecting import exchange  # noqa: PLC0415  # start-up time, see there

        return await exchange(self._clients[server], server.api, body, draft)


def _check_budget(conversation: Conversation, meter: Meter) -> None:
    """
    :raises Declined: the turn has used up what its task may
    """
    used = ((meter.tokens, conversation.tokens_left), (meter.micros, conversation.micros_left))
    if meter.uses and any(left is not None and spent >= left for spent, left in used):
        raise Declined(USED_UP)


def _connected(server: Server, read_seconds: float) -> AsyncOpenAI:
    from ironclaw_plugins.brain_openai.connecting import connect  # noqa: PLC0415  # start-up time, see there

    return connect(server, read_seconds)


def _ask(conversation: Conversation, choice: Choice, target: Target, settings: Settings) -> Ask:
    offered = functions(
        conversation.tools, in_strict=target.server.profile.is_strict, can_ask=conversation.can_ask
    )
    names = {each.tool: each.name for each in offered}
    return Ask(
        model=target.model,
        prompt=choice.prompt.text,
        messages=tuple(told(conversation.messages, names)),
        functions=offered,
        who=_who(conversation),
        temperature=choice.temperature,
        max_output_tokens=choice.max_output_tokens,
        insists=choice.insists,
        num_ctx=settings.openai_num_ctx,
    )


def _who(conversation: Conversation) -> str:
    """A stable id for a person that does not name them."""
    return hashlib.sha256(f"{conversation.tenant}\0{conversation.requester}".encode()).hexdigest()
