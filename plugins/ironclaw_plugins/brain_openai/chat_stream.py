"""Chat Completions in events: deltas of a text and of calls, put together by their index."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from ironclaw.task import ProposedCall
from ironclaw_plugins.brain_openai import told
from ironclaw_plugins.brain_openai.chat import ENDS, Counted, written
from ironclaw_plugins.brain_openai.faults import Said, failed_midway
from ironclaw_plugins.brain_openai.sse import DONE
from ironclaw_plugins.brain_openai.wire import MAX_CALLS, Draft, End, Few, Reply, Used


class _Function(BaseModel):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class _Piece(BaseModel):
    index: int | None = None
    id: str | None = None
    function: _Function = _Function()


class _Delta(BaseModel):
    content: str | None = None
    refusal: str | None = None
    tool_calls: Few[_Piece] | None = None


class _Choice(BaseModel):
    delta: _Delta = _Delta()
    finish_reason: str | None = None


class _Chunk(BaseModel):
    choices: Few[_Choice] = []
    usage: Counted | None = None
    error: Any = None


@dataclass(slots=True)
class _Call:
    """A call while it grows."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def is_another(self, piece: _Piece) -> bool:
        """Whether a piece under the same index begins another call: some servers give every call index 0."""
        if not piece.function.name or not self.name:
            return False
        return piece.id != self.id if piece.id and self.id else bool(self.arguments)

    def add(self, piece: _Piece) -> None:
        self.id = self.id or piece.id or ""
        self.name = self.name or piece.function.name or ""
        if piece.function.arguments:
            self.arguments.append(written(piece.function.arguments))


class ChatAssembly:
    """One reply from its chunks."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._refusal: list[str] = []
        self._calls: list[_Call] = []
        self._at: dict[int, _Call] = {}  #: The latest call under each index.
        self._finish: str | None = None
        self._used = Used()

    def add(self, event: str) -> None:
        if event == DONE:
            self._finish = self._finish or "stop"
            return
        try:
            chunk = _Chunk.model_validate_json(event)
        except ValidationError:
            raise told.garbled() from None
        if chunk.error:
            raise failed_midway(Said.of(chunk.error))
        if chunk.usage:
            self._used = chunk.usage.used
        for choice in chunk.choices[:1]:
            self._grow(choice.delta)
            self._finish = choice.finish_reason or self._finish

    def _grow(self, delta: _Delta) -> None:
        if delta.content:
            self._draft.add(delta.content)
        if delta.refusal:
            self._refusal.append(delta.refusal)
        for piece in delta.tool_calls or ():
            self._call(piece).add(piece)

    def _call(self, piece: _Piece) -> _Call:
        """The call that a piece belongs to.

        :raises Broken: one too many
        """
        index = self._index(piece)
        if index not in self._at or self._at[index].is_another(piece):
            self._at[index] = _Call()
            self._calls.append(self._at[index])
        if len(self._calls) > MAX_CALLS:
            raise told.too_many()
        return self._at[index]

    def _index(self, piece: _Piece) -> int:
        """Where a server gives none, a name begins a call, and what has no name belongs to the last."""
        if piece.index is not None:
            return piece.index
        return len(self._calls) if piece.function.name else max(len(self._calls) - 1, 0)

    def reply(self) -> Reply:
        if self._finish is None:
            raise told.cut()
        return Reply(
            text=self._draft.text,
            refusal="".join(self._refusal),
            calls=tuple(ProposedCall(each.id, each.name, "".join(each.arguments)) for each in self._calls),
            end=ENDS.get(self._finish, End.STOP),
            used=self._used,
        )
