"""Every case of the supply chain."""

from __future__ import annotations

import pytest

from tests.cases import supply_chain
from tests.cases.driver import DATA, load, run


@pytest.mark.sandbox
async def test_supply_chain_cases() -> None:
    """
    Each attack on toolboxes, code and plugins ends as the file says, through the real registry and commands.
    """
    data = load(DATA / supply_chain.FILE)

    report = await run(DATA / supply_chain.FILE, [supply_chain])

    assert report.failures == []
    assert report.passed == len(data["cases"])
