"""The brain ``script`` plays moves from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.services import PlainServices

from ironclaw.errors import BrainError
from ironclaw.settings import Settings
from ironclaw.task import Conversation, Message, Move, ProposedCall, Role
from ironclaw_plugins.brain_script import Script

CALL = {"calls": [{"tool": "files.read", "arguments": {"path": "a"}}]}
MADE = ProposedCall("script-0-0", "files.read", '{"path": "a"}')
ASKED = Message(Role.USER, "read it")


async def play(folder: Path, script: Any, *messages: Message) -> Move:
    path = folder / "script.json"
    path.write_text(script if isinstance(script, str) else json.dumps(script))
    brain = Script(PlainServices(Settings(brain_script=path))).ironclaw_brains()["script"]
    return await brain.plan(Conversation("t1", "w1", "local:ann", messages or (ASKED,), ()))


async def refusal(folder: Path, script: Any, *messages: Message) -> str:
    with pytest.raises(BrainError) as caught:
        await play(folder, script, *messages)
    return str(caught.value)


async def test_plays_by_position(tmp_path: Path) -> None:
    """
    Each turn since the last task is one move further, wherever the process was restarted.
    """
    turn = (Message(Role.ASSISTANT, calls=(MADE,)), Message(Role.TOOL, "x", call_id=MADE.id))

    assert Move(calls=(MADE,)) == await play(tmp_path, [CALL, {"answer": "done"}], ASKED)
    assert Move(answer="done") == await play(tmp_path, [CALL, {"answer": "done"}], ASKED, *turn)


async def test_past_tasks_do_not_count(tmp_path: Path) -> None:
    """
    A new task in the same thread starts the script anew.
    """
    past = (Message(Role.USER, "before"), Message(Role.ASSISTANT, "yes"))

    assert Move(calls=(MADE,)) == await play(tmp_path, [CALL], *past, ASKED)


async def test_plays_by_task(tmp_path: Path) -> None:
    """
    The first play whose 'when' stands in the task is played.
    """
    script = [{"when": "write", "moves": [CALL]}, {"moves": [{"answer": "else", "tokens": 7}]}]

    assert Move(answer="else", tokens=7) == await play(tmp_path, script)


async def test_passes_broken_arguments_on(tmp_path: Path) -> None:
    """
    Arguments that are a string are what a model might have written, and reach the veto as they are.
    """
    (call,) = (await play(tmp_path, [{"calls": [{"tool": "x", "arguments": "{broken"}]}])).calls

    assert "{broken" == call.arguments


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("{", "script.json is not JSON"),
        ([{"answer": "a", **CALL}], "wrong at moves.0: Value error, a move is either"),
        ([{"anser": "a"}], "wrong at moves.0.anser"),
        ([{"when": "write", "moves": []}], "no play for this task: 'read it'"),
        ([], "has 0 moves for this task and 1 were asked for"),
        ({"answer": "a"}, "wrong at moves"),
    ],
)
async def test_mistakes_are_named(tmp_path: Path, script: Any, sentence: str) -> None:
    """
    A script that cannot be played says where it is wrong.
    """
    assert sentence in await refusal(tmp_path, script)


async def test_no_script() -> None:
    """
    Without a file the setting is named.
    """
    brain = Script(PlainServices(Settings()))

    with pytest.raises(BrainError, match="set IRONCLAW_BRAIN_SCRIPT"):
        await brain.plan(Conversation("t1", "w1", "local:ann", (ASKED,), ()))


async def test_missing_file(tmp_path: Path) -> None:
    """
    A file that is not there is named, without its folder.
    """
    brain = Script(PlainServices(Settings(brain_script=tmp_path / "gone.json")))

    with pytest.raises(BrainError, match=r"^The script gone\.json cannot be read"):
        await brain.plan(Conversation("t1", "w1", "local:ann", (ASKED,), ()))
