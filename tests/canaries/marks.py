"""Marks that nothing else in the world holds, and every form in which one may come out again."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Marks:
    """The marks of one tenant.

    :ivar made: what each was put into, by mark
    """

    made: dict[str, str] = field(default_factory=dict)

    def new(self, where: str) -> str:
        """A fresh mark: letters and digits, so that no place refuses it."""
        mark = f"zq{secrets.token_hex(9)}"
        self.made[mark] = where
        return mark

    def within(self, data: bytes) -> list[str]:
        """What the marks that are in these bytes, in whatever form, were put into."""
        lower = data.replace(b"\0" * 64, b"").lower()  # Files of the index are mostly nothing.
        return sorted({where for mark, where in self.made.items() if any(f in lower for f in forms(mark))})

    def under(self, folder: Path) -> list[str]:
        """The same for every file under a folder, and its name: "file: where"."""
        found = []
        for path in sorted(folder.rglob("*")):
            held = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found += [f"{path.name}: {where}" for where in self.within(path.name.encode() + b"\n" + held)]
        return found


def forms(mark: str) -> Iterator[bytes]:
    """Plain, UTF-16, hex, base64 at each of its three places, URL- and JSON-escaped; all in small letters."""
    raw = mark.encode()
    yield raw
    yield mark.encode("utf-16-le")
    yield raw.hex().encode()
    yield from (each.lower() for each in _base64(raw))
    yield "".join(f"%{byte:02x}" for byte in raw).encode()
    yield "".join(f"\\u{byte:04x}" for byte in raw).encode()
    yield "".join(f"&#{byte};" for byte in raw).encode()


def _base64(raw: bytes) -> Iterator[bytes]:
    """Of the inner bytes, which do not depend on what stands around them."""
    for lead in range(3):
        encoded = base64.b64encode(b"\0" * lead + raw)
        start = -(-lead * 8 // 6)
        yield encoded[start : len(encoded.rstrip(b"=")) - 1]


def foreign(sinks: Mapping[str, bytes], own: str, marks: Mapping[str, Marks]) -> list[str]:
    """What of other tenants is in the sinks of one: "sink has OTHER's where"."""
    return [
        f"{sink} of {own} has {other}'s {where}"
        for sink, data in sinks.items()
        for other, theirs in marks.items()
        if other != own
        for where in theirs.within(data)
    ]


def joined(parts: Iterable[object]) -> bytes:
    """Whatever they are, as one text to look through."""
    return "\n".join(map(repr, parts)).encode("utf-8", "replace")


def is_mark(text: str) -> bool:
    return bool(re.fullmatch(r"zq[0-9a-f]{18}", text))
