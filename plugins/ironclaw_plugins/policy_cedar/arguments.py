"""A call's arguments as policy sees them: by path, as texts, lists and numbers; and the amount."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from ironclaw.task import Json

MOST = 2**63 - 1  #: Of a Cedar Long; what is beyond is this.
#: Words that a part of a leaf's path holds when its number says how much.
AMOUNTS = frozenset(
    [
        "amount",
        "total",
        "sum",
        "price",
        "value",
        "quantity",
        "qty",
        "count",
        "limit",
        "cost",
        "fee",
        "balance",
        "budget",
        "payment",
    ]
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
#: A number with something of a currency about it, and with separators that one reads in two ways.
_PRICED = re.compile(r"[^\w\s-]?\s?([A-Z]{3}\s?)?(-?[0-9][0-9.,' _]*)(\s?([A-Z]{3}|[^\w\s]))?")


@dataclass(frozen=True, slots=True)
class Arguments:
    """What is at each path: see schema.cedarschema."""

    texts: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)


def read(args: Json) -> Arguments:
    """The arguments by path."""
    found = Arguments()
    for path, value, is_in_list in _leaves(args):
        text = value if isinstance(value, str) else json.dumps(value)
        found.lists.setdefault(path, []).append(text)
        if not is_in_list:
            found.texts[path] = text
        if isinstance(value, int | float) and not isinstance(value, bool):
            found.numbers[path] = max(_rounded_up(value), found.numbers.get(path, -MOST))
    return found


def amount(args: Json) -> int | None:
    """The largest number, sign aside, in an argument that is called like an amount, however deep in it."""
    sizes = [size for path, value, _ in _leaves(args) if _is_amount(path) for size in _sizes(value)]
    return max(sizes, default=None)


def _leaves(value: Json, path: str = "", is_in_list: bool = False) -> Iterator[tuple[str, Json, bool]]:
    """Each value that is neither null nor made of others: its path, itself, whether a list is around it."""
    if isinstance(value, dict):
        for name, each in value.items():
            escaped = name.replace("~", "~0").replace("/", "~1")
            yield from _leaves(each, f"{path}/{escaped}", is_in_list)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each, path, True)
    elif value is not None:
        yield path, value, is_in_list


def _is_amount(path: str) -> bool:
    words = {word.lower() for word in _WORD.findall(path)}
    return not AMOUNTS.isdisjoint(words | {word.removesuffix("s") for word in words})


def _sizes(value: Json) -> list[int]:
    if isinstance(value, bool):
        return []
    if isinstance(value, int | float):
        return [abs(_rounded_up(abs(value)))]
    return _sizes_of_text(value)


def _sizes_of_text(text: str) -> list[int]:
    """Of a text that is a number.  "1.500,00 EUR" is taken for no less than it can mean."""
    number = _number(text.strip())
    return [] if number is None else [_rounded_up(number)]


def _number(text: str) -> Decimal | float | None:
    try:
        number = Decimal(text).copy_abs()  # abs() would round, or raise for what is too large.
        return None if number.is_nan() else number
    except InvalidOperation:
        priced = _PRICED.fullmatch(text)
        return Decimal(re.sub("[^0-9]", "", priced[2])) if priced else _float(text)


def _float(text: str) -> float | None:
    """Exponents that Decimal refuses: endless, or next to nothing."""
    try:
        return abs(float(text))
    except ValueError:
        return None


def _rounded_up(number: float | Decimal) -> int:
    if number >= MOST or number <= -MOST:
        return MOST if number > 0 else -MOST
    return math.ceil(number)
