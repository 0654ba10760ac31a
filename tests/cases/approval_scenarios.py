"""Scenarios of approvals, step by step, against the whole bot: its doors, store, policy and sandbox are real.

A click is a signed request at the Slack door, a decision over HTTP comes through the gateway with a real
token, tools are components whose effects are counted where they arrive, a restart opens the same folder
again, and a crash is a process that is killed.  Names are ours where Slack or the registry knows no such
ones: U_APP is UAPP, T1 is T0001, send_email is desk.send_email.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
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
    with structlog.testing.capture_logs() as logs:
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
