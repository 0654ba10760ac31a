"""What a text says of forgotten memories, and the text without it.  Nothing here knows a row."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ironclaw.recollecting import FORGOTTEN, without

TELLING = 12  #: Characters of a text that tell it from others.
RUN = 40  #: Characters in a row that two texts have by no chance; fewer may be a phrase.
MOST_ALIKE = 3  #: Places that are looked at of a piece that comes again and again in one memory.
TOO_DEEP = json.dumps({"output": FORGOTTEN})
#: Of a call's circumstances what later calls are judged by: sources and hosts, and no text.
JUDGED_BY = frozenset({"taint", "taints", "hosts", "channel"})


@dataclass(frozen=True, slots=True)
class Words:
    """What one memory said."""

    id: str
    text: str


def cleaned(text: str, words: Collection[Words]) -> str:
    """A text without what some memories said: their lines, their results by their ids, and their very words.

    Of a longer memory also any part of RUN characters: recollections, previews and models cut.  JSON stays
    JSON of the same shape, whatever a memory says.
    """
    if text.lstrip(" \t\r\n")[:1] not in ("{", "[", '"'):
        return _unsaid(without(text, _ids(words)), words)
    try:
        value, is_whole = _read(text)
        after = _emptied(value, words)
        return text if is_whole and after == value else json.dumps(after, ensure_ascii=False)
    except RecursionError:  # Nobody can say what in it is what: all of it goes.
        return TOO_DEEP
    except ValueError:
        return _unsaid(without(text, _ids(words)), words)


def _read(text: str) -> tuple[Any, bool]:
    """JSON, and whether that is all of the text: of two members of one name only the last one is read.

    :raises ValueError: it is none
    """
    is_whole = True

    def as_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal is_whole
        found = dict(pairs)
        is_whole &= len(found) == len(pairs)
        return found

    return json.loads(text, object_pairs_hook=as_dict), is_whole


def cleaned_circumstances(text: str, words: Collection[Words]) -> str:
    """What a call was proposed in, JSON text, without what they said: its preview above all.

    What is none says nothing of what it may be judged by, and must not come to say so.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _unsaid(text, words)
    after = {
        name: each if name in JUDGED_BY else _emptied(each, words)
        for name, each in (value.items() if isinstance(value, dict) else ())
    }
    return text if after == value else json.dumps(after, ensure_ascii=False)


def _ids(words: Collection[Words]) -> set[str]:
    return {each.id for each in words}


def _emptied(value: Any, words: Collection[Words]) -> Any:
    if isinstance(value, str):
        return cleaned(value, words)
    if isinstance(value, list):
        return [_emptied(each, words) for each in value]
    if not isinstance(value, dict):
        return value
    # As memory.search gives it: its text may be written in any way there.
    own = {"text": FORGOTTEN} if value.get("id") in _ids(words) and "text" in value else {}
    telling = [each for each in words if len(each.text) >= TELLING]  # Names of ours are shorter.
    return {_unsaid(name, telling): _emptied(each, words) for name, each in (value | own).items()}


def _unsaid(text: str, words: Collection[Words]) -> str:
    """Without the very words; of a few letters, which many texts have, only where they are all of it."""
    for said in sorted({form for each in words for form in _forms(each.text)}, key=len, reverse=True):
        if len(said) > RUN:
            text = _without_runs(text, said)
        elif len(said) >= TELLING:
            text = text.replace(said, FORGOTTEN)
        elif text == said:
            return FORGOTTEN
    return text


def _forms(said: str) -> Iterator[str]:
    """As it is, and as JSON has it, which previews cut and models quote."""
    yield said
    for is_ascii in (False, True):
        yield json.dumps(said, ensure_ascii=is_ascii)[1:-1]


def _without_runs(text: str, said: str) -> str:
    """Without all that has RUN characters in a row, or more, in common with what was said."""
    pieces = _pieces(said)
    if not any(piece in text for piece in pieces):
        return text
    kept: list[str] = []
    start = at = 0
    while at <= len(text) - TELLING:
        first, end = _run(text, said, at, pieces.get(text[at : at + TELLING], ()))
        if end - first < RUN:
            at += 1
            continue
        kept += [text[start : max(first, start)], FORGOTTEN]
        start = at = end
    return "".join([*kept, text[start:]])


def _pieces(said: str) -> Mapping[str, Sequence[int]]:
    """Where each piece of TELLING characters stands in it: any run of RUN has a whole one."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for place in range(0, len(said) - TELLING + 1, TELLING):
        found[said[place : place + TELLING]].append(place)
    return {piece: places[:MOST_ALIKE] for piece, places in found.items()}


def _run(text: str, said: str, at: int, places: Sequence[int]) -> tuple[int, int]:
    """From where to where the two are the same, around this place of the text: the longest of them."""
    ahead, behind = text[at : at + len(said)], text[max(0, at - TELLING) : at][::-1]
    found = [
        (at - _alike(behind, said[max(0, place - TELLING) : place][::-1]), at + _alike(ahead, said[place:]))
        for place in places
    ]
    return max(found, key=lambda each: each[1] - each[0], default=(at, at))


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    differs = (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(differs, min(len(one), len(other)))
