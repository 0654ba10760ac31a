"""What changes with another version of a toolbox: every fact of every tool, compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ironclaw.canonical import canonical_text
from ironclaw.registry import Tool


def differences(old: Sequence[Tool], new: Sequence[Tool]) -> Iterator[str]:
    """One line for each fact that comes (+) or goes (-), under the name of its tool; nothing for no change.

    :param old: () for a toolbox that is not installed
    """
    before, after = ({tool.name: tool for tool in tools} for tools in (old, new))
    for name in sorted(before | after):
        gone = facts(before[name]) if name in before else []
        come = facts(after[name]) if name in after else []
        lines = [f"  - {fact}" for fact in gone if fact not in come]
        lines += [f"  + {fact}" for fact in come if fact not in gone]
        if lines:
            yield f"{name}{_how(name in before, name in after)}"
            yield from lines


def _how(was: bool, is_now: bool) -> str:
    return "" if was and is_now else " (new)" if is_now else " (removed)"


def facts(tool: Tool) -> list[str]:
    """Everything that decides what a tool may do and what is said of it, one line each."""
    capabilities, limits = tool.capabilities, tool.capabilities.limits
    rest = {key: value for key, value in tool.schema.items() if key != "properties"}
    return [
        f"description  {tool.description}",
        f"risk         {tool.risk.value}",
        f"effect       {tool.effect.value}",
        f"scratch      {capabilities.scratch.value}",
        *(
            f"http         {method} {rule.host}:{port}{prefix}"
            for rule in capabilities.http
            for method in sorted(rule.methods)
            for port in sorted(rule.ports)
            for prefix in rule.path_prefixes
        ),
        *(f"secret       {name}" for name in capabilities.secrets),
        *(["preview      yes"] if tool.preview else []),
        f"fuel         {limits.fuel:,}",
        f"memory       {limits.memory_mb} MiB",
        f"time         {limits.seconds:g} s",
        f"output       {limits.output_bytes:,} B",
        f"profile      {tool.toolbox.profile}",
        *(
            f"argument     {name}: {canonical_text(schema)}"
            for name, schema in tool.schema.get("properties", {}).items()
        ),
        f"schema       {canonical_text(rest)}",
    ]
