"""How strictly a request is read."""

from __future__ import annotations

import asyncio
import re
from typing import Any, TypeVar

from aiohttp import web
from aiohttp.http import HttpProcessingError
from pydantic import BaseModel, ValidationError

from ironclaw.canonical import parse
from ironclaw.errors import BadRequest, IdentityError
from ironclaw.task import Json
from ironclaw_bot.http.problems import Problem

READ_SECONDS = 20
KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)

Body = TypeVar("Body", bound=BaseModel)


def bearer_token(request: web.Request) -> str:
    """From the one header, in its one spelling: no query, no cookie, no lower-case scheme.

    :raises IdentityError: there is none, or more than one
    """
    found = request.headers.getall("Authorization", [])
    if len(found) != 1 or not found[0].startswith("Bearer "):
        raise IdentityError("Send one header 'Authorization: Bearer <token>'.")
    return found[0].removeprefix("Bearer ")


def idempotency_key(request: web.Request) -> str | None:
    """What the caller calls this request, so that it may come twice.

    :raises Problem: it cannot be read
    """
    found = request.headers.getall("Idempotency-Key", [])
    if not found:
        return None
    if len(found) > 1 or not KEY.fullmatch(found[0]):
        raise Problem(400, "Idempotency-Key must come once and be 1 to 255 visible ASCII characters.")
    return found[0]


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
