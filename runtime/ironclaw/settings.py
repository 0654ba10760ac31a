"""Every setting, read once: environment over ``.env`` over ``ironclaw.toml`` over the default."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from ironclaw.dotenv_file import read_dotenv
from ironclaw.errors import SettingsError
from ironclaw.timing import check_zone
from ironclaw.wrong_settings import wrong

PREFIX = "IRONCLAW_"
#: Names that other tools use too, kept as they are known.
WELL_KNOWN = {
    "SLACK_BOT_TOKEN": "slack_bot_token",
    "SLACK_SIGNING_SECRET": "slack_signing_secret",
    "SLACK_APP_TOKEN": "slack_app_token",
    "OPENAI_API_KEY": "openai_api_key",
    "OPENAI_BASE_URL": "openai_base_url",
}
BUNDLED = (
    "auth_jwt",
    "auth_slack",
    "brain_commands",
    "brain_openai",
    "brain_script",
    "leak_guard",
    "policy_cedar",
    "veto_rules",
)

#: Tenant ids name folders and appear in logs: plain ASCII, no dot, no slash.
TenantId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Words = tuple[str, ...]
LOCAL = "local:"
#: A person as they are named in every door.
PERSON = re.compile(r"slack:[TE][A-Z0-9_]*:[UW][A-Z0-9_]+|jwt:[^|]+\|.+|local:.+")
PUBLIC_KEY = re.compile(r"[0-9a-f]{64}")
SIGNER = re.compile(r"([a-z][a-z0-9_]{0,31}:)?[0-9a-f]{64}")
MEMBER = re.compile(r"[UW][A-Z0-9_]+")  #: A Slack user id; whose workspace's is clear without it.
SLACK_GROUP = re.compile(r"@S[A-Z0-9]+")  #: A Slack user group: its members, as Slack says.
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
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


def _people(names: Words, is_member: Callable[[str], object] = lambda name: None) -> Words:
    """
    :raises ValueError: a name that no door ever gives to anybody
    """
    for name in names:
        if not PERSON.fullmatch(name) and not is_member(name):
            raise ValueError(
                f"{name!r} names nobody who could approve. Write slack:TEAM:USER, jwt:ISSUER|SUBJECT or "
                "local:NAME; outside of [tenants] also a Slack user id (U...)."
            )
    return names


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


class TenantSettings(BaseModel):
    """One tenant: a table ``[tenants.NAME]`` in ironclaw.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    slack: Words = Field(
        (), description="Slack team ids (T...) or enterprise ids (E...) that are this tenant."
    )
    jwt: bool = Field(False, description="Whether tokens of the JWT issuer may name this tenant.")
    approvers: Words = Field(
        (),
        description="Who may approve: slack:TEAM:USER, jwt:ISSUER|SUBJECT or local:NAME. Nobody when empty.",
    )
    groups: dict[Name, Words] = Field(
        {},
        description="Groups that policy may ask for: people as in approvers, or @S... of Slack.",
    )
    people: dict[Name, Words] = Field(
        {}, description="Who has several identities: their names in each door. They count once."
    )
    policy_file: Path | None = Field(
        None, description="Cedar policies of this tenant, beside the common ones; they can only take away."
    )
    approvals_channel: str = Field(
        "", description="Slack channel (C...) that gets a copy of every approval card."
    )
    self_approval: bool = Field(False, description="Whether a requester may approve their own call.")
    guests: bool = Field(
        False, description="Whether guests of the Slack workspace may ask. They never approve."
    )
    approval_minutes: float = Field(
        60, gt=0, le=60 * 24 * 30, description="How long an approval waits before it expires."
    )
    cards_per_workflow: int = Field(
        20, ge=1, description="Cards that one workflow may post; then it is told no."
    )
    cards_per_hour: int = Field(60, ge=1, description="Cards for one requester; likewise.")
    denials: int = Field(3, ge=1, description="Calls denied by people that end their workflow.")
    max_open: int = Field(1_000, ge=1, description="Tasks at work or in the queue; more are refused.")
    max_running: int = Field(16, ge=1, description="Tasks that one process works on at once.")
    max_schedules: int = Field(50, ge=0, description="Schedules that there may be, paused ones too.")
    zone: Annotated[str, AfterValidator(check_zone)] = Field(
        "UTC", description="Time zone of schedules whose maker's is not known, such as Europe/Berlin."
    )
    http_allow: Words = Field(
        (), description="Hosts that this tenant's tools may ask, beside the common http_allow."
    )
    scratch_mb: int | None = Field(None, ge=0, description="Of this tenant, where less than the common one.")
    scratch_files: int | None = Field(None, ge=0, description="Likewise.")
    max_fuel: int | None = Field(None, ge=1, description="Likewise.")
    max_memory_mb: int | None = Field(None, ge=1, description="Likewise.")
    max_call_seconds: float | None = Field(None, gt=0, description="Likewise.")
    max_output_kb: int | None = Field(None, ge=1, description="Likewise.")

    @field_validator("policy_file", mode="before")
    @classmethod
    def _no_blank(cls, value: Any) -> Any:
        return None if _is_blank(value) else value

    @field_validator("approvers")
    @classmethod
    def _known_forms(cls, names: Words) -> Words:
        return _people(names)

    @field_validator("groups", "people")
    @classmethod
    def _known_members(cls, named: dict[str, Words], info: ValidationInfo) -> dict[str, Words]:
        is_member = SLACK_GROUP.fullmatch if info.field_name == "groups" else lambda _: None
        for names in named.values():
            _people(names, is_member)
        return named


class Settings(BaseModel):
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
    max_steps: int = Field(20, ge=1, le=1000, description="Turns of the brain in one workflow.")
    max_tokens: int = Field(200_000, ge=1, description="Tokens in one workflow, as the provider counts them.")
    max_seconds: float = Field(
        600, gt=0, description="Working time of one workflow; waiting for people is free."
    )
    history_tokens: int = Field(4_000, ge=0, description="How much of a thread's past the brain sees, about.")

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
        "secrets_key",
        "secrets_key_old",
        "database_url",
        *PATHS,
        mode="before",
    )
    @classmethod
    def _no_blank(cls, value: Any, info: ValidationInfo) -> Any:
        """``NAME=`` in .env means not set."""
        return cls.model_fields[str(info.field_name)].default if _is_blank(value) else value

    @field_validator("approvers")
    @classmethod
    def _known_forms(cls, names: Words) -> Words:
        return _people(names, MEMBER.fullmatch)

    @field_validator("trusted_signers", "revoked_signers")
    @classmethod
    def _keys(cls, words: Words, info: ValidationInfo) -> Words:
        form = SIGNER if info.field_name == "trusted_signers" else PUBLIC_KEY
        if not all(map(form.fullmatch, words)):
            raise ValueError("a public key has 64 hex digits, as ironclaw tool keygen prints it.")
        return words

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


def load(environ: Mapping[str, str], folder: Path = Path(".")) -> Settings:
    """The settings of a process.

    :param environ: such as os.environ
    :param folder: where ``.env`` and ``ironclaw.toml`` may be
    :raises SettingsError: names the field, what is wrong with it, and the remedy
    """
    known = {*WELL_KNOWN, *(PREFIX + field.upper() for field in Settings.model_fields)}
    dotenv = read_dotenv(folder / ".env", known)
    values = {**_toml(folder / "ironclaw.toml"), **_variables(dotenv), **_variables(environ)}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        sources = {field: f"{name} in .env" for field, name in _names(dotenv).items()} | _names(environ)
        raise wrong(list(error.errors()), Settings.model_json_schema(), sources) from None


def _toml(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path.name}: cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path.name}: {error}. Mend that line or remove the file.") from None


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    return {field: environ[name] for field, name in _names(environ).items()}


def _names(environ: Mapping[str, str]) -> dict[str, str]:
    """The variable that sets a field, by field; our own name over the well-known one."""
    found = {field: name for name, field in WELL_KNOWN.items() if name in environ}
    return found | {name[len(PREFIX) :].lower(): name for name in environ if name.startswith(PREFIX)}
