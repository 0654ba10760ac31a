"""What a text says of a forgotten memory goes, however it was cut, quoted or packed; and nothing else."""

from __future__ import annotations

import json
import time

import pytest

from ironclaw.recollecting import FORGOTTEN
from ironclaw.store.wording import RUN, Words, cleaned, cleaned_circumstances

LONG = "Production deploys of billing happen on Tuesdays, once the release calendar of the team has been read"
WORDS = (
    Words("m-1", LONG),
    Words("m-2", "Zürich is up"),
    Words("m-3", "files"),
    Words("m-4", '"Up", says Zoë'),
)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        (f"so: {LONG}.", f"so: {FORGOTTEN}."),
        (f"so: {LONG[:RUN]}…", f"so: {FORGOTTEN}…"),
        (f"…{LONG[33 : 33 + RUN]}…", f"…{FORGOTTEN}…"),
        (f"…{LONG[-RUN:]}", f"…{FORGOTTEN}"),
        (f"{LONG[: RUN - 1]}…", f"{LONG[: RUN - 1]}…"),
        (f"{LONG}{LONG}", FORGOTTEN * 2),
        ("Zürich is up, they say", f"{FORGOTTEN}, they say"),
        ("files", FORGOTTEN),
        ("the files", "the files"),
        (f"- m-1 by x: {LONG[:20]}", f"- m-1: {FORGOTTEN}"),
        ('I was told: "\\"Up\\", says Zoë".', f'I was told: "{FORGOTTEN}".'),
    ],
)
def test_what_stays_of_a_text(text: str, after: str) -> None:
    """
    Any part that nobody says by chance goes; a phrase that others have too stays.
    """
    assert after == cleaned(text, WORDS)


def test_what_stays_of_json() -> None:
    """
    Strings and names in it change, in JSON within it too; its shape and its other values do not.
    """
    inner = json.dumps({"text": LONG})
    given = json.dumps({"a": [LONG, 1, None], LONG: inner, "id": "m-3", "text": "written \\u00e0 la carte"})
    wanted = {"a": [FORGOTTEN, 1, None], FORGOTTEN: json.dumps({"text": FORGOTTEN}), "id": "m-3"}

    assert wanted | {"text": FORGOTTEN} == json.loads(cleaned(given, WORDS))


@pytest.mark.parametrize(
    "given",
    [
        json.dumps("Zürich is up"),
        json.dumps(f'so: "{LONG}"'),
        "\n " + json.dumps({"a": "Zürich is up"}),
        '{"a": "Zürich is up", "a": 1}',
        json.dumps({"head": json.dumps({"text": f"Zürich is up {LONG}", "more": "x"})[:-9]}),
    ],
    ids=["a text alone", "quoted", "after a space", "a name twice", "cut off"],
)
def test_what_json_hides(given: str) -> None:
    """
    A tool writes its result as it likes: what JSON escapes goes too, and what nobody reads of it.
    """
    left = cleaned(given, WORDS)
    assert (False, False) == ("rich is up" in left, LONG in left)
    json.loads(left)


def test_sources_are_no_words() -> None:
    """
    What later calls are judged by stays, though a memory says the same.
    """
    given = json.dumps({"taints": ["files"], "preview": {"files": [["a", "", "b", 1, [f"+ {LONG}"], ""]]}})

    after = json.loads(cleaned_circumstances(given, WORDS))
    assert {"taints": ["files"], "preview": {"files": [["a", "", "b", 1, [f"+ {FORGOTTEN}"], ""]]}} == after


def test_circumstances_that_are_none() -> None:
    """
    A row that somebody has spoiled keeps nobody from forgetting, and stays spoiled.
    """
    assert f'{{"taints": ["{FORGOTTEN}' == cleaned_circumstances(f'{{"taints": ["{LONG}', WORDS)


@pytest.mark.parametrize("piece", ["a", "ab", "a" * 20 + "b"])
def test_no_text_takes_long(piece: str) -> None:
    """
    Others wait meanwhile: a memory and a text that are alike at every place are gone through all the same.
    """
    words = [Words("m-1", ("a" * 500)), Words("m-2", ("ab" * 250))]
    began = time.process_time()
    cleaned(piece * (100_000 // len(piece)), words)

    assert time.process_time() - began < 2


def test_too_deep_to_read() -> None:
    """
    Of JSON that nobody can read through nothing is left.
    """
    assert LONG not in cleaned('{"a":' * 90_000 + json.dumps(LONG) + "}" * 90_000, WORDS)
