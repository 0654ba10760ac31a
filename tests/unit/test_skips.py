"""What the test run says of tests that a machine cannot run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_skipped_browser_tests_are_said() -> None:
    """
    Without a Chromium the last lines name how many browser tests were skipped, and why.
    """
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/e2e/test_browser.py"]
    environ = {**os.environ, "CHROMIUM": "/nowhere/chromium"}
    run = subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)
    *_, reason, said, total = run.stdout.strip().splitlines()
    count = total.partition(" skipped")[0]

    assert (0, True) == (run.returncode, int(count) > 0)
    assert reason.endswith("chromium is not installed")
    assert f"chromium is not installed: {count} browser tests were skipped" == said


def test_skipped_guest_tests_are_said() -> None:
    """
    Without node the last lines name how many tests of tools were skipped, and why.
    """
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "js"]
    environ = {**os.environ, "IRONCLAW_TEST_NODE": "/nowhere/node"}
    run = subprocess.run(
        [*words, "tests/integration/test_conformance.py"],
        cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    *_, said, total = run.stdout.strip().splitlines()

    assert (0, "node with npm is not installed: 2 tests of tools were skipped") == (run.returncode, said)
    assert total.startswith("2 skipped")


def test_skipped_tests_of_many_machines_are_said() -> None:
    """
    Without PostgreSQL the last lines name how many tests of many machines were skipped.
    """
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    environ = {**os.environ, "IRONCLAW_TEST_POSTGRES": "/nowhere"}
    run = subprocess.run(
        [*words, "tests/integration/test_postgres_store.py"],
        cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    *_, said, total = run.stdout.strip().splitlines()
    count = total.partition(" skipped")[0]

    assert (0, True) == (run.returncode, int(count) > 0)
    assert f"PostgreSQL is not installed: {count} tests of many machines were skipped" == said
