"""What a client's calls become in the engine: workflows of their own, for the local person who runs it."""

from __future__ import annotations

import asyncio
from typing import Any

from ironclaw.app import Ironclaw
from ironclaw.canonical import canonical_text, digest
from ironclaw.errors import BadRequest, Conflict, NotFound
from ironclaw.one_call import ONE_CALL, text_of
from ironclaw.orchestrator.results import READER
from ironclaw.registry import Tool, Where, parse_arguments
from ironclaw.task import Address, Effect, Json, Principal, Risk, Task, WorkflowState, WorkflowView

DOOR = "mcp"
MOST_SECONDS = 10.0  #: That one question at the local door is held.
POLL = 0.2  #: Seconds between looks at what waits for people: another process may hear of their decision.
NO_TOOL = "There is no such tool here. List the tools again."
NO_WORKFLOW = "There is no such workflow."
OTHER_CALL = "This key was given for another call before: take a new one."


class Calls:
    """One person's calls in one tenant."""

    def __init__(self, app: Ironclaw, principal: Principal) -> None:
        self._app = app
        self._who = principal

    async def do(self, verb: str, **words: Any) -> Json:
        """
        :param verb: tools, call, follow or cancel
        :raises IronclawError: as the verb raises it
        """
        if verb not in ("tools", "call", "follow", "cancel"):
            raise BadRequest("There is no such verb.")
        return await getattr(self, verb)(**words)

    async def tools(self) -> Json:
        """The tenant's tools, with what their callers may know of them."""
        return [_shown_tool(tool) for tool in self._app.registered(self._who.tenant)]

    async def call(self, tool: str, arguments: Json, delivery: str) -> Json:
        """Have one call made, once for each delivery.

        :raises NotFound: the tenant has no such tool
        :raises BadRequest: the arguments are none
        :raises Conflict: the delivery was another call's
        """
        mine = {each.name for each in self._app.registered(self._who.tenant)}
        if tool not in mine:
            raise NotFound(NO_TOOL)
        args = parse_arguments(canonical_text(arguments))
        task = Task(
            self._who.tenant,
            self._who.id,
            text_of(tool, args),
            Address(DOOR),
            # Where it may read files, a result that is too long for one answer is kept in one.
            tools=tuple(sorted({tool, READER} & mine)),
            brain=ONE_CALL,
            context={"tool": tool, "arguments": args},
            delivery=(DOOR, digest([self._who.tenant, self._who.id, delivery])),
        )
        view = await self._view(await self._app.submit(task))
        if view.text != task.text:
            raise Conflict(OTHER_CALL)
        return _shown(view)

    async def follow(self, workflow: str, seconds: float, seen: str = "") -> Json:
        """How a call stands, once it has ended, or waits for something else than what was seen, or in time.

        :raises NotFound: this person has made no such call in this tenant
        """
        await self._view(workflow)
        try:
            async with asyncio.timeout(min(seconds, MOST_SECONDS)):
                while not _is_news(view := await self._rested(workflow), seen):  # noqa: ASYNC110 - see POLL
                    await asyncio.sleep(POLL)
        except TimeoutError:
            view = await self._view(workflow)
        return _shown(view)

    async def cancel(self, workflow: str) -> Json:
        """Take a call back that waits for approval or for its turn; what runs, or may have run, is let be.

        :raises NotFound: this person has made no such call in this tenant
        """
        await self._view(workflow)
        view = await self._rested(workflow)
        may_have_run = view.doubt is not None or view.state is WorkflowState.RUNNING
        if view.state.is_final or may_have_run:
            return _shown(view)
        return _shown(await self._app.stopping.cancel(self._who, workflow))

    async def _rested(self, workflow: str) -> WorkflowView:
        """The workflow when it has ended or waits for people, or after the longest time."""
        return await self._app.wait(self._who.tenant, workflow, MOST_SECONDS)

    async def _view(self, workflow: str) -> WorkflowView:
        """
        :raises NotFound: this person has made no such call in this tenant
        """
        view = await self._app.workflow(self._who.tenant, workflow)
        if (view.door, view.requester) != (DOOR, self._who.id):
            raise NotFound(NO_WORKFLOW)
        return view


def _is_news(view: WorkflowView, seen: str) -> bool:
    return view.state.is_final or waits_for(view) not in ("", seen)


def waits_for(view: WorkflowView) -> str:
    """The id of what people must say something about first; "" for nothing."""
    waiting = view.doubt or view.approval
    return waiting.id if waiting else ""


def _shown(view: WorkflowView) -> Json:
    return {
        "workflow": view.id,
        "state": view.state.value,
        "outcome": view.outcome,
        "approval": view.approval.id if view.approval else "",
        "doubt": view.doubt.id if view.doubt else "",
        "waits_for": waits_for(view),
        "is_final": view.state.is_final,
    }


def _shown_tool(tool: Tool) -> Json:
    is_pure = tool.effect is Effect.PURE
    return {
        "name": tool.name,
        "description": tool.description,
        "schema": tool.schema,
        "risk": tool.risk.value,
        "only_reads": is_pure,
        "destroys": not is_pure and tool.risk is Risk.HIGH,
        "is_idempotent": tool.effect in (Effect.PURE, Effect.KEYED),
        "goes_out": bool(tool.capabilities.http) or tool.toolbox.where is Where.MCP,
    }
