"""Who a bearer token is: PyJWT, and what PyJWT leaves open.

Asymmetric keys from a local JWKS file only; nothing here opens a connection.  The token is read twice: once
by us, strictly, before PyJWT sees it (PyJWT takes duplicate keys, padding and odd types), then by PyJWT.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import structlog

from ironclaw.canonical import parse
from ironclaw.errors import BadRequest, IdentityError, SettingsError
from ironclaw.hookspecs import Services, hookimpl
from ironclaw.task import Bearer, Credential, Principal

MAX_TOKEN_BYTES = 8192
MAX_KEYS_BYTES = 1 << 20
MAX_LIFETIME = 3600  #: seconds from iat to exp
LEEWAY = 30  #: seconds that clocks may differ
REQUIRED = ["iss", "aud", "sub", "tenant_id", "jti", "iat", "exp"]
TIMES = ("iat", "nbf", "exp")
#: Only algorithms with a public half: a shared secret in a key file could sign tokens too.
ALGORITHMS = frozenset(
    {"EdDSA", "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
)
#: Headers that name or carry a key, compress, or ask for what we do not know.
FORBIDDEN_HEADERS = frozenset({"jku", "x5u", "jwk", "x5c", "zip", "crit", "cty", "b64"})
SEGMENT = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
TENANT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}", re.ASCII)
#: sub and jti stand in logs, on cards and in lists of approvers: visible ASCII, no alphabet's twin.
VISIBLE = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)

Keys = Mapping[str, jwt.PyJWK]
log = structlog.get_logger(__name__)


class AuthJwt:
    """The plugin ``auth_jwt``.  Without the setting jwt_issuer it has no opinion on any token."""

    def __init__(self, services: Services) -> None:
        """:raises SettingsError: an issuer without usable keys"""
        self._services = services
        settings = services.settings
        self._issuer, self._audience = settings.jwt_issuer, settings.jwt_audience
        self._keys = KeyFile(_key_path(settings.jwt_jwks)) if self._issuer else None

    @hookimpl
    async def ironclaw_authenticate(self, credential: Credential) -> Principal | None:
        if not isinstance(credential, Bearer) or self._keys is None:
            return None
        claims = self._verify(credential.token, self._keys)
        principal = self._principal(claims)
        if credential.single_use:
            await self._use_up(claims)
        return principal

    def _verify(self, token: str, keys: KeyFile) -> Mapping[str, Any]:
        """:raises IdentityError: for every token that is not wholly as it must be"""
        header, claims = read(token)
        _check_header(header)
        _check_claims(claims)
        key = keys.named(header.get("kid"))
        try:
            jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY,
                options={"require": REQUIRED, "strict_aud": True, "enforce_minimum_key_length": True},
            )
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise IdentityError(_SENTENCES.get(type(error), "The token is not valid.")) from None
        return claims

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        """Roles come from our settings alone; what the token says of them is not read."""
        tenant = claims["tenant_id"]
        settings = self._services.tenant(tenant)
        if settings is None or not settings.jwt:
            raise IdentityError("The token's tenant_id is not open to this issuer.")
        name = f"jwt:{self._issuer}|{claims['sub']}"
        return Principal(tenant, name, self._services.roles(tenant, name))

    async def _use_up(self, claims: Mapping[str, Any]) -> None:
        if claims["iat"] < self._services.restored_at() + LEEWAY:
            raise IdentityError("The token is from before the database was restored; ask for a new one.")
        until = claims["exp"] + LEEWAY
        if not await self._services.remember(f"jwt:{self._issuer}", claims["jti"], until):
            raise IdentityError("The token was used before; ask the issuer for a new one.")


def read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims, not yet verified.

    :raises IdentityError: too long, not three strict base64url segments, or not JSON objects with unique keys
    """
    segments = token.split(".", 3) if len(token) <= MAX_TOKEN_BYTES else []
    if len(segments) != 3 or not all(SEGMENT.fullmatch(segment) for segment in segments):
        raise IdentityError("The token is not a signed JWT of at most 8 KB.")
    return _object(segments[0]), _object(segments[1])


def _object(segment: str) -> dict[str, Any]:
    try:
        raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
        value = parse(raw)
    except (binascii.Error, BadRequest):
        raise IdentityError("The token is not made of JSON with unique keys.") from None
    if not isinstance(value, dict):
        raise IdentityError("The token is not made of JSON objects.")
    return value


def _check_header(header: Mapping[str, Any]) -> None:
    if not FORBIDDEN_HEADERS.isdisjoint(header):
        raise IdentityError("The token's header has a field that is not taken here, such as jku or crit.")
    if header.get("typ") != "JWT":
        raise IdentityError("The token's typ is not JWT.")


def _check_claims(claims: Mapping[str, Any]) -> None:
    for name in TIMES:
        if name in claims and type(claims[name]) is not int:
            raise IdentityError(f"The token's {name} is not an integer.")
    for name, shape in (("tenant_id", TENANT), ("sub", VISIBLE), ("jti", VISIBLE)):
        value = claims.get(name)
        if not isinstance(value, str) or not shape.fullmatch(value):
            raise IdentityError(f"The token's {name} is missing or not of the right form.")
    if not 0 < claims.get("exp", 0) - claims.get("iat", 0) <= MAX_LIFETIME:
        raise IdentityError("The token must live for at most 3600 seconds from iat to exp.")


_SENTENCES: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "The token has expired; ask the issuer for a new one.",
    jwt.ImmatureSignatureError: "The token is not valid yet; check the clocks.",
    jwt.InvalidAudienceError: "The token is not for this gateway: its aud is another.",
    jwt.InvalidIssuerError: "The token is not from the issuer that this gateway knows.",
}


@dataclass(frozen=True, slots=True)
class Stamp:
    """What changes when a file does."""

    mtime_ns: int
    size: int
    inode: int


class KeyFile:
    """The public keys by kid, read again when the file has changed."""

    def __init__(self, path: Path) -> None:
        """:raises SettingsError: the file cannot be used"""
        self._path = path
        self._stamp, self._keys = self._load()

    def named(self, kid: object) -> jwt.PyJWK:
        """:raises IdentityError: no such key, or the changed file cannot be used"""
        try:
            if _stamp(self._path) != self._stamp:
                self._stamp, self._keys = self._load()
        except SettingsError as error:
            # The old keys may be the ones that somebody took out: nobody gets in until the file is mended.
            log.error("jwks_unusable", problem=str(error))
            raise IdentityError("The gateway's key file cannot be used; tell its operator.") from None
        if not isinstance(kid, str) or kid not in self._keys:
            raise IdentityError("The token's kid names no key of this gateway.")
        return self._keys[kid]

    def _load(self) -> tuple[Stamp, Keys]:
        # Stamp first: a change between the two is seen as a change at the next call.
        stamp = _stamp(self._path)
        if stamp.size > MAX_KEYS_BYTES:
            raise SettingsError("jwt_jwks: the file is over 1 MB, which no JWKS file is.")
        return stamp, keys_of(_bytes(self._path))


def keys_of(raw: bytes) -> Keys:
    """The keys of a JWKS document.

    :raises SettingsError: not a JWKS, a kid that is missing or comes twice, or a key that is not public
    """
    try:
        entries = parse(raw)["keys"]
        keys = [_public(entry) for entry in entries]
    except (BadRequest, KeyError, TypeError, ValueError, jwt.PyJWTError) as error:
        raise SettingsError(f"jwt_jwks: not a usable JWKS file ({type(error).__name__}). {_REMEDY}") from None
    found = {key.key_id: key for key in keys if key.key_id}
    if not found or len(found) != len(keys):
        raise SettingsError(f"jwt_jwks: every key needs a kid of its own. {_REMEDY}")
    return {str(kid): key for kid, key in found.items()}


_REMEDY = 'It must be {"keys": [...]} with public RSA, EC or Ed25519 keys, each with a kid.'


def _public(entry: Mapping[str, Any]) -> jwt.PyJWK:
    key = jwt.PyJWK(dict(entry))
    if "d" in entry or "k" in entry or key.algorithm_name not in ALGORITHMS:
        raise SettingsError(f"jwt_jwks: a key in it is secret or of a kind not taken here. {_REMEDY}")
    if too_short := key.Algorithm.check_key_length(key.key):
        raise SettingsError(f"jwt_jwks: {too_short}")
    return key


def _key_path(path: Path | None) -> Path:
    if path is None:
        raise SettingsError("jwt_jwks: jwt_issuer is set, so the issuer's key file must be too.")
    return path


def _stamp(path: Path) -> Stamp:
    try:
        found = os.stat(path)
    except OSError as error:
        raise SettingsError(f"jwt_jwks: {path.name} cannot be read: {error.strerror}.") from None
    return Stamp(found.st_mtime_ns, found.st_size, found.st_ino)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"jwt_jwks: {path.name} cannot be read: {error.strerror}.") from None
