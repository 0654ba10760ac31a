"""What the local door does beside tasks: tools, policy, tenants, schedules, memories, secrets, backups."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ironclaw.app import Ironclaw
from ironclaw.errors import BadRequest
from ironclaw.settings import PERSON
from ironclaw.store.mcp_tools import State
from ironclaw.task import Json, Principal
from ironclaw_bot.keeper import Keeper
from ironclaw_bot.local.names import chosen_tenant
from ironclaw_bot.local.screen import Screen
from ironclaw_bot.mcp_server.calls import Calls
from ironclaw_bot.memories import Rememberer
from ironclaw_bot.scheduling import Scheduler
from ironclaw_bot.tenanting import Operator

CONNECT = 15.0  #: Seconds that MCP servers have to be connected before somebody looks at them.


@dataclass(frozen=True, slots=True)
class Operating:
    """Part of :class:`ironclaw_bot.local.Door`."""

    app: Ironclaw
    person: str  #: Login name.
    screen: Screen = field(default_factory=Screen)  #: Of the engine's, where what models write is to be seen.

    async def reload(self) -> Json:
        """Take up toolboxes that were added, upgraded or removed."""
        await self.app.reload(f"local:{self.person}")

    async def mcp_servers(
        self, verb: str, name: str = "", component: str = "", manifest: str = "", state: str = "approved"
    ) -> Json:
        """What ``ironclaw mcp-server`` asks: list, show, or decide of exactly what was shown.

        :param component, manifest: digests of what was shown
        :raises NotFound, Conflict: there is no such server, or it lists something else by now
        """
        servers = self.app.mcp
        await servers.settled(CONNECT)
        if verb == "list":
            return servers.listed()
        if verb == "decide":
            chosen: State = "approved" if state == "approved" else "rejected"
            await servers.decide(name, component, manifest, chosen, f"local:{self.person}")
        return servers.shown(name)

    async def mcp(self, tenant: str, verb: str, **words: Any) -> Json:
        """What ``ironclaw mcp`` asks for its client."""
        return await Calls(self.app, self._principal(tenant)).do(verb, **words)

    async def tenants(self, verb: str, name: str = "") -> Json:
        """What ``ironclaw tenant`` does."""
        return await Operator(self.app, f"local:{self.person}").do(verb, name)

    async def reload_policy(self) -> Json:
        """Take up what changed in the files of policy.

        :return: the version in force
        """
        await self.app.policies.reload()
        return self.app.policies.version

    async def backup(self, file: str) -> Json:
        """Write a copy of the database."""
        await self.app.back_up(Path(file), f"local:{self.person}")

    async def schedules(self, tenant: str, verb: str, **words: str) -> Json:
        """What ``ironclaw schedule`` does with one tenant's schedules."""
        return await Scheduler(self.app, self._principal(tenant)).do(verb, **words)

    async def memories(self, tenant: str, verb: str, **words: Any) -> Json:
        """What ``ironclaw memory`` does with one tenant's memories."""
        return await Rememberer(self.app, self._principal(tenant)).do(verb, **words)

    async def secrets(self, tenant: str, verb: str, **words: Any) -> Json:
        """What ``ironclaw secrets`` does with one tenant's secrets."""
        principal = self._principal(tenant)
        return await Keeper(self.app.vault, principal.id).keep(verb, principal.tenant, **words)

    async def rotate_secrets(self) -> Json:
        """Seal everybody's secrets anew."""
        return await Keeper(self.app.vault, f"local:{self.person}").rotate()

    async def factors(self, tenant: str, verb: str, person: str, replace: bool = False) -> Json:
        """What ``ironclaw user`` does with one tenant's second factors."""
        principal = self._principal(tenant)
        factors = self.app.factors
        if verb == "enroll":
            if not PERSON.fullmatch(person):
                raise BadRequest(f"{person!r} is nobody: slack:TEAM:USER, jwt:ISSUER|SUBJECT or local:NAME.")
            uri = await factors.enroll(principal.tenant, person, principal.id, replace=replace)
            return {"uri": uri, "warning": self._no_decider(principal.tenant, person)}
        if verb == "remove":
            await factors.remove(principal.tenant, person, principal.id)
        return {"people": list(await factors.people(principal.tenant))}

    def _no_decider(self, tenant: str, person: str) -> str:
        """That a person's factor is of no use in a tenant; "" where it is."""
        if self.app.roles(tenant, person):
            return ""
        others = [each for each in sorted(self.app.tenant_ids - {tenant}) if self.app.roles(each, person)]
        where = f" They are in {', '.join(others)}: name it with --tenant." if others else ""
        return f"{person} is no approver, and of no group, of the tenant {tenant}.{where}"

    def _principal(self, tenant: str) -> Principal:
        tenant = chosen_tenant(tenant, self.app.tenant_ids)
        name = f"local:{self.person}"
        return Principal(tenant, name, self.app.roles(tenant, name))
