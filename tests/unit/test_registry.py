"""The registry: strict manifests, pinned files, exact names."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ironclaw.capabilities import Capabilities, Limits, Scratch
from ironclaw.errors import SettingsError, ToolboxError
from ironclaw.registry import Registry
from ironclaw.task import Effect, Risk

COMPONENT = b"\0asm\x0d\0\x01\0 no code: the registry never runs it"
SCHEMA = """
[tools."notes.add".schema]
type = "object"
additionalProperties = false
required = ["text"]
[tools."notes.add".schema.properties]
text = { type = "string", description = "What to note.", maxLength = 20 }
tags = { type = "array", items = { type = "string" }, description = "Labels.", default = [] }
"""


def manifest(head: str = "", tool: str = "", schema: str = SCHEMA, name: str = "notes.add") -> str:
    digest = hashlib.sha256(COMPONENT).hexdigest()
    top = f'name = "notes"\nversion = "1.0.0"\ncomponent = "component.wasm"\nsha256 = "{digest}"\n{head}\n'
    return f'{top}[tools."{name}"]\ndescription = "Adds a note."\n{tool}\n' + schema.replace(
        "notes.add", name
    )


def put(folder: Path, text: str, component: bytes = COMPONENT) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "toolbox.toml").write_text(text, "utf-8")
    (folder / "component.wasm").write_bytes(component)
    return folder


def test_nothing_declared(tmp_path: Path) -> None:
    """
    A tool that declares nothing may touch nothing, is high risk, and is never run twice.
    """
    tool = Registry.load([put(tmp_path, manifest())]).get("notes.add")

    assert tool is not None
    assert Capabilities(Scratch.NONE, (), (), Limits()) == tool.capabilities
    assert (tool.risk, tool.effect) == (Risk.HIGH, Effect.ONCE)


@pytest.mark.parametrize(
    ("head", "tool", "expected"),
    [
        ("", "", Risk.LOW),
        ('profile = "scratch"', 'scratch = "read"', Risk.LOW),
        ('profile = "scratch"', 'scratch = "write"', Risk.HIGH),
        ("", 'http = [{ host = "api.example.com" }]', Risk.LOW),
        ("", 'http = [{ host = "api.example.com", methods = ["GET", "POST"] }]', Risk.HIGH),
        ("", 'http = [{ host = "api.example.com" }]\nsecrets = ["token"]', Risk.LOW),
        ("", 'http = [{ host = "api.example.com", methods = ["PUT"] }]\nsecrets = ["token"]', Risk.HIGH),
    ],
)
def test_declared_low(tmp_path: Path, head: str, tool: str, expected: Risk) -> None:
    """
    Declaring low risk does not help a tool that can change something; reading may be low, also with a secret.
    """
    registry = Registry.load([put(tmp_path, manifest(head, f'risk = "low"\n{tool}'))])

    assert expected == registry.tools[0].risk


def test_digests(tmp_path: Path) -> None:
    """
    A toolbox is pinned by the digests of its component and of its manifest's bytes.
    """
    text = manifest()
    toolbox = Registry.load([put(tmp_path, text)]).toolboxes[0]

    assert hashlib.sha256(COMPONENT).hexdigest() == toolbox.component_sha256
    assert hashlib.sha256(text.encode()).hexdigest() == toolbox.manifest_sha256


def test_folders(tmp_path: Path) -> None:
    """
    A folder may be a toolbox or hold some; hidden folders, such as a build's, are passed over.
    """
    put(tmp_path / "one", manifest())
    put(tmp_path / "two", manifest(name="other.tool").replace('"notes"', '"other"', 1))
    put(tmp_path / ".building", manifest())

    assert [tool.name for tool in Registry.load([tmp_path]).tools] == ["notes.add", "other.tool"]


WRONG = {
    "unknown key": (manifest('colour = "red"'), "colour: there is no such key. There are: name, version, "),
    "unknown key of a tool": (
        manifest(tool='secert = ["a"]'),
        "secert: there is no such key. Did you mean secrets?",
    ),
    "unknown key of a rule": (manifest(tool='http = [{ host = "a.example", pats = ["/"] }]'), "mean paths?"),
    "unknown limit": (
        manifest(tool="limits = { memory = 1 }"),
        "notes.add.limits.memory: there is no such key. Did you mean memory_mb?",
    ),
    "no version": (manifest().replace("version", "# version"), "toolbox.toml: version is missing"),
    "unknown risk": (manifest(tool='risk = "none"'), "risk"),
    "a number as text": (manifest(tool='limits = { fuel = "9" }'), "fuel"),
    "too much memory": (manifest(tool="limits = { memory_mb = 4096 }"), "memory_mb"),
    "files without the profile": (
        manifest(tool='scratch = "read"'),
        'toolbox.toml: scratch of notes.add needs the line: profile = "scratch"',
    ),
    "upper case name": (manifest(name="Notes.add"), "Notes.add"),
    "look-alike name": (manifest(name="n\u043etes.add"), "tools"),
    "name with a line end": (manifest(name="notes.add\\n"), "tools"),
    "any host": (manifest(tool='http = [{ host = "*" }]'), "host"),
    "address as host": (manifest(tool='http = [{ host = "127.0.0.1" }]'), "host"),
    "TRACE": (manifest(tool='http = [{ host = "a.example", methods = ["TRACE"] }]'), "methods"),
    "no methods": (manifest(tool='http = [{ host = "a.example", methods = [] }]'), "methods"),
    "dots in a prefix": (manifest(tool='http = [{ host = "a.example", paths = ["/v1/../"] }]'), "paths"),
    "star within a part": (manifest(tool='http = [{ host = "a.example", paths = ["/v*/x"] }]'), "paths"),
    "component elsewhere": (manifest().replace("component.wasm", "../component.wasm"), "component"),
    "no TOML": ("name = ", "TOML"),
    "no schema": (manifest(schema=""), "schema"),
    "open schema": (
        manifest(schema=SCHEMA.replace("additionalProperties = false", "")),
        "additionalProperties",
    ),
    "wrong schema": (
        manifest(schema=SCHEMA.replace('type = "string", desc', 'type = "strong", desc')),
        "JSON Schema",
    ),
    "argument not described": (manifest(schema=SCHEMA.replace('description = "Labels.", ', "")), "tags"),
    "default that does not fit": (manifest(schema=SCHEMA.replace("default = []", 'default = "x"')), "tags"),
    "required but unknown": (manifest(schema=SCHEMA.replace('["text"]', '["txet"]')), "txet"),
    "pattern": (manifest(schema=SCHEMA.replace("maxLength = 20", 'pattern = "(a+)+$"')), "pattern"),
    "reference": (manifest(schema=SCHEMA.replace("maxLength = 20", '"$ref" = "http://127.0.0.1/"')), "$ref"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_manifest(tmp_path: Path, case: str) -> None:
    """
    A manifest that is not wholly understood loads nothing, and the error names file and field.
    """
    text, field = WRONG[case]
    put(tmp_path, text)

    with pytest.raises(ToolboxError) as error:
        Registry.load([tmp_path])

    assert str(tmp_path / "toolbox.toml") in str(error.value)
    assert field in str(error.value)


def test_argument_named_like_a_keyword(tmp_path: Path) -> None:
    """
    An argument may have a keyword's name, such as pattern.
    """
    registry = Registry.load([put(tmp_path, manifest(schema=SCHEMA.replace("tags =", "pattern =")))])

    assert "pattern" in registry.tools[0].schema["properties"]


def test_changed_component(tmp_path: Path) -> None:
    """
    A component that is not the pinned file is refused.
    """
    put(tmp_path, manifest(), COMPONENT + b"!")

    with pytest.raises(ToolboxError, match="sha256"):
        Registry.load([tmp_path])


@pytest.mark.parametrize("name", ["toolbox.toml", "component.wasm"])
def test_links(tmp_path: Path, name: str) -> None:
    """
    Manifest and component are ordinary files: a link is refused, even to the right bytes.
    """
    put(tmp_path / "box", manifest())
    real = (tmp_path / "box" / name).rename(tmp_path / name)
    (tmp_path / "box" / name).symlink_to(real)

    with pytest.raises(ToolboxError, match="links are not followed"):
        Registry.load([tmp_path / "box"])


def test_same_tool_twice(tmp_path: Path) -> None:
    """
    No toolbox can take another's tool name.
    """
    put(tmp_path / "one", manifest())
    put(tmp_path / "two", manifest().replace('"notes"', '"other"', 1))

    with pytest.raises(ToolboxError, match=r"notes has a tool notes\.add too"):
        Registry.load([tmp_path])


def test_same_toolbox_twice(tmp_path: Path) -> None:
    """
    No two toolboxes have one name.
    """
    put(tmp_path / "one", manifest())
    put(tmp_path / "two", manifest(name="notes.drop"))

    with pytest.raises(ToolboxError, match="there is a toolbox notes"):
        Registry.load([tmp_path])


def test_no_folder(tmp_path: Path) -> None:
    """
    A folder that is not there is an error, not an empty registry.
    """
    with pytest.raises(SettingsError, match="there is no such folder"):
        Registry.load([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    "name",
    [
        "Notes.add",
        "notes.add ",
        "n\u043etes.add",
        "notes\u200b.add",
        "notes.\uff41dd",
        "notes.add\0",
        "notes.addd",
        "",
    ],
)
def test_twins(tmp_path: Path, name: str) -> None:
    """
    A name that only looks like a tool's is unknown.
    """
    registry = Registry.load([put(tmp_path, manifest())])

    assert registry.get("notes.add") is not None
    assert registry.get(name) is None


def test_offers(tmp_path: Path) -> None:
    """
    The brain sees the tools it may plan with, and cannot change the registry through what it sees.
    """
    registry = Registry.load([put(tmp_path, manifest())])
    (offer,) = registry.offers("acme", ("notes.add", "no.such"))
    offer.schema["properties"].clear()

    assert registry.offers("acme", ()) == ()
    assert {"text", "tags"} == set(registry.offers("acme")[0].schema["properties"])


def test_validate(tmp_path: Path) -> None:
    """
    Wrong arguments are named by pointer, in short words that do not repeat long values.
    """
    registry = Registry.load([put(tmp_path, manifest())])
    tool = registry.tools[0]

    assert registry.validate(tool, {"text": "hi"}) == []
    assert registry.validate(tool, {"text": "x" * 5000, "tags": ["a", 1]}) == [
        "/tags/1: must be string",
        "/text: maxLength is 20",
    ]
    assert registry.validate(tool, {}) == ["'text' is a required property"]


def test_defaults(tmp_path: Path) -> None:
    """
    What is missing gets its default, what is there stays, and the default itself cannot be changed.
    """
    registry = Registry.load([put(tmp_path, manifest())])
    tool = registry.tools[0]
    first = registry.with_defaults(tool, {"text": "a"})
    first["tags"].append("x")

    assert registry.with_defaults(tool, {"text": "b"}) == {"text": "b", "tags": []}
    assert registry.with_defaults(tool, {"text": "c", "tags": ["y"]}) == {"text": "c", "tags": ["y"]}


# Checks

ASKED = 'effect = "pure"\nrisk = "low"\n'
WIDE = (
    'http = [{ host = "a.test", methods = ["GET", "POST"], paths = ["/v1", "/x/*/y"] }]\nsecrets = ["key"]\n'
)


def checked(tool: str, check: str) -> str:
    """A toolbox with a tool and one that could be its check."""
    second = manifest(tool=check, name="notes.was").partition('[tools."notes.was"]')[2]
    return manifest(tool=tool) + '[tools."notes.was"]' + second


@pytest.mark.parametrize(
    "check",
    [
        ASKED,
        ASKED + 'http = [{ host = "a.test", methods = ["GET"], paths = ["/v1/notes", "/x/1/y/"] }]',
        ASKED + 'http = [{ host = "a.test", methods = ["GET"], paths = ["/v1"] }]\nsecrets = ["key"]',
    ],
)
def test_a_check_within(tmp_path: Path, check: str) -> None:
    """
    A check that touches nothing, or no more than the tool itself, is taken.
    """
    text = checked(WIDE + 'effect = "checkable"\ncheck = "notes.was"', check)
    tool = Registry.load([put(tmp_path, text)]).get("notes.add")

    assert ("notes.was", Effect.CHECKABLE) == (tool and tool.check, tool and tool.effect)


@pytest.mark.parametrize(
    ("tool", "check", "said"),
    [
        ('effect = "checkable"', ASKED, 'effect = "checkable" needs check'),
        ('check = "notes.was"', ASKED, 'check goes with effect = "checkable" only'),
        ('effect = "checkable"\ncheck = "notes.is"', ASKED, "this toolbox has no tool notes.is"),
        ('effect = "checkable"\ncheck = "notes.add"', ASKED, "must have effect"),
        ('effect = "checkable"\ncheck = "notes.was"', 'effect = "keyed"\nrisk = "low"', "must have effect"),
        ('effect = "checkable"\ncheck = "notes.was"', 'effect = "pure"', "must have effect"),
        (
            'effect = "checkable"\ncheck = "notes.was"',
            ASKED + 'http = [{ host = "a.test", methods = ["POST"] }]',
            "must have effect",
        ),
    ],
)
def test_a_check_that_is_none(tmp_path: Path, tool: str, check: str, said: str) -> None:
    """
    A checkable tool names its check and no other tool does; a check is pure, and low risk in truth.
    """
    with pytest.raises(ToolboxError, match=said):
        Registry.load([put(tmp_path, checked(tool, check))])


@pytest.mark.parametrize(
    "more",
    [
        'http = [{ host = "b.test", methods = ["GET"], paths = ["/v1"] }]',
        'http = [{ host = "a.test", paths = ["/v1"] }]',  # HEAD, by default.
        'http = [{ host = "a.test", methods = ["GET"], paths = ["/v"] }]',
        'http = [{ host = "a.test", methods = ["GET"], paths = ["/v1", "/"] }]',
        'http = [{ host = "a.test", methods = ["GET"], paths = ["/x/*"] }]',
        'http = [{ host = "a.test", methods = ["GET"], paths = ["/v1"], ports = [8443] }]',
        'secrets = ["key", "other"]',
        'scratch = "read"',
    ],
)
def test_a_check_that_reaches_further(tmp_path: Path, more: str) -> None:
    """
    What the tool itself may not touch its check may not either: host, method, path, port, secret, files.
    """
    text = checked(WIDE + 'effect = "checkable"\ncheck = "notes.was"', ASKED + more)
    text = text.replace('version = "1.0.0"', 'version = "1.0.0"\nprofile = "scratch"')
    with pytest.raises(ToolboxError, match=r"notes\.was may touch what the tool itself may not"):
        Registry.load([put(tmp_path, text)])
