"""A conversation as any server takes it: each call answered once, and what nobody said in its envelope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ironclaw.task import Message, ProposedCall, Role, observation
from ironclaw.untrusted import enclose
from ironclaw_plugins.brain_openai.functions import ASK, sound, wire_name

NO_RESULT = observation("cancelled", "This call was not run.")
ANSWER = "the person's answer"  #: Source of what a person answered to a question: it is no order either.


def told(history: Sequence[Message], names: Mapping[str, str]) -> list[Message]:
    """The messages as they are sent: with function names, ids of our own, and envelopes.

    The model's ids mean nothing outside their own turn and may repeat; an unanswered call, which servers
    refuse, is answered with what is true: it was not run.

    :param names: function names by tool; any other tool goes by :func:`wire_name`
    """
    sent: list[Message] = []
    for index, message in enumerate(history):
        if message.role is Role.USER:
            sent.append(Message(Role.USER, _said(message)))
        elif message.role is Role.ASSISTANT:
            sent += _turn(index, message, _results(history[index + 1 :]), names)
    return sent


def _said(message: Message) -> str:
    """What the person said as they said it; what nobody said as data."""
    return enclose(message.source, message.text) if message.source else sound(message.text)


def _results(following: Sequence[Message]) -> dict[str, str]:
    """Result texts by call id, up to the next turn."""
    results: dict[str, str] = {}
    for message in following:
        if message.role is not Role.TOOL:
            break
        results.setdefault(message.call_id, message.text)
    return results


def _turn(
    index: int, message: Message, results: Mapping[str, str], names: Mapping[str, str]
) -> list[Message]:
    calls = tuple(
        ProposedCall(f"call_{index}_{position}", names.get(call.tool) or wire_name(call.tool), call.arguments)
        for position, call in enumerate(message.calls)
    )
    answers = [
        Message(Role.TOOL, enclose(_source(call), results.get(call.id, NO_RESULT)), call_id=sent.id)
        for sent, call in zip(calls, message.calls, strict=True)
    ]
    spoken = tuple(replace(call, arguments=sound(call.arguments)) for call in calls)
    return [Message(Role.ASSISTANT, sound(message.text), spoken), *answers]


def _source(call: ProposedCall) -> str:
    return ANSWER if call.tool == ASK else f"tool {call.tool}"
