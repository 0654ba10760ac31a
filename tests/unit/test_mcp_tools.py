"""Names, schemas and texts of MCP servers: what becomes of them here, and what is refused."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.test_seccomp import ENOSYS, EPERM

from ironclaw.errors import BadRequest, SettingsError
from ironclaw.mcp.filter import program
from ironclaw.mcp.flow import BYTES, MESSAGES, WINDOW, Flood, Meter
from ironclaw.mcp.listing import Listing, config_digest, differences
from ironclaw.mcp.names import alike, skeleton, verb
from ironclaw.mcp.offering import offer
from ironclaw.mcp.schemas import usable
from ironclaw.mcp.texts import plain
from ironclaw.orchestrator.taint import hosts_of
from ironclaw.registry import Registry
from ironclaw.sandbox import syscalls
from ironclaw.sandbox.bpf import ARCHES
from ironclaw.sandbox.syscalls import DENIED, SETPGID, SETSID
from ironclaw.settings import McpServer, load
from ironclaw.store import McpListing
from ironclaw.task import Effect, Risk

ALLOW = 0x7FFF0000
SERVER = McpServer(command="/usr/bin/server", low=("get-It",), pure=("get-It",))


def tool(name: str, description: str = "Does things.", **schema: Any) -> dict[str, Any]:
    whole = {"type": "object", "properties": {}, **schema}
    return {"name": name, "description": description, "schema": whole, "annotations": {}}


def listing(*tools: dict[str, Any]) -> Listing:
    return Listing.of("server 1", tools, str)


def row(*tools: dict[str, Any]) -> McpListing:
    found = listing(*tools)
    return McpListing("x", "c", found.component("c"), found.manifest, found.about, found.text)


@given(st.text(max_size=200))
def test_names(theirs: str) -> None:
    """
    Whatever a server calls a tool, our name of it has our grammar, or there is none.
    """
    ours = verb(theirs)

    assert ours is None or re.fullmatch(r"[a-z][a-z0-9_]{0,31}", ours)


def test_names_that_are_too_long() -> None:
    """
    Two long names stay apart.
    """
    one, other = (verb("list_pull_request_review_comments_" + end) for end in ("a", "b"))

    assert one != other


@pytest.mark.parametrize(("one", "other"), [("delete", "de1ete"), ("send_mail", "sendmail"), ("burn", "bum")])
def test_names_that_look_alike(one: str, other: str) -> None:
    """
    Of two names that people take for one another neither is offered.
    """
    assert skeleton(one) == skeleton(other)
    assert {one: other, other: one} == alike([one, other, "third"])


def test_what_a_tool_becomes() -> None:
    """
    High risk and once, unless the operator said otherwise of just that one; a call goes to the server alone.
    """
    tools = offer("x", SERVER, row(tool("get-It"), tool("put"))).tools

    assert [("x.get_it", Risk.LOW, Effect.PURE), ("x.put", Risk.HIGH, Effect.ONCE)] == [
        (each.name, each.risk, each.effect) for each in tools
    ]
    assert {frozenset({"mcp:x"})} == {hosts_of(each, "{}") for each in tools}
    assert ("MCP server x (stdio: /usr/bin/server)",) == tools[0].capabilities.lines


def test_descriptions() -> None:
    """
    A description is one line, without what steers, hides or turns around, and not longer than any tool's.
    """
    (found,) = offer("x", SERVER, row(tool("a", "One.\n\x1b[2J\u202eTwo\u200b." + "x" * 5000))).tools

    assert found.description.startswith("One. [2JTwo.xxx")
    assert (1000, True) == (len(found.description), found.description.isprintable())


@given(st.text())
def test_plain(text: str) -> None:
    """
    Nothing that is left of a text breaks a line.
    """
    assert plain(text).isprintable()


BOMB = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 8} for i in range(8)} | {"d8": {}}


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"properties": {"a": {"$ref": "https://evil.example/a"}}}, "refers to another document"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "refers to another document"),
        ({"properties": {"a": {"$ref": "#"}}}, "refers to another document, or to all of itself"),
        ({"properties": {"a": {"$ref": "#/properties/a"}}}, "refers to itself"),
        ({"properties": {"a": {"$ref": "#/$defs/no"}}}, "refers to what is not there"),
        ({"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": BOMB}, "too deep or too large"),
        ({"properties": {"a": {"$dynamicRef": "#x"}}}, r"uses \$dynamicRef"),
        ({"patternProperties": {"(a+)+$": {}}}, "uses patternProperties"),
        ({"unevaluatedProperties": False}, "uses unevaluatedProperties"),
        ({"properties": {"a": {"format": "scratch-path"}}}, "the format scratch-path"),
        ({"properties": {"a": {"type": "string", "default": 1}}}, "default of its argument a"),
        ({"properties": {"a": {"type": "nothing"}}}, "no JSON Schema"),
        ({"properties": {"a": True}}, "argument a has no schema"),
        ({"type": "string"}, 'type = "object"'),
        ({"properties": {"a": {"description": "x" * 40_000}}}, "longer than 32768 bytes"),
    ],
)
def test_schemas_that_are_refused(schema: dict[str, Any], why: str) -> None:
    """
    A schema that would have us fetch, follow for ever, work for ever or read a file is refused.
    """
    with pytest.raises(BadRequest, match=why):
        usable({"type": "object", "properties": {}, **schema})


def test_a_schema_that_is_used() -> None:
    """
    References are put in place, patterns are the server's to hold, and what is not named is not taken.
    """
    string = {"type": "string", "pattern": "(a+)+$", "title": "A"}
    found = usable({"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": string}})

    wanted = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
    assert wanted == found


def test_a_refused_tool_leaves_the_others() -> None:
    """
    One tool that cannot be used is said, and takes no other with it.
    """
    found = offer("x", SERVER, row(tool("good"), tool("bad", patternProperties={"a": {}})))

    assert ["x.good"] == [each.name for each in found.tools]
    assert ["x.bad: its schema uses patternProperties"] == [str(each) for each in found.refused]


def test_offers_fit_the_registry() -> None:
    """
    What is offered is held against its schema as any tool's arguments are.
    """
    (found,) = offer("x", SERVER, row(tool("add", properties={"a": {"type": "integer"}}))).tools
    registry = Registry([found])

    assert [] == registry.validate(found, {"a": 1})
    assert ["/a: must be integer"] == registry.validate(found, {"a": "1"})


def test_pins() -> None:
    """
    Each word of a tool counts for the digest, the order in which a server lists them does not.
    """
    one, two = tool("one"), tool("two")
    others = (
        [tool("one", "Does other things."), two],
        [tool("one", properties={"a": {}}), two],
        [{**one, "annotations": {"readOnlyHint": True}}, two],
        [one],
    )

    assert listing(one, two).manifest == listing(two, one).manifest
    assert 5 == len({listing(*each).manifest for each in ([one, two], *others)})


def test_pins_of_settings() -> None:
    """
    Another command, argument, variable or reach is another server; what a variable holds is not told.
    """
    base = {"command": "/usr/bin/server", "env": {"A": "1"}}
    others = (
        {"args": ("-x",)},
        {"env": {"B": "1"}},
        {"network": True},
        {"read": ("/srv",)},
        {"write": ("/srv",)},
    )
    digests = {config_digest("x", McpServer(**{**base, **more})) for more in ({}, *others)}

    assert 6 == len(digests)
    assert config_digest("x", McpServer(**base)) == config_digest(
        "x", McpServer(**{**base, "env": {"A": "2"}})
    )


def test_secrets_in_a_listing() -> None:
    """
    A secret that a server puts into its descriptions is kept nowhere.
    """
    found = Listing.of("server tok", [tool("a", "Uses tok.")], lambda text: text.replace("tok", "[redacted]"))

    assert "tok" not in found.text + found.about


def test_a_tool_without_a_canonical_form() -> None:
    """
    A tool that cannot be pinned (a number beyond 2**53, NaN) is left out, alone.
    """
    tools = (tool("good"), tool("bad", maximum=2**64), tool("worse", const=float("nan")))
    found = offer("x", SERVER, row(*tools))

    assert ["x.good"] == [each.name for each in found.tools]
    assert {"it has no schema that could be pinned"} == {each.why for each in found.refused}


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_no_difference_is_lost(was: list[str], now: list[str]) -> None:
    """
    Both texts can be put together again from what is shown of their difference.
    """
    before, after = (tool("a", "\n".join(each) or "-") for each in (was, now))
    lines = [line[4:] for line in differences(listing(before), listing(after)) if "description" in line]
    texts = [[line[2:] for line in lines if line[0] in kept] for kept in (" -", " +")]

    assert before == after or [before["description"], after["description"]] == [
        "\n".join(line.removeprefix("description: ") for line in text) for text in texts
    ]


def test_differences() -> None:
    """
    Who approves sees each word of before and of now, and what cannot be seen spelled out.
    """
    lines = list(
        differences(listing(tool("a"), tool("b")), listing(tool("a", "Does \u202ethings."), tool("c")))
    )

    assert "- tool b" in lines
    assert "+ tool c" in lines
    assert ["    - description: Does things.", "    + description: Does \\u{202E}things."] == lines[2:4]


def test_meter() -> None:
    """
    So many messages and bytes in ten seconds, and in the next ten as many again.
    """
    now = 0.0
    meter = Meter(lambda: now)
    for _ in range(MESSAGES):
        meter.take(1)
    with pytest.raises(Flood):
        meter.take(1)
    now = WINDOW
    meter.take(BYTES)

    with pytest.raises(Flood):
        meter.take(1)


def verdict(machine: str, number: int, *args: int, **how: bool) -> int:
    """What the filter answers to one system call."""
    arch = ARCHES[machine]
    data = struct.pack("<iIQ6Q", number, arch.audit, 0, *args, *(0 for _ in range(6 - len(args))))
    code = program(arch, **{"has_network": False, "may_signal": True, **how})
    steps = list(struct.iter_unpack("<HBBI", code))
    at = held = 0
    while True:
        kind, if_true, if_false, value = steps[at]
        at += 1
        if kind == 0x06:
            return int(value)
        if kind == 0x20:
            held = struct.unpack_from("<I", data, value)[0]
        elif kind == 0x54:
            held &= value
        else:
            holds = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[kind]
            at += if_true if holds else if_false


@pytest.mark.parametrize("machine", ARCHES)
def test_filter(machine: str) -> None:
    """
    Processes yes; no socket, no group of its own, no mount, no word into other processes.
    """
    column = ARCHES[machine].column
    number = {name: each[column] for name, each in DENIED.items()}
    asked = (
        "socket",
        "connect",
        "bind",
        "listen",
        "ptrace",
        "mount",
        "unshare",
        "bpf",
        "io_uring_setup",
        "keyctl",
    )
    groups = (SETSID[column], SETPGID[column])

    assert {EPERM} == {verdict(machine, number[name] or 0) for name in asked}
    assert {EPERM} == {verdict(machine, each or 0) for each in groups}
    assert ALLOW == verdict(machine, number["execve"] or 0)


@pytest.mark.parametrize("machine", ARCHES)
def test_filter_of_sockets(machine: str) -> None:
    """
    A pair of streams is a program's own; a pair of datagrams is not; with the network, the internet's alone.
    """
    column = ARCHES[machine].column
    pair, socket = DENIED["socketpair"][column] or 0, DENIED["socket"][column] or 0
    unix, inet, inet6, stream, datagram = 1, 2, 10, 1, 2

    assert (ALLOW, EPERM) == (verdict(machine, pair, unix, stream), verdict(machine, pair, unix, datagram))
    assert EPERM == verdict(machine, DENIED["sendmsg"][column] or 0)  # It carries files.
    opened = [verdict(machine, socket, family, has_network=True) for family in (inet, inet6, unix, 16)]
    assert [ALLOW, ALLOW, EPERM, EPERM] == opened


@pytest.mark.parametrize("machine", ARCHES)
def test_filter_of_memory(machine: str) -> None:
    """
    No memory that no limit counts: shared and of no file, of a file without a disk, growing as a stack.
    """
    column = ARCHES[machine].column
    mmap, memfd = syscalls.MMAP[column] or 0, syscalls.MEMFD_CREATE[column] or 0
    shared, private, anonymous, grows = 1, 2, 0x20, 0x100
    flags = (shared | anonymous, private | anonymous | grows, shared, private | anonymous, private)

    assert [EPERM, EPERM, ALLOW, ALLOW, ALLOW] == [verdict(machine, mmap, 0, 0, 0, each) for each in flags]
    assert ENOSYS == verdict(machine, memfd)


@pytest.mark.parametrize("machine", ARCHES)
def test_filter_of_what_is_roots(machine: str) -> None:
    """
    Nobody in there sets the machine's clock or name, whoever started it.
    """
    column = ARCHES[machine].column
    asked = ("settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "acct")

    assert {EPERM} == {verdict(machine, DENIED[name][column] or 0) for name in asked}


@pytest.mark.parametrize("machine", ARCHES)
def test_filter_of_signals(machine: str) -> None:
    """
    Where nothing else keeps signals within, there are none; and no new namespace either way.
    """
    column = ARCHES[machine].column
    kill, clone = DENIED["kill"][column] or 0, {"x86_64": 56, "aarch64": 220}[machine]

    assert (ALLOW, EPERM) == (verdict(machine, kill), verdict(machine, kill, may_signal=False))
    assert (ALLOW, EPERM) == (verdict(machine, clone, 17), verdict(machine, clone, 0x10000000))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({}, "give either command"),
        ({"command": "/a", "url": "https://a.example/"}, "give either command"),
        ({"command": "server"}, "must be a whole path"),
        ({"command": "/usr/../srv/x"}, "must be a whole path"),
        ({"url": "https://a.example/", "network": True}, "go with command"),
        ({"url": "https://a.example/", "secret": "token"}, "a secret is one tenant's"),
        ({"command": "/a", "env_secrets": {"T": "token"}, "tenants": ("a", "b")}, "a secret is one tenant's"),
        ({"command": "/a", "pure": ("x",), "keyed": ("x",)}, "both in pure and in keyed"),
    ],
)
def test_settings(words: dict[str, Any], why: str) -> None:
    """
    Settings of a server that could mean two things, or lend a secret to others, are refused.
    """
    with pytest.raises(ValueError, match=why):
        McpServer.model_validate(words)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            '[mcp_servers.Bad-Name]\ncommand = "/a"',
            "mcp_servers.Bad-Name in ironclaw.toml: names here have letters",
        ),
        (
            '[mcp_servers.x]\ncommand = "a"',
            "mcp_servers.x.command in ironclaw.toml: 'a' must be a whole path",
        ),
        ('[mcp_servers.x]\ncomand = "/a"', "there is no such setting. Did you mean command?"),
    ],
)
def test_wrong_settings(table: str, words: str, tmp_path: Path) -> None:
    """
    What is wrong with a server's table is said by its name.
    """
    (tmp_path / "ironclaw.toml").write_text(table)

    with pytest.raises(SettingsError, match=re.escape(words)):
        load({}, tmp_path)
