"""Web requests, sent by the host to the hosts that its operator allows."""

import json
from typing import Any

from ironclaw_guest import Effect, InvalidInput, Response, http, tool, will_send

MAX_TEXT_BYTES = 150_000
SHOWN_HEADERS = ("content-type", "last-modified", "etag", "retry-after", "location")


@tool("http.get")
def get(url: str, headers: dict[str, str] | None = None, head: bool = False) -> dict[str, Any]:
    return _shown(http("HEAD" if head else "GET", url, headers))


def will_be_posted(
    url: str, headers: dict[str, str] | None = None, text: str | None = None, body: Any = None
) -> list[Effect]:
    return [will_send("POST", url, *_posted(headers, text, body))]


@tool("http.post", preview=will_be_posted)
def post(
    url: str, headers: dict[str, str] | None = None, text: str | None = None, body: Any = None
) -> dict[str, Any]:
    return _shown(http("POST", url, *_posted(headers, text, body)))


def _posted(headers: dict[str, str] | None, text: str | None, body: Any) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a POST."""
    if text is not None and body is not None:
        raise InvalidInput("give text or body, not both")
    kind, content = _typed(text, body)
    named = {name.lower(): value for name, value in (headers or {}).items()}
    return {**kind, **named}, content.encode("utf-8", "replace")


def _typed(text: str | None, body: Any) -> tuple[dict[str, str], str]:
    """The header that fits the body, and the body."""
    if text is not None:
        return {"content-type": "text/plain; charset=utf-8"}, text
    return ({}, "") if body is None else ({"content-type": "application/json"}, json.dumps(body))


def _shown(response: Response) -> dict[str, Any]:
    headers = {name: response.headers[name] for name in SHOWN_HEADERS if name in response.headers}
    text = response.body[:MAX_TEXT_BYTES].decode(_charset(headers), "replace")
    size = len(response.body)
    cut = {"cut": f"the first {MAX_TEXT_BYTES} of {size} bytes"} if size > MAX_TEXT_BYTES else {}
    return {"status": response.status, "headers": headers, "text": text, **cut}


def _charset(headers: dict[str, str]) -> str:
    """UTF-8, or Latin-1 where the server says so; other charsets are not baked in."""
    kind = headers.get("content-type", "").lower()
    return "latin-1" if "charset=iso-8859-1" in kind or "charset=latin-1" in kind else "utf-8"
