"""A JSON Schema validator whose work is counted: what would take longer is given up, and given up is no yes.

Schemas and arguments are both written by others, and a few hundred bytes of each can come to minutes
(alternatives within alternatives, held against every part).  Work is counted and not timed, so that the same
arguments have the same answer on any machine at any hour.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from ironclaw.canonical import canonical

MOST = 200_000  #: Steps, each of about a microsecond: a little more than 64 KiB of numbers in one array take.
_KEYWORD, _PART, _ERROR = 2, 3, 10  #: Steps of one keyword, of each part that it goes through, of an error.
_CHARS = 64  #: Of an error's message, or of a canonical text, that are made in one step.
#: Keywords that go through all parts of an argument; others go through their own value.
_THROUGH = frozenset({"additionalProperties", "contains", "items", "propertyNames"})

_Held = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]
_left: ContextVar[list[int] | None] = ContextVar("steps_left", default=None)


class TooMuch(Exception):
    """It takes more steps than it may."""


@contextlib.contextmanager
def bounded(steps: int = MOST) -> Iterator[None]:
    """
    :raises TooMuch: in the block, where validators of :data:`Bounded` take more steps
    """
    token = _left.set([steps])
    try:
        yield
    finally:
        _left.reset(token)


def _spend(steps: int) -> None:
    left = _left.get()
    if left is not None:
        left[0] -= steps
        if left[0] < 0:
            raise TooMuch


def _unique(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """The library compares each with each."""
    if wanted and validator.is_type(instance, "array"):
        texts = [canonical(each) for each in instance]
        _spend(len(texts) + sum(map(len, texts)) // _CHARS)
        if len(set(texts)) < len(texts):
            yield ValidationError("has non-unique elements")


def _counted(keyword: str, held: _Held) -> _Held:
    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        through = instance if keyword in _THROUGH else value
        _spend(_KEYWORD + (_PART * len(through) if isinstance(through, dict | list) else 0))
        for error in held(validator, value, instance, schema) or ():
            _spend(_ERROR + len(error.message) // _CHARS)
            yield error

    return counted


_KEYWORDS: dict[str, _Held] = {**Draft202012Validator.VALIDATORS, "uniqueItems": _unique}
Bounded: type[Validator] = extend(  # type: ignore[no-untyped-call]  # Its stub says nothing.
    Draft202012Validator, {keyword: _counted(keyword, held) for keyword, held in _KEYWORDS.items()}
)
