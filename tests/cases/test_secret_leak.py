"""The copied leak cases, all of them."""

from tests.cases import secret_leak
from tests.cases.driver import DATA, run


async def test_secret_leak_cases() -> None:
    """
    Every secret is redacted in every carrier that a text can be, and no negative is touched.
    """
    report = await run(DATA / secret_leak.FILE, [secret_leak])

    assert [] == report.failures
    assert report.passed > 400
