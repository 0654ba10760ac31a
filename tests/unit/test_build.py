"""Building toolboxes: once, whole or not at all, from the sources and nothing else."""

from __future__ import annotations

import io
import json
import shutil
import tomllib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from tests.fakes import guests

import ironclaw_bot.build
from ironclaw.errors import ToolboxError
from ironclaw.registry import Registry
from ironclaw.registry.signing import SIGNATURE
from ironclaw_bot.authoring.templates import new
from ironclaw_bot.build import build, main, tools_folder
from ironclaw_bot.cli import main as cli
from ironclaw_bot.guests.languages import source_of
from ironclaw_bot.guests.npm_lock import cleaned
from ironclaw_bot.guests.python import COMPONENTIZE_PY
from ironclaw_bot.guests.sections import component_imports
from ironclaw_bot.progress import CLEAR_LINE, Progress

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.sandbox


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like ironclaw_tools with one small source."""
    for part in ("wit", "sdk"):
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(tools_folder() / part, tmp_path / part, ignore=ignored)
    (tmp_path / "hello").mkdir()
    for name in ("app.py", "toolbox.toml"):
        text = (tools_folder() / "templates" / "python" / name).read_text("utf-8")
        (tmp_path / "hello" / name).write_text(text.replace("NAME", "hello"))
    monkeypatch.setattr(ironclaw_bot.build, "tools_folder", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def target(tools: Path) -> Path:
    """The built small toolbox beside its sources: what the author of docs/tools.md builds."""
    built = guests.kept(tools / "hello", "page-python")
    shutil.copytree(built, tools / "built" / "hello")
    return tools / "built" / "hello"


@pytest.fixture
def no_builder(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes componentize-py look not installed."""

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    return lambda: monkeypatch.setattr(metadata, "version", missing)


def quietly_build(name: str = "hello") -> list[Path]:
    return build((name,), Progress(io.StringIO()))


def test_built(target: Path) -> None:
    """
    What is built is a toolbox of the registry, and a pure one imports nothing but its host.
    """
    box = Registry.load([target.parent]).toolboxes[0]

    assert (box.name, box.profile) == ("hello", "pure")
    assert component_imports(box.component) == ["ironclaw:tool/host@1.0.0"]
    assert sorted(each.name for each in target.iterdir()) == ["component.wasm", "toolbox.toml"]


def test_up_to_date(target: Path, no_builder: Callable[[], None]) -> None:
    """
    What is up to date is not built again, and so needs no builder.
    """
    no_builder()

    assert quietly_build() == [target]


@pytest.mark.parametrize("changed", ["hello/app.py", "sdk/python/ironclaw_guest.py", "wit/ironclaw.wit"])
def test_changed_source(tools: Path, target: Path, no_builder: Callable[[], None], changed: str) -> None:
    """
    Any changed source means another build; without its builder the error says what to install.
    """
    no_builder()
    (tools / changed).write_text((tools / changed).read_text() + "\n")

    with pytest.raises(ToolboxError, match=f"-m pip install componentize-py=={COMPONENTIZE_PY}"):
        quietly_build()

    assert target.exists()


def test_changed_manifest(tools: Path, target: Path, no_builder: Callable[[], None]) -> None:
    """
    Another version or description alone is stamped: the component is the same, and needs no builder.
    """
    no_builder()
    (target / SIGNATURE).write_text("of the old one")
    before = Registry.load([target.parent]).toolboxes[0]
    _replace(tools / "hello" / "toolbox.toml", 'version = "0.1.0"', 'version = "0.2.0"')
    quietly_build()
    after = Registry.load([target.parent]).toolboxes[0]

    assert ("0.2.0", before.component_sha256) == (after.version, after.component_sha256)
    assert not (target / SIGNATURE).exists()


def test_changed_profile(tools: Path, target: Path, no_builder: Callable[[], None]) -> None:
    """
    Another profile makes another component: it is built again.
    """
    no_builder()
    source = source_of(tools / "hello", tools)
    assert source.component_digest("pure") != source.component_digest("scratch")
    _replace(tools / "hello" / "toolbox.toml", 'version = "0.1.0"', 'version = "0.1.0"\nprofile = "scratch"')

    with pytest.raises(ToolboxError, match="not installed"):
        quietly_build()


@pytest.mark.parametrize("changed", ["app.py", "toolbox.toml"])
def test_stale_is_not_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str) -> None:
    """
    What was built before the source or its toolbox.toml changed is not signed; what is up to date is.
    """
    folder = new("hello", "python", tmp_path)[0].parent
    shutil.copytree(guests.kept(folder, "page-python"), folder / "built" / "hello")
    monkeypatch.chdir(tmp_path)
    key = str(tmp_path / "acme.pem")
    codes = [cli(["tool", "keygen", key]), cli(["tool", "sign", "hello", "--key", key])]
    (folder / changed).write_text((folder / changed).read_text() + "\n# changed\n")
    codes += [cli(["tool", "sign", where, "--key", key]) for where in ("hello", "hello/built/hello")]

    assert [0, 0, 1, 1] == codes


def _replace(file: Path, old: str, new: str) -> None:
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def test_damaged_component(target: Path, no_builder: Callable[[], None]) -> None:
    """
    A component that is not what its stamp says is built again.
    """
    no_builder()
    (target / "component.wasm").write_bytes(b"")

    with pytest.raises(ToolboxError, match="not installed"):
        quietly_build()


def test_broken_source(tools: Path) -> None:
    """
    A source that cannot be built leaves nothing behind, and the error says where it is wrong.

    What is missing here is installed beside us: nothing of that can be baked into a tool.
    """
    (tools / "hello" / "app.py").write_text("import multidict")

    with pytest.raises(
        ToolboxError, match=r"app\.py line 1: ModuleNotFoundError: No module named 'multidict'"
    ):
        quietly_build()

    assert [each.name for each in (tools / "built").iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("language", "source", "words"),
    [
        ("c", "int broken = ;", r"(?s)zig cc could not build .*app\.c:1:14: error: expected"),
        ("zig", "const broken = ;", r"(?s)zig build-exe could not build .*app\.zig:1:16: error: expected"),
        ("zig", "", "does not define cabi_realloc, run"),
    ],
)
def test_refused_by_the_builder(tools: Path, language: str, source: str, words: str) -> None:
    """
    What only the builder finds is said in the builder's words.
    """
    guests.need(language)
    new("broken", language, tools)
    (tools / "broken" / f"app.{language}").write_text(source)

    with pytest.raises(ToolboxError, match=words):
        quietly_build("broken")


def test_other_version(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Another version of the builder is refused: it would make another component.
    """
    monkeypatch.setattr(metadata, "version", lambda _name: "0.1.0")

    with pytest.raises(ToolboxError, match=COMPONENTIZE_PY):
        quietly_build()


def test_version_is_pinned() -> None:
    """
    The builder's version is the one that the package's extra installs.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert f"componentize-py=={COMPONENTIZE_PY}" in project["optional-dependencies"]["build"]


@pytest.mark.parametrize("name", ["nothing", "../hello", ""])
def test_no_source(tools: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A name without a source is an error in one sentence.
    """
    assert main([name]) == 1
    assert "no toolbox" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress() -> None:
    """
    On a terminal one line moves; elsewhere there is a line at the beginning, every 10 s, and at the end.
    """
    said = []
    for stream in (Terminal(), io.StringIO()):
        progress = Progress(stream)
        progress.begin("hello", "about 15 s")
        progress.tick("hello", 1)
        progress.tick("hello", 12)
        progress.tick("hello", 13)
        progress.done("hello", 13.5)
        said.append(stream.getvalue())

    assert said[0].split(CLEAR_LINE)[1:] == [
        "building the toolbox hello ... 1 s",
        "building the toolbox hello ... 12 s",
        "building the toolbox hello ... 13 s",
        "built the toolbox hello in 13.5 s\n",
    ]
    assert (said[1].splitlines()[1:], CLEAR_LINE in said[1]) == (
        ["building the toolbox hello ... 12 s", "built the toolbox hello in 13.5 s"],
        False,
    )


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("js", "node is not installed; it builds JavaScript toolboxes: install Node.js 20 or newer"),
        ("c", r"ziglang is not installed; .* C toolboxes: .* -m pip install ziglang=="),
        ("zig", r"ziglang is not installed; .* Zig toolboxes: .* -m pip install ziglang=="),
    ],
)
def test_no_builder(
    tools: Path,
    folder: str,
    words: str,
    no_builder: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Without a language's builder the error says what to install.
    """
    no_builder()
    monkeypatch.setenv("PATH", "")
    new("fresh", folder, tools)

    with pytest.raises(ToolboxError, match=words):
        quietly_build("fresh")


def test_no_language(tools: Path) -> None:
    """
    A folder without a source says which files could be one.
    """
    (tools / "hello" / "app.py").unlink()

    with pytest.raises(ToolboxError, match=r"the source is missing: app\.py or app\.ts or app\.js or app\.c"):
        quietly_build()


@pytest.mark.parametrize("language", ["c", "zig"])
def test_files_need_python(tools: Path, language: str) -> None:
    """
    A toolbox of C or Zig that declares a workspace is refused: it could not reach it.
    """
    guests.need(language)
    new("fresh", language, tools)
    manifest = tools / "fresh" / "toolbox.toml"
    manifest.write_text('profile = "scratch"\n' + manifest.read_text())

    with pytest.raises(ToolboxError, match="only Python tools have files"):
        quietly_build("fresh")


def test_npm_lock() -> None:
    """
    npm's lock file names no registry, pins every package by hash, and is what npm ci takes.
    """
    lock = json.loads((tools_folder() / "sdk" / "js" / "package-lock.json").read_text())
    packages = {name: each for name, each in lock["packages"].items() if name}

    assert cleaned(lock) == lock
    assert [name for name, each in packages.items() if "integrity" not in each] == []
    assert "://" not in json.dumps(lock)


def test_npm_lock_is_cleaned() -> None:
    """
    What npm writes and npm ci refuses is taken out: addresses, and optional packages that nobody published.
    """
    package = {"resolved": "somewhere", "optionalDependencies": {"here": "1", "gone": "1"}}
    lock = {"packages": {"node_modules/a": package, "node_modules/here": {"version": "1"}}}

    assert {"optionalDependencies": {"here": "1"}} == cleaned(lock)["packages"]["node_modules/a"]
