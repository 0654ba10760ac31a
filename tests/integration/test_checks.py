"""A call that can be checked: after a crash its check is asked, before people and before it runs again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.orders import SHOP, write_orders
from tests.fakes.web import PUBLIC, Seen, Web, egress, web
from tests.integration.doubting import doubted, events, told
from tests.integration.engine import BrainPlugin, Moves, approver, ask, moves, settings, wants

from ironclaw import audit
from ironclaw.app import Ironclaw, open_app
from ironclaw.task import CallState, Said, WorkflowState

pytestmark = pytest.mark.sandbox
ANYTHING = "permit(principal, action, resource);"
POLICED = f'{ANYTHING} forbid(principal, action, resource == Tool::"order.status");'


@dataclass(slots=True)
class Shop:
    """Takes orders, and says what it was told to say of them."""

    web: Web
    is_silent: bool = True  #: To orders: whoever places one does not learn that it was taken.
    says: str = '{"happened": false}'  #: When it is asked; "" for no answer ever.
    came: asyncio.Queue[str] = field(default_factory=asyncio.Queue)  #: The method of each request.

    async def answer(self, _number: int, seen: Seen) -> bytes:
        self.came.put_nowait(seen.method)
        if self.is_silent if seen.method == "POST" else not self.says:
            await asyncio.Event().wait()
        body = (self.says if seen.method == "GET" else '{"number": 7}').encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    @property
    def seen(self) -> list[tuple[str, str]]:
        """Method and idempotency key of all that came."""
        return [(each.method, each.headers.get("idempotency-key", "")) for each in self.web.requests]


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with web(tmp_path, [SHOP]) as found:
        shop = Shop(found)
        found.meet({SHOP: [[PUBLIC]]}, shop.answer)
        yield shop


@asynccontextmanager
async def opened(
    folder: Path, shop: Shop, brain: Moves, policy: str = ANYTHING, about: str = "Whether it was ordered."
) -> AsyncIterator[Ironclaw]:
    (folder / "loose.cedar").write_text(policy)
    chosen = settings(folder, policy_file=folder / "loose.cedar")
    boxes = [write_orders(folder / "orders", about)]
    plugins = {"test_brain": lambda services: BrainPlugin(brain)}
    async with open_app(chosen, toolboxes=boxes, plugins=plugins, egress=egress(shop.web, folder)) as app:
        yield app


def a_brain() -> Moves:
    return Moves(moves(wants("order.place", what="coffee")))


async def interrupted(folder: Path, shop: Shop, brain: Moves) -> str:
    """An order that the shop got, and of which the host did not see the answer."""
    async with opened(folder, shop, brain) as app:
        workflow = await app.submit(ask())
        assert "POST" == await asyncio.wait_for(shop.came.get(), 30)
    shop.is_silent = False
    return workflow


async def test_it_had_happened(tmp_path: Path, shop: Shop) -> None:
    """
    The check says so: the order is not placed again, and the brain gets what the check says that it gave.
    """
    brain = a_brain()
    workflow = await interrupted(tmp_path, shop, brain)
    shop.says = '{"happened": true, "output": {"number": 7}}'
    async with opened(tmp_path, shop, brain) as app:
        after = await app.wait("T1", workflow, 30)
        [call] = (await app._store.workflows.load(workflow)).calls

    assert (WorkflowState.DONE, CallState.SUCCEEDED) == (after.state, call.state)
    assert [("POST", f"{call.idem_key}-1"), ("GET", f"{call.idem_key}-1")] == shop.seen
    assert [{"output": {"number": 7}}] == told(brain)


async def test_it_had_not(tmp_path: Path, shop: Shop) -> None:
    """
    The check says so: the order is placed once more, with the same key.
    """
    brain = a_brain()
    workflow = await interrupted(tmp_path, shop, brain)
    async with opened(tmp_path, shop, brain) as app:
        after = await app.wait("T1", workflow, 30)

    assert WorkflowState.DONE is after.state
    assert (["POST", "GET", "POST"], 1) == (
        [each for each, _ in shop.seen],
        len({key for _, key in shop.seen}),
    )
    expected = [
        "call_executing",
        "call_effect_begun",
        "call_checking",
        "call_checked",
        "call_retried",
        "call_executing",
        "call_effect_begun",
        "call_succeeded",
    ]
    assert expected == [each for each in events(tmp_path) if each.startswith("call_")][1:]


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ('{"happened": "yes", "output": 1}', "no_answer"),
        ('{"happened": 1, "output": 1}', "no_answer"),
        ('{"happened": true}', "no_answer"),
        ('{"happened": false, "output": 1}', "no_answer"),
        ("[]", "no_answer"),
        ("not JSON", "internal"),
    ],
)
async def test_anything_else_asks_people(tmp_path: Path, shop: Shop, says: str, why: str) -> None:
    """
    Whatever else a check says: nothing is placed, people are asked, and the audit log has why.
    """
    brain = a_brain()
    workflow = await interrupted(tmp_path, shop, brain)
    shop.says = says
    async with opened(tmp_path, shop, brain) as app:
        await doubted(app, workflow)

    assert ["POST", "GET"] == [method for method, _ in shop.seen]
    [checked] = [each for each in logged(tmp_path) if each["event"] == "call_checked"]
    assert (None, "order.status") == (checked["happened"], checked["check"])
    assert why == checked["why"]


def logged(folder: Path) -> list[dict[str, Any]]:
    return list(audit.events(folder / "data/ironclaw.db", "T1"))


async def test_people_are_asked_and_it_runs(tmp_path: Path, shop: Shop) -> None:
    """
    What the check did not say, people do.
    """
    brain = a_brain()
    workflow = await interrupted(tmp_path, shop, brain)
    shop.says = "{}"
    async with opened(tmp_path, shop, brain) as app:
        doubt = await doubted(app, workflow)
        await app.doubts.testify(approver(), doubt.id, Said.NOT_RUN)
        after = await app.wait("T1", workflow, 30)

    assert (WorkflowState.DONE, ["POST", "GET", "POST"]) == (after.state, [method for method, _ in shop.seen])


async def test_a_check_that_policy_forbids(tmp_path: Path, shop: Shop) -> None:
    """
    A check is a call like others: what policy does not let run on its own does not run, and people are asked.
    """
    brain = a_brain()
    workflow = await interrupted(tmp_path, shop, brain)
    async with opened(tmp_path, shop, brain, POLICED) as app:
        await doubted(app, workflow)

    assert ["POST"] == [method for method, _ in shop.seen]


async def test_another_version_of_the_tool(tmp_path: Path, shop: Shop) -> None:
    """
    A toolbox that was changed in between is not asked: the same arguments may mean something else to it.
    """
    brain = a_brain()
    workflow = await interrupted(tmp_path, shop, brain)
    async with opened(tmp_path, shop, brain, about="Whether something was ever ordered.") as app:
        await doubted(app, workflow)

    assert ["POST"] == [method for method, _ in shop.seen]


async def test_a_check_that_takes_the_host_down(tmp_path: Path, shop: Shop) -> None:
    """
    After three checks that never came back people are asked.
    """
    brain = a_brain()
    workflow = await interrupted(tmp_path, shop, brain)
    shop.says = ""
    for _ in range(3):
        async with opened(tmp_path, shop, brain):
            assert "GET" == await asyncio.wait_for(shop.came.get(), 30)
    async with opened(tmp_path, shop, brain) as app:
        await doubted(app, workflow)

    assert ["POST", *["GET"] * 3] == [method for method, _ in shop.seen]
