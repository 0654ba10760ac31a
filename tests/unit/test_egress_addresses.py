"""What the egress makes of an address: one reading, or none."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from yarl import URL

from ironclaw.capabilities import TENANT_ALLOWLIST, HttpRule
from ironclaw.egress import allows_localhost, effective_rules
from ironclaw.egress.addresses import is_public
from ironclaw.egress.rules import covers_host, covers_path
from ironclaw.egress.urls import Target, parse_url, redirect_target
from ironclaw.errors import EgressDenied, SettingsError

SPELLINGS = """
https:// http:// HTTPS:// // / \\ @ : :443 :0443 :99999 . .. ? # % %2e %2F %40 %00 [ ] ::1 127.0.0.1 0x7f 1
api.example.com evil.test xn--a a b - _ ; & = , ~
"""
#: Long s, full-width and ideographic stop, e acute, circled one, the ligature ff.
STRANGE = ["\t", "\n", "\r", " ", "\u017f", "\uff0e", "\u3002", "\u00e9", "\u2460", "\ufb00"]
PIECES = st.sampled_from([*SPELLINGS.split(), *STRANGE])


@given(st.lists(PIECES, max_size=9).map("".join) | st.from_regex(r"https?://\S{1,40}(/\S*)?", fullmatch=True))
@example("https://api.example.com@evil.test/")
@example("https://evil.test\\@api.example.com/")
def test_one_reading(text: str) -> None:
    """
    An accepted address has the same host and port for the HTTP library and the standard library.
    """
    try:
        target = parse_url(text)
    except EgressDenied:
        return

    assert (target.host, target.port) == (URL(text).raw_host, URL(text).port)
    assert target.host == urlsplit(text).hostname
    assert target.host == target.url().raw_host


@given(st.lists(PIECES, max_size=6).map("".join))
def test_accepted_again(path: str) -> None:
    """
    The rebuilt address is read as itself: nothing is normalised behind our back.
    """
    try:
        target = parse_url(f"https://api.example.com/{path}")
    except EgressDenied:
        return

    assert target == parse_url(str(target.url()))
    assert ".." not in target.path.split("/")


@given(st.text(max_size=30))
def test_redirect_stays_or_is_whole(location: str) -> None:
    """
    A location that is no whole address leads to the same origin or nowhere.
    """
    assume(not re.match(r"https?://", location, re.IGNORECASE))
    current = Target("https", "api.example.com", 8443, "/start")

    try:
        target = redirect_target(current, location)
    except EgressDenied:
        return

    assert current.origin == target.origin


@pytest.mark.parametrize(
    ("prefix", "path", "expected"),
    [
        ("/", "/", True),
        ("/", "/anything", True),
        ("/v1", "/v1", True),
        ("/v1", "/v1/x", True),
        ("/v1", "/v10", False),
        ("/v1/", "/v1", False),
        ("/v1/", "/v1/x", True),
        ("/v1/", "/V1/x", False),
        ("/repos/*/*/issues", "/repos/acme/app/issues", True),
        ("/repos/*/*/issues", "/repos/acme/app/issues/5/comments", True),
        ("/repos/*/*/issues", "/repos/acme/app/hooks", False),
        ("/repos/*/*/issues", "/repos/acme/issues", False),
        ("/repos/*/*/issues", "/repos/acme/app/more/issues", False),
        ("/repos/*", "/repos/", False),
        ("/repos/*/", "/repos/acme", False),
    ],
)
def test_path_prefix(prefix: str, path: str, expected: bool) -> None:
    """
    A prefix ends where a part of the path ends; a star is one part, neither none nor two.
    """
    assert expected == covers_path(prefix, path)


@pytest.mark.parametrize(
    "host", ["good.example", "a.b.good.example", "xn--a.good.example", "agood.example", "x.com"]
)
def test_wildcard(host: str) -> None:
    """
    A wildcard stands for exactly one label, in plain letters.
    """
    rule = HttpRule("*.good.example")

    assert covers_host(rule, Target("https", "a.good.example", 443, "/"))
    assert not covers_host(rule, Target("https", host, 443, "/"))


REFUSED = """
127.0.0.1 10.1.2.3 172.16.0.1 192.168.0.1 169.254.169.254 100.64.0.1 0.0.0.0 255.255.255.255 224.0.0.1
240.0.0.1 168.63.129.16 192.88.99.1 198.18.0.1 192.0.2.1 192.0.0.8
::1 :: fe80::1 fc00::1 fec0::1 ff02::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:93.184.216.34 ::ffff:0:7f00:1
64:ff9b::7f00:1 64:ff9b:1::7f00:1 64:ff9b::5db8:d822 2002:7f00:1::1 2001::1 2001:10::1 2001:20::1
2001:db8::1 3fff::1 100::1 5f00::1 fe80::1%eth0 2606:4700::1%1
127.1 0x7f000001 2130706433 localhost 1.2.3.4.5
"""


@pytest.mark.parametrize("address", REFUSED.split())
def test_refused_addresses(address: str) -> None:
    """
    Nothing is connected to that is private, special, a carrier of another address, or no address.
    """
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "1.1.1.1", "2606:2800:220:1:248:1893:25c8:1946", "2a00::1"]
)
def test_public_addresses(address: str) -> None:
    """
    Public addresses of both families may be connected to.
    """
    assert is_public(address)


def test_allowlist() -> None:
    """
    The operator's hosts take the place of @allowlist; methods, paths and other rules stay the tool's.
    """
    mine = HttpRule("mine.example")
    rule = HttpRule(TENANT_ALLOWLIST, methods=frozenset({"POST"}), path_prefixes=("/v1",))

    rules = effective_rules(
        (rule, mine), ("API.example.com", "b.example:8443", "*.c.example", "http://localhost:9999")
    )

    assert [("api.example.com", 443), ("b.example", 8443), ("*.c.example", 443), ("localhost", 9999)] == [
        (each.host, *each.ports) for each in rules[:-1]
    ]
    assert all(
        (rule.methods, rule.path_prefixes) == (each.methods, each.path_prefixes) for each in rules[:-1]
    )
    assert (mine, frozenset({"http"})) == (rules[-1], rules[3].schemes)


def test_empty_allowlist() -> None:
    """
    An empty allowlist allows nothing.
    """
    assert effective_rules((HttpRule(TENANT_ALLOWLIST),), ()) == ()


WRONG = """
* *.com **.example.com http://api.example.com https://localhost localhost 127.0.0.1 api.example.com/v1
api.example.com?x ftp://a.example a@b.example
"""


@pytest.mark.parametrize("entry", ["", "a b.example", "\uff41.example", *WRONG.split()])
def test_wrong_entry(entry: str) -> None:
    """
    An entry that is not plainly one host is an error at start, and the error names it.
    """
    with pytest.raises(SettingsError, match="http_allow: "):
        effective_rules((HttpRule(TENANT_ALLOWLIST),), (entry,))


def test_allows_localhost() -> None:
    """
    Loopback is opened only by an operator who lists localhost.
    """
    assert allows_localhost(["a.example", "http://localhost:9999"])
    assert not allows_localhost(["a.example"])
