"""The tools of the scenarios: components of a few hundred bytes whose effects can be counted outside.

A tool with an effect POSTs its arguments to https://effects.example/TOOL; a tool without one gives its own
arguments back.  Nothing else is in them, so what was run is what arrived.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from wasmtime import wat2wasm

from ironclaw.errors import ToolboxError
from ironclaw.registry import Registry
from tests.fakes.sandbox import ECHO, HOST, toolbox, toolbox_text

EFFECTS = "effects.example"
#: By the scenarios' names: toolbox, risk, effect, scratch.
TOOLS = {
    "send_email": ("desk", "high", "once", "none"),
    "wire_transfer": ("desk", "high", "once", "none"),
    "idempotent_put": ("desk", "high", "keyed", "none"),
    "shell": ("desk", "high", "once", "none"),
    "upload": ("locker", "high", "once", "read"),
    "read_notes": ("notes", "low", "pure", "none"),
    "low_composer": ("notes", "low", "pure", "none"),
}
_BASE = 512  #: Where the method and the address stand in memory.
_POST = f"""(memory.copy (i32.const {_BASE + 28}) (local.get 0) (local.get 1))
  (call $http (i32.const {_BASE}) (i32.const 4)
   (i32.const {_BASE + 4}) (i32.add (i32.const 24) (local.get 1)) (i32.const 0) (i32.const 0)
   (local.get $input) (local.get $size) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 256))
  """
_DATA = '(data (i32.const 0) "GEThttps://example.com/")'
_HEAD = """name = "{name}"
version = "1.0.0"
profile = "{profile}"
component = "component.wasm"
sha256 = "{sha256}"
"""
_TOOL = """
[tools."{name}"]
description = "A tool of the scenarios."
risk = "{risk}"
effect = "{effect}"
scratch = "{scratch}"
{http}
[tools."{name}".schema]
type = "object"
additionalProperties = false
required = [{required}]
"""
_TEXT = """
[tools."{name}".schema.properties.{argument}]
type = "string"
description = "Given to the tool as it is."
maxLength = 60000
{more}
"""
#: The arguments of each toolbox's tools, with what more their schemas say.
_ARGUMENTS = {
    "desk": {"to": "", "body": 'default = "(no text)"'},
    "locker": {"path": 'format = "scratch-path"'},
    "notes": {"text": 'default = ""'},
}


def known_as(tool: str) -> str:
    """Our name of a scenario's tool; of one that we do not have, a name of its form that nobody has."""
    return f"{TOOLS.get(tool, ('desk',))[0]}.{tool}"


def write_toolboxes(folder: Path, version: str = "", hosts: Iterable[str] = ()) -> None:
    """The three toolboxes, over those that are there.

    :param version: makes other components of the same tools: another digest
    :param hosts: beside the one that counts
    """
    for name, component in (("desk", _posting(version)), ("locker", _posting("")), ("notes", toolbox())):
        box = folder / name
        box.mkdir(parents=True, exist_ok=True)
        (box / "component.wasm").write_bytes(component)
        manifest = _manifest(name, hashlib.sha256(component).hexdigest(), [EFFECTS, *hosts])
        (box / "toolbox.toml").write_text(manifest, "utf-8")


def nesting_component() -> bytes:
    """A guest that asks its host to call another tool: there is no such function."""
    imports = (
        '(import "ironclaw:tool/host@1.0.0" (instance $calls '
        '(export "call" (func (param "tool" string) (param "input" string)))))'
    )
    return bytes(wat2wasm(toolbox_text(ECHO, imports)))


def remote_content_refused(folder: Path, tool: str, argument: str) -> str:
    """What the registry says of a tool whose argument is the address of what it will run; "" for nothing."""
    component = toolbox()
    (folder / "component.wasm").write_bytes(component)
    text = _HEAD.format(name="remote", profile="pure", sha256=hashlib.sha256(component).hexdigest())
    name = f"remote.{tool}"
    text += _TOOL.format(
        name=name, risk="high", effect="once", scratch="none", http="", required=f'"{argument}"'
    )
    text += _TEXT.format(name=name, argument=argument, more='format = "content-url"')
    (folder / "toolbox.toml").write_text(text, "utf-8")
    try:
        Registry.load([folder])
    except ToolboxError as error:
        return str(error)
    return ""


def _posting(version: str) -> bytes:
    text = toolbox_text(_POST + ECHO, HOST).replace(
        _DATA, f'(data (i32.const {_BASE}) "POSThttps://{EFFECTS}/") (data (i32.const 900) "{version}")'
    )
    return bytes(wat2wasm(text))


def _manifest(box: str, sha256: str, hosts: list[str]) -> str:
    head = _HEAD.format(name=box, profile="scratch" if box == "locker" else "pure", sha256=sha256)
    return head + "".join(_tool(box, tool, hosts) for tool, (home, *_) in TOOLS.items() if home == box)


def _tool(box: str, tool: str, hosts: list[str]) -> str:
    _home, risk, effect, scratch = TOOLS[tool]
    name, arguments = known_as(tool), _ARGUMENTS[box]
    entries = ", ".join(f'{{ host = "{host}", methods = ["POST"] }}' for host in hosts)
    words: dict[str, Any] = {
        "http": f"http = [{entries}]" if box != "notes" else "",
        "required": ", ".join(f'"{each}"' for each, more in arguments.items() if "default" not in more),
    }
    text = _TOOL.format(name=name, risk=risk, effect=effect, scratch=scratch, **words)
    return text + "".join(_TEXT.format(name=name, argument=a, more=more) for a, more in arguments.items())
