"""The tools of a bot that runs: read anew when a toolbox was added, upgraded or removed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ironclaw.orchestrator.body import component
from ironclaw.registry import Registry
from ironclaw.sandbox import Sandbox


class ReloadedTools:
    """The registry that all parts of the engine share, and the way to change what is in it."""

    def __init__(self, registry: Registry, read: Callable[[], Registry], sandbox: Sandbox) -> None:
        self.registry = registry
        self._read = read
        self._sandbox = sandbox
        self._turn = asyncio.Lock()

    async def reload(self) -> None:
        """Have every toolbox as it lies in its folder now.

        A call that runs ends on the code that it began with; one that waits is bound to what it was asked
        for, and is superseded where that has changed.

        :raises ToolboxError, SandboxError: nothing was changed
        """
        async with self._turn:
            fresh = await asyncio.to_thread(self._read)
            await prepare_all(fresh, self._sandbox, lambda _: None)
            self.registry.replace(fresh)


async def prepare_all(registry: Registry, sandbox: Sandbox, progress: Callable[[str], None]) -> None:
    """Compile what is not compiled, so that no call waits for it.

    :raises ToolboxError: a component cannot be a toolbox
    """
    for toolbox in registry.toolboxes:
        await sandbox.prepare(component(toolbox), progress)
