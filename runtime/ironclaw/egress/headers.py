"""Which headers pass, out and in.  Everything else is the host's or nobody's."""

from __future__ import annotations

import re
from collections.abc import Iterable

from multidict import CIMultiDict

from ironclaw.errors import EgressDenied

MAX_VALUE = 4096  #: Characters.

REQUEST = frozenset(
    {
        "accept",
        "accept-language",
        "content-language",
        "content-type",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-unmodified-since",
        "prefer",
        "range",
        "x-request-id",
    }
)
RESPONSE = re.compile(
    r"accept-ranges|age|allow|cache-control|content-(disposition|language|range|type)|date|etag|expires"
    r"|last-modified|link|location|preference-applied|retry-after|vary|x-request-id|(x-)?ratelimit-[a-z-]{1,40}",
    re.ASCII,
)
_VALUE = re.compile(r"[\x20-\x7e]*", re.ASCII)


def outgoing(headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    """The tool's headers, as they may be sent.

    :raises EgressDenied: a name that is not the tool's to set, one twice, or a value that is no plain ASCII
    """
    found: CIMultiDict[str] = CIMultiDict()
    for name, value in headers:
        if name.lower() not in REQUEST:
            raise EgressDenied(f"A tool cannot set this header; it can set: {', '.join(sorted(REQUEST))}.")
        if name in found or len(value) > MAX_VALUE or not _VALUE.fullmatch(value):
            raise EgressDenied(
                f"The header {name.lower()} stands there twice, is too long or is not plain ASCII."
            )
        found[name] = value
    return found


def incoming(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The server's headers that the tool may see: no cookies, no challenges, nothing of the connection."""
    lowered = ((name.lower(), value) for name, value in headers)
    return tuple((name, _printable(value)) for name, value in lowered if RESPONSE.fullmatch(name))


def _printable(value: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in value[:MAX_VALUE])
