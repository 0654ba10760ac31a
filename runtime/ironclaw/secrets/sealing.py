"""AES-256-GCM over one secret's value, bound to whose it is, what it is called, and where it may go."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ironclaw.binding import Binding
from ironclaw.canonical import canonical
from ironclaw.errors import StoreError
from ironclaw.secrets.keyring import Key, Keyring
from ironclaw.store import SecretRow

NONCE = 12  #: Bytes; a new one each time.


def seal(key: Key, tenant: str, name: str, binding: Binding, value: str) -> SecretRow:
    """The secret as it is kept."""
    nonce = os.urandom(NONCE)
    sealed = AESGCM(key.raw).encrypt(nonce, value.encode(), _bound(tenant, name, binding, key.id))
    return SecretRow(tenant, name, binding, key.id, base64.b64encode(nonce + sealed).decode())


def unseal(keyring: Keyring, row: SecretRow) -> str:
    """The value.

    :raises StoreError: no key for it is here, or the row is not as it was sealed
    """
    key = keyring.find(row.key_id)
    if key is None:
        raise StoreError(
            f"The secret {row.name} of tenant {row.tenant} is sealed with a key that is not here. "
            "Give that key as secrets_key_old, or set or remove the secret."
        )
    try:
        raw = base64.b64decode(row.sealed, validate=True)
        if base64.b64encode(raw).decode() != row.sealed:
            raise ValueError("another spelling of the same bytes")
        bound = _bound(row.tenant, row.name, row.binding, row.key_id)
        return AESGCM(key.raw).decrypt(raw[:NONCE], raw[NONCE:], bound).decode()
    except (InvalidTag, ValueError):
        raise StoreError(
            f"The secret {row.name} of tenant {row.tenant} was changed in the database. Set it again."
        ) from None


def check_all(keyring: Keyring, rows: Iterable[SecretRow]) -> None:
    """
    :raises StoreError: names the first that cannot be opened, and the remedy
    """
    for row in rows:
        unseal(keyring, row)


def _bound(tenant: str, name: str, binding: Binding, key_id: str) -> bytes:
    return canonical(["ironclaw secret 1", tenant, name, key_id, binding.as_json()])
