"""Addresses, DNS answers, redirects and headers against the real egress, over real TLS on loopback.

A denied case must end in a typed refusal, look up no name and connect to no address that the policy does
not cover.  An allowed one must get its answer from the address that was checked.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ironclaw.capabilities import HttpRequest, HttpRule
from ironclaw.egress import Egress
from ironclaw.egress.rules import covers_host
from ironclaw.egress.urls import Target, parse_url, redirect_target
from ironclaw.errors import EgressDenied, EgressUnavailable
from tests.fakes.web import OK, PUBLIC, Seen, Web, egress, web

FILE = "ssrf_cases.json"
GRANTED = frozenset({"GET", "POST"})  #: The file says so in words (request-20).

Case = dict[str, Any]


Fetch = Callable[[HttpRequest, tuple[HttpRule, ...]], Awaitable[object]]
Through = Callable[[Egress], Fetch]  #: By which way a request comes to the egress.


def _directly(door: Egress) -> Fetch:
    return door.fetch


async def cases(data: Case, through: Through = _directly) -> AsyncIterator[tuple[str, str | None]]:
    """(case id, None or what went wrong) for each case of the file."""
    rules = _rules(data["policy"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with web(folder, _hosts(data)) as internet:
            door = egress(internet, folder)
            for case in data["cases"]:
                with _environment(case.get("env", {})):
                    fresh = egress(internet, folder) if "env" in case else door
                    yield case["id"], await _judge(case, fresh, internet, rules, through(fresh))


def _rules(policy: Case) -> tuple[HttpRule, ...]:
    return tuple(
        HttpRule(
            host,
            methods=GRANTED,
            path_prefixes=tuple(policy["path_prefixes"].get(host, ["/"])),
            schemes=frozenset(policy["schemes"]),
            ports=frozenset(policy["ports"]),
        )
        for host in [*policy["exact"], *policy["one_label_wildcard"]]
    )


def _hosts(data: Case) -> list[str]:
    """Every name that a server may have to prove to be."""
    named = [host.lower() for case in data["cases"] for host in case.get("dns", {})]
    return [*data["policy"]["exact"], *data["policy"]["one_label_wildcard"], *named]


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """The process environment with these variables."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


async def _judge(
    case: Case, door: Egress, internet: Web, rules: tuple[HttpRule, ...], fetch: Fetch
) -> str | None:
    if fault := _keylog_fault(case, door):
        return fault
    if (location := _unsendable_location(case)) is not None:
        return _judge_location(case, location)
    internet.meet(case.get("dns", {}), _server(case.get("redirects", [])))
    for _ in range(case.get("request_no", 1) - 1):
        await fetch(_request(case), rules)
    connected_before = len(internet.connections)
    try:
        await fetch(_request(case), rules)
        refused = False
    except (EgressDenied, EgressUnavailable):
        refused = True
    return (
        _traffic_fault(case, internet, rules)
        or (_denied_fault if case["expect"] == "deny" else _allowed_fault)(case, internet, refused)
        or (_silence_fault(case, internet, connected_before) if case["expect"] == "deny" else None)
    )


def _request(case: Case) -> HttpRequest:
    method = case.get("method", "GET")
    headers = tuple((name, str(value)) for name, value in case.get("headers", {}).items())
    return HttpRequest(method, case["url"], headers, b"confidential" if method == "POST" else b"")


def _server(redirects: list[Case]) -> Any:
    """Answers with the redirects in turn, then 200."""

    def answer(number: int, _seen: Seen) -> bytes:
        if number >= len(redirects):
            return OK
        each = redirects[number]
        body = each.get("body", "").encode()
        headers = {**each.get("headers", {}), "Content-Length": str(len(body))}
        headers |= {"Location": each["location"]} if "location" in each else {}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {each['status']} x\r\n{lines}\r\n".encode() + body

    return answer


def _unsendable_location(case: Case) -> str | None:
    """A location with a line end never arrives as one header: it is judged as text."""
    locations = [each.get("location", "") for each in case.get("redirects", [])]
    return next((location for location in locations if not location.isprintable()), None)


def _judge_location(case: Case, location: str) -> str | None:
    try:
        target: Target | None = redirect_target(parse_url(case["url"]), location)
    except EgressDenied:
        target = None
    return None if (target is None) == (case["expect"] == "deny") else f"the location was read as {target}"


def _denied_fault(_case: Case, internet: Web, refused: bool) -> str | None:
    return None if refused else f"it was let through to {internet.connections}"


def _silence_fault(case: Case, internet: Web, connected_before: int) -> str | None:
    """A request that is refused before any redirect connects to nothing."""
    led_on = bool(case.get("redirects"))
    return (
        None if led_on or len(internet.connections) == connected_before else "it connected before it refused"
    )


def _allowed_fault(case: Case, internet: Web, refused: bool) -> str | None:
    if refused:
        return "it was refused"
    if internet.connections != case.get("must_connect", internet.connections):
        return f"it connected to {internet.connections}"
    if case.get("must_not_follow") and len(internet.requests) != 1:
        return "it followed"
    if case.get("must_drop_credentials") and any(_carries(seen) for seen in internet.requests[1:]):
        return "body or credentials went to another host"
    return None


def _carries(seen: Seen) -> bool:
    return bool(seen.body) or bool({"authorization", "cookie"} & seen.headers.keys())


def _traffic_fault(case: Case, internet: Web, rules: tuple[HttpRule, ...]) -> str | None:
    """Whatever the outcome: only covered names are looked up, only first answers are connected to."""
    strange = [name for name in internet.lookups if not any(_covers_name(rule, name) for rule in rules)]
    if strange:
        return f"it looked up {strange}"
    if len(internet.lookups) > case.get("max_lookups", len(internet.lookups)):
        return f"it looked up {internet.lookups}"
    answers = [each for each in case.get("dns", {}).values() if isinstance(each, list)]
    known = {address for each in answers for address in each[0]} | {PUBLIC}
    return None if known.issuperset(internet.connections) else f"it connected to {internet.connections}"


def _covers_name(rule: HttpRule, name: str) -> bool:
    return covers_host(rule, Target("https", name, 443, "/"))


def _keylog_fault(case: Case, door: Egress) -> str | None:
    """SSLKEYLOGFILE would have every session's keys written to a file."""
    return "it writes TLS keys to a file" if "env" in case and door.tls.keylog_filename else None
