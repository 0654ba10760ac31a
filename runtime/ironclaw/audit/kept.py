"""Signed heads of the audit chains, in a file outside the database: how it is read.

Whoever can rewrite the database can make a whole chain that fits in itself, cut it, or put back an old
copy; they cannot make it fit what was signed before.  The file holds one JSON object a line, each with the
hash of the line before and an Ed25519 signature: a head ``{tenant, n, hash}``; a new public key, signed by
the old one; or that the database was restored from a backup, and which of the heads before that still hold.
Copy the file and the first public key to where the bot's host cannot write.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ironclaw.canonical import canonical
from ironclaw.errors import IronclawError, StoreError
from ironclaw.store import FIRST_LINK, Head

PURPOSE = b"ironclaw checkpoint 1\n"  #: So that no signature of ours can stand for another.

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head that was kept outside the database."""

    head: Head
    at: float = 0.0  #: Unix seconds; 0 when nobody knows.


@dataclass(frozen=True, slots=True)
class Restore:
    """That the database was put back to a backup, by our own command."""

    at: float  #: Unix seconds.
    backup_at: float  #: When the backup was made.
    instance: str  #: Which database it is since.
    undone: tuple[tuple[str, int, int], ...]  #: By tenant: the last event that stayed, and that was known.


@dataclass(slots=True)
class Kept:
    """What a checkpoint file says, as far as its signatures hold."""

    key: str  #: Public key in force, hex: at first the reader's own, then as the file's lines change it.
    lives: list[list[Checkpoint]] = field(default_factory=lambda: [[]])  #: What held after each restore.
    restores: list[Restore] = field(default_factory=list)
    tail: str = FIRST_LINK  #: Hash of the last good line.
    fault: str = ""  #: What is wrong with the line after it; "" when all is well.

    @property
    def checkpoints(self) -> list[Checkpoint]:
        """What holds now, in the order of the file."""
        return self.lives[-1]

    def take(self, line: bytes) -> None:
        """One line more.

        :raises ValueError: it is not one of ours, or not here
        """
        entry = parsed(line)
        check_signature(entry, self.key)
        if entry["prev"] != self.tail:
            raise ValueError("does not follow the line before it")
        if entry["kind"] == "key":
            self.key = entry["public_key"]
        elif entry["kind"] == "restored":
            self._restore(entry)
        else:
            head = Head(entry["tenant"], entry["n"], entry["hash"])
            self.checkpoints.append(Checkpoint(head, entry["at"]))
        self.tail = hashlib.sha256(line).hexdigest()

    def _restore(self, entry: Entry) -> None:
        """From here on the heads of the backup hold, and what one of the lives knew before them."""
        if not 0 <= entry["life"] < len(self.lives):
            raise ValueError("is not a checkpoint")
        heads = {tenant: Head(tenant, n, digest) for tenant, (n, digest) in entry["heads"].items()}
        last: dict[str, int] = {each.head.tenant: each.head.n for each in self.checkpoints}
        undone = [(tenant, heads[tenant].n if tenant in heads else 0, n) for tenant, n in last.items()]
        known = (each for each in self.lives[entry["life"]] if each.head.tenant in heads)
        stays = [each for each in known if each.head.n < heads[each.head.tenant].n]
        self.lives.append([*stays, *(Checkpoint(head, entry["at"]) for head in heads.values())])
        lost = tuple(each for each in undone if each[1] < each[2])
        self.restores.append(Restore(entry["at"], entry["backup_at"], entry["instance"], lost))


def read(file: Path, public_key: str) -> Kept:
    """The checkpoints of a file, checked with the public key alone.

    :param public_key: the first one, hex; later ones are signed by those before them
    :raises StoreError: the file cannot be read
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise StoreError(f"{file.name}: the checkpoints cannot be read: {error.strerror}.") from None
    return kept_of(content, public_key)


def kept_of(content: bytes, public_key: str) -> Kept:
    kept = Kept(public_key)
    for number, line in enumerate(whole(content).splitlines(), start=1):
        try:
            kept.take(line)
        except ValueError as error:
            kept.fault = f"line {number} {error}"
            break
    return kept


def whole(content: bytes) -> bytes:
    """Without a last line that a crash cut off: it proves nothing."""
    return content[: content.rfind(b"\n") + 1]


def signed(entry: Mapping[str, Any]) -> bytes:
    return PURPOSE + canonical({name: value for name, value in entry.items() if name != "signature"})


_SHAPES: dict[str, dict[str, Any]] = {
    "head": {"at": float | int, "tenant": str, "n": int, "hash": str},
    "key": {"at": float | int, "public_key": str},
    "restored": {
        "at": float | int,
        "backup_at": float | int,
        "instance": str,
        "life": int,
        "heads": dict,
    },
}


def parsed(line: bytes) -> Entry:
    try:
        entry = json.loads(line)
        shape: dict[str, Any] = {"kind": str, "prev": str, "signature": str, **_SHAPES[entry["kind"]]}
        is_ours = entry.keys() == shape.keys() and canonical(entry) == line
        is_ours = is_ours and all(isinstance(entry[name], kind) for name, kind in shape.items())
        is_ours = is_ours and all(map(_is_head, entry.get("heads", {}).values()))
    except (ValueError, TypeError, LookupError, RecursionError, IronclawError):
        is_ours = False
    if not is_ours:
        raise ValueError("is not a checkpoint")
    return dict(entry)


def _is_head(value: object) -> bool:
    return isinstance(value, list) and [int, str] == [type(each) for each in value]


def check_signature(entry: Entry, key: str) -> None:
    try:
        public_key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        public_key.verify(bytes.fromhex(entry["signature"]), signed(entry))
    except (InvalidSignature, ValueError):
        raise ValueError("is not signed by the key in force") from None
