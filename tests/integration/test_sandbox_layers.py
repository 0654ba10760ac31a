"""Which layers hold here, and what it means when one does not."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest
import structlog
from tests.fakes.sandbox import KEY

from ironclaw.errors import SandboxError
from ironclaw.sandbox import Sandbox, check, landlock, layers
from ironclaw.settings import Settings
from ironclaw_bot.doctor import examine

ALL = {"shadows", "rlimits", "memfd_seal", "landlock", "seccomp"}


def without(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    """A machine on which these layers do not hold."""
    held = {layer: layer not in missing for layer in check.LAYERS}
    monkeypatch.setattr(check, "layers", lambda: held)


async def open_and_close(folder: Path, layers: check.Missing) -> None:
    sandbox = await Sandbox.open(cache_dir=folder / "code", cache_key=KEY, layers=layers)
    await sandbox.close()


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64" or not landlock.abi(),
    reason="this kernel has not every layer",
)
def test_layers_hold() -> None:
    """
    Each layer holds when a process of its own tries to break it.
    """
    assert dict.fromkeys(ALL, True) == layers()


@pytest.mark.parametrize("layer", sorted(ALL - {"shadows"}))
async def test_missing_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layer: str) -> None:
    """
    Required, a missing layer is no start, and says which and what to do; else it is a warning.
    """
    without(monkeypatch, layer)
    with pytest.raises(SandboxError, match=f"lacks sandbox layers: {layer}.*sandbox_layers"):
        await open_and_close(tmp_path, "require")
    with structlog.testing.capture_logs() as said:
        await open_and_close(tmp_path, "warn")

    assert [("warning", layer)] == [(line["log_level"], line["layer"]) for line in said]


async def test_shadows_are_always_required(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A sandbox in which a tool could sleep starts nowhere.
    """
    without(monkeypatch, "shadows")
    with pytest.raises(SandboxError, match="reinstall the pinned wasmtime"):
        await open_and_close(tmp_path, "warn")


async def test_trial_that_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where the trial itself cannot run, nothing holds.
    """
    monkeypatch.setattr(check.sys, "executable", "/bin/false")

    assert dict.fromkeys(ALL, False) == layers()


@pytest.mark.parametrize(("setting", "mark"), [("require", "FAIL"), ("warn", "note")])
async def test_doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, mark: str) -> None:
    """
    The doctor marks a missing layer as what it means here.
    """
    without(monkeypatch, "landlock")
    monkeypatch.setattr("ironclaw_bot.doctor.layers", check.layers)
    settings = Settings.model_validate(
        {"data_dir": tmp_path / "data", "key_file": tmp_path / "key", "sandbox_layers": setting}
    )
    marks = [(each.what.partition(":")[0], each.mark) for each in await examine(settings)]

    assert ("sandbox layer landlock", mark) in marks
    assert ("sandbox layer seccomp", "ok  ") in marks
