"""Keeps secrets out of texts: the configured values first, then well-known kinds of tokens.

Values that are configured are found in any of the usual encodings; tokens that are not are known by their
look, plain or inside base64, hex or gzip.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator

from pydantic import SecretStr

from ironclaw.hookspecs import Services, hookimpl
from ironclaw.settings import Settings
from ironclaw_plugins import leak_patterns
from ironclaw_plugins.leak_values import Values

#: Characters in a run that is worth decoding.
MIN_BLOB = 40
#: Bytes that a compressed run may grow to.
MAX_UNPACKED = 64 * 1024
#: Bytes that all compressed runs of one text may grow to: reading a megabyte takes 0.1 s, and others wait.
MAX_UNPACKED_ALL = 1024 * 1024
TOO_PACKED = "[redacted: a text with too much packed data]"
#: Longer runs are decoded from their first character only, not also from the next three.
MAX_SHIFTED = 8 * 1024

_BLOB = re.compile(rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{{MIN_BLOB},}}={{0,2}}")
_STANDARD = str.maketrans("-_", "+/")


class LeakGuard:
    """The hook ``ironclaw_redact``."""

    def __init__(self, services: Services) -> None:
        self._values = Values(secrets_of(services.settings))

    @hookimpl
    def ironclaw_redact(self, tenant: str, text: str) -> str | None:
        """The text without secrets, or None when it holds none."""
        clean = self._unpacked(self._plain(text))
        return None if clean == text else clean

    def _plain(self, text: str) -> str:
        return leak_patterns.redact(self._values.redact(text))

    def _unpacked(self, text: str) -> str:
        """The text without encoded runs that hide a secret."""
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
        return _BLOB.sub(self._blob, text) if self._hides("\n".join(meanings)) else text

    def _blob(self, match: re.Match[str]) -> str:
        return "[redacted: encoded secret]" if self._hides("\n".join(_decodings(match[0]))) else match[0]

    def _hides(self, text: str) -> bool:
        return self._plain(text) != text


def secrets_of(settings: Settings) -> dict[str, str]:
    """Every secret value of the settings, by its setting's name."""
    fields = ((name, getattr(settings, name)) for name in type(settings).model_fields)
    return {name: value.get_secret_value() for name, value in fields if isinstance(value, SecretStr)}


def _decodings(blob: str) -> Iterator[str]:
    """What the run may mean, as text with one character per byte."""
    for data in _bytes(blob):
        yield data.decode("latin-1")
        if data[:2] in (b"\x1f\x8b", b"\x78\x9c", b"\x78\xda", b"\x78\x01"):
            yield _unpack(data).decode("latin-1")


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


def _unpack(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(data, MAX_UNPACKED)
    except zlib.error:
        return b""
