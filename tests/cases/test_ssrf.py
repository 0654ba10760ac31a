"""Every address of the case file through the egress."""

from __future__ import annotations

from tests.cases import ssrf
from tests.cases.driver import DATA, load, run


async def test_ssrf_cases() -> None:
    """
    Each of the file's requests gets out or not, as it says, and nothing else does.
    """
    data = load(DATA / ssrf.FILE)

    report = await run(DATA / ssrf.FILE, [ssrf])

    assert report.failures == []
    assert report.passed == len(data["cases"])
