"""The web page: plain files, served as they are."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

_FOLDER = Path(__file__).parent
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def page_routes() -> list[web.RouteDef]:
    return [web.get("/", _index), web.get("/page/{name}", _file)]


async def _index(request: web.Request) -> web.Response:
    return _served("index.html")


async def _file(request: web.Request) -> web.Response:
    return _served(request.match_info["name"])


def _served(name: str) -> web.Response:
    """Only the page's own files, by name; a name with a slash never gets here."""
    path = _FOLDER / name
    if path.suffix not in _TYPES or not path.is_file() or path.parent != _FOLDER:
        raise web.HTTPNotFound
    text = path.read_text(encoding="utf-8")
    return web.Response(text=text, content_type=_TYPES[path.suffix], headers={"Cache-Control": "no-cache"})
