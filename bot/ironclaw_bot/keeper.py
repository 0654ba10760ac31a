"""What the command line does with secrets, on behalf of one local person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ironclaw.egress import bind
from ironclaw.errors import BadRequest
from ironclaw.secrets import Vault
from ironclaw.task import Json


@dataclass(frozen=True, slots=True)
class Keeper:
    """Keeps, lists and removes secrets; nothing that it gives back holds a value."""

    vault: Vault
    actor: str  #: For the audit, such as ``local:bo``.

    async def keep(self, verb: str, tenant: str, **words: Json) -> Json:
        """
        :param verb: set, list or rm
        :raises BadRequest: another verb, or what the verb raises
        """
        verbs: dict[str, Callable[..., Awaitable[Json]]] = {
            "set": self.put,
            "list": self.listed,
            "rm": self.remove,
        }
        if verb not in verbs:
            raise BadRequest("Secrets can be set, listed and removed.")
        return await verbs[verb](tenant, **words)

    async def put(
        self,
        tenant: str,
        name: str,
        value: str,
        host: str,
        methods: Sequence[str],
        path: str,
        header: str,
        prefix: str | None,
    ) -> Json:
        """Keep a secret, in place of the one of this name if there is one.

        :param prefix: None for ``Bearer`` before what goes into Authorization
        :raises BadRequest: says which word is wrong
        """
        if prefix is None:
            prefix = "Bearer " if header.lower() == "authorization" else ""
        binding = bind(host, methods, path, header, prefix)
        await self.vault.put(tenant, name, value, binding, self.actor)
        return {"tenant": tenant, "name": name, "goes": str(binding)}

    async def listed(self, tenant: str) -> Json:
        """The tenant's secrets by name, with where each may go and when it was set."""
        return [
            {"name": row.name, "goes": str(row.binding), "set_at": row.set_at}
            for row in await self.vault.listed(tenant)
        ]

    async def remove(self, tenant: str, name: str) -> Json:
        """
        :raises NotFound: there is none of this name
        """
        await self.vault.remove(tenant, name, self.actor)
        return {"tenant": tenant, "name": name}

    async def rotate(self) -> Json:
        """Seal everybody's secrets anew."""
        return {"count": await self.vault.rotate(self.actor)}
