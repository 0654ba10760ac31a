"""The shipped policy, and that a bad one starts nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from ironclaw.capabilities import Capabilities
from ironclaw.errors import SettingsError
from ironclaw.settings import Settings
from ironclaw.task import Effect, Opinion, Risk, ToolCall, Verdict
from ironclaw_plugins.policy_cedar import CedarPolicy

CALL = ToolCall(
    "T1", "slack:T1:U1", "w", 1, "a.b", "{}", Risk.LOW, Effect.PURE, Capabilities(), "c", "m", "slack"
)


def policy(file: Path | None = None) -> CedarPolicy:
    return CedarPolicy(SimpleNamespace(settings=Settings(policy_file=file)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("risk", "expected"),
    [
        (Risk.LOW, Opinion(Verdict.ALLOW, "low-risk-runs")),
        (Risk.HIGH, Opinion(Verdict.REVIEW, "a-person-decides", "a.b is high risk: a person decides.")),
    ],
)
async def test_shipped(risk: Risk, expected: Opinion) -> None:
    """
    Low risk runs, high risk asks, and the rule is named.
    """
    assert expected == await policy().ironclaw_verdict(replace(CALL, risk=risk))


@pytest.mark.parametrize("odd", ['T"1', "T\n1", "é", "", "T1\\"])
async def test_odd_ids_change_nothing(odd: str) -> None:
    """
    Ids are data to the policy: none of them writes policy text.
    """
    opinion = await policy().ironclaw_verdict(replace(CALL, requester=odd, risk=Risk.HIGH))

    assert opinion.verdict in (Verdict.REVIEW, Verdict.DENY)


async def test_a_forbid_that_cannot_be_evaluated_is_a_deny(tmp_path: Path) -> None:
    """
    Cedar skips a forbid that fails; here it denies all the same.
    """
    file = tmp_path / "p.cedar"
    overflow = "9223372036854775807 + 1 == 1"
    file.write_text(
        f"permit(principal, action, resource);\nforbid(principal, action, resource) when {{ {overflow} }};"
    )

    assert Verdict.DENY == (await policy(file).ironclaw_verdict(CALL)).verdict


@pytest.mark.parametrize(
    "text", ["permit(", "permit(principal, action, resource) when { resource.nope == 1 };"]
)
def test_a_bad_policy_starts_nothing(tmp_path: Path, text: str) -> None:
    """
    Unreadable or against the schema: no start, and the file is named.
    """
    file = tmp_path / "p.cedar"
    file.write_text(text)

    with pytest.raises(SettingsError, match=r"policy_file: .*/p\.cedar: "):
        policy(file)


async def test_an_empty_policy_denies(tmp_path: Path) -> None:
    """
    No policy is no permission.
    """
    file = tmp_path / "p.cedar"
    file.write_text("")

    assert Opinion(Verdict.DENY, "no-policy", "No policy allows this.") == await policy(
        file
    ).ironclaw_verdict(CALL)


def test_the_version_names_the_text(tmp_path: Path) -> None:
    """
    Another policy has another version: what was approved under the old one is bound to it.
    """
    file = tmp_path / "p.cedar"
    file.write_text("permit(principal, action, resource);")

    assert policy().ironclaw_policy_version() != policy(file).ironclaw_policy_version()
