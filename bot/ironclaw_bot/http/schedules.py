"""The routes of schedules: tasks that begin by themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field

from ironclaw.app import Ironclaw
from ironclaw.errors import NotFound
from ironclaw.schedule import Schedule, ScheduleState
from ironclaw.task import Address, Bearer, Principal, Task
from ironclaw_bot.http.bodies import Strict, moment
from ironclaw_bot.http.problems import Problem
from ironclaw_bot.http.reading import bearer_token, idempotency_key, read
from ironclaw_bot.http.requests import TaskText, ToolName

Change = Callable[[Principal, str], Awaitable[Schedule]]


class Channel(Strict):
    """A channel of the tenant's Slack workspace: each run begins a thread of its own there."""

    channel: str = Field(pattern=r"^[A-Z][A-Z0-9]{1,31}$")


class ScheduleRequest(Strict):
    """Body of POST /schedules."""

    task: TaskText
    cron: str = Field(max_length=300)  #: Five fields.
    zone: str = Field("", max_length=100)  #: An IANA name; the tenant's own when empty.
    tools: list[ToolName] | None = Field(None, max_length=256)
    reply_to: Channel | None = None
    tenant_id: str | None = None

    def to_task(self, principal: Principal, key: str | None) -> Task:
        """:param key: the caller's Idempotency-Key: the same one is the same schedule"""
        channel = self.reply_to.channel if self.reply_to else ""
        return Task(
            tenant=principal.tenant,
            requester=principal.id,
            text=self.task,
            reply_to=Address("slack", {"channel": channel}) if channel else Address("http"),
            tools=None if self.tools is None else tuple(self.tools),
            delivery=(f"http:schedule:{principal.tenant}:{principal.id}", key) if key else None,
            door="http",
        )


class LastRun(Strict):
    """What it began last; ask /workflows/{id} for more."""

    workflow_id: str
    status: str
    at: str


class ScheduleBody(Strict):
    """One schedule."""

    id: str
    task: str
    cron: str
    zone: str
    words: str  #: What the two mean, in English.
    state: str  #: active, paused or removed.
    reason: str | None = None  #: Why the host has paused it.
    requester: str
    next_at: str | None = None  #: While it is active.
    missed: int  #: Runs for which nobody was there, in all.
    last: LastRun | None = None
    created_at: str


class SchedulesResponse(Strict):
    """The tenant's, oldest first."""

    schedules: list[ScheduleBody]


class ScheduleRoutes:
    """Identity comes from the bearer token alone, as everywhere."""

    def __init__(self, app: Ironclaw) -> None:
        self._app = app

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/schedules", self.add),
            web.get("/schedules", self.list),
            web.post("/schedules/{id}/pause", self.pause),
            web.post("/schedules/{id}/resume", self.resume),
            web.delete("/schedules/{id}", self.remove),
        ]

    async def add(self, request: web.Request) -> web.Response:
        """Make one: 201."""
        principal = await self._principal(request, single_use=True)
        body = await read(request, ScheduleRequest)
        if body.tenant_id not in (None, principal.tenant):
            raise Problem(403, "The token is not for this tenant.", pointer="/tenant_id")
        key = idempotency_key(request)
        made = await self._app.schedules.add(body.to_task(principal, key), body.cron, body.zone)
        if made.text != body.task or made.timing.cron != " ".join(body.cron.split()):
            raise Problem(422, "This Idempotency-Key came with another schedule before. Take a new one.")
        return _answer(201, schedule_body(made))

    async def list(self, request: web.Request) -> web.Response:
        """All of the token's tenant."""
        principal = await self._principal(request, single_use=False)
        found = await self._app.schedules.list(principal.tenant)
        return _answer(200, SchedulesResponse(schedules=[schedule_body(each) for each in found]))

    async def pause(self, request: web.Request) -> web.Response:
        return await self._change(request, self._app.schedules.pause)

    async def resume(self, request: web.Request) -> web.Response:
        return await self._change(request, self._app.schedules.resume)

    async def remove(self, request: web.Request) -> web.Response:
        return await self._change(request, self._app.schedules.remove)

    async def _change(self, request: web.Request, change: Change) -> web.Response:
        """Whoever made it, or an approver."""
        principal = await self._principal(request, single_use=True)
        try:
            return _answer(200, schedule_body(await change(principal, request.match_info["id"])))
        except NotFound:
            raise Problem(404, "There is no such schedule.") from None

    async def _principal(self, request: web.Request, *, single_use: bool) -> Principal:
        """:raises IdentityError: no token, more than one, or not a valid one"""
        return await self._app.authenticate(Bearer(bearer_token(request), single_use))


def schedule_body(found: Schedule) -> ScheduleBody:
    """A schedule as JSON."""
    last = found.last
    shown: dict[str, Any] = {"next_at": moment(found.next_at)} if found.state is ScheduleState.ACTIVE else {}
    if last:
        shown["last"] = LastRun(workflow_id=last.id, status=last.state.value, at=moment(found.last_at))
    return ScheduleBody(
        id=found.id,
        task=found.text,
        cron=found.timing.cron,
        zone=found.timing.zone,
        words=found.timing.words(),
        state=found.state.value,
        reason=found.why or None,
        requester=found.requester,
        missed=found.missed,
        created_at=moment(found.created_at),
        **shown,
    )


def _answer(status: int, body: BaseModel) -> web.Response:
    text = body.model_dump_json(exclude_none=True)
    return web.Response(status=status, text=text, content_type="application/json")
