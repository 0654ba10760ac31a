"""Takes out the characters that nobody sees: a model reads them all the same."""

import re

_GONE = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f"  # controls
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\ud800-\udfff"  # halves of pairs
    "\ue000-\uf8ff"  # private use: our own marks are made of it, and icons
    "\U000e0000-\U000e0fff"  # tags and variation selectors, in which whole sentences have been hidden
    "\U000f0000-\U0010ffff"
    "]+"
)
#: One after a character is how emoji are written; more are a message.
_SELECTORS = re.compile("([\ufe00-\ufe0f])[\ufe00-\ufe0f]+")
#: Joiners stand between letters or emoji, one at a time.
_JOINERS = re.compile("([\u200c\u200d])[\u200c\u200d]+")


def visible(text: str) -> str:
    """The text without controls, marks of direction, and characters of no width; line ends as \\n."""
    text = _GONE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _JOINERS.sub(r"\1", _SELECTORS.sub(r"\1", text))
