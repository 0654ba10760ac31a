"""What a rule asks of the people who decide, and what a call was judged on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from ironclaw.envelope import Preview


class GrantScope(Enum):
    """How far a remembered approval reaches."""

    WORKFLOW = "workflow"  #: This workflow.
    TOOL = "tool"  #: This tool with its hosts, in this channel.


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """Whose yes counts: the members of a group, and after a while those of another one too."""

    name: str
    or_else: str = ""
    after_minutes: float = 0.0  #: Until the other group counts, from the moment of asking.


@dataclass(frozen=True, slots=True)
class Terms:
    """What a review asks beside one approver's yes.  The default asks nothing more."""

    quorum: int = 1  #: So many different people.
    groups: frozenset[Group] = frozenset()  #: Each approver must be of every one.
    minutes: float | None = None  #: How long it waits, at most; None for the tenant's setting.
    step_up: bool = False  #: Whether an approver must show a second factor.
    grants: frozenset[GrantScope] | None = None  #: What may be remembered; None where no rule speaks of it.
    approvers: bool = False  #: Whether each must be one of the tenant's approvers as well as of the groups.

    @property
    def asks_approvers(self) -> bool:
        """Whether only approvers of the tenant decide: where no group does, or beside the groups."""
        return self.approvers or not self.groups

    @property
    def scopes(self) -> frozenset[GrantScope]:
        """How far one yes may stand for others.

        Where several people or a second factor are asked for, each call is worth their attention: the others
        who said yes did not say it to a grant.
        """
        is_one_yes = self.quorum == 1 and not self.step_up
        return self.grants or frozenset() if is_one_yes else frozenset()

    def strictest(self, other: Terms) -> Terms:
        """What satisfies the terms of both rules, which match at one moment."""
        minutes = [each for each in (self.minutes, other.minutes) if each is not None]
        return Terms(
            quorum=max(self.quorum, other.quorum),
            groups=self.groups | other.groups,
            minutes=min(minutes, default=None),
            step_up=self.step_up or other.step_up,
            grants=_both(self.grants, other.grants),
            approvers=self.approvers or other.approvers,
        )

    def within(self, other: Terms) -> Terms:
        """What satisfies both, each whole in itself: nobody may decide, and nothing be remembered, that
        only one of them allows.
        """
        both = self.strictest(other)
        grants = None if None in (self.grants, other.grants) else both.grants
        asks_approvers = bool(both.groups) and (self.asks_approvers or other.asks_approvers)
        return replace(both, grants=grants, approvers=asks_approvers)

    def escalates_at(self, asked_at: float) -> float:
        """When the other group of every group counts; 0.0 where there is none."""
        after = [group.after_minutes * 60 for group in self.groups if group.or_else]
        return asked_at + max(after) if after else 0.0

    def as_json(self) -> dict[str, Any]:
        """For a row."""
        return {
            "quorum": self.quorum,
            "groups": [[g.name, g.or_else, g.after_minutes] for g in sorted(self.groups)],
            "minutes": self.minutes,
            "step_up": self.step_up,
            "grants": None if self.grants is None else sorted(scope.value for scope in self.grants),
            "approvers": self.approvers,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Terms:
        """What :meth:`as_json` wrote; of an empty row the default."""
        grants = row.get("grants")
        return cls(
            quorum=row.get("quorum", 1),
            groups=frozenset(Group(*each) for each in row.get("groups", ())),
            minutes=row.get("minutes"),
            step_up=row.get("step_up", False),
            grants=None if grants is None else frozenset(map(GrantScope, grants)),
            approvers=row.get("approvers", False),
        )


def _both(
    one: frozenset[GrantScope] | None, other: frozenset[GrantScope] | None
) -> frozenset[GrantScope] | None:
    if one is None or other is None:
        return one if other is None else other
    return one & other


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a call was proposed in.  Fixed when it is judged: what is read later cannot have shaped it."""

    #: What untrusted text the brain had read, in this task or before in its thread: hosts, "files", "memory".
    taint: frozenset[str] = frozenset()
    #: Where it was asked: of Slack "im", "channel", "group", "mpim"; "" elsewhere.
    channel: str = ""
    #: Hosts that it may ask: an external sink.
    hosts: frozenset[str] = frozenset()
    #: What its own result adds to the taint of the calls after it.
    taints: frozenset[str] = frozenset()
    #: JSON pointers of arguments that the caller left out and the schema filled in.
    defaults: tuple[str, ...] = field(default=())
    #: What the tool may touch, one line each, for people.
    reach: tuple[str, ...] = field(default=())
    #: The principal whose arguments these are; "" where they are the brain's.
    edited_by: str = ""
    #: (JSON pointer, SHA-256) of each file of the workspace that the arguments name, as it was when judged.
    files: tuple[tuple[str, str], ...] = field(default=())
    #: What its dry run says that it will do; None where nobody asked.
    preview: Preview | None = None
    #: Whether its task began by itself: nobody has asked just now.
    scheduled: bool = False

    def as_json(self) -> dict[str, Any]:
        """For a row."""
        # Left out where it is not so: what was bound before there were schedules stays bound.
        scheduled = {"scheduled": True} if self.scheduled else {}
        return scheduled | {
            "taint": sorted(self.taint),
            "channel": self.channel,
            "hosts": sorted(self.hosts),
            "taints": sorted(self.taints),
            "defaults": list(self.defaults),
            "reach": list(self.reach),
            "edited_by": self.edited_by,
            "files": [list(each) for each in self.files],
            "preview": self.preview and self.preview.as_json(),
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Circumstances:
        """What :meth:`as_json` wrote; of an empty row the default."""
        return cls(
            frozenset(row.get("taint", ())),
            row.get("channel", ""),
            frozenset(row.get("hosts", ())),
            frozenset(row.get("taints", ())),
            tuple(row.get("defaults", ())),
            tuple(row.get("reach", ())),
            row.get("edited_by", ""),
            tuple((pointer, sha256) for pointer, sha256 in row.get("files", ())),
            Preview.from_json(row["preview"]) if row.get("preview") else None,
            row.get("scheduled", False),
        )
