"""What of a long conversation a summary may stand for.  Pure functions over messages.

A *turn* is what the brain said at once together with the results of its calls, or one message of a person.
Turns are kept or left out whole: a model's server refuses a call without its result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ironclaw.budgets import Budgets
from ironclaw.orchestrator.counting import of_messages
from ironclaw.task import CallState, Message, Role

RESERVE = 20_000  #: Tokens that are kept free at least, where the window has them.
TAIL = 8_000  #: Tokens of the newest turns that stay as they are, likewise.
PART = 4  #: Of a small window the reserve, and of what is left the tail, is this part.
#: Calls of which people or a tool are still to say something.
OPEN = frozenset(
    {
        CallState.PROPOSED,
        CallState.PENDING,
        CallState.APPROVED,
        CallState.EXECUTING,
        CallState.IN_DOUBT,
    }
)

Turn = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """What of a model's context a conversation may fill, in tokens."""

    limit: int  #: Of the whole conversation.
    tail: int  #: Of its newest turns.
    past: int  #: Of earlier tasks of the thread.

    @classmethod
    def of(cls, budgets: Budgets) -> Window:
        """Scaled down where the model can read little."""
        window = budgets.context_tokens
        reserve = max(min(RESERVE, window // PART), min(budgets.output_tokens, window // 2))
        limit = window - reserve
        return cls(limit, min(TAIL, limit // PART), min(budgets.history_tokens, limit // PART))


def turns(messages: Iterable[Message]) -> list[Turn]:
    """The messages in their order, each result with the call that it answers."""
    found: list[list[Message]] = []
    for message in messages:
        home = _home(found, message) if message.role is Role.TOOL else None
        if home is None:
            found.append([message])
        else:
            home.append(message)
    return [tuple(turn) for turn in found]


def _home(found: list[list[Message]], result: Message) -> list[Message] | None:
    """The newest turn that waits for this result; else the one that had such a call; None: nobody called."""
    callers = [turn for turn in reversed(found) if result.call_id in {call.id for call in turn[0].calls}]
    return next((turn for turn in callers if result.call_id in _unanswered(turn)), next(iter(callers), None))


def _unanswered(turn: Sequence[Message]) -> Counter[str]:
    """Ids of calls that have no result, with how many."""
    called = Counter(call.id for message in turn for call in message.calls)
    return called - Counter(message.call_id for message in turn if message.role is Role.TOOL)


def is_pinned(turn: Turn, open_calls: Collection[str]) -> bool:
    """Whether a turn is never summarised: a person's word or a memory, or a call whose end is not known.

    :param open_calls: the model's ids of calls that have not ended
    """
    is_said = any(message.role is Role.USER for message in turn)
    waits = any(call.id in open_calls for message in turn for call in message.calls)
    return is_said or waits or bool(_unanswered(turn))


def coverable(messages: Sequence[Message], open_calls: Collection[str], tail: int) -> frozenset[int]:
    """The seq of each message that a summary may stand for: all that is older than the tail and not pinned.

    :param tail: tokens of the newest turns that stay, by our own count; the newest one stays in any case
    """
    found = turns(messages)
    first = len(found) - 1
    while first > 0 and of_messages(message for turn in found[first - 1 :] for message in turn) <= tail:
        first -= 1
    older = (turn for turn in found[: max(0, first)] if not is_pinned(turn, open_calls))
    return frozenset(message.seq for turn in older for message in turn)


def left(messages: Iterable[Message], covered: Collection[int]) -> tuple[Message, ...]:
    """The messages that a summary does not stand for."""
    return tuple(message for message in messages if message.seq not in covered)
