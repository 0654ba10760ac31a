"""The toolbox alert: built, signed, added, and used against an Alertmanager on loopback, over real TLS."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio
from tests.fakes import guests
from tests.fakes.alertmanager import DISK, HOST, Alertmanager
from tests.fakes.web import Web
from tests.integration.engine import settings
from tests.integration.toolbox_walk import Walk, bot, walk

from ironclaw.registry import Registry
from ironclaw.settings import TenantSettings
from ironclaw.task import WorkflowState
from ironclaw_bot.authoring.cases import read_cases
from ironclaw_bot.authoring.trying import open_trials
from ironclaw_bot.build import tools_folder

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
URL = {"url": f"https://{HOST}"}
ACK = {**URL, "labels": DISK, "comment": "on it"}
TENANTS = {
    "T1": TenantSettings(slack=("T1",), approvers=("slack:T1:U_BO",), http_allow=(HOST,)),
    "T2": TenantSettings(slack=("T2",)),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def walked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Walk]:
    guests.need("js")
    folder = tmp_path_factory.mktemp("alert")
    async with walk(folder, "alert", HOST, lambda _n, _s: b"", tenants=TENANTS) as found:
        yield found


@pytest.fixture
def alertmanager(walked: Walk) -> Alertmanager:
    """One of its own for each test, which asks nobody who they are."""
    served = Alertmanager()
    walked.internet.meet(walked.internet.names, served.answer)
    return served


async def test_its_cases(tmp_path: Path) -> None:
    """
    Every case of the toolbox passes, and each of its tools has one.
    """
    guests.need("js")
    source = tools_folder() / "alert"
    built, cases = guests.kept(source, "alert"), read_cases(source)
    async with open_trials(settings(tmp_path), lambda _line: None) as trials:
        faults = [(trial.case.name, trial.faults) async for trial in trials.run(built, cases)]

    assert [] == [each for each in faults if each[1]]
    assert {tool.name for tool in Registry.load([built]).tools} == {case.tool for case in cases}


async def test_alerts_are_listed_at_once(walked: Walk, alertmanager: Alertmanager) -> None:
    """
    What is on is told without anybody's approval, and without a secret where there is none.
    """
    view = await walked.ask("alert.list", **URL)

    assert [DISK] == [each["labels"] for each in json.loads(view.outcome)["output"]["alerts"]]
    assert [None] == walked.carried


async def test_acknowledged_once(walked: Walk, alertmanager: Alertmanager) -> None:
    """
    Nothing is asked before somebody approves; then there is one short silence of exactly this alert.
    """
    view = await walked.ask("alert.acknowledge", **ACK)
    before = (view.state, list(walked.sent))
    await walked.approve(view)
    (made,) = alertmanager.silences.values()
    lasts = datetime.fromisoformat(made["endsAt"]) - datetime.fromisoformat(made["startsAt"])

    assert (WorkflowState.PAUSED, []) == before
    assert ("ACK! on it", DISK) == (
        made["comment"], {each["name"]: each["value"] for each in made["matchers"]}
    )  # fmt: skip
    assert 15 * 60 == lasts.total_seconds()


async def test_silenced_and_ended(walked: Walk, alertmanager: Alertmanager) -> None:
    """
    A silence is made, listed, and ended, each change by its own approval; to end it twice is no failure.
    """
    wanted = {**URL, "matchers": ['alertname="DiskFull"'], "comment": "migration"}
    await walked.approve(await walked.ask("alert.silence", **wanted))
    (name,) = alertmanager.silences
    listed = (await walked.ask("alert.silences", **URL)).outcome
    ends = [await walked.approve(await walked.ask("alert.expire", **URL, id=name)) for _ in range(2)]

    assert name in listed
    assert "expired" == alertmanager.silences[name]["status"]["state"]
    assert ends[0] == ends[1]


async def test_with_a_secret(walked: Walk, alertmanager: Alertmanager) -> None:
    """
    Where the tenant has a secret for this Alertmanager it goes along, and it is nowhere else.
    """
    value = await walked.give("alertmanager", HOST, ("GET", "POST"), "/api/v2")
    alertmanager.wants = f"Bearer {value}"
    try:
        said = await walked.approve(await walked.ask("alert.acknowledge", **ACK))
    finally:
        await walked.app.vault.remove("T1", "alertmanager", "local:test")

    assert 1 == len(alertmanager.silences)
    assert [f"Bearer {value}"] * 2 == walked.carried
    assert walked.leak(said) is None


async def test_without_the_secret_it_wants(walked: Walk, alertmanager: Alertmanager) -> None:
    """
    Who has no credentials is told who gives them.
    """
    alertmanager.wants = "Bearer another"
    view = await walked.ask("alert.list", **URL)

    assert "ironclaw secrets set alertmanager" in view.outcome


async def test_nothing_is_sent_twice(walked: Walk, alertmanager: Alertmanager) -> None:
    """
    A denial that comes after the request was sent does not send it again without the secret.
    """
    away = b"HTTP/1.1 307 x\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n"
    walked.internet.meet(walked.internet.names, lambda _number, _seen: away)
    wanted = {**URL, "matchers": ['a="b"'], "comment": "x"}
    await walked.give("alertmanager", HOST, ("POST",), "/api/v2")
    try:
        said = await walked.approve(await walked.ask("alert.silence", **wanted))
    finally:
        await walked.app.vault.remove("T1", "alertmanager", "local:test")

    assert "The request was sent" in said
    assert ["POST /api/v2/silences"] == walked.sent


@pytest.mark.parametrize(
    ("tenant", "host"), [("T1", "https://evil.example"), ("T2", URL["url"]), ("T1", "http://10.0.0.1:9093")]
)
async def test_not_this_tenants(walked: Walk, alertmanager: Alertmanager, tenant: str, host: str) -> None:
    """
    A host that the operator does not allow this tenant is refused before anybody is asked to approve it.
    """
    view = await walked.paused(tenant, tool="alert.acknowledge", **{**ACK, "url": host})

    assert view.approval is None
    assert "denied" in view.outcome
    assert not walked.sent_anything()


async def test_on_the_bots_own_machine(tmp_path: Path) -> None:
    """
    What the operator lists as http://localhost is reached without TLS, by the bot's own egress.
    """
    guests.need("js")
    internet = Web(answer=Alertmanager().answer)
    server = await asyncio.start_server(internet.serve, "127.0.0.1", 0)
    url = f"http://localhost:{server.sockets[0].getsockname()[1]}"
    async with server, bot(tmp_path, "alert", internet, http_allow=(url,)) as found:
        view = await found.ask("alert.list", url=url)

    assert '"DiskFull"' in view.outcome
