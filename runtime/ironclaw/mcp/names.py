"""What a server's tools are called here: in our grammar, each apart from every other, also to the eye."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable

HOST_FAMILIES = frozenset({"memory"})  #: Of tools that are the engine's own, whether it has them or not.
MAX_VERB = 32
MAX_THEIRS = 128  #: Characters of a name as a server gives it.
_THEIRS = re.compile(r"[A-Za-z][A-Za-z0-9_./ -]*", re.ASCII)
_BREAK = re.compile(r"[^a-z0-9]+|_+")
#: Letters that people take for one another, in lower-case ASCII.
_ALIKE = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "2": "z", "8": "b", "_": None})


def verb(theirs: str) -> str | None:
    """What stands after the dot in our name of a tool; None where the name is no plain one.

    Names that are too long end with a digest, so that they stay apart.
    """
    if len(theirs) > MAX_THEIRS or not _THEIRS.fullmatch(theirs):
        return None
    ours = _BREAK.sub("_", theirs.lower()).strip("_")
    if len(ours) <= MAX_VERB:
        return ours
    return f"{ours[: MAX_VERB - 9]}_{hashlib.sha256(theirs.encode()).hexdigest()[:8]}"


def skeleton(name: str) -> str:
    """Equal for names that look alike."""
    return name.translate(_ALIKE).replace("rn", "m").replace("vv", "w").replace("cl", "d")


def alike(theirs: Iterable[str]) -> dict[str, str]:
    """Of a server's names those that look like another one of it, with that one."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name in theirs:
        groups[skeleton(verb(name) or "")].append(name)
    return {
        name: next(other for other in [*group[:at], *group[at + 1 :]])
        for key, group in groups.items()
        if key and len(group) > 1
        for at, name in enumerate(group)
    }


def clashes(servers: Iterable[str], families: Iterable[str]) -> dict[str, str]:
    """Servers that are called like somebody else, or like each other, with a sentence that says so.

    :param families: of the tools that are no server's
    """
    taken = {skeleton(family): family for family in (*families, *HOST_FAMILIES)}
    found = {}
    for name in sorted(servers):
        if other := taken.get(skeleton(name)):
            found[name] = f"its name is, or looks like, {other}: name it otherwise"
        else:
            taken[skeleton(name)] = name
    return found
