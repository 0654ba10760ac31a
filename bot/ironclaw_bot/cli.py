"""The command line.  Exit codes: 0 done, 1 failed, 2 wrong settings or words, 3 waiting for approval."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

from ironclaw.errors import IronclawError, SettingsError
from ironclaw.settings import Settings, load
from ironclaw.showing import in_terminal
from ironclaw_bot import logs
from ironclaw_bot.auditing import add_verify_options, rotate, verify_log
from ironclaw_bot.authoring.commands import add_authoring
from ironclaw_bot.authoring.supplying import add_supplying
from ironclaw_bot.backup_commands import add_backups
from ironclaw_bot.commanding import DONE, FAILED, WRONG, Add, Command
from ironclaw_bot.crashing import prepare_for_the_worst
from ironclaw_bot.demo_folder import DEMO, add_demo_options, in_demo
from ironclaw_bot.doubt_commands import add_doubts
from ironclaw_bot.ending import told
from ironclaw_bot.mcp_server.commands import add_mcp
from ironclaw_bot.mcp_server_commands import add_mcp_servers
from ironclaw_bot.memory_commands import add_memories
from ironclaw_bot.policy_commands import add_policies
from ironclaw_bot.question_commands import add_questions
from ironclaw_bot.reaching import need_toolbox, reach, say
from ironclaw_bot.review_commands import add_edit, add_grants
from ironclaw_bot.schedule_commands import add_schedules
from ironclaw_bot.secret_commands import add_secrets
from ironclaw_bot.task_commands import add_tasks
from ironclaw_bot.tenant_commands import add_tenants
from ironclaw_bot.tool_commands import add_tools
from ironclaw_bot.user_commands import add_users
from ironclaw_bot.workflow_commands import add_workflows

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


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
    _add_work(partial(_add, commands))
    _add_tools(_group(commands, "tool", "the tools"))
    add_secrets(_group(commands, "secrets", "what tools use without seeing it"))
    add_policies(_group(commands, "policy", "what decides who must be asked"), need_toolbox)
    add_users(_group(commands, "user", "second factors of who approves"), reach)
    add_grants(_group(commands, "grants", "what runs without asking, because somebody said so"), reach)
    add_schedules(_group(commands, "schedule", "tasks that begin by themselves"), reach)
    add_mcp(partial(_add, commands), reach)
    add_mcp_servers(_group(commands, "mcp-server", "servers whose tools are offered"), reach)
    add_tenants(_group(commands, "tenant", "who is served here"), reach)
    add_memories(_group(commands, "memory", "what is remembered, and forgetting it"), reach)
    _add_audit(_group(commands, "audit", "the audit log"))
    add_backups(partial(_add, commands))
    doctor = _add(commands, "doctor", _doctor, "say what works here and what does not")
    doctor.add_argument("--models", action="store_true", help="also ask each model to call a trivial tool")
    add_demo_options(doctor)
    _add(commands, "version", _version, "print the version")
    return parser


def _add_work(add: Add) -> None:
    add_tasks(add, reach)
    add_edit(add, reach)
    add_doubts(add, reach, told)
    add_questions(add, reach, told)
    add_workflows(add, reach, told)


def _add_tools(add: Add) -> None:
    add_tools(add, reach)
    add_authoring(add)
    add_supplying(add)


def _add_audit(add: Add) -> None:
    verify = add("verify", _audit_verify, "check every tenant's chain")
    add_verify_options(verify)
    for parser in (verify, add("rotate-key", _audit_rotate, "have a new key sign the checkpoints")):
        add_demo_options(parser)


def _group(commands: Commands, name: str, about: str) -> Add:
    """What adds verbs to a command that does nothing without one."""
    return partial(
        _add, commands.add_parser(name, help=about).add_subparsers(required=True, metavar="COMMAND")
    )


def _add(commands: Commands, name: str, command: Command, about: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=about, description=about)
    parser.set_defaults(command=command)
    return parser


async def _serve(settings: Settings, chosen: argparse.Namespace) -> int:
    from ironclaw_bot.serve import serve  # noqa: PLC0415 - Slack's and wasmtime's modules cost a second of every command

    need_toolbox()
    await serve(settings, partial(load, os.environ), say)
    return DONE


async def _demo(settings: Settings, chosen: argparse.Namespace) -> int:
    from ironclaw_bot.demo import run_demo  # noqa: PLC0415 - as _serve

    need_toolbox()
    await run_demo(settings, chosen.port, chosen.folder, say, partial(load, os.environ))
    return DONE


async def _audit_verify(settings: Settings, chosen: argparse.Namespace) -> int:
    return DONE if verify_log(settings, chosen) else FAILED


async def _audit_rotate(settings: Settings, chosen: argparse.Namespace) -> int:
    rotate(settings)
    return DONE


async def _doctor(settings: Settings, chosen: argparse.Namespace) -> int:
    from ironclaw_bot.doctor import examine, verdict  # noqa: PLC0415 - as _serve
    from ironclaw_bot.model_standing import ask_models  # noqa: PLC0415 - as _serve

    findings = [*await examine(settings), *(await ask_models(settings) if chosen.models else ())]
    print(*findings, verdict(findings), sep="\n")
    return FAILED if any(finding.is_fatal for finding in findings) else DONE


async def _version(settings: Settings, chosen: argparse.Namespace) -> int:
    print(f"ironclaw {version('ironclaw')}")
    return DONE


def _port(word: str) -> int:
    """
    :raises ArgumentTypeError: for what is no port
    """
    if not word.isdecimal() or int(word) > 65535:
        raise argparse.ArgumentTypeError(f"{word!r} is no port: 0 to 65535, 0 for any free one")
    return int(word)
