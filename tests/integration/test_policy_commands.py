"""``ironclaw policy``: what policy would say, said before it counts."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest
from tests.fakes.policy import settings as policy_settings
from tests.integration.engine import ADA, Moves, ask, engine, moves, wants
from tests.integration.engine import settings as engine_settings

from ironclaw.errors import BadRequest, IronclawError, NotFound, SettingsError
from ironclaw.settings import Settings
from ironclaw_bot.cli import _parser
from ironclaw_plugins.policy_cedar import check

pytestmark = pytest.mark.sandbox
DOCS = (Path(__file__).parents[2] / "docs/policy.md").read_text()
ASK = 'permit(principal, action == Action::"run_with_approval", resource);'


async def told(settings: Settings, *words: object) -> int:
    """The exit code of one command."""
    chosen = _parser().parse_args(["policy", *map(str, words)])
    code: int = await chosen.command(settings, chosen)
    return code


async def test_check_lists_the_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Walls, common rules and tenants' own, each with its file, and the version.
    """
    own = f'@id("two") @quorum("2") @approvers("finance") {ASK}'
    assert 0 == await told(policy_settings(tmp_path, T1=own), "check")

    out = capsys.readouterr().out
    assert [
        "memory-wall",
        "tenant-wall",
        "low-risk-runs",
        "tainted-goes-out",
        "a-person-decides",
        "two",
    ] == re.findall(r"^(?:permit|forbid) (\S+)", out, re.MULTILINE)
    assert "2 people of finance" in out


@pytest.mark.parametrize(
    ("text", "own", "fault"), [("permit(", [], "end of input"), (ASK, ["--own"], "only takes")]
)
async def test_check_of_a_bad_file(tmp_path: Path, text: str, own: list[str], fault: str) -> None:
    """
    A file that would not hold, as the operator's or as a tenant's: said, with exit code 2.
    """
    (tmp_path / "new.cedar").write_text(text)

    with pytest.raises(SettingsError, match=fault):
        await told(Settings(), "check", *own, tmp_path / "new.cedar")


async def test_check_notes_what_nobody_has(
    tmp_path: Path, built_toolboxes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A rule about a tool or a group that is not there is valid; the notes say what may have been meant.
    """
    file = tmp_path / "typo.cedar"
    file.write_text(f'@id("x") @approvers("finance") {ASK[:-1]} when {{ resource == Tool::"files.wirte" }};')
    assert 0 == await told(policy_settings(tmp_path), "check", file)

    out = capsys.readouterr().out
    assert "note: rule x: no installed tool is called files.wirte; nearest: files.write.\n" in out
    assert "note: rule x: no tenant has a group finance. Nobody is of it: set finance in" in out


async def test_explain(tmp_path: Path, built_toolboxes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    The verdict, the rule that decided with its file, the terms, and what it was made of.
    """
    own = f'@id("two") @quorum("2") @minutes("30") {ASK}'
    settings = policy_settings(tmp_path, T1=own).model_copy(update={"http_allow": ("a.example",)})
    asked = ("http.get", "url=https://a.example/", "--as", ADA, "--tenant", "T1", "--tainted", "b.example")
    assert 0 == await told(settings, "explain", *asked)

    out = capsys.readouterr().out
    assert out.startswith("review: tainted-goes-out,two\n  It read text from elsewhere before")
    assert "No: forbidden by tainted-goes-out (shipped.cedar)." in out
    assert "2 approvers, within 30 minutes\n" in out
    assert "  Nobody may approve this yet: set approvers in [tenants.T1] of ironclaw.toml.\n" in out
    assert "hosts    a.example\n  read     b.example\n" in out


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (("nope",), NotFound, "no tool nope"),
        (("files.read",), BadRequest, "no arguments of files.read"),
        (("files.read", "path"), BadRequest, "KEY=VALUE"),
        (("files.read", "path=a", "--tenant", "T9"), NotFound, "--tenant"),
    ],
)
async def test_explain_what_cannot_be(
    tmp_path: Path, built_toolboxes: Path, words: tuple[str, ...], error: type[IronclawError], says: str
) -> None:
    """
    No such tool, tenant or argument: said, and nothing is judged.
    """
    with pytest.raises(error, match=says):
        await told(policy_settings(tmp_path), "explain", *words)


CASES = """
[tools."pay.send"]
risk = "high"
hosts = ["pay.example"]
[[case]]
name = "asks"
tool = "pay.send"
args = { amount = 5000 }
as = "slack:T1:U1"
tenant = "T1"
"""


@pytest.mark.parametrize(
    ("expected", "says"),
    [
        ('expect = "review"', ""),
        ('expect = "review"\nrule = "money"\nterms = { approvers = ["finance"], quorum = 1 }', ""),
        ('expect = "allow"', "expected allow, got review by money"),
        ('expect = "refuse"', "expected refuse, got review by money"),
        ('expect = "review"\nrule = "other"', "expected review by other, got it by money"),
        (
            'expect = "review"\nterms = { quorum = 2, approvers = ["cfo"], step_up = true, minutes = 30 }',
            "expected quorum 2, got 1; approvers cfo, got finance; minutes 30, got none; "
            "step_up true, got false (it asks 1 person of finance)",
        ),
        ('expect = "deny"\nroles = ["group:temp"]', ""),
        ('expect = "correct"\nat = 2026-11-22T03:00:00Z', ""),
        ('expect = "refuse"\nat = 2026-11-22T03:00:00Z', ""),
    ],
)
async def test_cases(
    tmp_path: Path, built_toolboxes: Path, capsys: pytest.CaptureFixture[str], expected: str, says: str
) -> None:
    """
    Each case is held against policy, for a tool that is not installed too; what differs fails.
    """
    when = "" if "at = " in expected else "at = 2026-11-20T12:00:00Z"
    (tmp_path / "cases.toml").write_text(f"{CASES}{when}\n{expected}\n")
    common = f"""{ASK} @id("money") @approvers("finance") {ASK[:-1]} when {{ context has amount }};
    @id("temp") forbid(principal, action, resource) when {{ principal.roles.contains("group:temp") }};
    @id("night") @advice("Wait for the day.") forbid(principal, action, resource)
    when {{ context.hour < 6 }};"""
    code = await told(policy_settings(tmp_path, common), "test", tmp_path / "cases.toml")

    out = capsys.readouterr().out
    assert (bool(says), True) == (bool(code), (f"FAIL asks: {says}" if says else "ok   asks\n") in out)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[case]]\n", "case 1, tool: Field required"),
        ("x = 1\n", "x: Extra inputs"),
        ("[[case", "Expected"),
        (f'{CASES}expect = "maybe"\n', "case 1, expect: Input"),
        (f'{CASES}expect = "deny"\nwhom = 1\n', "whom: Extra inputs"),
        (
            f"x = 1\n{CASES}\n[[case]]\nas = 1",
            r"(?s)toml:\n  case 1, expect: .*case 2, tool: .*case 2, as: .*case 2, expect: .*d\n  x: Extra",
        ),
    ],
)
async def test_a_file_that_is_none_of_cases(
    tmp_path: Path, built_toolboxes: Path, text: str, says: str
) -> None:
    """
    A typing error is no case that passes: exit code 2.
    """
    (tmp_path / "cases.toml").write_text(text)

    with pytest.raises(SettingsError, match=says):
        await told(policy_settings(tmp_path), "test", tmp_path / "cases.toml")


async def test_a_case_of_a_tool_that_is_not_there(
    tmp_path: Path, built_toolboxes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    It fails, and says that the file itself may state the tool.
    """
    text = '[[case]]\ntool = "pay.send"\nas = "slack:T1:U1"\ntenant = "T1"\nexpect = "deny"\n'
    (tmp_path / "cases.toml").write_text(text)
    assert 1 == await told(policy_settings(tmp_path), "test", tmp_path / "cases.toml")

    assert 'write [tools."pay.send"] into this file' in capsys.readouterr().out


async def test_recorded_calls_show_what_a_new_policy_changes(
    tmp_path: Path, built_toolboxes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    What was judged is written as cases: under the same policy all pass, under another those that differ fail.
    """
    calls = (wants("files.list", path="."), wants("files.write", "c2", path="a\u007f\"'", text="\\"))
    async with engine(tmp_path, Moves(moves(*calls)), built_toolboxes) as app:
        await app.wait("T1", await app.submit(ask()), 30)
    file = tmp_path / "cases.toml"
    assert 0 == await told(engine_settings(tmp_path), "record", file)
    assert 0o600 == stat.S_IMODE(os.stat(file).st_mode)
    assert 0 == await told(engine_settings(tmp_path), "test", file)
    (tmp_path / "new.cedar").write_text(ASK)
    assert 1 == await told(engine_settings(tmp_path, policy_file=tmp_path / "new.cedar"), "test", file)

    assert "/1: expected allow, got review by new#1\nok  " in capsys.readouterr().out


async def test_nothing_is_written_over(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A file that is there is not replaced, and there must be something to record.
    """
    async with engine(tmp_path, Moves(), built_toolboxes) as app:
        await app.wait("T1", await app.submit(ask()), 30)
    with pytest.raises(BadRequest, match="Nothing was judged"):
        await told(engine_settings(tmp_path), "record", tmp_path / "new.toml")
    async with engine(tmp_path, Moves(moves(wants("files.list", path="."))), built_toolboxes) as app:
        await app.wait("T1", await app.submit(ask()), 30)
    (tmp_path / "new.toml").write_text("mine")
    with pytest.raises(BadRequest, match="there already"):
        await told(engine_settings(tmp_path), "record", tmp_path / "new.toml")


async def test_reload_without_a_bot(tmp_path: Path) -> None:
    """
    Nobody to tell: said, and no traceback.
    """
    with pytest.raises(NotFound, match="No bot runs"):
        await told(engine_settings(tmp_path), "reload")


@pytest.mark.parametrize("block", re.findall(r"```cedar\n(.*?)```", DOCS, re.DOTALL))
def test_the_rules_of_the_docs_hold(tmp_path: Path, block: str) -> None:
    """
    What docs/policy.md shows can be copied.
    """
    (tmp_path / "docs.cedar").write_text(block)

    assert check(tmp_path / "docs.cedar")


async def test_the_cases_of_the_docs_pass(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The example of a case, with the example of terms, is as expected.
    """
    money = next(each for each in re.findall(r"```cedar\n(.*?)```", DOCS, re.DOTALL) if '"money"' in each)
    (tmp_path / "cases.toml").write_text(re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL)[0])

    assert 0 == await told(policy_settings(tmp_path, ASK + money), "test", tmp_path / "cases.toml")
