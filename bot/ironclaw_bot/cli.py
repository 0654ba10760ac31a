"""The command line.  Exit codes: 0 done, 1 failed, 2 wrong settings or words, 3 waiting for approval."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from functools import partial
from getpass import getpass
from importlib.metadata import version
from pathlib import Path

from ironclaw.errors import IronclawError, SettingsError, StepUpNeeded
from ironclaw.settings import Settings, TenantSettings, load
from ironclaw.showing import in_terminal
from ironclaw.task import Json
from ironclaw.terms import GrantScope
from ironclaw_bot import logs
from ironclaw_bot.auditing import add_verify_options, rotate, verify_log
from ironclaw_bot.authoring.commands import add_authoring
from ironclaw_bot.authoring.supplying import add_supplying
from ironclaw_bot.backup_commands import add_backups
from ironclaw_bot.build import build, built_folder
from ironclaw_bot.crashing import prepare_for_the_worst
from ironclaw_bot.demo_folder import DEMO, add_demo_options, add_place, in_demo
from ironclaw_bot.doubt_commands import add_doubts
from ironclaw_bot.doubt_commands import next_step as doubt_step
from ironclaw_bot.local import LOCAL_TENANT, SOCKET, Here, Remote
from ironclaw_bot.mcp_server.commands import add_mcp
from ironclaw_bot.mcp_server_commands import add_mcp_servers
from ironclaw_bot.memory_commands import add_memories
from ironclaw_bot.policy_commands import add_policies
from ironclaw_bot.progress import Progress
from ironclaw_bot.question_commands import add_questions
from ironclaw_bot.question_commands import next_step as question_step
from ironclaw_bot.review_commands import add_edit, add_grants
from ironclaw_bot.schedule_commands import add_schedules
from ironclaw_bot.secret_commands import add_secrets
from ironclaw_bot.tenant_commands import add_tenants
from ironclaw_bot.user_commands import add_users
from ironclaw_bot.waiting import asked, listed, next_step
from ironclaw_bot.workflow_commands import add_workflows

TOOL = re.compile(r"[a-z][a-z0-9_]*\.[a-z0-9_]+")  #: A task that begins so is a command.
DONE, FAILED, WRONG, WAITING = 0, 1, 2, 3
STATES = {"done": DONE, "failed": FAILED, "cancelled": FAILED, "paused": WAITING}

Command = Callable[[Settings, argparse.Namespace], Coroutine[None, None, int]]


def main(words: Sequence[str] | None = None) -> int:
    """The console script ``ironclaw``."""
    chosen = _parser().parse_args(words)
    prepare_for_the_worst()
    try:
        settings = load(os.environ)
        if folder := getattr(chosen, "demo", None):
            settings = in_demo(settings, folder)
        command: Command = chosen.command
        logs.configure(settings if command in (_serve, _demo) else logs.of_one_command(settings))
        code = asyncio.run(command(settings, chosen))
        sys.stdout.flush()
        return code
    except SettingsError as error:
        print(f"ironclaw: {in_terminal(str(error))}", file=sys.stderr)
        return WRONG
    except IronclawError as error:
        print(f"ironclaw: {in_terminal(str(error))}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        # Who reads has seen enough.  Nor may the interpreter say so, when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        # Whatever folder, file or socket it was that nobody below expected to fail: no traceback for it.
        print(f"ironclaw: {error.filename or 'The system'}: {error.strerror or error}.", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ironclaw", description="An agent runtime that distrusts its model."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add(commands, "serve", _serve, "run the bot")
    demo = _add(commands, "demo", _demo, "run the bot with a local Slack workspace to try it in")
    demo.add_argument("--port", type=_port, default=8765, help="port of the workspace's page (default 8765)")
    demo.add_argument("--folder", type=Path, default=DEMO, help="where it keeps things")
    _add_work(commands)
    _add_tools(commands)
    _add_secrets(commands)
    policies = commands.add_parser("policy", help="what decides who must be asked")
    add_policies(partial(_add, policies.add_subparsers(required=True, metavar="COMMAND")), _need_toolbox)
    users = commands.add_parser("user", help="second factors of who approves")
    add_users(partial(_add, users.add_subparsers(required=True, metavar="COMMAND")), _door)
    verbs = commands.add_parser("grants", help="what runs without asking, because somebody said so")
    add_grants(partial(_add, verbs.add_subparsers(required=True, metavar="COMMAND")), _door)
    verbs = commands.add_parser("schedule", help="tasks that begin by themselves")
    add_schedules(partial(_add, verbs.add_subparsers(required=True, metavar="COMMAND")), _door)
    add_mcp(partial(_add, commands), _door)
    verbs = commands.add_parser("mcp-server", help="servers whose tools are offered")
    add_mcp_servers(partial(_add, verbs.add_subparsers(required=True, metavar="COMMAND")), _door)
    verbs = commands.add_parser("tenant", help="who is served here")
    add_tenants(partial(_add, verbs.add_subparsers(required=True, metavar="COMMAND")), _door)
    verbs = commands.add_parser("memory", help="what is remembered, and forgetting it")
    add_memories(partial(_add, verbs.add_subparsers(required=True, metavar="COMMAND")), _door)
    _add_audit(commands)
    add_backups(partial(_add, commands))
    doctor = _add(commands, "doctor", _doctor, "say what works here and what does not")
    doctor.add_argument("--models", action="store_true", help="also ask each model to call a trivial tool")
    add_demo_options(doctor)
    _add(commands, "version", _version, "print the version")
    return parser


def _add_work(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = _add(commands, "run", _run, "give the bot a task and wait for it")
    run.add_argument("task", nargs="+")
    run.add_argument("--wait", type=float, default=600, help="seconds to wait (default 600)")
    listing = _add(commands, "approvals", _approvals, "list what waits for approval")
    approve = _add(commands, "approve", _approve, "approve a waiting call")
    deny = _add(commands, "deny", _deny, "deny a waiting call")
    for decision in (approve, deny):
        decision.add_argument("id")
        decision.add_argument("--reason", default="")
        decision.add_argument("--wait", type=float, default=600, help=argparse.SUPPRESS)
    scopes = [scope.value for scope in GrantScope]
    approve.add_argument("--grant", choices=scopes, default="", help="also for calls like it")
    approve.add_argument("--code", default="", help="of your authenticator app, where a rule asks for one")
    add_edit(partial(_add, commands), _door)
    add_doubts(partial(_add, commands), _door, _told)
    add_questions(partial(_add, commands), _door, _told)
    add_workflows(partial(_add, commands), _door, _told)
    for parser in (run, listing, approve, deny):
        add_place(parser)


def _add_tools(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    tools = commands.add_parser("tool", help="the tools").add_subparsers(required=True, metavar="COMMAND")
    listing = _add(tools, "list", _tool_list, "list the tools, their risk and what they may touch")
    add_demo_options(listing)
    add_authoring(partial(_add, tools))
    add_supplying(partial(_add, tools))
    add_demo_options(tools.choices["show"])
    run = _add(tools, "run", _tool_run, "run one tool, through the same policy and approvals")
    run.add_argument("name")
    run.add_argument("arguments", nargs="*", metavar="KEY=VALUE")
    add_place(run)
    run.add_argument("--wait", type=float, default=600, help=argparse.SUPPRESS)


def _add_audit(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verbs = commands.add_parser("audit", help="the audit log").add_subparsers(
        required=True, metavar="COMMAND"
    )
    verify = _add(verbs, "verify", _audit_verify, "check every tenant's chain")
    add_verify_options(verify)
    for parser in (verify, _add(verbs, "rotate-key", _audit_rotate, "have a new key sign the checkpoints")):
        add_demo_options(parser)


def _add_secrets(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verbs = commands.add_parser("secrets", help="what tools use without seeing it")
    add_secrets(partial(_add, verbs.add_subparsers(required=True, metavar="COMMAND")))


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, command: Command, about: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=about, description=about)
    parser.set_defaults(command=command)
    return parser


async def _serve(settings: Settings, chosen: argparse.Namespace) -> int:
    from ironclaw_bot.serve import serve  # noqa: PLC0415 - Slack's and wasmtime's modules cost a second of every command

    _need_toolbox()
    await serve(settings, partial(load, os.environ), _say)
    return DONE


async def _demo(settings: Settings, chosen: argparse.Namespace) -> int:
    from ironclaw_bot.demo import run_demo  # noqa: PLC0415 - as _serve

    _need_toolbox()
    await run_demo(settings, chosen.port, chosen.folder, _say, partial(load, os.environ))
    return DONE


async def _run(settings: Settings, chosen: argparse.Namespace) -> int:
    task = " ".join(chosen.task)
    if settings.brain_name == "commands" and TOOL.fullmatch(task.split()[0] if task.split() else ""):
        await _check_name(settings, task.split()[0])
    async with _door(settings) as door:
        return _told(
            await door.ask("run", tenant=chosen.tenant, task=task, brain="", wait=chosen.wait), chosen
        )


async def _approvals(settings: Settings, chosen: argparse.Namespace) -> int:
    async with _door(settings) as door:
        waiting = await door.ask("approvals", tenant=chosen.tenant)
    for each in waiting:
        print(*listed(each), sep="\n")
    if not waiting:
        print("Nothing waits for approval.")
    return DONE


async def _approve(settings: Settings, chosen: argparse.Namespace) -> int:
    return await _decide(settings, chosen, "approve")


async def _deny(settings: Settings, chosen: argparse.Namespace) -> int:
    return await _decide(settings, chosen, "deny")


async def _decide(settings: Settings, chosen: argparse.Namespace, decision: str) -> int:
    words = {"approval_id": chosen.id, "decision": decision, "reason": chosen.reason, "wait": chosen.wait}
    words |= {"grant": getattr(chosen, "grant", ""), "code": getattr(chosen, "code", "")}
    async with _door(settings) as door:
        code = _told(await _with_code(door, {**words, "tenant": chosen.tenant}), chosen)
    # A task that failed because it was denied is what who denies it wants.
    return DONE if decision == "deny" and code == FAILED else code


async def _with_code(door: Remote | Here, words: dict[str, Json]) -> Json:
    """Decide; where a second factor is needed, ask for the code on a terminal.

    :raises StepUpNeeded: one is needed, and nobody sits there
    """
    try:
        return await door.ask("decide", **words)
    except StepUpNeeded as needed:
        if words["code"] or not sys.stdin.isatty():
            raise StepUpNeeded(f"{needed} Run it again with --code 123456.") from None
    code = await asyncio.to_thread(getpass, "Code of your authenticator app: ")
    return await door.ask("decide", **{**words, "code": code})


async def _tool_list(settings: Settings, chosen: argparse.Namespace) -> int:
    from ironclaw_bot.authoring.showing import everything  # noqa: PLC0415 - as _serve

    _need_toolbox()
    found = everything(settings)
    for tool in found.tools:
        hosts = ", ".join(sorted({rule.host for rule in tool.capabilities.http})) or "no network"
        print(f"{tool.name:<14} {tool.risk.value:<5} scratch {tool.capabilities.scratch.value:<6} {hosts}")
        print(f"{'':14} {tool.description}")
    for box in found.toolboxes:
        signer = f"signed by {box.signer}" if box.signer else "trusted by its folder"
        print(f"toolbox {box.name} {box.version}  sha256 {box.component_sha256}  {signer}")
    for each in found.left_out:
        print(f"left out: {each}")
    return DONE


async def _tool_run(settings: Settings, chosen: argparse.Namespace) -> int:
    # Through the brain that does as it is told: one way to run a call, and one veto before it.
    task = " ".join([chosen.name, *map(_as_typed, chosen.arguments)])
    await _check_name(settings, chosen.name)
    async with _door(settings) as door:
        how = {"brain": "commands", "tools": [chosen.name], "wait": chosen.wait}
        return _told(await door.ask("run", tenant=chosen.tenant, task=task, **how), chosen)


def _as_typed(argument: str) -> str:
    """``KEY=VALUE`` as one types it to the bot; the shell has taken the quotes off the value."""
    key, equals, value = argument.partition("=")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{key}="{escaped}"' if equals else argument


async def _audit_verify(settings: Settings, chosen: argparse.Namespace) -> int:
    return DONE if verify_log(settings, chosen) else FAILED


async def _audit_rotate(settings: Settings, chosen: argparse.Namespace) -> int:
    rotate(settings)
    return DONE


async def _doctor(settings: Settings, chosen: argparse.Namespace) -> int:
    from ironclaw_bot.doctor import ask_models, examine, verdict  # noqa: PLC0415 - as _serve

    findings = [*await examine(settings), *(await ask_models(settings) if chosen.models else ())]
    print(*findings, verdict(findings), sep="\n")
    return FAILED if any(finding.is_fatal for finding in findings) else DONE


async def _version(settings: Settings, chosen: argparse.Namespace) -> int:
    print(f"ironclaw {version('ironclaw')}")
    return DONE


@contextlib.asynccontextmanager
async def _door(settings: Settings) -> AsyncIterator[Remote | Here]:
    """The running bot's local door, or an engine of our own where no bot runs."""
    remote = Remote(settings.data_dir / SOCKET)
    if await remote.is_there():
        yield remote
        return
    from ironclaw.app import open_app  # noqa: PLC0415 - as _serve

    _need_toolbox()
    if not settings.tenants:
        local = TenantSettings(approvers=settings.local_approvers)
        settings = settings.model_copy(update={"tenants": {LOCAL_TENANT: local}})
    toolboxes = [built_folder() / "standard"]
    async with open_app(settings, toolboxes=toolboxes, progress=_say, spares=False) as app:
        yield Here(app)


async def _check_name(settings: Settings, name: str) -> None:
    """See that an engine of our own would have this tool: before it compiles all others for a minute.

    :raises NotFound: it would not
    """
    if await Remote(settings.data_dir / SOCKET).is_there():
        return  # It knows its tools.
    from ironclaw_bot.authoring.showing import check_name  # noqa: PLC0415 - as _serve

    _need_toolbox()
    check_name(name, settings)


def _need_toolbox() -> None:
    """Build the standard toolbox where there is none: a wheel brings it, a fresh clone does not."""
    build(("standard",), Progress(sys.stderr))


def _told(result: Json, chosen: argparse.Namespace) -> int:
    """Print how a workflow stands, and what to do next."""
    approval = result["approval"]
    if result["state"] == "paused" and approval:
        print(f"Waiting for approval of {asked(approval)}")
        print(in_terminal(next_step(result, chosen)))
    elif result["state"] == "paused" and result.get("doubt"):
        print(in_terminal(doubt_step(result["doubt"], chosen)))
    elif result["state"] == "paused" and result.get("question"):
        print(*map(in_terminal, question_step(result["question"], chosen)), sep="\n")
    else:
        still = f"Still {result['state']}: workflow {result['workflow_id']}"
        print(in_terminal(result["outcome"] or still))
    return STATES.get(result["state"], DONE)


def _port(word: str) -> int:
    """
    :raises ArgumentTypeError: for what is no port
    """
    if not word.isdecimal() or int(word) > 65535:
        raise argparse.ArgumentTypeError(f"{word!r} is no port: 0 to 65535, 0 for any free one")
    return int(word)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
