"""The gateway's routes.  Identity comes from the bearer token alone, and always before the body is read."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from ironclaw.app import Ironclaw
from ironclaw.canonical import canonical_text
from ironclaw.errors import BadRequest, NotFound, StepUpNeeded
from ironclaw.task import ApprovalView, Bearer, Decision, Principal, WorkflowView
from ironclaw.terms import GrantScope
from ironclaw_bot.http.bodies import ApprovalsResponse, RunResponse, approval_body, run_response
from ironclaw_bot.http.doubt_page import DoubtPage
from ironclaw_bot.http.doubts import DoubtRoutes
from ironclaw_bot.http.memories import MemoryRoutes
from ironclaw_bot.http.middlewares import explain_errors, guard_response, log_access, name_request
from ironclaw_bot.http.problems import MAX_BODY_BYTES, Problem
from ironclaw_bot.http.questions import QuestionRoutes
from ironclaw_bot.http.reading import bearer_token, idempotency_key, read
from ironclaw_bot.http.requests import DecisionRequest, EditRequest, RunRequest
from ironclaw_bot.http.schedules import ScheduleRoutes
from ironclaw_bot.http.step_up import StepUpPage
from ironclaw_bot.http.workflows import WorkflowRoutes

CHANGES = ("POST", "PUT", "PATCH", "DELETE")


def make_gateway(app: Ironclaw, extra: Callable[[web.Application], None] | None = None) -> web.Application:
    """The web application of the HTTP door.

    :param extra: adds further routes, such as Slack's; they pass through the same middlewares
    """
    layers = [name_request, log_access, guard_response, explain_errors]
    site = web.Application(middlewares=layers, client_max_size=MAX_BODY_BYTES)
    pages = (StepUpPage(app), DoubtPage(app))
    more = (ScheduleRoutes(app), MemoryRoutes(app))
    parts = (Gateway(app), WorkflowRoutes(app), DoubtRoutes(app), QuestionRoutes(app), *more, *pages)
    site.add_routes([route for part in parts for route in part.routes()])
    if extra:
        extra(site)
    return site


class Gateway:
    """HTTP in, the engine's own words out."""

    def __init__(self, app: Ironclaw) -> None:
        self._app = app

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/health", self.health),
            web.get("/ready", self.ready),
            web.post("/run", self.run),
            web.get("/approvals", self.approvals),
            # POST only: a link preview that fetches the address must decide nothing.
            web.post("/approve/{id}", self.approve),
            web.post("/deny/{id}", self.deny),
            web.post("/edit/{id}", self.edit),
            *(web.route(method, "/policy", self.policy) for method in CHANGES),
        ]

    async def health(self, request: web.Request) -> web.Response:
        """The process answers; it says nothing of its parts."""
        return web.json_response({"status": "ok"})

    async def ready(self, request: web.Request) -> web.Response:
        """Whether each part can work: 200, or 503 with the names of those that cannot."""
        checks = await self._app.ready()
        well = all(checks.values())
        body = {"status": "ready" if well else "not ready", "checks": checks}
        return web.json_response(body, status=200 if well else 503)

    async def run(self, request: web.Request) -> web.Response:
        """Take a task and wait a while: 200 when it ended, 202 when it goes on or waits for people."""
        principal = await self._principal(request, single_use=True)
        body = await read(request, RunRequest)
        if body.tenant_id not in (None, principal.tenant):
            raise Problem(403, "The token is not for this tenant.", pointer="/tenant_id")
        view = await self._run(body, principal, idempotency_key(request))
        if view.state.is_final:
            return _answer(200, run_response(view))
        return _answer(202, run_response(view), {"Location": f"/workflows/{view.id}"})

    async def _run(self, body: RunRequest, principal: Principal, key: str | None) -> WorkflowView:
        workflow_id = await self._app.submit(body.to_task(principal, key))
        if key and (await self._app.workflow(principal.tenant, workflow_id)).text != body.task:
            raise Problem(422, "This Idempotency-Key came with another task before. Take a new one.")
        return await self._app.wait(principal.tenant, workflow_id, body.wait)

    async def approvals(self, request: web.Request) -> web.Response:
        """What waits for people of the token's tenant.  Another one's is not there."""
        principal = await self._principal(request, single_use=False)
        if set(request.query) - {"tenant"}:
            raise Problem(400, "This route takes no parameter but tenant.")
        is_own = request.query.getall("tenant", [principal.tenant]) == [principal.tenant]
        waiting = await self._app.approvals(principal.tenant) if is_own else ()
        body = ApprovalsResponse(approvals=[approval_body(each) for each in waiting])
        return _answer(200, body)

    async def policy(self, request: web.Request) -> web.Response:
        """Who tries to change what everybody is judged by is refused, and noted."""
        principal = await self._principal(request, single_use=True)
        await self._app.policies.refuse_change(principal)
        raise Problem(403, "Policy and approvers change in the operator's files, and through no door.")

    async def approve(self, request: web.Request) -> web.Response:
        return await self._decide(request, Decision.APPROVE)

    async def deny(self, request: web.Request) -> web.Response:
        return await self._decide(request, Decision.DENY)

    async def edit(self, request: web.Request) -> web.Response:
        """Change the arguments of what waits: 200 with the new version, which waits in its place."""
        principal = await self._principal(request, single_use=True)
        body = await read(request, EditRequest)
        arguments = canonical_text(body.arguments)
        try:
            approval = await self._app.edit(
                principal, request.match_info["id"], arguments, version=body.version
            )
        except BadRequest as error:
            raise BadRequest(str(error), "/arguments" + error.pointer) from None
        view = await self._app.workflow(principal.tenant, approval.workflow_id)
        return _answer(200, run_response(view, approval))

    async def _decide(self, request: web.Request, decision: Decision) -> web.Response:
        principal = await self._principal(request, single_use=True)
        body = await read(request, DecisionRequest) if request.body_exists else DecisionRequest()
        if body.tenant_id not in (None, principal.tenant):
            raise NotFound
        approval = await self._decided(principal, request.match_info["id"], decision, body)
        view = await self._app.wait(principal.tenant, approval.workflow_id, body.wait)
        return _answer(200, run_response(view, approval))

    async def _decided(
        self, principal: Principal, approval_id: str, decision: Decision, body: DecisionRequest
    ) -> ApprovalView:
        grant = GrantScope(body.grant) if body.grant else None
        if body.code and decision is Decision.APPROVE:
            return await self._app.step_ups.approve_with_code(
                principal, approval_id, body.code, version=body.version, reason=body.reason, grant=grant
            )
        try:
            return await self._app.decide(
                principal, approval_id, decision, version=body.version, reason=body.reason, grant=grant
            )
        except StepUpNeeded as needed:
            raise StepUpNeeded(f'{needed} Send it as "code".') from None

    async def _principal(self, request: web.Request, *, single_use: bool) -> Principal:
        """:raises IdentityError: no token, more than one, or not a valid one"""
        return await self._app.authenticate(Bearer(bearer_token(request), single_use))


def _answer(
    status: int, body: RunResponse | ApprovalsResponse, headers: dict[str, str] | None = None
) -> web.Response:
    text = body.model_dump_json(exclude_none=True)
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)
