"""The malicious toolbox through the whole engine, as any tool would be called."""

from __future__ import annotations

from typing import Any

from tests.probes.attack import Attack
from tests.probes.world import NEIGHBOUR, Stopped, World

OTHER = {"tenant": NEIGHBOUR}
DENIED, TRAPPED, FUEL, FULL = "denied", "trapped", "out_of_fuel", "disk_full"

#: phrase, layer, kind, then the tools with what they are told.
_TABLE: tuple[tuple[str, str, str, dict[str, dict[str, Any]]], ...] = (
    ("infinite loop", "fuel", FUEL, {"loop": {}, "regex": {}, "bigint": {}}),
    ("sleep and poll inside WASI", "shadowed clock", TRAPPED, {"sleep": {}, "poll": {}}),
    ("memory by growth", "memory limit", "out_of_memory", {"memory": {}}),
    ("deep recursion", "engine's stack", TRAPPED, {"recurse": {}}),
    ("output flood", "output cap", "output_too_large", {"output": {}}),
    ("log flood", "log cap and fuel", FUEL, {"log": {}}),
    ("stdout and stderr flood", "no sink, fuel", FUEL, {"stdout": {}, "stderr": {}}),
    ("flood in a failure's text", "message cap", "invalid_input", {"message": {}}),
    ("disk fill", "quota, while it runs", FULL, {"fill_disk": {}}),
    ("inode flood", "quota, while it runs", FULL, {"many_files": {}, "many_folders": {}}),
    ("deep trees", "quota, while it runs", FULL, {"deep_folders": {}}),
    ("many sparse files", "quota, while it runs", FULL, {"sparse_files": {}}),
    ("huge and sparse files", "RLIMIT_FSIZE", DENIED, {"big_file": {}, "seek_file": {}}),
    ("sparse by truncate", "shadowed set-size", DENIED, {"sparse_file": {}}),
    ("odd names", "WASI paths, Landlock", DENIED, {"odd_names": {}}),
    (".. and absolute paths", "WASI paths, Landlock", DENIED, {"passwd": {}, "root": {}}),
    ("symlink", "shadowed symlink-at, Landlock", DENIED, {"symlink": OTHER}),
    ("hardlink", "shadowed link-at", TRAPPED, {"hardlink": {}}),
    ("rename", "WASI paths, Landlock", DENIED, {"rename": OTHER, "steal": OTHER}),
    ("/proc", "WASI paths, Landlock", DENIED, {"proc": {}}),
    ("other tenants' scratch", "WASI paths, Landlock", DENIED, {"dotdot": OTHER}),
    ("scratch without the capability", "no preopen", DENIED, {"scratch": {}}),
    ("writing with read only", "read-only preopen", DENIED, {"readonly": {"name": "n", "text": "x"}}),
    ("environment, arguments", "nothing is passed", DENIED, {"environment": {}}),
    ("sockets", "WASI refuses, seccomp", DENIED, {"listen": {}}),
    ("DNS", "WASI refuses, seccomp", DENIED, {"dns": {}}),
    ("http without the capability", "capability", DENIED, {"no_http": {"url": "https://example.com/"}}),
    ("hostile sizes and headers", "shape check", DENIED, {"hostile_http": {}}),
    ("hostile encodings", "shape check", DENIED, {"odd_http": {}}),
    ("a body of 50 MB", "engine's copy limit", TRAPPED, {"huge_http": {}}),
    ("4 GiB of random bytes", "host function's cap", TRAPPED, {"random_flood": {}}),
    ("abort and exit", "engine", TRAPPED, {"abort": {}, "exit": {}}),
    ("file descriptors until none are left", "RLIMIT_NOFILE", DENIED, {"descriptors": {}}),
)


def _attack(phrase: str, layer: str, kind: str, tool: str, arguments: dict[str, Any]) -> Attack:
    async def run(world: World) -> Stopped:
        return await world.ask(tool, **arguments)

    return Attack(phrase, f"probe.{tool}", layer, frozenset({kind}), run)


def _to_this_process(tool: str, layer: str, template: str = "") -> Attack:
    """An attack on a server that really listens."""

    async def run(world: World) -> Stopped:
        told = {"url": template.format(port=world.port)} if template else {"port": world.port}
        stopped = await world.ask(tool, **told)
        return stopped if not world.reached else Stopped("", "it reached a server of this process")

    return Attack("sockets" if not template else "http to loopback", f"probe.{tool}", layer, DENIES, run)


DENIES = frozenset({DENIED, "denied by policy"})
ATTACKS = (
    *(
        _attack(phrase, layer, kind, tool, arguments)
        for phrase, layer, kind, tools in _TABLE
        for tool, arguments in tools.items()
    ),
    _to_this_process("tcp", "WASI refuses, seccomp"),
    _to_this_process("udp", "WASI refuses, seccomp"),
    _to_this_process("http", "egress", "http://127.0.0.1:{port}/health"),
)
