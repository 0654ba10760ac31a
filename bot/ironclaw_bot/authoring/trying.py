"""Runs cases in the real sandbox, each tool with the capabilities that it declares."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from jsonschema import Draft202012Validator

from ironclaw.canonical import canonical, subkey
from ironclaw.egress import effective_rules
from ironclaw.errors import BadRequest, ToolboxError
from ironclaw.keys import load_key
from ironclaw.registry import Registry, Tool
from ironclaw.sandbox import Call, Component, Profile, Sandbox
from ironclaw.settings import Settings
from ironclaw.task import FailureKind, Json, ToolFailure, ToolResult
from ironclaw_bot.authoring.cases import Case, Schema, Sent
from ironclaw_bot.authoring.foretelling import Foretold
from ironclaw_bot.authoring.stage import Stage

TENANT = "trial"
MAX_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Trial:
    """One case as it went."""

    case: Case
    result: ToolResult
    faults: tuple[str, ...]  #: What is not as the case says; () for a case that passes.
    said: tuple[str, ...] = ()  #: What the tool logged, what it printed, and where it broke.


@asynccontextmanager
async def open_trials(settings: Settings, progress: Callable[[str], None]) -> AsyncIterator[Trials]:
    """A sandbox with an empty workspace, removed at the end.  Compiled code goes to the bot's cache."""
    with tempfile.TemporaryDirectory(prefix="ironclaw-") as folder:
        scratch = Path(folder) / "scratch"
        sandbox = await Sandbox.open(
            cache_dir=settings.cache_dir or settings.data_dir / "cache",
            cache_key=subkey(load_key(settings.key_file), "code cache"),
            workers=1,
            scratch_root=scratch,
        )
        try:
            yield Trials(sandbox, scratch / TENANT, progress)
        finally:
            await sandbox.close()


class Trials:
    """Runs cases one after the other."""

    def __init__(self, sandbox: Sandbox, folder: Path, progress: Callable[[str], None]) -> None:
        self._sandbox, self._folder, self._progress = sandbox, folder, progress

    async def run(self, built: Path, cases: Sequence[Case]) -> AsyncIterator[Trial]:
        """Each case as it ends.

        :param built: the folder of a built toolbox
        :raises ToolboxError: the toolbox cannot be loaded, or a case names a tool that it has not
        """
        registry = Registry.load([built])
        tools = [_tool(registry, case) for case in cases]
        if tools:
            await self._sandbox.prepare(_component(tools[0]), self._progress)
        for case, tool in zip(cases, tools, strict=True):
            yield await self._try(registry, case, tool)

    async def _try(self, registry: Registry, case: Case, tool: Tool) -> Trial:
        stage = _stage(case, tool)
        self._fill(case.files)
        wrong = registry.validate(tool, case.input) if case.raw is None else []
        if wrong:
            result = ToolResult(failure=ToolFailure(FailureKind.INVALID_INPUT, f"schema: {'; '.join(wrong)}"))
            return Trial(case, result, tuple(_faults(case, result, stage, self._folder)))
        call = self._call(registry, case, tool)
        has_preview = tool.preview and case.raw is None
        foretold = await Foretold.ask(self._sandbox, call, stage) if has_preview else None
        result = await self._sandbox.call(call, stage)
        beside = foretold.faults(stage) if foretold and not result.failure else ()
        return Trial(case, result, (*_faults(case, result, stage, self._folder), *beside), stage.said())

    def _call(self, registry: Registry, case: Case, tool: Tool) -> Call:
        given = case.raw
        if given is None:
            given = json.dumps(registry.with_defaults(tool, case.input), ensure_ascii=False)
        return Call(_component(tool), tool.name, given, TENANT, self._folder, tool.capabilities)

    def _fill(self, files: dict[str, str]) -> None:
        """Exactly these files; the folder itself stays, a worker holds on to it."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for each in self._folder.iterdir():
            shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
        for name, text in files.items():
            path = self._folder / name
            if not path.resolve().is_relative_to(self._folder.resolve()):
                raise ToolboxError(f"the case's file {name} lies outside the workspace")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")


def _tool(registry: Registry, case: Case) -> Tool:
    found = registry.get(case.tool)
    if found is None:
        known = ", ".join(tool.name for tool in registry.tools)
        raise ToolboxError(f"the case {case.name!r} names {case.tool!r}; the toolbox has {known}")
    return found


def _stage(case: Case, tool: Tool) -> Stage:
    """The hosts of ``@allowlist`` are those that the case allows, its secrets those that it gives."""
    declared = frozenset(tool.capabilities.secrets)
    given = declared if case.secrets is None else declared.intersection(case.secrets)
    return Stage(effective_rules(tool.capabilities.http, tuple(case.http_allow)), given, case.http)


def _component(tool: Tool) -> Component:
    box = tool.toolbox
    return Component(box.component, box.component_sha256, Profile(box.profile))


def _faults(case: Case, result: ToolResult, stage: Stage, folder: Path) -> Iterator[str]:
    """What is not as the case says."""
    yield from _end_faults(case, result)
    if case.sent is not None:
        yield from _sent_faults(case.sent, stage)
    said = [list(line) for line in stage.lines]
    if case.logs is not None and case.logs != said:
        yield f"expected the log lines {_short(case.logs)}, got {_short(said)}"
    if case.leaves is not None and case.leaves != (found := _files(folder)):
        yield f"expected the files {_short(case.leaves)}, got {_short(found)}"


def _end_faults(case: Case, result: ToolResult) -> Iterator[str]:
    failure = result.failure
    if failure and case.failure is not failure.kind:
        wanted = f"the failure {case.failure.value}" if case.failure else "an output"
        yield f"expected {wanted}, got {failure.kind.value}: {failure.message}"
    elif failure and case.message not in failure.message:
        yield f"expected a message with {case.message!r}, got {failure.message!r}"
    elif case.failure and not failure:
        yield f"expected the failure {case.failure.value}, got the output {_cut(result.output or '')}"
    elif not failure:
        yield from _output_faults(case, json.loads(result.output or "null"))


def _output_faults(case: Case, output: Json) -> Iterator[str]:
    if case.expects_output and not _is_same(case.output, output):
        yield f"expected the output {_short(case.output)}, got {_short(output)}"
    if case.output_schema is not None:
        for error in Draft202012Validator(case.output_schema).iter_errors(output):
            yield f"the output does not fit: {_cut(error.message)}"


def _is_same(one: Json, other: Json) -> bool:
    """Equal as JSON: 1 is 1.0, but true is not 1."""
    try:
        return canonical(one) == canonical(other)
    except (BadRequest, RecursionError):
        return bool(one == other)


def _sent_faults(expected: Sequence[Sent], stage: Stage) -> Iterator[str]:
    if len(expected) != len(stage.requests):
        yield f"expected {len(expected)} requests, got {len(stage.requests)}"
    for wanted, request in zip(expected, stage.requests, strict=False):
        headers = {name.lower(): value for name, value in request.headers}
        got = Sent(
            method=request.method,
            url=request.url,
            headers=headers if wanted.headers is not None else None,
            body=request.body.decode("utf-8", "replace") if wanted.body is not None else None,
            secret=request.secret if wanted.secret is not None else None,
            body_schema=wanted.body_schema,
        )
        if wanted.body_schema is not None:
            yield from _body_faults(wanted.body_schema, request.body)
        if wanted != got:
            yield f"expected the request {_cut(repr(wanted))}, got {_cut(repr(got))}"


def _body_faults(schema: Schema, body: bytes) -> Iterator[str]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        yield f"expected a body that is JSON, got {_cut(repr(body))}"
        return
    for error in Draft202012Validator(schema).iter_errors(content):
        yield f"the body of the request does not fit: {_cut(error.message)}"


def _files(folder: Path) -> dict[str, str]:
    """The files of the workspace; a link is shown as such and not followed."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or path.is_file():
            text = "(a link)" if path.is_symlink() else path.read_text("utf-8", "replace")
            found[path.relative_to(folder).as_posix()] = text
    return found


def _short(value: Json) -> str:
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}… ({len(text)} characters)"
