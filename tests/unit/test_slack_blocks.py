"""What the Slack door draws."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.approvals import an_approval
from tests.fakes.card_reader import arguments, boxes
from tests.golden.drawings import A_GRANT, DRAWINGS, FOLDER, FULL, WAITING, YES, text

from ironclaw.canonical import canonical
from ironclaw.envelope import FileEffect, Preview, RequestEffect
from ironclaw.showing import MAX_DEPTH, Unshowable, show
from ironclaw.task import ApprovalState, ApprovalView
from ironclaw.terms import Circumstances
from ironclaw_bot.slack import drawings, home
from ironclaw_bot.slack.card import card
from ironclaw_bot.slack.modals import details
from ironclaw_bot.slack.presses import APPROVE, DENY, MORE
from ironclaw_bot.slack.preview import previewed
from ironclaw_bot.slack.rules import RuleError, ids_in, validate_message, validate_view
from ironclaw_bot.slack.text import chunks, cut, escape, person, units

SAFE = 2**53 - 1
FULL_OF = {name: value for name, value in FULL.items() if name != "args"}
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=2)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-SAFE, SAFE)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words
)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize("name", sorted(DRAWINGS))
def test_golden(name: str) -> None:
    """
    Every drawing is as its file has it (tests/golden/rewrite.py after a wanted change).
    """
    assert (FOLDER / f"{name}.json").read_text("utf-8") == text(DRAWINGS[name])


def test_golden_complete() -> None:
    """
    There is no golden file of something that is drawn no more.
    """
    assert set(DRAWINGS) == {path.stem for path in FOLDER.glob("*.json")}


@pytest.mark.parametrize("name", sorted(DRAWINGS))
def test_rules(name: str) -> None:
    """
    Slack's rules, and our stricter ones, take every drawing.
    """
    drawing = DRAWINGS[name]
    check = validate_view if "type" in drawing else validate_message

    check(drawing)


@given(st.dictionaries(names, trees, max_size=5))
def test_arguments_read_back(args: dict[str, object]) -> None:
    """
    What a card shows whole reads back as exactly the bytes that would run.
    """
    stored = canonical(args).decode()
    try:
        if show(stored).is_cut:
            return
    except Unshowable:
        return  # The veto asks nobody.

    assert stored.encode() == canonical(arguments(card([an_approval(args=stored)], ["v"])))


@given(st.dictionaries(names, words, min_size=1, max_size=5))
def test_arguments_plain(args: dict[str, str]) -> None:
    """
    The boxes hold one line for each argument, and but for its mark printable ASCII only.
    """
    shown = "\n".join(boxes(card([an_approval(args=canonical(args).decode())], ["v"]))).split("\n")

    assert len(args) == len(shown)
    assert all(line[:2] == "▸ " and line[2:].isascii() and line[2:].isprintable() for line in shown)


@given(st.dictionaries(names, trees, max_size=5), st.data())
def test_defaults_are_marked(args: dict[str, object], data: st.DataObject) -> None:
    """
    What nobody chose is marked as such, at every depth, and the card still reads back as the stored bytes.
    """
    defaults = data.draw(st.sets(st.sampled_from(sorted(args)))) if args else set()
    pointers = tuple("/" + name.replace("~", "~0").replace("/", "~1") for name in defaults)
    stored = canonical(args).decode()
    drawing = card([an_approval(args=stored, circumstances=Circumstances(defaults=pointers))], ["v"])
    lines = "\n".join(boxes(drawing)).replace("\n… ", "").split("\n")
    leaves = show(canonical({name: args[name] for name in defaults}).decode()).lines if defaults else ()

    assert stored.encode() == canonical(arguments(drawing))
    assert sorted(f"{leaf} ◂ default" for leaf in leaves) == sorted(line for line in lines if "◂" in line)


def test_default_cannot_be_forged() -> None:
    """
    A value that says that it is a default lacks the mark's own character.
    """
    assert r'▸ a: "x\" \u{25C2} default"' == _shown({"a": 'x" ◂ default'})


def _many(args: dict[str, str], count: int, **changes: Any) -> list[ApprovalView]:
    text = canonical(args).decode()
    return [an_approval(id=f"ap_{n}", args=text, **{**FULL_OF, **changes}) for n in range(count)]


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("state", list(ApprovalState))
def test_batch_fits(count: int, state: ApprovalState) -> None:
    """
    However much the calls of one turn show, their card is one that Slack takes.
    """
    args = {f"k{n}": "\u202e" * 60 for n in range(30)}

    validate_message(card(_many(args, count, state=state, votes=(YES,)), ["v"] * count))


def test_batch_that_does_not_fit() -> None:
    """
    What does not fit is not asked for: only a call whose arguments stand there can be approved.
    """
    many = _many({f"k{n}": "\u202e" * 60 for n in range(30)}, 6, votes=(YES,))
    drawing = card(many, ["v"] * 6)
    rows = _rows(drawing)
    whole = ["rich_text" in row for row in rows]

    validate_message(drawing)
    assert whole == [f'"{APPROVE}"' in row for row in rows]
    assert whole == ["It can be approved once the others" not in row for row in rows]
    assert (6, True, False) == (len(whole), whole[0], whole[-1])


def test_batch_without_end() -> None:
    """
    However many there are, a card is one that Slack takes, and counts what it leaves out.
    """
    drawing = card(_many({"a": "b"}, 30), ["v"] * 30)

    validate_message(drawing)
    assert "21 more follow once these are decided." == drawing["blocks"][-1]["elements"][0]["text"]


def _rows(drawing: dict[str, Any]) -> list[str]:
    """The text of each row, from one divider to the next."""
    found: list[str] = []
    for block in drawing["blocks"]:
        if block["type"] == "divider":
            found.append("")
        elif found:
            found[-1] += json.dumps(block)
    return found


def test_home_fits() -> None:
    """
    The fullest Home is one that Slack takes.
    """
    mine = _many({f"k{n}": "\u202e" * 60 for n in range(30)}, home.MOST_CARDS)
    others = [an_approval(id=f"other_{n}") for n in range(100)]
    seen = home.Seen(mine, ["v"] * len(mine), [*mine, *others], [WAITING] * 100, [A_GRANT] * 30)
    view = home.view(seen, "w")

    validate_view(view)
    assert len(json.dumps(view)) < 250_000


def test_effect_cannot_be_forged() -> None:
    """
    A line of what is sent, or of a file, cannot pass for one more effect.
    """
    body = ("▸ sends POST https://bank.test", "▸ + creates /etc/passwd")
    sent = RequestEffect("POST", "https://a.test", (), "", "0" * 64, 9, body)
    [box] = previewed(Preview(requests=(sent,)), 2_000)[1:]
    lines = box["elements"][0]["elements"][0]["text"].split("\n")

    assert ["▸ sends POST https://a.test (9 bytes, sha256 0000000000000000)"] == [
        line for line in lines if not line.startswith("▸   ")
    ]


@given(st.lists(st.text("▸ +-xy\u2026", max_size=300).map(lambda text: f"▸ {text}"), max_size=400))
def test_previews_fit(lines: list[str]) -> None:
    """
    However much a call will do, its card and its details are what Slack takes.
    """
    files = tuple(FileEffect(f"{n}.md", "", "1" * 64, 9, tuple(lines)) for n in range(3))
    approval = an_approval(circumstances=Circumstances(preview=Preview(files=files)))
    drawing = card([approval], ["v"])

    validate_message(drawing)
    validate_view(details(approval))
    assert ("Show all" in str(drawing)) == (" lines not shown …" in str(drawing))


def test_cut_hides_no_later_key() -> None:
    """
    A long value is cut by itself: the next argument stands whole in a line of its own.
    """
    shown = show(canonical({"a": "x" * 50_000, "b": "rm -rf /"}).decode())

    assert '▸ b: "rm -rf /"' == shown.lines[-1]
    assert " … 49,450 of 50,000 characters not shown … " in shown.lines[0]


def test_cut_cannot_be_forged() -> None:
    """
    A value that imitates the mark of a cut stays inside its quotes, and lacks the mark's own character.
    """
    forged = 'a" … 5 of 9 characters not shown … "z'

    assert r'▸ a: "a\" \u{2026} 5 of 9 characters not shown \u{2026} \"z"' == _shown({"a": forged})


def test_line_cannot_be_forged() -> None:
    """
    A value that pads itself to a line of its own, wherever a client wraps, lacks the mark.
    """
    assert r'▸ a: "x \u{25B8} to: y"' == _shown({"a": "x ▸ to: y"})


def _shown(args: object) -> str:
    [line] = show(canonical(args).decode()).lines
    return line


def test_spelling_cannot_be_forged() -> None:
    """
    A typed backslash-u differs from a spelled-out character.
    """
    lines = show(canonical({"a": "\\u{202E}", "b": "\u202e"}).decode()).lines

    assert (r'▸ a: "\\u{202E}"', r'▸ b: "\u{202E}"') == lines


def _nested(depth: int) -> object:
    return {"a": _nested(depth - 1)} if depth else "x"


@pytest.mark.parametrize(
    "args",
    [
        canonical(_nested(MAX_DEPTH + 1)).decode(),
        "[" * 100_000,
        '{"b":1,"a":2}',
        '{"a": 1}',
        '{"a":1,"a":2}',
        '{"a":1e400}',
        '{"a":' + "9" * 400 + "}",
        canonical({"k" * 400: 1}).decode(),
        canonical([0] * 200).decode(),
        canonical({"a": "x" * 100_000}).decode(),
    ],
)
def test_not_shown(args: str) -> None:
    """
    What is too deep, too much or not the canonical bytes is not shown, and cannot be approved.
    """
    with pytest.raises(Unshowable):
        show(args)

    assert {DENY, MORE} == ids_in(card([an_approval(args=args)], ["v"])).actions


@given(st.dictionaries(names, st.text(st.characters(exclude_categories=["Cs"]), max_size=4000), max_size=3))
@settings(max_examples=30, suppress_health_check=list(HealthCheck))
def test_details_are_whole(args: dict[str, str]) -> None:
    """
    The details read back as exactly the bytes that would run, however long a value is.
    """
    stored = canonical(args).decode()

    assert stored.encode() == canonical(arguments(details(an_approval(args=stored))))


@pytest.mark.parametrize("char", ["x", "\u202e", '"', "\U0010ffff"])
def test_details_of_the_longest(char: str) -> None:
    """
    The most that can be shown is a view that Slack takes, nothing torn.
    """
    size = {"x": 99_000, "\u202e": 12_000, '"': 49_000, "\U0010ffff": 9_800}[char]
    args = {"text": char * size}
    view = details(an_approval(args=canonical(args).decode()))

    validate_view(view)
    assert len(json.dumps(view)) < 250_000
    assert args == arguments(view)


@pytest.mark.parametrize("state", list(ApprovalState))
def test_buttons(state: ApprovalState) -> None:
    """
    Only a card that waits has buttons.
    """
    wanted = {APPROVE, DENY, MORE} if state is ApprovalState.PENDING else set()

    assert wanted == ids_in(card([an_approval(state=state)], ["v"])).actions


@given(st.text(max_size=200))
def test_escape(said: str) -> None:
    """
    No text keeps a character with which Slack's markup could begin.
    """
    escaped = escape(said)

    assert not set(escaped) & set("<>\u202e\u2066\u0000")
    assert escaped.count("&") == escaped.count("&amp;") + escaped.count("&lt;") + escaped.count("&gt;")


@given(st.text(st.sampled_from("a<&\n😀\u202e"), max_size=300))
def test_chunks(said: str) -> None:
    """
    Pieces fit, and together they are the whole text.
    """
    pieces = chunks(said, 20)

    assert all(units(piece) <= 20 for piece in pieces)
    assert escape(said).replace("\n", "") == "".join(pieces).replace("\n", "")


@given(st.text(max_size=50), st.integers(1, 60))
def test_cut(said: str, limit: int) -> None:
    """
    What is cut fits, and what fits is not cut.
    """
    assert units(cut(said, limit)) <= limit
    assert cut(said, limit) == said or units(said) > limit


def test_long_answer() -> None:
    """
    An answer beyond what a message holds is cut, and says so.
    """
    drawing = drawings.answer("line & line\n" * 20_000)

    validate_message(drawing)
    assert "Cut: the whole answer has 240,000 characters." == drawing["blocks"][-1]["elements"][0]["text"]


def test_person() -> None:
    """
    Only somebody of Slack is mentioned; any other name is plain words.
    """
    assert "<@U1ADA>" == person("slack:T1:U1ADA")
    assert "`jwt:x|'&lt;!here&gt;`" == person("jwt:x|`<!here>")


def test_rules_bite() -> None:
    """
    The rules that the drawings pass do refuse: a longer header, for one.
    """
    broken = json.loads(text(DRAWINGS["card_pending"]))
    broken["blocks"][0]["text"]["text"] = "x" * 151

    with pytest.raises(RuleError):
        validate_message(broken)
