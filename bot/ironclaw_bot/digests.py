"""``--digest``: a yes to exactly what somebody saw, whatever stands there by now."""

from __future__ import annotations

import argparse
import re

CARD = 16  #: Digits of a call's digest that a card shows: nobody chooses all that it is over.
WHOLE = 64  #: Who writes all of a text finds two of one beginning.


def add_digest(parser: argparse.ArgumentParser, least: int = CARD) -> None:
    """Let a command say which digest was seen.

    :param least: digits of it that must be given
    """
    many = "all 64 digits" if least == WHOLE else f"at least {least} digits of it"
    about = f"what you saw has this digest ({many}): refused if it is another by now"

    def checked(word: str) -> str:
        if not re.fullmatch(f"[0-9a-f]{{{least},{WHOLE}}}", word):
            raise argparse.ArgumentTypeError(f"{word[:80]!r} is no digest: {many}, 0-9 and a-f")
        return word

    parser.add_argument("--digest", type=checked, metavar="SHA256", help=about)
