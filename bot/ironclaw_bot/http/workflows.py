"""The routes of workflows: how they stand, stopping one, having one done again."""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel, Field

from ironclaw.app import Ironclaw
from ironclaw.sentences import sentence
from ironclaw.task import Address, Bearer, Principal, WorkflowView
from ironclaw_bot.http.bodies import RunResponse, Strict, run_response
from ironclaw_bot.http.problems import Problem
from ironclaw_bot.http.reading import bearer_token, idempotency_key, read

MOST, USUAL = 100, 20  #: Workflows in a list.


class WorkflowBody(RunResponse):
    """How a workflow stands, and what was asked."""

    task: str
    requester: str
    sentence: str  #: What it does, or waits for.
    steps: int  #: Turns of the brain so far.
    retry_of: str | None = None  #: The workflow that it repeats.


class WorkflowsResponse(Strict):
    """Newest first."""

    workflows: list[WorkflowBody]


class RetryRequest(Strict):
    """Body of POST /workflows/{id}/retry; it may be missing."""

    wait: float = Field(0, ge=0, le=120)  #: Seconds that the answer is waited for.


class WorkflowRoutes:
    """Identity comes from the bearer token alone, as everywhere."""

    def __init__(self, app: Ironclaw) -> None:
        self._app = app

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/workflows", self.list),
            web.get("/workflows/{id}", self.show),
            web.post("/workflows/{id}/cancel", self.cancel),
            web.post("/workflows/{id}/retry", self.retry),
        ]

    async def list(self, request: web.Request) -> web.Response:
        """Whoever the token names sees their own; an approver all of the tenant."""
        principal = await self._principal(request, single_use=False)
        found = await self._app.workflows_for(principal, _limit(request))
        return _answer(200, WorkflowsResponse(workflows=[workflow_body(each) for each in found]))

    async def show(self, request: web.Request) -> web.Response:
        """How a workflow of the token's tenant stands.  Reading does not use the token up."""
        principal = await self._principal(request, single_use=False)
        view = await self._app.workflow(principal.tenant, request.match_info["id"])
        return _answer(200, workflow_body(view))

    async def cancel(self, request: web.Request) -> web.Response:
        """Stop one: whoever asked for it, or an approver.  202 where a tool has to end first."""
        principal = await self._principal(request, single_use=True)
        view = await self._app.stopping.cancel(principal, request.match_info["id"])
        return _answer(200 if view.state.is_final else 202, workflow_body(view))

    async def retry(self, request: web.Request) -> web.Response:
        """Have a task done again that failed or was stopped: as POST /run."""
        principal = await self._principal(request, single_use=True)
        body = await read(request, RetryRequest) if request.body_exists else RetryRequest()
        key, first = idempotency_key(request), request.match_info["id"]
        delivery = (f"http:{principal.tenant}:{principal.id}", key) if key else None
        again = await self._app.retrying.retry(principal, first, Address("http"), delivery)
        view = await self._app.wait(principal.tenant, again, body.wait)
        if view.retry_of != first:
            raise Problem(422, "This Idempotency-Key came with another task before. Take a new one.")
        if view.state.is_final:
            return _answer(200, workflow_body(view))
        return _answer(202, workflow_body(view), {"Location": f"/workflows/{view.id}"})

    async def _principal(self, request: web.Request, *, single_use: bool) -> Principal:
        """:raises IdentityError: no token, more than one, or not a valid one"""
        return await self._app.authenticate(Bearer(bearer_token(request), single_use))


def workflow_body(view: WorkflowView) -> WorkflowBody:
    """A workflow as JSON."""
    return WorkflowBody(
        **run_response(view).model_dump(),
        task=view.text,
        requester=view.requester,
        sentence=sentence(view),
        steps=view.steps,
        retry_of=view.retry_of or None,
    )


def _limit(request: web.Request) -> int:
    found = request.query.getall("limit", [str(USUAL)])
    if set(request.query) - {"limit"} or len(found) > 1:
        raise Problem(400, "This route takes no parameter but one limit.")
    if not found[0].isascii() or not found[0].isdecimal() or not 1 <= int(found[0][:9]) <= MOST:
        raise Problem(400, f"limit is 1 to {MOST}.")
    return int(found[0])


def _answer(status: int, body: BaseModel, headers: dict[str, str] | None = None) -> web.Response:
    text = body.model_dump_json(exclude_none=True)
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)
