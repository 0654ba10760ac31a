"""What may be remembered: one short declarative text, without secrets; what else is odd of it is said."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from ironclaw.errors import BadRequest

MOST_BYTES = 500
#: Words by which texts give orders to whoever reads them; a fact about a thing needs none of them.
_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instruction|previous|prior|above|rule|polic|prompt)"
    r"|\b(?:you|assistant|ironclaw|the (?:bot|agent|model|ai))\s+"
    r"(?:must|should|shall|will|need to|have to|are to|always|never|may now|can now)\b"
    r"|^(?:always|never|from now on|henceforth|in future|whenever|if (?:you|anyone|somebody|a user))\b"
    r"|^(?:do|don't|run|call|use|send|post|write|delete|execute|approve|open|fetch|email|e-mail|forward)\b"
    r"|\b(?:system prompt|system message|new instructions?|tool call|without (?:asking|approval))\b",
    re.IGNORECASE,
)
_LINK = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://\S|\bwww\.\S|\bmailto:|\]\([^)]|<[^>\s]+\|", re.IGNORECASE)


def memorable(text: str, redact: Callable[[str], str]) -> str:
    """The text as it is kept: in one line, with the spaces at its ends gone.

    :param redact: the leak guards
    :raises BadRequest: it cannot be remembered; says why
    """
    kept = " ".join(unicodedata.normalize("NFC", text).split())
    if not kept:
        raise BadRequest("There is nothing to remember: write it after the word.", "/text")
    if not kept.isprintable() or not kept.encode("utf-8", "replace").decode() == kept:
        raise BadRequest("A memory is plain text: this has characters that nobody sees.", "/text")
    if len(kept.encode()) > MOST_BYTES:
        raise BadRequest(f"A memory is one short fact, of at most {MOST_BYTES} bytes.", "/text")
    if redact(kept) != kept:
        raise BadRequest(
            "This looks as if it held a secret, which is never remembered: ironclaw secrets keeps those.",
            "/text",
        )
    return kept


def oddities(text: str) -> tuple[str, ...]:
    """What a person should know of a text before it is remembered, one short sentence each."""
    found = []
    if _ORDERS.search(text):
        found.append("It reads like an order to the bot: it would be recalled as a note, and is none.")
    if _LINK.search(text):
        found.append("It holds a link: who wrote the page behind it can change it.")
    return tuple(found)
