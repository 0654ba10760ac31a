"""What every request passes through, outermost first: see ``make_gateway``."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from ironclaw.errors import IronclawError, QueueFull, StoreError, TryLater
from ironclaw_bot.http.problems import Problem, problem_of, problem_of_http

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
#: Any token is a method to HTTP; a log takes only those that mean something.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

UNFORESEEN = "Something went wrong here. Tell the operator the request_id."
REQUEST_ID = web.RequestKey("request_id", str)

log = structlog.get_logger(__name__)


@web.middleware
async def name_request(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give each request an id of ours; one from outside could forge a line in somebody's log."""
    name = secrets.token_hex(12)
    # One connection's requests share a context: the last one's tenant must not stay.
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=name, tenant="")
    request[REQUEST_ID] = name
    response = await handler(request)
    response.headers["X-Request-Id"] = name
    return response


@web.middleware
async def log_access(request: web.Request, handler: Handler) -> web.StreamResponse:
    """One line per request; never a path, a query, a header or a body."""
    began = time.perf_counter()
    response = await handler(request)
    log.info(
        "request",
        method=request.method if request.method in METHODS else "other",
        route=_route(request),
        status=response.status,
        latency_ms=round((time.perf_counter() - began) * 1000, 2),
        tenant=structlog.contextvars.get_contextvars().get("tenant", ""),
    )
    return response


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource else "none"


@web.middleware
async def guard_response(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Headers that keep an answer out of caches and a browser from guessing what it is."""
    response = await handler(request)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Server"] = "ironclaw"
    return response


@web.middleware
async def explain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever was raised into a problem document; no traceback leaves the process."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except web.HTTPException as error:
        return problem_of_http(error).response()
    except (QueueFull, TryLater) as error:
        return (problem_of(error) or Problem(503, str(error))).response()
    except StoreError as error:
        told = problem_of(error) or Problem(503, str(error))
        log.error("request_failed", route=_route(request), status=told.status, error=str(error))
        return told.response()
    except IronclawError as error:
        return _noted(request, problem_of(error)).response()
    except Exception:  # noqa: BLE001 - the last one before the caller: whatever it is, it becomes a 500
        return _noted(request, None).response()


def _noted(request: web.Request, problem: Problem | None) -> Problem:
    """What the caller is told; when it is our fault, the log gets the traceback."""
    told = problem or Problem(500, UNFORESEEN, request_id=request[REQUEST_ID])
    if told.status >= 500:
        log.exception("request_failed", route=_route(request), status=told.status)
    return told
