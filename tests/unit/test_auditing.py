"""``ironclaw audit``: what it prints, what it takes back, and its exit."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from tests.integration.engine import ask

from ironclaw.audit import Checkpoints
from ironclaw.errors import BadRequest, IronclawError, StoreError
from ironclaw.settings import Settings
from ironclaw.store import Store
from ironclaw_bot.auditing import NONE, add_verify_options, rotate, verify_log


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", key_file=tmp_path / "key")


@pytest.fixture
async def log(settings: Settings) -> None:
    """A database with one event of T1."""
    store = await Store.open(settings.data_dir / "ironclaw.db")
    await store.map_tenants({}, frozenset({"T1"}), 0.0)
    await store.workflows.add(ask(), "w", 1.0)
    heads = await store.audit_heads()
    await store.close()
    Checkpoints(settings.checkpoint_file, settings.key_file).write(heads, 1_800_000_000.0)


def verified(settings: Settings, *words: str) -> bool:
    parser = argparse.ArgumentParser()
    add_verify_options(parser)
    return verify_log(settings, parser.parse_args(words))


@pytest.mark.usefixtures("log")
def test_what_it_prints_can_be_given_back(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A printed head is what --expect takes; another one is not there.
    """
    first = verified(settings)
    out = capsys.readouterr().out
    head = out.splitlines()[0].rpartition(" ")[2]
    ends = [verified(settings, "--expect", each) for each in (head, head.replace("=1:", "=2:"))]

    assert (True, [True, False]) == (first, ends)
    assert "checkpoints: 1 good, the newest of 2027-01-15 08:00:00 UTC; signed by " in out


@pytest.mark.usefixtures("log")
def test_after_a_change_of_keys(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """
    rotate-key names the new key, and the log is verified as before.
    """
    rotate(settings)
    key = capsys.readouterr().out.split()[4]

    assert verified(settings)
    assert f"signed by {key}" in capsys.readouterr().out


@pytest.mark.usefixtures("log")
def test_without_checkpoints(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """
    That nothing was kept is said, not passed over.
    """
    settings.checkpoint_file.unlink()

    assert verified(settings)
    assert capsys.readouterr().out.endswith(NONE + "\n")


@pytest.mark.usefixtures("log")
def test_broken_checkpoints_are_a_failure(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A changed file of checkpoints fails the verification of a log that fits in itself.
    """
    settings.checkpoint_file.write_text("{}\n")

    assert not verified(settings)
    assert "checkpoints: BROKEN: line 1 is not a checkpoint" in capsys.readouterr().out


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--expect", "T1=1"), BadRequest),
        (("--checkpoints", "nowhere.jsonl"), StoreError),
        (("--public-key", "nowhere.pub"), StoreError),
        (("--database", "nowhere.db"), StoreError),
    ],
)
def test_wrong_words(settings: Settings, words: tuple[str, str], error: type[IronclawError]) -> None:
    """
    What is not there or not of the form is said in a sentence.
    """
    with pytest.raises(error):
        verified(settings, *words)
