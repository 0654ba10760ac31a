"""``ironclaw tool new | build | test | show | conform``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ironclaw.settings import Settings
from ironclaw.task import Usage
from ironclaw_bot.authoring import templates
from ironclaw_bot.build import build_folder
from ironclaw_bot.commanding import DONE, FAILED, Add
from ironclaw_bot.demo_folder import add_demo_options
from ironclaw_bot.progress import Progress

MIB = 1 << 20


def add_authoring(add: Add) -> None:
    """Add an author's commands."""
    new = add("new", _new, "make the folder of a new toolbox, with a test")
    new.add_argument("name")
    new.add_argument("--lang", choices=templates.LANGUAGES, default="python", help="default: python")
    build = add("build", _build, "build the toolbox in a folder")
    test = add("test", _test, "build a toolbox and run its cases in the real sandbox")
    for parser in (build, test):
        parser.add_argument(
            "folder", nargs="?", type=Path, default=Path(), metavar="DIR", help="default: this folder"
        )
    test.add_argument(
        "--verbose", action="store_true", help="what each tool logs and prints, also where it passes"
    )
    conform = add("conform", _conform, "run the conformance suite against toolboxes that implement it")
    conform.add_argument(
        "folder", nargs="*", type=Path, metavar="DIR", help="default: ours, in each language"
    )
    show = add("show", _show, "show what a toolbox is and what its tools may touch")
    show.add_argument("which", metavar="NAME|DIR")
    add_demo_options(show)


async def _new(settings: Settings, chosen: argparse.Namespace) -> int:
    for file in templates.new(chosen.name, chosen.lang, Path.cwd()):
        print(file.relative_to(Path.cwd()))
    print(f"Next: cd {chosen.name}, then ironclaw tool test")
    return DONE


async def _build(settings: Settings, chosen: argparse.Namespace) -> int:
    print(build_folder(chosen.folder, Progress(sys.stderr)))
    return DONE


async def _test(settings: Settings, chosen: argparse.Namespace) -> int:
    from ironclaw_bot.authoring.cases import read_cases  # noqa: PLC0415 - wasmtime costs every command a second
    from ironclaw_bot.authoring.trying import open_trials  # noqa: PLC0415

    cases = read_cases(chosen.folder)
    built = build_folder(chosen.folder, Progress(sys.stderr))
    failed = 0
    async with open_trials(settings, _say) as trials:
        async for trial in trials.run(built, cases):
            mark = "FAIL" if trial.faults else "pass"
            print(f"{mark}  {trial.case.tool:<20} {trial.case.name:<32} {used(trial.result.usage)}")
            _tell(trial.faults)
            if trial.faults or chosen.verbose:
                _tell(trial.said, "      | ")
            failed += bool(trial.faults)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return FAILED if failed else DONE


def _tell(lines: Sequence[str], margin: str = "      ") -> None:
    for line in lines:
        print(f"{margin}{printable(line)}")


async def _show(settings: Settings, chosen: argparse.Namespace) -> int:
    from ironclaw_bot.authoring.showing import find, lines  # noqa: PLC0415 - as _test

    for line in lines(await find(chosen.which, settings)):
        print(printable(line))
    return DONE


async def _conform(settings: Settings, chosen: argparse.Namespace) -> int:
    from ironclaw_bot.conformance import conform  # noqa: PLC0415 - as _test

    return DONE if await conform(settings, chosen.folder, _say) else FAILED


def used(usage: Usage) -> str:
    """What a call used, in one line."""
    return "  ".join(_used(usage))


def _used(usage: Usage) -> Iterator[str]:
    yield f"{usage.seconds * 1000:7.1f} ms"
    yield "fuel         ?" if usage.fuel is None else f"fuel {usage.fuel:>11,}"
    yield f"memory {usage.memory_bytes / MIB:5.1f} MiB"
    yield f"in {usage.bytes_in} B, out {usage.bytes_out} B"


def printable(text: str) -> str:
    """The text with nothing in it that steers a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
