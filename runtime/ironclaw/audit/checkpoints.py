"""Signed heads of the audit chains, in a file outside the database: how the bot writes it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ironclaw.audit.kept import Entry, Kept, Restore, check_signature, kept_of, parsed, signed, whole
from ironclaw.canonical import canonical
from ironclaw.errors import StoreError
from ironclaw.keys import load_key, sync_folder
from ironclaw.store import Head

log = structlog.get_logger(__name__)


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

    def restores(self) -> tuple[Restore, ...]:
        """Every restore that the file knows, oldest first.

        :raises IronclawError: as :meth:`write`
        """
        with self._appending():
            assert self._kept is not None  # noqa: S101 - _appending has read it
            return tuple(self._kept.restores)

    def intend(self, restore: Mapping[str, Any], now: float) -> None:
        """Before a backup is put in place: keep the line that says so beside the file, signed.

        A crash leaves the database of before or the one that the line names: :meth:`settle` knows which.

        :param restore: ``backup_at``, ``instance``, ``life`` and ``heads``
        :raises IronclawError: as :meth:`write`
        """
        with self._appending():
            line = self._made({"kind": "restored", "at": now, **restore})
        aside = self._next.with_suffix(".part")
        with open(aside, "wb", opener=_private) as out:
            out.truncate()
            out.write(line + b"\n")
            out.flush()
            os.fsync(out.fileno())
        os.replace(aside, self._next)
        sync_folder(self._next.parent)

    def settle(self, instance: str) -> None:
        """Append the line of a restore that has happened, and forget that of one that has not.

        :param instance: which database is in place
        :raises IronclawError: as :meth:`write`
        """
        if not self._next.exists():
            return
        with self._appending() as out:
            line = self._next.read_bytes().rstrip(b"\n")
            if self._is_next(line, instance):
                self._take(out, line)
                out.flush()
                os.fsync(out.fileno())
            self._next.unlink()

    def write(self, heads: Iterable[Head], now: float, *, has_others: bool = False) -> int:
        """Append the heads that moved since they were last written.

        :param has_others: other processes write too: a head that is older than theirs was read before it
        :return: how many
        :raises IronclawError: the file or the key cannot be used, or the file is not as we left it
        """
        with self._appending() as out:
            moved = [head for head in heads if self._heads.get(head.tenant) != head]
            if has_others:
                moved = [head for head in moved if not self._is_older(head)]
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

    @property
    def _next(self) -> Path:
        return self._file.with_suffix(".restoring")

    def _is_next(self, line: bytes, instance: str) -> bool:
        """Whether it is ours, follows the file's last line, and speaks of this database."""
        assert self._kept is not None  # noqa: S101 - _appending has read it
        try:
            entry = parsed(line)
            check_signature(entry, self._kept.key)
        except ValueError:
            return False
        return entry["prev"] == self._kept.tail and entry.get("instance") == instance

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
            out.truncate(len(whole(content)))
            self._kept = kept_of(content, self._first_key())
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
        self._take(out, self._made(entry))

    def _made(self, entry: Entry) -> bytes:
        """The line that says this after all that was said before."""
        assert self._kept is not None  # noqa: S101 - _appending has read it
        entry = {**entry, "prev": self._kept.tail}
        signature = _signer(self._key_file).sign(signed(entry)).hex()
        return canonical({**entry, "signature": signature})

    def _take(self, out: BinaryIO, line: bytes) -> None:
        assert self._kept is not None  # noqa: S101 - _appending has read it
        restores = len(self._kept.restores)
        self._kept.take(line)
        if len(self._kept.restores) > restores:
            self._heads.clear()
        self._heads |= {each.head.tenant: each.head for each in self._kept.checkpoints}
        self._kept.checkpoints.clear()  # The newest head of each tenant is all that is needed here.
        out.write(line + b"\n")

    def _is_older(self, head: Head) -> bool:
        last = self._heads.get(head.tenant)
        return last is not None and head.n < last.n

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
