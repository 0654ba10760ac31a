"""What the gateway says when it says no: RFC 9457 problem+json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from ironclaw.errors import (
    BadRequest,
    Conflict,
    Expired,
    IdentityError,
    IronclawError,
    NotFound,
    QueueFull,
    Refused,
    StoreError,
    TryLater,
)
from ironclaw_bot.http.bodies import moment

CONTENT_TYPE = "application/problem+json"
MAX_BODY_BYTES = 256 * 1024
TOO_LARGE = f"The body is over {MAX_BODY_BYTES // 1024} KB."


class Problem(Exception):
    """A request that ends with a status of 400 or more.

    :ivar pointer: RFC 6901 pointer to the wrong field of the body; None when it is not about one
    :ivar more: extension members of the document
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        pointer: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.pointer = pointer
        self.headers = dict(headers or {})
        self.more = more

    def response(self) -> web.Response:
        """The document: type, title, status, detail, and pointer where there is one."""
        document = {"type": "about:blank", "title": HTTPStatus(self.status).phrase, "status": self.status}
        document |= {"detail": self.detail, **self.more}
        if self.pointer is not None:
            document["pointer"] = self.pointer
        text = json.dumps(document, ensure_ascii=False)
        return web.Response(status=self.status, text=text, content_type=CONTENT_TYPE, headers=self.headers)


def problem_of(error: IronclawError) -> Problem | None:
    """What an error of the engine means to a caller.

    :return: None for an error that is not the caller's business: a 500
    """
    match error:
        case IdentityError():
            challenge = {"WWW-Authenticate": 'Bearer realm="ironclaw", error="invalid_token"'}
            return Problem(401, str(error), headers=challenge)
        case BadRequest():
            return Problem(422, str(error), pointer=error.pointer)
        case NotFound():
            # One sentence for all: another tenant's id must look like no id at all.
            return Problem(404, "There is no such workflow, approval, doubt or question.")
        case Conflict():
            known: dict[str, Any] = {"by": error.by, "at": moment(error.at) if error.at else ""}
            return Problem(409, str(error), **{name: value for name, value in known.items() if value})
        case Expired():
            return Problem(410, str(error))
        case QueueFull():
            status = 503 if error.is_everybodys else 429
            return Problem(status, str(error), headers=_retry_after(error.seconds))
        case Refused():
            return Problem(403, str(error))
        case TryLater():
            return _later(error.seconds)
        case StoreError():
            return _later(5)
    return None


def _later(seconds: float) -> Problem:
    headers = _retry_after(seconds)
    return Problem(503, "The gateway cannot do this now. Try again later.", headers=headers)


def _retry_after(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, round(seconds)))}


def problem_of_http(error: web.HTTPException) -> Problem:
    """What aiohttp itself refuses: no such route, no such method, too large."""
    kept = {name: value for name, value in error.headers.items() if name == "Allow"}
    return Problem(error.status, _DETAILS.get(error.status, error.reason), headers=kept)


_DETAILS = {
    404: "There is no such route.",
    405: "This route does not take this method; see Allow.",
    413: TOO_LARGE,
}
