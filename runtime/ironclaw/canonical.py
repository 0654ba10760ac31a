"""One form for every value that is hashed: RFC 8785 JSON; and one strict way to read JSON."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

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


def parse(text: str | bytes) -> Any:
    """Read JSON in which no two readers can see different things: strict UTF-8, no key twice, no NaN.

    :raises BadRequest: it is not such JSON, or it is too deep
    """
    try:
        source = text.decode("utf-8") if isinstance(text, bytes) else text
        return json.loads(source, object_pairs_hook=_unique, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise BadRequest("This is not JSON: it is not UTF-8.") from None
    except RecursionError:
        raise BadRequest("This JSON is nested too deeply.") from None
    except ValueError as error:
        raise BadRequest(f"This is not JSON: {error}.") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadRequest("This JSON has the same key twice in one object.")
    return found


def _no_constant(name: str) -> Any:
    raise BadRequest(f"This is not JSON: {name} is no number.")
