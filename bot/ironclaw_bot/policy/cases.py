"""A file of cases: calls with the verdict that somebody expects, and whether policy gives it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ironclaw.capabilities import SAFE_METHODS, Capabilities, HttpRule, Scratch
from ironclaw.errors import IronclawError, SettingsError
from ironclaw.registry import Tool, Toolbox
from ironclaw.task import Effect, Json, Risk
from ironclaw.terms import Terms
from ironclaw_bot.policy.telling import terms as told
from ironclaw_bot.policy.trial import NoTool, Question, Said, Trial

Expected = Literal["allow", "review", "correct", "deny", "refuse"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StatedTool(_Table):
    """``[tools."NAME"]``: a tool that need not be installed to be asked about."""

    risk: Risk = Risk.HIGH
    effect: Effect = Effect.ONCE
    scratch: Scratch = Scratch.NONE
    hosts: tuple[str, ...] = ()
    methods: frozenset[str] = SAFE_METHODS
    secrets: tuple[str, ...] = ()

    def tool(self, name: str, file: Path) -> Tool:
        rules = tuple(HttpRule(host, self.methods) for host in self.hosts)
        box = Toolbox(f"stated_{name}", "0", file, file, "0" * 64, "0" * 64, "pure")
        allowed = Capabilities(self.scratch, rules, self.secrets)
        return Tool(name, "", {"type": "object"}, self.risk, self.effect, allowed, box)


class StatedTerms(_Table):
    """``terms``: what is not said is not compared."""

    quorum: int | None = None
    approvers: frozenset[str] | None = None
    minutes: float | None = None
    step_up: bool | None = None
    grants: frozenset[str] | None = None

    def differences(self, found: Terms) -> Iterator[str]:
        """Each term that is not as stated: ``quorum 2, got 1``."""
        there = {
            "quorum": found.quorum,
            "approvers": frozenset(group.name for group in found.groups),
            "minutes": found.minutes,
            "step_up": found.step_up,
            "grants": frozenset(scope.value for scope in found.grants or ()),
        }
        for name, value in there.items():
            stated = getattr(self, name)
            if stated not in (None, value):
                yield f"{name} {_spelt(stated)}, got {_spelt(value)}"


class Case(_Table):
    """``[[case]]``: one call and what policy is to say of it."""

    name: str = ""
    tool: str
    args: dict[str, Json] | str = Field({}, description="A table, or JSON text.")
    who: Annotated[str, Field(alias="as")]
    tenant: str = ""
    roles: frozenset[str] = frozenset()
    door: str = "slack"
    channel: str = ""
    tainted: frozenset[str] = frozenset()
    at: datetime | None = None
    scheduled: bool = False
    expect: Expected
    rule: str = ""
    terms: StatedTerms = StatedTerms()

    def question(self) -> Question:
        """
        :raises ValueError: the arguments are no JSON
        """
        args = json.loads(self.args) if isinstance(self.args, str) else self.args
        return Question(
            self.tool,
            args,
            self.who,
            self.tenant,
            self.roles,
            self.door,
            self.channel,
            self.tainted,
            self.at,
            self.scheduled,
        )

    def difference(self, said: Said) -> str:
        """How what policy says is not what was expected; "" where it is."""
        found = said.opinion
        expected = ("deny", "correct") if self.expect == "refuse" else (self.expect,)
        if found.verdict.value not in expected:
            return f"expected {self.expect}, got {found.verdict.value} by {found.rule}"
        if self.rule and self.rule not in found.rule.split(","):
            return f"expected {self.expect} by {self.rule}, got it by {found.rule}"
        if differing := list(self.terms.differences(found.terms)):
            return f"expected {'; '.join(differing)} (it asks {told(found.terms)})"
        return ""


class CaseFile(_Table):
    """The whole file."""

    tools: dict[str, StatedTool] = {}
    case: tuple[Case, ...] = Field((), min_length=1)


def read(file: Path) -> CaseFile:
    """
    :raises SettingsError: the file cannot be read, or is not one of cases
    """
    try:
        return CaseFile.model_validate(tomllib.loads(file.read_text("utf-8")))
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        found = error.errors()
        # Beside faulty cases it says that there are none.
        said = [each for each in found if each["type"] != "too_short"] or found
        wrong = "".join(f"\n  {_place(each['loc'])}: {each['msg']}" for each in said)
        raise SettingsError(f"{file}:{wrong}\ndocs/policy.md says what a case is.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: {error}.") from None


def _place(path: tuple[int | str, ...]) -> str:
    """``case 2, terms, quorum``: cases are counted from 1, as their results are."""
    words = [str(each + 1) if isinstance(each, int) else each for each in path]
    return ", ".join(words).replace("case, ", "case ", 1)


def _spelt(value: object) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(map(str, value))) or "none"
    return str(value).lower().removesuffix(".0")


def known_tools(cases: CaseFile, file: Path, installed: Iterable[Tool]) -> list[Tool]:
    """The tools of the file, and those that are installed and that it does not state."""
    stated = [tool.tool(name, file) for name, tool in cases.tools.items()]
    return [*stated, *(tool for tool in installed if tool.name not in cases.tools)]


def differences(cases: CaseFile, trial: Trial) -> Iterator[tuple[str, str]]:
    """Each case's name, and how it differs, "" where it does not."""
    for number, case in enumerate(cases.case, 1):
        yield case.name or f"case {number}", _difference(case, trial)


def _difference(case: Case, trial: Trial) -> str:
    try:
        return case.difference(trial.ask(case.question()))
    except ValueError:
        return "its args are no JSON"
    except NoTool as error:
        return f'{error} A case can do without: write [tools."{case.tool}"] into this file, with its risk.'
    except IronclawError as error:
        return str(error)
