"""Callers of the HTTP door: an issuer's tokens, and the settings of a bot that takes them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.e2e.bot import Bot
from tests.fakes.tokens import ISSUER, Issuer
from tests.fakes.wire import Reply

BOSS = "boss"  #: Subject of the approver of both tenants.


class Callers:
    """People and programs with tokens for one bot."""

    def __init__(self, folder: Path) -> None:
        self.issuer = Issuer()
        self.keys = self.issuer.write(folder / "jwks.json", "ed1")

    def settings(self, **tenant: Any) -> dict[str, Any]:
        """For the bot's ironclaw.toml: tenants T1 and T2."""
        both = {"jwt": True, "approvers": [f"jwt:{ISSUER}|{BOSS}"], **tenant}
        return {"jwt_issuer": ISSUER, "jwt_jwks": self.keys, "tenants": {"T1": both, "T2": both}}

    def _bearer(self, **claims: Any) -> tuple[str, str]:
        return ("Authorization", f"Bearer {self.issuer.token('ed1', **claims)}")

    async def run(self, bot: Bot, task: str, wait: float = 30, **claims: Any) -> Reply:
        return await bot.post("/run", {"task": task, "wait": wait}, self._bearer(**claims))

    async def approve(self, bot: Bot, approval_id: str, sub: str = BOSS, **claims: Any) -> Reply:
        return await bot.post(f"/approve/{approval_id}", {"wait": 30}, self._bearer(sub=sub, **claims))

    async def deny(self, bot: Bot, approval_id: str, sub: str = BOSS, **claims: Any) -> Reply:
        return await bot.post(f"/deny/{approval_id}", {"wait": 30}, self._bearer(sub=sub, **claims))

    async def workflow(self, bot: Bot, workflow_id: str, **claims: Any) -> Reply:
        return await bot.get(f"/workflows/{workflow_id}", self._bearer(**claims))

    async def until(self, bot: Bot, workflow_id: str, status: str, **claims: Any) -> dict[str, Any]:
        """The workflow once it stands so."""
        async with asyncio.timeout(20):
            while (found := (await self.workflow(bot, workflow_id, **claims)).json)["status"] != status:  # noqa: ASYNC110 - HTTP has no event; one asks again
                await asyncio.sleep(0.05)
        return dict(found)
