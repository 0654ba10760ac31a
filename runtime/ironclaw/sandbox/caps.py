"""How much may pass between a tool and its host in one call.  Held on both sides of the pipe."""

from __future__ import annotations

import re

from ironclaw.capabilities import HttpRequest, Limits

MIB = 1 << 20

MAX_FRAME = 16 * MIB  #: Bytes of one message on the pipe.
MAX_INPUT = MIB  #: Bytes of a call's input.
MAX_OUTPUT = 2 * MIB  #: Bytes of a result, whatever the manifest says.
MAX_MEMORY_MB = 512  #: Linear memory of one call, whatever the manifest says.
MAX_FILE = 64 * MIB  #: Bytes of one file of a tenant's folder.
MAX_RANDOM = 65_536  #: Bytes of one host.random.
MAX_LOG_LINES = 100  #: Per call; later lines are dropped.
MAX_LOG_CHARS = 2_000  #: Per line; the rest is cut.
MAX_MESSAGE_CHARS = 2_000  #: Of a failure's text.
MAX_HTTP_CALLS = 100  #: Per call.
MAX_URL = 8_192  #: Characters.
MAX_HEADERS = 64
MAX_HEADER_CHARS = 16_384  #: Names and values together.
MAX_BODY = 2 * MIB  #: Bytes of a request's or a response's body.

_METHOD = re.compile(r"[A-Z]{1,16}\Z")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def request_fault(request: HttpRequest) -> str | None:
    """What is wrong with the shape of a request, in one sentence; None where nothing is."""
    if not _METHOD.match(request.method):
        return "the method is not a word of capital letters"
    if len(request.url) > MAX_URL or _CONTROL.search(request.url):
        return f"the address is longer than {MAX_URL} characters or holds a control character"
    if len(request.body) > MAX_BODY:
        return f"the body is longer than {MAX_BODY} bytes"
    if request.secret is not None and len(request.secret) > 128:
        return "the secret's name is longer than 128 characters"
    return _headers_fault(request.headers)


def _headers_fault(headers: tuple[tuple[str, str], ...]) -> str | None:
    if len(headers) > MAX_HEADERS or sum(len(n) + len(v) for n, v in headers) > MAX_HEADER_CHARS:
        return f"there are more than {MAX_HEADERS} headers or {MAX_HEADER_CHARS} characters in them"
    if any(not _HEADER_NAME.match(name) or _CONTROL.search(value) for name, value in headers):
        return "a header has a wrong name or a control character in its value"
    return None


def output_cap(limits: Limits) -> int:
    """How many bytes a result may have."""
    return min(limits.output_bytes, MAX_OUTPUT)


def memory_cap(limits: Limits) -> int:
    """How many bytes of linear memory a call may have."""
    return min(limits.memory_mb, MAX_MEMORY_MB) * MIB


def clip(text: str, most: int = MAX_MESSAGE_CHARS) -> str:
    """The text, cut to ``most`` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"
