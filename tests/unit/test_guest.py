"""The guest SDK: whatever a tool does, its host gets a result or a typed failure."""

from __future__ import annotations

import importlib.util
import json
import sys
from types import ModuleType

import pytest

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
