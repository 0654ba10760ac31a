"""What a model is told of a turn that could not be used: ours alone, nothing that it or its server wrote."""

from __future__ import annotations

from ironclaw_plugins.brain_openai.faults import BROKE_OFF, EMPTY, Broken

AGAIN = "Nothing of it was used. Give the whole turn again."


def _broken(sentence: str, what: str) -> Broken:
    return Broken(sentence, f"(From the host, not from the person: your last turn {what}. {AGAIN})")


def cut() -> Broken:
    """Its stream ended in the middle."""
    return _broken(BROKE_OFF, "broke off in the middle")


def garbled() -> Broken:
    """An event of its stream was nothing that we know."""
    return _broken("The model's server sent a stream that nobody can read. Try again.", "came garbled")


def empty() -> Broken:
    """Neither a call nor an answer."""
    return _broken(EMPTY, "held neither a tool call nor an answer")


def bad_arguments(position: int, why: str) -> Broken:
    """
    :param position: of the call in its turn, from 1
    :param why: a sentence of ours
    """
    return _broken(
        "The model wrote tool calls that cannot be read. Ask again, or set another openai_model.",
        f"could not be read: the arguments of its call number {position} must be one JSON object, each key "
        f"once. {why}",
    )


def too_many() -> Broken:
    """More calls than anybody would look at."""
    return _broken(
        "The model wanted far too many tool calls at once. Ask for less at once.",
        "held far too many tool calls: propose a few at a time",
    )


def bad_question() -> Broken:
    """It asks the person, but says nothing."""
    return _broken(
        "The model asked a question without words. Ask again, or set another openai_model.",
        "asked the person without a question: give question as a text, and choices as a list of texts",
    )
