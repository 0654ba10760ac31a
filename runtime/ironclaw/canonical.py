"""One form for every value that is hashed: RFC 8785 JSON."""

from __future__ import annotations

import hashlib
import hmac

import rfc8785

from ironclaw.errors import BadRequest


def canonical(value: object) -> bytes:
    """The RFC 8785 bytes of a JSON value.

    :raises BadRequest: NaN, an integer beyond 2**53, a lone surrogate or a key that is no string
    """
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]
    except (rfc8785.CanonicalizationError, ValueError, RecursionError) as error:
        raise BadRequest(f"This value has no canonical JSON form: {error}") from None


def digest(value: object) -> str:
    """SHA-256 over the canonical bytes, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def mac(key: bytes, value: object) -> str:
    """HMAC-SHA-256 over the canonical bytes, in hex."""
    return hmac.new(key, canonical(value), hashlib.sha256).hexdigest()


def subkey(key: bytes, purpose: str) -> bytes:
    """A key of its own for each purpose, so that one MAC can never stand for another."""
    return hmac.new(key, b"ironclaw/" + purpose.encode(), hashlib.sha256).digest()
