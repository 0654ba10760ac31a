"""Calls leave nothing behind; ``make soak`` shows the same of 10,000."""

from __future__ import annotations

import pytest
from tests.integration.test_sandbox_escapes import Probe, probe
from tests.soak.calls import grown, held, rounds

__all__ = ["probe"]

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


async def test_nothing_leaks(probe: Probe) -> None:
    """
    After 500 calls of every kind as many processes, descriptors and files are there as after 100.
    """
    await rounds(probe, 100)
    before = await held(probe)
    await rounds(probe, 400)
    after = await held(probe)

    assert (before.processes, before.files, before.entries) == (after.processes, after.files, after.entries)
    assert grown(before, after) < 4 << 20
