"""A call's arguments as lines of plain ASCII: nothing hides, nothing is ambiguous, nothing is lost.  Pure.

One line per leaf, ``▸ path: value``, drawn from the stored canonical bytes.  A value is JSON, in which
every character that is not printable ASCII stands as ``\\u{202E}``.  So the marks
that are not ASCII - where a line begins, where a value was cut - are ours: no value can imitate them,
whichever way a client wraps its lines.  On the card a long string is cut by itself; the details show
all of it.  What does not fit there either raises :class:`Unshowable`, and nobody is asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ironclaw.canonical import Json, canonical_text
from ironclaw.envelope import FOLDER, GONE, FileEffect, Preview, RequestEffect
from ironclaw.errors import BadRequest

MAX_BYTES = 2_000_000  #: Of the canonical text.
MAX_DEPTH = 16
MAX_LINES = 120
MAX_TOTAL = 16_000  #: Characters of all lines on the card.
MAX_WHOLE = 100_000  #: Characters of all lines uncut: a view of Slack's takes 250 KB of JSON.
MAX_PATH = 300
WHOLE = 600  #: A string that takes no more than this is not cut on the card.
HEAD, TAIL = 350, 200  #: What is shown of a longer one.

LINE, GAP, DEFAULT = "▸ ", "…", " ◂ default"  #: Ours alone.

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
#: What Slack itself might read: a mention's beginning, or an entity.  Spelled out like an odd character.
_POWER = re.compile(r"<(?=[!@#])|&(?=(?:amp|lt|gt);)")


class Unshowable(Exception):
    """These arguments cannot be shown as they are, so nobody can be asked to approve them."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The lines, and what a reader must be told of them."""

    lines: tuple[str, ...]  #: For the card.
    whole: tuple[str, ...]  #: For the details: the same, nothing cut.
    is_odd: bool  #: Some characters are spelled out.

    @property
    def is_cut(self) -> bool:
        """Some values are on the card in part."""
        return self.lines != self.whole


def show(args: str, defaults: Collection[str] = ()) -> Shown:
    """The lines of a call's stored canonical arguments.

    :param defaults: JSON pointers of what the caller left out and the schema filled in: marked as such, which
        decides nothing about whether the arguments can be shown
    :raises Unshowable: not canonical, too large, too deep, or more lines than anyone reads
    """
    leaves = [(path, pointer, _value(value)) for path, pointer, value in _leaves(_parse(args), "", "", 0)]
    card = tuple(_line(path, value.short) for path, _, value in leaves)
    whole = tuple(_line(path, value.whole) for path, _, value in leaves)
    _check_size(card, whole, [path for path, _, _ in leaves])
    is_odd = any("\\u{" in path or value.is_odd for path, _, value in leaves)
    marks = [_mark(pointer, defaults) for _, pointer, _ in leaves]
    return Shown(_marked(card, marks), _marked(whole, marks), is_odd)


def _marked(lines: tuple[str, ...], marks: list[str]) -> tuple[str, ...]:
    return tuple(line + mark for line, mark in zip(lines, marks, strict=True))


def _mark(pointer: str, defaults: Collection[str]) -> str:
    """For a leaf that is a default, or within one."""
    return DEFAULT if any(f"{pointer}/".startswith(f"{each}/") for each in defaults) else ""


def _line(path: str, value: str) -> str:
    return f"{LINE}{path}: {value}" if path else LINE + value


def _check_size(card: tuple[str, ...], whole: tuple[str, ...], paths: list[str]) -> None:
    if len(card) > MAX_LINES:
        raise Unshowable(f"more than {MAX_LINES} values")
    if sum(map(len, card)) > MAX_TOTAL:
        raise Unshowable(f"more than {MAX_TOTAL:,} characters even when long values are cut")
    if sum(map(len, whole)) > MAX_WHOLE:
        raise Unshowable(f"more than {MAX_WHOLE:,} characters")
    if any(len(path) > MAX_PATH for path in paths):
        raise Unshowable(f"a name of more than {MAX_PATH} characters")


def _parse(args: str) -> Json:
    """What the text says, if it is exactly what would run."""
    if len(args) > MAX_BYTES:
        raise Unshowable(f"more than {MAX_BYTES:,} bytes")
    try:
        value = json.loads(args, parse_int=_whole)
        same = canonical_text(value) == args
    except (ValueError, RecursionError, BadRequest):
        raise Unshowable("not a JSON text that is the same to every reader") from None
    if not same:
        raise Unshowable("not in the canonical form that would run")
    return value


def _whole(digits: str) -> int | float:
    """RFC 8785 writes floats without a fraction like integers, and has no integers this large."""
    number = int(digits)
    return number if abs(number) < 2**53 else float(digits)


def _leaves(value: Json, path: str, pointer: str, depth: int) -> Iterator[tuple[str, str, Json]]:
    """Each scalar and each empty container, with where it stands: as people read it, and as RFC 6901."""
    if depth > MAX_DEPTH:
        raise Unshowable(f"deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            name = _key(key)
            step = key.replace("~", "~0").replace("/", "~1")
            yield from _leaves(inner, f"{path}.{name}" if path else name, f"{pointer}/{step}", depth + 1)
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{index}]", f"{pointer}/{index}", depth + 1)
    else:
        yield path, pointer, value


def _key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) else _quote(_spell(key))


@dataclass(frozen=True, slots=True)
class _Value:
    short: str
    whole: str
    is_odd: bool = False


def _value(value: Json) -> _Value:
    if not isinstance(value, str):
        text = canonical_text(value)
        return _Value(text, text)
    letters = _spell(value)
    whole = _quote(letters)
    is_odd = any(letter.startswith("\\u{") for letter in letters)
    return _Value(whole if len(whole) <= WHOLE else _cut(letters), whole, is_odd)


def _cut(letters: list[str]) -> str:
    head, tail = _fill(letters, HEAD), _fill(letters[::-1], TAIL)[::-1]
    hidden = len(letters) - len(head) - len(tail)
    gap = f" {GAP} {hidden:,} of {len(letters):,} characters not shown {GAP} "
    return _quote(head) + gap + _quote(tail)


def _fill(letters: list[str], limit: int) -> list[str]:
    """As many whole letters as fit: a spelled-out one is never torn."""
    taken: list[str] = []
    room = limit
    for letter in letters:
        room -= len(letter)
        if room < 0:
            break
        taken.append(letter)
    return taken


def _quote(letters: list[str]) -> str:
    return f'"{"".join(letters)}"'


def _spell(text: str) -> list[str]:
    """One printable ASCII token for each character."""
    letters = [_letter(char) for char in text]
    for found in _POWER.finditer(text):
        letters[found.start()] = _odd(found[0])
    return letters


def _letter(char: str) -> str:
    return _SHORT.get(char) or (char if " " <= char <= "~" else _odd(char))


def _odd(char: str) -> str:
    return f"\\u{{{ord(char):04X}}}"


def spelled(text: str) -> str:
    """One line of any text in printable ASCII, unquoted."""
    return "".join('"' if letter == '\\"' else letter for letter in _spell(text))


def in_terminal(text: str) -> str:
    """Text of any lines and letters, with what moves a cursor, hides or turns them spelled out."""
    return "".join(char if char.isprintable() or char in "\n\t" else _odd(char) for char in text)


def in_line(text: str) -> str:
    """As :func:`in_terminal`, for a text that has one line."""
    return "".join(char if char.isprintable() else _odd(char) for char in text)


def json_in_line(text: str) -> str:
    """JSON text as it is, but for what is no printable ASCII: that is spelled out."""
    return "".join(char if " " <= char <= "~" else _odd(char) for char in text)


def show_effects(preview: Preview) -> tuple[str, ...]:
    """What a call will do, as its dry run says: a line for each effect, and then what each consists of."""
    effects = [(_file(each), list(_rest(each))) for each in preview.files]
    effects += [(_request(each), list(_rest(each))) for each in preview.requests]
    heads = [LINE + head for head in (*(head for head, _ in effects), *map(spelled, preview.notes))]
    if len(effects) == 1:
        return (*heads, *effects[0][1])
    return (*heads, *(line for head, rest in effects if rest for line in (_again(head), *rest)))


def count_effects(preview: Preview) -> int:
    """How many of the lines of :func:`show_effects` name an effect: the first ones."""
    return len(preview.files) + len(preview.requests) + len(preview.notes)


def _again(head: str) -> str:
    """Before what an effect consists of: marked as ours, so that it is no effect of its own."""
    return f"{LINE}{GAP} {head if len(head) <= WHOLE else f'{head[:HEAD]} {GAP}'}:"


def _rest(effect: FileEffect | RequestEffect) -> Iterator[str]:
    """Set in, so that no line of a file or body can stand for an effect."""
    yield from (f"{LINE}  {line.removeprefix(LINE)}" for line in effect.lines)
    if effect.note:
        yield f"{LINE}  {GAP} {effect.note}"


def _file(file: FileEffect) -> str:
    if file.after == GONE:
        return f"removes {'the folder ' if file.before == FOLDER else ''}{spelled(file.path)}"
    verb = "creates" if file.before == GONE else "changes"
    return f"{verb} {spelled(file.path)} ({file.size:,} bytes, sha256 {file.after[:16]})"


def _request(request: RequestEffect) -> str:
    secret = f" with the secret {spelled(request.secret)}" if request.secret else ""
    body = f" ({request.size:,} bytes, sha256 {request.body_sha256[:16]})" if request.size else ""
    return f"sends {spelled(request.method)} {spelled(request.url)}{secret}{body}"
