"""Every case of the file."""

from __future__ import annotations

from tests.cases import display
from tests.cases.driver import DATA, load, run


async def test_file() -> None:
    """
    What a card shows hides nothing, links nothing and mentions nobody, or asks nobody.
    """
    data = load(DATA / display.FILE)

    report = await run(DATA / display.FILE, [display])

    assert report.passed == len(data["cases"]), report.failures
