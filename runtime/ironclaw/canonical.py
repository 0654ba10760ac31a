"""One form for every value that is hashed: RFC 8785 JSON; and one strict way to read JSON."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from typing import Any

import rfc8785

from ironclaw.errors import BadRequest

MAX_DEPTH = 64
MAX_NUMBER = 2**53 - 1

Json = Any  #: What json.loads gives.


def canonical(value: object) -> bytes:
    """The RFC 8785 bytes of a JSON value.

    :raises BadRequest: NaN, an integer beyond 2**53, a lone surrogate or a key that is no string
    """
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]
    except (rfc8785.CanonicalizationError, ValueError, RecursionError) as error:
        raise BadRequest(f"This value has no canonical JSON form: {error}") from None


def canonical_text(value: object) -> str:
    """The canonical bytes as text.

    :raises BadRequest: as :func:`canonical`
    """
    return canonical(value).decode()


def digest(value: object) -> str:
    """SHA-256 over the canonical bytes, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def mac(key: bytes, value: object) -> str:
    """HMAC-SHA-256 over the canonical bytes, in hex."""
    return hmac.new(key, canonical(value), hashlib.sha256).hexdigest()


def subkey(key: bytes, purpose: str) -> bytes:
    """A key of its own for each purpose, so that one MAC can never stand for another."""
    return hmac.new(key, b"ironclaw/" + purpose.encode(), hashlib.sha256).digest()


def parse(text: str | bytes, depth: int = MAX_DEPTH) -> Json:
    """Read JSON with one meaning only: what two readers could read in two ways is refused.

    :param depth: how deep arrays and objects may be nested
    :raises BadRequest: no JSON, not UTF-8, too deep, a key twice, NaN, an infinity, a number beyond 2**53,
        or a lone surrogate
    """
    try:
        source = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(source, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_float)
    except UnicodeDecodeError:
        raise BadRequest("This is not JSON: it is not UTF-8.") from None
    except RecursionError:
        raise BadRequest("This JSON is nested too deep.") from None
    except ValueError as error:
        raise BadRequest(f"This is not JSON: {str(error)[:100]}.") from None
    if _is_deeper(value, depth):
        raise BadRequest(f"This JSON is nested more than {depth} deep.")
    canonical(value)
    return value


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise BadRequest("This JSON has the same key twice in one object.")
    return found


def _no_constant(name: str) -> Json:
    raise BadRequest(f"This is not JSON: {name} is no number.")


def _float(text: str) -> float:
    """RFC 8785 writes 1e16 as an integer, which is then too large for it: nothing that large is taken."""
    if abs(number := float(text)) > MAX_NUMBER:
        raise BadRequest("This JSON has a number beyond 2**53.")
    return number


def _is_deeper(value: Json, depth: int) -> bool:
    """Whether containers are nested more than depth deep; without recursion, so that nothing overflows."""
    level = _containers([value])
    for _ in range(depth):
        level = _containers(
            inner for each in level for inner in (each.values() if isinstance(each, dict) else each)
        )
    return bool(level)


def _containers(values: Iterable[Json]) -> list[dict[str, Json] | list[Json]]:
    return [value for value in values if isinstance(value, dict | list)]
