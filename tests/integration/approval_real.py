"""The real side of the approval machine: an engine without a sandbox, on a folder that outlives restarts."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
from contextlib import AsyncExitStack, closing
from importlib import resources
from pathlib import Path
from typing import Any
from unittest import mock

from tests.cases._approval_bot import Script
from tests.cases._approval_toolbox import write_toolboxes
from tests.integration.approval_model import SEND, WIRE, Call, Model
from tests.integration.engine import ADA, BrainPlugin, ask, settings

from ironclaw.app import Ironclaw, compose, open_app
from ironclaw.errors import IronclawError
from ironclaw.settings import TenantSettings
from ironclaw.task import ToolResult

BO, BO_BY_JWT, CY, DI, EVE = (
    *("slack:T1:U_BO", "jwt:https://issuer.test|bo", "slack:T1:U_CY", "slack:T1:U_DI"),
    "slack:T1:U_EVE",
)


class Recorder:
    """In the place of the sandbox: what it was asked to run."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    async def prepare(self, component: Any, progress: Any = None) -> None:
        return None

    async def call(self, call: Any, host: Any) -> ToolResult:
        self.calls.append((call.tool, call.input))
        return ToolResult(output="null")

    async def close(self) -> None:
        return None


class RealSide:
    """Store, veto, policy and orchestrator, with the model's clock, people and rules."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="ironclaw-model-"))
        self.sandbox, self.brain = Recorder(), Script()
        self.model = Model(1_800_000_000.0, ADA, {BO, CY, DI, ADA})
        self.app: Ironclaw
        self.stack: AsyncExitStack

    def begin_real(self) -> None:
        write_toolboxes(self.folder / "boxes")
        self._write_policy()
        self.runner.run(self._open())

    def end_real(self) -> None:
        if hasattr(self, "stack"):
            self.runner.run(self.stack.aclose())
        self.runner.close()
        shutil.rmtree(self.folder)

    async def _open(self) -> None:
        approvers = tuple(sorted(self.model.approvers))
        tenant = TenantSettings(
            approvers=approvers,
            people={"bo": (BO, BO_BY_JWT)},
            cards_per_workflow=10**6,
            cards_per_hour=10**6,
            denials=10**6,
        )
        chosen = settings(
            self.folder,
            tenants={"T1": tenant},
            toolboxes=(self.folder / "boxes",),
            policy_file=self.folder / "policy.cedar",
        )
        self.stack = AsyncExitStack()
        self.stack.enter_context(mock.patch.object(compose, "_sandbox", self._no_sandbox))
        plugins = {"test_brain": lambda _: BrainPlugin(self.brain)}
        self.app = await self.stack.enter_async_context(
            open_app(chosen, clock=lambda: self.model.now, plugins=plugins)
        )
        await self._rest()

    async def _no_sandbox(self, *arguments: Any) -> Recorder:
        return self.sandbox

    def _write_policy(self) -> None:
        """A new file in the place of the old one, as an editor leaves it."""
        policy = self.model.policy
        shipped = resources.files("ironclaw_plugins").joinpath("policies", "shipped.cedar").read_text("utf-8")
        asked = 'permit (principal, action == Action::"run_with_approval", resource'
        rules = [f'@id("two-people") @quorum("2") {asked} == Tool::"{WIRE}");']
        rules += [f'@id("many") @quorum("{policy.quorum}") {asked});']
        rules += [f'forbid (principal, action, resource == Tool::"{SEND}");'] * policy.forbidden
        rules += ['permit (principal, action == Action::"auto_run", resource);'] * policy.loose
        fresh = self.folder / "fresh.cedar"
        fresh.write_text("\n".join([shipped, *rules]), "utf-8")
        os.replace(fresh, self.folder / "policy.cedar")

    def _do(self, asked: Any) -> bool:
        """Do it and let everything follow that does.  :return: False when it was refused"""

        async def done() -> bool:
            try:
                await asked
            except IronclawError:
                return False
            finally:
                await self._rest()
            return True

        return self.runner.run(done())

    async def _submit(self, text: str) -> str:
        workflow = await self.app.submit(ask(text))
        await self._rest()
        return workflow

    async def _rest(self) -> None:
        while at_work := list(self.app._dispatcher._at_work):
            for workflow in at_work:
                await self.app._dispatcher.rest(workflow)

    async def _wake_all(self) -> None:
        for call in self.model.calls:
            self.app._dispatcher.wake(call.workflow, "T1")
        await self._rest()

    def _newest(self, call: Call) -> str:
        found = self._rows(
            "SELECT id FROM approvals WHERE workflow_id = ? ORDER BY version DESC", call.workflow
        )
        return str(found[0]["id"]) if found else ""

    def _rows(self, statement: str, *values: object) -> list[sqlite3.Row]:
        with closing(sqlite3.connect(self.folder / "data" / "ironclaw.db")) as c:
            c.row_factory = sqlite3.Row
            return list(c.execute(statement, values))
