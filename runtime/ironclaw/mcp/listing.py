"""What a server says of its tools, as it is pinned, kept and compared."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ironclaw.canonical import canonical_text, digest
from ironclaw.errors import BadRequest
from ironclaw.mcp.texts import plain
from ironclaw.settings import McpServer
from ironclaw.showing import in_line
from ironclaw.task import Json

MAX_TOOLS = 200
MAX_BYTES = 1 << 20  #: Of a whole listing.
TOO_MUCH = f"it lists more than {MAX_TOOLS} tools or {MAX_BYTES >> 20} MiB of them"
FIELDS = ("name", "description", "schema", "annotations")


@dataclass(frozen=True)
class Listing:
    """A server's tools, in the order of their names, and who it says that it is."""

    about: str  #: The server's own name and version.
    tools: tuple[Mapping[str, Json], ...]  #: Each with FIELDS, as the server gave them.

    @classmethod
    def of(cls, about: str, tools: Iterable[Mapping[str, Json]], hide: Callable[[str], str]) -> Listing:
        """It may take a part of a second, and needs no event loop.

        :param hide: takes secrets out of a text
        :raises BadRequest: too many tools or too much text
        """
        found = sorted(tools, key=lambda each: str(each["name"]))
        if len(found) > MAX_TOOLS:
            raise BadRequest(TOO_MUCH)
        return cls(hide(about), cls.read(hide(f"[{','.join(_texts(found))}]")))

    @staticmethod
    def read(text: str) -> tuple[Mapping[str, Json], ...]:
        """The tools in the text of a kept listing."""
        try:
            return tuple(json.loads(text))
        except (ValueError, RecursionError):
            raise BadRequest("what it lists is no JSON any more without the secrets in it") from None

    @functools.cached_property
    def text(self) -> str:
        """Canonical JSON."""
        return canonical_text(list(self.tools))

    @functools.cached_property
    def manifest(self) -> str:
        """SHA-256 over every tool's name, description, schema and annotations."""
        return digest(list(self.tools))

    def component(self, config: str) -> str:
        """SHA-256 over how the server is configured and who it says that it is."""
        return digest([config, self.about])


def _texts(tools: Iterable[Mapping[str, Json]]) -> Iterator[str]:
    """Canonical JSON of each.

    :raises BadRequest: it is too much
    """
    room = MAX_BYTES
    for tool in tools:
        try:
            text = canonical_text(tool)
        except BadRequest:
            # What has no canonical form cannot be pinned: without a schema it is left out, alone.
            text = canonical_text({**dict.fromkeys(FIELDS, ""), "name": plain(str(tool["name"]))})
        room -= len(text.encode())
        if room < 0:
            raise BadRequest(TOO_MUCH)
        yield text


def config_digest(name: str, server: McpServer) -> str:
    """SHA-256 over what makes a server this one and no other; of its environment the names."""
    return digest(
        {
            "name": name,
            "command": server.command or "",
            "args": list(server.args),
            "env": sorted(server.env),
            "env_secrets": dict(server.env_secrets),
            "read": list(server.read),
            "write": list(server.write),
            "network": server.network,
            "url": server.url,
            "secret": server.secret or "",
        }
    )


def differences(was: Listing | None, now: Listing) -> Iterator[str]:
    """What changed, line by line, for who approves it: every word, and nothing that steers a terminal."""
    if was and was.about != now.about:
        yield f"the server was {plain(was.about)} and is {plain(now.about)}"
    before = {str(tool["name"]): tool for tool in was.tools} if was else {}
    after = {str(tool["name"]): tool for tool in now.tools}
    for name in sorted(before.keys() - after.keys()):
        yield f"- tool {plain(name)}"
    for name in sorted(after):
        if before.get(name) != after[name]:
            yield f"{'~' if name in before else '+'} tool {plain(name)}"
            yield from _lines(before.get(name), after[name])


def _lines(was: Mapping[str, Any] | None, now: Mapping[str, Any]) -> Iterator[str]:
    yield from _hunk(_description(was) if was else [], _description(now))
    yield from _hunk(_rest(was) if was else [], _rest(now))


def _hunk(was: list[str], now: list[str]) -> Iterator[str]:
    """All lines, those of before and of now from the first that differs to the last.

    Nothing finer: to find what moved within takes a time that is cubic in lines that somebody chose.
    """
    first = _common(was, now)
    last = _common(was[first:][::-1], now[first:][::-1])
    yield from (f"      {line}" for line in now[:first])
    yield from (f"    - {line}" for line in was[first : len(was) - last])
    yield from (f"    + {line}" for line in now[first : len(now) - last])
    yield from (f"      {line}" for line in now[len(now) - last :])


def _common(one: list[str], other: list[str]) -> int:
    """How many lines they begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (mine, its) in pairs if mine != its), min(len(one), len(other)))


def _description(tool: Mapping[str, Any]) -> list[str]:
    return [f"description: {in_line(line)}" for line in str(tool["description"]).splitlines() or [""]]


def _rest(tool: Mapping[str, Any]) -> list[str]:
    """A schema key by key, in which what is not ASCII is written out."""
    rest = {field: tool[field] for field in FIELDS[2:]}
    return json.dumps(rest, indent=2, sort_keys=True, ensure_ascii=True).splitlines()
