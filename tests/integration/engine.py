"""A whole engine for tests: real store, policy, sandbox; a brain that plays what the test says."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ironclaw.app import Ironclaw, open_app
from ironclaw.hookspecs import Services, hookimpl
from ironclaw.settings import Settings, TenantSettings
from ironclaw.task import Address, Brain, Conversation, Move, Principal, ProposedCall, Role, Task

BO = "slack:T1:U_BO"
SHARED = Path(__file__).parents[2] / ".ironclaw" / "tests"
ADA = "slack:T1:U_ADA"
PLUGINS = ("auth_slack", "leak_guard", "policy_cedar", "veto_rules")


class Moves:
    """Plays its moves one after the other, then says what the tools said."""

    def __init__(self, *moves: Move) -> None:
        self.moves = moves
        self.seen: list[Conversation] = []

    async def plan(self, conversation: Conversation) -> Move:
        self.seen.append(conversation)
        turn = sum(1 for message in _current(conversation) if message.role is Role.ASSISTANT)
        if turn < len(self.moves):
            return self.moves[turn]
        said = [message.text for message in _current(conversation) if message.role is Role.TOOL]
        return Move(answer="\n".join(said))


def _current(conversation: Conversation) -> Sequence[Any]:
    asked = [i for i, message in enumerate(conversation.messages) if message.role is Role.USER]
    return conversation.messages[asked[-1] :]


def wants(tool: str, call_id: str = "c1", **args: object) -> ProposedCall:
    return ProposedCall(call_id, tool, json.dumps(args))


def moves(*calls: ProposedCall) -> Move:
    return Move(calls=calls, tokens=10)


def ask(text: str = "do it", requester: str = ADA, tenant: str = "T1", **more: Any) -> Task:
    return Task(tenant, requester, text, Address("test", {"channel": "C1"}), **more)


def approver(principal_id: str = BO, tenant: str = "T1") -> Principal:
    return Principal(tenant, principal_id, frozenset({"approver"}))


class BrainPlugin:
    """Offers a test's brain as "test"."""

    def __init__(self, brain: Brain) -> None:
        self._brain = brain

    @hookimpl
    def ironclaw_brains(self) -> Mapping[str, Brain]:
        return {"test": self._brain}


def shared_code() -> dict[str, Path]:
    """A key and a cache of compiled tools that all tests of this machine share: compiling takes 10 s."""
    return {"key_file": SHARED / "key", "cache_dir": SHARED / "cache"}


def settings(folder: Path, **changes: Any) -> Settings:
    tenants = {
        "T1": TenantSettings(slack=("T1",), approvers=(BO, "slack:T1:U_CY")),
        "T2": TenantSettings(slack=("T2",)),
    }
    values = {"data_dir": folder / "data", "plugins": PLUGINS, "brain": "test", **shared_code()}
    values["checkpoints"] = folder / "checkpoints.jsonl"
    return Settings.model_validate({**values, "tenants": tenants, "workers": 1, **changes})


@contextlib.asynccontextmanager
async def engine(
    folder: Path,
    brain: Brain,
    toolboxes: Path,
    plugins: Mapping[str, Callable[[Services], object]] | None = None,
    clock: Callable[[], float] | None = None,
    reread: Callable[[], Settings] | None = None,
    **changes: Any,
) -> AsyncIterator[Ironclaw]:
    more = {"test_brain": lambda services: BrainPlugin(brain), **(plugins or {})}
    extra = {"clock": clock} if clock else {}
    chosen = settings(folder, **changes)
    async with open_app(
        chosen, toolboxes=[toolboxes / "standard"], plugins=more, reread=reread, spares=False, **extra
    ) as app:
        yield app
