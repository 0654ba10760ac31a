"""Every case of tenants apart."""

from __future__ import annotations

import pytest

from tests.cases import tenant_isolation
from tests.cases.driver import DATA, load, run


@pytest.mark.sandbox
@pytest.mark.timeout(300)
async def test_tenant_isolation_cases() -> None:
    """
    Of ids, paths, files, vectors and shared state nothing of one tenant gets to another, as the file says.
    """
    data = load(DATA / tenant_isolation.FILE)

    report = await run(DATA / tenant_isolation.FILE, [tenant_isolation])

    assert [] == report.failures
    assert report.passed == len(data["cases"]) == 68
