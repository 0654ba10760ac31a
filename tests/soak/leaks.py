"""``make soak``: 10,000 calls, and memory, handles and files are as before."""

from __future__ import annotations

import time

import pytest

from tests.integration.test_sandbox_escapes import Probe, probe
from tests.soak.calls import grown, held, rounds

__all__ = ["probe"]

pytestmark = [
    pytest.mark.soak,
    pytest.mark.sandbox,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(1800),
]
CALLS = 10_000


async def test_ten_thousand_calls(probe: Probe, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Nothing grows but what the allocators keep: at most 8 MiB in any process.
    """
    await rounds(probe, 500)
    before, began = await held(probe), time.monotonic()
    await rounds(probe, CALLS)
    after = await held(probe)
    with capsys.disabled():
        print(f"\n{CALLS} calls in {time.monotonic() - began:.0f} s: {before} -> {after}")

    assert (before.processes, before.files, before.entries) == (after.processes, after.files, after.entries)
    assert grown(before, after) < 8 << 20
