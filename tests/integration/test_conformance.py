"""The conformance suite, with a toolbox of each language, in the real sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes import guests
from tests.integration.engine import settings

from ironclaw_bot.authoring.cases import Case
from ironclaw_bot.authoring.trying import open_trials
from ironclaw_bot.conformance import cases, run_suite, suite, table
from ironclaw_bot.guests.sections import component_imports

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300)]


def quiet(_line: str) -> None:
    pass


@pytest.mark.parametrize("language", ["python", "js", "c", "zig"])
async def test_language(tmp_path: Path, language: str) -> None:
    """
    Every case passes, whatever language the toolbox is written in; and it imports our host alone.
    """
    guests.need(language)
    built = guests.kept(suite() / language, f"conformance-{language}")
    found = await run_suite(settings(tmp_path), {language: built}, quiet)
    failed = [f"{trial.case.name}: {fault}" for trial in found[language] for fault in trial.faults]

    assert ([], len(cases())) == (failed, len(found[language]))
    assert ["ironclaw:tool/host@1.0.0"] == component_imports(built / "component.wasm")
    assert list(table(found))[-1] == f"{len(cases())} passed, 0 failed"


def test_every_tool_is_tried() -> None:
    """
    The suite calls every tool that its toolboxes have, and no two cases have one name.
    """
    names = [case.name for case in cases()]
    manifest = (suite() / "c" / "toolbox.toml").read_text()

    assert len(names) == len(set(names))
    assert {f'[tools."{case.tool}"]' for case in cases()} == {
        line for line in manifest.splitlines() if line.startswith('[tools."') and line.endswith('"]')
    }


DENIED = {"tool": "conform.fail", "input": {"kind": "denied", "message": "a"}}
LOG = {"tool": "conform.log", "input": {"level": "info", "message": "a"}}
URL = "https://api.example.com/v1"
POST = {
    "tool": "conform.http",
    "input": {"method": "POST", "url": URL, "body": "[1]", "secret": "conform_key"},
    "http": [{"method": "POST", "url": URL}],
}
SENT = {"method": "POST", "url": URL}
WRONG = [
    ({**POST, "secrets": []}, "got denied: There is no secret of this name"),
    ({**POST, "sent": [{**SENT, "secret": "other"}]}, "expected the request"),
    ({**POST, "sent": [{**SENT, "body_schema": {"maxItems": 0}}]}, "the body of the request does not fit"),
    (
        {**POST, "input": {"method": "POST", "url": URL}, "sent": [{**SENT, "body_schema": {}}]},
        "a body that is JSON",
    ),
    ({"tool": "conform.echo", "input": {"value": 1}, "output": True}, "expected the output true, got 1"),
    ({"tool": "conform.echo", "input": {"value": 1}, "failure": "denied"}, "expected the failure denied"),
    ({"tool": "conform.echo", "input": {}}, "expected an output, got invalid_input: schema: "),
    ({**DENIED, "failure": "denied", "message": "b"}, "expected a message with 'b', got 'a'"),
    ({"tool": "conform.empty", "output_schema": {"type": "string"}}, "the output does not fit: {} is not of"),
    ({**LOG, "logs": []}, "expected the log lines []"),
    ({"tool": "conform.empty", "sent": [{"url": "https://api.example.com/"}]}, "expected 1 requests, got 0"),
    ({"tool": "conform.empty", "files": {"a": "b"}, "leaves": {}}, 'expected the files {}, got {"a": "b"}'),
]  # fmt: skip


async def test_faults(tmp_path: Path) -> None:
    """
    A case that expects something else fails, and says what came instead.
    """
    guests.need("c")
    built = guests.kept(suite() / "c", "conformance-c")
    wrong = [Case.model_validate(case) for case, _ in WRONG]
    async with open_trials(settings(tmp_path), quiet) as trials:
        faults = [trial.faults async for trial in trials.run(built, wrong)]

    assert [] == [
        (fault, words) for fault, (_, words) in zip(faults, WRONG, strict=True) if words not in str(fault)
    ]
    assert {1} == {len(each) for each in faults}


@pytest.mark.parametrize(
    ("language", "words", "where"),
    [("python", "NoneType", "app.py line "), ("js", "null", "at run (/component.js:")],
)
async def test_for_the_author(tmp_path: Path, language: str, words: str, where: str) -> None:
    """
    Where and why a tool broke is told to its author, in no line that it logged and not in its failure.
    """
    guests.need(language)
    built = guests.kept(suite() / language, f"conformance-{language}")
    broken = {"tool": "conform.size", "raw": '{"text": null}', "failure": "internal", "logs": []}
    async with open_trials(settings(tmp_path), quiet) as trials:
        (trial,) = [each async for each in trials.run(built, [Case.model_validate(broken)])]
    name, message = trial.result.failure.message.split(" in ") if trial.result.failure else ("", "")

    assert ((), "conform.size") == (trial.faults, message)
    assert any(line.startswith(f"{name}: ") and words in line for line in trial.said)
    assert any(where in line for line in trial.said)
