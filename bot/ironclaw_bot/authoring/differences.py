"""What changes with another version of a toolbox: every fact of every tool, compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ironclaw.canonical import canonical_text
from ironclaw.registry import Tool


def differences(old: Sequence[Tool], new: Sequence[Tool], *, verbose: bool = False) -> Iterator[str]:
    """One line for each fact that comes (+) or goes (-), under the name of its tool; nothing for no change.

    A tool that is new is a line with all that it may do, then what it says of itself.

    :param old: () for a toolbox that is not installed
    :param verbose: schemas in full, not by the names of the arguments that differ
    """
    before, after = ({tool.name: tool for tool in tools} for tools in (old, new))
    for name in sorted(before | after):
        if name not in before:
            yield f"{name} (new)  {summary(after[name])}"
            yield from _marked("+", [*_said(after[name]), *_arguments(after[name], verbose)])
        elif name not in after:
            yield f"{name} (removed)  {summary(before[name])}"
        else:
            lines = list(_changed(before[name], after[name], verbose))
            yield from [name, *lines] if lines else []


def summary(tool: Tool) -> str:
    """What a tool may do, in one line, what matters most first."""
    capabilities, limits = tool.capabilities, tool.capabilities.limits
    hosts = ", ".join(sorted({rule.host for rule in capabilities.http}))
    secrets = ", ".join(capabilities.secrets)
    files = {"none": "no files", "read": "reads files", "write": "writes files"}
    return (
        f"risk {tool.risk.value}, effect {tool.effect.value}; {f'hosts {hosts}' if hosts else 'no hosts'}, "
        f"{f'secrets {secrets}' if secrets else 'no secrets'}, {files[capabilities.scratch.value]}; "
        f"{limits.seconds:g} s, {limits.memory_mb} MiB, "
        f"fuel {limits.fuel:,}, output {limits.output_bytes:,} B"
    )


def _said(tool: Tool) -> list[str]:
    """The facts of a tool that its summary does not have."""
    words = ("check", "description", "http", "preview", "profile")
    return [fact for fact in facts(tool) if fact.split()[0] in words]


def _changed(old: Tool, new: Tool, verbose: bool) -> Iterator[str]:
    gone, come = facts(old), facts(new)
    if verbose:
        gone, come = [*gone, *_arguments(old, True)], [*come, *_arguments(new, True)]
    yield from _marked("-", [fact for fact in gone if fact not in come])
    yield from _marked("+", [fact for fact in come if fact not in gone])
    if not verbose:
        yield from _schema_changes(old.schema, new.schema)


def _schema_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """How many arguments differ, and which; their schemas are long."""
    before, after = _properties(old), _properties(new)
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if names:
        yield f"  ~ {len(names)} of {len(after)} arguments: {', '.join(names)} (--verbose shows them)"
    if _rest(old) != _rest(new):
        yield "  ~ schema       (--verbose shows it)"


def _arguments(tool: Tool, verbose: bool) -> list[str]:
    """What a tool takes: names alone, or each argument's schema and what is said of all of them."""
    known = _properties(tool.schema)
    if not verbose:
        return [f"arguments    {', '.join(known) or 'none'} (--verbose shows them)"]
    return [
        *(f"argument     {name}: {schema}" for name, schema in known.items()),
        f"schema       {_rest(tool.schema)}",
    ]


def _properties(schema: Mapping[str, Any]) -> dict[str, str]:
    return {name: canonical_text(each) for name, each in schema.get("properties", {}).items()}


def _rest(schema: Mapping[str, Any]) -> str:
    return canonical_text({key: value for key, value in schema.items() if key != "properties"})


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    return (f"  {mark} {line}" for line in lines)


def facts(tool: Tool) -> list[str]:
    """Everything that decides what a tool may do and what is said of it, but its schema; one line each."""
    capabilities, limits = tool.capabilities, tool.capabilities.limits
    return [
        f"risk         {tool.risk.value}",
        f"effect       {tool.effect.value}",
        *(
            f"http         {method} {rule.host}:{port}{prefix}"
            for rule in capabilities.http
            for method in sorted(rule.methods)
            for port in sorted(rule.ports)
            for prefix in rule.path_prefixes
        ),
        *(f"secret       {name}" for name in capabilities.secrets),
        f"scratch      {capabilities.scratch.value}",
        *(["preview      yes"] if tool.preview else []),
        *([f"check        {tool.check}"] if tool.check else []),
        f"fuel         {limits.fuel:,}",
        f"memory       {limits.memory_mb} MiB",
        f"time         {limits.seconds:g} s",
        f"output       {limits.output_bytes:,} B",
        f"profile      {tool.toolbox.profile}",
        f"description  {tool.description}",
    ]
