"""A model's reply as a move: read strictly, and believed in nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict, ValidationError

from ironclaw.errors import BadRequest, BrainError
from ironclaw.registry import parse_arguments
from ironclaw.task import Json, Move, ProposedCall, Question
from ironclaw_plugins.brain_openai import told
from ironclaw_plugins.brain_openai.faults import CUT_OFF, FILTERED, Declined
from ironclaw_plugins.brain_openai.functions import ASK, CHOICES, Function
from ironclaw_plugins.brain_openai.strict import without_nulls
from ironclaw_plugins.brain_openai.wire import MAX_CALLS, End, Reply

MAX_ARGUMENTS = 512 * 1024  #: Characters, of all calls of one turn: they are read in one go.
SHORTENED = "\n(The answer was cut off at the model's length limit.)"


class _Asked(BaseModel):
    """The arguments of :data:`ASK`."""

    model_config = ConfigDict(strict=True)

    question: str
    choices: list[str] | None = None


def move(reply: Reply, offered: Sequence[Function]) -> Move:
    """The reply as a move, without what it used.

    :param offered: a name outside of it stays as the model wrote it, for the veto to refuse
    :raises Broken: nothing of it can be used, and the model may do better
    :raises BrainError: cut off
    :raises Declined: filtered
    """
    if reply.end is End.FILTER:
        raise Declined(FILTERED)
    if not reply.calls:
        return Move(answer=_answer(reply))
    if reply.end is End.LENGTH:
        raise BrainError(CUT_OFF)
    if len(reply.calls) > MAX_CALLS or sum(len(call.arguments) for call in reply.calls) > MAX_ARGUMENTS:
        raise told.too_many()
    by_name = {each.name: each for each in offered}
    calls = [_call(index, call, by_name) for index, call in enumerate(reply.calls)]
    asks = ASK in by_name and by_name[ASK].tool == ASK
    acts = tuple(call for call in calls if not (asks and call.tool == ASK))
    return Move(calls=acts) if acts else Move(question=_question(calls[0]))


def _call(index: int, call: ProposedCall, offered: Mapping[str, Function]) -> ProposedCall:
    """The call of our tool, under an id that no other of its turn has: a model's may repeat or be missing."""
    function = offered.get(call.tool)
    text = call.arguments.strip() or "{}"  # What many servers write where a function takes nothing.
    try:
        args = parse_arguments(text)
    except BadRequest as error:
        raise told.bad_arguments(index + 1, str(error)) from None
    if function and function.is_strict and (plain := without_nulls(function.schema, args)) != args:
        text = _text(plain)
    return replace(
        call, id=f"{index}:{call.id}", tool=function.tool if function else call.tool, arguments=text
    )


def _text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def _question(call: ProposedCall) -> Question:
    """
    :raises Broken: it holds no question
    """
    try:
        asked = _Asked.model_validate_json(call.arguments)
    except ValidationError:
        raise told.bad_question() from None
    choices = dict.fromkeys(each.strip() for each in asked.choices or () if each.strip())
    if not asked.question.strip():
        raise told.bad_question()
    return Question(call.id, asked.question.strip(), tuple(choices)[:CHOICES])


def _answer(reply: Reply) -> str:
    if reply.refusal:
        return f"The model declined: {reply.refusal}"
    text = reply.text.strip()
    if not text:
        raise BrainError(CUT_OFF) if reply.end is End.LENGTH else told.empty()
    return text + SHORTENED if reply.end is End.LENGTH else text
