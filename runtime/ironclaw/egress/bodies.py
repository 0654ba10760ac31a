"""Reads an answer's body: so many bytes and no more, before and after decompressing."""

from __future__ import annotations

import zlib

from aiohttp import ClientResponse

from ironclaw.errors import EgressUnavailable

CHUNK = 64 * 1024
#: window bits of zlib: gzip or zlib, told apart by the header.
_WINDOW = {"gzip": 47, "x-gzip": 47, "deflate": 47}


async def read_body(response: ClientResponse, most: int) -> bytes:
    """The whole body.

    :raises EgressUnavailable: it is longer than most bytes, cut short, or packed in an unknown way
    """
    raw = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        raw += chunk
        if len(raw) > most:
            raise EgressUnavailable(f"The answer is longer than {most} bytes.")
    return _unpacked(bytes(raw), response.headers.get("content-encoding", "identity").lower().strip(), most)


def _unpacked(raw: bytes, encoding: str, most: int) -> bytes:
    if encoding in ("identity", "") or not raw:
        return raw
    if encoding not in _WINDOW:
        raise EgressUnavailable("The answer is packed in a way that was not asked for.")
    unpacker = zlib.decompressobj(_WINDOW[encoding])
    try:
        body = unpacker.decompress(raw, most + 1)
    except zlib.error:
        raise EgressUnavailable("The answer cannot be unpacked.") from None
    if len(body) > most:
        raise EgressUnavailable(f"The answer is longer than {most} bytes when unpacked.")
    if not unpacker.eof:
        raise EgressUnavailable("The answer was cut short.")
    return body
