"""What several tests need."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from ironclaw_bot.build import Progress, build, built_folder
from tests.fakes import guests
from tests.fakes.postgres import NOT_INSTALLED, Cluster, cluster

TESTS = Path(__file__).parent
# How long an example takes is the machine's: where others are at work too, a limit on it fails good code.
settings.register_profile("ironclaw", deadline=None)
settings.load_profile("ironclaw")
#: Folders whose files take longest.  They go first: at the end one of them would run while everybody waits.
LONGEST = ("faults", "e2e", "cases", "bench", "integration")


@pytest.fixture(scope="session")
def built_toolboxes() -> Path:
    """The folder with the built toolboxes standard and probe.

    A build that is up to date costs nothing; the build's own lock keeps xdist's workers apart.
    """
    build(("standard", "probe"), Progress(io.StringIO()))
    return built_folder()


@pytest.fixture(scope="session")
def code_cache(pytestconfig: pytest.Config) -> Path:
    """Where the sandbox keeps compiled toolboxes from one test run to the next."""
    return pytestconfig.cache.mkdir("sandbox")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, and within a folder as they stand."""
    items.sort(key=lambda item: _place(item.path.relative_to(TESTS).parts[0]))


def _place(folder: str) -> int:
    return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Tests skipped for want of a program are said in the last lines, not in a letter among hundreds."""
    yield
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum("browser" in report.keywords for report in skipped)
    if count:
        line = f"chromium is not installed: {count} browser tests were skipped"
        terminalreporter.write_line(line, red=True)
    if count := sum(NOT_INSTALLED in str(report.longrepr) for report in skipped):
        terminalreporter.write_line(f"{NOT_INSTALLED}: {count} tests of many machines were skipped", red=True)
    reasons = [reason for report in skipped for reason in guests.REASONS if reason in str(report.longrepr)]
    for reason, count in Counter(reasons).items():
        terminalreporter.write_line(f"{reason}: {count} tests of tools were skipped", red=True)


@pytest.fixture(scope="session")
def server() -> Iterator[Cluster]:
    """One PostgreSQL for all tests of a process; whoever stops it starts it again."""
    with cluster() as found:
        yield found


@pytest.fixture
def url(server: Cluster) -> str:
    """The address of an empty database."""
    return server.new_database()
