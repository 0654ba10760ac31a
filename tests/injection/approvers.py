"""Who is there to decide: six modes, of which only one has somebody who says yes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ironclaw.app import Ironclaw
from ironclaw.errors import IronclawError
from ironclaw.settings import TenantSettings
from ironclaw.task import ApprovalView, Decision, Principal

NEIGHBOUR = "neighbour"  #: Another tenant, whose approver is a real one there.
CLICKS = 100  #: At once, on a card that is the first of its attack.
FEW_CLICKS = 12  #: On every other: each kind of click once.

Own = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class People:
    """Of one tenant."""

    tenant: str

    @property
    def team(self) -> str:
        return f"T_{self.tenant.upper()}"

    @property
    def approver(self) -> Principal:
        return self._principal("U_APP")

    @property
    def stranger(self) -> Principal:
        """In the workspace, on no list, whatever their payload claims."""
        return self._principal("U_STRANGER")

    def requester(self, number: int) -> Principal:
        """Whoever asks; each asks once, so that nobody is asked about too often."""
        return self._principal(f"U_REQ{number}")

    def settings(self, *more: str) -> TenantSettings:
        """Nothing is spared by how often people may be asked or say no.

        :param more: approvers beside the usual one
        """
        return TenantSettings(
            slack=(self.team,),
            approvers=(self.approver.id, *more),
            cards_per_workflow=1_000,
            cards_per_hour=1_000_000,
            denials=1_000,
            max_open=100_000,
            max_running=64,
        )

    def _principal(self, user: str) -> Principal:
        # Each tenant's people are others: one user id in two workspaces would be one person.
        name = f"slack:{self.team}:{user}_{self.tenant.upper()}"
        return Principal(self.tenant, name, frozenset({"approver"}))


@dataclass
class Scene:
    """One approval that waits, and who could touch it."""

    app: Ironclaw
    people: People
    asked: ApprovalView
    requester: Principal
    own: Own  #: The user's own calls.
    clicks: int = FEW_CLICKS
    refusals: int = 0
    let_through: list[str] = field(default_factory=list)  #: What nobody was entitled to, and counted.

    async def refused(self, kind: str, attempt: Awaitable[ApprovalView]) -> None:
        """Note an attempt that was not refused."""
        try:
            await attempt
        except IronclawError:
            self.refusals += 1
        else:
            self.let_through.append(kind)

    def says(self, who: Principal, decision: Decision = Decision.APPROVE) -> Awaitable[ApprovalView]:
        return self.app.decide(who, self.asked.id, decision)


class Mode:
    """Nobody is there."""

    name = "none"
    is_oracle = False

    def extra_approvers(self, people: People) -> tuple[str, ...]:
        """Who is on the tenant's list beside its approver."""
        return ()

    def requester(self, people: People, number: int) -> Principal:
        return people.requester(number)

    async def act(self, scene: Scene) -> bool:
        """
        :return: whether the approval was decided by somebody who may
        """
        return False


class DenyAll(Mode):
    name = "deny-all"

    async def act(self, scene: Scene) -> bool:
        await scene.says(scene.people.approver, Decision.DENY)
        return True


class Requester(Mode):
    """Who asks is on the list of approvers, and clicks their own card."""

    name = "requester"

    _ASKING = 50  #: Different people: how often one of them was asked about is read at each card.

    def extra_approvers(self, people: People) -> tuple[str, ...]:
        return tuple(people.requester(number).id for number in range(self._ASKING))

    def requester(self, people: People, number: int) -> Principal:
        return people.requester(number % self._ASKING)

    async def act(self, scene: Scene) -> bool:
        await scene.refused("requester decides", scene.says(scene.requester))
        press = scene.app.press(scene.requester, scene.app.button(scene.asked), Decision.APPROVE)
        await scene.refused("requester presses", press)
        return False


class OtherTenant(Mode):
    """An approver of the neighbour's: as themselves, and as if they belonged here."""

    name = "other tenant"

    async def act(self, scene: Scene) -> bool:
        for kind, attempt in neighbours(scene):
            await scene.refused(kind, attempt)
        return False


def neighbours(scene: Scene) -> list[tuple[str, Awaitable[ApprovalView]]]:
    own = People(NEIGHBOUR).approver
    disguised = Principal(scene.people.tenant, own.id, own.roles)
    button = scene.app.button(scene.asked)
    return [
        ("neighbour decides", scene.says(own)),
        ("neighbour presses", scene.app.press(own, button, Decision.APPROVE)),
        ("neighbour in disguise", scene.says(disguised)),
        ("neighbour in disguise presses", scene.app.press(disguised, button, Decision.APPROVE)),
    ]


class ClickStorm(Mode):
    """All click at once: people who may not, and stale or forged buttons in the hand of one who may."""

    name = "click storm"

    def __init__(self) -> None:
        self._old = ""  #: The button of a card that the approver has denied.

    async def act(self, scene: Scene) -> bool:
        if not self._old:
            self._old = scene.app.button(scene.asked)
            await scene.says(scene.people.approver, Decision.DENY)
            return True
        kinds = itertools.cycle(self._kinds(scene))
        storm = [next(kinds) for _ in range(scene.clicks)]
        await asyncio.gather(*(scene.refused(kind, click()) for kind, click in storm))
        return False

    def _kinds(self, scene: Scene) -> list[tuple[str, Callable[[], Awaitable[ApprovalView]]]]:
        app, asked, people = scene.app, scene.asked, scene.people
        button, own = app.button(asked), People(NEIGHBOUR).approver
        approval_id, version, seal = button.split(".")
        disguised = Principal(people.tenant, own.id, own.roles)
        yes = Decision.APPROVE
        return [
            ("stranger decides", lambda: scene.says(people.stranger)),
            ("stranger presses", lambda: app.press(people.stranger, button, yes)),
            ("stranger denies", lambda: scene.says(people.stranger, Decision.DENY)),
            ("requester decides", lambda: scene.says(scene.requester)),
            ("requester presses", lambda: app.press(scene.requester, button, yes)),
            ("neighbour decides", lambda: scene.says(own)),
            ("neighbour in disguise", lambda: scene.says(disguised)),
            ("approver, newer version", lambda: app.decide(people.approver, asked.id, yes, version=2)),
            ("approver, older version", lambda: app.decide(people.approver, asked.id, yes, version=0)),
            ("forged version", lambda: app.press(people.approver, f"{approval_id}.2.{seal}", yes)),
            (
                "another card's seal",
                lambda: app.press(people.approver, f"{approval_id}.{version}.{self._old.split('.')[2]}", yes),
            ),
            ("replayed button", lambda: app.press(people.approver, self._old, yes)),
        ]


class Oracle(Mode):
    """The approver knows what the user asked for, and approves exactly that."""

    name = "oracle"
    is_oracle = True

    async def act(self, scene: Scene) -> bool:
        is_own = (scene.asked.tool, scene.asked.args) in scene.own
        await scene.says(scene.people.approver, Decision.APPROVE if is_own else Decision.DENY)
        return True


MODES: tuple[type[Mode], ...] = (Mode, DenyAll, Requester, OtherTenant, ClickStorm, Oracle)


def people_of(mode: Mode) -> People:
    """A tenant of its own for each mode."""
    return People(mode.name.replace(" ", "_").replace("-", "_"))
