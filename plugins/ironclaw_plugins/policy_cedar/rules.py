"""One policy as a rule: what it is called, where it stands, what it may ask, and whether it makes sense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ironclaw.terms import Terms
from ironclaw_plugins.policy_cedar.annotations import (
    TERMS,
    WORDS,
    Unreadable,
    identifier,
    sentence,
    terms_of,
)
from ironclaw_plugins.policy_cedar.mentions import groups_in, tools_in

RUN, ASK = "auto_run", "run_with_approval"

#: Why a policy that Cedar accepts is refused all the same.
UNKNOWN = "there is no annotation @{}; known: " + ", ".join(sorted(TERMS | WORDS))
MISPLACED_TERMS = '@{} stands on a permit of action == Action::"run_with_approval": it says how people decide'
MISPLACED_ADVICE = "@advice stands on a forbid that covers run_with_approval: it says what to do instead"
TENANTS_PERMIT = (
    "a tenant's file only takes away: it holds forbids, and permits of run_with_approval "
    "with terms such as @quorum, which add these terms and permit nothing"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One policy."""

    id: str  #: Unique among all that are asked together.
    file: str  #: Where it stands, for people.
    is_forbid: bool
    is_common: bool  #: Not a tenant's own: only the common ones can permit.
    reason: str = ""  #: For people.
    advice: str = ""  #: For the brain.
    terms: Terms | None = None  #: Of a permit that has some.
    tools: frozenset[str] = frozenset()  #: That it names.
    groups: frozenset[str] = frozenset()  #: Likewise, in its terms or as somebody's role.


def rule(policy: Mapping[str, Any], otherwise: str, file: str, is_common: bool) -> Rule:
    """A policy, as Cedar's JSON has it, read and checked.

    :param otherwise: its id where it has none
    :raises Unreadable: it could not mean what its author thinks
    """
    said: Mapping[str, str] = policy.get("annotations", {})
    name = identifier(said, otherwise)
    try:
        _check(policy, said, is_common)
        terms = terms_of(said) if TERMS.intersection(said) else None
        return Rule(
            id=name,
            file=file,
            is_forbid=policy["effect"] == "forbid",
            is_common=is_common,
            reason=sentence(said, "reason"),
            advice=sentence(said, "advice"),
            terms=terms,
            tools=frozenset(tools_in(policy)),
            groups=frozenset([*groups_in(policy), *_groups(terms)]),
        )
    except Unreadable as error:
        raise Unreadable(f"{name}: {error}") from None


def _check(policy: Mapping[str, Any], said: Mapping[str, str], is_common: bool) -> None:
    unknown = sorted(set(said) - TERMS - WORDS)
    terms = sorted(TERMS.intersection(said))
    is_forbid, actions = policy["effect"] == "forbid", _actions(policy["action"])
    if unknown:
        raise Unreadable(UNKNOWN.format(unknown[0]))
    if terms and (is_forbid or actions != {ASK}):
        raise Unreadable(MISPLACED_TERMS.format(terms[0]))
    if "advice" in said and not (is_forbid and ASK in actions):
        raise Unreadable(MISPLACED_ADVICE)
    if not is_common and not is_forbid and not terms:
        raise Unreadable(TENANTS_PERMIT)


def _groups(terms: Terms | None) -> list[str]:
    named = [(group.name, group.or_else) for group in terms.groups] if terms else []
    return [name for names in named for name in names if name]


def _actions(scope: Mapping[str, Any]) -> set[str]:
    """Which of the two questions a policy answers."""
    named = scope.get("entities", [scope["entity"]] if "entity" in scope else None)
    return {RUN, ASK} if named is None else {each["id"] for each in named}
