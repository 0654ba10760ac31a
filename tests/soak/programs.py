"""Programs of two more tenants, over HTTP: each asks the same several times, and decides what waits."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ironclaw.task import Effect
from tests.e2e.callers import BOSS
from tests.fakes.tokens import ISSUER, Issuer
from tests.fakes.wire import Reply
from tests.faults.stage import MANY, PATIENCE, Stage

TENANTS = ("T1", "T2")
AT_ONCE = 3  #: Tasks of each tenant that are open at once.
PAUSE = 0.3  #: Seconds between two questions how it stands.
APPROVE, DENY = "approve", "deny"


def settings(folder: Path, issuer: Issuer) -> dict[str, Any]:
    """For the bot: tenants whose programs come with tokens."""
    tenant = {"jwt": True, "approvers": [f"jwt:{ISSUER}|{BOSS}"], "cards_per_hour": MANY}
    keys = issuer.write(folder / "jwks.json", "ed1")
    return {"jwt_issuer": ISSUER, "jwt_jwks": keys, "tenants": dict.fromkeys(TENANTS, tenant)}


@dataclass(slots=True)
class Run:
    """One task, and what its program did about it.

    :ivar ids: of the workflows that it was told it has
    :ivar end: the final status; "" before
    """

    tenant: str
    line: str
    effect: Effect
    plan: str
    wishes: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    end: str = ""


class Programs:
    """
    :ivar runs: every task
    """

    def __init__(self, here: Stage, chance: random.Random, issuer: Issuer) -> None:
        self._here = here
        self._chance = chance
        self._issuer = issuer
        self._going: set[asyncio.Task[None]] = set()
        self.runs: list[Run] = []

    @property
    def summary(self) -> str:
        return f"{len(self.runs)} tasks over HTTP, {dict(Counter(run.end for run in self.runs))}"

    async def act(self) -> None:
        """Until cancelled."""
        while True:
            for tenant in TENANTS:
                if sum(run.tenant == tenant and not run.end for run in self.runs) < AT_ONCE:
                    self._begin(tenant)
            await asyncio.sleep(self._chance.uniform(0.2, 1.0))

    async def finish(self) -> None:
        """Every program has its end.

        :raises TimeoutError: one never gets it
        """
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*self._going)

    def _begin(self, tenant: str) -> None:
        effect = self._chance.choice(list(Effect))
        line = f"{tenant}-{effect.value}-{len(self.runs)}"
        run = Run(tenant, line, effect, self._chance.choices((APPROVE, DENY), (3, 1))[0])
        self.runs.append(run)
        task = asyncio.create_task(self._drive(run))
        self._going.add(task)

    async def _drive(self, run: Run) -> None:
        while not run.ids:
            await asyncio.gather(*(self._ask(run) for _ in range(self._chance.randint(1, 4))))
            await asyncio.sleep(PAUSE)
        path = f"/workflows/{min(run.ids)}"
        while not run.end:
            reply = await self._get(run, path)
            if reply is not None and reply.status == 200:
                await self._answer(run, reply.json)
            await asyncio.sleep(PAUSE)

    async def _ask(self, run: Run) -> None:
        body = {"task": f"ledger.{run.effect.value} url={self._here.ledger.url}/{run.line}"}
        reply = await self._post(run, "/run", body, "svc-1", ("Idempotency-Key", run.line))
        if reply is not None and reply.status in (200, 202):
            run.ids.add(reply.json["workflow_id"])

    async def _answer(self, run: Run, said: dict[str, Any]) -> None:
        """What waits for people is decided, now and then twice at once."""
        if said["status"] in ("done", "failed", "cancelled"):
            run.end = said["status"]
        elif said.get("doubt"):
            truth = "ran" if self._here.ledger.lines.get(run.line) else "not_run"
            await self._post(run, f"/doubts/{said['doubt']['id']}", {"answer": truth})
        elif said.get("approval"):
            run.wishes.add(run.plan)
            path = f"/{run.plan}/{said['approval']['id']}"
            await asyncio.gather(*(self._post(run, path, {}) for _ in range(self._chance.choice((1, 1, 2)))))

    async def _get(self, run: Run, path: str) -> Reply | None:
        try:
            return await self._here.bot.get(path, self._bearer(run, BOSS))
        except (OSError, ValueError, LookupError):
            return None  # It is dead just now.

    async def _post(
        self, run: Run, path: str, body: dict[str, Any], sub: str = BOSS, *headers: tuple[str, str]
    ) -> Reply | None:
        try:
            return await self._here.bot.post(path, body, self._bearer(run, sub), *headers)
        except (OSError, ValueError, LookupError):
            return None  # So too: nobody knows whether it arrived.

    def _bearer(self, run: Run, sub: str) -> tuple[str, str]:
        token = self._issuer.token("ed1", tenant_id=run.tenant, sub=sub)
        return ("Authorization", f"Bearer {token}")
