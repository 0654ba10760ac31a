"""Scenarios of approvals, step by step, against the whole bot: its doors, store, policy and sandbox are real.

A click is a signed request at the Slack door, a decision over HTTP comes through the gateway with a real
token, tools are components whose effects are counted where they arrive, a restart opens the same folder
again, and a crash is a process that is killed.  Names are ours where Slack or the registry knows no such
ones: U_APP is UAPP, T1 is T0001, send_email is desk.send_email.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from tests.cases import _approval_host, _approval_people
from tests.cases._approval_expect import problem
from tests.cases._approval_play import Play
from tests.cases._approval_stage import Stage, opened
from tests.cases._approval_world import World

FILE = "approval_scenarios.json"
STEPS = {**_approval_people.STEPS, **_approval_host.STEPS}


async def cases(data: dict[str, Any]) -> AsyncIterator[tuple[str, str | None]]:
    """(scenario id, None or what is not as expected) for each scenario of the file."""
    async with opened() as stage:
        for scenario in data["scenarios"]:
            yield scenario["id"], await outcome(stage, scenario)


async def outcome(stage: Stage, scenario: dict[str, Any]) -> str | None:
    """None, or what is not as the scenario expects."""
    with _every_line() as logs:
        world = World(stage, logs)
        play = Play(world, scenario)
        try:
            await play.play(STEPS)
            return problem(play)
        except Exception as error:  # noqa: BLE001 - one scenario that cannot be played must not hide the others
            return f"it could not be played: {type(error).__name__}: {error}"
        finally:
            play.stack.close()
            await world.close()


@contextmanager
def _every_line() -> Iterator[list[Any]]:
    """The log's lines, of every level whatever is configured: some are what a scenario asks for."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    try:
        with structlog.testing.capture_logs() as lines:
            yield lines
    finally:
        structlog.configure(**before)
