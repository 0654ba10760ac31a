"""The routes of memories: one's own, and an approver's tenant's."""

from __future__ import annotations

import json
from typing import Literal

from aiohttp import web
from pydantic import Field

from ironclaw.app import Ironclaw
from ironclaw.errors import IndexUnavailable, NotFound, StoreError
from ironclaw.memory import KINDS, Visibility
from ironclaw.task import Bearer, Json, Principal
from ironclaw_bot.http.bodies import Strict
from ironclaw_bot.http.problems import Problem
from ironclaw_bot.http.reading import bearer_token, read
from ironclaw_bot.memories import LEFT, forgotten_sentence, kept_sentence, shown

NONE = "There is no such memory."


class MemoryRequest(Strict):
    """Body of POST /memories."""

    text: str = Field(min_length=1, max_length=1000)
    visibility: Literal["everybody", "author"] = "author"
    kind: str = Field(KINDS[0], max_length=32)
    days: float = Field(0, ge=0, le=3650)  #: 0 for ever.
    tenant_id: str | None = None


class MemoryRoutes:
    """Identity comes from the bearer token alone, as everywhere."""

    def __init__(self, app: Ironclaw) -> None:
        self._app = app

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/memories", self.add),
            web.get("/memories", self.list),
            web.get("/memories/{id}", self.show),
            web.delete("/memories/{id}", self.forget),
        ]

    async def add(self, request: web.Request) -> web.Response:
        """Remember something: 201, or 200 where it was known."""
        principal = await self._principal(request, single_use=True)
        body = await read(request, MemoryRequest)
        if body.tenant_id not in (None, principal.tenant):
            raise Problem(403, "The token is not for this tenant.", pointer="/tenant_id")
        kept = await self._app.memories.remember(
            principal, body.text, Visibility(body.visibility), kind=body.kind, days=body.days, said_at="http"
        )
        answer = {"id": kept.memory.id, "sentence": kept_sentence(kept)}
        return _answer(201 if kept.is_new else 200, answer)

    async def list(self, request: web.Request) -> web.Response:
        """One's own; for an approver, the tenant's."""
        principal = await self._principal(request, single_use=False)
        found = await self._app.memories.list(principal)
        search = self._app.memories.indexing.kind
        return _answer(200, {"search": search, "memories": [shown(each) for each in found]})

    async def show(self, request: web.Request) -> web.Response:
        principal = await self._principal(request, single_use=False)
        try:
            return _answer(200, shown(await self._app.memories.show(principal, request.match_info["id"])))
        except NotFound:
            raise Problem(404, NONE) from None

    async def forget(self, request: web.Request) -> web.Response:
        """Forget one for good: 200 with the receipt, 202 where the index follows later."""
        principal = await self._principal(request, single_use=True)
        try:
            receipt = await self._app.memories.forget(principal, [request.match_info["id"]])
        except NotFound:
            raise Problem(404, NONE) from None
        except (IndexUnavailable, StoreError) as late:
            return _answer(202, {"sentence": LEFT.format(why=late)})
        return _answer(200, {"receipt": receipt.id, "sentence": forgotten_sentence(receipt)})

    async def _principal(self, request: web.Request, *, single_use: bool) -> Principal:
        """:raises IdentityError: no token, more than one, or not a valid one"""
        return await self._app.authenticate(Bearer(bearer_token(request), single_use))


def _answer(status: int, body: Json) -> web.Response:
    return web.Response(status=status, text=json.dumps(body), content_type="application/json")
