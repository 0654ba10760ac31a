"""``make soak``: a bot that is killed, told twice, decided and stopped at random, watched from outside.

``SOAK_MINUTES`` (30) says how long, ``SOAK_SEED`` which of all the ways it could go (it is printed), and
``SOAK_DATABASE`` on which database: sqlite, or postgresql.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
from pathlib import Path

import pytest

from tests.fakes.tokens import Issuer
from tests.faults.databases import SQLITE, databases
from tests.faults.stage import stage
from tests.soak.crowd import Crowd
from tests.soak.killing import Killer
from tests.soak.programs import Programs, settings
from tests.soak.trouble import Trouble
from tests.soak.witness import Witness

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
SEED = os.environ.get("SOAK_SEED") or secrets.token_hex(4)
DATABASE = os.environ.get("SOAK_DATABASE", SQLITE)
pytestmark = [pytest.mark.soak, pytest.mark.sandbox, pytest.mark.timeout(MINUTES * 60 + 600)]


async def test_nothing_is_lost_and_nothing_done_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Whatever is killed when: one effect for each yes, none without, one card, one reply, and an end.
    """
    chance = random.Random(SEED)
    issuer = Issuer()
    with databases({DATABASE}, tmp_path) as found:
        database, more = found.new(DATABASE, tmp_path), settings(tmp_path, issuer)
        async with stage(tmp_path, database, lambda _: _moment(chance), **more) as here:
            killer, trouble = Killer(here, chance), Trouble(here, chance)
            crowd, programs = Crowd(here, chance), Programs(here, chance, issuer)
            witness = Witness(here, crowd, programs)
            print(f"SOAK_SEED={SEED}")
            await _storm(MINUTES * 60, killer, trouble, crowd, programs, witness)
            await killer.leave_alone()
            await trouble.end()
            await crowd.finish()
            await programs.finish()
            await here.settle()
            await witness.look_at_the_end()
    with capsys.disabled():
        print(f"\nseed {SEED}, {MINUTES:g} minutes on {DATABASE}:")
        print("\n".join(each.summary for each in (killer, trouble, crowd, programs, witness)))

    assert [] == witness.violations


async def _storm(seconds: float, *everybody: Killer | Trouble | Crowd | Programs | Witness) -> None:
    """Let everybody act until the time is over, or somebody fails."""
    tasks = [asyncio.create_task(each.act()) for each in everybody]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _moment(chance: random.Random) -> None:
    """How Slack waits before it delivers again: minutes in life."""
    await asyncio.sleep(chance.uniform(0.2, 3.0))
