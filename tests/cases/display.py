"""What an approval card shows: each case's value as an argument, on the card that Slack would get.

A value of the form ``{{'A' * 2999 + 'rm -rf /'}}`` is spelled out here; of the category json, the value
is the whole arguments' text.  A case passes when every demand of its ``must`` holds.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

from ironclaw.canonical import canonical, digest
from ironclaw.errors import BadRequest
from ironclaw_bot.slack.card import card
from ironclaw_bot.slack.presses import APPROVE
from ironclaw_bot.slack.rules import RuleError, validate_message
from tests.fakes.approvals import an_approval
from tests.fakes.card_reader import arguments, boxes

FILE = "display_cases.json"
Case = dict[str, Any]
Drawing = dict[str, Any]
_CUT = re.compile(r'" … [\d,]+ of [\d,]+ characters not shown … "')
_SUM = re.compile(r"\{\{('(?:[^'\\]|\\.)*'(?: \* \d+)?(?: \+ '(?:[^'\\]|\\.)*'(?: \* \d+)?)*)\}\}")


async def cases(data: dict[str, Any]) -> AsyncIterator[tuple[str, str | None]]:
    """One outcome for each case."""
    for case in data["cases"]:
        yield case["id"], _problem(case)


def _problem(case: Case) -> str | None:
    args = _args(case)
    try:
        text = canonical(args).decode()
    except BadRequest:
        # No canonical form, so no call and no card: nobody can be asked.
        return None if "refuse" in case["why"] else "has no canonical form"
    approval = an_approval(args=text, action_sha256=digest(args))
    drawing = card([approval], ["ap_1.1.mac"])
    try:
        validate_message(drawing)
    except RuleError as error:
        return f"Slack would refuse the card: {error}"
    for demand in case["must"]:
        problem = DEMANDS[demand](case, args, drawing) if demand in DEMANDS else f"unknown demand {demand}"
        if problem:
            return f"{demand}: {problem}"
    return _nothing_lost(args, drawing) or _hash_shown(approval.action_sha256, drawing)


def _args(case: Case) -> Any:
    if case["cat"] == "json":
        return json.loads(case["value"])
    return _spelled_out(case["value"])


def _spelled_out(value: str) -> Any:
    """The arguments that a value stands for."""
    if found := re.fullmatch(r"\{\{(\d+) keys\}\}", value):
        return {f"key{n}": f"value{n}" for n in range(int(found[1]))}
    if found := re.fullmatch(r"\{\{depth (\d+) object\}\}", value):
        node: Any = {"bottom": "evil@x.test"}
        for _ in range(int(found[1])):
            node = {"a": node}
        return node
    if found := re.fullmatch(r"\{\{(\d+) x U\+([0-9A-F]+) ZWJ sequences\}\}", value):
        return {"value": (chr(int(found[2], 16)) + "\u200d") * int(found[1])}
    if found := _SUM.fullmatch(value):
        return {"value": "".join(map(_part, re.split(r" \+ (?=')", found[1])))}
    return {"value": value}


def _part(text: str) -> str:
    quoted, _, times = text.partition("' * ")
    return str(ast.literal_eval(quoted + "'" if times else quoted)) * int(times or 1)


def _refused(drawing: Drawing) -> bool:
    """Nobody is asked to approve it."""
    return APPROVE not in json.dumps(drawing["blocks"])


def _no_such(case: Case, args: Any, drawing: Drawing) -> str | None:
    mention = "<@U1ADA>"  # The requester's: the one mention that is ours.
    payload = json.dumps(drawing, ensure_ascii=False)
    if payload.count(mention) != 1:
        return "the requester must be mentioned once"
    rest = payload.replace(mention, "")
    found = [text for text in case["must"]["payload_must_not_contain"] if text in rest]
    return f"{found} in the payload" if found else None


def _no_link(case: Case, args: Any, drawing: Drawing) -> str | None:
    """The value is in a preformatted box only, and no block can make it a link."""
    others = [block for block in drawing["blocks"] if block["type"] != "rich_text"]
    payload = json.dumps(others)
    if '"link"' in json.dumps(drawing) or '"url"' in json.dumps(drawing):
        return "a link element"
    texts = re.findall(r'"type": "mrkdwn", "text": "(?:[^"\\]|\\.)*"(, "verbatim": true)?', payload)
    if not all(texts):
        return "a text in which Slack looks for links"
    return "outside the box" if args["value"] in payload + drawing["text"] else None


def _no_unfurl(case: Case, args: Any, drawing: Drawing) -> str | None:
    return None if (drawing["unfurl_links"], drawing["unfurl_media"]) == (False, False) else "it unfurls"


def _as_source(case: Case, args: Any, drawing: Drawing) -> str | None:
    return None if arguments(drawing) == args else "reads differently"


def _spelled(case: Case, args: Any, drawing: Drawing) -> str | None:
    shown = _CUT.sub("", "\n".join(boxes(drawing)))
    if not re.fullmatch(r"(▸ [ -~]*\n?)*", shown):
        return "an odd character stands in the card"
    odd = {char for char in args["value"] if not " " <= char <= "~" and char not in "\n\r\t"}
    missing = [char for char in odd if f"\\u{{{ord(char):04X}}}" not in shown]
    if missing:
        return f"{missing!r} not spelled out"
    return None if "not plain ASCII" in json.dumps(drawing) else "no warning"


def _tail(case: Case, args: Any, drawing: Drawing) -> str | None:
    last = str(list(args.values())[-1])[-8:]
    return None if _refused(drawing) or last in "\n".join(boxes(drawing)) else f"{last!r} is not to be seen"


def _marker(case: Case, args: Any, drawing: Drawing) -> str | None:
    is_marked = _CUT.search("\n".join(boxes(drawing)))
    return None if _refused(drawing) or is_marked else "no marker"


def _length(case: Case, args: Any, drawing: Drawing) -> str | None:
    total = f"of {len(args['value']):,} characters"
    return None if _refused(drawing) or total in "\n".join(boxes(drawing)) else f"no {total!r}"


def _is_refused(case: Case, args: Any, drawing: Drawing) -> str | None:
    return None if _refused(drawing) else "it can be approved"


def _fits(case: Case, args: Any, drawing: Drawing) -> str | None:
    """Boxes under the limit, of characters that count the same for everybody."""
    sizes = {len(box.encode("utf-16-le")) // 2 for box in boxes(drawing)} | {
        len(box) for box in boxes(drawing)
    }
    return None if max(sizes, default=0) <= 3000 else "a box is too long"


def _all_shown(case: Case, args: Any, drawing: Drawing) -> str | None:
    same = canonical(arguments(drawing)) == canonical(args)
    return None if same else "a key or a value is missing"


def _nothing(case: Case, args: Any, drawing: Drawing) -> None:
    """Said by the other demands of its case."""


def _nothing_lost(args: Any, drawing: Drawing) -> str | None:
    """What is neither cut nor refused reads back as exactly the bytes that would run."""
    if _refused(drawing) or "shown in part" in json.dumps(drawing):
        return None
    return None if canonical(arguments(drawing)) == canonical(args) else "does not read back"


def _hash_shown(sha256: str, drawing: Drawing) -> str | None:
    return None if sha256[:16] in json.dumps(drawing) else "the hash of the original is not shown"


DEMANDS: dict[str, Callable[[Case, Any, Drawing], str | None]] = {
    "payload_must_not_contain": _no_such,
    "no_clickable_link": _no_link,
    "unfurl": _no_unfurl,
    "rendered_equals_source": _as_source,
    "use": _nothing,
    "non_ascii_or_control_shown_as": _spelled,
    "hash_over": _nothing,
    "tail_visible_or_refused": _tail,
    "truncation_marker": _marker,
    "shows_total_length": _length,
    "refused": _is_refused,
    "limit_counts": _fits,
    "every_key_and_value_shown": _all_shown,
}
