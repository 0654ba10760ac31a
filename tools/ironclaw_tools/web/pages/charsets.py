"""Decodes a body: by its byte order mark, its header, its own words, or by what fits."""

import codecs
import re

#: Looked up while the toolbox is built: there is no codec to import later.  What the guest's Python lacks
#: is refused by name.
_WANTED = (
    "utf-8 utf-16-le utf-16-be latin-1 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 cp866 "
    "cp874 iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7 iso8859-8 iso8859-10 iso8859-13 "
    "iso8859-14 iso8859-15 iso8859-16 koi8-r koi8-u mac-roman gb18030 big5 euc-jp iso2022-jp shift-jis euc-kr"
)
#: Names that mean another encoding on the web than elsewhere.
_ON_THE_WEB = {
    "ascii": "cp1252", "us-ascii": "cp1252", "iso8859-1": "cp1252", "iso-8859-1": "cp1252",
    "latin1": "cp1252", "latin-1": "cp1252", "iso-8859-9": "cp1254", "gbk": "gb18030", "gb2312": "gb18030",
    "x-sjis": "shift-jis", "windows-31j": "shift-jis", "ks_c_5601-1987": "euc-kr", "utf-16": "utf-16-le",
    "unicode": "utf-16-le",
}  # fmt: skip
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_IN_TYPE = re.compile(r"""charset\s*=\s*["']?([\w.:-]{1,40})""", re.ASCII | re.IGNORECASE)
_IN_PAGE = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.ASCII | re.IGNORECASE
)
_IN_XML = re.compile(
    rb"""^\s*<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.:-]{1,40})""", re.ASCII | re.IGNORECASE
)
_HEAD = 4096  #: Bytes in which a page says its charset.


def _codecs(names: list[str]) -> dict[str, codecs.CodecInfo]:
    found = {}
    for name in names:
        try:
            found[codecs.lookup(name).name] = codecs.lookup(name)
        except LookupError:
            continue
    return found


_CODECS = _codecs(_WANTED.split())


class UnknownCharset(Exception):
    """A page in a charset that cannot be decoded here."""


def decoded(body: bytes, content_type: str) -> str:
    """The body as text; bytes that mean nothing become U+FFFD.

    :param content_type: the header's value
    :raises UnknownCharset: holds the name that the server or the page gives
    """
    for mark, name in _MARKS:
        if body.startswith(mark):
            return _decode(body[len(mark) :], name)
    for name in _named(body, content_type):
        return _decode(body, name)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return _decode(body, "cp1252")


def _named(body: bytes, content_type: str) -> list[str]:
    """What the header says, or else the body's first bytes."""
    if said := _IN_TYPE.search(content_type):
        return [_known(said[1].lower())]
    if inside := _IN_PAGE.search(body[:_HEAD]) or _IN_XML.search(body[:_HEAD]):
        name = _known(inside[1].decode("ascii").lower())
        # It could be read as ASCII until here: so it is no UTF-16, whatever it says.
        return ["utf-8" if name.startswith("utf-16") else name]
    return []


def _known(name: str) -> str:
    name = _ON_THE_WEB.get(name, name)
    if name.startswith("windows-"):
        name = f"cp{name[8:]}"
    for each in (name, name.replace("_", "-"), name.replace("iso-8859", "iso8859")):
        if (found := _normal(each)) in _CODECS:
            return found
    raise UnknownCharset(name)


def _normal(name: str) -> str:
    """The codec's own name, where it is one of ours."""
    bare = name.replace("-", "").replace("_", "")
    return next((each for each in _CODECS if each.replace("-", "").replace("_", "") == bare), name)


def _decode(body: bytes, name: str) -> str:
    return _CODECS[_normal(name)].decode(body, "replace")[0]
