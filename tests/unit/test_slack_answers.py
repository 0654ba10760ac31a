"""A model's answers in Slack: whatever the text, no link but to the tenant's hosts, one mention at most."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironclaw.settings import TenantSettings
from ironclaw_bot.slack import drawings
from ironclaw_bot.slack.answers import Shown, line
from ironclaw_bot.slack.rules import validate_message

SHOWN = Shown("U1ADA", ("docs.example.com", "*.acme.test"))
LINK = re.compile(r"https://(docs\.example\.com|[a-z0-9-]+\.acme\.test)([/?#][^|<>\s]*)?")
_MARK = re.compile(r"<([^<>]*)>")
_AUTO = re.compile(r"[a-z][a-z0-9+.-]*://|\bwww\.[a-z]|\bmailto:\S", re.IGNORECASE)
_BARE = re.compile(r"(?<![\w.@-])(?:[a-z0-9-]+\.)+[a-z]{2,}/\S", re.IGNORECASE | re.ASCII)
_ALL = re.compile(r"@\s*(channel|here|everyone|group)", re.IGNORECASE)
#: Characters that nobody sees.
UNSEEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u202e\ufe0f"
PIECES = (
    *("https://", "HTTPS:", "//", "http://", "javascript:", "mailto:", "www.", "slack://", "https\uff1a//"),
    *("evil.test", "docs.example.com", "x.acme.test", "a.b.acme.test", "evil.test/x?q=1", "1.2.3.4", "."),
    *("<", ">", "|", "<@U1ADA>", "<@U1BO>", "<!channel>", "<!subteam^S1|@ops>", "<!here|here>", "<#C1>", "@"),
    *("\uff1c!channel\uff1e", "\uff20channel", "@\u200dhere", "@channel", "@ everyone", "\ufe64@U1BO\ufe65"),
    *(
        "&lt;!channel&gt;",
        "&amp;",
        "`",
        "```",
        "*",
        "_",
        "~",
        "[x](https://evil.test)",
        "![](https://evil.test)",
    ),
    *("\n", " ", "/", ":", "\\", "a", "\u00e9", "\U0001f600", "%", "#", "?", "\u2100", *UNSEEN),
)
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=30).map("".join)


def live(text: str) -> list[str]:
    """All of a mrkdwn text that a strict reader takes for a link or a mention and that may not be there."""
    marks = [mark for mark in _MARK.findall(text) if mark != "@U1ADA" and not LINK.fullmatch(mark)]
    rest = re.sub(f"[{UNSEEN}]", "", _MARK.sub(" ", text))
    folded = unicodedata.normalize("NFKC", rest)  # As a careless reader might; none does so with bare names.
    found = [pattern.search(folded) for pattern in (_AUTO, _ALL, _MARK)]
    return marks + [each[0] for each in (*found, _BARE.search(rest)) if each]


def texts(drawing: dict[str, Any]) -> list[str]:
    """What of a message Slack reads as markup; what is preformatted it does not."""
    sections = [block["text"]["text"] for block in drawing["blocks"] if block["type"] == "section"]
    return [drawing["text"], *sections]


@given(TEXTS)
def test_whatever_the_text(text: str) -> None:
    """
    No link outside the tenant's hosts, no mention but the requester's, and Slack takes the message.
    """
    for drawing in (drawings.answer(text, SHOWN), drawings.failure(text, "", SHOWN)):
        validate_message(drawing)
        assert [] == [bad for each in texts(drawing) for bad in live(each)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See https://docs.example.com/a?b=1&c=2.", "See <https://docs.example.com/a?b=1&amp;c=2>."),
        ("(https://x.acme.test/)", "(<https://x.acme.test/>)"),
        ("https://a.b.acme.test/", "https[:]//a[.]b[.]acme[.]test/"),
        ("http://docs.example.com/", "http[:]//docs[.]example[.]com/"),
        ("https://docs.example.com:8443/", "https[:]//docs[.]example[.]com:8443/"),
        ("https://docs.example.com@evil.test/", "https[:]//docs[.]example[.]com@evil[.]test/"),
        ("https://docs.example.com.evil.test/", "https[:]//docs[.]example[.]com[.]evil[.]test/"),
        ("[safe](https://evil.test/?q=secret)", "[safe](https[:]//evil[.]test/?q=secret)"),
        ("<https://evil.test|docs.example.com>", "&lt;https[:]//evil[.]test|docs[.]example[.]com&gt;"),
        ("evil.test/x and notes.md", "evil[.]test/x and notes.md"),
        ("<@U1ADA> and <@U1BO>", "<@U1ADA> and &lt;@U1BO&gt;"),
        ("\uff1c!channel\uff1e @channel bo@acme.test", "&lt;!channel&gt; [@]channel bo@acme.test"),
        ("\U0001f468\u200d\U0001f469 @\u200dhere", "\U0001f468\u200d\U0001f469 [@]here"),
        ("a `code` *b*", "a `code` *b*"),
    ],
)
def test_said(text: str, expected: str) -> None:
    """
    What is shown: an address of the tenant's hosts as a link that shows itself, all others as inert text.
    """
    assert expected == drawings.answer(text, SHOWN)["blocks"][0]["text"]["text"]


def test_code_stays() -> None:
    """
    A block of code is shown as it is, where Slack reads no markup.
    """
    [block] = drawings.answer("```\ncurl https://evil.test/ <!here>\n```", SHOWN)["blocks"]
    [shown] = block["elements"][0]["elements"]

    assert ("rich_text", "curl https://evil.test/ <!here>") == (block["type"], shown["text"])


def test_long_addresses_stay_inert() -> None:
    """
    An address that falls into several sections is no link in any of them.
    """
    drawing = drawings.answer("x" * 2_896 + "https://evil.test/" + "a" * 6_000, SHOWN)

    assert len(drawing["blocks"]) > 2
    assert [] == [bad for each in texts(drawing) for bad in live(each)]


def test_a_line_has_no_links() -> None:
    """
    In notifications even the tenant's own hosts are text.
    """
    assert "see https[:]//docs[.]example[.]com/" == line("see\nhttps://docs.example.com/", 100)


@pytest.mark.parametrize("host", ["https://a.test", "*.test", "*", "A.test", "a.*.test", "1.2.3.4", ""])
def test_wrong_hosts_are_refused(host: str) -> None:
    """
    The setting takes host names, and one star before a name.
    """
    with pytest.raises(ValueError, match="is no host"):
        TenantSettings(links=(host,))
