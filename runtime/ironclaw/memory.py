"""What a memory is, who may be reminded of it, and the seal that shows that nobody has changed it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass, fields
from enum import Enum

from ironclaw.canonical import mac, subkey
from ironclaw.task import Address


class Visibility(Enum):
    """Whom a memory is for."""

    EVERYBODY = "everybody"  #: Everybody of the tenant.
    CHANNEL = "channel"  #: Whoever asks in the channel where it was made.
    AUTHOR = "author"  #: Who made it, and nobody else.


class Source(Enum):
    """Who says so."""

    USER = "user"  #: A person, in their own words.
    APPROVER = "approver"  #: The brain, and a person has read and kept it.
    TOOL = "tool"  #: The brain, and a policy let it in unread.
    WEB = "web"  #: A page, which nobody vouches for.
    SUMMARY = "summary"  #: The brain's words for something longer.


KINDS = ("fact", "preference", "decision")


@dataclass(frozen=True, slots=True)
class Memory:
    """One memory, as its row has it."""

    id: str  #: "m-" and random hex digits.
    tenant: str
    subject_user: str  #: Whose it is: a Principal's id.
    visibility: Visibility
    text: str
    source: Source
    created_at: float
    place: str = ""  #: Of the visibility CHANNEL: see :func:`place_of`.
    kind: str = "fact"
    source_ref: str = ""  #: Where it was said: a workflow and its call, or a door's own words.
    taint: frozenset[str] = frozenset()  #: What untrusted text the brain had read that proposed it.
    expires_at: float = 0.0  #: Unix seconds; 0: never.
    superseded_by: str = ""  #: The memory that took its place.
    approved_by: str = ""  #: The principal who has said yes to its text; "" where it is their own.
    index_version: str = ""  #: Which index has all of it; not under the seal.
    mac: str = ""  #: The host's seal.
    #: Whether by the audit log it was forgotten, or gave way, and by its row not; not under the seal.
    is_outlived: bool = False

    @property
    def sha256(self) -> str:
        """Of the text, hex."""
        return text_sha256(self.text)

    @property
    def trust(self) -> str:
        """Whether a person has vouched for it: "person" or "nobody"."""
        return "person" if self.source in (Source.USER, Source.APPROVER) else "nobody"

    @property
    def taints(self) -> frozenset[str]:
        """What it adds to the taint of a run that is given it: nothing where a person said it themselves.

        A memory may be poisoned in one run to be believed in another: that one's calls go to people.
        """
        is_clean = not self.taint and self.trust == "person"
        return frozenset() if is_clean else frozenset({f"memory {self.id}"})

    def is_live(self, now: float) -> bool:
        """Whether it still counts."""
        return not self.superseded_by and not 0 < self.expires_at <= now

    def is_for(self, people: Collection[str], place: str) -> bool:
        """Whether somebody who asks there may be given it.

        :param people: every identity of theirs
        :param place: where they ask; "" for nowhere that others hear
        """
        if self.visibility is Visibility.EVERYBODY:
            return True
        if self.visibility is Visibility.CHANNEL:
            return bool(place) and self.place == place
        return self.subject_user in people


def text_sha256(text: str) -> str:
    """The digest of a text, hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def place_of(came_by: str, address: Address) -> str:
    """The channel that a task was asked in, as far as its door vouches for it; "" for none.

    A caller of one door may have the answer told in another one's channel, in which they need not be.
    """
    channel = address.place.get("channel", "")
    return f"{address.door}:{channel}" if channel and came_by == address.door else ""


_UNSEALED = ("index_version", "mac", "is_outlived")
SEALED = tuple(field.name for field in fields(Memory) if field.name not in _UNSEALED)


class MemorySeals:
    """Seals rows with a key that is not in the database: what is edited behind our back shows."""

    def __init__(self, key: bytes) -> None:
        """
        :param key: the host's own, which stays over a restore
        """
        self._key = subkey(key, "memory")
        self._receipt_key = subkey(key, "memory receipt")

    def seal(self, memory: Memory) -> str:
        """The seal that its row must have."""
        said = {name: getattr(memory, name) for name in SEALED}
        plain = {"visibility": memory.visibility.value, "source": memory.source.value}
        return mac(self._key, {**said, **plain, "taint": sorted(memory.taint)})

    def is_ours(self, memory: Memory) -> bool:
        """Whether this host has sealed it as it stands, and did nothing to it since."""
        return not memory.is_outlived and hmac.compare_digest(memory.mac.encode(), self.seal(memory).encode())

    def receipt(self, forgotten: Collection[Memory]) -> str:
        """What stands for forgotten memories: nobody without the key can try what their texts were."""
        return mac(self._receipt_key, sorted([each.tenant, each.id, each.sha256] for each in forgotten))
