"""Takes secret values out of what a server answers, before a tool sees it."""

from __future__ import annotations

from dataclasses import replace

from ironclaw.capabilities import HttpResponse
from ironclaw.redaction import Values, unpacked
from ironclaw.redaction.packed import PACKED, unpack

WITHHELD = "[redacted: an answer that hides a secret]"
CUT = "[redacted: a header of an answer that is too long to be read whole]"
MAX_UNPACKED = 4 << 20  #: Bytes of a body that is itself gzip or zlib.


def scrubbed(values: Values, response: HttpResponse, header_cut: int) -> HttpResponse:
    """The answer without the values, plain or in any of the usual encodings.

    :param header_cut: characters after which egress cuts a header's value: what it cut may be half a secret
    """
    if not values:
        return response
    headers = tuple(
        (name, CUT if len(value) >= header_cut else _clean(values, value)) for name, value in response.headers
    )
    return replace(response, headers=headers, body=_clean_body(values, response.body))


def _clean(values: Values, text: str) -> str:
    return unpacked(values.redact(text), values.redact)


def _clean_body(values: Values, body: bytes) -> bytes:
    if _is_hidden(values, body):
        return WITHHELD.encode()
    text = _text(body)
    clean = _clean(values, text)
    return body if clean == text else clean.encode("utf-8", "surrogateescape")


def _is_hidden(values: Values, body: bytes) -> bool:
    """Whether a value is in a compressed body, or in one of two-byte characters."""
    inner = [unpack(body, MAX_UNPACKED)] if body[:2] in PACKED else []
    inner += [body.replace(b"\0", b"")] if b"\0" in body else []
    return any(_clean(values, text) != text for text in map(_text, inner))


def _text(body: bytes) -> str:
    """Bytes as text that gives the same bytes back."""
    return body.decode("utf-8", "surrogateescape")
