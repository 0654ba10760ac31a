"""Keeps secrets out of texts: the known values first, then well-known kinds of tokens.

Values that are known, the settings' and those that the tenant keeps with the engine, are found in any of the
usual encodings; tokens that are not are known by their look, plain or inside base64, hex or gzip.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from pydantic import BaseModel, SecretStr

from ironclaw.hookspecs import Services, hookimpl
from ironclaw.redaction import Values, unpacked
from ironclaw.settings import Settings
from ironclaw_plugins import leak_patterns


class LeakGuard:
    """The hook ``ironclaw_redact``."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._values = Values(secrets_of(services.settings))

    @hookimpl
    def ironclaw_redact(self, tenant: str, text: str) -> str | None:
        """The text without secrets, or None when it holds none."""
        plain = partial(self._plain, tenant)
        clean = unpacked(plain(text), plain)
        return None if clean == text else clean

    def _plain(self, tenant: str, text: str) -> str:
        # The tenant's values stay with the engine, which takes them out itself.
        return leak_patterns.redact(self._values.redact(self._services.hide_secrets(tenant, text)))


def secrets_of(settings: Settings) -> dict[str, str]:
    """Every secret value of the settings, by its setting's name; of a table in them with the path to it."""
    return dict(_secrets_in("", settings))


def _secrets_in(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, SecretStr):
        yield name, value.get_secret_value()
        return
    inner: Iterable[tuple[object, object]] = ()
    if isinstance(value, BaseModel):
        inner = ((field, getattr(value, field)) for field in type(value).model_fields)
    elif isinstance(value, Mapping):
        inner = value.items()
    for key, each in inner:
        yield from _secrets_in(f"{name}.{key}".removeprefix("."), each)
