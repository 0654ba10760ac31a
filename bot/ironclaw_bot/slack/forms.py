"""A modal that was handed in: who may do what is asked anew, and what is wrong is said at its input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from ironclaw.app import Ironclaw
from ironclaw.errors import BadRequest, Conflict, Expired, NotFound, Refused, StepUpNeeded
from ironclaw.task import ApprovalView, Decision, Json, Principal
from ironclaw.terms import GrantScope
from ironclaw_bot.slack import drawings, modals, presses
from ironclaw_bot.slack.blocks import Drawing
from ironclaw_bot.slack.editing import NotEditable, Wrong, block_of, edited
from ironclaw_bot.slack.groups import Groups
from ironclaw_bot.slack.people import People

NOT_SHOWN = "This looks as if it held a secret. The reason is shown and kept: write it without."
NO_REASON = "Say in a few words why."
Answer = dict[str, Any]  #: What Slack is told to do with the modal; an empty one closes it.


class Forms:
    """The listeners of view submissions."""

    def __init__(self, app: Ironclaw, people: People, groups: Groups) -> None:
        self._app = app
        self._people = people
        self._groups = groups
        self._ways = {
            presses.DENY_FORM: self._deny,
            presses.EDIT_FORM: self._edit,
            presses.REMEMBER_FORM: self._remember,
        }

    async def on_submit(self, ack: AsyncAck, body: Json) -> None:
        """Do what the form asks, then close it, or say in it what is wrong."""
        await ack(**await self._answer(presses.form(body)))

    async def _answer(self, form: presses.Form) -> Answer:
        principal = await self._groups.principal_of(form.identity)
        if principal is None:
            return _told(drawings.UNKNOWN_WORKSPACE)
        refusal = await self._people.refusal(form.identity)
        if refusal:
            return _told(refusal)
        try:
            return await self._ways[form.callback_id](principal, form)
        except StepUpNeeded as needed:
            approval, _version = await self._app.cards.behind(principal, form.value)
            link = await self._app.step_ups.link(principal, approval.id)
            return _shown(modals.holding("Second factor", drawings.step_up(str(needed), link)))
        except (Refused, Conflict, Expired, NotFound, BadRequest, NotEditable) as problem:
            return _told(drawings.not_done(problem))

    async def _deny(self, principal: Principal, form: presses.Form) -> Answer:
        reason = form.answers.get(modals.REASON_BLOCK, "").strip()
        if not reason:
            return _errors({modals.REASON_BLOCK: NO_REASON})
        if self._app.redact(principal.tenant, reason) != reason:
            return _errors({modals.REASON_BLOCK: NOT_SHOWN})
        await self._app.press(principal, form.value, Decision.DENY, reason[: modals.MOST_REASON])
        return {}

    async def _remember(self, principal: Principal, form: presses.Form) -> Answer:
        scope = GrantScope(form.answers[modals.SCOPE_BLOCK])
        await self._app.press(principal, form.value, Decision.APPROVE, grant=scope)
        return {}

    async def _edit(self, principal: Principal, form: presses.Form) -> Answer:
        approval, version = await self._app.cards.behind(principal, form.value)
        schema = schema_of(self._app, approval)
        try:
            text = edited(approval, schema, form.answers)
            await self._app.edit(principal, approval.id, text, version=version)
        except Wrong as wrong:
            return _errors(wrong.errors)
        except BadRequest as problem:
            return _errors({_at(approval, schema, problem, form): str(problem)})
        return {}


def schema_of(app: Ironclaw, approval: ApprovalView) -> Mapping[str, Json]:
    """Of a tool's arguments; an empty one when the tool is gone, which the engine then says."""
    return next((each.schema for each in app.tools(approval.tenant) if each.name == approval.tool), {})


def _at(approval: ApprovalView, schema: Mapping[str, Json], problem: BadRequest, form: presses.Form) -> str:
    """A block that the form has."""
    block_id = block_of(approval, schema, problem.pointer)
    return block_id if block_id in form.answers else next(iter(form.answers), block_id)


def _errors(errors: Mapping[str, str]) -> Answer:
    return {"response_action": "errors", "errors": dict(errors)}


def _told(sentence: str) -> Answer:
    """:param sentence: escaped"""
    return _shown(modals.holding("Nothing was changed", drawings.said(sentence)))


def _shown(view: Drawing) -> Answer:
    return {"response_action": "update", "view": view}
