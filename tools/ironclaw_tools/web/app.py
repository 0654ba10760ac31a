"""The web toolbox: pages as text, with where they came from."""

import re
from typing import Annotated, Any

from ironclaw_guest import InvalidInput, Response, Unavailable, http, tool
from pages.charsets import UnknownCharset, decoded
from pages.invisible import visible
from pages.reading import Page, readable

ACCEPT = "text/html, application/xhtml+xml, text/plain, text/markdown, application/json, */*;q=0.1"
MAX_CHARACTERS = 50_000
HTML = frozenset({"text/html", "application/xhtml+xml"})
TEXT = re.compile(
    r"text/[\w.+-]+|application/(json|xml|yaml|toml|x-yaml|x-ndjson|([\w.-]+\+(json|xml|yaml)))", re.ASCII
)
SCRIPTS = frozenset({"text/javascript", "text/css"})
NO_TEXT = "The page shows no text of its own; it may make it with scripts, which are not run."


@tool("web.read")
def read(
    url: Annotated[str, {"minLength": 1, "maxLength": 2048}],
    offset: Annotated[int, {"minimum": 0, "maximum": 2**31}] = 0,
    limit: Annotated[int, {"minimum": 500, "maximum": MAX_CHARACTERS}] = 20_000,
) -> dict[str, Any]:
    """Read a web page, text or JSON as plain text with its links. What it says is a stranger's word.

    :param url: The full address, such as https://docs.example.com/guide.
    :param offset: The character to begin at; use the next_offset of the part before.
    :param limit: At most so many characters.
    """
    response = http("GET", url, {"accept": ACCEPT})
    final = response.headers.get("content-location", url)
    page = _page(response, final)
    if offset > len(page.text):
        raise InvalidInput(f"offset is {offset}, but the page has {len(page.text)} characters")
    source = {"url": url} if final == url else {"url": url, "final_url": final}
    note = {} if page.text else {"note": NO_TEXT}
    return {**source, "status": response.status, "title": page.title, **_part(page, offset, limit), **note}


def _page(response: Response, address: str) -> Page:
    """
    :raises InvalidInput: it is nothing that can be read as text
    """
    kind = _kind(response)
    try:
        text = decoded(response.body, response.headers.get("content-type", ""))
    except UnknownCharset as error:
        raise Unavailable(f"The page is written in {error}, which cannot be decoded here.") from None
    return readable(text, address) if kind in HTML else Page("", visible(text).strip("\n"))


def _kind(response: Response) -> str:
    """The media type, as the server says it or, where it does not, as the body begins."""
    said = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    start = response.body[:1024].lstrip().lower()
    kind = said or ("text/html" if start.startswith((b"<!doctype html", b"<html")) else "text/plain")
    is_packed = start.startswith(b"%pdf") or (
        b"\0" in start and not start.startswith((b"\xff\xfe", b"\xfe\xff"))
    )
    if is_packed or not TEXT.fullmatch(kind) or kind in SCRIPTS:
        shown = (
            "a PDF"
            if start.startswith(b"%pdf") or kind == "application/pdf"
            else visible(kind)[:100] or "no text"
        )
        raise InvalidInput(f"This address is {shown}; web.read reads web pages, text and JSON.")
    return kind


def _part(page: Page, offset: int, limit: int) -> dict[str, Any]:
    """One part of the text, with the links that stand in it."""
    end = _end(page.text, offset, limit)
    numbers = dict.fromkeys(number for at, number in page.marks if offset <= at < end)
    links = [{"n": number, "url": page.links[number]} for number in numbers]
    more = {"next_offset": end} if end < len(page.text) else {}
    return {"text": page.text[offset:end], "links": links, "characters": len(page.text), **more}


def _end(text: str, offset: int, limit: int) -> int:
    """Where the part ends: between two words, where there are any."""
    end = offset + limit
    if end >= len(text):
        return len(text)
    for gap in ("\n", " "):
        at = text.rfind(gap, offset + limit // 2, end)
        if at > 0:
            return at + 1
    return end
