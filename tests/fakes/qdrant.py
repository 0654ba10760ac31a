"""A Qdrant server on loopback for one test: its REST in front of qdrant-client's own engine, in memory.

It checks what is sent: the key, and the tenant in every question, every part of one, every statistic, every
delete.  The engine behind it is not the server's, which has tests of its own.
"""

from __future__ import annotations

import json
from typing import Any, Self

from aiohttp import web
from qdrant_client import AsyncQdrantClient, models

KEY = "qdrant-key"


class FakeQdrant:
    """
    :ivar complaints: what was wrong with requests, one sentence each
    :ivar indexes: payload indexes that were asked for, by field
    :ivar made: bodies of the collections that were made
    :ivar status: answered to everything instead of the truth, where it is not 0
    """

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.indexes: dict[str, Any] = {}
        self.made: list[dict[str, Any]] = []
        self.bodies: list[str] = []
        self.status = 0
        self.url = ""
        self.engine = AsyncQdrantClient(":memory:")
        self._runner = web.AppRunner(self._app())

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()
        await self.engine.close()

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._checked])
        one = "/collections/{name}"
        app.router.add_get("/collections", self._list)
        app.router.add_put(one, self._make)
        app.router.add_get(one + "/exists", self._exists)
        app.router.add_put(one + "/index", self._index)
        app.router.add_put(one + "/points", self._upsert)
        app.router.add_post(one + "/points/query", self._query)
        app.router.add_post(one + "/points/count", self._count)
        app.router.add_post(one + "/points/delete", self._delete)
        return app

    @web.middleware
    async def _checked(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.bodies.append(await request.text())
        if self.status:
            where = {"Location": self.url + "/elsewhere"} if self.status in (301, 307) else {}
            return web.json_response({"status": {"error": "as told"}}, status=self.status, headers=where)
        if request.headers.get("api-key") != KEY:
            return web.json_response({"status": {"error": "Invalid API key"}}, status=403)
        name = request.match_info.get("name")
        is_asked = request.path.rpartition("/")[2] in ("query", "count", "delete", "points")
        if name and is_asked and not await self.engine.collection_exists(name):
            return web.json_response({"status": {"error": f"`{name}` doesn't exist!"}}, status=404)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _list(self, request: web.Request) -> web.Response:
        return _answer((await self.engine.get_collections()).model_dump(mode="json"))

    async def _make(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if await self.engine.collection_exists(name):
            return web.json_response({"status": {"error": "already exists"}}, status=409)
        self.made.append(await request.json())
        asked = models.CreateCollection.model_validate(await request.json())
        await self.engine.create_collection(
            name, vectors_config=asked.vectors or {}, sparse_vectors_config=asked.sparse_vectors
        )
        return _answer(True)

    async def _exists(self, request: web.Request) -> web.Response:
        return _answer({"exists": await self.engine.collection_exists(request.match_info["name"])})

    async def _index(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.indexes[body["field_name"]] = body["field_schema"]
        return _answer(_DONE)

    async def _upsert(self, request: web.Request) -> web.Response:
        asked = models.PointsList.model_validate(await request.json())
        if {"row", "tenant"} != set().union(*(point.payload or {} for point in asked.points)):
            self.complaints.append("a point carries something else than its row and its tenant")
        if request.query.get("wait") != "true":
            self.complaints.append("an upsert that nobody waits for")
        name = request.match_info["name"]
        await self.engine.upsert(name, list(asked.points), update_mode=asked.update_mode)
        return _answer(_DONE)

    async def _query(self, request: web.Request) -> web.Response:
        body = await request.json()
        asked = models.QueryRequest.model_validate(body)
        parts: list[Any] = [asked, *_parts(asked.prefetch)]
        self._want_tenant("query", *(part.filter for part in parts))
        for part in parts:
            if part.using == "lexical":
                idf = part.params and part.params.idf
                self._want_tenant(
                    "statistic", idf.corpus if isinstance(idf, models.IdfCorpusParams) else None
                )
        found = await self.engine.query_points(
            request.match_info["name"],
            query=asked.query,
            using=asked.using,
            prefetch=asked.prefetch,
            query_filter=asked.filter,
            search_params=asked.params,
            limit=asked.limit or 10,
            with_payload=asked.with_payload or False,
        )
        return _answer(found.model_dump(mode="json"))

    async def _count(self, request: web.Request) -> web.Response:
        asked = models.CountRequest.model_validate(await request.json())
        self._want_tenant("count", asked.filter)
        found = await self.engine.count(request.match_info["name"], asked.filter, exact=True)
        return _answer(found.model_dump(mode="json"))

    async def _delete(self, request: web.Request) -> web.Response:
        asked = models.FilterSelector.model_validate(await request.json())
        self._want_tenant("delete", asked.filter)
        if request.query.get("wait") != "true":
            self.complaints.append("a delete that nobody waits for")
        await self.engine.delete(request.match_info["name"], asked)
        return _answer(_DONE)

    def _want_tenant(self, what: str, *filters: models.Filter | None) -> None:
        for each in filters:
            if not _tenants(each):
                self.complaints.append(f"a {what} without a tenant")


_DONE = {"operation_id": 1, "status": "completed"}


def _answer(result: Any) -> web.Response:
    return web.json_response({"result": result, "status": "ok", "time": 0.0})


def _parts(prefetch: models.Prefetch | list[models.Prefetch] | None) -> list[models.Prefetch]:
    return prefetch if isinstance(prefetch, list) else [prefetch] if prefetch else []


def _tenants(filter_: models.Filter | None) -> list[str]:
    said = json.loads(filter_.model_dump_json())["must"] or [] if filter_ else []
    return [each["match"]["value"] for each in said if each.get("key") == "tenant" and each["match"]["value"]]
