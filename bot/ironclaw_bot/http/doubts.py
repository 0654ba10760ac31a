"""The routes of doubts: calls of which nobody knows whether they ran."""

from __future__ import annotations

from typing import Literal

from aiohttp import web
from pydantic import Field

from ironclaw.app import Ironclaw
from ironclaw.errors import NotFound, StepUpNeeded
from ironclaw.task import Bearer, Principal, Said
from ironclaw_bot.http.bodies import DoubtBody, RunResponse, Strict, doubt_body, run_response
from ironclaw_bot.http.reading import bearer_token, read


class AnswerRequest(Strict):
    """Body of POST /doubts/{id}."""

    answer: Literal["ran", "not_run"]
    wait: float = Field(0, ge=0, le=120)  #: As of a decision.
    tenant_id: str | None = None  #: So too.
    action_sha256: str = Field("", max_length=64)  #: Of the call that the caller saw; another one: 409.
    code: str = Field("", max_length=10, repr=False)  #: So too.


class DoubtsResponse(Strict):
    """What people are asked, oldest first."""

    doubts: list[DoubtBody]


class DoubtRoutes:
    """What people are asked, and what they say."""

    def __init__(self, app: Ironclaw) -> None:
        self._app = app

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/doubts", self.list), web.post("/doubts/{id}", self.answer)]

    async def list(self, request: web.Request) -> web.Response:
        """What waits for the word of people of the token's tenant."""
        principal = await self._principal(request, single_use=False)
        doubts = await self._app.doubts.open_ones(principal.tenant)
        return _answer(DoubtsResponse(doubts=[doubt_body(each) for each in doubts]))

    async def answer(self, request: web.Request) -> web.Response:
        """Say whether a call ran: 200 with how its workflow stands then."""
        principal = await self._principal(request, single_use=True)
        body = await read(request, AnswerRequest)
        if body.tenant_id not in (None, principal.tenant):
            raise NotFound
        try:
            doubt = await self._app.doubts.testify(
                principal,
                request.match_info["id"],
                Said(body.answer),
                code=body.code,
                action_sha256=body.action_sha256,
            )
        except StepUpNeeded as needed:
            raise StepUpNeeded(f'{needed} Send it as "code".') from None
        view = await self._app.wait(principal.tenant, doubt.workflow_id, body.wait)
        settled = await self._app.doubts.view(principal.tenant, doubt.id)
        return _answer(run_response(view, doubted=settled))

    async def _principal(self, request: web.Request, *, single_use: bool) -> Principal:
        """:raises IdentityError: no token, more than one, or not a valid one"""
        return await self._app.authenticate(Bearer(bearer_token(request), single_use))


def _answer(body: DoubtsResponse | RunResponse) -> web.Response:
    return web.json_response(text=body.model_dump_json(exclude_none=True))
