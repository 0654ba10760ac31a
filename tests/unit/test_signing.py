"""Signed toolboxes: keys, versions, namespaces, and what an admin is shown and asked."""

from __future__ import annotations

import io
import re
import tomllib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.cases._supply_world import World, packed

from ironclaw.errors import SettingsError, ToolboxError
from ironclaw.registry.installed import signed_statement
from ironclaw.registry.signing import SIGNATURE, Statement, public_key
from ironclaw.registry.trust import Trust
from ironclaw.registry.versions import is_older
from ironclaw.settings import load
from ironclaw_bot.authoring.exchange import put_in_place
from ironclaw_bot.authoring.signing_keys import load_signing_key, make_signing_key

ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture
def world(tmp_path: Path, built_toolboxes: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.0.0", "1.0.1"),
        ("1.9.0", "1.10.0"),
        ("1.2", "1.2.1"),
        ("1.0.0-rc.1", "1.0.0"),
        ("1.0.0-alpha.9", "1.0.0-alpha.10"),
        ("1.0.0-1", "1.0.0-alpha"),
        ("1.0.0-alpha", "1.0.0-alpha.1"),
    ],
)
def test_older(older: str, newer: str) -> None:
    """
    Versions have Semantic Versioning's order: numbers by value, a pre-release before its release.
    """
    assert (True, False) == (is_older(older, newer), is_older(newer, older))


@pytest.mark.parametrize("same", [("1.0", "1.0.0"), ("1.0.0+a", "1.0.0+b"), ("x", "x")])
def test_same_version(same: tuple[str, str]) -> None:
    """
    What differs by nothing that counts is neither older nor newer.
    """
    assert (False, False) == (is_older(*same), is_older(*reversed(same)))


@pytest.mark.parametrize(
    ("signer", "name", "expected"),
    [
        (ONE, "notes", True),
        (ONE, "acme_notes", False),
        (TWO, "acme", True),
        (TWO, "acme_notes", True),
        (TWO, "acmenotes", False),
        (TWO, "notes", False),
    ],
)
def test_namespaces(signer: str, name: str, expected: bool) -> None:
    """
    A namespace is its owner's alone, and its owner has no other names.
    """
    trust = Trust(frozenset({(ONE, ""), (TWO, "acme")}))
    said = Statement(
        name=name, version="1", component_sha256=ONE, manifest_sha256=ONE, publisher=signer, expires=9
    )

    assert expected == (trust.fault(said, [name], 0) is None)


def test_keygen(tmp_path: Path) -> None:
    """
    A signing key is its owner's alone, and is never written over.
    """
    path = tmp_path / "key.pem"
    key = make_signing_key(path)

    assert 0o600 == path.stat().st_mode & 0o777
    assert public_key(key) == public_key(load_signing_key(path))
    with pytest.raises(ToolboxError, match="no key was made"):
        make_signing_key(path)


@pytest.mark.parametrize(
    ("content", "mode", "because"),
    [(None, 0o644, "chmod 600"), (b"text", 0o600, "not a signing key"), (b"", 0o600, "not a signing key")],
)
def test_wrong_key_file(tmp_path: Path, content: bytes | None, mode: int, because: str) -> None:
    """
    A key that others can read, or that is none, signs nothing.
    """
    path = tmp_path / "key.pem"
    make_signing_key(path)
    if content is not None:
        path.write_bytes(content)
    path.chmod(mode)

    with pytest.raises(ToolboxError, match=because):
        load_signing_key(path)


@pytest.mark.parametrize("word", ["abc", "A" * 64, f"Acme:{ONE}", f":{ONE}", f"{ONE}."])
def test_wrong_setting(tmp_path: Path, word: str) -> None:
    """
    A trusted signer that could never match stops the start.
    """
    with pytest.raises(SettingsError, match="64 hex digits"):
        load({"IRONCLAW_TRUSTED_SIGNERS": word, "IRONCLAW_REVOKED_SIGNERS": ONE}, tmp_path)


def test_exchange(tmp_path: Path) -> None:
    """
    One folder takes the other's place, and the other takes its.
    """
    for name in ("fresh", "target"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    put_in_place(tmp_path / "fresh", tmp_path / "target")

    assert ["fresh"] == [each.name for each in (tmp_path / "target").iterdir()]
    assert ["target"] == [each.name for each in (tmp_path / "fresh").iterdir()]


@pytest.mark.sandbox
async def test_signed_by_command(world: World) -> None:
    """
    What tool sign writes is what tool add takes, from a folder and from an archive.
    """
    await world.tool("keygen", world.folder / "key.pem")
    world.publisher = load_signing_key(world.folder / "key.pem")
    box = world.box(is_signed=False)
    signed = await world.tool("sign", box, "--key", world.folder / "key.pem")

    assert (0, "", "") == (signed.code, signed.error, (await world.add(box)).error)
    assert "" == (await world.add(packed(box))).error
    assert public_key(world.publisher) == signed_statement(world.installed).publisher


@pytest.mark.sandbox
@pytest.mark.parametrize(("typed", "code"), [("yes\n", 0), ("y\n", 1), ("\n", 1), ("", 1)])
async def test_asked(world: World, monkeypatch: pytest.MonkeyPatch, typed: str, code: int) -> None:
    """
    Without a typed yes nothing is installed, and nothing is left behind.
    """
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    said = await world.tool("add", world.box())

    assert (code, code == 0) == (said.code, world.installed.exists())
    assert [".lock"] == [each.name for each in world.installed.parent.glob(".*")]


@pytest.mark.sandbox
async def test_shown_difference(world: World) -> None:
    """
    An upgrade shows what a tool may do now that it could not before, and nothing that stayed.
    """
    await world.add(world.box(more='http = [{ host = "api.example.com" }]'))
    more = 'http = [{ host = "api.example.com", methods = ["GET", "POST"] }]\nlimits = { memory_mb = 300 }'
    said = await world.add(world.box(version="1.1.0", more=more))
    lines = said.out.split("notes.add\n")[1].splitlines()

    assert [
        "  - http         HEAD api.example.com:443/",
        "  - memory       256 MiB",
        "  + http         POST api.example.com:443/",
        "  + memory       300 MiB",
        "Installed notes 1.1.0.",
    ] == lines


def with_argument(world: World, version: str, about: str) -> Path:
    """A toolbox whose tool takes one argument."""
    box = world.box(version=version, is_signed=False)
    with (box / "toolbox.toml").open("a") as file:
        file.write(f'properties.text = {{ type = "string", description = "{about}" }}\n')
    world.vouch(box, version=version)
    return box


@pytest.mark.sandbox
async def test_shown_arguments(world: World) -> None:
    """
    A new tool is a line with all that it may do; of arguments names are shown, also of those that change.
    """
    first = await world.tool("add", with_argument(world, "1.0.0", "A note."), "--yes")
    second = await world.tool("add", with_argument(world, "1.1.0", "Any note."), "--yes")
    third = await world.tool("add", with_argument(world, "1.2.0", "No note."), "--yes", "--verbose")

    may = "risk high, effect once; no hosts, no secrets, no files; 10 s, 256 MiB, fuel 2,000,000,000, "
    assert f"notes.add (new)  {may}output 262,144 B\n" in first.out
    assert "  + arguments    text (--verbose shows them)\n" in first.out
    assert "notes.add\n  ~ 1 of 1 arguments: text (--verbose shows them)\nInstalled" in second.out
    assert '  + argument     text: {"description":"No note.","type":"string"}\nInstalled' in third.out


@pytest.mark.sandbox
async def test_the_line_that_trusts(world: World) -> None:
    """
    Who is not trusted is refused with the very line that would trust them, for this name alone.
    """
    world.trusted = (f"other:{ONE}",)
    refused = await world.add(world.box())
    (line,) = re.findall(r"^.*ironclaw\.toml: (.*)$", refused.error)
    world.trusted = tuple(tomllib.loads(line)["trusted_signers"])

    assert (f"other:{ONE}", f"notes:{public_key(world.publisher)}") == world.trusted
    assert "" == (await world.add(world.box())).error


@pytest.mark.sandbox
async def test_downgrade(world: World) -> None:
    """
    An older version is installed only where the admin says so.
    """
    await world.add(world.box(version="2.0.0"))
    older = world.box(version="1.9.9")
    refused = await world.add(older)

    assert None is refused.refused("older than 2.0.0")
    assert "" == (await world.add(older, "--allow-downgrade")).error


@pytest.mark.sandbox
async def test_renewed(world: World) -> None:
    """
    The same toolbox with a new signature is taken: that is how an expiry is put off.
    """
    await world.add(world.box())
    again = world.box()
    world.vouch(again, days=9)
    said = await world.add(again)

    assert "" == said.error
    assert (again / SIGNATURE).read_bytes() == (world.installed / SIGNATURE).read_bytes()


@pytest.mark.sandbox
async def test_removed(world: World) -> None:
    """
    A toolbox can be removed whatever is wrong with it, and nothing else can.
    """
    await world.add(world.box())
    (world.installed / "toolbox.toml").write_text("not TOML")
    assert None is world.load().refused("cannot be read as TOML")
    removed = await world.tool("rm", "notes")

    assert ("", "") == (removed.error, world.load().out)
    for name in ("notes", "../data", ".lock", ""):
        assert None is (await world.tool("rm", name)).refused("no toolbox of this name")


@pytest.mark.sandbox
async def test_lists(world: World) -> None:
    """
    tool list and tool show say who signed what is installed, and its digest.
    """
    world.publisher = Ed25519PrivateKey.generate()
    await world.add(world.box())
    listed, shown = await world.tool("list"), await world.tool("show", "notes")
    digest, key = signed_statement(world.installed).component_sha256, public_key(world.publisher)

    assert f"toolbox notes 1.0.0  sha256 {digest}  signed by {key}\n" in listed.out
    assert f"signer     {key}\n" in shown.out
    assert f"component  {digest}\n" in shown.out
