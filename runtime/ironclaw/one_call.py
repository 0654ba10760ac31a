"""The brain ``one_call``: plays the one call that its task holds, and tells what came of it, without a model.

For doors where a program names a tool and its arguments itself.  They travel as JSON in the task's context:
untrusted data, that is, and the call is judged as one of a brain that has read untrusted text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ironclaw.canonical import canonical_text, digest
from ironclaw.errors import BrainError
from ironclaw.task import Conversation, Json, Message, Move, ProposedCall, Role
from ironclaw.untrusted import CONTEXT, SUMMARY

ONE_CALL = "one_call"
NO_CALL = "This task names no call: it is not one for the brain one_call."
TOO_LONG = json.dumps({"output": {"note": "It ran, and what it gave is too long to be shown."}})


def text_of(tool: str, arguments: Mapping[str, Json]) -> str:
    """What the task says for people: equal for equal calls, without the arguments themselves.

    :raises BadRequest: the arguments have no canonical form
    """
    return f"{tool} with arguments {digest(dict(arguments))[:16]}"


class OneCall:
    """The brain."""

    async def plan(self, conversation: Conversation) -> Move:
        """The call; after it, what came of it.

        :raises BrainError: the task names no call
        """
        messages = conversation.messages
        seen = [each for each in messages if each.role is Role.TOOL]
        if seen:
            return _told(seen[-1])
        # Whatever stands for messages that were left out stands for the call too: it is not made again.
        if any(each.role is Role.ASSISTANT or each.source == SUMMARY for each in messages):
            return Move(answer=TOO_LONG)
        return Move(calls=(_call(messages),))


def _call(messages: Sequence[Message]) -> ProposedCall:
    """
    :raises BrainError: there is none
    """
    given = next((each.text for each in messages if each.source == CONTEXT), "{}")
    context = json.loads(given)
    if not isinstance(context.get("tool"), str) or not isinstance(context.get("arguments"), dict):
        raise BrainError(NO_CALL)
    return ProposedCall("call", context["tool"], canonical_text(context["arguments"]))


def _told(result: Message) -> Move:
    """The result as it is, or the sentence that says why there is none."""
    seen = json.loads(result.text)
    if "error" not in seen:
        return Move(answer=result.text)
    return Move(answer=seen["error"]["message"], failed=True)
