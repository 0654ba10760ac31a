"""The key that seals secrets, and the older ones that still open them.

Given by the environment, or else kept beside the host's key file: derived from it until the first rotation,
in ``secrets.key`` after it.  A key that is about to be rotated to stands in ``secrets.next``.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from pydantic import SecretStr

from ironclaw.canonical import mac, subkey
from ironclaw.errors import SettingsError
from ironclaw.keys import load_key
from ironclaw.settings import Settings

_HEX = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Key:
    """One AES-256 key."""

    raw: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Tells keys apart and tells nothing of them."""
        return mac(self.raw, "ironclaw secrets key id")[:16]


class Keyring:
    """The keys of one host."""

    def __init__(self, settings: Settings) -> None:
        """
        :raises SettingsError: a key is not of 32 bytes, or its file is not ours alone
        """
        self._given = [
            _given(name, value)
            for name in ("secrets_key", "secrets_key_old")
            if (value := getattr(settings, name))
        ]
        self._host_key = settings.key_file
        self._file = settings.key_file.with_name("secrets.key")
        self._next = settings.key_file.with_name("secrets.next")
        self._keys = [*self._given, *self._kept()]
        self._current = self._keys[0]

    def _kept(self) -> list[Key]:
        """The keys of this host's files, the one in force first."""
        files = [path for path in (self._file, self._next) if path.exists()]
        kept = [Key(load_key(path)) for path in files]
        derived = Key(subkey(load_key(self._host_key), "secrets"))
        return [*kept, derived] if self._file.exists() else [derived, *kept]

    @property
    def is_given(self) -> bool:
        """Whether the environment says the key in force."""
        return bool(self._given)

    @property
    def current(self) -> Key:
        """What seals from now on."""
        return self._current

    def find(self, key_id: str) -> Key | None:
        """The key of this id, if it is here."""
        return next((key for key in self._keys if key.id == key_id), None)

    def upcoming(self) -> Key:
        """What a rotation goes to: the environment's key, or else a new one, durable before this returns.

        :raises SettingsError: its file cannot be made
        """
        if self._given:
            return self._given[0]
        key = Key(load_key(self._next))
        self._keys.append(key)
        return key

    def settle(self, used: frozenset[str]) -> None:
        """Put the next key in force if secrets are sealed with it: it ends a rotation, also one that crashed.

        :param used: ids of the keys that secrets are sealed with
        """
        if self._given or not self._next.exists() or Key(load_key(self._next)).id not in used:
            return
        os.replace(self._next, self._file)
        self._keys = self._kept()
        self._current = self._keys[0]


def _given(name: str, value: SecretStr) -> Key:
    text = value.get_secret_value()
    if not _HEX.fullmatch(text):
        raise SettingsError(f"{name}: it is not 64 hex digits. Make one with: openssl rand -hex 32")
    return Key(bytes.fromhex(text))
