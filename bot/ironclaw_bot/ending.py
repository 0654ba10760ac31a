"""How a command ends: what it says of a workflow, and the exit code."""

from __future__ import annotations

import argparse

from ironclaw.showing import in_terminal
from ironclaw.task import Json
from ironclaw_bot.commanding import DONE, FAILED, WAITING
from ironclaw_bot.doubt_commands import next_step as doubt_step
from ironclaw_bot.question_commands import next_step as question_step
from ironclaw_bot.waiting import asked, next_step

#: The exit code of a task that rests, by its state.
STATES = {"done": DONE, "failed": FAILED, "cancelled": FAILED, "paused": WAITING}


def told(result: Json, chosen: argparse.Namespace, seen: str = "") -> int:
    """Print how a workflow stands, and what to do next.

    :param seen: what the terminal shows already of its text
    :return: the exit code
    """
    approval = result["approval"]
    if seen and result["state"] != "done":
        print("\n")
        seen = ""
    if result["state"] == "paused" and approval:
        print(f"Waiting for approval of {asked(approval)}")
        print(in_terminal(next_step(result, chosen)))
    elif result["state"] == "paused" and result.get("doubt"):
        print(in_terminal(doubt_step(result["doubt"], chosen)))
    elif result["state"] == "paused" and result.get("question"):
        print(*map(in_terminal, question_step(result["question"], chosen)), sep="\n")
    else:
        still = f"Still {result['state']}: workflow {result['workflow_id']}"
        print(in_terminal(unseen(result["outcome"] or still, seen)))
    return STATES.get(result["state"], DONE)


def unseen(text: str, seen: str) -> str:
    """What is still to be printed of a text, where a terminal shows how it began, or another one."""
    return text[len(seen) :] if text.startswith(seen) else f"\n\n{text}"
