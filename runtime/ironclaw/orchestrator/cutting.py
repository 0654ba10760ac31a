"""Cuts off what runs for a tenant that is not served any more, where it can begin again without harm."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from ironclaw.orchestrator.crashed import Crashed
from ironclaw.store import CallRow, Flow
from ironclaw.task import ToolResult

log = structlog.get_logger(__name__)


class Cutting:
    """Watches over one call while it runs.

    :param closing: returns once nothing is done for a tenant any more
    """

    def __init__(self, crashed: Crashed, closing: Callable[[str], Awaitable[None]]) -> None:
        self._crashed = crashed
        self._closing = closing

    async def result(
        self, flow: Flow, call: CallRow, running: Awaitable[ToolResult], is_effect_begun: Callable[[], bool]
    ) -> ToolResult | None:
        """What comes of it; None where it was cut off, and begins again once its tenant is served.

        :param is_effect_begun: whether it may have changed something outside
        :raises Conflict: another process has taken the workflow over
        """
        work, closed = asyncio.ensure_future(running), asyncio.ensure_future(self._closing(flow.tenant))
        try:
            await asyncio.wait((work, closed), return_when=asyncio.FIRST_COMPLETED)
            # No await before it is cut off: it cannot begin its effect in between.
            if work.done() or not self._crashed.may_cut(call, is_effect_begun=is_effect_begun()):
                return await work
        finally:
            await _ended(work, closed)
        await self._crashed.begin_again(flow, call)
        log.warning("call_cut_off", tool=call.tool, seq=call.seq)
        return None


async def _ended(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
