"""How strictly a body is read."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from aiohttp import web
from aiohttp.http import HttpProcessingError
from pydantic import BaseModel, ValidationError

from ironclaw.canonical import parse
from ironclaw.errors import BadRequest
from ironclaw.task import Json
from ironclaw_bot.http.problems import Problem

READ_SECONDS = 20

Body = TypeVar("Body", bound=BaseModel)


async def read(request: web.Request, form: type[Body]) -> Body:
    """The body as the form says.

    :raises Problem: 400 not JSON or cut off, 408 too slow, 415 another content type
    :raises web.HTTPRequestEntityTooLarge: more than the application's client_max_size
    :raises BadRequest: JSON of another form; points to the first wrong field
    """
    value = _json(await _bytes(request))
    try:
        return form.model_validate(value)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise BadRequest(_sentence(problem), pointer_of(problem["loc"])) from None


def _json(raw: bytes) -> Json:
    try:
        return parse(raw)
    except BadRequest as error:
        raise Problem(400, str(error)) from None


async def _bytes(request: web.Request) -> bytes:
    if request.content_type != "application/json" or (request.charset or "utf-8").lower() != "utf-8":
        raise Problem(415, "Send application/json in UTF-8.")
    if "Content-Encoding" in request.headers:
        raise Problem(415, "Send the body without Content-Encoding.")
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await request.read()
    except TimeoutError:
        raise Problem(408, "The body took too long to come.") from None
    except (ConnectionError, HttpProcessingError, web.RequestPayloadError):
        raise Problem(400, "The body ended before its end.") from None


def pointer_of(place: tuple[int | str, ...]) -> str:
    """The RFC 6901 pointer of pydantic's loc."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in place)


def _sentence(problem: Any) -> str:
    if problem["type"] == "extra_forbidden":
        return "There is no such field."
    return f"{problem['msg'].removeprefix('Value error, ')}."
