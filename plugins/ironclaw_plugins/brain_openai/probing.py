"""Whether the models that are configured can do the least of what is asked of them: call a trivial tool."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from ironclaw.errors import BrainError
from ironclaw.settings import Settings
from ironclaw.task import Conversation, Message, Move, Role, ToolOffer
from ironclaw_plugins.brain_openai.brain import ModelBrain
from ironclaw_plugins.brain_openai.servers import CLEAR, Choices, Target

NEVER = "It did not call a tool, not even when it had to: set openai_model to a model with tool calling."
SELDOM = (
    "It calls a tool only when it has to: expect words in the place of work, or set openai_model to another."
)
NO_KEY_GIVEN = "It refuses everybody without one: set OPENAI_API_KEY, or OPENAI_BASE_URL to another server."
_WORDS = {"type": "string", "enum": ["ready"]}
_READY = ToolOffer(
    "probe.ready",
    "Say that you can call functions.",
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["word"],
        "properties": {"word": _WORDS},
    },
)
_ASKED = Message(Role.USER, "Call the function probe-ready with the word ready.")


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of asking one model."""

    model: str
    server: str  #: Its host.
    problem: str = ""  #: A sentence; "" where all is well.
    is_fatal: bool = False


def planners(settings: Settings) -> str:
    """Which models are asked, for whom and in which order, each in a few words.

    :raises SettingsError: as :class:`Choices`
    """
    chains = Choices(settings, settings.tenants.get).chains()
    return "; ".join(
        (f"for the tenant {tenant}: " if tenant else "") + ", then ".join(map(_described, chain))
        for tenant, chain in chains.items()
    )


def notes(settings: Settings) -> dict[str, str]:
    """What is to be known of the servers that are asked, each with its remedy.

    :raises SettingsError: as :class:`Choices`
    """
    servers = {each.server for each in Choices(settings, settings.tenants.get).all()}
    clear = {f"{each.host} is asked over plain http": CLEAR for each in servers if each.is_in_the_clear}
    keyless = {f"{each.host} is asked without a key": NO_KEY_GIVEN for each in servers if each.lacks_key}
    return clear | keyless


def _described(target: Target) -> str:
    server = target.server
    return f"{target.model} at {server.host} ({server.api.name}, profile {server.profile.name})"


async def probes(settings: Settings) -> AsyncIterator[Probe]:
    """Ask each model once, or twice.  This costs a few hundred tokens each.

    :raises SettingsError: as :func:`planners`
    """
    choices = Choices(settings, settings.tenants.get)
    brain = ModelBrain(settings, choices)
    for target in choices.all():
        try:
            problem = await _problem(brain, target)
            yield Probe(target.model, target.server.host, problem, problem == NEVER)
        except BrainError as error:
            yield Probe(target.model, target.server.host, str(error), True)


async def _problem(brain: ModelBrain, target: Target) -> str:
    """First free to answer in words, as in any turn; then with a call insisted on, where the server can."""
    if _has_called(await _asked(brain, target, insists=False)):
        return ""
    can_insist = target.server.profile.tool_choice
    return SELDOM if can_insist and _has_called(await _asked(brain, target, insists=True)) else NEVER


async def _asked(brain: ModelBrain, target: Target, *, insists: bool) -> Move:
    return await brain.ask(Conversation("", "", "", (_ASKED,), (_READY,)), target, insists=insists)


def _has_called(move: Move) -> bool:
    return any(call.tool == _READY.name and '"ready"' in call.arguments for call in move.calls)
