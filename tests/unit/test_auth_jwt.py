"""Bearer tokens, seen from the plugin: what the case file at the door cannot show."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from tests.fakes.services import PlainServices
from tests.fakes.tokens import ISSUER, Issuer

from ironclaw.errors import IdentityError, SettingsError
from ironclaw.settings import Settings, TenantSettings
from ironclaw.task import Bearer, Principal, SlackIdentity
from ironclaw_plugins.auth_jwt import AuthJwt


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def jwks(issuer: Issuer, tmp_path: Path) -> Path:
    return issuer.write(tmp_path / "jwks.json")


@pytest.fixture
def auth(jwks: Path) -> AuthJwt:
    return plugin(jwks)


def plugin(jwks: Path | None, **changes: Any) -> AuthJwt:
    tenants = {
        "T1": TenantSettings(jwt=True, approvers=(f"jwt:{ISSUER}|boss", "jwt:https://other.test|guest")),
        "T2": TenantSettings(approvers=(f"jwt:{ISSUER}|boss",)),
    }
    values = {"jwt_issuer": ISSUER, "jwt_jwks": jwks, "tenants": tenants} | changes
    return AuthJwt(PlainServices(Settings(**values)))


async def refused(auth: AuthJwt, token: str) -> str:
    with pytest.raises(IdentityError) as caught:
        await auth.ironclaw_authenticate(Bearer(token))
    return str(caught.value)


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256"])
async def test_a_key_has_one_algorithm(auth: AuthJwt, issuer: Issuer, alg: str) -> None:
    """
    A signature that fits, by another algorithm than the key's own: the token has no say in that.
    """
    assert "valid" in await refused(auth, issuer.token("rsa1", signed_as=alg))


@pytest.mark.parametrize("key", ["rsa1", "ed1", "ec1"])
async def test_who(auth: AuthJwt, issuer: Issuer, key: str) -> None:
    """
    A token of each kind of key names a principal of its tenant, without a role.
    """
    expected = Principal("T1", f"jwt:{ISSUER}|svc-1", frozenset())

    assert expected == await auth.ironclaw_authenticate(Bearer(issuer.token(key)))


async def test_approver(auth: AuthJwt, issuer: Issuer) -> None:
    """
    Whoever the tenant's settings name by issuer and subject is an approver.
    """
    principal = await auth.ironclaw_authenticate(Bearer(issuer.token(sub="boss")))

    assert principal is not None
    assert principal.is_approver


@pytest.mark.parametrize("claims", [{"sub": "guest"}, {"roles": ["approver"]}, {"sub": "bos"}])
async def test_no_approver(auth: AuthJwt, issuer: Issuer, claims: dict[str, Any]) -> None:
    """
    Another issuer's approver, a token that calls itself one, and a part of a name are none.
    """
    principal = await auth.ironclaw_authenticate(Bearer(issuer.token(**claims)))

    assert principal is not None
    assert not principal.is_approver


@pytest.mark.parametrize("alg", ["none", "HS256", "ES256", "RS256"])
async def test_the_key_says_the_algorithm(auth: AuthJwt, issuer: Issuer, alg: str) -> None:
    """
    A header that names another algorithm than the key's is refused, however good the signature.
    """
    assert "not valid" in await refused(auth, issuer.token("ed1", header={"alg": alg}))


async def test_second_use(auth: AuthJwt, issuer: Issuer) -> None:
    """
    A token is used up by the first request that changes something.
    """
    token = issuer.token()
    await auth.ironclaw_authenticate(Bearer(token))

    assert "used before" in await refused(auth, token)


async def test_reading_uses_nothing_up(auth: AuthJwt, issuer: Issuer) -> None:
    """
    Reading neither uses a token up nor minds that it is.
    """
    token = issuer.token()
    for single_use in (False, True, False):
        principal = await auth.ironclaw_authenticate(Bearer(token, single_use=single_use))

    assert principal == Principal("T1", f"jwt:{ISSUER}|svc-1", frozenset())


async def test_refused_is_not_used_up(jwks: Path, issuer: Issuer) -> None:
    """
    A jti is not used up by a token that is refused for another reason: nobody can spend it for its owner.
    """
    auth = plugin(jwks)
    await refused(auth, issuer.token(jti="j1", tenant_id="T2"))
    await refused(auth, issuer.token("rsa_evil", {"kid": "rsa1"}, jti="j1"))

    assert await auth.ironclaw_authenticate(Bearer(issuer.token(jti="j1")))


async def test_from_before_a_restore(auth: AuthJwt, issuer: Issuer) -> None:
    """
    Which tokens were used between a backup and its restore nobody remembers: none from before it is good.
    """
    token, now = issuer.token(), time.time()
    services = auth._services
    assert isinstance(services, PlainServices)
    services.restored = now
    refusal = await refused(auth, token)
    services.restored = now - 3600

    assert "before the database was restored" in refusal
    assert await auth.ironclaw_authenticate(Bearer(token))


async def test_remembered_for_its_life(jwks: Path, issuer: Issuer) -> None:
    """
    A jti is remembered until its token cannot be valid on any clock within the leeway.
    """
    auth = plugin(jwks)
    exp = int(time.time()) + 100
    await auth.ironclaw_authenticate(Bearer(issuer.token(jti="j1", exp=exp)))

    services = auth._services
    assert isinstance(services, PlainServices)
    assert {(f"jwt:{ISSUER}", "j1"): exp + 30} == services.seen


@pytest.mark.parametrize("tail", ["\n", "\r", " ", "\x00", "=", "é", "."])
async def test_tail(auth: AuthJwt, issuer: Issuer, tail: str) -> None:
    """
    One more character makes a valid token invalid, also where the door would have cut it off.
    """
    assert await refused(auth, issuer.token() + tail)


async def test_length(auth: AuthJwt, issuer: Issuer) -> None:
    """
    A token over 8 KB is refused for its length before anything of it is decoded.
    """
    assert "8 KB" in await refused(auth, issuer.token(pad="a" * 8192))


@pytest.mark.parametrize("hostile", ["", ".", "..", "...", "a.b.c", "[" * 4000, "é.é.é", "\ud800.a.b"])
async def test_hostile_text(auth: AuthJwt, hostile: str) -> None:
    """
    Text that is no token at all is refused with a sentence.
    """
    assert "not a signed JWT" in await refused(auth, hostile) or "JSON" in await refused(auth, hostile)


@pytest.mark.parametrize(
    ("claims", "word"),
    [
        ({"exp": None}, "3600"),
        ({"exp": 1e12}, "exp is not an integer"),
        ({"iat": True}, "iat is not an integer"),
        ({"nbf": "1"}, "nbf is not an integer"),
        ({"jti": "a b"}, "jti"),
        ({"sub": "b\u043ess"}, "sub"),
        ({"sub": "a" * 256}, "sub"),
        ({"tenant_id": "T\u0661"}, "tenant_id is missing or not of the right form"),
        ({"tenant_id": ["T1"]}, "tenant_id"),
        ({"tenant_id": "T1\n"}, "tenant_id is missing or not of the right form"),
        ({"tenant_id": "T2"}, "not open"),
        ({"tenant_id": "T3"}, "not open"),
        ({"aud": "other"}, "aud"),
        ({"aud": ["ironclaw"]}, "aud"),
        ({"iss": "https://issuer.test/"}, "issuer"),
    ],
)
async def test_claims(auth: AuthJwt, issuer: Issuer, claims: dict[str, Any], word: str) -> None:
    """
    Each wrong claim is refused with a sentence that names it.
    """
    assert word in await refused(auth, issuer.token(**claims))


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c", "zip", "crit", "cty", "b64"])
async def test_header_fields(auth: AuthJwt, issuer: Issuer, name: str) -> None:
    """
    A signed token with a header field that brings a key or changes the rules is refused for that field.
    """
    assert "header" in await refused(auth, issuer.token(header={name: "x"}))


@pytest.mark.parametrize("typ", [None, "jwt", "at+jwt", ["JWT"], "JWT "])
async def test_typ(auth: AuthJwt, issuer: Issuer, typ: object) -> None:
    """
    A token's typ is JWT, spelled so.
    """
    assert "typ" in await refused(auth, issuer.token(header={"typ": typ}))


async def test_other_kind(auth: AuthJwt) -> None:
    """
    A credential that is no token is somebody else's to judge.
    """
    assert await auth.ironclaw_authenticate(SlackIdentity("T", "U")) is None


async def test_off(issuer: Issuer) -> None:
    """
    Without an issuer in the settings no token is anybody.
    """
    auth = plugin(None, jwt_issuer="")

    assert await auth.ironclaw_authenticate(Bearer(issuer.token())) is None


async def test_new_keys(auth: AuthJwt, issuer: Issuer, jwks: Path) -> None:
    """
    A key taken out of the file lets nobody in any more, and one put in does, without a restart.
    """
    issuer.write(jwks, "rsa_evil")

    assert "kid" in await refused(auth, issuer.token("rsa1"))
    assert await auth.ironclaw_authenticate(Bearer(issuer.token("rsa_evil")))


async def test_replaced_unseen(auth: AuthJwt, issuer: Issuer, jwks: Path) -> None:
    """
    A file of the same size and time in the old one's place is read as well.
    """
    _replace_unseen(jwks)

    assert "kid" in await refused(auth, issuer.token("rsa1"))


def _replace_unseen(jwks: Path) -> None:
    before, fresh = jwks.stat(), jwks.with_suffix(".new")
    fresh.write_text(jwks.read_text("utf-8").replace('"rsa1"', '"rsaX"'), "utf-8")
    os.utime(fresh, ns=(before.st_atime_ns, before.st_mtime_ns))
    fresh.replace(jwks)


def _break(jwks: Path, content: str | None) -> None:
    jwks.unlink() if content is None else jwks.write_text(content, "utf-8")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"keys": []}', None])
async def test_broken_keys(auth: AuthJwt, issuer: Issuer, jwks: Path, content: str | None) -> None:
    """
    While the changed file cannot be used nobody gets in, not even by the old keys; mended, it works again.
    """
    _break(jwks, content)
    assert "key file" in await refused(auth, issuer.token())

    issuer.write(jwks)

    assert await auth.ironclaw_authenticate(Bearer(issuer.token()))


@pytest.mark.parametrize(
    ("keys", "word"),
    [
        (lambda issuer: {"keys": [{"kty": "oct", "kid": "hs1", "k": "c2VjcmV0c2VjcmV0c2VjcmV0"}]}, "secret"),
        (lambda issuer: {"keys": [issuer.jwk("ed1") | {"alg": "HS256"}]}, "jwt_jwks"),
        (
            lambda issuer: {"keys": [issuer.jwk("rsa1"), issuer.jwk("ed1") | {"kid": "rsa1"}]},
            "kid of its own",
        ),
        (lambda issuer: {"keys": [issuer.jwk("rsa1") | {"kid": ""}]}, "kid of its own"),
        (lambda issuer: {"keys": ["rsa1"]}, "not a usable JWKS"),
        (lambda issuer: {"keys": {"rsa1": 1}}, "not a usable JWKS"),
        (lambda issuer: [issuer.jwk("rsa1")], "not a usable JWKS"),
    ],
)
def test_unusable_keys(issuer: Issuer, jwks: Path, keys: Callable[[Issuer], Any], word: str) -> None:
    """
    A key file with a secret key, a nameless one or none at all stops the start and says why.
    """
    jwks.write_text(json.dumps(keys(issuer)), "utf-8")

    with pytest.raises(SettingsError, match=word):
        plugin(jwks)


@pytest.mark.parametrize(
    ("private", "algorithm", "word"),
    [
        (rsa.generate_private_key(65537, 1024), RSAAlgorithm, "2048"),
        (ec.generate_private_key(ec.SECP256K1()), ECAlgorithm, "kind not taken"),
    ],
)
def test_weak_key(jwks: Path, private: Any, algorithm: Any, word: str) -> None:
    """
    A key that is too short, or of a curve that is not taken here, stops the start.
    """
    public = algorithm.to_jwk(private.public_key(), as_dict=True)
    jwks.write_text(json.dumps({"keys": [public | {"kid": "weak"}]}), "utf-8")

    with pytest.raises(SettingsError, match=word):
        plugin(jwks)


def test_private_key(issuer: Issuer, jwks: Path) -> None:
    """
    The issuer's private key has no place in the gateway's file.
    """
    private = OKPAlgorithm.to_jwk(issuer.private["ed1"], as_dict=True)
    jwks.write_text(json.dumps({"keys": [private | {"kid": "ed1"}]}), "utf-8")

    with pytest.raises(SettingsError, match="secret"):
        plugin(jwks)


@pytest.mark.parametrize("path", [None, Path("nowhere.json")])
def test_no_keys(path: Path | None) -> None:
    """
    An issuer without a key file stops the start.
    """
    with pytest.raises(SettingsError, match="jwt_jwks"):
        plugin(path)
