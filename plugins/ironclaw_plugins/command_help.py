"""What there is to type: the tools with examples, and those that a sentence seems to want."""

from __future__ import annotations

import difflib
import json
import re
import shlex
from collections.abc import Mapping, Sequence

from ironclaw.task import Json, ToolOffer
from ironclaw_plugins.command_syntax import types

PROPOSED = 3  #: Tools named for one sentence, at most.
STOP_WORDS = frozenset(
    word
    for line in (
        "a an and are at by can do for from how i in into is it",
        "me my of on or please that the there to what with you your",
    )
    for word in line.split()
)
#: What people say for what tools call otherwise.
SAID_FOR = {
    "calculate": "run",
    "compute": "run",
    "count": "query",
    "create": "write",
    "directory": "folder list",
    "download": "get",
    "fetch": "get",
    "find": "grep",
    "open": "read",
    "remove": "delete",
    "save": "write",
    "search": "grep",
    "see": "read list",
    "send": "post",
    "show": "read list",
}
NO_SENTENCES = "I run commands and do not understand sentences."


#: How a door's people ask for all tools, and for one.
ASKING = {
    "slack": ("@ironclaw help shows all.", "@ironclaw help {}"),
    "cli": ("`ironclaw tool list` shows all.", "ironclaw run help {}"),
}
ASKING_ANYWHERE = ("The task help shows all.", "help {}")


class Catalogue:
    """The tools that were offered.

    :param door: through which the answer goes: "slack", "cli" or another
    """

    def __init__(self, tools: Sequence[ToolOffer], door: str = "") -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._is_shell = door == "cli"
        self._all, self._one = ASKING.get(door, ASKING_ANYWHERE)

    def get(self, name: str) -> ToolOffer | None:
        """The tool of exactly this name."""
        return self._tools.get(name)

    def help(self, name: str) -> str:
        """One tool in full, or every tool in a line."""
        if name:
            tool = self.get(name)
            return self._about(tool) if tool else self.unknown(name)
        if not self._tools:
            return "There is no tool here that you may use."
        lines = [f"{tool.name}: {_first_sentence(tool.description)}" for tool in self._tools.values()]
        first = next(iter(self._tools.values()))
        return "\n".join(
            [
                "Type a tool with its arguments. What needs an approval asks for one.",
                *lines,
                f"Example: {self.example(first)}",
                f"More about one: {self._one.format(first.name)}",
            ]
        )

    def unknown(self, name: str) -> str:
        """For a name that no tool has."""
        near = difflib.get_close_matches(name.lower(), list(self._tools), n=PROPOSED, cutoff=0.5)
        hint = f" Near names: {', '.join(near)}." if near else ""
        return f"There is no tool {name!r}. Nothing was run.{hint} {self._all}"

    def propose(self, text: str) -> str:
        """For a sentence: the tools that it may mean.  None of them is run."""
        found = self._matching(text)
        if not found:
            return f"{NO_SENTENCES} No tool here fits this one. {self._all}"
        lines = [f"{self.example(tool)}\n    {_first_sentence(tool.description)}" for tool in found]
        return "\n".join([f"{NO_SENTENCES} Nothing was run. You may mean:", *lines])

    def example(self, tool: ToolOffer) -> str:
        """A line that fits the tool's schema, with the arguments that must be there."""
        properties: Mapping[str, Json] = tool.schema.get("properties", {})
        required = tool.schema.get("required", ())
        return " ".join([tool.name, *(self.typed_argument(key, properties.get(key, {})) for key in required)])

    def typed_argument(self, key: str, schema: Mapping[str, Json]) -> str:
        """``key=value`` with a value that fits, as the door's people type it."""
        value = _sample(key, schema)
        # A shell takes the quotes out of a list, and may take its brackets for names of files.
        is_bracketed = value.startswith(("[", "{"))
        return f"{key}={shlex.quote(value) if self._is_shell and is_bracketed else value}"

    def _about(self, tool: ToolOffer) -> str:
        required = set(tool.schema.get("required", ()))
        properties: Mapping[str, Json] = tool.schema.get("properties", {})
        lines = [self._line(key, each, key in required) for key, each in properties.items()]
        return "\n".join([f"{tool.name}: {tool.description}", *lines, f"Example: {self.example(tool)}"])

    def _line(self, key: str, schema: Mapping[str, Json], is_required: bool) -> str:
        """``path (string): The file.``, and how a list or an object is typed."""
        optional = "" if is_required else ", optional"
        described = f": {schema['description']}" if schema.get("description") else ""
        typed_so = f"\n      such as {self.typed_argument(key, schema)}" if schema.get("examples") else ""
        return f"  {key} ({_type(schema)}{optional}){described}{typed_so}"

    def _matching(self, text: str) -> list[ToolOffer]:
        wanted = _words(text)
        wanted |= {word for said in wanted for word in SAID_FOR.get(said, "").split()}
        scores = {tool.name: _score(wanted, tool) for tool in self._tools.values()}
        best = sorted((name for name in scores if scores[name]), key=lambda name: (-scores[name], name))
        return [self._tools[name] for name in best[:PROPOSED]]


def _score(wanted: set[str], tool: ToolOffer) -> int:
    """How well a tool fits: its name says most."""
    named = _words(tool.name.replace(".", " ").replace("_", " "))
    return 3 * len(wanted & named) + len(wanted & _words(tool.description))


def _words(text: str) -> set[str]:
    """Its words in small letters, plurals as singulars."""
    found = {word for word in re.findall(r"[a-z]+", text.lower()) if word not in STOP_WORDS}
    return {word[:-1] if len(word) > 3 and word.endswith("s") else word for word in found}


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s", text.strip(), maxsplit=1)[0]


def _type(schema: Mapping[str, Json]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(typed(value) for value in schema["enum"])
    return " or ".join(sorted(types(schema))) or "any"


#: What an example says, by the argument's name, then by its type.
SAMPLES = {"path": "notes/today.md", "url": "https://example.com/", "code": '"print(6 * 7)"'}
_SUCH_AS = re.compile(
    r"\bsuch as ([A-Za-z0-9_./:@%?=+-]*[A-Za-z0-9/])"
)  #: How a description gives an example.
SAMPLE_TYPES = {
    "integer": "1",
    "number": "1",
    "boolean": "true",
}


def _sample(key: str, schema: Mapping[str, Json]) -> str:
    """Something to type that fits; what the schema itself names comes first."""
    for value in (*schema.get("examples", ()), *schema.get("enum", ())):
        return typed(value)
    wanted = types(schema)
    if not wanted or "string" in wanted:
        described = _SUCH_AS.search(schema.get("description", ""))
        return described[1] if described else SAMPLES.get(key, '"hello"')
    if found := next((sample for kind, sample in SAMPLE_TYPES.items() if kind in wanted), ""):
        return found
    return json.dumps(_inner(schema), ensure_ascii=False)


def _inner(schema: Mapping[str, Json]) -> Json:
    """A value that fits within a list or an object, or is one."""
    for value in (*schema.get("examples", ()), *schema.get("enum", ())):
        return value
    wanted = types(schema)
    if "array" in wanted:
        return [_inner(schema.get("items", {}))] * max(1, schema.get("minItems", 1))
    if "object" in wanted:
        properties: Mapping[str, Json] = schema.get("properties", {})
        return {key: _inner(properties.get(key, {})) for key in schema.get("required", ())} or {"...": "..."}
    if not wanted or "string" in wanted:
        return "..."
    return next((json.loads(sample) for kind, sample in SAMPLE_TYPES.items() if kind in wanted), None)


def typed(value: Json) -> str:
    """A value as one would type it."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_./:@%+-]+", value):
        return value
    return json.dumps(value, ensure_ascii=False)
