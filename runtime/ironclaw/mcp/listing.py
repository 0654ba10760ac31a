"""What a server says of its tools, as it is pinned, kept and compared."""

from __future__ import annotations

import difflib
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
FIELDS = ("name", "description", "schema", "annotations")


@dataclass(frozen=True, slots=True)
class Listing:
    """A server's tools, in the order of their names, and who it says that it is."""

    about: str  #: The server's own name and version.
    tools: tuple[Mapping[str, Json], ...]  #: Each with FIELDS, as the server gave them.

    @classmethod
    def of(cls, about: str, tools: Iterable[Mapping[str, Json]], hide: Callable[[str], str]) -> Listing:
        """
        :param hide: takes secrets out of a text
        :raises BadRequest: too many tools, too much text, or text that has no canonical form
        """
        found = sorted(tools, key=lambda each: str(each["name"]))
        text = hide(canonical_text(found))
        if len(found) > MAX_TOOLS or len(text.encode()) > MAX_BYTES:
            raise BadRequest(f"it lists more than {MAX_TOOLS} tools or {MAX_BYTES >> 20} MiB of them")
        return cls(hide(about), cls.read(text))

    @staticmethod
    def read(text: str) -> tuple[Mapping[str, Json], ...]:
        """The tools in the text of a kept listing."""
        try:
            return tuple(json.loads(text))
        except (ValueError, RecursionError):
            raise BadRequest("what it lists is no JSON any more without the secrets in it") from None

    @property
    def text(self) -> str:
        """Canonical JSON."""
        return canonical_text(list(self.tools))

    @property
    def manifest(self) -> str:
        """SHA-256 over every tool's name, description, schema and annotations."""
        return digest(list(self.tools))

    def component(self, config: str) -> str:
        """SHA-256 over how the server is configured and who it says that it is."""
        return digest([config, self.about])


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
    for line in difflib.ndiff(_text(was) if was else [], _text(now)):
        if not line.startswith("?"):
            yield f"    {line}"


def _text(tool: Mapping[str, Any]) -> list[str]:
    """A description line by line, a schema key by key, in which what is not ASCII is written out."""
    description = str(tool["description"]).splitlines() or [""]
    rest = {field: tool[field] for field in FIELDS[2:]}
    shown = json.dumps(rest, indent=2, sort_keys=True, ensure_ascii=True).splitlines()
    return [f"description: {in_line(line)}" for line in description] + shown
