"""What a client is told of a call: plain text, and the same as data where it is an object.

What a tool gave is untrusted and may say anything: what the host says of a call stands in ``_meta`` too,
where no tool writes.
"""

from __future__ import annotations

import json

from mcp_types import CallToolResult, TextContent

from ironclaw.canonical import parse
from ironclaw.errors import BadRequest, IronclawError, SandboxError, SettingsError, StoreError
from ironclaw.task import Json

MOST = 200_000  #: Characters of a text.
MAX_DEPTH = 32  #: Of data; deeper results are text alone.
FAULT = "Something went wrong here, and not with your request. IronClaw's log says more."
HIDDEN = (StoreError, SettingsError, SandboxError)  #: They name files of the host's.
ASK_LATER = "Ask ironclaw_result with workflow {workflow} later. Do not ask for the same again."
APPROVAL = "Waiting for approval (id {approval}). Nothing has run. A person decides. " + ASK_LATER
DOUBT = "A crash hid whether this ran. A person must say (id {doubt}). " + ASK_LATER
AT_WORK = "It is at work, or waits for its turn. " + ASK_LATER


def result(found: Json) -> CallToolResult:
    """How a call stands.

    :param found: as the local door tells it
    """
    if not found["is_final"]:
        return waiting(found)
    if found["state"] != "done":
        return _said(found["outcome"], {"state": found["state"], **_of(found)}, found, is_error=True)
    return _output(found)


def waiting(found: Json) -> CallToolResult:
    """That it has not ended, and what it waits for."""
    ids = {key: found[key] for key in ("approval", "doubt") if found[key]}
    state = {"state": "waiting" if ids else found["state"], **_of(found), **ids}
    return _said(stands(found), state, found)


def stands(found: Json) -> str:
    """The sentence about a call that has not ended."""
    words = DOUBT if found["doubt"] else APPROVAL if found["approval"] else AT_WORK
    return words.format_map(found)


def refusal(error: BaseException) -> CallToolResult:
    """That nothing was asked for, and why."""
    return CallToolResult(content=[_text(sentence(error))], is_error=True)


def sentence(error: BaseException) -> str:
    """What a client may know of it."""
    is_told = isinstance(error, IronclawError) and not isinstance(error, HIDDEN)
    return str(error) if is_told else FAULT


def _output(found: Json) -> CallToolResult:
    try:
        told = json.loads(found["outcome"])
        output = told["output"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return _said(found["outcome"], None, found)  # It was too long, or a guard took a secret out of it.
    text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
    made = _said(text, _data(output), found)
    if "arguments" in told:
        changed = json.dumps(told["arguments"], ensure_ascii=False)
        made.content.append(_text(f"A person changed the arguments before this ran: {changed}"))
    return made


def _data(output: Json) -> Json:
    """An object that reads the same everywhere; None for anything else."""
    if not isinstance(output, dict):
        return None
    try:
        return parse(json.dumps(output), MAX_DEPTH)
    except (BadRequest, RecursionError):
        return None


def _of(found: Json) -> dict[str, str]:
    return {"workflow": found["workflow"]}


def _said(text: str, data: Json, found: Json, *, is_error: bool = False) -> CallToolResult:
    meta = {"ironclaw/workflow": found["workflow"], "ironclaw/state": found["state"]}
    return CallToolResult(
        content=[_text(text)],
        structured_content=data if len(text) <= MOST else None,
        is_error=is_error,
        _meta=meta,
    )


def _text(text: str) -> TextContent:
    return TextContent(text=text if len(text) <= MOST else f"{text[: MOST - 1]}…")
