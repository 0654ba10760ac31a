"""The settings of a process, each with its sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from ironclaw.settings.brain import BrainSettings
from ironclaw.settings.budgets import BudgetSettings
from ironclaw.settings.forms import (
    LOCAL,
    MEMBER,
    PUBLIC_KEY,
    SIGNER,
    UNLISTED,
    TenantId,
    Words,
    check_people,
    is_blank,
    twin_of,
)
from ironclaw.settings.mcp_servers import McpServer, ServerName
from ironclaw.settings.memory import MemorySettings
from ironclaw.settings.retention import RetentionSettings
from ironclaw.settings.tenant import TenantSettings

BUNDLED = (
    "auth_jwt",
    "auth_slack",
    "brain_commands",
    "brain_openai",
    "brain_script",
    "leak_guard",
    "memory_qdrant",
    "policy_cedar",
    "veto_rules",
)
#: Paths: an empty one would be the working folder.
PATHS = (
    "data_dir",
    "key_file",
    "cache_dir",
    "checkpoints",
    "policy_file",
    "scratch_dir",
    "jwt_jwks",
    "brain_script",
)


class Settings(BrainSettings, BudgetSettings, MemorySettings, RetentionSettings):
    """All settings.  ``IRONCLAW_<NAME>`` in the environment, ``<name>`` in ironclaw.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    # Where things are
    data_dir: Path = Field(Path(".ironclaw/data"), description="Database, scratch folders and caches.")
    key_file: Path = Field(
        Path(".ironclaw/key"), description="The host's secret key, outside data_dir; made at the first start."
    )
    secrets_key: SecretStr | None = Field(
        None, description="Seals the tools' secrets: 64 hex digits; a key beside key_file when not set."
    )
    secrets_key_old: SecretStr | None = Field(
        None, description="The key before it, which opens them until `ironclaw secrets rotate`."
    )
    cache_dir: Path | None = Field(None, description="Compiled tools; data_dir/cache when not set.")
    checkpoints: Path | None = Field(
        None, description="Signed heads of the audit log; checkpoints.jsonl beside key_file when not set."
    )
    toolboxes: tuple[Path, ...] = Field(
        (), description="Folders of built toolboxes, beside the standard one."
    )
    trusted_signers: Words = Field(
        (), description="Public keys whose toolboxes may be added; NAMESPACE:KEY for names of that only."
    )
    revoked_signers: Words = Field((), description="Public keys that count no more, whoever trusts them.")
    plugins: Words = Field(
        BUNDLED, description="Entry points of the group 'ironclaw' to load, and no others."
    )
    policy_file: Path | None = Field(None, description="Cedar policies in place of the shipped ones.")

    # Many machines
    database_url: SecretStr | None = Field(
        None, description="postgresql://...: many processes share it; SQLite in data_dir when not set."
    )
    scratch_dir: Path | None = Field(
        None,
        description="The tenants' folders, shared by all processes: must be set with database_url; "
        "data_dir/mnt/scratch when not set.",
    )
    lease_seconds: float = Field(
        30,
        ge=1,
        le=600,
        description="With database_url: after so long without a sign of life another process takes over.",
    )
    max_open: int = Field(10_000, ge=1, description="Tasks of all tenants at work or in the queue.")
    max_running: int = Field(64, ge=1, description="Tasks that one process works on at once.")
    drain_seconds: float = Field(
        5, ge=0, le=60, description="How long a stop waits for what runs and is told, before it is cut off."
    )

    # The doors
    host: str = Field("127.0.0.1", description="Address that the gateway listens on.")
    port: int = Field(3000, ge=0, le=65535, description="Port of the gateway; 0 takes a free one.")
    public_url: str = Field(
        "",
        description="Where browsers reach the gateway, for links on cards; as it listens when empty.",
    )
    slack_bot_token: SecretStr | None = Field(
        None, description="Bot token (xoxb-...). Well-known: SLACK_BOT_TOKEN."
    )
    slack_signing_secret: SecretStr | None = Field(
        None, description="Signing secret, for events over HTTP. Well-known: SLACK_SIGNING_SECRET."
    )
    slack_app_token: SecretStr | None = Field(
        None, description="App token (xapp-...): turns Socket Mode on. Well-known: SLACK_APP_TOKEN."
    )
    slack_api_url: str = Field("https://slack.com/api/", description="Base of the Slack Web API.")
    jwt_issuer: str = Field("", description="The only issuer whose tokens are read; empty turns JWT off.")
    jwt_audience: str = Field("ironclaw", description="What a token's aud must be.")
    jwt_jwks: Path | None = Field(None, description="JWKS file with the issuer's public keys.")

    # Who
    tenants: dict[TenantId, TenantSettings] = Field(
        {}, description="Tenants by id. Empty: the bot's own workspace is the one tenant."
    )
    approvers: Words = Field(
        (),
        description="Approvers of the bot's own workspace, when no [tenants] table names it: Slack user ids; "
        "and of the command line's own tenant, when there is no other: local:NAME.",
    )

    # The brain
    brain: str = Field(
        "auto", description="commands, openai or another plugin's; auto takes openai when configured."
    )
    brain_script: Path | None = Field(None, description="JSON file of moves for the brain 'script'.")
    openai_api_key: SecretStr | None = Field(None, description="Well-known: OPENAI_API_KEY.")
    openai_base_url: str = Field("", description="Any OpenAI-compatible server. Well-known: OPENAI_BASE_URL.")
    openai_model: str = Field("gpt-5-mini", description="Model name sent to the server.")

    # The body
    workers: int = Field(2, ge=1, le=64, description="Sandbox worker processes.")
    http_allow: Words = Field((), description="Hosts that tools may ask, exactly as named, for every tenant.")
    sandbox_layers: Literal["require", "warn"] = Field(
        "require", description="What a hardening layer that this machine lacks means: no start, or a warning."
    )
    scratch_mb: int = Field(512, ge=0, description="MiB that one tenant's files may take.")
    scratch_files: int = Field(10_000, ge=0, description="Files and folders that one tenant may have.")
    max_fuel: int = Field(100_000_000_000, ge=1, description="Computing of one call; 7e9 is about a second.")
    max_memory_mb: int = Field(512, ge=1, description="MiB of memory of one call.")
    max_call_seconds: float = Field(600, gt=0, description="Wall clock of one call.")
    max_output_kb: int = Field(2048, ge=1, description="KiB of one call's result.")

    # Tools of others
    mcp_servers: dict[ServerName, McpServer] = Field(
        {}, description="Servers of the Model Context Protocol whose tools are offered, by name: docs/mcp.md."
    )

    # Logs
    log_format: Literal["auto", "json", "console"] = Field("auto", description="auto: console on a terminal.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level shown.")

    @field_validator(
        "toolboxes", "trusted_signers", "revoked_signers", "plugins", "approvers", "http_allow", mode="before"
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        """The environment has no lists: words between commas."""
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value

    @field_validator(
        "slack_bot_token",
        "slack_signing_secret",
        "slack_app_token",
        "openai_api_key",
        "embeddings_api_key",
        "qdrant_api_key",
        "secrets_key",
        "secrets_key_old",
        "database_url",
        *PATHS,
        mode="before",
    )
    @classmethod
    def _no_blank(cls, value: Any, info: ValidationInfo) -> Any:
        """``NAME=`` in .env means not set."""
        return cls.model_fields[str(info.field_name)].default if is_blank(value) else value

    @field_validator("approvers")
    @classmethod
    def _known_forms(cls, names: Words) -> Words:
        return check_people(names, MEMBER.fullmatch)

    @field_validator("trusted_signers", "revoked_signers")
    @classmethod
    def _keys(cls, words: Words, info: ValidationInfo) -> Words:
        form = SIGNER if info.field_name == "trusted_signers" else PUBLIC_KEY
        if not all(map(form.fullmatch, words)):
            raise ValueError("a public key has 64 hex digits, as ironclaw tool keygen prints it.")
        return words

    @field_validator("tenants")
    @classmethod
    def _no_twins(cls, tenants: dict[str, TenantSettings]) -> dict[str, TenantSettings]:
        """Some file systems take T1 and t1 for one folder, and so do people."""
        if twin := twin_of(tenants):
            raise ValueError(f"{twin} is there in other letters too: tenants differ in more than case.")
        return tenants

    @field_validator("mcp_servers")
    @classmethod
    def _of_known_tenants(cls, servers: dict[str, McpServer], info: ValidationInfo) -> dict[str, McpServer]:
        """Tools for somebody who is not there would be nobody's, and nobody would be told."""
        known = info.data.get("tenants", {})
        is_adopting = bool(info.data.get("slack_bot_token")) or not known
        for name, server in servers.items():
            for tenant in set(server.tenants or ()) - known.keys():
                if not (is_adopting and UNLISTED.fullmatch(tenant)):
                    there = ", ".join(sorted(known)) or "none"
                    raise ValueError(f"{name}.tenants: there is no tenant {tenant}. There are: {there}.")
        return servers

    @property
    def local_approvers(self) -> Words:
        """Approvers by their login name on this machine."""
        return tuple(name for name in self.approvers if name.startswith(LOCAL))

    @property
    def postgres(self) -> str:
        """The address of the PostgreSQL, with its password; "" where the database is SQLite's."""
        return self.database_url.get_secret_value() if self.database_url else ""

    @property
    def checkpoint_file(self) -> Path:
        """Where signed heads of the audit log go: not into data_dir, with which they would be rolled back."""
        return self.checkpoints or self.key_file.with_name("checkpoints.jsonl")

    @property
    def brain_name(self) -> str:
        """Which brain plans."""
        if self.brain != "auto":
            return self.brain
        return "openai" if self.openai_api_key or self.openai_base_url else "commands"
