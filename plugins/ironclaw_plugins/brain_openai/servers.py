"""Which servers there are, and which models are asked for a tenant: the operator's settings, made plain."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ironclaw.errors import SettingsError
from ironclaw.settings import (
    ModelServer,
    Price,
    Settings,
    TenantSettings,
    check_address,
    is_in_the_clear,
)
from ironclaw_plugins.brain_openai import chat, responses
from ironclaw_plugins.brain_openai.chat_stream import ChatAssembly
from ironclaw_plugins.brain_openai.profiles import OPENAI_URL, Profile, profile_of
from ironclaw_plugins.brain_openai.prompts import Prompt
from ironclaw_plugins.brain_openai.responses_stream import ResponsesAssembly
from ironclaw_plugins.brain_openai.wire import Api

CHAT = Api("chat", chat.body, chat.reply, ChatAssembly)
RESPONSES = Api("responses", responses.body, responses.reply, ResponsesAssembly)
_SERVER_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
LIMITS = ("max_cost", "budget_per_day")  #: Those in money.
#: What people copy from a server's manual: the library adds it once more.
ENDPOINTS = ("/chat/completions", "/completions", "/responses")
CLEAR = "Everybody on the way reads the conversation, and can change the answer: use https."
NO_KEY = "none"  #: Local servers need no key, the library does.


@dataclass(frozen=True, slots=True)
class Server:
    """A server that the operator has named."""

    base_url: str
    key: str = field(repr=False)
    profile: Profile
    api: Api
    api_version: str = ""  #: Of Azure's older endpoint.

    @classmethod
    def of(cls, named: ModelServer, setting: str = "base_url") -> Server:
        """
        :param setting: that the address stands in
        :raises SettingsError: it is none, or none to send a key to
        """
        check_address(setting, named.base_url, has_key=named.api_key is not None)
        if end := next((each for each in ENDPOINTS if named.base_url.rstrip("/").endswith(each)), ""):
            raise SettingsError(f"{setting}: leave {end} off; it is added to each request.")
        profile = profile_of(named.profile, named.base_url)
        return cls(
            base_url=_address(named, profile),
            key=named.api_key.get_secret_value() if named.api_key else NO_KEY,
            profile=profile,
            api=_api(named, profile),
            api_version=named.api_version if profile.name == "azure" else "",
        )

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).hostname or ""

    @property
    def is_in_the_clear(self) -> bool:
        return is_in_the_clear(self.base_url)

    @property
    def lacks_key(self) -> bool:
        """Whether it answers nobody without one: OpenAI itself."""
        return self.key == NO_KEY and self.base_url == OPENAI_URL


def _address(named: ModelServer, profile: Profile) -> str:
    """Of Azure's newer endpoint also where only the resource is named."""
    url = named.base_url.rstrip("/")
    is_bare = profile.name == "azure" and not named.api_version and url.count("/") == 2
    return f"{url}/openai/v1" if is_bare else url


def _api(named: ModelServer, profile: Profile) -> Api:
    if named.api != "auto":
        return RESPONSES if named.api == "responses" else CHAT
    return RESPONSES if profile.has_responses and named.base_url == OPENAI_URL else CHAT


@dataclass(frozen=True, slots=True)
class Target:
    """A model at its server."""

    server: Server
    model: str
    name: str  #: As the settings have it, MODEL or MODEL@SERVER: its price goes by that.

    @property
    def table(self) -> str:
        """Of ironclaw.toml, where its server stands; "" where that is the common one."""
        server = self.name[len(self.model) + 1 :]
        return f"[openai_servers.{server}]" if server else ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What plans for a tenant."""

    targets: tuple[Target, ...]  #: In the order in which they are asked.
    prompt: Prompt
    temperature: float | None
    max_output_tokens: int | None
    insists: bool = False  #: On a call: a probe's.


class Choices:
    """What plans for whom.

    :param tenant: gives a tenant's settings, or None
    :raises SettingsError: a server that a model is asked at is not there or has no address, a prompt cannot
        be read, or money is limited and a model has no price
    """

    def __init__(self, settings: Settings, tenant: Callable[[str], TenantSettings | None]) -> None:
        self._settings = settings
        self._tenant = tenant
        self._main = Server.of(_main(settings), "openai_base_url")
        self._others = {
            name: Server.of(each, f"base_url of [openai_servers.{name}]")
            for name, each in settings.openai_servers.items()
        }
        self._prompts: dict[Path | None, Prompt] = {}
        for each in (TenantSettings(), *settings.tenants.values()):
            choice = self._choice(each)
            if settings.brain_name == "openai":
                self._check_prices(choice, each)

    def of(self, tenant_id: str) -> Choice:
        """
        :raises SettingsError: as above, for a tenant that came later
        """
        own = self._tenant(tenant_id) or TenantSettings()
        choice = self._choice(own)
        self._check_prices(choice, own)
        return choice

    def chains(self) -> dict[str, tuple[Target, ...]]:
        """The models in their order: the common ones under "", then of each tenant that has others."""
        common = self._choice(TenantSettings()).targets
        own = {name: self._choice(each).targets for name, each in self._settings.tenants.items()}
        return {"": common} | {name: chain for name, chain in own.items() if chain != common}

    def all(self) -> list[Target]:
        """Every model of the settings once, the common ones first."""
        return list(dict.fromkeys(target for chain in self.chains().values() for target in chain))

    def price(self, target: Target) -> Price | None:
        """What it costs; None where nobody has said."""
        return self._settings.prices.get(target.name)

    def _check_prices(self, choice: Choice, own: TenantSettings) -> None:
        """
        :raises SettingsError: a limit in money would hold for nothing: a model that may be asked has no price
        """
        limits = {getattr(each, name) for each in (self._settings, own) for name in LIMITS}
        unknown = [target.name for target in choice.targets if self.price(target) is None]
        if unknown and limits != {None}:
            raise SettingsError(
                f"prices: money is limited by {' or '.join(LIMITS)}, and {unknown[0]} has no price. "
                f'Write [prices."{unknown[0]}"] with input and output, dollars per million tokens, into '
                "ironclaw.toml; 0 for a server of your own."
            )

    def _choice(self, own: TenantSettings) -> Choice:
        common = self._settings
        fallbacks = common.openai_fallbacks if own.openai_fallbacks is None else own.openai_fallbacks
        models = (own.openai_model or common.openai_model, *fallbacks)
        return Choice(
            targets=tuple(self._target(model) for model in models),
            prompt=self._prompt(own.prompt_file or common.prompt_file),
            temperature=common.temperature if own.temperature is None else own.temperature,
            max_output_tokens=own.max_output_tokens or common.max_output_tokens,
        )

    def _target(self, named: str) -> Target:
        """:param named: MODEL, or MODEL@SERVER; any other @ is the model's own"""
        model, _, server = named.rpartition("@")
        if not model or not _SERVER_NAME.fullmatch(server):
            return Target(self._main, named, named)
        if server not in self._others:
            raise SettingsError(
                f"openai_fallbacks: {named!r} names the server {server!r}, and there is no table "
                f"[openai_servers.{server}] in ironclaw.toml."
            )
        return Target(self._others[server], model, named)

    def _prompt(self, path: Path | None) -> Prompt:
        """Read once: what is planned with changes with a restart alone, and never in the middle of a task."""
        if path not in self._prompts:
            self._prompts[path] = Prompt.read(path)
        return self._prompts[path]


def _main(settings: Settings) -> ModelServer:
    return ModelServer(
        base_url=settings.openai_base_url or OPENAI_URL,
        api_key=settings.openai_api_key,
        api=settings.openai_api,
        profile=settings.openai_profile,
        api_version=settings.openai_api_version,
    )
