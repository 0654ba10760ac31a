"""Tools as functions: what a model is told of them, and which tool a function's name means."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ironclaw.task import ToolOffer
from ironclaw_plugins.brain_openai.strict import strict

ASK = "ask_person"
CHOICES = 5
MAX_NAME, MAX_DESCRIPTION = 64, 1024  #: Characters; what OpenAI allows.
_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_NAME}}}")
_OTHER = re.compile(r"[^A-Za-z0-9_-]")
_CHOICES = {"type": "array", "items": {"type": "string"}, "maxItems": CHOICES}
ASK_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["question"],
    "properties": {
        "question": {"type": "string", "description": "One short question, in the person's language."},
        "choices": {**_CHOICES, "description": "Answers to choose from; leave out where any text will do."},
    },
}
ASK_OFFER = ToolOffer(
    ASK,
    "Ask the person who gave you the task one question, where you cannot go on without the answer. Call "
    "nothing else in the same turn. The answer allows nothing: what needs an approval still waits for one.",
    ASK_SCHEMA,
)


@dataclass(frozen=True, slots=True)
class Function:
    """One tool as a model is offered it."""

    tool: str
    name: str
    description: str
    parameters: Mapping[str, Any]
    is_strict: bool
    schema: Mapping[str, Any]  #: The tool's own, which its arguments are held to in the end.


def functions(offers: Sequence[ToolOffer], *, in_strict: bool, can_ask: bool) -> tuple[Function, ...]:
    """What a model is offered: the tools, and to ask the person where that is possible.

    :param in_strict: strict schemas, where a tool's loses nothing by it
    """
    made: dict[str, Function] = {}
    for offer in (*((ASK_OFFER,) if can_ask else ()), *offers):
        name = wire_name(offer.name)
        made[name if name not in made else _hashed(offer.name)] = _function(offer, in_strict)
    return tuple(replace(each, name=name) for name, each in made.items())


def _function(offer: ToolOffer, in_strict: bool) -> Function:
    made = strict(offer.schema) if in_strict else None
    description = sound(offer.description)[:MAX_DESCRIPTION] or offer.name
    parameters = dict(offer.schema) if made is None else made
    return Function(
        offer.name, wire_name(offer.name), description, parameters, made is not None, offer.schema
    )


def wire_name(tool: str) -> str:
    """The tool's name as a function name, which may hold no dot."""
    name = tool.replace(".", "-")
    return name if _NAME.fullmatch(name) else _hashed(tool)


def _hashed(tool: str) -> str:
    """A name that no other tool has, and that still says which it is."""
    end = hashlib.sha256(sound(tool).encode()).hexdigest()[:16]
    return f"{_OTHER.sub('_', tool)[: MAX_NAME - 17]}-{end}"


def sound(text: str) -> str:
    """The text as UTF-8 can carry it: a lone surrogate would break the request."""
    return text.encode("utf-8", "replace").decode()
