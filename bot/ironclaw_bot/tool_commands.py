"""``ironclaw tool list`` and ``tool run``; how tools are made and installed, ``authoring`` says."""

from __future__ import annotations

import argparse

from ironclaw.settings import Settings
from ironclaw_bot.commanding import DONE, Add, OpenDoor
from ironclaw_bot.demo_folder import add_demo_options, add_place
from ironclaw_bot.ending import told
from ironclaw_bot.reaching import is_running, need_toolbox


def add_tools(add: Add, door: OpenDoor) -> None:
    """Add both."""
    commands = Tools(door)
    add_demo_options(add("list", commands.list, "list the tools, their risk and what they may touch"))
    run = add("run", commands.run, "run one tool, through the same policy and approvals")
    run.add_argument("name")
    run.add_argument("arguments", nargs="*", metavar="KEY=VALUE")
    run.add_argument("--wait", type=float, default=600, help=argparse.SUPPRESS)
    add_place(run)


class Tools:
    """The commands."""

    def __init__(self, door: OpenDoor) -> None:
        self._door = door

    async def list(self, settings: Settings, chosen: argparse.Namespace) -> int:
        from ironclaw_bot.authoring.showing import everything, shown  # noqa: PLC0415 - as check_name
        from ironclaw_bot.mcp_standing import tools_of_servers  # noqa: PLC0415

        need_toolbox()
        found = everything(settings)
        theirs, notes = await tools_of_servers(settings, found.tools)
        print(*shown(found, theirs), sep="\n")
        for name, why in notes.items():
            print(f"MCP server {name}: {why}.")
        return DONE

    async def run(self, settings: Settings, chosen: argparse.Namespace) -> int:
        # Through the brain that does as it is told: one way to run a call, and one veto before it.
        task = " ".join([chosen.name, *map(as_typed, chosen.arguments)])
        await check_name(settings, chosen.name)
        async with self._door(settings, begins=True) as door:
            how = {"brain": "commands", "tools": [chosen.name], "wait": chosen.wait}
            return told(await door.ask("run", tenant=chosen.tenant, task=task, **how), chosen)


def as_typed(argument: str) -> str:
    """``KEY=VALUE`` as one types it to the bot; the shell has taken the quotes off the value."""
    key, equals, value = argument.partition("=")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{key}="{escaped}"' if equals else argument


async def check_name(settings: Settings, name: str) -> None:
    """See that an engine of our own would have this tool: before it compiles all others for a minute.

    :raises NotFound: it would not
    """
    if await is_running(settings):
        return  # It knows its tools.
    from ironclaw_bot.authoring import showing  # noqa: PLC0415 - wasmtime's modules cost a second

    need_toolbox()
    await showing.check_name(name, settings)
