"""What the brain asks of people, as the doors need it: who may answer, and what their answer is.

An answer allows nothing: it is one more message that the brain reads as untrusted text.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping

from ironclaw.app.cards import Cards
from ironclaw.errors import BadRequest, NotFound, Refused
from ironclaw.failpoints import Point, reached
from ironclaw.orchestrator.context import storable
from ironclaw.plugin_manager import Hooks
from ironclaw.store import Store
from ironclaw.task import Principal, QuestionView
from ironclaw.tenancy import Tenancy
from ironclaw.veto.binding import Seals

MAX_ANSWER = 4_000  #: Characters; what is longer is refused, so that nobody's words are cut unseen.
EMPTY = "The answer is empty: say something, or stop the task."
LONG = f"The answer is longer than {MAX_ANSWER} characters. Nothing was noted: say it in fewer."
NOT_YOU = "Only who asked for this task can answer its question."


class Questions:
    """What people are asked, where, and what they answer."""

    def __init__(
        self,
        store: Store,
        tenancy: Tenancy,
        hooks: Hooks,
        seals: Seals,
        cards: Cards,
        wake: Callable[[str, str], None],
        clock: Callable[[], float],
    ) -> None:
        self._questions = store.questions
        self._tenancy = tenancy
        self._hooks = hooks
        self._seals = seals
        self._cards = cards
        self._wake = wake
        self._clock = clock

    async def open_ones(self, tenant: str) -> tuple[QuestionView, ...]:
        """What people are asked now, oldest first."""
        return await self._questions.open_ones(tenant)

    async def open_for(self, principal: Principal) -> tuple[QuestionView, ...]:
        """Of these, what this person is asked."""
        found = await self.open_ones(principal.tenant)
        return tuple(each for each in found if self.is_asked(principal, each))

    async def view(self, tenant: str, question_id: str) -> QuestionView:
        """
        :raises NotFound: no such question of this tenant
        """
        return await self._questions.view(tenant, question_id)

    async def in_thread(self, principal: Principal, thread: str) -> QuestionView | None:
        """What a thread asks this person; None where it asks nothing, or somebody else."""
        found = await self._questions.in_thread(principal.tenant, thread)
        return found if found and self.is_asked(principal, found) else None

    def is_asked(self, principal: Principal, question: QuestionView) -> bool:
        """Whether this person's answer counts: who asked for the task, by whatever identity of theirs."""
        tenant = question.tenant
        one, other = (self._tenancy.person(tenant, each) for each in (principal.id, question.requester))
        return principal.tenant == tenant and one == other

    async def answer(
        self,
        principal: Principal,
        question_id: str,
        text: str,
        *,
        delivery: tuple[str, str] | None = None,
    ) -> QuestionView:
        """One person's answer; the workflow goes on with it in the background.

        :param delivery: (source, event id) of the message in which it came: the same one counts once
        :raises NotFound: no such question of the principal's tenant
        :raises Refused: another person is asked
        :raises BadRequest: it says nothing, or too much
        :raises Conflict: it was answered before (``by`` whom, ``at`` when), or is not asked any more
        """
        self._tenancy.check_served(principal.tenant)
        question = await self.view(principal.tenant, question_id)
        if not self.is_asked(principal, question):
            await self._questions.refused(question, principal.id, self._clock())
            raise Refused(NOT_YOU)
        said = self._kept(principal.tenant, text)
        done = await self._questions.answer(question, principal.id, said, delivery, self._clock())
        reached(Point.CLICK_COMMITTED)
        self._wake(done.workflow_id, done.tenant)
        return done

    def _kept(self, tenant: str, text: str) -> str:
        """As it is stored and shown: without secrets.

        :raises BadRequest: it says nothing, or too much
        """
        if not text.strip():
            raise BadRequest(EMPTY, "/answer")
        if len(text) > MAX_ANSWER:
            raise BadRequest(LONG, "/answer")
        return storable(self._hooks.redact(tenant, text.strip()))

    # Buttons

    def button(self, question: QuestionView, choice: int) -> str:
        """The opaque value of the button of one choice.

        :param choice: from 0
        """
        return f"{question.id}.{choice}.{self._seals.question_button(question, choice)}"

    async def behind(self, principal: Principal, value: str) -> tuple[QuestionView, str]:
        """The question behind a button's value, and the answer that was chosen.

        :raises NotFound: the value is not one that we made for this tenant
        """
        question_id, _, rest = value.partition(".")
        number, _, seal = rest.partition(".")
        question = await self.view(principal.tenant, question_id)
        choice = int(number) if number.isascii() and number.isdecimal() and len(number) < 3 else -1
        if not 0 <= choice < len(question.choices):
            raise NotFound("There is no such question.")
        if not hmac.compare_digest(seal.encode(), self._seals.question_button(question, choice).encode()):
            raise NotFound("There is no such question.")
        return question, question.choices[choice]

    async def is_shown_at(self, question: QuestionView, spot: Mapping[str, str]) -> bool:
        """Whether it was shown there: only there does a press of its buttons count."""
        return await self._cards.stands_at(question.tenant, f"question:{question.id}", spot)
