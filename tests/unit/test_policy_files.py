"""A bad policy starts nothing and replaces nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.fakes.policy import CALL, policy, settings

from ironclaw.errors import SettingsError
from ironclaw.task import Verdict
from ironclaw_bot.doctor import _rules
from ironclaw_bot.policy.noting import about_groups, about_tenants, about_tools
from ironclaw_plugins.policy_cedar import Library

ASK = 'permit(principal, action == Action::"run_with_approval", resource);'
ALL = "permit(principal, action, resource);"
NONE = "forbid(principal, action, resource);"

BAD = {
    "permit(": "unexpected end of input",
    "permit(principal, action, resource) when { resource.nope == 1 };": "attribute `nope`",
    "forbid(principal, action, resource) when { context.amount > 3 };": "optional attribute `amount`",
    'forbid(principal, action, resource) when { context.arguments.getTag("/to") == "x" };': 'tag `"/to"`',
    'forbid(principal, action == Action::"run", resource);': "unrecognized action",
    "forbid(principal == ?principal, action, resource);": "a template holds for nobody",
    '@id("x") @qorum("2") ' + ASK: "x: there is no annotation @qorum",
    '@id("x") @quorum("0") ' + ASK: r'x: @quorum\("0"\): write how many people',
    '@quorum("two") ' + ASK: "common#1: @quorum",
    "@quorum " + ASK: "write how many people",
    '@quorum("²") ' + ASK: "write how many people",
    '@approvers("") ' + ASK: "write names",
    '@approvers("Finance") ' + ASK: "write names",
    '@escalate("cfo after 30") ' + ASK: "whom does it relieve",
    '@approvers("a") @escalate("cfo") ' + ASK: '"cfo after 30"',
    '@approvers("a") @escalate("cfo after 0") ' + ASK: "write the minutes",
    '@minutes("0") ' + ASK: "how many minutes",
    '@minutes("43201") ' + ASK: "1 to 43200",
    '@step_up("sms") ' + ASK: "the one second factor",
    '@grants("all") ' + ASK: "workflow, tool",
    '@grants("") ' + ASK: "workflow, tool",
    '@quorum("2") ' + ALL: "stands on a permit of action ==",
    '@quorum("2") ' + NONE: "stands on a permit of action ==",
    '@advice("x") ' + ALL: "@advice stands on a forbid",
    '@advice("x") forbid(principal, action == Action::"auto_run", resource);': "@advice stands on a forbid",
    '@advice("") ' + NONE: "write a sentence",
    '@reason("a\\nb") ' + ALL: "write a sentence",
    '@id("a b") ' + ALL: "an id has",
    f'@id("a") {ALL} @id("a") {NONE}': "a: there is such an @id already",
    f'@id("tenant-wall") {ALL}': "tenant-wall: there is such an @id already, in walls.cedar",
}


FIRST = '// a; comment\n@id("first")\n' + ALL + "\n\n"
PLACED = {
    FIRST
    + '@id("second")\npermit(principal, action, resource) wen { true };': "line 5: second: invalid policy",
    FIRST + "permit(principal": "line 5: common#2: unexpected end",
    FIRST + '@id("x") forbid(principal, action, resource)\nwhen { context.amount > 3 };': (
        r"line 5: x: .*: write `context has amount && \.\.\.`"
    ),
    FIRST + 'forbid(principal, action, resource) when { context.numbers.getTag("/a;b") > 1 };': (
        r'line 5: common#2: .*: write `context\.numbers\.hasTag\("/a;b"\) && '
    ),
    FIRST + '@reason("a; b") ' + ALL + '\n@quorum("0") ' + ASK: "line 6: common#3: @quorum",
}


@pytest.mark.parametrize("text", PLACED)
def test_a_bad_rule_is_found(tmp_path: Path, text: str) -> None:
    """
    The message names the rule's first line, its id or number, and what to write for what is optional.
    """
    with pytest.raises(SettingsError, match=rf"(?s)common\.cedar: {PLACED[text]}"):
        policy(tmp_path, text)


@pytest.mark.parametrize("text", BAD)
def test_a_bad_policy_starts_nothing(tmp_path: Path, text: str) -> None:
    """
    Not Cedar, not of the schema, or not what its author can have meant: the file and the rule are named.
    """
    with pytest.raises(SettingsError, match=rf"(?s)policy_file: .*common\.cedar: .*{BAD[text]}"):
        policy(tmp_path, text)


@pytest.mark.parametrize("text", [ALL, 'permit(principal, action == Action::"auto_run", resource);', ASK])
def test_a_tenants_file_holds_no_permission(tmp_path: Path, text: str) -> None:
    """
    A permit in a tenant's file would look as if it permitted something: it is refused.
    """
    with pytest.raises(SettingsError, match=r"tenants\.T1\.policy_file: .*only takes away"):
        policy(tmp_path, T1=text)


@pytest.mark.parametrize(
    ("content", "expected"), [(b"\xff", "it is not UTF-8"), (b" " * (1 << 20) + b" ", "longer than")]
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes, expected: str) -> None:
    """
    What is no text, or no policy by its length, is refused by name.
    """
    plugin = policy(tmp_path, ALL)
    (tmp_path / "common.cedar").write_bytes(content)

    with pytest.raises(SettingsError, match=expected):
        plugin.ironclaw_reload()


def test_a_missing_file_starts_nothing(tmp_path: Path) -> None:
    """
    No policy where one is named is no reason to take another.
    """
    plugin = policy(tmp_path, ALL)
    (tmp_path / "common.cedar").unlink()

    with pytest.raises(SettingsError, match="No such file"):
        plugin.ironclaw_reload()


def test_the_version_names_the_text(tmp_path: Path) -> None:
    """
    Another policy has another version, and so has another tenant's; the same text has the same.
    """
    texts = [{"text": ALL}, {"text": None}, {"T1": NONE}, {"T2": NONE}, {"text": ALL}]
    versions = [policy(tmp_path, **each).ironclaw_policy_version() for each in texts]

    assert 4 == len(set(versions))
    assert versions[0] == versions[4]


async def test_reload_takes_up_what_changed(tmp_path: Path) -> None:
    """
    A changed file counts from the next call on, and the version says so.
    """
    plugin = policy(tmp_path, ALL)
    before = plugin.ironclaw_policy_version()
    (tmp_path / "common.cedar").write_text(NONE)
    plugin.ironclaw_reload()

    assert Verdict.DENY == (await plugin.ironclaw_verdict(CALL)).verdict
    assert before != plugin.ironclaw_policy_version()


async def test_reload_refuses_a_bad_file_each_time(tmp_path: Path) -> None:
    """
    The old policy stays until the file is mended, and nobody is told twice that all is well.
    """
    plugin = policy(tmp_path, NONE)
    before = plugin.ironclaw_policy_version()
    (tmp_path / "common.cedar").write_text("permit(")
    for _ in range(2):
        with pytest.raises(SettingsError):
            plugin.ironclaw_reload()

    assert Verdict.DENY == (await plugin.ironclaw_verdict(CALL)).verdict
    assert before == plugin.ironclaw_policy_version()


def test_a_file_put_in_the_others_place_is_seen(tmp_path: Path) -> None:
    """
    Also with the same length and the same time: it is another file.
    """
    plugin = policy(tmp_path, ALL)
    before, file, other = plugin.ironclaw_policy_version(), tmp_path / "common.cedar", tmp_path / "other"
    other.write_text(ALL.replace("permit", "forbid"))
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    other.replace(file)
    plugin.ironclaw_reload()

    assert before != plugin.ironclaw_policy_version()


def test_a_group_that_a_tenant_does_not_have(tmp_path: Path) -> None:
    """
    A rule that asks for nobody is valid, and found: whoever checks it or asks the doctor hears of it.
    """
    rules = f'@id("m") @approvers("finance") {ASK}'
    found = settings(tmp_path, rules, T1='@id("o") @approvers("own") ' + ASK)
    groups = {"finance": ("local:ada",)}
    tenants = {**found.tenants, "T2": found.tenants["T2"].model_copy(update={"groups": groups})}
    both = found.model_copy(update={"tenants": tenants})

    expected = (("T1", "m", "finance"), ("T1", "o", "own"))
    assert expected == Library.read(both).unknown_groups(both)
    assert ["rule m: nobody of tenant T1 is of finance: set it in [tenants.T1.groups]"] == list(
        about_tenants(Library.read(both), both)
    )
    assert "rule o: no tenant has a group own" in str([*map(str, _rules(both))])


@pytest.mark.parametrize(
    "named",
    [
        'permit(principal, action, resource == Tool::"pay.sned");',
        'permit(principal, action, resource) when { resource == Tool::"pay.sned" };',
        'permit(principal, action, resource) when { [Tool::"pay.sned"].contains(resource) };',
        'permit(principal, action, resource) when { context.tool == "pay.sned" };',
    ],
)
def test_a_tool_that_nobody_has(tmp_path: Path, named: str) -> None:
    """
    A misspelt tool is valid Cedar and matches nothing: said, with the nearest that is installed.
    """
    rules = Library.read(settings(tmp_path, f'@id("x") {named}')).rules

    assert ["rule x: no installed tool is called pay.sned; nearest: pay.send"] == list(
        about_tools(rules, {"pay.send", "files.list"})
    )
    assert [] == list(about_tools(rules, {"pay.sned"}))


@pytest.mark.parametrize(
    "named",
    [
        '@approvers("finanse") ' + ASK,
        '@approvers("finance") @escalate("finanse after 5") ' + ASK,
        'permit(principal, action, resource) when { principal.roles.contains("group:finanse") };',
    ],
)
def test_a_group_that_no_tenant_has(tmp_path: Path, named: str) -> None:
    """
    A misspelt group, in terms or as a role: said, with the nearest that there is.
    """
    found = settings(tmp_path, f'@id("x") {named}')
    own = found.tenants["T1"].model_copy(update={"groups": {"finance": ("local:ada",)}})
    found = found.model_copy(update={"tenants": {"T1": own}})

    (said,) = about_groups(Library.read(found).rules, found)
    assert said.startswith("rule x: no tenant has a group finanse; nearest: finance.")
