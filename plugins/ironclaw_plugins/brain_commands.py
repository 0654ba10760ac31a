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
from ironclaw_plugins.command_answers import OUTSIDE, error_of, shown, trouble
from ironclaw_plugins.command_help import Catalogue
from ironclaw_plugins.command_syntax import BLOCK, SyntaxProblem, argument, kinds, types, words

_TOOL = re.compile(r"[A-Za-z][A-Za-z0-9_]*\.[A-Za-z0-9_.]+")
#: A whole command marked as code, which is how chats show commands.
_CODE = re.compile(r"(`+)([^`]*)\1")
#: Between a tool's name and the rest: white space, or the block of code that follows at once.
_AFTER_NAME = re.compile(r"\s+|(?<=\w)(?=```)")
#: The arguments that a schema's complaints point at.
_POINTED = re.compile(r"(?:^|; )/([^/:;]+)")


class Commands:
    """The plugin, and the brain."""

    wants_whole_results = True  #: They are the answer, which people read.

    def __init__(self, services: Services) -> None:
        pass

    @hookimpl
    def ironclaw_brains(self) -> Mapping[str, Brain]:
        return {"commands": self}

    async def plan(self, conversation: Conversation) -> Move:
        """The one call that was typed, then its result as the answer."""
        asked, after = _last_task(conversation.messages)
        if after:
            return _again(after) or _outcome(_last_turn(after), conversation)
        # What an HTTP caller gave along with the task is no part of the command.
        return read(asked.split(CONTEXT_MARKER)[0], conversation.tools, conversation.door)


def _last_task(messages: Sequence[Message]) -> tuple[str, Sequence[Message]]:
    """The last task's text and what came after it."""
    last = max((index for index, each in enumerate(messages) if each.role is Role.USER), default=None)
    return ("", ()) if last is None else (messages[last].text, messages[last + 1 :])


def _again(after: Sequence[Message]) -> Move | None:
    """The same call, once more, where it was not as whoever approved it had seen: they see it anew."""
    proposed = [message for message in after if message.role is Role.ASSISTANT]
    said = error_of(after[-1].text) or {}
    is_first = len(proposed) == 1 and said.get("kind") == OUTSIDE
    return Move(calls=proposed[0].calls) if is_first else None


def _last_turn(after: Sequence[Message]) -> Sequence[Message]:
    """The last proposal with what came of it."""
    last = max((index for index, each in enumerate(after) if each.role is Role.ASSISTANT), default=0)
    return after[last:]


def _outcome(after: Sequence[Message], conversation: Conversation) -> Move:
    """What came of the call: an answer, or a failure where it gave no result."""
    tools = {call.id: call.tool for message in after for call in message.calls}
    results = [message for message in after if message.role is Role.TOOL]
    texts = []
    for message in results:
        error = error_of(message.text)
        if error is None:
            texts.append(shown(message.text, conversation.door))
        else:
            tool = tools.get(message.call_id, "the tool")
            said = trouble(error, tool, conversation.requester)
            texts.append(said + _examples(error, tool, Catalogue(conversation.tools, conversation.door)))
    failed = any(error_of(message.text) for message in results)
    return Move(answer="\n\n".join(texts) or "Nothing came of it.", failed=failed)


def _examples(error: Mapping[str, str], name: str, catalogue: Catalogue) -> str:
    """How the lists and objects are typed that did not fit."""
    tool = catalogue.get(name)
    if tool is None or error.get("kind") != "bad_arguments":
        return ""
    properties: Mapping[str, Json] = tool.schema.get("properties", {})
    named = dict.fromkeys(_POINTED.findall(error.get("message", "")))
    shapes = [
        catalogue.typed_argument(key, properties[key]) for key in named if _is_shaped(properties.get(key))
    ]
    return f"\nExample: {tool.name} … {' '.join(shapes)}" if shapes else ""


def _is_shaped(schema: Mapping[str, Json] | None) -> bool:
    """Whether an argument is a list or an object and nothing else."""
    return schema is not None and bool(types(schema)) and types(schema) <= {"array", "object"}


def read(text: str, tools: Sequence[ToolOffer], door: str = "") -> Move:
    """A command as its call, anything else as an answer that helps."""
    catalogue = Catalogue(tools, door)
    text = _uncoded(text.strip())
    name, rest = [*_AFTER_NAME.split(text, maxsplit=1), "", ""][:2]
    if name.lower() in ("", "help", "?"):
        return Move(answer=catalogue.help(rest.strip()))
    if not _TOOL.fullmatch(name):
        return Move(answer=catalogue.propose(text))
    tool = catalogue.get(name)
    return command(tool, rest, catalogue) if tool else Move(answer=catalogue.unknown(name), failed=True)


def _uncoded(text: str) -> str:
    whole = _CODE.fullmatch(text)
    return whole[2].strip() if whole else text


def command(tool: ToolOffer, text: str, catalogue: Catalogue) -> Move:
    """The call with exactly the arguments that were typed, or an answer that says what is wrong with them."""
    try:
        arguments = _arguments(tool, _named(tool, text), catalogue)
    except SyntaxProblem as problem:
        answer = f"{problem} Nothing was run.\nExample: {catalogue.example(tool)}"
        return Move(answer=answer, failed=True)
    return Move(calls=(ProposedCall("command", tool.name, json.dumps(arguments, ensure_ascii=False)),))


def _named(tool: ToolOffer, text: str) -> str:
    """A block of code right after the name is the one argument that must be there."""
    required = tool.schema.get("required", ())
    is_block = text.lstrip().startswith(BLOCK) and len(required) == 1
    return f"{required[0]}={text.lstrip()}" if is_block else text


def _arguments(tool: ToolOffer, text: str, catalogue: Catalogue) -> dict[str, Json]:
    known: Mapping[str, Json] = tool.schema.get("properties", {})
    arguments: dict[str, Json] = {}
    for key, word in words(text):
        if key not in known and tool.schema.get("additionalProperties") is False:
            raise SyntaxProblem(f"{tool.name} has no argument {key!r}.{_near(key, known)}")
        if key in arguments:
            raise SyntaxProblem(f"{key} is given twice.")
        arguments[key] = argument(word, known.get(key, {}))
        _check_shape(key, arguments[key], known.get(key, {}), catalogue)
    missing = [key for key in tool.schema.get("required", ()) if key not in arguments]
    if missing:
        raise SyntaxProblem(f"{tool.name} also needs {', '.join(missing)}.")
    return arguments


def _check_shape(key: str, value: Json, schema: Mapping[str, Json], catalogue: Catalogue) -> None:
    """
    :raises SyntaxProblem: a list or an object is wanted, and something else was typed
    """
    if _is_shaped(schema) and not kinds(value) & types(schema):
        wanted = " or ".join(
            {"array": "a list", "object": "an object"}[each] for each in sorted(types(schema))
        )
        raise SyntaxProblem(f"{key} is {wanted}: {catalogue.typed_argument(key, schema)}")


def _near(key: str, known: Mapping[str, Json]) -> str:
    near = difflib.get_close_matches(key, list(known), n=1)
    return f" Did you mean {near[0]}?" if near else f" It has: {', '.join(known) or 'none'}."
