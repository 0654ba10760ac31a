"""The brain that always obeys: it says its script, whatever it is told meanwhile."""

from __future__ import annotations

from ironclaw.task import Conversation, Move, ProposedCall, Role
from tests.injection.script import Said, as_json

Turns = tuple[tuple[Said, ...], ...]


class Obedient:
    """Plays the script whose number stands before the task's words; a no only makes it go on."""

    def __init__(self) -> None:
        self._scripts: list[Turns] = []

    def learn(self, script: Turns, prompt: str) -> str:
        """:return: the task's words by which it will know the script"""
        self._scripts.append(script)
        return f"[{len(self._scripts) - 1}] {prompt}"

    async def plan(self, conversation: Conversation) -> Move:
        asked = next(each for each in conversation.messages if each.role is Role.USER and not each.source)
        script = self._scripts[int(asked.text[1 : asked.text.index("]")])]
        turn = sum(each.role is Role.ASSISTANT for each in conversation.messages)
        if turn >= len(script):
            return Move(answer="It is done.")
        return Move(calls=tuple(_call(each) for each in script[turn]), tokens=1)


def _call(said: Said) -> ProposedCall:
    return ProposedCall(said.id, said.line.tool, as_json(said.line.args))
