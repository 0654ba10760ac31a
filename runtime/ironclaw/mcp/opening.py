"""Connects to one server, as its settings say: a program under its keeper, or an address through egress."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from ironclaw.binding import Injection
from ironclaw.egress import Egress
from ironclaw.egress.credentials import covers
from ironclaw.egress.endpoint import Endpoint
from ironclaw.errors import SettingsError
from ironclaw.mcp.confining import Guarded, confinement
from ironclaw.mcp.flow import Ended
from ironclaw.mcp.http import web
from ironclaw.mcp.quota import own_folder
from ironclaw.mcp.session import Session, opened
from ironclaw.mcp.stdio import pipes
from ironclaw.secrets import Vault
from ironclaw.settings import McpServer
from ironclaw.store import Store


@dataclass(frozen=True, slots=True)
class Opener:
    """What it takes to connect to any server."""

    data_dir: Path
    guarded: Guarded
    must_hold: bool  #: Whether a program must not run where a layer of its confinement is missing.
    vault: Vault
    egress: Egress
    store: Store
    clock: Callable[[], float]

    @contextlib.asynccontextmanager
    async def open(
        self, name: str, server: McpServer, ended: Ended, changed: Callable[[], None]
    ) -> AsyncIterator[Session]:
        """
        :raises SettingsError, EgressDenied, StoreError: it cannot be connected to as its settings say
        :raises Exception: whatever the connection raises
        """
        connect = self._program if server.command else self._web
        async with connect(name, server, ended, changed) as session:
            yield session

    @contextlib.asynccontextmanager
    async def _program(
        self, name: str, server: McpServer, ended: Ended, changed: Callable[[], None]
    ) -> AsyncIterator[Session]:
        async with own_folder(self.data_dir, name) as folder:
            given = {each: await self._secret(server, secret) for each, secret in server.env_secrets.items()}
            await self._note(name, server, frozenset(server.env_secrets.values()))
            env = {**server.env, **{variable: secret.value for variable, secret in given.items()}}
            confined = confinement(name, server, env, folder, self.guarded, require=self.must_hold)
            streams = pipes(confined, ended, self._hidden)
            async with opened(streams, version("ironclaw"), changed) as session:
                yield session

    @contextlib.asynccontextmanager
    async def _web(
        self, name: str, server: McpServer, ended: Ended, changed: Callable[[], None]
    ) -> AsyncIterator[Session]:
        endpoint = Endpoint(self.egress, server.url)

        async def lend() -> Injection | None:
            return await self._secret(server, server.secret) if server.secret else None

        secret = await lend()
        if secret and not covers(secret.binding, "POST", endpoint.target):
            raise SettingsError(f"the secret {secret.name} is not for POST requests to {server.url}")
        await self._note(name, server, frozenset({server.secret} if server.secret else ()))
        async with opened(web(endpoint, lend, ended), version("ironclaw"), changed) as session:
            yield session

    def _hidden(self, text: str) -> str:
        return self.vault.values("").redact(text)

    async def _secret(self, server: McpServer, name: str) -> Injection:
        (tenant,) = server.tenants or ("",)
        if secret := await self.vault.lend(tenant, name):
            return secret
        raise SettingsError(
            f"the tenant {tenant} has no secret {name}; "
            f"ironclaw secrets set {name} --tenant {tenant} --host HOST keeps one"
        )

    async def _note(self, name: str, server: McpServer, secrets: frozenset[str]) -> None:
        """Have the audit log say it before the server has them."""
        for tenant in server.tenants or () if secrets else ():
            await self.store.mcp_tools.lent(name, tenant, secrets, self.clock())
