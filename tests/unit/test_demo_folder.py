"""The demo has who it takes to try quorums and groups, and every command can speak with it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ironclaw.settings import Settings, load
from ironclaw_bot.cli import _parser
from ironclaw_bot.demo_folder import APPROVERS, in_demo
from ironclaw_bot.playground.seed import both_teams
from ironclaw_bot.policy.trial import Question, Trial

#: What makes files or keys, leaves SQLite for good, or is no command beside a bot.
ALONE = {
    "serve",
    "demo",
    "migrate",
    "version",
    *(f"tool {verb}" for verb in ["keygen", "sign", "new", "build", "test", "conform"]),
}
DOCS = (Path(__file__).parents[2] / "docs/approvals.md").read_text()


def leaves(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command of the command line."""
    below = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    for action in below:
        for word, sub in action.choices.items():
            yield from leaves(sub, f"{name} {word}".strip())
    if not below:
        yield name, parser


def test_every_command_can_speak_with_the_demo() -> None:
    """
    Whatever reads the bot's settings or speaks with it takes --demo and --folder.
    """
    without = {name for name, parser in leaves(_parser()) if not parser._option_string_actions.get("--demo")}

    assert set() == without - ALONE


def test_its_people_are_of_the_playground() -> None:
    """
    Two approve, both of finance, and both are there.
    """
    tenant = in_demo(Settings(), Path("demo")).tenants["T0001"]
    people = {f"slack:T0001:{user}" for user in both_teams()["T0001"].users}

    assert (2, tenant.groups["finance"]) == (len(set(tenant.approvers)), tenant.approvers)
    assert people.issuperset(tenant.approvers)


@pytest.mark.parametrize("name", ["T0001", "acme"])
def test_what_the_settings_say_of_its_workspace_holds(name: str, tmp_path: Path) -> None:
    """
    Groups, people, policy file and approvers of the tenant of the demo's workspace are the demo's too.
    """
    (tmp_path / "ironclaw.toml").write_text(
        f'[tenants.{name}]\nslack = ["T0001"]\npolicy_file = "mine.cedar"\napprovers = ["local:ann"]\n'
        f'[tenants.{name}.groups]\ncfo = ["local:di"]\n[tenants.{name}.people]\nbo = ["local:bo"]\n'
        '[tenants.other]\nslack = ["T9"]\n'
    )
    tenants = in_demo(load({}, tmp_path), Path("demo")).tenants

    assert ["T0001"] == list(tenants)
    assert (Path("mine.cedar"), {"bo": ("local:bo",)}) == (
        tenants["T0001"].policy_file,
        tenants["T0001"].people,
    )
    assert {"finance": APPROVERS, "cfo": ("local:di",)} == tenants["T0001"].groups
    assert (*APPROVERS, "local:ann") == tenants["T0001"].approvers


@pytest.mark.sandbox
def test_what_the_docs_let_one_try(
    tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The two files of docs/approvals.md ask in the demo for what the words beside them say.
    """
    for language, name in (("toml", "ironclaw.toml"), ("cedar", "try.cedar")):
        part = DOCS.split("## Try it")[1]
        (tmp_path / name).write_text(re.findall(rf"```{language}\n(.*?)```", part, re.DOTALL)[0])
    monkeypatch.chdir(tmp_path)
    from ironclaw.registry import Registry  # noqa: PLC0415 - costs the other tests a second

    trial = Trial(
        in_demo(load({}, tmp_path), Path("demo")), Registry.load([built_toolboxes / "standard"]).tools
    )
    write = trial.ask(Question("files.write", {"path": "a", "text": "b"}, "slack:T0001:U1ADA")).opinion.terms
    delete = trial.ask(Question("files.delete", {"path": "a"}, "slack:T0001:U1ADA")).opinion.terms

    assert (2, ["finance"], False) == (write.quorum, [group.name for group in write.groups], write.step_up)
    assert (1, True) == (delete.quorum, delete.step_up)
