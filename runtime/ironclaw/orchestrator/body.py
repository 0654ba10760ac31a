"""Carries out one call whose ticket is spent: the sandbox for the guest, egress for its requests."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import structlog

from ironclaw.capabilities import Capabilities, HttpRequest, HttpResponse, HttpRule
from ironclaw.egress import effective_rules
from ironclaw.plugin_manager import Hooks
from ironclaw.registry import Tool, Toolbox
from ironclaw.sandbox import Call, Component, Profile, Sandbox
from ironclaw.secrets import Lender
from ironclaw.task import ToolCall, ToolFailure, ToolResult
from ironclaw.tenancy import Tenancy

log = structlog.get_logger(__name__)

BeforeEffect = Callable[[], Awaitable[None]]


class _Reach:
    """What one running tool reaches: its log, and the network by its own rules."""

    def __init__(
        self,
        call: ToolCall,
        rules: tuple[HttpRule, ...],
        egress: Lender,
        idem_key: str,
        before_effect: BeforeEffect,
    ) -> None:
        self._call = call
        self._rules = rules
        self._egress = egress
        self._idem_key = idem_key
        self._sent = 0
        self._before_effect = before_effect

    async def http(self, request: HttpRequest) -> HttpResponse:
        # One key a request, the same ones in the same order when the call runs again.
        self._sent += 1
        key = f"{self._idem_key}-{self._sent}"
        return await self._egress.fetch(
            self._call, request, self._rules, idempotency_key=key, before_effect=self._before_effect
        )

    def log(self, level: str, message: str) -> None:
        # Tool-made text: a value of its own, never the event's name or level.
        log.debug(
            "tool_log", tool=self._call.tool, workflow=self._call.workflow_id, level_said=level, said=message
        )


class Body:
    """Runs calls.  It holds no opinion: whoever calls it has spent a ticket."""

    def __init__(
        self,
        sandbox: Sandbox,
        egress: Lender,
        hooks: Hooks,
        scratch_root: Path,
        tenancy: Tenancy,
    ) -> None:
        self._sandbox = sandbox
        self._egress = egress
        self._hooks = hooks
        self._scratch_root = scratch_root
        self._tenancy = tenancy

    async def run(self, call: ToolCall, tool: Tool, idem_key: str, before_effect: BeforeEffect) -> ToolResult:
        """Run one call and clean what comes back.

        :param idem_key: put into each changing request; the guest neither sees nor chooses it
        :param before_effect: awaited just before the first byte that changes something outside
        :raises SandboxError: the sandbox itself cannot run; the guest had no part in it
        """
        rules = effective_rules(call.capabilities.http, self._tenancy.http_allow(call.tenant))
        limits = call.capabilities.limits.capped(self._tenancy.most(call.tenant))
        capabilities = replace(call.capabilities, http=rules, limits=limits)
        reach = _Reach(call, rules, self._egress, idem_key, before_effect)
        result = await self._sandbox.call(self._as_sandbox_call(call, tool, capabilities), reach)
        return self._cleaned(call.tenant, result)

    def _as_sandbox_call(self, call: ToolCall, tool: Tool, capabilities: Capabilities) -> Call:
        return Call(
            component=component(tool.toolbox),
            tool=call.tool,
            input=call.args,
            tenant=call.tenant,
            scratch=self._scratch_root / call.tenant,
            capabilities=capabilities,
            quota=self._tenancy.quota(call.tenant),
        )

    def _cleaned(self, tenant: str, result: ToolResult) -> ToolResult:
        if result.failure:
            message = self._hooks.redact(tenant, result.failure.message)
            return replace(result, output=None, failure=ToolFailure(result.failure.kind, message))
        return replace(result, output=still_json(self._hooks.redact(tenant, result.output or "null")))


def still_json(text: str) -> str:
    """What a guard leaves of a result may be a plain sentence: a string, then."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):  # Deeper than this process reads: a worker reads a little deeper.
        return json.dumps(text)
    return text


def component(toolbox: Toolbox) -> Component:
    """A toolbox's component, pinned by its digest."""
    return Component(toolbox.component, toolbox.component_sha256, Profile(toolbox.profile))
