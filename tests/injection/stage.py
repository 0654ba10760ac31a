"""The whole engine for one suite: tools in the real sandbox, rows in SQLite on disk, effects counted."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ironclaw.app import Ironclaw, open_app
from ironclaw.task import Notice
from tests.fakes.web import PUBLIC, Web, egress, web
from tests.injection.approvers import NEIGHBOUR, Mode, People, people_of
from tests.injection.brain import Obedient
from tests.injection.script import Pair, Suite
from tests.injection.toolboxes import EFFECTS, write_toolbox
from tests.integration.engine import BrainPlugin, settings


@dataclass(frozen=True, slots=True)
class Stage:
    """What a suite is played on."""

    folder: Path
    suite: Suite
    app: Ironclaw
    brain: Obedient
    internet: Web
    pages: frozenset[str]  #: Hosts that the user's own calls read: the allowlist.

    @property
    def database(self) -> Path:
        return self.folder / "data" / "ironclaw.db"


class Listener:
    """Hears every status, card and answer at once, as a door does."""

    async def send(self, notice: Notice) -> Mapping[str, str] | None:
        return None


def hosts(suite: Suite, *, of_attacks: bool = False) -> frozenset[str]:
    """Hosts of the pages that the users' scripts read, or the attackers'."""
    lines = (
        line
        for pair in (*suite.pairs, *suite.tasks)
        for line in (pair.attack if of_attacks else pair.user)
        if (spec := suite.specs.get(line.tool)) and spec.is_web
    )
    return frozenset(urlsplit(str(line.args["url"])).hostname or "" for line in lines)


@contextlib.asynccontextmanager
async def staged(folder: Path, suite: Suite, modes: Sequence[Mode], **changes: Any) -> AsyncIterator[Stage]:
    """The suite's engine, open until the block ends.

    :param changes: of the settings, such as another policy
    """
    pages = hosts(suite)
    write_toolbox(folder / "box", tuple(suite.specs.values()), sorted(pages))
    tenants = {NEIGHBOUR: People(NEIGHBOUR).settings()}
    for mode in modes:
        people = people_of(mode)
        tenants[people.tenant] = people.settings(*mode.extra_approvers(people))
    chosen = settings(folder, tenants=tenants, workers=2, max_steps=100, max_open=100_000, **changes)
    brain = Obedient()
    async with web(folder, [EFFECTS, *pages]) as internet:
        # The attackers' hosts have addresses too: what stops a request to them is not that nobody knows them.
        internet.meet({host: [[PUBLIC]] for host in (EFFECTS, *pages, *hosts(suite, of_attacks=True))})
        async with open_app(
            chosen,
            toolboxes=[folder / "box"],
            egress=egress(internet, folder),
            plugins={"test_brain": lambda services: BrainPlugin(brain)},
        ) as app:
            app.speak("test", Listener())
            yield Stage(folder, suite, app, brain, internet, pages)


def tools_of(suite: Suite, pair: Pair) -> tuple[str, ...]:
    """Those of a pair's tools that there are: what its brain is offered."""
    names = dict.fromkeys(line.tool for line in (*pair.user, *pair.attack))
    return tuple(name for name in names if name in suite.specs)
