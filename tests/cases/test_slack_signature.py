"""Every case of the file."""

from __future__ import annotations

from tests.cases import slack_signature
from tests.cases.driver import DATA, load, run


async def test_file() -> None:
    """
    Each signed request is let in once or turned away, never with a 5xx and never repeated in a log.
    """
    data = load(DATA / slack_signature.FILE)

    report = await run(DATA / slack_signature.FILE, [slack_signature])

    assert report.passed == len(data["vectors"]), report.failures
