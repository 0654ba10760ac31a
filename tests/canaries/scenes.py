"""What each tenant does: every scene puts marks in where it goes, and looks at all that it may see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.canaries.world import APPROVERS, TEAMS, World

Scene = Callable[[World, str], Awaitable[None]]
LISTS = ("/workflows?limit=100", "/approvals", "/schedules", "/doubts", "/memories", "/questions")
LONG = 150  #: So often a mark makes a text whose reading is too long to be given whole.


async def approved(world: World, tenant: str) -> None:
    """A card over HTTP, approved with a reason; what it did is answered."""
    new = world.marks[tenant].new
    body = {
        "task": f"write {new('a file name')} {new('a file')}",
        "context": {"note": new("a context")},
        "wait": 30,
    }
    asked = (await world.http(tenant, "POST", "/run", body)).json
    path = f"/approve/{asked['approval']['id']}"
    await world.http(tenant, "POST", path, {"reason": new("a reason"), "wait": 30})


async def denied(world: World, tenant: str) -> None:
    """The same, denied on the command line."""
    new = world.marks[tenant].new
    text = f"write {new('a denied name')} {new('a denied file')}"
    asked = await world.command(tenant, "run", task=text, brain="", wait=30)
    words: dict[str, Any] = {"decision": "deny", "reason": new("why not"), "wait": 30}
    await world.command(tenant, "decide", approval_id=asked["approval"]["id"], **words)


async def waiting(world: World, tenant: str) -> None:
    """A card that nobody decides."""
    new = world.marks[tenant].new
    text = f"write {new('a waiting name')} {new('a waiting file')}"
    await world.http(tenant, "POST", "/run", {"task": text, "wait": 30})


async def failed(world: World, tenant: str) -> None:
    """Calls of a tool that is not there, and of a path that leads out."""
    mark = world.marks[tenant].new("an error")
    await world.http(tenant, "POST", "/run", {"task": f"err {mark}", "wait": 30})


async def strangers(world: World, tenant: str) -> None:
    """Other tenants' workflows, approvals and questions, asked for by their ids."""
    for other in world.marks.keys() - {tenant}:
        for view in await world.app.workflows(other, 5):
            await world.http(tenant, "GET", f"/workflows/{view.id}")
            await world.http(tenant, "POST", f"/workflows/{view.id}/cancel")
        for review in await world.app.approvals(other):
            await world.http(tenant, "POST", f"/approve/{review.id}")
        for question in await world.app.questions.open_ones(other):
            await world.http(tenant, "POST", f"/questions/{question.id}", {"answer": "mine"})


async def remembered(world: World, tenant: str) -> None:
    """A memory, which a later task of the same words is given; all tenants use the same words."""
    mark = world.marks[tenant].new("a memory")
    body = {"text": f"The launch of billing is {mark}", "visibility": "everybody"}
    await world.http(tenant, "POST", "/memories", body)
    await world.http(tenant, "POST", "/run", {"task": "tell when the launch of billing is", "wait": 30})


async def wondered(world: World, tenant: str) -> None:
    """The brain asks twice; one question is answered, the other waits on."""
    new = world.marks[tenant].new
    for answer in ("", new("an answer")):
        body = {"task": f"wonder {new('a question')} {new('a choice')}", "wait": 30}
        asked = (await world.http(tenant, "POST", "/run", body)).json
        if answer:
            path = f"/questions/{asked['question']['id']}"
            await world.http(tenant, "POST", path, {"answer": answer, "wait": 30})


async def long(world: World, tenant: str) -> None:
    """A result that is too long to be given whole: what is kept of it lies in the tenant's folder."""
    new = world.marks[tenant].new
    text = f"{new('a long file')}." * LONG
    body = {"task": f"write {new('a long name')} {text}", "wait": 30}
    asked = (await world.http(tenant, "POST", "/run", body)).json
    await world.http(tenant, "POST", f"/approve/{asked['approval']['id']}", {"wait": 30})


async def talked(world: World, tenant: str) -> None:
    """A conversation that is too long: what goes before its end is summed up."""
    body = {"task": f"talk {world.marks[tenant].new('a long talk')}", "wait": 30}
    await world.http(tenant, "POST", "/run", body)


async def called(world: World, tenant: str) -> None:
    """By an MCP client: a call that runs, and one that waits for people."""
    new = world.marks[tenant].new
    await world.command(tenant, "mcp", verb="tools")
    for tool, more in (("files.read", {}), ("files.write", {"text": new("a client's file")})):
        arguments = {"path": f"{new('a name of a client')}.md", **more}
        words = {"tool": tool, "arguments": arguments, "delivery": new("a client's key")}
        made = await world.command(tenant, "mcp", verb="call", **words)
        await world.command(tenant, "mcp", verb="follow", workflow=made["workflow"], seconds=5.0)


async def kept(world: World, tenant: str) -> None:
    """A secret, a schedule, a second factor; and all that lists them."""
    new = world.marks[tenant].new
    where = {"host": "a.example", "methods": ["GET"], "path": "/", "header": "Authorization", "prefix": None}
    words = {"name": new("a secret's name"), "value": new("a secret"), **where}
    await world.command(tenant, "secrets", verb="set", **words)
    cron = {"cron": "0 7 * * *", "zone": "", "task": f"tell {new('a schedule')}"}
    await world.command(tenant, "schedules", verb="add", **cron)
    await world.command(tenant, "factors", verb="enroll", person=f"slack:T1:U{new('a factor').upper()}")


async def listed(world: World, tenant: str) -> None:
    """Everything that there is to look at, over HTTP and on the command line."""
    for path in LISTS:
        await world.http(tenant, "GET", path)
    for method in ("approvals", "doubts", "grants", "questions"):
        await world.command(tenant, method)
    await world.command(tenant, "status", workflow_id="", limit=100)
    await world.command(tenant, "secrets", verb="list")
    await world.command(tenant, "schedules", verb="list")
    await world.command(tenant, "factors", verb="list", person="")
    world.replies[tenant].append(await world.app.tenants.shown(tenant))


async def threaded(world: World, tenant: str) -> None:
    """Two tasks of one thread, whose name all tenants use: the second is given what the first said."""
    for text in (f"keep {world.marks[tenant].new('a thread')}", "tell what was said"):
        place = {"task": text, "wait": 30}
        await world.http(tenant, "POST", "/run", place)


async def spoken(world: World, tenant: str) -> None:
    """In Slack, where the tenant is there: a mention, a card that is clicked, a command, the Home."""
    team = TEAMS.get(tenant)
    if team is None:
        return
    people, boss = world.playground.people, APPROVERS[tenant]
    asker = {"acme": "U1ADA", "globex": "U2DEE"}[tenant]
    new = world.marks[tenant].new
    room = world.playground.world.team(team).channel("ops")
    text = f"@ironclaw write {new('a said name')} {new('a said file')}"
    said = people.say(asker, "ops", text, team=team)

    def card() -> str:
        found = [one for one in room.replies(said["ts"]) if one["blocks"][0]["type"] == "header"]
        return str(found[-1]["ts"]) if found else ""

    def is_answered() -> bool:
        return any(one["blocks"][0]["type"] == "section" for one in room.replies(said["ts"])[1:])

    ts = await world.playground.wait_for(card, 20)
    await people.click(boss, "ops", ts, "ironclaw_approve", team=team)
    await world.playground.wait_for(is_answered, 20)
    await people.command(asker, "ops", "/ironclaw", "status", team=team)
    await people.command(boss, "ops", "/ironclaw", "approvals", team=team)
    await people.open_home(boss, team=team)
    await world.playground.courier.settle()


SCENES: tuple[Scene, ...] = (
    approved,
    denied,
    waiting,
    failed,
    strangers,
    remembered,
    wondered,
    long,
    talked,
    called,
    kept,
    threaded,
    spoken,
    listed,
)
