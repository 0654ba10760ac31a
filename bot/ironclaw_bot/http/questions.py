"""The routes of questions: what the brain asks of whoever gave it a task."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from ironclaw.app import Ironclaw
from ironclaw.errors import NotFound
from ironclaw.task import Bearer, Principal
from ironclaw_bot.http.bodies import QuestionBody, RunResponse, Strict, question_body, run_response
from ironclaw_bot.http.reading import bearer_token, read


class QuestionAnswer(Strict):
    """Body of POST /questions/{id}."""

    answer: str = Field(max_length=16_000)  #: One of the choices, or any other words.
    wait: float = Field(0, ge=0, le=120)  #: Seconds that the workflow's next stop is waited for.
    tenant_id: str | None = None  #: What a token says counts; another tenant has no such question.


class QuestionsResponse(Strict):
    """What whoever the token names is asked, oldest first."""

    questions: list[QuestionBody]


class QuestionRoutes:
    """What people are asked, and what they answer.  An answer allows nothing."""

    def __init__(self, app: Ironclaw) -> None:
        self._app = app

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/questions", self.list), web.post("/questions/{id}", self.answer)]

    async def list(self, request: web.Request) -> web.Response:
        """What waits for the answer of whoever the token names."""
        principal = await self._principal(request, single_use=False)
        found = await self._app.questions.open_for(principal)
        return _answer(QuestionsResponse(questions=[question_body(each) for each in found]))

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one: 200 with how its workflow stands then."""
        principal = await self._principal(request, single_use=True)
        body = await read(request, QuestionAnswer)
        if body.tenant_id not in (None, principal.tenant):
            raise NotFound
        done = await self._app.questions.answer(principal, request.match_info["id"], body.answer)
        view = await self._app.wait(principal.tenant, done.workflow_id, body.wait)
        return _answer(run_response(view, answered=done))

    async def _principal(self, request: web.Request, *, single_use: bool) -> Principal:
        """:raises IdentityError: no token, more than one, or not a valid one"""
        return await self._app.authenticate(Bearer(bearer_token(request), single_use))


def _answer(body: QuestionsResponse | RunResponse) -> web.Response:
    return web.json_response(text=body.model_dump_json(exclude_none=True))
