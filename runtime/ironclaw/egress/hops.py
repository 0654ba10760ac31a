"""One request on its way, and what must be so before it leaves."""

from __future__ import annotations

from dataclasses import dataclass

from multidict import CIMultiDict

from ironclaw.binding import Injection
from ironclaw.capabilities import SAFE_METHODS, HttpRequest
from ironclaw.egress import credentials, headers
from ironclaw.egress.connecting import Hook
from ironclaw.egress.urls import Target, parse_url
from ironclaw.errors import EgressDenied

MAX_BODY = 2 << 20  #: Bytes of a request's body.
UNKNOWN_SECRET = "There is no secret of this name for this tool."  # noqa: S105 - a sentence


@dataclass(frozen=True, slots=True)
class Hop:
    """One request on its way."""

    method: str
    target: Target
    headers: CIMultiDict[str]
    body: bytes
    before: Hook | None  #: Awaited before the first byte.
    secret: Injection | None = None  #: Whose binding covers this hop.


def first_hop(request: HttpRequest, idempotency_key: str | None, secret: Injection | None) -> Hop:
    """The request, if its own words are right.

    :raises EgressDenied: they are not
    """
    if request.method not in credentials.METHODS:
        raise EgressDenied(f"The method must be one of {', '.join(sorted(credentials.METHODS))}.")
    if request.secret != (secret.name if secret else None):
        raise EgressDenied(UNKNOWN_SECRET)
    is_safe = request.method in SAFE_METHODS
    if len(request.body) > MAX_BODY or (is_safe and request.body):
        raise EgressDenied(f"The body is longer than {MAX_BODY} bytes, or {request.method} has none.")
    outgoing = headers.outgoing(request.headers)
    if idempotency_key:
        outgoing["Idempotency-Key"] = idempotency_key
    target = parse_url(request.url)
    if secret:
        credentials.check(secret, request.method, target, outgoing)
    return Hop(request.method, target, outgoing, request.body, None, secret)


def both(hop: Hop, before_secret: Hook | None, before_effect: Hook | None) -> Hook | None:
    """What must have happened before this hop's first byte."""
    of_secret = before_secret if hop.secret else None
    of_effect = None if hop.method in SAFE_METHODS else before_effect

    async def before() -> None:
        for hook in (of_secret, of_effect):
            if hook:
                await hook()

    return before if of_secret or of_effect else None
