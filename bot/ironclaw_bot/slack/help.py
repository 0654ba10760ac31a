"""How to talk to the bot, said the same way wherever somebody asks.  Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ironclaw.task import ToolOffer
from ironclaw_bot.slack.blocks import Block, Drawing, context, drawing, section
from ironclaw_bot.slack.text import code, escape, one_line

LINES = 4  #: Tools in one section: a section takes only so much.
TOOLS = 60  #: Tools in all: a message takes only so many sections.

#: What to write to the bot, by whether it reads commands or sentences.
_TYPED = (
    ("@ironclaw TOOL name=value", 'run a tool; a value with spaces stands in quotes: text="two words"'),
    ("@ironclaw help TOOL", "one tool: its arguments and an example"),
)
_SAID = (("@ironclaw", "and what you want, in your own words"),)
_COMMANDS = (
    ("run TASK", "the same as a mention"),
    ("status [ID]", "the latest tasks, or one of them"),
    ("cancel ID", "stop one: yours, or as an approver anybody's"),
    ("retry ID", "do one again that failed or was stopped; it asks anew"),
    ('schedule "0 7 * * 1-5" TASK', "run a task by itself, at 7:00 from Monday to Friday"),
    ("schedule pause|resume|remove ID", "change one: yours, or as an approver anybody's"),
    ("schedules", "what runs by itself, and when next"),
    ("remember TEXT", "keep a fact: of a channel for who asks there, of a direct message for you alone"),
    ("memory list|show ID|forget ID|why ID", "what is remembered; why a task knew something"),
    ("approvals", "what waits for a decision"),
    ("grants", "what runs without asking again; Home revokes it"),
    ("help", "this"),
)
_DIRECT = "In a direct message leave @ironclaw out."
_HARM = "What could do harm waits until an approver has read it and agreed."


def as_text(tools: Iterable[ToolOffer], command: str, *, commands: bool) -> str:
    """Everything as plain text.

    :param commands: whether the bot reads commands and not sentences
    """
    usages = [f"{usage} - {meaning}" for usage, meaning in _usages(command, commands)]
    listed = [f"{tool.name} - {tool.description}" for tool in _by_name(tools)]
    return "\n".join(["How to talk to me:", *usages, _DIRECT, "", "Tools:", *listed, "", _HARM])


def as_message(tools: Iterable[ToolOffer], command: str, *, commands: bool, first: str = "") -> Drawing:
    """The same, drawn.

    :param first: a sentence before it, escaped
    """
    usages = [f"{code(usage)} {escape(meaning)}" for usage, meaning in _usages(command, commands)]
    listed = [f"{code(tool.name)} {one_line(tool.description, 600)}" for tool in _by_name(tools)]
    blocks = [section(first)] if first else []
    blocks.append(section("\n".join(["*How to talk to me*", *usages, escape(_DIRECT)])))
    blocks += _sections("*Tools*", listed[:TOOLS])
    blocks.append(context(_HARM))
    return drawing(first or "How to talk to IronClaw", blocks)


def _usages(command: str, commands: bool) -> list[tuple[str, str]]:
    return [
        *(_TYPED if commands else _SAID),
        *((f"{command} {usage}", meaning) for usage, meaning in _COMMANDS),
    ]


def _by_name(tools: Iterable[ToolOffer]) -> list[ToolOffer]:
    return sorted(tools, key=lambda tool: tool.name)


def _sections(title: str, lines: list[str]) -> list[Block]:
    parts = [lines[start : start + LINES] for start in range(0, len(lines), LINES)]
    return [section(title), *(section("\n".join(part)) for part in parts)] if parts else []
