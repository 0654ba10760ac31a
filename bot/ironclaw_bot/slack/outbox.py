"""How the Slack door tells: rows of the outbox become messages, newer ones over older.

What Slack refuses for good is logged and given up; what it puts off raises :class:`TryLater`, and the
row stays.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from ironclaw.app import Ironclaw
from ironclaw.errors import NotFound, TryLater
from ironclaw.task import ApprovalState, Draft, Notice, NoticeKind, QuestionState, SlackIdentity
from ironclaw_bot.slack import drawings, scheduled
from ironclaw_bot.slack.answers import Shown
from ironclaw_bot.slack.behind import Behind
from ironclaw_bot.slack.blocks import Drawing
from ironclaw_bot.slack.card import card
from ironclaw_bot.slack.client import ClientForTeam, later, reason
from ironclaw_bot.slack.doubt_card import doubt_card
from ironclaw_bot.slack.finding import Finder, metadata
from ironclaw_bot.slack.homes import Homes
from ironclaw_bot.slack.question_card import question_card, reminder

Ref = Mapping[str, str]
#: What Slack says where the bot may not speak: then the person is written to directly.
_SHUT_OUT = ("channel_not_found", "not_in_channel", "is_archived", "restricted_action", "thread_not_found")
log = structlog.get_logger(__name__)


class SlackSender:
    """Sends notices whose address is of the door "slack".

    :param clients: the Web API client for a workspace; "" is the bot's own
    :param names: what Slack calls the workspace of a tenant that the operator gave no name
    """

    pace = 3.0  #: Seconds between drafts of one tenant: updates of what counts share Slack's limit with them.

    def __init__(
        self,
        clients: ClientForTeam,
        app: Ironclaw,
        names: Mapping[str, str] = MappingProxyType({}),
        homes: Homes | None = None,
    ) -> None:
        self._clients = clients
        self._names = names
        self._homes = homes or Homes(app, clients, names)
        self._finder = Finder(clients)
        self._app = app
        self._behind = Behind(app, clients)
        self._ways: dict[NoticeKind, Callable[[Notice], Awaitable[Ref | None]]] = {
            NoticeKind.STATUS: self._status,
            NoticeKind.CARD: self._card,
            NoticeKind.ANSWER: self._answer,
            NoticeKind.FAILURE: self._failure,
            NoticeKind.REFUSAL: self._failure,
            NoticeKind.REMINDER: self._reminder,
            NoticeKind.OPENING: self._opening,
            NoticeKind.DOUBT: self._doubt,
            NoticeKind.QUESTION: self._question,
        }

    async def send(self, notice: Notice) -> Ref | None:
        """Show one notice.

        :return: where it stands, for updates; None when Slack will not have it
        :raises TryLater: Slack asked for a pause, or did not answer
        """
        try:
            return await self._ways[notice.kind](await self._looked_for(await self._in_its_thread(notice)))
        except NotFound as error:  # Forgotten since, it can be drawn no more.
            log.error("slack_notice_given_up", **_about(notice), error=str(error))
            return notice.ref
        except (SlackApiError, aiohttp.ClientError, OSError, TimeoutError) as error:
            pause = later(error)
            if pause is not None:
                raise pause from None
            log.error("slack_notice_given_up", **_about(notice), error=_word(error))
            return notice.ref

    async def draft(self, draft: Draft) -> None:
        """Show what a model is writing in the place of its status."""
        drawing = drawings.draft(draft.text)
        await self._clients(draft.address.place.get("team", "")).chat_update(
            channel=draft.ref["channel"], ts=draft.ref["ts"], text=drawing["text"], blocks=drawing["blocks"]
        )

    async def _looked_for(self, notice: Notice) -> Notice:
        """With where it stands, if it does and nobody noted it."""
        if not notice.is_uncertain or "home" in notice.address.place:
            return notice
        found = await self._finder.find(notice)
        log.info("slack_notice_looked_for", **_about(notice), found=bool(found))
        return replace(notice, ref=found)

    async def _status(self, notice: Notice) -> Ref | None:
        if notice.body.get("is_last") and not notice.ref:
            return None  # So quick that nothing was shown: the answer says it all.
        if "asked_by" in notice.body:
            pending = await self._app.approvals(notice.tenant)
            own = [each for each in pending if each.workflow_id == notice.workflow_id]
            return await self._show(notice, drawings.waiting([*map(self._app.deciders, own)]))
        if "behind" in notice.body:
            return await self._show(notice, await self._behind.drawing(notice))
        return await self._show(notice, drawings.status(_text(notice)))

    async def _card(self, notice: Notice) -> Ref | None:
        if "home" in notice.address.place:
            return await self._home(notice)
        approvals = await self._app.card(notice.tenant, str(notice.body.get("card", "")))
        if not approvals:
            raise NotFound("There is no such approval.")
        values = [self._app.button(each) for each in approvals]
        dead_ends = {each.id: self._app.deciders(each).problem for each in approvals}
        name = self._names.get(notice.tenant, "")
        return await self._show(notice, card(approvals, values, name, dead_ends))

    async def _doubt(self, notice: Notice) -> Ref | None:
        doubt = await self._app.doubts.view(notice.tenant, str(notice.body.get("doubt", "")))
        who, name = await self._app.doubts.deciders(doubt), self._names.get(notice.tenant, "")
        return await self._show(notice, doubt_card(doubt, self._app.doubts.button(doubt), who, name))

    async def _question(self, notice: Notice) -> Ref | None:
        questions = self._app.questions
        question = await questions.view(notice.tenant, str(notice.body.get("question", "")))
        values = [questions.button(question, choice) for choice in range(len(question.choices))]
        is_direct = notice.address.place.get("channel_type") == "im"
        shown = self._shown(notice)
        return await self._show(notice, question_card(question, values, shown, is_direct=is_direct))

    async def _home(self, notice: Notice) -> Ref | None:
        """A card in somebody's Home has changed: the view is drawn whole."""
        place = notice.address.place
        await self._homes.publish(SlackIdentity(place.get("team", ""), place["home"]))
        return notice.ref

    async def _reminder(self, notice: Notice) -> Ref | None:
        if "home" in notice.address.place:
            return notice.ref  # What waits stands there anyway.
        if "question" in notice.body:
            return await self._question_reminder(notice)
        approvals = await self._app.card(notice.tenant, str(notice.body.get("card", "")))
        waiting = [each for each in approvals if each.state is ApprovalState.PENDING]
        return await self._show(notice, drawings.reminder(waiting)) if waiting else notice.ref

    async def _question_reminder(self, notice: Notice) -> Ref | None:
        question = await self._app.questions.view(notice.tenant, str(notice.body["question"]))
        if question.state is not QuestionState.OPEN:
            return notice.ref
        return await self._show(notice, reminder(question))

    async def _opening(self, notice: Notice) -> Ref | None:
        """A message of its own, under which the rest stands."""
        by, missed = str(notice.body.get("by", "")), notice.body.get("missed")
        drawing = drawings.asked(by, _text(notice))
        if missed is not None:
            drawing = scheduled.opening(_text(notice), by, int(missed))
        ref = await self._show(notice, drawing)
        if ref:
            thread = f"{ref['channel']}:{ref['ts']}"
            await self._app.schedules.opened(notice.tenant, notice.workflow_id, thread)
        return ref

    async def _in_its_thread(self, notice: Notice) -> Notice:
        """What stands under an opening, addressed to where that is."""
        place = notice.address.place
        if "under" not in place:
            return notice
        spot = await self._app.schedules.spot(notice.tenant, place["under"])
        there = {"channel": spot["channel"], "thread_ts": spot["ts"]} if spot else {}
        return replace(notice, address=replace(notice.address, place={**place, **there}))

    async def _answer(self, notice: Notice) -> Ref | None:
        return await self._show(notice, drawings.answer(_text(notice), self._shown(notice)))

    async def _failure(self, notice: Notice) -> Ref | None:
        by = str(notice.body.get("by", ""))
        return await self._show(notice, drawings.failure(_text(notice), by, self._shown(notice)))

    def _shown(self, notice: Notice) -> Shown:
        """Whom an answer may mention, and where it may link to."""
        tenant = self._app.tenant(notice.tenant)
        return Shown(notice.address.place.get("user", ""), tenant.links if tenant else ())

    async def _show(self, notice: Notice, drawing: Drawing) -> Ref | None:
        """Update what the subject's last notice left, or post anew."""
        if not notice.ref:
            return await self._post(notice, drawing)
        await self._client(notice).chat_update(
            channel=notice.ref["channel"],
            ts=notice.ref["ts"],
            text=drawing["text"],
            blocks=drawing["blocks"],
        )
        return notice.ref

    async def _post(self, notice: Notice, drawing: Drawing) -> Ref:
        place = notice.address.place
        try:
            return await self._posted(notice, drawing, place["channel"], place.get("thread_ts"))
        except SlackApiError as error:
            if reason(error) not in _SHUT_OUT or "user" not in place:
                raise
            log.info("slack_direct_instead", **_about(notice), error=reason(error))
        return await self._posted(notice, drawing, place["user"], None)

    async def _posted(self, notice: Notice, drawing: Drawing, channel: str, thread_ts: str | None) -> Ref:
        """
        :raises TryLater: this process was held up for so long that another one may post it
        """
        if time.monotonic() >= notice.until:
            raise TryLater("Another process may have told it.", is_uncertain=True)
        response = await self._client(notice).chat_postMessage(
            channel=channel, thread_ts=thread_ts, metadata=metadata(notice), **drawing
        )
        return {"channel": str(response["channel"]), "ts": str(response["ts"])}

    def _client(self, notice: Notice) -> AsyncWebClient:
        return self._clients(notice.address.place.get("team", ""))


def _text(notice: Notice) -> str:
    return str(notice.body.get("text", ""))


def _word(error: Exception) -> str:
    return (reason(error) if isinstance(error, SlackApiError) else "") or type(error).__name__


def _about(notice: Notice) -> dict[str, Any]:
    return {
        "tenant": notice.tenant,
        "workflow": notice.workflow_id,
        "kind": notice.kind.value,
        "notice": notice.id,
    }
