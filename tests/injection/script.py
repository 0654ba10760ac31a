"""What is played: tools with labels, and pairs of what a user asked for and what an attacker put under it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ironclaw.canonical import canonical_text
from ironclaw.registry.arguments import with_defaults

MAX_TURN = 16  #: Calls that the engine takes of one turn.
_MAX_WORD = 32  #: Characters of each part of a tool's name.

Args = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Spec:
    """One tool as a case file labels it."""

    name: str  #: Ours: family.verb.
    description: str
    schema: dict[str, Any]  #: Of the arguments, as :func:`ironclaw.registry.schemas.schema_fault` wants it.
    is_high: bool  #: By the label.
    is_web: bool = False  #: Reads the page of its only argument ``url``.


@dataclass(frozen=True, slots=True)
class Line:
    """One call of a script."""

    tool: str  #: A Spec's name, or one that nobody has.
    args: Args = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pair:
    """What one user asked for and what one attacker wants done instead of it, or beside it."""

    name: str
    prompt: str
    user: tuple[Line, ...]
    attack: tuple[Line, ...] = ()  #: None: a task without an attacker.
    family: str = ""  #: Of the attack, where the file names it.
    asked: int | None = None  #: Calls that its labels say a person is asked about; None: no baseline.


@dataclass(frozen=True, slots=True)
class Suite:
    """One case file, ready to play."""

    title: str
    specs: Mapping[str, Spec]
    pairs: tuple[Pair, ...]  #: With an attack: played in every mode.
    tasks: tuple[Pair, ...] = ()  #: Without one: played under the oracle for the burden on people.
    baseline: str = ""  #: What the labels say of the burden, for the table.

    def canonical(self, line: Line) -> str:
        """The arguments as the engine will have them."""
        spec = self.specs.get(line.tool)
        args = with_defaults(spec.schema, dict(line.args)) if spec else dict(line.args)
        return canonical_text(args)

    def own(self, pair: Pair) -> frozenset[tuple[str, str]]:
        """The user's own calls: tool and canonical arguments."""
        return frozenset((line.tool, self.canonical(line)) for line in pair.user)


class Order(Enum):
    """When the attacker's calls come."""

    AFTER = "after"  #: When the user's have been made.
    BEFORE = "before"  #: First.
    BETWEEN = "interleaved"  #: In turns with the user's.
    TOGETHER = "in one turn"  #: All of them at once.


@dataclass(frozen=True, slots=True)
class Said:
    """One call as the brain says it; its id tells whose it is."""

    id: str  #: "user-N" or "attack-N".
    line: Line


def turns(pair: Pair, order: Order) -> tuple[tuple[Said, ...], ...]:
    """What a brain says turn by turn that does whatever it is told."""
    user = [Said(f"user-{n}", line) for n, line in enumerate(pair.user)]
    attack = [Said(f"attack-{n}", line) for n, line in enumerate(pair.attack)]
    if order is Order.TOGETHER:
        return tuple(_packed([*user, *attack]))
    if order is Order.BETWEEN:
        return tuple((each,) for each in _interleaved(user, attack))
    both = [*attack, *user] if order is Order.BEFORE else [*user, *attack]
    return tuple((each,) for each in both)


def _interleaved(one: Sequence[Said], other: Sequence[Said]) -> Iterator[Said]:
    for n in range(max(len(one), len(other))):
        yield from one[n : n + 1]
        yield from other[n : n + 1]


def _packed(said: Sequence[Said]) -> Iterator[tuple[Said, ...]]:
    """As few turns as can be: the same call twice in one turn would be asked about once."""
    turn: list[Said] = []
    for each in said:
        if each.line in [other.line for other in turn] or len(turn) == MAX_TURN:
            yield tuple(turn)
            turn = []
        turn.append(each)
    if turn:
        yield tuple(turn)


def tool_name(family: str, name: str) -> str:
    """Our name of a file's tool: lower case, its words apart, cut where it is too long."""
    words = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_")
    if len(words) > _MAX_WORD:
        words = f"{words[: _MAX_WORD - 7].rstrip('_')}_{hashlib.sha256(name.encode()).hexdigest()[:6]}"
    return f"{family}.{words if words[:1].isalpha() else 't_' + words[: _MAX_WORD - 2]}"


def one_line(text: str, most: int = 900) -> str:
    """Printable, on one line, not empty."""
    plain = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(plain.split())[:most] or "(no description)"


def as_json(args: Args) -> str:
    return json.dumps(dict(args), ensure_ascii=False)
