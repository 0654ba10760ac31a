"""How long policy takes over one call: both requests to Cedar, with all that is made for them."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ironclaw.task import ToolCall
from ironclaw_plugins.policy_cedar import CedarPolicy
from tests.bench.measure import Result, Samples, ms
from tests.fakes.policy import call, policy

BAR = 0.3  #: Milliseconds of p50, from the issue.
ASK = 'permit(principal, action == Action::"run_with_approval", resource)'
ARGS = {"to": "a@example.com", "subject": "x" * 80, "amount": 40, "items": [{"price": n} for n in range(20)]}


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int = 5000
    warmup: int = 200
    rules: int = 50  #: Of the large policy.


async def measure(size: Size = Size()) -> Result:
    """Each policy with each call, in turns of random order."""
    with TemporaryDirectory() as folder:
        cases = _cases(Path(folder), size)
        taken = await _taken(cases, size)
    samples = {name: Samples(tuple(seconds)) for name, seconds in taken.items()}
    shipped = max(each.p50 for name, each in samples.items() if name.startswith("shipped"))
    return Result(
        name="verdict",
        title="A verdict (both requests to Cedar)",
        head=("", "p50 ms", "p99 ms"),
        rows=tuple((name, ms(each.p50), ms(each.p99)) for name, each in samples.items()),
        numbers={name: each.summary() for name, each in samples.items()},
        notes=(
            f"p50 of the slowest of the shipped: {shipped:.2f} ms (at most {BAR} ms): "
            + ("met" if shipped <= BAR else "MISSED"),
        ),
    )


def _cases(folder: Path, size: Size) -> dict[str, tuple[CedarPolicy, ToolCall]]:
    (folder / "large").mkdir()
    low = call(hosts=("a.com",), taint=("b.com",), args=ARGS)
    shipped, large = policy(folder), policy(folder / "large", _large(size.rules))
    return {
        "shipped, low risk": (shipped, call(args=ARGS)),
        "shipped, high risk": (shipped, call("high", args=ARGS)),
        "shipped, low risk, tainted and going out": (shipped, low),
        f"{size.rules} rules over arguments": (large, low),
    }


def _large(count: int) -> str:
    rules = (
        f"""@id("r{n}") forbid(principal, action == Action::"auto_run", resource == Tool::"tool.n{n}")
        unless {{ context.arguments.hasTag("/to") && context.arguments.getTag("/to") like "*@n{n}.example" }};
        @id("t{n}") @quorum("2") {ASK} when {{ context has amount && context.amount > {1000 * n + 50} }};"""
        for n in range(count // 2)
    )
    return f'@id("run") permit(principal, action, resource); {" ".join(rules)}'


async def _taken(cases: dict[str, tuple[CedarPolicy, ToolCall]], size: Size) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in cases}
    order = list(cases)
    for number in range(size.warmup + size.rounds):
        random.shuffle(order)
        for name in order:
            plugin, asked = cases[name]
            seconds = await _one(plugin, asked)
            if number >= size.warmup:
                taken[name].append(seconds)
    return taken


async def _one(plugin: CedarPolicy, asked: ToolCall) -> float:
    plugin._library.of(asked.tenant).answered.clear()  # As if it were asked for the first time.
    began = time.perf_counter()
    await plugin.ironclaw_verdict(asked)
    return time.perf_counter() - began
