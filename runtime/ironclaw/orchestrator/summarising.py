"""A summary's words: what is summed up, what counts of the answer, and what stands in for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files

from ironclaw.orchestrator.compacting import Turn, turns
from ironclaw.task import Json, Message, Role

SECTIONS = (
    "Active task",
    "Goal",
    "Constraints",
    "Completed",
    "Blocked",
    "Decisions",
    "Pending asks",
)
MOST = 16_000  #: Characters of a summary.
LINE = 300  #: Characters of one thing in a digest.
LINES = 15  #: Of each section of one, the newest.
BEFORE = "Before that:\n"
NAMES = {Role.USER: "person", Role.ASSISTANT: "planner", Role.TOOL: "result"}


def request() -> str:
    """What a model is asked for: the prompt of the file beside this one."""
    return files(__package__).joinpath("prompts/summary.md").read_text("utf-8").strip()


def transcript(messages: Sequence[Message], before: str, most: int) -> str:
    """What is to be summed up, as lines.

    :param before: the summary so far, "" for none
    :param most: characters; longer messages give up their middle
    """
    lines = [f"[summary so far]\n{before}"] if before else []
    lines += [_told(message) for message in messages]
    each = max(LINE, most // max(1, len(lines)))
    whole = lines if sum(map(len, lines)) <= most else [shortened(line, each) for line in lines]
    return "\n".join(whole)[-most:]


def _told(message: Message) -> str:
    calls = "".join(f"\n  calls {call.tool} {call.arguments}" for call in message.calls)
    return f"[{NAMES[message.role]}] {message.text}{calls}"


def structured(answer: str) -> str:
    """The sections of a model's summary, in their order; "" where it has none of them."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in answer.splitlines():
        name = line.strip().lstrip("#").strip(" :*").casefold()
        heading = next((each for each in SECTIONS if each.casefold() == name), None)
        if heading and line.strip()[:1] in ("#", "*"):
            current = found.setdefault(heading, [])
        elif line.strip():
            current.append(line.rstrip())
    named = {name: lines for name, lines in found.items() if lines}
    return "\n".join(_section(name, named[name]) for name in SECTIONS if name in named)[:MOST]


def digest(messages: Sequence[Message], task: str, before: str) -> str:
    """A summary without a model: which tools were called and how each of them ended.

    :param before: the summary so far, "" for none
    """
    ends = [each for turn in turns(messages) for each in _ends(turn)]
    sections = {
        "Active task": [f"- {shortened(task, LINE)}"],
        "Completed": [line for line, is_error in ends if not is_error],
        "Blocked": [line for line, is_error in ends if is_error],
    }
    newer = "\n".join(_section(name, lines[-LINES:]) for name, lines in sections.items() if lines)[:MOST]
    room = MOST - len(newer) - len(BEFORE)
    return f"{BEFORE}{shortened(before, room)}\n{newer}" if before and room > LINE else newer


def _ends(turn: Turn) -> Iterator[tuple[str, bool]]:
    """Each call of a turn and how it ended, in a line, with whether that was an error."""
    results = {message.call_id: message.text for message in turn if message.role is Role.TOOL}
    for call in (call for message in turn for call in message.calls):
        outcome = results.get(call.id, "")
        line = f"- {call.tool} {shortened(call.arguments, LINE // 2)}: {shortened(outcome, LINE)}"
        yield line, _is_error(outcome)


def _section(name: str, lines: Sequence[str]) -> str:
    return "\n".join([f"## {name}", *lines])


def _is_error(outcome: str) -> bool:
    try:
        found: Json = json.loads(outcome or "null")
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and "error" in found


def shortened(text: str, most: int) -> str:
    """The beginning and the end of a text, in one line where it is short."""
    if len(text) <= most:
        return text
    head, tail = most * 2 // 3, most // 3
    return f"{text[:head]} […{len(text) - head - tail:,} characters…] {text[len(text) - tail :]}"
