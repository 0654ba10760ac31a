"""Looks into encoded runs of a text: base64, hex, and what is compressed inside them."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Iterator

#: Gives a text back without what must not be seen.
Redact = Callable[[str], str]

#: Characters in a run that is worth decoding.
MIN_BLOB = 40
#: Bytes that a compressed run may grow to.
MAX_UNPACKED = 64 * 1024
#: Bytes that all compressed runs of one text may grow to: reading a megabyte takes 0.1 s, and others wait.
MAX_UNPACKED_ALL = 1024 * 1024
TOO_PACKED = "[redacted: a text with too much packed data]"
#: Longer runs are decoded from their first character only, not also from the next three.
MAX_SHIFTED = 8 * 1024
#: How gzip and zlib begin.
PACKED = (b"\x1f\x8b", b"\x78\x9c", b"\x78\xda", b"\x78\x01")

_BLOB = re.compile(rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{{MIN_BLOB},}}={{0,2}}")
_STANDARD = str.maketrans("-_", "+/")


def unpacked(text: str, redact: Redact) -> str:
    """The text without encoded runs that hide what ``redact`` takes out of plain ones."""
    if not any(len(word) >= MIN_BLOB for word in text.split()):
        return text
    meanings: list[str] = []
    room = MAX_UNPACKED_ALL
    for blob in _BLOB.findall(text):
        found = list(_decodings(blob))
        room -= max(0, sum(map(len, found)) - 4 * len(blob))  # Decoding alone gives three times as much.
        if room < 0:
            return TOO_PACKED
        meanings += found

    def without(match: re.Match[str]) -> str:
        return "[redacted: encoded secret]" if _hides("\n".join(_decodings(match[0])), redact) else match[0]

    return _BLOB.sub(without, text) if _hides("\n".join(meanings), redact) else text


def unpack(data: bytes, most: int = MAX_UNPACKED) -> bytes:
    """What gzip or zlib data begins with, at most so many bytes; nothing where it is neither."""
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(data, most)
    except zlib.error:
        return b""


def _hides(text: str, redact: Redact) -> bool:
    return redact(text) != text


def _decodings(blob: str) -> Iterator[str]:
    """What the run may mean, as text with one character per byte."""
    for data in _bytes(blob):
        yield data.decode("latin-1")
        if data[:2] in PACKED:
            yield unpack(data).decode("latin-1")


def _bytes(blob: str) -> Iterator[bytes]:
    if re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", blob):
        yield bytes.fromhex(blob)
        return
    run = blob.rstrip("=").translate(_STANDARD)
    # A run may begin with characters that are not of the encoding, such as a path before it.
    for shift in range(4 if len(run) <= MAX_SHIFTED else 1):
        shifted = run[shift:]
        try:
            yield base64.b64decode(shifted + "=" * (-len(shifted) % 4))
        except binascii.Error:
            yield base64.b64decode(shifted[:-1])
