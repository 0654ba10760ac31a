"""A press of a card's button: commit first, acknowledge then, explain last."""

from __future__ import annotations

import structlog
from slack_bolt.context.ack.async_ack import AsyncAck

from ironclaw.app import Ironclaw
from ironclaw.errors import BadRequest, Conflict, Expired, NotFound, Refused, StepUpNeeded
from ironclaw.showing import Unshowable
from ironclaw.task import ApprovalState, ApprovalView, Json, Principal
from ironclaw_bot.slack import drawings, modals, presses
from ironclaw_bot.slack.background import Background
from ironclaw_bot.slack.blocks import Drawing
from ironclaw_bot.slack.editing import NotEditable, edit_form
from ironclaw_bot.slack.forms import schema_of
from ironclaw_bot.slack.groups import Groups
from ironclaw_bot.slack.homes import Homes
from ironclaw_bot.slack.listening import Listener
from ironclaw_bot.slack.people import People
from ironclaw_bot.slack.replies import Replies
from ironclaw_bot.slack.text import escape

ELSEWHERE = (
    "This is not the card that was posted for this request, so nothing was decided. "
    "Decide on the card itself, or in IronClaw's Home."
)
log = structlog.get_logger(__name__)


class Clicks(Listener):
    """The listeners of a card's buttons."""

    def __init__(
        self,
        app: Ironclaw,
        replies: Replies,
        people: People,
        groups: Groups,
        homes: Homes,
        background: Background,
    ) -> None:
        super().__init__(app, replies, people, groups, background)
        self._homes = homes

    async def on_click(self, ack: AsyncAck, body: Json) -> None:
        """Decide; what was not decided is explained to the clicker alone."""
        await self._commit(ack, body, self._decide)

    async def on_more(self, ack: AsyncAck, body: Json) -> None:
        """Open a modal: the details, or what was chosen from the menu."""
        await ack()
        click = presses.click(body)
        if click:
            self._background.start(self._open(click), "open a modal")

    async def on_revoke(self, ack: AsyncAck, body: Json) -> None:
        """End a grant, and show Home without it."""
        click = presses.click(body)
        drawing = await self._revoke(click) if click else None
        await ack()
        if click and drawing:
            self._background.start(self._replies.whisper(click, drawing), "explain a click")
        elif click:
            self._background.start(self._homes.publish(click.identity), "show Home")

    async def _decide(self, click: presses.Click) -> Drawing | None:
        """Why nothing was decided; None when it was."""
        principal = await self._groups.principal_of(click.identity)
        if principal is None:
            return drawings.said(drawings.UNKNOWN_WORKSPACE)
        if principal.is_approver:
            refusal = await self._people.refusal(click.identity)
            if refusal:
                log.warning("slack_click_refused", tenant=principal.tenant, principal=principal.id)
                return drawings.said(refusal)
        try:
            approval = await self._counted(principal, click)
            await self._app.press(principal, click.value, presses.DECISIONS[click.action])
        except StepUpNeeded as needed:
            link = await self._app.step_ups.link(principal, approval.id)
            return drawings.step_up(str(needed), link)
        except Refused as refused:
            return drawings.said(await self._why(principal, click.value, refused))
        except (Conflict, Expired, NotFound, BadRequest) as problem:
            return drawings.said(drawings.not_done(problem))
        return None

    async def _counted(self, principal: Principal, click: presses.Click) -> ApprovalView:
        """The approval behind a button that stands where its card was posted.

        :raises NotFound: not a button of ours for this tenant
        :raises Conflict: a copy, or a value that was carried into another message
        """
        approval, _version = await self._app.cards.behind(principal, click.value)
        if not await self._app.cards.is_shown_at(principal.tenant, approval.card, click.spot):
            log.warning("slack_click_elsewhere", tenant=principal.tenant, principal=principal.id)
            raise Conflict(ELSEWHERE)
        return approval

    async def _why(self, principal: Principal, value: str, refused: Refused) -> str:
        """For who is no approver: who is."""
        approval, _version = await self._app.cards.behind(principal, value)
        if principal.is_approver and not approval.terms.groups:
            return escape(str(refused))
        if approval.terms.groups:
            return f"{escape(str(refused))} {drawings.only(self._app.deciders(approval))}"
        return drawings.only(self._app.deciders(approval))

    async def _open(self, click: presses.Click) -> None:
        """A modal for the clicker, of an approval of their own tenant."""
        principal = await self._groups.principal_of(click.identity)
        if principal is None:
            return
        sentence = await self._people.turned_away(click.identity, principal, self._app)
        if sentence:
            await self._replies.whisper(click, drawings.said(sentence))
            return
        try:
            approval = await self._counted(principal, click)
            self._check_roles(principal, click, approval)
            view = self._modal(click, approval)
        except (Refused, NotFound, Conflict, Unshowable, NotEditable) as problem:
            await self._replies.whisper(click, drawings.said(drawings.not_done(problem)))
            return
        await self._replies.open(click, view)

    def _check_roles(self, principal: Principal, click: presses.Click, approval: ApprovalView) -> None:
        """Spare people a form that would be refused: who may really is asked when it is handed in.

        :raises Refused: they can do nothing with it
        """
        is_theirs = click.action == presses.REASON and principal.id == approval.requester
        if click.action != presses.DETAILS and not principal.is_approver and not is_theirs:
            raise Refused("Only an approver can do that.")

    def _modal(self, click: presses.Click, approval: ApprovalView) -> Drawing:
        """
        :raises Conflict: there is nothing to decide any more
        :raises Unshowable, NotEditable: what it would show does not fit
        """
        if click.action == presses.DETAILS:
            return modals.details(approval)
        if approval.state is not ApprovalState.PENDING:
            raise Conflict(f"This is {approval.state.value} already. Nothing was changed.")
        if click.action == presses.REASON:
            return modals.deny(approval, click.value)
        if click.action == presses.REMEMBER and approval.terms.scopes:
            return modals.remember(approval, click.value)
        return edit_form(approval, schema_of(self._app, approval), click.value)

    async def _revoke(self, click: presses.Click) -> Drawing | None:
        principal = await self._groups.principal_of(click.identity)
        if principal is None or click.spot.get("home") != click.identity.user_id:
            return drawings.said(ELSEWHERE)
        refusal = await self._people.refusal(click.identity)
        if refusal:
            return drawings.said(refusal)
        try:
            await self._app.revoke(principal, click.value)
        except (Refused, Conflict, NotFound) as problem:
            return drawings.said(drawings.not_done(problem))
        return None
