"""The guest SDK: whatever a tool does, its host gets a result or a typed failure."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from tests.fakes import guests

from ironclaw_bot.build import tools_folder


@pytest.fixture
def guest(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A fresh copy of the SDK, outside any component."""
    path = tools_folder() / "sdk" / "python" / "ironclaw_guest.py"
    spec = importlib.util.spec_from_file_location("ironclaw_guest_of_a_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_arguments_and_result(guest: ModuleType) -> None:
    """
    JSON arguments come as keywords, and what is returned goes out as JSON.
    """

    @guest.tool("greet.person")
    def greet(name: str, loudly: bool = False) -> dict[str, object]:
        return {"text": f"hi {name}", "loudly": loudly}

    assert guest.names() == ["greet.person"]
    assert json.loads(guest.dispatch("greet.person", '{"name": "é"}')) == {"text": "hi é", "loudly": False}


def test_printing(guest: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    """
    What a tool prints goes nowhere: stdout is the host's.
    """
    guest.tool("x.print")(lambda: print("noise"))

    assert guest.dispatch("x.print", "{}") == "null"
    assert capfd.readouterr() == ("", "")


def test_the_author_is_told(guest: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What a tool prints, and where and why it broke, goes to the host's debug log, bounded.
    """
    lines: list[tuple[str, str]] = []
    host = SimpleNamespace(Level={"DEBUG": "debug"}, log=lambda level, text: lines.append((level, text)))
    monkeypatch.setattr(guest, "host", host)

    def broken() -> None:
        print("x" * 5000, "so far")
        raise ValueError("too small")

    guest.tool("x.broken")(broken)
    with pytest.raises(guest.Internal, match=r"^ValueError in x\.broken$"):
        guest.dispatch("x.broken", "{}")

    printed, trace = [text.removeprefix(guest.FOR_AUTHOR) for level, text in lines if level == "debug"]
    assert (guest.MAX_TOLD, True) == (len(printed), printed.endswith("x so far\n"))
    assert re.fullmatch(rf"{__file__} line \d+, in broken\nValueError: too small", trace)


def raising(error: BaseException) -> object:
    def tool() -> None:
        raise error

    return tool


@pytest.mark.parametrize(
    "error", [ValueError("secret"), KeyError("secret"), SystemExit(3), KeyboardInterrupt(), RecursionError()]
)
def test_any_exception(guest: ModuleType, error: BaseException) -> None:
    """
    An exception becomes Internal with its name and without its words: those were not meant for the caller.
    """
    guest.tool("x.raise")(raising(error))

    with pytest.raises(guest.Internal) as failure:
        guest.dispatch("x.raise", "{}")

    assert str(failure.value) == f"{type(error).__name__} in x.raise"


@pytest.mark.parametrize("kind", ["InvalidInput", "Denied", "Unavailable", "Internal"])
def test_typed_failure(guest: ModuleType, kind: str) -> None:
    """
    A tool's own failure passes with its words.
    """
    guest.tool("x.fail")(raising(getattr(guest, kind)("no such page")))

    with pytest.raises(getattr(guest, kind), match="no such page"):
        guest.dispatch("x.fail", "{}")


@pytest.mark.parametrize("text", ["", "[]", '"x"', "{", "[" * 100_000])
def test_input(guest: ModuleType, text: str) -> None:
    """
    Input that is no JSON object is the caller's mistake.
    """
    guest.tool("x.y")(lambda: None)

    with pytest.raises(guest.InvalidInput):
        guest.dispatch("x.y", text)


def test_unknown_tool(guest: ModuleType) -> None:
    """
    A tool that the toolbox does not have is the caller's mistake; so is the host's warming call.
    """
    with pytest.raises(guest.InvalidInput, match="no tool nothing"):
        guest.dispatch("nothing", "{}")


@pytest.mark.parametrize("result", [{1, 2}, float("nan"), object()])
def test_result_that_is_no_json(guest: ModuleType, result: object) -> None:
    """
    A result that JSON has no form for is the tool's own error.
    """
    guest.tool("x.odd")(lambda: result)

    with pytest.raises(guest.Internal, match="no JSON"):
        guest.dispatch("x.odd", "{}")


def test_lone_surrogate(guest: ModuleType) -> None:
    """
    Half a character does not trap on the way out.
    """
    guest.tool("x.half")(lambda: "a\ud800")

    assert guest.dispatch("x.half", "{}") == '"a?"'


def test_a_preview(guest: ModuleType) -> None:
    """
    The host asks for a preview by a name that no tool can have, and gets files and requests apart.
    """

    def will_greet(name: str) -> list[dict[str, object]]:
        body = guest.will_send("POST", "https://a.test/", {"accept": "a"}, b"\xff", "token")
        return [guest.will_write("a.md", name), guest.will_delete("b.md"), body]

    guest.tool("greet.person", preview=will_greet)(lambda name: name)
    said = json.loads(guest.dispatch(guest.PREVIEW, '{"tool": "greet.person", "args": {"name": "é"}}'))

    request = {"method": "POST", "url": "https://a.test/", "headers": {"accept": "a"}, "secret": "token"}
    files = [{"path": "a.md", "text": "é"}, {"path": "b.md", "delete": True}]
    assert {"files": files, "requests": [{**request, "base64": "/w=="}]} == said


@pytest.mark.parametrize("words", ['{"tool": "x.none", "args": {}}', '{"tool": "x.plain", "args": {}}', "{}"])
def test_no_preview(guest: ModuleType, words: str) -> None:
    """
    Where there is none, the host hears so in a typed failure.
    """
    guest.tool("x.plain")(lambda: None)

    with pytest.raises(guest.InvalidInput):
        guest.dispatch(guest.PREVIEW, words)


def test_a_preview_in_javascript(tmp_path: Path) -> None:
    """
    The same question has the same answer.
    """
    guests.need("js")
    sdk = (tools_folder() / "sdk/js/ironclaw.js").read_text("utf-8")
    lines = [line for line in sdk.splitlines() if not line.startswith("import * as host")]
    (tmp_path / "ironclaw.mjs").write_text("\n".join(lines), "utf-8")
    (tmp_path / "app.mjs").write_text(
        """import { run, string, tool, willDelete, willSend, willWrite } from "./ironclaw.mjs";
        const will = ({ name }) => [willWrite("a.md", name), willDelete("b.md"),
          willSend({ url: "https://a.test/" })];
        tool("greet.person", "Greets.", { name: string("who") }, () => null, will);
        console.log(run("ironclaw.preview", '{"tool": "greet.person", "args": {"name": "x"}}'));
        """
    )
    said = subprocess.run(["node", tmp_path / "app.mjs"], capture_output=True, text=True, check=True)

    request = {"method": "GET", "url": "https://a.test/", "headers": {}, "secret": None, "text": ""}
    files = [{"path": "a.md", "text": "x"}, {"path": "b.md", "delete": True}]
    assert {"files": files, "requests": [request]} == json.loads(said.stdout)
