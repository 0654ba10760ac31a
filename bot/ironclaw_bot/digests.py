"""``--digest``: a yes to exactly what somebody saw, whatever stands there by now."""

from __future__ import annotations

import argparse
import re

DIGEST = re.compile(r"[0-9a-f]{16,64}")  #: As many digits as a card shows, or more.


def add_digest(parser: argparse.ArgumentParser) -> None:
    """Let a command say which digest was seen."""
    about = "what you saw has this digest (at least 16 digits of it): refused if it is another by now"
    parser.add_argument("--digest", type=_digest, metavar="SHA256", help=about)


def _digest(word: str) -> str:
    """
    :raises ArgumentTypeError: for what is none
    """
    if not DIGEST.fullmatch(word):
        raise argparse.ArgumentTypeError(f"{word[:80]!r} is no digest: 16 to 64 of the digits 0-9 and a-f")
    return word
