"""The envelope in which untrusted text travels to a model: it names the source, and no text can close it.

It is one line, one JSON object, and the text one string of it.  What would end the string, the line or, to a
server that reads its own marks in any text, the whole message is written as an escape that JSON undoes.
"""

from __future__ import annotations

import json
import re

MEMORY = "memory"  #: What was kept of other days.
SUMMARY = "summary"  #: What stands in for messages that were left out.
CONTEXT = "context"  #: What the caller of a task gave along with it.
TRANSCRIPT = "transcript"  #: What is to be summed up.
OTHERS = "another person"  #: What somebody else than the requester wrote in the thread.

# The marks of chat templates begin with "<" (<|im_end|>, </s>, <start_of_turn>) or are words in capitals
# between brackets ([/INST]).  Line ends and characters that nobody sees: for models that see them.
_TELLING = re.compile(
    "<"
    r"|\[(?=/?[A-Z_]{2,32}\])"
    "|[\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def enclose(source: str, text: str) -> str:
    """The text as a model may be given it, under the name of where it comes from.

    :param source: a word of this module's, or such as "tool files.read"; as little believed as the text
    :return: ``{"source": ..., "untrusted": ...}`` in one line; a lone surrogate becomes a question mark
    """
    spoken = json.dumps({"source": _sound(source), "untrusted": _sound(text)}, ensure_ascii=False)
    return _TELLING.sub(_escaped, spoken)


def disclose(enclosed: str) -> tuple[str, str]:
    """The source and the text of an envelope.

    :raises ValueError: it is none
    """
    found = json.loads(enclosed)
    if not isinstance(found, dict) or found.keys() != {"source", "untrusted"}:
        raise ValueError("no envelope")
    source, text = found["source"], found["untrusted"]
    if not isinstance(source, str) or not isinstance(text, str):
        raise ValueError("no envelope")
    return source, text


def _sound(text: str) -> str:
    """The text as UTF-8 can carry it: a lone surrogate would break the request."""
    return text.encode("utf-8", "replace").decode()


def _escaped(found: re.Match[str]) -> str:
    """As JSON writes any character in ASCII: two escapes for one beyond the first 65,536."""
    pairs = found[0].encode("utf-16-be")
    return "".join(f"\\u{pairs[i]:02x}{pairs[i + 1]:02x}" for i in range(0, len(pairs), 2))
