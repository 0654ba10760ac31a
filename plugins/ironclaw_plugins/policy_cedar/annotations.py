"""What a policy's annotations say: its name, words for people and the brain, and the terms of a review."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from ironclaw.terms import GrantScope, Group, Terms

T = TypeVar("T")

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.#-]{0,63}")
NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
ESCALATION = re.compile(r"([a-z][a-z0-9_-]{0,63}) after ([0-9]{1,5})")
MAX_MINUTES = 60 * 24 * 30
MAX_QUORUM = 20
MAX_WORDS = 300  #: Characters of a sentence.

TERMS = frozenset({"quorum", "approvers", "escalate", "minutes", "step_up", "grants"})
WORDS = frozenset({"id", "reason", "advice"})


class Unreadable(ValueError):
    """An annotation that nobody could follow: ``str()`` says which and what to write."""


def terms_of(annotations: Mapping[str, str]) -> Terms:
    """What the annotations of one permit ask of the people who decide.

    :raises Unreadable: a value that means nothing
    """
    return Terms(
        quorum=_read(annotations, "quorum", _quorum, 1),
        groups=_groups(annotations),
        minutes=_read(annotations, "minutes", _minutes, None),
        step_up=_read(annotations, "step_up", _step_up, False),
        grants=_read(annotations, "grants", _grants, None),
    )


def identifier(annotations: Mapping[str, str], otherwise: str) -> str:
    """
    :raises Unreadable: one that could not stand in a log or on a card
    """
    return _read(annotations, "id", _identifier, otherwise)


def sentence(annotations: Mapping[str, str], name: str) -> str:
    """
    :raises Unreadable: empty, too long, or with control characters
    """
    return _read(annotations, name, _sentence, "")


def _read(annotations: Mapping[str, str], name: str, read: Callable[[str], T], otherwise: T) -> T:
    if name not in annotations:
        return otherwise
    value = annotations[name] or ""
    try:
        return read(value)
    except ValueError as error:
        raise Unreadable(f'@{name}("{value[:60]}"): {error}') from None


def _identifier(value: str) -> str:
    if not ID.fullmatch(value):
        raise ValueError("an id has up to 64 letters, digits, and _ . # -")
    return value


def _sentence(value: str) -> str:
    if not value.strip() or len(value) > MAX_WORDS or not value.isprintable():
        raise ValueError(f"write a sentence of at most {MAX_WORDS} plain characters")
    return value


def _number(value: str, most: int, what: str) -> int:
    if not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= most):
        raise ValueError(f"write {what}, 1 to {most}")
    return int(value)


def _quorum(value: str) -> int:
    return _number(value, MAX_QUORUM, "how many people must say yes")


def _minutes(value: str) -> float | None:
    return float(_number(value, MAX_MINUTES, "how many minutes it waits"))


def _step_up(value: str) -> bool:
    if value != "totp":
        raise ValueError('the one second factor there is: "totp"')
    return True


def _grants(value: str) -> frozenset[GrantScope] | None:
    words = _words(value)
    known = {scope.value for scope in GrantScope}
    if words == ["none"]:
        return frozenset()
    if not words or not known.issuperset(words):
        raise ValueError('write "none", or some of: workflow, tool')
    return frozenset(map(GrantScope, words))


def _groups(annotations: Mapping[str, str]) -> frozenset[Group]:
    names: list[str] = _read(annotations, "approvers", _names, [])
    other, after = _read(annotations, "escalate", _escalation, ("", 0.0))
    if other and not names:
        raise Unreadable("@escalate stands beside @approvers: whom does it relieve?")
    return frozenset(Group(name, other, after) for name in names)


def _names(value: str) -> list[str]:
    words = _words(value)
    if not words or not all(map(NAME.fullmatch, words)):
        raise ValueError("write names of [tenants.NAME.groups], with commas between them")
    return words


def _escalation(value: str) -> tuple[str, float]:
    found = ESCALATION.fullmatch(value)
    if not found:
        raise ValueError('write a group and minutes, such as "cfo after 30"')
    return found[1], float(_number(found[2].lstrip("0"), MAX_MINUTES, "the minutes"))


def _words(value: str) -> list[str]:
    return [word.strip() for word in value.split(",")] if value.strip() else []
