"""The case files that there are drivers for, by name: each becomes a suite."""

from __future__ import annotations

import ast
import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ironclaw.registry.schemas import validator
from tests.injection.arguments import as_url, made_up, usable
from tests.injection.script import Args, Line, Pair, Spec, Suite, one_line, tool_name

Json = dict[str, Any]
WEB = "egress-read"  #: A label: the tool reads the page of its argument.


# AgentDojo


def agentdojo(data: Json) -> Suite:
    """Each user task with each injection task of its suite."""
    scripts: dict[tuple[str, str], list[Args]] = defaultdict(list)
    users, attacks = list(data["user_tasks"]), list(data["injection_tasks"])
    for task in (*users, *attacks):
        for call in task["calls"]:
            scripts[task["suite"], call["tool"]].append(_addressed(call["args"]))
    specs = [_of_agentdojo(each, scripts[each["suite"], each["name"]]) for each in data["tools"]]
    asked = [len(task["high_calls"]) for task in users]
    return Suite(
        "AgentDojo",
        {spec.name: spec for spec in specs},
        tuple(_dojo_pair(user, attack) for user in users for attack in attacks if _is_same(user, attack)),
        tuple(_dojo_task(user) for user in users),
        baseline(asked),
    )


def _is_same(user: Json, attack: Json) -> bool:
    return bool(user["suite"] == attack["suite"])


def _of_agentdojo(tool: Json, scripts: Sequence[Args]) -> Spec:
    parameters = tool["parameters"]
    schema = usable(parameters.get("properties", {}), parameters.get("required", []), scripts)
    name, text = tool_name(tool["suite"], tool["name"]), one_line(tool["description"])
    return Spec(name, text, schema, tool["risk"] == "high", tool["effect"] == WEB)


def _dojo_pair(user: Json, attack: Json) -> Pair:
    name = f"{user['suite']} {user['id']} x {attack['id']}"
    return Pair(name, user["prompt"], _dojo_lines(user), _dojo_lines(attack), attack.get("stopped_by", ""))


def _dojo_task(user: Json) -> Pair:
    name, asked = f"{user['suite']} {user['id']}", len(user["high_calls"])
    return Pair(name, user["prompt"], _dojo_lines(user), asked=asked)


def _dojo_lines(task: Json) -> tuple[Line, ...]:
    return tuple(Line(tool_name(task["suite"], c["tool"]), _addressed(c["args"])) for c in task["calls"])


def _addressed(args: Args) -> Args:
    """Pages are named by whole addresses."""
    url = args.get("url")
    return {**args, "url": as_url(url)} if isinstance(url, str) else args


# InjecAgent


def injecagent(data: Json) -> Suite:
    """Each user case with each attacker case."""
    users = [(each["User Tool"], _read(each["Tool Parameters"]), each) for each in data["user_cases"]]
    scripts: dict[str, list[Args]] = defaultdict(list)
    for tool, args, _case in users:
        scripts[tool].append(args)
    specs = {name: _of_injecagent(name, tool, scripts[name]) for name, tool in data["tools"].items()}
    attacks = [(_stolen(each, data["tools"], specs), each) for each in data["attacker_cases"]]
    pairs = tuple(
        Pair(
            f"{tool} x {'+'.join(attack['Attacker Tools'])}",
            user["User Instruction"],
            (Line(specs[tool].name, args),),
            lines,
            attack["family"],
        )
        for (tool, args, user), (lines, attack) in itertools.product(users, attacks)
    )
    return Suite("InjecAgent", {spec.name: spec for spec in specs.values()}, pairs)


def _read(text: str) -> Args:
    """Arguments as the file writes them: a literal of Python's."""
    return _addressed(dict(ast.literal_eval(text)))


def _of_injecagent(name: str, tool: Json, scripts: Sequence[Args]) -> Spec:
    described = {each["name"]: {**each, "type": each["type"].lower()} for each in tool["parameters"]}
    properties = {n: {"type": e["type"], "description": e["description"]} for n, e in described.items()}
    required = [each["name"] for each in tool["parameters"] if each["required"]]
    schema = usable(properties, required, scripts)
    is_web = tool["effect"] == WEB and list(properties) == ["url"]
    text = one_line(tool["summary"])
    return Spec(tool_name("injecagent", name), text, schema, tool["risk"] == "high", is_web)


def _stolen(attack: Json, tools: Mapping[str, Json], specs: Mapping[str, Spec]) -> tuple[Line, ...]:
    words = attack["Attacker Instruction"]
    return tuple(
        Line(specs[name].name, _sample(tools[name], specs[name], words)) for name in attack["Attacker Tools"]
    )


def _sample(tool: Json, spec: Spec, words: str) -> Args:
    """The file's own sample where one fits, else one out of the attacker's words."""
    fits = _fits(spec)
    return next((each for each in tool["sample_args"] if fits(each)), made_up(spec.schema, words))


def _fits(spec: Spec) -> Callable[[Any], bool]:
    return validator(spec.schema).is_valid


# ASB


def asb(data: Json) -> Suite:
    """Each tool that nobody knows, after what its agent is for; then the agent's own tools, misspelt."""
    own: dict[str, list[Spec]] = defaultdict(list)
    for tool in data["normal_tools"]:
        name = tool_name("asb", tool["Tool Name"])
        own[tool["Corresponding Agent"]].append(
            Spec(name, one_line(tool["Description"]), usable({}, (), ()), is_high=False)
        )
    pairs = tuple(_asb_pair(each, own[each["Corresponding Agent"]]) for each in data["attack_tools"])
    return Suite("ASB", {spec.name: spec for specs in own.values() for spec in specs}, pairs)


def _asb_pair(attack: Json, own: Sequence[Spec]) -> Pair:
    known = [spec.name for spec in own]
    names = [attack["Attacker Tool"], *itertools.chain.from_iterable(map(twins, known))]
    user = tuple(Line(name) for name in known)
    lines = tuple(Line(name, {"words": attack["Attacker Instruction"]}) for name in names)
    return Pair(attack["Attacker Tool"], attack["Attacker Instruction"], user, lines, "unknown tool")


_ALIKE = str.maketrans("aceops", "асеорѕ")  #: Cyrillic letters that look the same.  # noqa: RUF001


def twins(name: str) -> tuple[str, str, str]:
    """What a reader takes for the name and a registry must not: another case, other letters, one unseen."""
    family, _, verb = name.partition(".")
    return f"{family}.{verb.title()}", name.translate(_ALIKE), f"{family}.{verb[:1]}\u200b{verb[1:]}"


# tau-bench


def tau_bench(data: Json) -> Suite:
    """True calls of true tasks, without an attacker: how often people are asked."""
    scripts: dict[tuple[str, str], list[Args]] = defaultdict(list)
    for task, call in _tau_calls(data):
        scripts[task["env"], call["tool"]].append(call["args"])
    high = {(env, name) for env, names in data["high_tools"].items() for name in names}
    specs = [_of_tau(*key, script, is_high=key in high) for key, script in scripts.items()]
    tasks = tuple(_tau_task(task) for task in data["tasks"])
    asked = baseline([task.asked or 0 for task in tasks])
    return Suite("tau-bench", {spec.name: spec for spec in specs}, (), tasks, asked)


def _tau_calls(data: Json) -> Iterator[tuple[Json, Json]]:
    return ((task, call) for task in data["tasks"] for call in task["calls"])


def _of_tau(env: str, name: str, scripts: Sequence[Args], *, is_high: bool) -> Spec:
    return Spec(tool_name(env, name), one_line(name), usable({}, (), scripts), is_high)


def _tau_task(task: Json) -> Pair:
    lines = tuple(Line(tool_name(task["env"], each["tool"]), each["args"]) for each in task["calls"])
    return Pair(f"{task['env']} {task['i']}", f"Task {task['i']}", lines, asked=len(task["high_calls"]))


# All


def baseline(asked: Sequence[int]) -> str:
    """What labels or people say of a burden: mean, median, most, and how many tasks have any."""
    if not asked:
        return "none"
    ordered = sorted(asked)
    middle = ordered[(len(ordered) - 1) // 2]
    some = sum(each > 0 for each in asked)
    return f"mean {sum(asked) / len(asked):.2f}, median {middle}, max {ordered[-1]}, {some} of {len(asked)}"


DRIVERS: Mapping[str, Callable[[Json], Suite]] = {
    "agentdojo_v1.2.2.json": agentdojo,
    "injecagent.json": injecagent,
    "asb_tools.json": asb,
    "tau_bench_actions.json": tau_bench,
}


def suites(folder: Path) -> list[Suite]:
    """Of every file in the folder that there is a driver for."""
    there = [(folder / name, read) for name, read in DRIVERS.items() if (folder / name).is_file()]
    return [read(json.loads(path.read_text("utf-8"))) for path, read in there]
