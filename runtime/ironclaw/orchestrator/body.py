"""Carries out one call whose ticket is spent: the sandbox for the guest, egress for its requests."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, runtime_checkable

import structlog

from ironclaw.capabilities import (
    SAFE_METHODS,
    Capabilities,
    HttpRequest,
    HttpResponse,
    HttpRule,
    Scratch,
)
from ironclaw.egress import effective_rules
from ironclaw.envelope import Preview
from ironclaw.errors import EgressDenied, SandboxError, Suspended
from ironclaw.orchestrator import dry_run
from ironclaw.orchestrator.holding import AGAIN, BeforeEffect, Holding, Requests
from ironclaw.orchestrator.taint import named_host
from ironclaw.plugin_manager import Hooks
from ironclaw.registry import Tool, Toolbox, Where
from ironclaw.sandbox import Call, Component, Profile, Sandbox
from ironclaw.secrets import Lender
from ironclaw.task import FailureKind, ToolCall, ToolFailure, ToolResult
from ironclaw.tenancy import Tenancy
from ironclaw.veto import Ticket

log = structlog.get_logger(__name__)


class Runner(Protocol):
    """Carries out the calls of tools that are not in the sandbox."""

    async def run(self, ticket: Ticket, before_effect: BeforeEffect) -> ToolResult:
        """Run one call whose ticket is spent.

        What it gives is cleaned by who asked; what it raises is a crash of the call.

        :param before_effect: to be awaited just before what changes something
        """
        ...


@runtime_checkable
class Foretelling(Protocol):
    """A runner that can say what a call will do."""

    async def preview(self, call: ToolCall) -> Preview | None:
        """
        :raises BadRequest: it will do nothing, whoever says yes
        """
        ...


class _Reach:
    """What one running tool reaches: its log, and the network by its own rules."""

    def __init__(
        self,
        call: ToolCall,
        rules: tuple[HttpRule, ...],
        egress: Lender,
        idem_key: str,
        before_effect: BeforeEffect,
        approved: Requests | None,
        is_served: Callable[[], bool],
        *,
        is_check: bool = False,
    ) -> None:
        self._is_check = is_check
        self._call = call
        self._approved = approved
        self._rules = rules
        self._egress = egress
        self._idem_key = idem_key
        self._sent = 0
        self._before_effect = before_effect
        self._is_served = is_served

    async def http(self, request: HttpRequest) -> HttpResponse:
        if not self._is_served():
            raise EgressDenied(str(Suspended()))
        # One key for each request that changes something, the same ones in the same order when the call runs
        # again.  A check reads by the first one.
        rules = self._rules if self._approved is None else self._approved.admit(request, self._rules)
        self._sent += request.method not in SAFE_METHODS
        key = f"{self._idem_key}-{1 if self._is_check else self._sent}"
        return await self._egress.fetch(
            self._call,
            request,
            rules,
            idempotency_key=key,
            before_effect=self._before_effect,
            is_check=self._is_check,
        )

    def log(self, level: str, message: str) -> None:
        # Tool-made text: a value of its own, never the event's name or level.
        log.debug(
            "tool_log", tool=self._call.tool, workflow=self._call.workflow_id, level_said=level, said=message
        )


class Body:
    """Runs calls.  It holds no opinion: a ticket of the veto's is what it takes, and each once."""

    def __init__(
        self,
        sandbox: Sandbox,
        egress: Lender,
        hooks: Hooks,
        scratch_root: Path,
        tenancy: Tenancy,
        take: Callable[[Ticket], Ticket],
        runners: Mapping[Where, Runner] = MappingProxyType({}),
    ) -> None:
        """
        :param take: the veto's: takes a ticket, or raises NotAuthorized
        :param runners: who carries out what is not in the sandbox
        """
        self._take = take
        self._runners = runners
        self._sandbox = sandbox
        self._egress = egress
        self._hooks = hooks
        self._scratch_root = scratch_root
        self._tenancy = tenancy
        self._holding = Holding(scratch_root)

    async def preview(self, call: ToolCall, tool: Tool) -> Preview | None:
        """What the tool says that the call will do, without doing it; None where it has no preview.

        :raises BadRequest: it will do nothing, whoever says yes
        """
        if not tool.preview:
            return None
        runner = self._runners.get(tool.toolbox.where)
        if isinstance(runner, Foretelling):
            return await runner.preview(call)
        redact = functools.partial(self._hooks.redact, call.tenant)
        dry = self._as_sandbox_call(call, tool, call.capabilities, self._folder(call.tenant))
        most = self._tenancy.most(call.tenant)
        return await dry_run.foretold(self._sandbox, dry, self._rules(call), redact, most)

    async def obstacle(self, tenant: str, preview: Preview | None) -> str:
        """Why a call may not begin that was approved with this preview; "" when it may."""
        changed = await self._holding.changed(tenant, preview) if preview else ""
        return f"{changed!r} was changed after this was approved. Nothing was run. {AGAIN}" if changed else ""

    async def run(self, ticket: Ticket, before_effect: BeforeEffect) -> ToolResult:
        """Run one call and clean what comes back.

        :param ticket: of the veto's; its key goes into each changing request, and the guest never sees it
        :param before_effect: awaited just before the first byte that changes something outside
        :raises NotAuthorized: there is no such ticket, or it was spent before
        :raises SandboxError: the sandbox itself cannot run; the guest had no part in it
        """
        good = self._take(ticket)
        call, tool = good.call, good.tool
        if tool.toolbox.where is not Where.SANDBOX:
            return self._cleaned(call.tenant, await self._elsewhere(good, before_effect))
        rules = self._rules(call)
        limits = call.capabilities.limits.capped(self._tenancy.most(call.tenant))
        capabilities = replace(call.capabilities, http=rules, limits=limits)
        preview = call.circumstances.preview
        held = preview if preview and preview.is_binding else None
        approved = Requests(held) if held else None
        served = functools.partial(self._tenancy.serves, call.tenant)
        reach = _Reach(
            call, rules, self._egress, good.idem_key, before_effect, approved, served, is_check=good.is_check
        )

        async def on(folder: Path) -> ToolResult:
            result = await self._sandbox.call(self._as_sandbox_call(call, tool, capabilities, folder), reach)
            return approved.settled(result) if approved else result

        if held is None or capabilities.scratch is not Scratch.WRITE:
            return self._cleaned(call.tenant, await on(self._folder(call.tenant)))
        quota = self._tenancy.quota(call.tenant)
        result = await self._holding.run(call.tenant, held, quota, before_effect, on)
        return self._cleaned(call.tenant, result)

    async def _elsewhere(self, ticket: Ticket, before_effect: BeforeEffect) -> ToolResult:
        """Within the time and the size that any tool has."""
        limits = ticket.call.capabilities.limits.capped(self._tenancy.most(ticket.call.tenant))
        runner = self._runners.get(ticket.tool.toolbox.where)
        if runner is None:
            raise SandboxError("Nobody here carries out this tool.")
        try:
            async with asyncio.timeout(limits.seconds):
                result = await runner.run(ticket, before_effect)
        except TimeoutError:
            return _failed(FailureKind.TIMEOUT, f"It did not end within {limits.seconds:.0f} s.")
        if len((result.output or "").encode()) > limits.output_bytes:
            return _failed(FailureKind.OUTPUT_TOO_LARGE, f"More than {limits.output_bytes} bytes came back.")
        return result

    def _rules(self, call: ToolCall) -> tuple[HttpRule, ...]:
        """What it may ask: of the operator's list just the host that the call names, as policy was told."""
        listed = self._tenancy.http_allow(call.tenant)
        return effective_rules(call.capabilities.http, listed, only=named_host(call.args))

    def _folder(self, tenant: str) -> Path:
        return self._scratch_root / tenant

    def _as_sandbox_call(self, call: ToolCall, tool: Tool, capabilities: Capabilities, folder: Path) -> Call:
        return Call(
            component=component(tool.toolbox),
            tool=call.tool,
            input=call.args,
            tenant=call.tenant,
            scratch=folder,
            capabilities=capabilities,
            quota=self._tenancy.quota(call.tenant),
        )

    def _cleaned(self, tenant: str, result: ToolResult) -> ToolResult:
        if result.failure:
            message = self._hooks.redact(tenant, result.failure.message)
            return replace(result, output=None, failure=ToolFailure(result.failure.kind, message))
        return replace(result, output=still_json(self._hooks.redact(tenant, result.output or "null")))


def _failed(kind: FailureKind, message: str) -> ToolResult:
    return ToolResult(failure=ToolFailure(kind, message))


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
