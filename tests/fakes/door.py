"""The gateway on a real socket, in front of an engine in memory, and tokens for it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ironclaw.settings import Settings, TenantSettings
from ironclaw_bot.http import make_gateway
from tests.fakes.memory_engine import MemoryEngine
from tests.fakes.tokens import ISSUER, Issuer
from tests.fakes.wire import Reply, ask, served

BOSS = "boss"  #: Subject of both tenants' approver.


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True)
class Door:
    """The gateway, and tokens for it."""

    port: int
    app: MemoryEngine
    issuer: Issuer
    clock: Clock = field(default_factory=Clock)

    async def post(
        self, path: str, body: Any = b"", *headers: tuple[str, str], who: dict[str, Any] | None = None
    ) -> Reply:
        """POST with a fresh token; a body that is no bytes goes out as JSON."""
        token = self.issuer.token("ed1", **(who or {}))
        known = [("Authorization", f"Bearer {token}")]
        if body != b"":
            known.append(("Content-Type", "application/json"))
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await ask(self.port, "POST", path, [*known, *headers], content)

    async def get(self, path: str, **who: Any) -> Reply:
        token = self.issuer.token("ed1", **who)
        return await ask(self.port, "GET", path, [("Authorization", f"Bearer {token}")])

    async def paused(self) -> dict[str, Any]:
        """A run that waits for an approval."""
        return (await self.post("/run", {"task": "ask for it"})).json


@asynccontextmanager
async def open_door(folder: Path) -> AsyncIterator[Door]:
    """A gateway of two tenants that take tokens, T1 and T2."""
    both = TenantSettings(jwt=True, approvers=(f"jwt:{ISSUER}|{BOSS}",))
    issuer, clock = Issuer(), Clock()
    keys = issuer.write(folder / "jwks.json", "ed1")
    settings = Settings(jwt_issuer=ISSUER, jwt_jwks=keys, tenants={"T1": both, "T2": both})
    app = MemoryEngine(settings, clock)
    async with served(make_gateway(app)) as port:
        yield Door(port, app, issuer, clock)
