"""The tools of a bot that runs: read anew when a toolbox was added, upgraded or removed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from ironclaw.orchestrator.body import component
from ironclaw.registry import LeftOut, Registry, Where
from ironclaw.registry.trust import EXPIRED
from ironclaw.sandbox import Sandbox
from ironclaw.task import Json

log = structlog.get_logger(__name__)

#: Writes into the audit log what is in force: the registry, and who had it so.
Record = Callable[[Registry, str], Awaitable[None]]
HOST = "host"  #: The actor where nobody asked.


class ReloadedTools:
    """The registry that all parts of the engine share, and the ways to change what is in it."""

    def __init__(
        self, registry: Registry, read: Callable[[], Registry], sandbox: Sandbox, record: Record
    ) -> None:
        self.registry = registry
        self._read = read
        self._sandbox = sandbox
        self._record = record
        self._is_recorded = False
        self._turn = asyncio.Lock()

    async def reload(self, actor: str = HOST) -> None:
        """Have every toolbox as it lies in its folder now.

        A call that runs ends on the code that it began with; one that waits is bound to what it was asked
        for, and is superseded where that has changed.

        :param actor: who asked for it, for the audit log, which says it before it is so
        :raises ToolboxError, SandboxError, SettingsError, StoreError: nothing was changed
        """
        async with self._turn:
            fresh = await asyncio.to_thread(self._read)
            await prepare_all(fresh, self._sandbox, lambda _: None)
            await self._record(fresh, actor)
            self.registry.replace(fresh)
        warn(fresh)

    async def renew(self, change: Callable[[Registry], Registry], actor: str = HOST) -> None:
        """Have what a change makes of the tools there are.  At once: the audit log may be late.

        :param actor: as :meth:`reload`
        :raises StoreError: the tools are changed, and the audit log does not say so yet
        """
        async with self._turn:
            fresh = change(self.registry)
            is_other = (fresh.tools, fresh.left_out) != (self.registry.tools, self.registry.left_out)
            self.registry.replace(fresh)
            self._is_recorded = False
            await self._record(fresh, actor)
            self._is_recorded = True
        if is_other:
            warn(fresh)

    async def record(self) -> None:
        """Have the audit log say what is in force.

        :raises StoreError: it could not; it is said the next time
        """
        self._is_recorded = False
        await self._record(self.registry, HOST)
        self._is_recorded = True

    async def drop_expired(self, now: float) -> bool:
        """Take out the tools of toolboxes whose signature has ended.  At once: the audit log may be late.

        :param now: unix seconds
        :return: whether there were any
        :raises StoreError: the tools are gone, and the audit log does not say so yet
        """
        async with self._turn:
            gone = [LeftOut(box.name, EXPIRED) for box in self.registry.toolboxes if 0 < box.expires <= now]
            if gone:
                self.registry.replace(self.registry.without(gone))
                warn(self.registry)
            if gone or not self._is_recorded:
                await self.record()
        return bool(gone)


def warn(registry: Registry) -> None:
    """Say in the log which toolboxes are not there, and why."""
    for each in registry.left_out:
        log.warning("toolbox_left_out", toolbox=each.name, why=each.why)


def facts(registry: Registry) -> dict[str, dict[str, Json]]:
    """What the audit log says of each toolbox, by its name."""
    return {
        box.name: {
            "version": box.version,
            "component": box.component_sha256,
            "manifest": box.manifest_sha256,
            "signer": box.signer,
            "expires": box.expires,
            "tools": {tool.name: tool.risk.value for tool in registry.tools if tool.toolbox.name == box.name},
        }
        for box in registry.toolboxes
    }


async def prepare_all(registry: Registry, sandbox: Sandbox, progress: Callable[[str], None]) -> None:
    """Compile what is not compiled, so that no call waits for it.

    :raises ToolboxError: a component cannot be a toolbox
    """
    for toolbox in registry.toolboxes:
        if toolbox.where is Where.SANDBOX:
            await sandbox.prepare(component(toolbox), progress)
