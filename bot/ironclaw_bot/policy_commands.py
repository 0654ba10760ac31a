"""``ironclaw policy``: check the files, try cases, explain a verdict, record what was judged, reload."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from ironclaw.errors import BadRequest, IronclawError, NotFound
from ironclaw.settings import LOCAL, Settings
from ironclaw.store import judged_calls
from ironclaw.task import Json
from ironclaw_bot.authoring.showing import everything
from ironclaw_bot.commanding import Add
from ironclaw_bot.demo_folder import add_demo_options
from ironclaw_bot.local import SOCKET, Remote, login_name
from ironclaw_bot.policy import cases, noting, recording, telling
from ironclaw_bot.policy.trial import Question, Trial
from ironclaw_plugins.command_syntax import Word, argument
from ironclaw_plugins.policy_cedar import Library, Rule, check


def add_policies(add: Add, need_toolbox: Callable[[], None]) -> None:
    """Put the verbs of ``ironclaw policy`` into the command line.

    :param need_toolbox: builds the standard toolbox where there is none
    """
    commands = PolicyCommands(need_toolbox)
    checking = add("check", commands.check, "say whether the policies hold, and list their rules")
    checking.add_argument("files", nargs="*", type=Path, help="other files (default: those of the settings)")
    checking.add_argument(
        "--own", action="store_true", help="the files are tenants' own, beside the shipped ones"
    )
    testing = add("test", commands.test, "try cases: calls with the verdict that they must get")
    testing.add_argument("files", nargs="+", type=Path, metavar="CASES.toml")
    explaining = add("explain", commands.explain, "say what policy says of a call, and why")
    _add_question(explaining)
    record = add("record", commands.record, "write what was judged into a file of cases")
    record.add_argument("file", type=Path, metavar="CASES.toml")
    record.add_argument("--tenant", default="", help="whose (default: everybody's)")
    record.add_argument("--limit", type=int, default=200, help="the newest so many (default 200)")
    reload = add("reload", commands.reload, "have a running bot take up changed files now")
    for parser in (checking, testing, explaining, record, reload):
        add_demo_options(parser)


def _add_question(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tool")
    parser.add_argument("arguments", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--as", dest="who", default="", help="who asks (default: you, local:NAME)")
    parser.add_argument("--tenant", default="", help="whose (default: the only one there is)")
    parser.add_argument("--role", action="append", default=[], help="a role beside those of the settings")
    parser.add_argument("--door", default="cli", help="slack, http, mcp or cli (default)")
    parser.add_argument("--scheduled", action="store_true", help="as a schedule's run")
    parser.add_argument("--channel", default="", help="of Slack: im, channel, group or mpim")
    parser.add_argument(
        "--tainted", action="append", default=[], help="a host that was read, files or context"
    )
    parser.add_argument("--at", type=_moment, help="when (default: now), such as 2026-11-20T18:00+00:00")


class PolicyCommands:
    """The commands."""

    def __init__(self, need_toolbox: Callable[[], None]) -> None:
        self._need_toolbox = need_toolbox

    async def check(self, settings: Settings, chosen: argparse.Namespace) -> int:
        for file in chosen.files:
            rules = check(file, is_common=not chosen.own)
            print(f"{file}: {len(rules)} rules, all valid")
            self._note(rules, settings)
        if not chosen.files:
            library = Library.read(settings)
            print(*telling.listed(library), f"policy {library.version}", sep="\n")
            self._note(library.rules, settings, *noting.about_tenants(library, settings))
        return 0

    def _note(self, rules: Iterable[Rule], settings: Settings, *more: str) -> None:
        """Say what is valid and surely not meant."""
        found = list(rules)
        said = [*self._tool_notes(found, settings), *noting.about_groups(found, settings), *more]
        print("".join(f"note: {line}.\n" for line in said), end="")

    def _tool_notes(self, rules: Iterable[Rule], settings: Settings) -> Iterator[str]:
        self._need_toolbox()
        try:
            tools = {tool.name for tool in everything(settings).tools}
        except IronclawError as error:  # The rules are valid all the same; the doctor says what is wrong.
            yield f"which tools there are is not known: {str(error).rstrip('.')}"
            return
        yield from noting.about_tools(rules, tools)

    async def test(self, settings: Settings, chosen: argparse.Namespace) -> int:
        self._need_toolbox()
        installed = everything(settings).tools
        count = failed = 0
        for file in chosen.files:
            read = cases.read(file)
            trial = Trial(settings, cases.known_tools(read, file, installed))
            for name, difference in cases.differences(read, trial):
                count, failed = count + 1, failed + bool(difference)
                print(f"FAIL {name}: {difference}" if difference else f"ok   {name}")
        print(f"{count} cases, {failed} failed")
        return 1 if failed else 0

    async def explain(self, settings: Settings, chosen: argparse.Namespace) -> int:
        self._need_toolbox()
        trial = Trial(settings, everything(settings).tools)
        said = trial.ask(
            Question(
                tool=chosen.tool,
                args=_arguments(chosen.arguments, trial.schema(chosen.tool)),
                who=chosen.who or LOCAL + login_name(os.getuid()),
                tenant=chosen.tenant,
                roles=frozenset(chosen.role),
                door=chosen.door,
                channel=chosen.channel,
                scheduled=chosen.scheduled,
                taint=frozenset(chosen.tainted),
                at=chosen.at,
            )
        )
        print(*telling.explained(said), sep="\n")
        return 0

    async def record(self, settings: Settings, chosen: argparse.Namespace) -> int:
        path, limit = settings.data_dir / "ironclaw.db", max(1, chosen.limit)
        calls = judged_calls(path, chosen.tenant, limit, settings.postgres)
        recording.write(chosen.file, recording.recorded(calls))
        print(f"{chosen.file}: it holds arguments of {len(calls)} calls; keep it as you keep the database.")
        return 0

    async def reload(self, settings: Settings, chosen: argparse.Namespace) -> int:
        remote = Remote(settings.data_dir / SOCKET)
        if not await remote.is_there():
            raise NotFound("No bot runs on this data_dir: the next start reads the files anyway.")
        print(f"policy {await remote.ask('reload_policy')}")
        return 0


def _arguments(typed: list[str], schema: Mapping[str, Json]) -> dict[str, Json]:
    """
    :raises BadRequest: a word without =
    """
    properties = schema.get("properties", {})
    pairs = [each.partition("=") for each in typed]
    if wrong := next((key for key, equals, _ in pairs if not equals), None):
        raise BadRequest(f"{wrong[:60]!r}: each argument is KEY=VALUE.")
    return {key: argument(_word(value), properties.get(key, {})) for key, _, value in pairs}


def _word(value: str) -> Word:
    parsed = None
    if value[:1] and value[0] in "[{":
        with contextlib.suppress(ValueError, RecursionError):
            parsed = json.loads(value)
    return Word(value, json=parsed)


def _moment(text: str) -> datetime:
    """
    :raises ArgumentTypeError: for what is no moment
    """
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no moment, such as 2026-11-20T18:00+00:00") from None
