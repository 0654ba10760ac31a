"""Second factors: a code of the approver's own device, for what a Slack session alone must not approve."""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Callable

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ironclaw.canonical import canonical, subkey
from ironclaw.errors import Refused, StoreError
from ironclaw.store import Store

NONCE = 12  #: Bytes; a new one each time.
STEP = 30  #: Seconds that a code is shown (RFC 6238).
DRIFT = (0, -1, 1)  #: Steps that count: clocks differ, and people take a moment to type.
NOT_ENROLLED = "You have no second factor here. The operator gives you one: ironclaw user enroll."
WRONG = "This code is not right. Take the one that your device shows now."
USED = "This code was used before. Wait for the next one."
TOO_MANY = "Too many wrong codes. Wait 15 minutes."


class Factors:
    """TOTP of people, by tenant: RFC 6238 as every authenticator app has it (SHA-1, six digits, 30 s)."""

    def __init__(self, store: Store, key: bytes, clock: Callable[[], float]) -> None:
        self._store = store.factors
        self._key = subkey(key, "second factors")
        self._clock = clock

    async def enroll(self, tenant: str, principal: str, actor: str, *, replace: bool = False) -> str:
        """Give a person a new factor.

        :param replace: in place of the one before
        :raises Conflict: they have one, and nobody said that it may go
        :return: the ``otpauth://`` address for their device: a secret, to be shown once and kept nowhere
        """
        secret = pyotp.random_base32()
        sealed = self._seal(tenant, principal, secret)
        await self._store.put(tenant, principal, sealed, actor, self._clock(), replace=replace)
        return pyotp.TOTP(secret).provisioning_uri(name=principal, issuer_name=f"IronClaw {tenant}")

    async def remove(self, tenant: str, principal: str, actor: str) -> None:
        """
        :raises NotFound: the person has none
        """
        await self._store.remove(tenant, principal, actor, self._clock())

    async def people(self, tenant: str) -> tuple[str, ...]:
        """Who of a tenant has one."""
        return await self._store.people(tenant)

    async def check(self, tenant: str, principal: str, code: str) -> None:
        """Use up one code of a person.

        :raises Refused: it is not theirs, not of now, used before, or there were too many tries
        :raises StoreError: the factor was changed in the database
        """
        sealed = await self._store.sealed(tenant, principal)
        if sealed is None:
            raise Refused(NOT_ENROLLED)
        if not await self._store.attempt(tenant, principal, self._clock()):
            raise Refused(TOO_MANY)
        step = _step_of(pyotp.TOTP(self._unseal(tenant, principal, sealed)), code, self._clock())
        if step is None:
            raise Refused(WRONG)
        if not await self._store.take(tenant, principal, step):
            raise Refused(USED)

    def _seal(self, tenant: str, principal: str, secret: str) -> str:
        nonce = os.urandom(NONCE)
        sealed = AESGCM(self._key).encrypt(nonce, secret.encode(), _bound(tenant, principal))
        return base64.b64encode(nonce + sealed).decode()

    def _unseal(self, tenant: str, principal: str, sealed: str) -> str:
        try:
            raw = base64.b64decode(sealed, validate=True)
            return AESGCM(self._key).decrypt(raw[:NONCE], raw[NONCE:], _bound(tenant, principal)).decode()
        except (InvalidTag, ValueError):
            raise StoreError(
                f"The second factor of {principal} was changed in the database. Enroll them again."
            ) from None


def _step_of(totp: pyotp.TOTP, code: str, now: float) -> int | None:
    """Which step a code is of; None for no step of about now."""
    digits = "".join(code.split())
    current = int(now // STEP)
    known = [(current + drift, totp.at((current + drift) * STEP)) for drift in DRIFT]
    found = [step for step, right in known if hmac.compare_digest(right.encode(), digits.encode())]
    return found[0] if found else None


def _bound(tenant: str, principal: str) -> bytes:
    return canonical(["ironclaw second factor 1", tenant, principal])
