"""The settings of one server of the Model Context Protocol whose tools are offered."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ironclaw.settings.forms import TenantId, Words

#: What a server is called: the family of its tools, so that the names of tools hold it.
ServerName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
SecretName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


def _whole_path(text: str) -> str:
    """
    :raises ValueError: it could mean another file from another folder
    """
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts or "\0" in text:
        raise ValueError(f"{text[:200]!r} must be a whole path, such as /usr/bin/some-server.")
    return text


WholePath = Annotated[str, AfterValidator(_whole_path)]


class McpServer(BaseModel):
    """One server: a table ``[mcp_servers.NAME]`` in ironclaw.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: WholePath | None = Field(None, description="Program that is started and spoken to by its pipes.")
    args: Words = Field((), description="Its arguments.")
    env: dict[Variable, str] = Field(
        {}, description="Its environment; beside it there are HOME and TMPDIR, its own folder."
    )
    env_secrets: dict[Variable, SecretName] = Field(
        {}, description="Variables with a secret's value, by the secret's name; the program sees the value."
    )
    read: tuple[WholePath, ...] = Field(
        (), description="Files and folders that it may read and run, beside the system's own."
    )
    write: tuple[WholePath, ...] = Field((), description="Folders that it may read and change.")
    network: bool = Field(False, description="Whether it reaches the network, all of it.")
    memory_mb: int = Field(1024, ge=16, le=65536, description="MiB of memory of each of its processes.")
    url: str = Field("", description="Address of a server of streamable HTTP, in the place of command.")
    secret: SecretName | None = Field(None, description="The secret that goes with each request to url.")
    tenants: tuple[TenantId, ...] | None = Field(
        None, description="Whose tools these are; everybody's when not set. With a secret: its tenant."
    )
    low: Words = Field((), description="Tools, as the server names them, that run without asking anybody.")
    pure: Words = Field((), description="Tools that change nothing: run again after a crash.")
    keyed: Words = Field((), description="Tools that do a thing once for one idempotency key.")
    seconds: float = Field(60, gt=0, le=600, description="Wall clock of one call.")
    output_kb: int = Field(256, ge=1, le=2048, description="KiB of one call's result.")

    @model_validator(mode="after")
    def _one_way(self) -> McpServer:
        if (self.command is None) == (not self.url):
            raise ValueError("give either command (a program) or url (an address).")
        of_command = (self.args, self.env, self.env_secrets, self.read, self.write, self.network)
        if self.url and any(of_command):
            raise ValueError("args, env, env_secrets, read, write and network go with command, not with url.")
        if self.command and self.secret:
            raise ValueError("secret goes with url; a program gets its secrets by env_secrets.")
        return self

    @model_validator(mode="after")
    def _secret_has_an_owner(self) -> McpServer:
        """A secret is one tenant's: nobody else's calls may go out under it."""
        if self.needs_secret and (self.tenants is None or len(self.tenants) != 1):
            raise ValueError('a secret is one tenant\'s: name just that one, as in tenants = ["acme"].')
        return self

    @model_validator(mode="after")
    def _one_effect(self) -> McpServer:
        if both := sorted(set(self.pure) & set(self.keyed)):
            raise ValueError(f"{both[0]!r} is both in pure and in keyed.")
        return self

    @property
    def needs_secret(self) -> bool:
        return bool(self.secret or self.env_secrets)

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"stdio: {self.command}" if self.command else self.url
