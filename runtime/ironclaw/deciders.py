"""Whom to name as those whose yes would count, by the terms of a review.  Whether one may, the veto says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ironclaw.settings import TenantSettings
from ironclaw.task import ApprovalView
from ironclaw.tenancy import Tenancy
from ironclaw.terms import Group, Terms

NAMED = 3  #: People named, at most; the rest are counted.
NOBODY = "Nobody may approve this yet: set approvers in [tenants.{tenant}] of ironclaw.toml."
NO_MEMBER = "Nobody of {groups} exists here: set [tenants.{tenant}.groups]."
NO_COMMON = "Nobody here is of both {groups}: set [tenants.{tenant}.groups]."
ONLY_OWN = "Only who asked could approve this, and nobody approves their own call: add somebody in {place}."
TOO_FEW = "This needs {quorum} people, and only {count} could approve it: add somebody in {place}."


@dataclass(frozen=True, slots=True)
class Deciders:
    """Who could say yes to one review."""

    people: tuple[str, ...] = ()  #: One principal for each person; those in Slack first.
    groups: tuple[str, ...] = ()  #: That each of them has to be of.
    is_open: bool = False  #: Whether Slack, and not the settings, says who is of a group.
    quorum: int = 1
    problem: str = ""  #: Why nobody can, and the remedy; "" where somebody can.

    def words(self, spell: Callable[[str], str] = str) -> str:
        """Such as ``A, B or C``, ``2 of A, B and C``, ``members of finance``.

        :param spell: writes a principal as the door shows it
        """
        if self.is_open:
            return f"{self._count}members of {' and '.join(self.groups)}"
        if self.quorum > 1:
            whole = "" if self.quorum == len(self.people) else f"{self.quorum} of "
            return whole + _joined([*map(spell, self.people)], "and")
        return _joined([*map(spell, self.people)], "or")

    @property
    def _count(self) -> str:
        return f"{self.quorum} " if self.quorum > 1 else ""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a review is asked about, of whom, and on what terms."""

    tenant: str
    requester: str
    terms: Terms
    voters: tuple[str, ...] = ()  #: Who has said yes.
    is_escalated: bool = False


def deciders(tenancy: Tenancy, approval: ApprovalView) -> Deciders:
    """Who could say yes to this review, by the settings as they are."""
    voters = tuple(vote.principal for vote in approval.votes)
    escalated = approval.escalated_at > 0
    return among(
        tenancy, Asked(approval.tenant, approval.requester, approval.terms, voters, is_escalated=escalated)
    )


def among(tenancy: Tenancy, asked: Asked) -> Deciders:
    """The same of a review that nobody has made yet."""
    tenant, terms = tenancy.tenant(asked.tenant), asked.terms
    if tenant is None:
        return Deciders(problem="There is no such tenant here any more.")
    circles = [_members(tenancy, asked, group) for group in sorted(terms.groups)]
    found = frozenset.intersection(*circles) if circles else frozenset(tenant.approvers)
    if terms.approvers:
        found &= frozenset(tenant.approvers)
    is_open = any(_is_open(tenant, group) for group in terms.groups)
    own = () if tenant.self_approval else (asked.requester,)
    others = _without(tenancy, asked.tenant, found, own)
    enough = _too_few(asked, bool(found), len(_people(tenancy, asked.tenant, others)))
    return Deciders(
        people=_people(tenancy, asked.tenant, _without(tenancy, asked.tenant, others, asked.voters)),
        groups=tuple(sorted(group.name for group in terms.groups)),
        is_open=is_open,
        quorum=max(1, terms.quorum - len(asked.voters)),
        problem="" if is_open else _empty(asked, circles) or enough,
    )


def _members(tenancy: Tenancy, asked: Asked, group: Group) -> frozenset[str]:
    """Of a group, and of its other one where that counts, or will while nobody else can."""
    own = tenancy.members(asked.tenant, group.name)
    other = tenancy.members(asked.tenant, group.or_else)
    return own | other if asked.is_escalated or not own else own


def _is_open(tenant: TenantSettings, group: Group) -> bool:
    listed = (tenant.groups.get(name, ()) for name in (group.name, group.or_else))
    return any(each.startswith("@") for names in listed for each in names)


def _without(tenancy: Tenancy, tenant_id: str, ids: frozenset[str], others: Iterable[str]) -> frozenset[str]:
    """Without some people, by whatever identity of theirs."""
    gone = {tenancy.person(tenant_id, each) for each in others}
    return frozenset(each for each in ids if tenancy.person(tenant_id, each) not in gone)


def _people(tenancy: Tenancy, tenant_id: str, ids: Iterable[str]) -> tuple[str, ...]:
    """Who has several identities is named once."""
    ordered = sorted(ids, key=lambda each: (not each.startswith("slack:"), each))
    by_person = {tenancy.person(tenant_id, each): each for each in reversed(ordered)}
    return tuple(sorted(by_person.values(), key=ordered.index))


def _empty(asked: Asked, circles: list[frozenset[str]]) -> str:
    """That nobody is of the groups."""
    names = sorted(group.name for group in asked.terms.groups)
    missing = [name for name, members in zip(names, circles, strict=True) if not members]
    if missing:
        return NO_MEMBER.format(groups=" and ".join(missing), tenant=asked.tenant)
    if circles and not frozenset.intersection(*circles):
        return NO_COMMON.format(groups=" and ".join(names), tenant=asked.tenant)
    return ""


def _too_few(asked: Asked, anybody: bool, count: int) -> str:
    """That those who are there are not enough.

    :param count: of people, without who asked
    """
    place = f"[tenants.{asked.tenant}.groups]" if asked.terms.groups else "approvers"
    if not anybody:
        return NOBODY.format(tenant=asked.tenant)
    if not count:
        return ONLY_OWN.format(place=place)
    if count < asked.terms.quorum:
        return TOO_FEW.format(quorum=asked.terms.quorum, count=count, place=place)
    return ""


def _joined(names: list[str], word: str) -> str:
    """``A, B or C``; more than that are counted."""
    left = len(names) - NAMED
    shown = names[:NAMED]
    if left > 0:
        shown.append("1 other" if left == 1 else f"{left} others")
    return f" {word} ".join([", ".join(shown[:-1]), shown[-1]] if shown[1:] else shown)
