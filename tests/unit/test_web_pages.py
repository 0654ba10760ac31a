"""The web toolbox's reading of pages: all that is seen, and nothing that is not."""

from __future__ import annotations

import html
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.pages import HIDDEN, SEEN, STILL_HIDDEN, STRICTER

from ironclaw_tools.web.pages.charsets import UnknownCharset, decoded
from ironclaw_tools.web.pages.invisible import visible
from ironclaw_tools.web.pages.reading import TOO_DEEP, readable

ADDRESS = "https://example.com/docs/page?x=1"


def text(page: str) -> str:
    return readable(page, ADDRESS).text


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<h2>A</h2>b<h3>C</h3>", "## A\n\nb\n\n### C"),
        ("<p>one\n  two<p>three<br>four<br><br>five", "one two\n\nthree\nfour\n\nfive"),
        ("a<b>b</b> <i>c</i>d<div>e</div>f", "ab cd\ne\nf"),
        ("<ul><li>a<li><p>b<p>c</ul>d", "- a\n- b\n\n  c\n\nd"),
        ("<ol><li>a<ol><li>b</ol><li>c</ol>", "1. a\n  1. b\n2. c"),
        ("<ul><li></ul>a", "a"),
        ("<blockquote>a<p>b</blockquote>c", "> a\n\n> b\n\nc"),
        ("<pre>\n a <b>b</b>\n\n  c &lt;\n</pre>", "```\n a b\n\n  c <\n```"),
        ("call <code>f( x )</code>, <kbd>Q</kbd>", "call `f( x )`, `Q`"),
        ("<table><tr><th>a<th>b<tr><td>c d<td><tr><td>", "a | b\n--- | ---\nc d |"),
        ("<table><tr><td>a<p>b<td>c</table>", "a\n\nb\n\nc"),
        ("<table><tr><td>a<table><tr><td>b<td>c</table></table>", "a\n\nb | c"),
        ("<dl><dt>a<dd>b<dd>c</dl>", "a\n  b\n  c"),
        ("a<hr>b &amp; &#x41;&nbsp;c", "a\n\n---\n\nb & A c"),
        ("<p>1 < 2 && 3 > 2", "1 < 2 && 3 > 2"),
        ("a<![if IE]>b<![endif]><?php c ?><!doctype d>e", "abe"),
        ("<li>a<li>b", "- a\n- b"),
        ("</p></div>a</span></table>b", "ab"),
        ("<select><option>a</select>b<textarea>c</textarea><button>d</button>", "bd"),
        ("", ""),
    ],
)
def test_text(page: str, expected: str) -> None:
    """
    Headings, paragraphs, lists, quotes, code and tables are still that as plain text.
    """
    assert expected == re.sub(r" +$", "", text(page), flags=re.MULTILINE)


def test_links() -> None:
    """
    A link is numbered by its address, completed with the page's; one that leads to no page has no number.
    """
    page = readable(
        '<a href="/a">a</a> <a href="b">b</a> <a href="/a"><b>again</b></a> <a href="javascript:x()">c</a> '
        '<a href="mailto:a@b.c">d</a> <a href="//other.example/&uuml;?q=ä b"><h3>e</h3></a> '
        '<a href="/f"><img></a>'
        '<a href="https://[">g</a> <a>h</a> [9]',
        ADDRESS,
    )

    assert "a [1] b [2] again [1] c d\n\n### e [3]\n\ng h [9]" == page.text
    assert [
        "https://example.com/a",
        "https://example.com/docs/b",
        "https://other.example/%C3%BC?q=%C3%A4%20b",
    ] == [page.links[n] for n in (1, 2, 3)]
    assert [1, 2, 1, 3] == [n for _, n in page.marks]
    assert [f" [{n}]" for _, n in page.marks] == [page.text[at : at + 4] for at, _ in page.marks]


def test_base() -> None:
    """
    A page may say what its links are completed with.
    """
    page = readable('<base href="https://cdn.example.com/x/"><a href=y>a</a>', ADDRESS)

    assert {1: "https://cdn.example.com/x/y"} == page.links


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("<title> a \n b&amp; </title><h1>c</h1>", "a b&"),
        ("<h1>c <a href=x>d</a></h1><h1>e</h1>", "c d [1]"),
        ("<svg><title>a</title></svg><title>b</title>", "b"),
        (f"<title>{'x' * 400}", "x" * 300),
        ("a", ""),
    ],
)
def test_title(page: str, title: str) -> None:
    """
    The title is the page's own, or its first heading.
    """
    assert title == readable(page, ADDRESS).title


@pytest.mark.parametrize("hidden", HIDDEN)
def test_hidden(hidden: str) -> None:
    """
    What a browser does not show is not in the text; what stands around it is.
    """
    assert "before after" == text(f"<span>before</span> {hidden} <span>after</span>").replace(
        "\n", " "
    ).replace("  ", " ")


@pytest.mark.parametrize("page", STILL_HIDDEN + STRICTER)
def test_end_tags(page: str) -> None:
    """
    An end tag that ends nothing for a browser ends nothing here: what was hidden stays so.
    """
    assert "a" == text(f"<p>a</p>{page}")


def test_whole_page() -> None:
    """
    What the page's body is told to be holds for all of it, wherever the tag stands.
    """
    assert "" == text("<p>a</p><body hidden><p>b")
    assert "" == text("<p>a</p><style>.x{display:none}</style><body class=x><p>b")


@pytest.mark.parametrize("page", SEEN)
def test_seen(page: str) -> None:
    """
    What a browser shows is there, whatever stood beside it or looks like hiding.
    """
    assert "X" == text(page).strip("- |")


def test_unseen_characters() -> None:
    """
    Characters of no width, marks of direction and tags in which words can hide go; emoji stay whole.
    """
    tags = "".join(chr(0xE0000 + ord(letter)) for letter in "obey")
    odd = f"a\u200bb\u202ec\u2066d\ufeff{tags}e\x00\x1bf\u00ad\ue0001\ue001\U000e0100\ufe0f\ufe01\ufe02\r\ng"

    assert "abcdef1\ufe0f\ng" == visible(odd)
    assert "\U0001f469\u200d\U0001f680 \u2764\ufe0f" == visible("\U0001f469\u200d\U0001f680 \u2764\ufe0f")
    assert "a1b" == text("a\ue0001\ue001<b>b")


def test_deep() -> None:
    """
    A page that nests without end is read until there, and says so.
    """
    assert f"a\n\n{TOO_DEEP}" == text("a" + "<div>" * 100_000 + "b")


def test_many_links() -> None:
    """
    Past 2,000 links there are no more numbers, and an address of any length has none.
    """
    page = readable(
        "".join(f"<a href=/{n}>x</a>" for n in range(2100)) + f"<a href=/{'y' * 1000}>z</a>", ADDRESS
    )

    assert (2000, 2000, "xz") == (len(page.links), len(page.marks), page.text[-2:])


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        ("ü".encode(), "text/html", "ü"),
        ("ü".encode("cp1252"), "text/html", "ü"),
        ("ü".encode("latin-1"), "text/html; charset=ISO-8859-1", "ü"),
        (b"\x80", "text/plain; charset=us-ascii", "\u20ac"),
        ("я".encode("koi8-r"), 'text/plain; charset="KOI8-R"', "я"),
        ("我".encode("gbk"), "text/html;charset=gb2312", "我"),
        ("ж".encode("cp1251"), "text/html; charset=windows-1251", "ж"),
        (b"<meta charset='euc-kr'>" + "한".encode("euc-kr"), "text/html", "<meta charset='euc-kr'>한"),
        (b"<meta content='x; charset=big5'>" + "中".encode("big5"), "", "<meta content='x; charset=big5'>中"),
        (
            b"<?xml version='1.0' encoding='iso-8859-2'?>\xb1",
            "",
            "<?xml version='1.0' encoding='iso-8859-2'?>ą",
        ),
        (b"<meta charset=utf-16>" + "ü".encode(), "text/html", "<meta charset=utf-16>ü"),
        (b"\xef\xbb\xbf" + "ü".encode(), "text/html; charset=latin-1", "ü"),
        ("\ufeffü".encode("utf-16-le"), "text/html", "ü"),
        ("\ufeffü".encode("utf-16-be"), "text/html", "ü"),
        (b"a\xffb", "text/html; charset=utf-8", "a\ufffdb"),
    ],
)
def test_charsets(body: bytes, kind: str, expected: str) -> None:
    """
    A byte order mark counts first, then the header, then what the page says, then what fits.
    """
    assert expected == decoded(body, kind)


def test_unknown_charset() -> None:
    """
    A charset that nobody knows is an error with its name, and no guess.
    """
    with pytest.raises(UnknownCharset, match="x-klingon"):
        decoded(b"a", "text/html; charset=x-klingon")


WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8)
TAGS = """
<p> </p> <div hidden> </div> <table> <tr> <td> </table> <ul> <li> </ul> <b> </b> <a href=x> </a> <pre>
</pre> <code> </code> <h1> </h1> <style> </style> <script> </script> <title> </title> <svg> </svg>
<select> <br> <form> </form> <dd> <ol> </ol> <blockquote> </blockquote> <template> <textarea> <!-- -->
<![ ]]> & &# ; = ' " { } : /
"""
PIECES = st.one_of(
    WORDS,
    st.sampled_from(TAGS.split()),
    st.sampled_from(
        [
            "<p style='",
            "font-size:0",
            "display:none",
            "@media (min-width:1.2.3px)",
            "color:rgb(1",
            r"\110000 ",
            "opacity:.",
            " ",
            "<",
            ">",
            "</",
        ]
    ),
)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join))
def test_any_markup(page: str) -> None:
    """
    Whatever the markup, there is a text: bounded, of characters that are seen, with its links in place.
    """
    found = readable(page, ADDRESS)

    assert len(found.text) <= 40 * len(page) + len(TOO_DEEP)
    assert set() == {c for c in found.text + found.title if unicodedata.category(c) in ("Cc", "Co", "Cs")} - {
        "\n",
        "\t",
    }
    assert all(found.text[at:].startswith(f" [{n}]") and n in found.links for at, n in found.marks)


@settings(deadline=None)
@given(st.lists(WORDS, max_size=10), st.sampled_from(["p", "b", "div", "li", "pre", "td", "h1", "x-y"]))
def test_any_words(words: list[str], tag: str) -> None:
    """
    All words come out, in order, whatever they are and whatever they stand in.
    """
    page = " ".join(f"<{tag}>{html.escape(word)}</{tag}>" for word in words)
    marks = r"[\s#`-]"  # Of lists, headings and code; words may hold them, too.

    assert re.sub(marks, "", "".join(map(visible, words))) == re.sub(marks, "", text(page))


Tree = st.recursive(
    WORDS.map(lambda word: (f"<i>{html.escape(word)}</i> ", [word])),
    lambda inner: st.tuples(
        st.sampled_from(
            [
                "<div>{}</div>",
                "<section>{}</section>",
                "<p></p>{}",
                "<ul><li>{}</ul>",
                "<b>{}</b>",
                "<table><tr><td>{}</table>",
                "<div hidden>{}</div>",
                "<div style=display:none>{}</div>",
                "<ul><li aria-hidden=true>{}</ul>",
                "<b style='opacity:0'>{}</b>",
                "<svg>{}</svg>",
                "<table hidden><tr><td>{}</table>",
                "<style>.h{{opacity:0}}</style><u class=h>{}</u>",
            ]
        ),
        st.lists(inner, max_size=4),
    ).map(lambda found: _within(*found)),
    max_leaves=12,
)


def _within(template: str, inner: list[tuple[str, list[str]]]) -> tuple[str, list[str]]:
    """A piece of page around others, with the words that are seen of it."""
    is_hidden = any(sign in template for sign in ("hidden", "none", "opacity", "svg"))
    return template.format("".join(page for page, _ in inner)), [] if is_hidden else [
        w for _, words in inner for w in words
    ]


@settings(deadline=None)
@given(Tree)
def test_any_tree(tree: tuple[str, list[str]]) -> None:
    """
    Of a page with hidden parts anywhere exactly the words that are seen come out, in order.
    """
    page, words = tree
    found = re.sub(r"[\s|]|^( *- )+|^---$", "", text(page.replace("|", "")), flags=re.MULTILINE)

    assert "".join(visible(word) for word in words).replace("|", "").replace("-", "") == found.replace(
        "-", ""
    )
