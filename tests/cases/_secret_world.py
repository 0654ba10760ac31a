"""For attacks on a tool's secret: a whole engine without a leak guard, a hostile guest, a web on loopback."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from structlog.testing import capture_logs

from ironclaw.app import Ironclaw, open_app
from ironclaw.egress import bind
from ironclaw.settings import TenantSettings
from ironclaw.task import Conversation, Decision, Move, Role
from ironclaw_bot.build import build, built_folder
from ironclaw_bot.progress import Progress
from tests.fakes.web import PUBLIC, Answer, Web, egress, web
from tests.integration.engine import BO, BrainPlugin, approver, ask, settings, wants

API, OTHER = "api.example.com", "other.example"
NAME = "api_key"
WITHOUT_GUARD = ("auth_slack", "policy_cedar", "veto_rules")


class Obedient:
    """Proposes the call that the task says, then answers with what came of it."""

    def __init__(self) -> None:
        self.seen: list[Conversation] = []

    async def plan(self, conversation: Conversation) -> Move:
        self.seen.append(conversation)
        last = conversation.messages[-1]
        if last.role is Role.TOOL:
            return Move(answer=last.text)
        words = json.loads(last.text)
        return Move(calls=(wants(words.pop("tool", "probe.send"), **words),))


@dataclass(slots=True)
class World:
    """An engine, what is out there, and one secret of T1."""

    app: Ironclaw
    internet: Web
    brain: Obedient
    folder: Path
    logs: list[Any]
    values: list[str] = field(default_factory=list)  #: Everything that was ever a secret here.

    async def meet(self, answer: Answer | None = None) -> str:
        """A web with these answers and a new value of the secret."""
        self.internet.meet({API: [[PUBLIC]], OTHER: [["1.1.1.1"]]}, answer)
        return await self.keep("s3cr3t+" + secrets.token_hex(16))

    async def keep(self, value: str) -> str:
        self.values.append(value)
        binding = bind(API, ("GET", "POST"), "/v1", "Authorization", "Bearer ")
        await self.app.vault.put("T1", NAME, value, binding, "local:test")
        return value

    async def paused(self, tenant: str = "T1", **words: Any) -> Any:
        task = ask(json.dumps(words), tenant=tenant, requester=f"slack:{tenant}:U_ADA")
        return await self.app.wait(tenant, await self.app.submit(task), 30)

    async def approve(self, view: Any) -> str:
        """What the tool gave back, without any leak guard."""
        if view.approval is None:
            return str(view.outcome)
        who = approver(BO.replace("T1", view.tenant), view.tenant)
        await self.app.decide(who, view.approval.id, Decision.APPROVE)
        return (await self.app.wait(view.tenant, view.id, 30)).outcome

    async def send(self, tenant: str = "T1", **words: Any) -> str:
        words = {"method": "GET", "url": f"https://{API}/v1/x", "secret": NAME, **words}
        words = {name: value for name, value in words.items() if value is not None}
        return await self.approve(await self.paused(tenant, **words))

    @property
    def carried(self) -> list[str | None]:
        """The Authorization header of each request that arrived."""
        return [seen.headers.get("authorization") for seen in self.internet.requests]

    def sent_anything(self) -> bool:
        return bool(self.internet.lookups or self.internet.connections)

    def leak(self, text: str = "") -> str | None:
        """Where a value is that must be nowhere."""
        database = b"".join(path.read_bytes() for path in (self.folder / "data").glob("ironclaw.db*"))
        places = {
            "in what the guest gave back": text,
            "in structlog kwargs": str(self.logs),
            "in the audit log": database.decode("latin-1"),
            "in the model prompt": str(self.brain.seen),
        }
        for place, content in places.items():
            if any(form in content for value in self.values for form in _forms(value)):
                return f"a value is {place}"
        return None


def _forms(value: str) -> tuple[str, ...]:
    raw = value.encode()
    return (value, quote(value, safe=""), raw.hex(), value[::-1], base64.b64encode(raw).decode().rstrip("="))


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[World]:
    build(("probe",), Progress(io.StringIO()))
    brain = Obedient()
    tenants = {
        name: TenantSettings(slack=(name,), approvers=(f"slack:{name}:U_BO",), cards_per_hour=10_000)
        for name in ("T1", "T2")
    }
    chosen = settings(
        folder, plugins=WITHOUT_GUARD, tenants=tenants, http_allow=(API, OTHER),
        toolboxes=(built_folder() / "probe",),
    )  # fmt: skip
    async with web(folder, [API, OTHER]) as internet:
        with capture_logs() as logs:
            door = egress(internet, folder)
            plugins = {"test_brain": lambda _services: BrainPlugin(brain)}
            async with open_app(chosen, egress=door, plugins=plugins, spares=False) as app:
                yield World(app, internet, brain, folder, logs)


@contextlib.contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]
