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
        return _WRITE(_alike(value)).encode()
    except (_Unlike, ValueError, RecursionError):
        return _by_the_book(value)


class _Unlike(Exception):
    """Something that the standard library may write otherwise than RFC 8785 says."""


#: Written in C.  Of what :func:`_alike` lets through, it writes the very same bytes.
_WRITE = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode


def _alike(value: object) -> object:
    """The value with its whole floats as integers.

    :raises _Unlike: where the two writers could differ: in numbers that need an exponent, in the order of
        keys beyond ASCII, and in types that are no JSON
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is dict:
        return {_plain_key(key): _alike(each) for key, each in value.items()}  # type: ignore[attr-defined]
    if kind is list or kind is tuple:
        return [_alike(each) for each in value]  # type: ignore[attr-defined]
    if kind is int and -MAX_NUMBER <= value <= MAX_NUMBER:  # type: ignore[operator]
        return value
    if kind is float:
        return _plain_float(value)  # type: ignore[arg-type]
    raise _Unlike


def _plain_key(key: object) -> object:
    if type(key) is str and key.isascii():
        return key
    raise _Unlike


def _plain_float(number: float) -> float:
    if 1e-4 <= abs(number) < 1e15 or number == 0:
        return int(number) if number.is_integer() else number
    raise _Unlike


def _by_the_book(value: object) -> bytes:
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
