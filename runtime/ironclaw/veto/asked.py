"""What people were asked, held against what would run now and what policy says of it now."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace

from ironclaw.errors import BadRequest
from ironclaw.plugin_manager import Hooks
from ironclaw.registry import Registry, Tool
from ironclaw.sandbox.contents import Contents
from ironclaw.store import CallRow, Flow, Store
from ironclaw.task import ApprovalView, DoubtView, Opinion, ToolCall, Verdict
from ironclaw.veto.binding import action_asked, asked_call, tool_call
from ironclaw.veto.witnesses import in_place_of_review

CHANGED = "The tool changed after this was judged. Nothing was run. Propose it again if it is still needed."
NOT_ALLOWED = "Policy does not allow this any more. Nothing was run."


class Asked:
    """Reads calls and reviews as of this moment, whatever they were when people were asked."""

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        registry: Registry,
        contents: Contents,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._registry = registry
        self._contents = contents
        self._clock = clock

    async def call_behind(self, approval: ApprovalView) -> ToolCall | None:
        """The call behind a review as it would run now; None where its tool or its files are gone."""
        tool = self._tool(approval.tenant, approval.tool)
        return None if tool is None else await self._with_files(asked_call(approval, tool), tool)

    async def as_it_would_run(self, flow: Flow, call: CallRow) -> ToolCall | None:
        """A call of a workflow as it would run now; None where its tool or its files are gone."""
        tool = self._tool(flow.tenant, call.tool)
        if tool is None:
            return None
        return await self._with_files(tool_call(flow, call.seq, tool, call.args, call.circumstances), tool)

    async def opinion_now(self, approval: ApprovalView, current: ToolCall | None) -> Opinion:
        """What policy says now of what was asked.

        :param current: it, as it would run now
        """
        if current is None:
            return Opinion(Verdict.REVIEW, "tool-gone", terms=approval.terms)
        return await self._hooks.verdict(current)

    async def in_doubt(self, doubt: DoubtView) -> ApprovalView:
        """The review of a call with the terms of now; where nobody was asked, what stands for it."""
        found = await self._store.approvals.of_call(doubt.workflow_id, doubt.seq)
        asked = found[0] if found else in_place_of_review(doubt)
        opinion = await self.opinion_now(asked, await self.call_behind(asked))
        if found or opinion.verdict is not Verdict.REVIEW:
            return self.tightened(asked, opinion)
        return replace(asked, terms=opinion.terms)

    def tightened(self, approval: ApprovalView, opinion: Opinion) -> ApprovalView:
        """With the terms of both moments: when it was asked, and now."""
        # Nothing of a time that is to come has happened, whatever a row says.
        known = replace(approval, escalated_at=min(approval.escalated_at, self._clock()))
        if opinion.verdict is not Verdict.REVIEW:
            return known
        return replace(known, terms=approval.terms.within(opinion.terms))

    def _tool(self, tenant: str, name: str) -> Tool | None:
        """The tool, where the tenant has it now."""
        tool = self._registry.get(name)
        return tool if tool and self._registry.is_for(tenant, tool) else None

    async def _with_files(self, call: ToolCall, tool: Tool) -> ToolCall | None:
        """With what is in its files now; None where there is nothing."""
        if not tool.files:
            return call
        try:
            files = await self._contents.of(call.tenant, tool.files, call.args)
        except (BadRequest, ValueError):
            return None
        return replace(call, circumstances=replace(call.circumstances, files=files))


def is_for(approval: ApprovalView, flow: Flow, call: CallRow) -> bool:
    """Whether what people were asked is this very call: their seals are over the approval's own row."""
    is_same = hmac.compare_digest(approval.action_sha256, call.action_sha256)
    return is_same and approval.tenant == flow.tenant


def outdated(approval: ApprovalView, current: ToolCall | None, opinion: Opinion) -> str:
    """Why what was asked could not run now, in a sentence for the brain; "" when it could.

    :param approval: with the terms that it was asked on
    :param current: it, as it would run now
    :param opinion: on that, of the policy of now
    """
    if opinion.verdict not in (Verdict.ALLOW, Verdict.REVIEW):
        return NOT_ALLOWED
    bound = current and action_asked(current, approval)
    return "" if bound == approval.action_sha256 else CHANGED
