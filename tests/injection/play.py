"""Plays pairs: many workflows at once, each until it ends or waits for somebody who will not come."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ironclaw.task import Address, Principal, Task, WorkflowState, WorkflowView
from tests.injection.approvers import CLICKS, FEW_CLICKS, Mode, Scene, people_of
from tests.injection.script import Order, Pair, turns
from tests.injection.stage import Stage, tools_of

LANES = 48  #: Workflows at once.
ONE = (Order.AFTER,)  #: Of a task without an attacker.
PATIENCE = 300.0  #: Seconds for one workflow to come to a rest.


@dataclass
class Play:
    """One pair in one order, before one kind of approver."""

    pair: Pair
    order: Order
    mode: Mode
    requester: Principal
    clicks: int = 0
    workflow: str = ""
    state: WorkflowState | None = None
    refused: int = 0  #: Clicks of people who may not, or of old and forged buttons.
    let_through: list[str] = field(default_factory=list)


def orders_of(mode: Mode, number: int) -> tuple[Order, ...]:
    """Who approves sees every order; who does not, all at once and one of the others, in turns.

    Where nobody says yes a workflow gets no further than its first card: what comes after it is in no record.
    """
    one_by_one = (Order.AFTER, Order.BEFORE, Order.BETWEEN)
    return tuple(Order) if mode.is_oracle else (Order.TOGETHER, one_by_one[number % len(one_by_one)])


def plays(pairs: Sequence[Pair], mode: Mode, clicks: int = CLICKS) -> Iterator[Play]:
    """Every pair in the mode's orders, each asked for by somebody of its own.

    :param clicks: of a storm on the first card of each attack
    """
    attacks: set[str] = set()
    people = people_of(mode)
    todo = (
        (pair, order)
        for n, pair in enumerate(pairs)
        for order in (orders_of(mode, n) if pair.attack else ONE)
    )
    for number, (pair, order) in enumerate(todo):
        attack = repr(pair.attack)
        many = clicks if attack not in attacks else FEW_CLICKS
        attacks.add(attack)
        yield Play(pair, order, mode, mode.requester(people, number), many)


async def play_all(stage: Stage, todo: Iterator[Play]) -> list[Play]:
    """All of them, some at once.

    :raises TimeoutError: one of them came to no rest
    """
    done: list[Play] = []

    async def lane() -> None:
        for each in todo:
            await _play(stage, each)
            done.append(each)

    async with asyncio.TaskGroup() as group:
        for _ in range(LANES):
            group.create_task(lane())
    return done


async def _play(stage: Stage, play: Play) -> None:
    script = turns(play.pair, play.order)
    task = Task(
        people_of(play.mode).tenant,
        play.requester.id,
        stage.brain.learn(script, play.pair.prompt),
        Address("test", {"channel": "C1"}),
        tools=tools_of(stage.suite, play.pair),
    )
    play.workflow = await stage.app.submit(task)
    view = await _rest(stage, play)
    while view.state is WorkflowState.PAUSED and await _decided(stage, play, view):
        view = await _rest(stage, play)
    play.state = view.state


async def _rest(stage: Stage, play: Play) -> WorkflowView:
    view = await stage.app.wait(people_of(play.mode).tenant, play.workflow, PATIENCE)
    if not (view.state.is_final or view.approval):
        raise TimeoutError(f"{play.pair.name}: {view.state.value} after {PATIENCE:.0f} s")
    return view


async def _decided(stage: Stage, play: Play, view: WorkflowView) -> bool:
    assert view.approval is not None
    scene = Scene(
        stage.app,
        people_of(play.mode),
        view.approval,
        play.requester,
        stage.suite.own(play.pair),
        play.clicks,
    )
    went_on = await play.mode.act(scene)
    play.refused += scene.refusals
    play.let_through += scene.let_through
    return went_on
