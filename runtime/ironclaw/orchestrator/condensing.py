"""Has a summary made of a conversation that has become too long, and keeps it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from ironclaw.budgets import Budgets
from ironclaw.errors import BrainError
from ironclaw.orchestrator import summarising
from ironclaw.orchestrator.compacting import OPEN, Window, coverable, left
from ironclaw.orchestrator.context import conversation, safe_move, safe_uses, storable, tokens_of
from ironclaw.orchestrator.counting import PROMPT, TEXT, Counting, of_messages, of_text
from ironclaw.orchestrator.taint import read_so_far
from ironclaw.plugin_manager import Hooks
from ironclaw.store import Flow, Spent, Store, Summary
from ironclaw.task import Brain, Conversation, Message, ModelUse, Role, SummarisingBrain, ToolOffer
from ironclaw.untrusted import TRANSCRIPT

log = structlog.get_logger(__name__)

DEADLINE = 30.0  #: Seconds for a summary.
BREAKER = 3  #: Summaries in a row after which it stayed too long: no further one is tried.
DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Scene:
    """What the brain is about to see, and what that was made from."""

    conversation: Conversation
    counted: int  #: Its tokens, by our own count.
    is_over: bool  #: It is longer than it should be.
    summaries: tuple[Summary, ...] = ()  #: Newest first.


@dataclass(frozen=True, slots=True)
class Written:
    """A summary's text."""

    text: str
    made_by: str
    uses: tuple[ModelUse, ...] = ()
    was_asked: bool = True  #: Whether a model was asked for it, whatever came of that.


class Condenser:
    """Builds what the brain sees, and makes it shorter where it must be."""

    def __init__(self, store: Store, hooks: Hooks, clock: Callable[[], float]) -> None:
        self._store = store
        self._hooks = hooks
        self._clock = clock
        self._request = summarising.request()
        self.counting = Counting()

    async def scene(self, flow: Flow, offers: tuple[ToolOffer, ...], budgets: Budgets) -> Scene:
        """All that was said; where that is too much, with the newest summary that still says something."""
        whole = self._scene(flow, offers, budgets, ())
        if not whole.is_over:
            return whole
        return self._scene(flow, offers, budgets, await self._store.summaries.of(flow.id))

    async def scene_in_full(self, flow: Flow, scene: Scene) -> Scene:
        """The same with the summaries that there are, though it seemed short enough without."""
        return scene if scene.summaries else replace(scene, summaries=await self._store.summaries.of(flow.id))

    def _scene(
        self,
        flow: Flow,
        offers: tuple[ToolOffer, ...],
        budgets: Budgets,
        summaries: tuple[Summary, ...],
    ) -> Scene:
        window, who = Window.of(budgets), whose(flow)
        history = self.counting.room(who, window.past)
        said = conversation(flow, offers, history, newest(summaries))
        counted = PROMPT + of_messages(said.messages) + self.counting.of_offers(offers)
        is_over = self.counting.tokens(who, counted) > window.limit or self.counting.was_refused(who, counted)
        return Scene(said, counted, is_over, summaries)

    async def shorten(
        self,
        flow: Flow,
        scene: Scene,
        brain: Brain,
        budgets: Budgets,
        *,
        is_forced: bool = False,
        uses: tuple[ModelUse, ...] = (),
    ) -> bool:
        """Have a summary stand for older messages from now on.

        :param is_forced: the model itself has refused the conversation as too long
        :param uses: what this step has used before
        :return: False where nothing was done: nothing can be left out any more, or it has not helped so far
        :raises Conflict: somebody else moved this workflow
        """
        before = newest(scene.summaries)
        if _is_broken(scene.summaries) and not is_forced:
            return False
        rest = left(flow.messages[1:], before.covers if before else ())
        tail = 0 if is_forced else self.counting.room(whose(flow), Window.of(budgets).tail)
        covers = coverable(rest, {call.call_id for call in flow.calls if call.state in OPEN}, tail)
        if not covers:
            return False
        began = time.monotonic()
        covered = [message for message in rest if message.seq in covers]
        money = scene.conversation.micros_left
        written = await self._written(flow, covered, before.text if before else "", brain, budgets, money)
        every = covers | before.covers if before else covers
        summary = Summary(
            every, written.text, read_so_far(flow), written.made_by, flow.steps, is_forced, is_over=False
        )
        left_over = self._scene(flow, scene.conversation.tools, budgets, (summary,))
        summary = replace(summary, is_over=left_over.is_over)
        uses += written.uses
        spent = Spent(0, tokens_of(uses), time.monotonic() - began, uses)
        is_free = not (written.was_asked or is_forced)
        await self._store.summaries.add(flow, summary, spent, self._clock(), is_free=is_free)
        log.info("summarised", messages=len(covers), made_by=written.made_by, forced=is_forced)
        return True

    async def _written(
        self,
        flow: Flow,
        covered: Sequence[Message],
        before: str,
        brain: Brain,
        budgets: Budgets,
        money: int | None,
    ) -> Written:
        """By the model, without secrets on the way in and out; by the host where the model gives none.

        :param money: micros that it may cost; None for no limit
        """
        source = self._hooks.redact(flow.tenant, self._transcript(flow, covered, before, budgets))
        written = Written("", DIGEST, was_asked=False)
        if isinstance(brain, SummarisingBrain) and of_text(source) < budgets.tokens - flow.tokens:
            written = await self._by_model(flow, source, brain, budgets, money)
        task = next((each.text for each in flow.messages if each.role is Role.USER), "")
        text = written.text or summarising.digest(covered, task, before)
        made_by = written.made_by if written.text else DIGEST
        kept = storable(self._hooks.redact(flow.tenant, text))
        return replace(written, text=kept, made_by=made_by)

    def _transcript(self, flow: Flow, covered: Sequence[Message], before: str, budgets: Budgets) -> str:
        """As long as the model can read."""
        room = self.counting.room(whose(flow), Window.of(budgets).limit) - PROMPT
        text = summarising.transcript(covered, before, max(TEXT, room * TEXT))
        counted = of_text(text)
        return (
            text if counted <= room else summarising.transcript(covered, before, len(text) * room // counted)
        )

    async def _by_model(
        self, flow: Flow, source: str, brain: SummarisingBrain, budgets: Budgets, money: int | None
    ) -> Written:
        """What the model makes of it; without text where it does not come to that, whyever."""
        said = Conversation(
            flow.tenant, flow.id, flow.requester, (Message(Role.USER, source, source=TRANSCRIPT),), ()
        )
        said = replace(said, tokens_left=budgets.tokens - flow.tokens, micros_left=money)
        try:
            async with asyncio.timeout(min(DEADLINE, max(0.0, budgets.seconds - flow.worked))):
                move = safe_move(await brain.summarise(said, self._request))
        except TimeoutError:
            log.warning("summary_late")
            return Written("", DIGEST)
        except BrainError as error:
            log.warning("summary_failed", why=str(error))
            return Written("", DIGEST, safe_uses(error.uses))
        except Exception:  # A plugin's own: the digest stands in.
            log.exception("summary_failed")
            return Written("", DIGEST)
        made_by = move.uses[-1].model if move.uses else flow.brain or "model"
        return Written(summarising.structured(move.answer or ""), made_by, move.uses)


def whose(flow: Flow) -> str:
    """By whom a count is kept: a tenant and its brain."""
    return f"{flow.tenant} {flow.brain}"


def newest(summaries: Sequence[Summary]) -> Summary | None:
    """The newest that still says something: erasing what one covers voids it."""
    return next((summary for summary in summaries if summary.text), None)


def _is_broken(summaries: Sequence[Summary]) -> bool:
    return len(summaries) >= BREAKER and all(summary.is_over for summary in summaries[:BREAKER])
