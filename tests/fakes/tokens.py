"""An issuer: keys made per run, tokens signed without any help from the library that reads them."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import secrets
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "https://issuer.test"
HASHES: dict[str, Any] = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}


def b64(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@functools.cache
def _rsa(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


class Issuer:
    """Holds rsa1, ed1 and ec1, whose public halves the gateway knows, and rsa_evil, which it does not."""

    def __init__(self) -> None:
        self.private: dict[str, Any] = {
            "rsa1": _rsa("rsa1"),
            "rsa_evil": _rsa("rsa_evil"),
            "ed1": ed25519.Ed25519PrivateKey.generate(),
            "ec1": ec.generate_private_key(ec.SECP256R1()),
        }

    def jwks(self, *names: str) -> dict[str, Any]:
        """The public keys by name; rsa1, ed1 and ec1 when none is named."""
        return {"keys": [self.jwk(name) for name in names or ("rsa1", "ed1", "ec1")]}

    def jwk(self, name: str) -> dict[str, Any]:
        public = self.private[name].public_key()
        match public:
            case rsa.RSAPublicKey():
                return RSAAlgorithm.to_jwk(public, as_dict=True) | {"kid": name, "alg": "RS256"}
            case ec.EllipticCurvePublicKey():
                return ECAlgorithm.to_jwk(public, as_dict=True) | {"kid": name, "alg": "ES256"}
        return OKPAlgorithm.to_jwk(public, as_dict=True) | {"kid": name, "alg": "EdDSA"}

    def write(self, path: Path, *names: str) -> Path:
        """A JWKS file."""
        path.write_text(json.dumps(self.jwks(*names)), "utf-8")
        return path

    def secret(self, name: str) -> bytes:
        """What attackers take for an HMAC secret."""
        public = self.private["rsa1"].public_key()
        pem = _public_bytes(public, serialization.Encoding.PEM)
        known = {
            "rsa1_public_pem": pem,
            "rsa1_public_pem_stripped": pem.strip(),
            "rsa1_public_der": _public_bytes(public, serialization.Encoding.DER),
            "rsa1_jwk_json": json.dumps(self.jwk("rsa1")).encode(),
            "ed1_public_raw": self.private["ed1"].public_key().public_bytes_raw(),
            "empty": b"",
        }
        return known.get(name, name.encode())

    def sign(self, alg: str, key: str, signed: bytes, der: bool = False) -> bytes:
        """A JWS signature.

        :param der: ECDSA in ASN.1, which JWS does not take
        """
        if alg.startswith("HS"):
            return hmac.new(self.secret(key), signed, f"sha{alg[2:]}").digest()
        private = self.private[key]
        if alg == "EdDSA":
            return private.sign(signed)
        digest = HASHES[alg[2:]]()
        if alg.startswith("ES"):
            signature = private.sign(signed, ec.ECDSA(digest))
            return signature if der else _raw(signature)
        return private.sign(signed, _padding(alg, digest), digest)

    def token(
        self, name: str = "rsa1", header: dict[str, Any] | None = None, *, signed_as: str = "", **claims: Any
    ) -> str:
        """A valid token, but for what the caller changes; a claim of None is left out.

        :param signed_as: another algorithm than the key's own
        """
        now = int(time.time())
        whole = {
            "iss": ISSUER,
            "aud": "ironclaw",
            "sub": "svc-1",
            "tenant_id": "T1",
            "jti": secrets.token_hex(8),
        }
        whole |= {"iat": now, "exp": now + 300} | claims
        kept = {claim: value for claim, value in whole.items() if value is not None}
        alg = signed_as or self.jwk(name)["alg"]
        head = {"alg": alg, "kid": name, "typ": "JWT"} | (header or {})
        signed = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(kept).encode())}"
        return f"{signed}.{b64(self.sign(alg, name, signed.encode()))}"


def _public_bytes(public: Any, encoding: serialization.Encoding) -> bytes:
    return public.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)


def _padding(alg: str, digest: Any) -> Any:
    if alg.startswith("PS"):
        return padding.PSS(padding.MGF1(digest), digest.digest_size)
    return padding.PKCS1v15()


def _raw(signature: bytes) -> bytes:
    r, s = decode_dss_signature(signature)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def fingerprint(token: str) -> str:
    """A name for a token in a message that must not hold it."""
    return hashlib.sha256(token.encode()).hexdigest()[:8]
