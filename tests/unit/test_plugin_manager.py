"""Opinions fold to the most severe; an error or silence is a deny."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from ironclaw.capabilities import Capabilities
from ironclaw.errors import IdentityError, SettingsError, StoreError
from ironclaw.hookspecs import hookimpl
from ironclaw.plugin_manager import WITHHELD, Hooks, load
from ironclaw.task import Bearer, Effect, Opinion, Principal, Risk, ToolCall, Verdict
from ironclaw.terms import GrantScope, Terms

CALL = ToolCall("T1", "u", "w", 1, "a.b", "{}", Risk.LOW, Effect.PURE, Capabilities(), "c", "m", "test")


class Says:
    def __init__(self, verdict: Verdict | None) -> None:
        self._verdict = verdict

    @hookimpl
    async def ironclaw_verdict(self, call: ToolCall) -> Opinion | None:
        return Opinion(self._verdict, self._verdict.value) if self._verdict else None


class Asks:
    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    @hookimpl
    async def ironclaw_verdict(self, call: ToolCall) -> Opinion:
        return Opinion(Verdict.REVIEW, "asks", terms=self._terms)


class Fails:
    @hookimpl
    async def ironclaw_verdict(self, call: ToolCall) -> Opinion | None:
        raise RuntimeError("broken")

    @hookimpl
    def ironclaw_redact(self, tenant: str, text: str) -> str | None:
        raise RuntimeError("broken")


class FailsAtOnce:
    @hookimpl
    def ironclaw_verdict(self, call: ToolCall) -> Opinion | None:  # Not even a coroutine.
        raise RuntimeError("broken")


class Knows:
    def __init__(self, *principals: Principal | None) -> None:
        self._principals = principals

    @hookimpl
    async def ironclaw_authenticate(self, credential: object) -> Principal | None:
        return self._principals[0]


def hooks(*plugins: object) -> Hooks:
    return Hooks((str(number), plugin) for number, plugin in enumerate(plugins))


@pytest.mark.parametrize(
    ("plugins", "expected"),
    [
        ([], Verdict.DENY),
        ([Says(None)], Verdict.DENY),
        ([Says(Verdict.ALLOW)], Verdict.ALLOW),
        ([Says(Verdict.ALLOW), Says(None)], Verdict.ALLOW),
        ([Says(Verdict.ALLOW), Says(Verdict.REVIEW)], Verdict.REVIEW),
        ([Says(Verdict.DENY), Says(Verdict.REVIEW), Says(Verdict.ALLOW)], Verdict.DENY),
        ([Says(Verdict.ALLOW), Fails()], Verdict.DENY),
        ([Fails(), Says(Verdict.ALLOW)], Verdict.DENY),
        ([Says(Verdict.ALLOW), FailsAtOnce()], Verdict.DENY),
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
async def test_fold(plugins: list[object], expected: Verdict) -> None:
    """
    The most severe opinion wins, whatever the order; no opinion and an error are a deny.
    """
    assert expected == (await hooks(*plugins).verdict(CALL)).verdict


async def test_two_plugins_that_disagree_know_nobody() -> None:
    """
    An identity is one or none.
    """
    one, other = Principal("T1", "a"), Principal("T2", "a")

    assert one == await hooks(Knows(one), Knows(None)).authenticate(Bearer("x"))
    for plugins in ([Knows(one), Knows(other)], [Knows(None)], []):
        with pytest.raises(IdentityError):
            await hooks(*plugins).authenticate(Bearer("x"))


async def test_a_database_that_is_away_knows_nobody() -> None:
    """
    Where the database cannot say who it is, nobody is let in, and the door hears that it may try later.
    """

    class Remembers:
        @hookimpl
        async def ironclaw_authenticate(self, credential: object) -> Principal | None:
            raise StoreError

    with capture_logs() as logs, pytest.raises(StoreError):
        await hooks(Knows(Principal("T1", "a")), Remembers()).authenticate(Bearer("x"))

    assert [] == logs


def test_a_guard_that_fails_withholds_the_text() -> None:
    """
    What could not be checked for secrets is not shown.
    """
    assert WITHHELD == hooks(Fails()).redact("T1", "anything")


def test_a_plugin_with_a_hook_that_nobody_calls_is_refused() -> None:
    """
    A misspelt hook would be a guard that never guards.
    """

    class Misspelt:
        @hookimpl
        async def ironclaw_verdicts(self, call: ToolCall) -> None: ...

    with pytest.raises(Exception, match="unknown hook"):
        hooks(Misspelt())


def test_only_named_plugins_load() -> None:
    """
    A name that is not installed stops the start and says what is near.
    """
    with pytest.raises(SettingsError, match="auth_jwt"):
        load(["auth_jwtt"], None)  # type: ignore[arg-type]


async def test_terms_of_all_that_are_as_severe() -> None:
    """
    What one asks for takes nothing from what the other does; both must allow what may be remembered.
    """
    one = Terms(quorum=2, grants=frozenset(GrantScope))
    both = await hooks(Asks(one), Asks(Terms(step_up=True))).verdict(CALL)
    granted = await hooks(Asks(one), Asks(one), Says(Verdict.ALLOW)).verdict(CALL)

    assert (Terms(quorum=2, step_up=True), one) == (both.terms, granted.terms)
