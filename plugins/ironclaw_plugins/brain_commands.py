"""The brain ``commands``: no model, no key.  A command runs as typed; anything else is answered with help."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence

from ironclaw.hookspecs import Services, hookimpl
from ironclaw.task import (
    CONTEXT_MARKER,
    Brain,
    Conversation,
    Json,
    Message,
    Move,
    ProposedCall,
    Role,
    ToolOffer,
)
from ironclaw_plugins.command_help import Catalogue
from ironclaw_plugins.command_syntax import SyntaxProblem, argument, words

_TOOL = re.compile(r"[A-Za-z][A-Za-z0-9_]*\.[A-Za-z0-9_.]+")
#: A whole command marked as code, which is how chats show commands.
_CODE = re.compile(r"(`+)([^`]*)\1")
WIDTH = 80  #: A result's JSON up to so many characters stays on one line.


class Commands:
    """The plugin, and the brain."""

    def __init__(self, services: Services) -> None:
        pass

    @hookimpl
    def ironclaw_brains(self) -> Mapping[str, Brain]:
        return {"commands": self}

    async def plan(self, conversation: Conversation) -> Move:
        """The one call that was typed, then its result as the answer."""
        asked, after = _last_task(conversation.messages)
        if after:
            results = [shown(message.text) for message in after if message.role is Role.TOOL]
            return Move(answer="\n\n".join(results) or "Nothing came of it.")
        # What an HTTP caller gave along with the task is no part of the command.
        return read(asked.split(CONTEXT_MARKER)[0], conversation.tools)


def _last_task(messages: Sequence[Message]) -> tuple[str, Sequence[Message]]:
    """The last task's text and what came after it."""
    last = max((index for index, each in enumerate(messages) if each.role is Role.USER), default=None)
    return ("", ()) if last is None else (messages[last].text, messages[last + 1 :])


def read(text: str, tools: Sequence[ToolOffer]) -> Move:
    """A command as its call, anything else as an answer that helps."""
    catalogue = Catalogue(tools)
    text = _uncoded(text.strip())
    name, rest = [*text.split(maxsplit=1), "", ""][:2]
    if name.lower() in ("", "help", "?"):
        return Move(answer=catalogue.help(rest.strip()))
    if not _TOOL.fullmatch(name):
        return Move(answer=catalogue.propose(text))
    tool = catalogue.get(name)
    return command(tool, rest, catalogue) if tool else Move(answer=catalogue.unknown(name))


def _uncoded(text: str) -> str:
    whole = _CODE.fullmatch(text)
    return whole[2].strip() if whole else text


def command(tool: ToolOffer, text: str, catalogue: Catalogue) -> Move:
    """The call with exactly the arguments that were typed, or an answer that says what is wrong with them."""
    try:
        arguments = _arguments(tool, text)
    except SyntaxProblem as problem:
        return Move(answer=f"{problem} Nothing was run.\nExample: {catalogue.example(tool)}")
    return Move(calls=(ProposedCall("command", tool.name, json.dumps(arguments, ensure_ascii=False)),))


def _arguments(tool: ToolOffer, text: str) -> dict[str, Json]:
    known: Mapping[str, Json] = tool.schema.get("properties", {})
    arguments: dict[str, Json] = {}
    for key, word in words(text):
        if key not in known and tool.schema.get("additionalProperties") is False:
            raise SyntaxProblem(f"{tool.name} has no argument {key!r}.{_near(key, known)}")
        if key in arguments:
            raise SyntaxProblem(f"{key} is given twice.")
        arguments[key] = argument(word, known.get(key, {}))
    missing = [key for key in tool.schema.get("required", ()) if key not in arguments]
    if missing:
        raise SyntaxProblem(f"{tool.name} also needs {', '.join(missing)}.")
    return arguments


def _near(key: str, known: Mapping[str, Json]) -> str:
    near = difflib.get_close_matches(key, list(known), n=1)
    return f" Did you mean {near[0]}?" if near else f" It has: {', '.join(known) or 'none'}."


def shown(result: str) -> str:
    """A tool's result for a person to read: text as it is, anything else as JSON that fits the eye."""
    try:
        found = json.loads(result)
    except ValueError:
        return result
    if not isinstance(found, dict):
        return _pretty(found)
    error = found.get("error")
    if found.keys() == {"error"} and isinstance(error, dict):
        return f"{TROUBLE.get(error.get('kind', ''), 'The tool failed')}: {error.get('message', '')}"
    return _pretty(found["output"] if found.keys() == {"output"} else found)


#: What to say first, by the kind of an observation; other kinds are failures of a tool that ran.
TROUBLE = {
    "unknown_tool": "Not run",
    "bad_arguments": "Not run, the arguments do not fit",
    "denied": "Denied",
    "expired": "Expired",
    "cancelled": "Cancelled",
    "superseded": "Not run",
    "in_doubt": "In doubt",
    "invalid_input": "The tool refused its arguments",
    "unavailable": "The tool could not reach what it needs",
    "timeout": "The tool took too long and was stopped",
}


def _pretty(value: Json) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and _is_flat(value):
        return "\n".join(f"{key}: {_inline(item)}" for key, item in value.items())
    line = json.dumps(value, ensure_ascii=False)
    return line if len(line) <= WIDTH else json.dumps(value, ensure_ascii=False, indent=2)


def _is_flat(value: dict[str, Json]) -> bool:
    return bool(value) and not any(isinstance(item, (dict, list)) for item in value.values())


def _inline(item: Json) -> str:
    """A value after its key: text of several lines gets lines of its own."""
    if isinstance(item, str):
        return f"\n{item}" if "\n" in item else item
    return json.dumps(item, ensure_ascii=False)
