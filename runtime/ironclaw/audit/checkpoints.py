"""Signed heads of the audit chains, in a file outside the database.

Whoever can rewrite the database can make a whole chain that fits in itself, cut it, or put back an old
copy; they cannot make it fit what was signed before.  The file holds one JSON object a line, each with the
hash of the line before and an Ed25519 signature: a head ``{tenant, n, hash}``, or a new public key, signed by
the old one.  Copy the file and the first public key to where the bot's host cannot write.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ironclaw.canonical import canonical
from ironclaw.errors import IronclawError, StoreError
from ironclaw.keys import load_key
from ironclaw.store import FIRST_LINK, Head

PURPOSE = b"ironclaw checkpoint 1\n"  #: So that no signature of ours can stand for another.

log = structlog.get_logger(__name__)
Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head that was kept outside the database."""

    head: Head
    at: float = 0.0  #: Unix seconds; 0 when nobody knows.


@dataclass(slots=True)
class Kept:
    """What a checkpoint file says, as far as its signatures hold."""

    key: str  #: Public key in force, hex: at first the reader's own, then as the file's lines change it.
    checkpoints: list[Checkpoint] = field(default_factory=list)
    tail: str = FIRST_LINK  #: Hash of the last good line.
    fault: str = ""  #: What is wrong with the line after it; "" when all is well.

    def take(self, line: bytes) -> None:
        """One line more.

        :raises ValueError: it is not one of ours, or not here
        """
        entry = _parsed(line)
        _check_signature(entry, self.key)
        if entry["prev"] != self.tail:
            raise ValueError("does not follow the line before it")
        if entry["kind"] == "key":
            self.key = entry["public_key"]
        else:
            head = Head(entry["tenant"], entry["n"], entry["hash"])
            self.checkpoints.append(Checkpoint(head, entry["at"]))
        self.tail = hashlib.sha256(line).hexdigest()


def read(file: Path, public_key: str) -> Kept:
    """The checkpoints of a file, checked with the public key alone.

    :param public_key: the first one, hex; later ones are signed by those before them
    :raises StoreError: the file cannot be read
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise StoreError(f"{file.name}: the checkpoints cannot be read: {error.strerror}.") from None
    return _kept(content, public_key)


def _kept(content: bytes, public_key: str) -> Kept:
    kept = Kept(public_key)
    for number, line in enumerate(_whole(content).splitlines(), start=1):
        try:
            kept.take(line)
        except ValueError as error:
            kept.fault = f"line {number} {error}"
            break
    return kept


def _whole(content: bytes) -> bytes:
    """Without a last line that a crash cut off: it proves nothing."""
    return content[: content.rfind(b"\n") + 1]


class Checkpoints:
    """The bot's side: signs, appends, rotates.  Several processes may do so, one after the other."""

    def __init__(self, file: Path, key_file: Path) -> None:
        """
        :param file: made where missing, with its first public key beside it (``.pub``)
        :param key_file: the host's; the signing key is kept beside it
        """
        self._file = file
        self._key_file = key_file.with_name("checkpoints.key")
        self._kept: Kept | None = None
        self._size = 0
        self._heads: dict[str, Head] = {}

    @property
    def name(self) -> str:
        """Of the file, for messages."""
        return self._file.name

    def newest(self) -> tuple[Head, ...]:
        """Of each tenant, the head that was signed last.

        :raises IronclawError: as :meth:`write`
        """
        with self._appending():
            return tuple(self._heads.values())

    def write(self, heads: Iterable[Head], now: float) -> int:
        """Append the heads that moved since they were last written.

        :return: how many
        :raises IronclawError: the file or the key cannot be used, or the file is not as we left it
        """
        with self._appending() as out:
            moved = [head for head in heads if self._heads.get(head.tenant) != head]
            for head in moved:
                self._warn_of_rollback(head)
                entry = {"kind": "head", "at": now, "tenant": head.tenant, "n": head.n, "hash": head.hash}
                self._append(out, entry)
        return len(moved)

    def rotate(self, now: float) -> str:
        """Sign with a new key from now on; the old one signs it, and is gone.

        :return: the new public key, hex
        :raises IronclawError: as :meth:`write`
        """
        new = self._key_file.with_suffix(".next")
        with self._appending() as out:
            public_key = _public(_signer(new))
            self._append(out, {"kind": "key", "at": now, "public_key": public_key})
            os.fsync(out.fileno())
            os.replace(new, self._key_file)
        return public_key

    @contextmanager
    def _appending(self) -> Iterator[BinaryIO]:
        """The file, ours alone, known to its end; durable when the block ends."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(self._file, "a+b", opener=_private) as out:
                fcntl.flock(out, fcntl.LOCK_EX)
                self._catch_up(out)
                yield out
                out.flush()
                os.fsync(out.fileno())
                self._size = out.tell()
        except OSError as error:
            raise StoreError(f"{self._file.name}: cannot be written: {error.strerror}.") from None

    def _catch_up(self, out: BinaryIO) -> None:
        """Read what others wrote since, and take off what a crash left half written."""
        out.seek(0)
        content = out.read() if os.fstat(out.fileno()).st_size != self._size or not self._kept else b""
        if content or self._kept is None:
            out.truncate(len(_whole(content)))
            self._kept = _kept(content, self._first_key())
            self._heads = {each.head.tenant: each.head for each in self._kept.checkpoints}
        if self._kept.fault:
            raise StoreError(
                f"{self._file.name}: {self._kept.fault}. Look who changed it, then move it away."
            )
        self._finish_rotation(self._kept.key)
        out.seek(0, os.SEEK_END)

    def _first_key(self) -> str:
        public = self._file.with_suffix(".pub")
        if not public.exists():
            public.write_text(_public(_signer(self._key_file)) + "\n")
        return public.read_text().strip()

    def _finish_rotation(self, key: str) -> None:
        """After a crash between the line that names the new key and the key's own file."""
        new = self._key_file.with_suffix(".next")
        if new.exists() and _public(_signer(new)) == key:
            os.replace(new, self._key_file)

    def _append(self, out: BinaryIO, entry: Entry) -> None:
        assert self._kept is not None  # noqa: S101 - _appending has read it
        entry = {**entry, "prev": self._kept.tail}
        signature = _signer(self._key_file).sign(_signed(entry)).hex()
        line = canonical({**entry, "signature": signature})
        self._kept.take(line)
        self._kept.checkpoints.clear()  # The newest head of each tenant is all that is needed here.
        if entry["kind"] == "head":
            self._heads[entry["tenant"]] = Head(entry["tenant"], entry["n"], entry["hash"])
        out.write(line + b"\n")

    def _warn_of_rollback(self, head: Head) -> None:
        last = self._heads.get(head.tenant)
        if last and head.n <= last.n:
            log.error("audit_rolled_back", tenant=head.tenant, was=last.n, now=head.n)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _signer(key_file: Path) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(load_key(key_file))


def _public(signer: Ed25519PrivateKey) -> str:
    return signer.public_key().public_bytes_raw().hex()


def _signed(entry: Mapping[str, Any]) -> bytes:
    return PURPOSE + canonical({name: value for name, value in entry.items() if name != "signature"})


_SHAPES: dict[str, dict[str, Any]] = {
    "head": {"at": float | int, "tenant": str, "n": int, "hash": str},
    "key": {"at": float | int, "public_key": str},
}


def _parsed(line: bytes) -> Entry:
    try:
        entry = json.loads(line)
        shape: dict[str, Any] = {"kind": str, "prev": str, "signature": str, **_SHAPES[entry["kind"]]}
        is_ours = entry.keys() == shape.keys() and canonical(entry) == line
        is_ours = is_ours and all(isinstance(entry[name], kind) for name, kind in shape.items())
    except (ValueError, TypeError, LookupError, RecursionError, IronclawError):
        is_ours = False
    if not is_ours:
        raise ValueError("is not a checkpoint")
    return dict(entry)


def _check_signature(entry: Entry, key: str) -> None:
    try:
        public_key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        public_key.verify(bytes.fromhex(entry["signature"]), _signed(entry))
    except (InvalidSignature, ValueError):
        raise ValueError("is not signed by the key in force") from None
