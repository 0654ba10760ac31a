"""Keeps other web sites away: they can make a browser call loopback, so every request shows who it is for.

A page of another site that resolves its own name to loopback sends its own name as `Host`; a form or a
script of another site sends its own `Origin`. Both are refused. A program sends neither a foreign Host
nor an Origin, and is let in: whoever runs programs here needs no playground to do harm.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _CSP,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def is_loopback(host: str) -> bool:
    """`localhost`, or a loopback address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _hostname(authority: str) -> str:
    try:
        return urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return ""


def _is_ours(request: web.Request) -> bool:
    """Addressed to loopback, and, when a browser says where it comes from, sent by our own page."""
    if not is_loopback(_hostname(request.headers.get("Host", ""))):
        return False
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{request.headers['Host']}":
        return False
    # Following a link to the page from elsewhere is fine: it shows nothing to where it came from.
    if request.method == "GET" and request.path == "/":
        return True
    return request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    if not _is_ours(request):
        return web.Response(
            status=403, text="The playground answers only to its own page.\n", headers=HEADERS
        )
    response = await handler(request)
    if not response.prepared:
        response.headers.update(HEADERS)
    return response
