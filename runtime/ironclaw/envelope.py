"""What a dry run says that a call will do, as people see it and approve it.  The real run is held to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GONE, FOLDER = "", "folder"  #: What a path is where it is no file; a file is its SHA-256 in hex.


@dataclass(frozen=True, slots=True)
class FileEffect:
    """One file that is written or removed, or one empty folder that is removed."""

    path: str  #: Relative to the tenant's folder.
    before: str  #: What is there: GONE, FOLDER, or the digest of its bytes.
    after: str  #: What will be there: GONE, or the digest of its bytes.
    size: int  #: Bytes that will be there.
    lines: tuple[str, ...] = ()  #: The difference for people, in printable ASCII but for our own marks.
    note: str = ""  #: Why it has no lines, or what a reader must be told of them.


@dataclass(frozen=True, slots=True)
class RequestEffect:
    """One request that is sent, at most once."""

    method: str
    url: str  #: Rebuilt from its parts: scheme, host, port, path and query.
    headers: tuple[tuple[str, str], ...]  #: Names in lower case, sorted.
    secret: str  #: The name of the secret that goes with it; "" for none.
    body_sha256: str
    size: int  #: Bytes of the body.
    lines: tuple[str, ...] = ()  #: Headers and body for people, as in a file's.
    note: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What came of a dry run: what the call will do, or why nobody knows."""

    files: tuple[FileEffect, ...] = ()
    requests: tuple[RequestEffect, ...] = ()
    problem: str = ""  #: One sentence; then it has no effects, and the run is held to nothing.
    notes: tuple[str, ...] = ()  #: What else it does, or what a reader must be told of it: our own words.

    @property
    def is_binding(self) -> bool:
        """Whether the run is held to these effects."""
        return not self.problem

    def as_json(self) -> dict[str, Any]:
        """For a row, and for what an approval is bound to."""
        # Left out where there are none: what was bound before there were any stays bound.
        notes = {"notes": [*self.notes]} if self.notes else {}
        return notes | {
            "files": [[f.path, f.before, f.after, f.size, list(f.lines), f.note] for f in self.files],
            "requests": [
                [
                    r.method,
                    r.url,
                    [*map(list, r.headers)],
                    r.secret,
                    r.body_sha256,
                    r.size,
                    [*r.lines],
                    r.note,
                ]
                for r in self.requests
            ],
            "problem": self.problem,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Preview:
        """What :meth:`as_json` wrote."""
        files, requests = tuple(map(_file, row["files"])), tuple(map(_request, row["requests"]))
        return cls(files, requests, row["problem"], tuple(row.get("notes", ())))


def _file(row: Sequence[Any]) -> FileEffect:
    path, before, after, size, lines, note = row
    return FileEffect(path, before, after, size, tuple(lines), note)


def _request(row: Sequence[Any]) -> RequestEffect:
    method, url, headers, secret, body_sha256, size, lines, note = row
    pairs = tuple((name, value) for name, value in headers)
    return RequestEffect(method, url, pairs, secret, body_sha256, size, tuple(lines), note)
