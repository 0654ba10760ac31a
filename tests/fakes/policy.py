"""Calls for policy to judge, and policy without the engine."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ironclaw.capabilities import Capabilities, HttpRule
from ironclaw.settings import Settings, TenantSettings
from ironclaw.task import Effect, Risk, ToolCall
from ironclaw.terms import Circumstances
from ironclaw_plugins.policy_cedar import CedarPolicy
from tests.fakes.services import PlainServices

ADA = "slack:T1:U_ADA"
NOON = 1_800_014_400.0  #: A Friday, 12:00 UTC.
CALL = ToolCall("T1", ADA, "w", 1, "a.b", "{}", Risk.LOW, Effect.PURE, Capabilities(), "c", "m", "slack")


def call(
    risk: str = "low",
    *,
    hosts: tuple[str, ...] = (),
    taint: tuple[str, ...] = (),
    args: Any = None,
    **more: Any,
) -> ToolCall:
    """A call of the tool a.b by Ada."""
    return replace(
        CALL,
        risk=Risk(risk),
        args=json.dumps(args or {}),
        capabilities=Capabilities(http=tuple(map(HttpRule, hosts))),
        circumstances=Circumstances(taint=frozenset(taint), hosts=frozenset(hosts), channel="im"),
        **more,
    )


def settings(folder: Path, text: str | None = None, **own: str) -> Settings:
    """With the operator's policies in place of the shipped ones, and tenants' own by their names."""
    tenants = {name: TenantSettings(slack=(name,)) for name in ("T1", "T2")}
    for name, policies in own.items():
        tenants[name] = TenantSettings(
            slack=(name,), policy_file=_written(folder / f"{name}.cedar", policies)
        )
    common = None if text is None else _written(folder / "common.cedar", text)
    return Settings(policy_file=common, tenants=tenants)


def policy(folder: Path, text: str | None = None, **own: str) -> CedarPolicy:
    return CedarPolicy(PlainServices(settings(folder, text, **own), clock=lambda: NOON))


def _written(file: Path, text: str) -> Path:
    file.write_text(text)
    return file
