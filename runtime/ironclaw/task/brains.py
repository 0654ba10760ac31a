"""What plans, what it wants next, and what that took of its models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ironclaw.task.conversation import Conversation, ProposedCall


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What one request to a model used, as its provider counted."""

    model: str  #: As it was asked for.
    prompt: str = ""  #: Name and digest of the prompt that it was given.
    tokens_in: int = 0
    tokens_cached: int = 0  #: Of those in, what the provider had read before.
    tokens_out: int = 0
    micros: int | None = None  #: Millionths of the money that the settings' prices are in; None: no price.


@dataclass(frozen=True, slots=True)
class ModelTotal:
    """What the requests of one workflow used together."""

    requests: int
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    micros: int | None  #: None where one of them has no price.

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out


@dataclass(frozen=True, slots=True)
class Question:
    """What the brain wants to know of the person who asked.  An answer is data: nothing may be done by it."""

    call_id: str  #: The model's own id: pairs the answer with the question.
    text: str  #: Untrusted.
    choices: tuple[str, ...] = ()  #: Untrusted; none: any text will do.


@dataclass(frozen=True, slots=True)
class Move:
    """What the brain wants next: tool calls, an answer, or to know something of the person."""

    calls: tuple[ProposedCall, ...] = ()
    answer: str | None = None
    failed: bool = False  #: The answer says that what was asked did not come about: the workflow has failed.
    tokens: int = 0  #: Of this turn, in and out, as the provider counted them.
    left_out: int = 0  #: Calls beyond what is kept of one turn: the host counts them.
    question: Question | None = None  #: Counts only where there are no calls.
    uses: tuple[ModelUse, ...] = ()  #: Of each request that this turn took, failed ones too.


class Brain(Protocol):
    """What plans.  It never executes.

    One that is no model, and shows results to people as they are, has ``wants_whole_results = True``: for
    others long ones are cut to a preview.
    """

    async def plan(self, conversation: Conversation) -> Move:
        """The next move.

        :raises BrainError: no usable move; the workflow ends with its message
        :raises ContextTooLong: the same conversation may be asked about again, made shorter
        """
        ...


@runtime_checkable
class SummarisingBrain(Brain, Protocol):
    """A brain that can also say what a long conversation came to.  For others the host makes a digest."""

    async def summarise(self, conversation: Conversation, request: str) -> Move:
        """A summary, by the same model and without tools.

        :param conversation: one message of the source "transcript", which is data and nobody's word
        :param request: what the summary must hold; ours, in the place of the planner's prompt
        :return: the summary as its ``answer``, with its ``uses``
        :raises BrainError: there is none
        """
        ...


@runtime_checkable
class PricedBrain(Brain, Protocol):
    """A brain that knows before a turn what it may cost.  Of others budgets only see what they have cost."""

    def reckon(self, tenant: str, tokens_in: int, tokens_out: int) -> int:
        """Micros of one request of so many tokens, by the dearest of the models that may be asked.

        :raises BrainError: a model has no price
        """
        ...
