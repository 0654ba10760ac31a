"""The brain asks the person who gave it the task, and waits: for words, never for leave to do something."""

from __future__ import annotations

from collections.abc import Callable

from ironclaw.canonical import canonical_text
from ironclaw.plugin_manager import Hooks
from ironclaw.store import Asked, Flow, Spent, Store
from ironclaw.task import Message, Move, ProposedCall, Question, Role, observation
from ironclaw.veto import new_id

ASK = "ask_person"  #: The call that stands for a question in a conversation.
MOST = 3  #: Questions of one workflow.
DOORS = frozenset({"slack", "http", "cli"})  #: Where a question reaches a person who can answer it.
MAX_QUESTION = 2_000  #: Characters.
MAX_CHOICES, MAX_CHOICE = 5, 75
NOBODY = "Nobody is asked: no person can be reached here. Go on with what you have."
ENOUGH = f"Nobody is asked again: {MOST} questions are the most. Go on with what you have."
NO_WORDS = "Nobody is asked: the question has no words."


class Asking:
    """What becomes of a brain's question."""

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        minutes: Callable[[str], float],
        clock: Callable[[], float],
    ) -> None:
        """:param minutes: how long a tenant's people have to answer"""
        self._questions = store.questions
        self._hooks = hooks
        self._minutes = minutes
        self._clock = clock

    def can_ask(self, flow: Flow) -> bool:
        """Whether a question of this workflow reaches somebody, and is not one too many."""
        return flow.address.door in DOORS and len(_asked(flow)) < MOST

    async def ask(self, flow: Flow, move: Move, question: Question, spent: Spent) -> None:
        """Ask, or tell the brain why not.

        :raises Conflict: somebody else moved this workflow
        """
        asked = self._kept(flow, question)
        if why := self._obstacle(flow, asked):
            seen = observation("denied", why)
            return await self._questions.refuse(flow, asked.call, seen, spent, self._clock())
        said = self._hooks.redact(flow.tenant, move.answer or "")
        return await self._questions.ask(flow, asked, said, spent, self._clock())

    async def wait(self, flow: Flow) -> None:
        """
        :raises Conflict: the question has its answer, or somebody else moved this workflow
        """
        await self._questions.wait(flow, self._clock())

    def _obstacle(self, flow: Flow, asked: Asked) -> str:
        if flow.address.door not in DOORS:
            return NOBODY
        if not self.can_ask(flow):
            return ENOUGH
        return "" if asked.text.strip() else NO_WORDS

    def _kept(self, flow: Flow, question: Question) -> Asked:
        """As it is stored: without secrets, nothing endless; each choice once."""
        text = self._hooks.redact(flow.tenant, question.text)[:MAX_QUESTION]
        words = (self._hooks.redact(flow.tenant, " ".join(each.split())) for each in question.choices)
        choices = tuple(dict.fromkeys(each[:MAX_CHOICE] for each in words if each))[:MAX_CHOICES]
        args = {"question": text, **({"choices": list(choices)} if choices else {})}
        call = ProposedCall(question.call_id, ASK, canonical_text(args))
        until = self._clock() + self._minutes(flow.tenant) * 60
        return Asked(new_id(), call, text, choices, until)


def is_waiting(flow: Flow) -> bool:
    """Whether the brain's last word is a question that has no answer yet."""
    last = max((i for i, each in enumerate(flow.messages) if each.role is Role.ASSISTANT), default=-1)
    calls = flow.messages[last].calls if last >= 0 else ()
    if len(calls) != 1 or calls[0].tool != ASK:
        return False
    return not any(each.call_id == calls[0].id for each in flow.messages[last + 1 :])


def _asked(flow: Flow) -> list[Message]:
    """What the brain said when it asked."""
    return [each for each in flow.messages if any(call.tool == ASK for call in each.calls)]
