"""Runs a suite: every mode one after the other on one engine, then the records are read."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.injection.approvers import CLICKS, MODES, NEIGHBOUR, Mode, Oracle, people_of
from tests.injection.evidence import gathered
from tests.injection.judging import Findings, judged
from tests.injection.play import Play, play_all, plays
from tests.injection.script import Pair, Suite
from tests.injection.stage import Stage, staged


async def run(
    folder: Path,
    suite: Suite,
    modes: Sequence[type[Mode]] = MODES,
    clicks: int = CLICKS,
    **changes: Any,
) -> Findings:
    """Play the suite in every mode, and hold it against the records.

    :param folder: empty; what is in it afterwards is the evidence
    :param clicks: of a storm at once
    :param changes: of the settings
    """
    chosen = [mode() for mode in modes]
    played: list[Play] = []
    tasks: list[Play] = []
    async with staged(folder, suite, [*chosen, _Alone()], **changes) as stage:
        for mode in chosen:
            played += await _timed(stage, suite.pairs, mode, clicks)
        if suite.tasks:
            tasks = await _timed(stage, suite.tasks, _Alone(), clicks)
    tenants = [NEIGHBOUR, *(people_of(mode).tenant for mode in (*chosen, _Alone()))]
    evidence = gathered(stage.database, folder / "checkpoints.jsonl", tenants, stage.internet)
    evidence.allowed = stage.pages
    return judged(suite, played, tasks, evidence)


class _Alone(Oracle):
    """The oracle, where no attacker is."""

    name = "alone"


async def _timed(stage: Stage, pairs: Sequence[Pair], mode: Mode, clicks: int) -> list[Play]:
    began = time.perf_counter()
    done = await play_all(stage, plays(pairs, mode, clicks))
    if done:
        took = time.perf_counter() - began
        print(
            f"{stage.suite.title}, {mode.name}: {len(done)} workflows in {took:.0f} s",
            file=sys.stderr,
            flush=True,
        )
    return done
