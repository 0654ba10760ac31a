"""``/ironclaw schedule`` in the playground: in front of real schedules, and of the whole bot."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.clock import Clock
from tests.fakes.slack_door import Slack
from tests.integration.engine import Moves, moves, wants
from tests.integration.office import Office, an_office

from ironclaw.app.schedules import Schedules
from ironclaw.store import Store
from ironclaw_bot.playground import Playground
from ironclaw_bot.slack.scheduled import missed_words
from ironclaw_bot.slack.schedules import Asked, asked

WEEKDAYS = '"0 7 * * 1-5"'
ID = re.compile(r"schedule remove ([0-9a-f]{32})")
WRITE = Moves(moves(wants("files.write", path="report.md", text="x")))


@pytest.fixture
async def schedules(slack: Slack, tmp_path: Path) -> Any:
    """Real ones behind the door, and a person of Berlin."""
    store = await Store.open(tmp_path / "ironclaw.db")
    await store.map_tenants({}, frozenset({"acme"}), 1.0)
    tenancy = slack.engine.slack_groups.tenancy
    clock = Clock()
    slack.engine.schedules = Schedules(store, tenancy, lambda task: None, lambda *_: None, clock)
    slack.playground.world.team("T0001").users["U1ADA"]["tz"] = "Europe/Berlin"
    yield slack.engine.schedules
    await store.close()


async def told(slack: Slack, text: str, user: str = "ada") -> str:
    """What the person alone is shown, as one text."""
    await slack.people.command(user, "general", "/ironclaw", text)
    return str(slack.channel("general").ephemerals[-1]["blocks"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{WEEKDAYS} run it", Asked("0 7 * * 1-5", "", "run it")),
        (f"{WEEKDAYS} Europe/Berlin run it", Asked("0 7 * * 1-5", "Europe/Berlin", "run it")),
        ("\u201c0 7 * * 1-5\u201d UTC a\nb", Asked("0 7 * * 1-5", "UTC", "a\nb")),
        ('"* * * * *"x', Asked("* * * * *", "", "x")),
        ('"0 7 * * *" say "hello"', Asked("0 7 * * *", "", 'say "hello"')),
        ('"0 7 * * *" files.read path=A/B', Asked("0 7 * * *", "", "files.read path=A/B")),
    ],
)
def test_asked(text: str, expected: Asked) -> None:
    """
    The times stand in quotes, typed or Slack's; a zone may follow; the rest is the task as it was typed.
    """
    assert expected == asked(text)


def test_missed() -> None:
    """
    How many were missed is said in words; what was counted no further is at least so many.
    """
    assert ["", "1 earlier run was missed.", "At least 99 earlier runs were missed."] == [
        missed_words(count) for count in (0, 1, 99)
    ]


async def test_made(slack: Slack, schedules: Schedules) -> None:
    """
    Who types it has a schedule in the zone that Slack says they live in, for the channel where they are.
    """
    reply = await told(slack, f"schedule {WEEKDAYS} files.list & more")
    [made] = await schedules.list("acme")

    assert "Next: Monday 18 January 2027, 07:00 (Europe/Berlin)." in reply
    assert ("slack:T0001:U1ADA", "files.list & more", "slack") == (made.requester, made.text, made.door)
    assert {"team": "T0001", "channel": "C1GENERAL", "channel_type": "channel", "user": "U1ADA"} == (
        made.reply_to.place
    )


async def test_zones(slack: Slack, schedules: Schedules) -> None:
    """
    A zone that is named goes before the person's own; what Slack says that is no zone is the tenant's.
    """
    await told(slack, f"schedule {WEEKDAYS} Asia/Tokyo x")
    slack.playground.world.team("T0001").users["U1BO"]["tz"] = "<!here>"
    await told(slack, f"schedule {WEEKDAYS} x", "bo")

    assert {"Asia/Tokyo", "UTC"} == {each.timing.zone for each in await schedules.list("acme")}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("schedule", "Write the times in quotes"),
        ("schedule 0 7 * * 1-5 x", "Write the times in quotes"),
        (f"schedule {WEEKDAYS}", "write the task after the times"),
        (f"schedule {WEEKDAYS} Europe/Berlin", "write the task after the times"),
        (f"schedule {WEEKDAYS} Europe/Nowhere x", "no time zone 'Europe/Nowhere'"),
        ('schedule "0 99 * * *" x', "The field hour of '0 99 * * *' is wrong"),
        ('schedule "<!here>" x', "'&lt;!here&gt;' is no schedule"),
        ("schedule remove nothing", "There is no such schedule."),
        ("schedules", "There are no schedules."),
    ],
)
async def test_wrong(slack: Slack, schedules: Schedules, text: str, part: str) -> None:
    """
    What cannot be understood is said so, with what to write, and nothing is kept.
    """
    reply = await told(slack, text)

    assert part in reply.replace('\\"', '"').replace("\\'", "'")
    assert () == await schedules.list("acme")


async def test_changed(slack: Slack, schedules: Schedules) -> None:
    """
    Its maker pauses and resumes it, an approver removes it, and nobody else; the list says how it stands.
    """
    found = ID.search(await told(slack, f"schedule {WEEKDAYS} tidy"))
    assert found is not None
    others = await told(slack, f"schedule pause {found[1]}", "cy")
    paused, listed = await told(slack, f"schedule pause `{found[1]}`"), await told(slack, "schedules")
    resumed = await told(slack, f"schedule resume {found[1]}")
    removed = await told(slack, f"schedule remove {found[1]}", "bo")

    assert "Only who made it, or an approver, can change it." in others
    assert ("Paused: tidy." in paused, "paused" in listed, found[1] in listed) == (True, True, True)
    assert "Active: tidy. Next: Monday 18 January 2027" in resumed
    assert ("Removed: tidy." in removed, ()) == (True, await schedules.list("acme"))


def under(office: Office, opening: dict[str, Any], part: str) -> list[str]:
    """When what has this in it was said under a message."""
    room = office.playground.world.team("T0001").channel("ops")
    there = (one for one in room.messages if one.get("thread_ts") == opening["ts"])
    return [one["ts"] for one in there if part in str(one["blocks"]) and one["ts"] != opening["ts"]]


def openings(office: Office) -> list[dict[str, Any]]:
    room = office.playground.world.team("T0001").channel("ops")
    return [one for one in room.messages if one["text"].startswith("Scheduled: ")]


@pytest.mark.sandbox
async def test_runs(tmp_path: Path, built_toolboxes: Path, playground: Playground) -> None:
    """
    Each run is a message of its own with everything about it under it; a click on its card there counts.
    """
    clock = Clock()
    async with an_office(tmp_path, built_toolboxes, playground, WRITE, clock=clock) as office:
        await office.people.command("ada", "ops", "/ironclaw", 'schedule "*/10 * * * *" the report')
        for seconds in (600, 1200):
            clock.at += seconds
            await office.app.schedules.sweep()
        await playground.wait_for(lambda: 2 == len(openings(office)), 20)
        first, second = openings(office)
        await playground.wait_for(lambda: under(office, first, "Approval needed"), 20)
        await playground.wait_for(lambda: under(office, second, "Approval needed"), 20)
        [card] = under(office, second, "Approval needed")
        await office.people.click("bo", "ops", card, "ironclaw_approve")
        await playground.wait_for(lambda: under(office, second, "It ran."), 20)
        await playground.wait_for(lambda: under(office, second, "report.md"), 20)

    assert ("Scheduled: the report", []) == (first["text"], under(office, first, "It ran."))
    assert "1 earlier run was missed." in str(second["blocks"])
    assert ["x"] == office.written(tmp_path)


@pytest.mark.sandbox
async def test_said_under_a_run(tmp_path: Path, built_toolboxes: Path, playground: Playground) -> None:
    """
    Who says something under a run speaks in its conversation: it waits until the run has ended.
    """
    clock = Clock()
    async with an_office(tmp_path, built_toolboxes, playground, WRITE, clock=clock) as office:
        await office.people.command("ada", "ops", "/ironclaw", 'schedule "*/10 * * * *" the report')
        clock.at += 600
        await office.app.schedules.sweep()
        await playground.wait_for(lambda: openings(office), 20)
        [opening] = openings(office)
        await playground.wait_for(lambda: under(office, opening, "Approval needed"), 20)
        office.people.say("ada", "ops", "@ironclaw and then?", thread_ts=opening["ts"])
        await playground.wait_for(lambda: under(office, opening, "“the report” came before."), 20)

        assert 1 == len(await office.app.approvals("acme"))
