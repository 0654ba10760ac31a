"""The console script, beside a running bot and without one.  Exit codes: 0, 1, 2, and 3 for waiting."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import shlex
import socket
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.e2e.bot import Bot, Said, running
from tests.e2e.children import SCRIPT

from ironclaw.store import reading

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
ME = f"local:{pwd.getpwuid(os.getuid()).pw_name}"
TENANT = {"approvers": [ME], "self_approval": True}
WAITS = re.compile(r"ironclaw (?:approve|deny) ([0-9a-f]{32})")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["beside a bot", "alone"])
async def bot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bot]:
    """A folder with one tenant, whose approver is whoever runs the tests; in one of two, a bot runs in it."""
    bot = Bot(tmp_path_factory.mktemp("cli"), workers=1, tenants={"acme": TENANT})
    if request.param == "alone":
        yield bot
    else:
        async with running(bot):
            yield bot


async def waiting(bot: Bot, path: str) -> str:
    """The id of an approval that ``ironclaw run`` left waiting."""
    said = await bot.command("run", f"files.write path={path} text=hello")
    assert 3 == said.code, said
    return WAITS.search(said.out)[1]  # type: ignore[index]


async def test_run(bot: Bot) -> None:
    """
    ironclaw run prints the answer.
    """
    said = await bot.command("run", "python.run", 'code="print(6 * 7)"')

    assert (0, "") == (said.code, said.err)
    assert "42" in said.out


async def test_approve(bot: Bot) -> None:
    """
    What waits is listed by ironclaw approvals; ironclaw approve runs it and prints what came of it.
    """
    approval = await waiting(bot, "approved.md")
    listed, said = await bot.command("approvals"), await bot.command("approve", approval)

    assert f'{approval}  files.write  {{"path":"approved.md","text":"hello"}}' in listed.out
    assert 0 == said.code
    assert "approved.md" in said.out
    assert "hello" == (bot.scratch / "acme" / "approved.md").read_text()


async def test_approve_what_was_seen(bot: Bot) -> None:
    """
    With --digest only the call that was seen is approved; ironclaw approvals shows the digest.
    """
    approval = await waiting(bot, "seen.md")
    listed = await bot.command("approvals")
    [digest] = re.findall(
        rf"^{approval}.*\n(?:    .*\n)*?    digest ([0-9a-f]{{64}})$", listed.out, re.MULTILINE
    )
    other = await bot.command("approve", approval, "--digest", "0" * 64)
    short = await bot.command("approve", approval, "--digest", digest[:8])
    said = await bot.command("approve", approval, "--digest", digest[:16])

    assert (1, True) == (other.code, "This is not the call that you saw" in other.err)
    assert (2, True) == (short.code, "is no digest: at least 16 digits of it" in short.err)
    assert (0, "hello") == (said.code, (bot.scratch / "acme" / "seen.md").read_text())


async def test_deny(bot: Bot) -> None:
    """
    ironclaw deny ends the call, with the reason for the record; a second decision fails and says why.
    """
    approval = await waiting(bot, "denied.md")
    said = await bot.command("deny", approval, "--reason", "not today")
    second = await bot.command("approve", approval)

    assert "not today" in said.out
    assert (0, 1, "ironclaw: This is already denied.\n") == (said.code, second.code, second.err)
    assert not (bot.scratch / "acme" / "denied.md").exists()


async def test_edit(bot: Bot) -> None:
    """
    ironclaw edit leaves another call waiting, which is what runs then; a fault names the argument.
    """
    approval = await waiting(bot, "edited.md")
    wrong = await bot.command("edit", approval, '{"path":"edited.md"}')
    said = await bot.command("edit", approval, '{"path":"edited.md","text":"better"}')
    old, new = await bot.command("approve", approval), await bot.command("approve", said.out.split()[0])

    assert (1, True) == (wrong.code, "'text' is a required property" in wrong.err)
    assert (0, 1, 0) == (said.code, old.code, new.code)
    assert "better" == (bot.scratch / "acme" / "edited.md").read_text()


async def test_schedule(bot: Bot) -> None:
    """
    ironclaw schedule keeps what begins by itself, with or without a bot; a mistake names the field.
    """
    wrong = await bot.command("schedule", "add", "0 7 * * *", "--zone", "Europe/Nowhere", "files.list")
    made = await bot.command(
        "schedule", "add", "0 7 1 1 *", "--zone", "Europe/Berlin", "files.list", "path=a"
    )
    removed = await bot.command("schedule", "remove", made.out[:32])

    assert (1, True) == (wrong.code, "There is no time zone 'Europe/Nowhere'." in wrong.err)
    assert (
        f"{made.out[:32]}  files.list path=a\n    At 07:00 on January 1, Europe/Berlin, by {ME}" in made.out
    )
    assert re.search(r"next: .* 1 January 20\d\d, 07:00 \(Europe/Berlin\)", made.out)
    assert bot.is_running is ("No bot runs here" not in made.err)
    assert (0, True) == (removed.code, "removed" in removed.out)


async def test_no_grant(bot: Bot) -> None:
    """
    The shipped policy lets nobody approve for longer; there is nothing to list or to revoke.
    """
    approval = await waiting(bot, "granted.md")
    said = await bot.command("approve", approval, "--grant", "tool")
    listed, revoked = await bot.command("grants", "list"), await bot.command("grants", "revoke", "0" * 32)

    assert (1, True) == (said.code, "does not allow a grant" in said.err)
    assert (0, "There are no grants.\n") == (listed.code, listed.out)
    assert (1, "ironclaw: There is no such grant.\n") == (revoked.code, revoked.err)


async def test_grant(tmp_path: Path) -> None:
    """
    What was approved for longer runs without asking, is listed, and asks again once it is revoked.
    """
    policy = tmp_path / "mine.cedar"
    policy.write_text('@grants("tool") permit (principal, action == Action::"run_with_approval", resource);')
    bot = Bot(tmp_path, workers=1, tenants={"acme": TENANT}, policy_file=str(policy))
    approved = await bot.command("approve", await waiting(bot, "a.md"), "--grant", "tool")
    again = await bot.command("run", "files.write path=a.md text=hello")
    listed = await bot.command("grants", "list")
    revoked = await bot.command("grants", "revoke", listed.out.split()[0])
    asked = await bot.command("run", "files.write path=a.md text=hello")

    assert (0, 0, 3) == (approved.code, again.code, asked.code)
    assert "files.write, the same arguments" in listed.out
    assert "1 of 20 used" in listed.out
    assert "Revoked: files.write asks again.\n" == revoked.out


async def test_approve_nothing(bot: Bot) -> None:
    """
    An id that nobody knows is an error in a sentence.
    """
    said = await bot.command("approve", "0" * 32)

    assert (1, "", "ironclaw: There is no such approval.\n") == (said.code, said.out, said.err)


async def test_tool_run(bot: Bot) -> None:
    """
    ironclaw tool run takes any text as an argument, and the same veto.
    """
    code = "print('a \"quoted\" $word', r'\\d', 1 < 2)\nprint(2)"
    said = await bot.command("tool", "run", "python.run", f"code={code}")
    write = await bot.command("tool", "run", "files.write", "path=tool.md", "text=a b")

    assert (0, 3) == (said.code, write.code)
    assert 'a "quoted" $word \\d True\n2' in said.out


async def test_tool_run_unknown(bot: Bot) -> None:
    """
    A tool that is none is a failure, not an answer.
    """
    said = await bot.command("tool", "run", "no.such", "a=b")

    assert (1, "") == (said.code, said.out)
    assert said.err.startswith("ironclaw: There is no tool called 'no.such'")


@pytest.mark.parametrize(
    "words", [("tool", "run", "file.list"), ("run", "file.list"), ("run", "file.list a=b")]
)
async def test_wrong_folder(tmp_path: Path, words: tuple[str, ...]) -> None:
    """
    Where no bot runs, a tool that is none is said before anything is compiled, with the settings' place.
    """
    bot = Bot(tmp_path, workers=1, cache_dir=str(tmp_path / "empty"))
    said = await bot.command(*words)

    assert (1, "") == (said.code, said.out)
    assert "There is no tool called 'file.list' here; near names: files.list" in said.err
    assert f"The settings: {tmp_path / 'ironclaw.toml'}. " in said.err
    assert not (tmp_path / "empty").exists()


async def test_other_tenant(bot: Bot) -> None:
    """
    A tenant that is none is named with those that are.
    """
    said = await bot.command("run", "--tenant", "nobody", "files.list")

    assert (1, "ironclaw: Name a tenant with --tenant. There are: acme.\n") == (said.code, said.err)


async def test_audit_verify(bot: Bot) -> None:
    """
    ironclaw audit verify walks every chain.
    """
    await bot.command("run", "files.list")
    said = await bot.command("audit", "verify")

    assert 0 == said.code
    assert re.match(r"acme +\d+ events  intact  head acme=\d+:[0-9a-f]{64}\ncheckpoints: \d+ good", said.out)


async def test_secrets(bot: Bot) -> None:
    """
    A secret is set from standard input, listed without its value, and removed; audited, and in no file.
    """
    value = "a-value-that-" + "nobody-sees"
    words = ("github_token", "--host", "api.github.com", "--path", "/repos", "--tenant", "acme")
    said = await bot.command("secrets", "set", *words, typed=value + "\n")
    listed = await bot.command("secrets", "list")
    files = b"".join(file.read_bytes() for file in bot.data.glob("ironclaw.db*"))
    removed = await bot.command("secrets", "rm", "github_token")
    with reading(bot.data / "ironclaw.db") as database:
        events = [json.loads(row["event"]) for row in database.execute("SELECT event FROM audit")]

    assert (0, 0, 0) == (said.code, listed.code, removed.code), said
    assert "GET,HEAD api.github.com/repos as Authorization: Bearer ..." in listed.out
    assert value not in "".join([said.out, said.err, listed.out, str(bot.lines), files.decode("latin-1")])
    assert [("secret_set", ME, "github_token"), ("secret_removed", ME, "github_token")] == [
        (each["event"], each["actor"], each["name"]) for each in events if each["event"].startswith("secret")
    ]


async def test_secrets_refused(bot: Bot) -> None:
    """
    What cannot be kept is said in a sentence, without the value.
    """
    said = await bot.command("secrets", "set", "k", "--host", "a.example", typed="two words\n")

    assert (1, "") == (said.code, said.out)
    assert said.err.startswith("ironclaw: A secret is 8 to 4000 characters")
    assert "two words" not in said.err


async def test_secrets_rotate(tmp_path: Path) -> None:
    """
    ironclaw secrets rotate says how many secrets it sealed anew; they are there after it.
    """
    bot = Bot(tmp_path, key_file=tmp_path / "key", tenants={"acme": TENANT})
    await bot.command("secrets", "set", "k", "--host", "a.example", typed="a-long-enough-" + "value")
    said = await bot.command("secrets", "rotate")

    assert (0, "1 secrets were sealed with the new key.\n") == (said.code, said.out)
    assert "a.example" in (await bot.command("secrets", "list")).out


async def test_tool_list(bot: Bot) -> None:
    """
    ironclaw tool list names each tool with its risk and what it may touch.
    """
    said = await bot.command("tool", "list")

    assert 0 == said.code
    assert re.search(r"^files\.write +high +scratch write +no network$", said.out, re.MULTILINE)


async def test_version(bot: Bot) -> None:
    """
    ironclaw version is one line.
    """
    assert re.fullmatch(r"ironclaw \d+\.\d+\.\d+\n", (await bot.command("version")).out)


async def test_doctor(bot: Bot) -> None:
    """
    ironclaw doctor finds nothing wrong here.
    """
    said = await bot.command("doctor")

    assert 0 == said.code
    assert "FAIL" not in said.out
    assert "ok   policy is valid" in said.out
    assert re.search(r"^(All well|Nothing to mend; \d notes? above)\.$", said.out.splitlines()[-1])


async def test_failed(tmp_path: Path) -> None:
    """
    A task that fails is told in a sentence, and by the exit code.
    """
    said = await Bot(tmp_path, workers=1, brain="script").command("run", "hello")

    assert 1 == said.code
    assert "set IRONCLAW_BRAIN_SCRIPT to a JSON file of moves" in said.out


async def test_broken_chain(tmp_path: Path) -> None:
    """
    One changed word in the audit log is found.
    """
    bot = Bot(tmp_path, workers=1, tenants={"acme": TENANT})
    await bot.command("run", "help")
    _change(bot.data / "ironclaw.db")
    said = await bot.command("audit", "verify")

    assert 1 == said.code
    assert "BROKEN: event 3 was changed" in said.out


def _change(path: Path) -> None:
    """What somebody does who has the file and knows SQL: the table's own guard goes first."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE audit SET event = replace(event, 'help', 'harm')")
        database.commit()


@pytest.mark.parametrize(
    ("setting", "part"),
    [
        ({"prot": 1}, "prot in ironclaw.toml: there is no such setting. Did you mean port?"),
        ({"workers": 0}, "workers in ironclaw.toml is 0; it must be a whole number from 1 to 64."),
        ({"brain": "nobody"}, "brain: no plugin offers 'nobody'."),
    ],
)
async def test_wrong_settings(tmp_path: Path, setting: dict[str, object], part: str) -> None:
    """
    A wrong setting is named, with what is wrong and what to do, and nothing else is said.
    """
    said = await Bot(tmp_path, **setting).command("serve")

    assert 2 == said.code
    assert part in said.err
    assert "Traceback" not in said.err


async def test_who_runs_it(tmp_path: Path) -> None:
    """
    A local person is who the operating system says: no variable makes them another.
    """
    names = dict.fromkeys(("USER", "LOGNAME", "LNAME", "USERNAME"), "bo")
    bot = Bot(tmp_path, names, workers=1, tenants={"acme": {"approvers": ["local:bo"]}})
    approval = await waiting(bot, "forged.md")
    listed, said = await bot.command("approvals"), await bot.command("approve", approval)

    assert f"asked by {ME}, until" in listed.out
    assert "    ▸ creates forged.md" in listed.out
    assert 1 == said.code
    assert "You are not an approver here." in said.err


async def test_local_approvers(tmp_path: Path) -> None:
    """
    Without any tenant, `approvers` may name local people, and nobody approves their own call.
    """
    bot = Bot(tmp_path, workers=1, approvers=[ME, "U0123"])
    said = await bot.command("approve", await waiting(bot, "own.md"))

    assert 1 == said.code
    assert "This is your own request: another approver must approve it." in said.err


async def test_nobody_to_ask(tmp_path: Path) -> None:
    """
    Where nobody may approve, what waits comes with the setting that names approvers.
    """
    bot = Bot(tmp_path, workers=1)
    said = await bot.command("run", "files.write path=alone.md text=a")

    assert 3 == said.code
    assert "Nobody may approve this yet: set approvers in [tenants.local] of ironclaw.toml." in said.out
    lines = said.out.partition("these lines:\n")[2].partition("\nTo take it back: ")[0]
    with (tmp_path / "ironclaw.toml").open("a") as settings:
        settings.write(lines)
    assert 0 == (await bot.command("approve", WAITS.search(said.out)[1])).code  # type: ignore[index]
    assert "a" == (bot.scratch / "local" / "alone.md").read_text()


async def test_failed_run(bot: Bot) -> None:
    """
    A tool that fails fails the command.
    """
    said = await bot.command("run", "python.run", 'code="1/0"')

    assert (1, "The program failed: line 1: ZeroDivisionError: division by zero") == (
        said.code,
        said.out.strip(),
    )


async def test_hint(bot: Bot) -> None:
    """
    What to type next is printed as it was typed, with the tenant that was named.
    """
    said = await bot.command("run", "--tenant", "acme", "files.write path=hint.md text=a")
    hint = shlex.split(said.out.splitlines()[-1].removeprefix("An approver runs: "))

    assert [str(SCRIPT), "approve"] == hint[:2]
    assert ["--tenant", "acme"] == hint[3:]
    assert 0 == (await bot.command(*hint[1:])).code


async def test_gateway_port(tmp_path: Path) -> None:
    """
    A taken port is a sentence with the setting to change.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = await Bot(tmp_path, workers=1, port=port).command("serve")

    assert 2 == said.code
    assert f"Port {port} is taken. Set IRONCLAW_PORT to another one, or to 0 for any free one." in said.err


async def test_no_data_dir(tmp_path: Path) -> None:
    """
    A data folder that cannot be made is a sentence.
    """
    said = await Bot(tmp_path, data_dir="/proc/nobody/x").command("run", "help")

    assert 1 == said.code
    assert "data_dir: /proc/nobody/x cannot be used: " in said.err
    assert "Traceback" not in said.err


async def test_a_bad_policy(tmp_path: Path) -> None:
    """
    A policy that does not hold is named with its fault; exit code 2, also where a bot runs beside.
    """
    policy, permit = tmp_path / "p.cedar", "permit(principal, action, resource);"
    policy.write_text(permit)
    bot = Bot(tmp_path, workers=1, tenants={"acme": TENANT}, policy_file=str(policy))
    async with running(bot):
        good = await bot.command("policy", "reload")
        policy.write_text(f'@quorum("2") {permit}')
        said = [await bot.command("policy", verb) for verb in ("reload", "check")]

    assert (0, 64) == (good.code, len(good.out.removeprefix("policy ").strip()))
    for each in said:
        assert 2 == each.code
        assert "p.cedar: line 1: p#1: @quorum stands on a permit of action ==" in each.err
        assert "Traceback" not in each.err


async def test_policy_explains(bot: Bot) -> None:
    """
    What policy would say of a call of whoever types it, beside a bot and without one.
    """
    said = await bot.command("policy", "explain", "files.write", "path=a", "text=b")

    assert 0 == said.code
    assert said.out.startswith("review: a-person-decides\n")
    assert f"asked by {ME} of acme" in said.out


async def test_wrong_words(tmp_path: Path) -> None:
    """
    A command that is none is a usage error.
    """
    assert 2 == (await Bot(tmp_path).command("dance")).code


async def test_stops_when_told(tmp_path: Path) -> None:
    """
    SIGTERM ends the bot cleanly, which warned that nobody can reach it; a second one is refused meanwhile.
    """
    bot = Bot(tmp_path, workers=1, tenants={"acme": TENANT})
    async with running(bot):
        await bot.line("no door takes tasks: neither Slack nor JWT is configured")
        second: Said = await bot.command("serve")
        code = await bot.stop()

    assert (0, 1) == (code, second.code)
    assert "Another ironclaw process uses this data_dir." in second.err


async def test_steering(bot: Bot) -> None:
    """
    ironclaw status says how a task stands, cancel stops it, and retry does it again under a new id.
    """
    await waiting(bot, "again.md")
    listed = await bot.command("status")
    task = re.search(r"^([0-9a-f]{32})  paused, step 1: files.write path=again.md", listed.out, re.MULTILINE)
    assert task, listed.out
    stopped, again = await bot.command("cancel", task[1]), await bot.command("retry", task[1], "--wait", "30")
    one, twice = await bot.command("status", task[1]), await bot.command("cancel", task[1])

    assert "It waits for a decision on files.write." in listed.out
    assert (0, 3, 1) == (stopped.code, again.code, twice.code)
    assert "Stopped. What had not begun will not run." in one.out
    assert "already cancelled" in twice.err
    assert f"again after {task[1]}" in (await bot.command("status")).out
