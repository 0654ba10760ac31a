"""The brain ``script``: plays moves from a JSON file, for tests, demos and benchmarks.

The file is a list of moves, or of plays with moves for certain tasks; the first play that fits is played::

    [{"calls": [{"tool": "files.read", "arguments": {"path": "a.md"}}]}, {"answer": "Done."}]

    [{"when": "read", "moves": [...]}, {"moves": [...]}]

    [{"question": {"text": "Which one?", "choices": ["a", "b"]}}, {"answer": "Done."}]

``when`` is a piece of the task's text.  ``arguments`` that are a string are passed on as they are, broken
or not.  Which move comes next is how many turns the brain has had since the task, so a restart goes on
where it stood.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ironclaw.errors import BrainError
from ironclaw.hookspecs import Services, hookimpl
from ironclaw.task import Brain, Conversation, Message, Move, ProposedCall, Question, Role

UNSET = "The brain is 'script' and there is no script: set IRONCLAW_BRAIN_SCRIPT to a JSON file of moves."


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ScriptedCall(_Strict):
    """One call; ``id`` only where a test cares."""

    tool: str
    arguments: dict[str, Any] | str = {}
    id: str = ""


class ScriptedQuestion(_Strict):
    """What the person who asked is asked."""

    text: str
    choices: tuple[str, ...] = ()


class ScriptedMove(_Strict):
    """Calls, a question or an answer: one of them."""

    calls: Annotated[tuple[ScriptedCall, ...], Field(min_length=1)] | None = None
    answer: str | None = None
    question: ScriptedQuestion | None = None
    tokens: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _one_of_them(self) -> ScriptedMove:
        if [self.calls, self.answer, self.question].count(None) != 2:
            raise ValueError('a move is either {"calls": [...]}, {"question": {...}} or {"answer": "..."}')
        return self


class Play(_Strict):
    """Moves for the tasks whose text holds ``when``."""

    when: str = ""
    moves: tuple[ScriptedMove, ...]


class Script:
    """The plugin, and the brain."""

    def __init__(self, services: Services) -> None:
        self._path = services.settings.brain_script

    @hookimpl
    def ironclaw_brains(self) -> Mapping[str, Brain]:
        return {"script": self}

    async def plan(self, conversation: Conversation) -> Move:
        """The next move of the play for this task.

        :raises BrainError: no script, a broken one, no play for this task, or no move left
        """
        task, turns = _position(conversation.messages)
        play = next((play for play in self._plays if play.when in task), None)
        if play is None:
            raise BrainError(f"The script has no play for this task: {task[:80]!r}. Add one without 'when'.")
        if turns >= len(play.moves):
            raise BrainError(
                f"The script has {len(play.moves)} moves for this task and {turns + 1} were asked for."
            )
        return _move(play.moves[turns], turns)

    @cached_property
    def _plays(self) -> tuple[Play, ...]:
        if self._path is None:
            raise BrainError(UNSET)
        return load(self._path)


def load(path: Path) -> tuple[Play, ...]:
    """The plays of a file.

    :raises BrainError: it cannot be read, or is no list of moves or plays; says where
    """
    try:
        found = json.loads(path.read_text("utf-8"))
        plays = found if isinstance(found, list) and _has_moves(found) else [{"moves": found}]
        return tuple(Play.model_validate(play) for play in plays)
    except OSError as error:
        raise BrainError(f"The script {path.name} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        raise BrainError(f"The script {path.name} is wrong at {_where(error)}.") from None
    except ValueError as error:
        raise BrainError(f"The script {path.name} is not JSON: {error}.") from None


def _has_moves(found: list[Any]) -> bool:
    return any(isinstance(each, dict) and "moves" in each for each in found)


def _where(error: ValidationError) -> str:
    problem = error.errors()[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"


def _position(messages: Sequence[Message]) -> tuple[str, int]:
    """The task's text, and how many turns the brain has had since."""
    last = max((index for index, each in enumerate(messages) if each.role is Role.USER), default=-1)
    if last < 0:
        return "", 0
    return messages[last].text, sum(each.role is Role.ASSISTANT for each in messages[last:])


def _move(move: ScriptedMove, turn: int) -> Move:
    calls = tuple(
        ProposedCall(call.id or f"script-{turn}-{index}", call.tool, _raw(call.arguments))
        for index, call in enumerate(move.calls or ())
    )
    asked = move.question
    question = Question(f"script-{turn}", asked.text, asked.choices) if asked else None
    return Move(calls=calls, answer=move.answer, tokens=move.tokens, question=question)


def _raw(arguments: dict[str, Any] | str) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
