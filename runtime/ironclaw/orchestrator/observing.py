"""What the brain sees of a call that ran."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from ironclaw.budgets import Budgets
from ironclaw.capabilities import Scratch
from ironclaw.orchestrator import results
from ironclaw.orchestrator.body import still_json
from ironclaw.orchestrator.results import READER, WHOLE, Results
from ironclaw.plugin_manager import Hooks
from ironclaw.registry import Registry
from ironclaw.store import CallRow, Flow
from ironclaw.task import Brain, ToolResult, observation


class Observing:
    """Puts results into the words that a brain gets, none of them endless."""

    def __init__(
        self,
        kept: Results,
        hooks: Hooks,
        registry: Registry,
        brains: Mapping[str, Brain],
        budgets: Callable[[str], Budgets],
    ) -> None:
        """:param budgets: of a tenant, by its id"""
        self._brains = brains
        self._kept = kept
        self._hooks = hooks
        self._registry = registry
        self._budgets = budgets

    async def of(self, flow: Flow, call: CallRow, result: ToolResult) -> str:
        """The observation, JSON text; of arguments that are not the brain's own, which they were."""
        text = await self._of_result(flow, call, result)
        if not call.circumstances.edited_by:
            return text
        args = still_json(self._hooks.redact(flow.tenant, call.args))
        more = {"edited_by": call.circumstances.edited_by, "arguments": json.loads(args)}
        return f"{text[:-1]},{json.dumps(more, ensure_ascii=False)[1:]}"

    async def _of_result(self, flow: Flow, call: CallRow, result: ToolResult) -> str:
        most = self._budgets(flow.tenant).result_bytes
        if result.failure:
            failure = results.cut_failure(result.failure, most)
            return observation(failure.kind.value, failure.message)
        output = result.output or "null"
        is_read_on = any(results.named(call.args))
        wants_whole = getattr(self._brains.get(flow.brain), "wants_whole_results", False)
        if wants_whole or len(output.encode()) <= most * (WHOLE if is_read_on else 1):
            return '{"output":' + output + "}"
        if is_read_on or not self._can_read(flow):
            preview = results.cut(output, most)
        else:
            preview = await self._kept.preview(flow.tenant, flow.id, call.seq, output, most)
        return json.dumps({"output": preview}, ensure_ascii=False)

    def _can_read(self, flow: Flow) -> bool:
        """Whether the task has a tool that reads files in parts."""
        found = self._registry.get(READER)
        offered = {tool.name for tool in self._registry.of(flow.tenant, flow.tools)}
        return found is not None and READER in offered and found.capabilities.scratch is not Scratch.NONE
