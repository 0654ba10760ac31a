"""What a log line holds, and what it never does."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from tests.fakes.logs import lent_logging

from ironclaw.settings import Settings
from ironclaw_bot.logs import WITHHELD, configure, of_one_command

SECRET = "sk-" + "live-0123456789"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def hide(text: str) -> str:
    return text.replace(SECRET, "[hidden]")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    with lent_logging():
        yield


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def settings(**changes: Any) -> Settings:
    return Settings(**changes)


def test_one_line_of_json(stream: io.StringIO) -> None:
    """
    Away from a terminal an event is one line of JSON, with what the context has bound.
    """
    configure(settings(), stream=stream)
    structlog.contextvars.bind_contextvars(request_id="r1", tenant="T1")
    structlog.get_logger("door").info("request", status=200, text="two\nlines")

    (line,) = lines(stream)

    expected = {"event": "request", "level": "info", "logger": "door", "status": 200, "text": "two\nlines"}
    assert (expected | {"request_id": "r1", "tenant": "T1"}).items() <= line.items()
    assert line["timestamp"].endswith("Z")


def test_terminal() -> None:
    """
    On a terminal an event is for people, not JSON.
    """
    stream = Terminal()
    configure(settings(), stream=stream)
    structlog.get_logger().info("request", status=200)

    assert "request" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[2J", "\r", "\x9b2J", "\u202egnp.exe"])
def test_terminal_forgery(text: str) -> None:
    """
    On a terminal no text of an event makes a line of its own or steers the screen.
    """
    stream = io.StringIO()
    configure(settings(log_format="console"), stream=stream)
    structlog.get_logger().info(text, value=text)
    logging.getLogger("theirs").warning(text)

    assert len(stream.getvalue().splitlines()) == 2
    assert text not in stream.getvalue().removesuffix("\n")


@pytest.mark.parametrize("chosen", ["json", "console"])
def test_chosen_format(chosen: str) -> None:
    """
    The setting log_format is stronger than the terminal.
    """
    stream = Terminal()
    configure(settings(log_format=chosen), stream=stream)
    structlog.get_logger().info("request")

    assert (chosen == "json") == stream.getvalue().startswith("{")


def test_standard_library(stream: io.StringIO) -> None:
    """
    A library's own logger writes the same lines, with the same context.
    """
    configure(settings(), stream=stream)
    structlog.contextvars.bind_contextvars(request_id="r1")
    logging.getLogger("some.library").warning("%s of %s", 1, 2)

    expected = {"event": "1 of 2", "level": "warning", "logger": "some.library", "request_id": "r1"}
    assert expected.items() <= lines(stream)[0].items()


def test_level(stream: io.StringIO) -> None:
    """
    Nothing under log_level is written.
    """
    configure(settings(log_level="warning"), stream=stream)
    for name in ("ours", "theirs"):
        structlog.get_logger(name).info("quiet")
        logging.getLogger(name).info("quiet")

    assert stream.getvalue() == ""


def test_of_one_command(stream: io.StringIO) -> None:
    """
    A command that somebody waits for shows warnings alone and no JSON, unless the settings say otherwise.
    """
    configure(of_one_command(Settings()), stream=stream)
    structlog.get_logger("ours").info("quiet")
    structlog.get_logger("ours").warning("loud")
    said = of_one_command(Settings(log_level="info", log_format="json"))

    assert ("quiet" in stream.getvalue(), "loud" in stream.getvalue()) == (False, True)
    assert not stream.getvalue().startswith("{")
    assert ("info", "json") == (said.log_level, said.log_format)


def test_configured_again(stream: io.StringIO) -> None:
    """
    Configuring again, as when the redactor is ready, does not double the lines.
    """
    configure(settings(), stream=stream)
    configure(settings(), hide, stream=stream)
    structlog.get_logger().info(SECRET)

    assert [line["event"] for line in lines(stream)] == ["[hidden]"]


class Odd:
    """Shows its secret in its repr, as request objects do."""

    def __repr__(self) -> str:
        return f"<Odd {SECRET}>"


@pytest.mark.parametrize("chosen", ["json", "console"])
@pytest.mark.parametrize(
    "value",
    [
        SECRET,
        [SECRET],
        {"a": {"b": (SECRET,)}},
        {SECRET: 1},
        Odd(),
        [Odd()],
        SECRET.encode(),
        ValueError(SECRET),
    ],
)
def test_redacted(stream: io.StringIO, chosen: str, value: Any) -> None:
    """
    No value of an event carries a secret, however deep, and whatever its type.
    """
    configure(settings(log_format=chosen), hide, stream)
    structlog.get_logger().info("request", value=value)

    assert "[hidden]" in stream.getvalue()
    assert SECRET not in stream.getvalue()


@pytest.mark.parametrize("chosen", ["json", "console"])
@pytest.mark.parametrize("logger", [structlog.get_logger("a"), logging.getLogger("b")])
def test_traceback(stream: io.StringIO, chosen: str, logger: Any) -> None:
    """
    A traceback is there to read, without the secret in its message and without local variables.
    """
    configure(settings(log_format=chosen), hide, stream)
    local = "a-local-" + "value"
    try:
        raise ValueError(f"cannot use {SECRET} for {len(local)}")
    except ValueError:
        logger.exception("failed")

    assert "ValueError: cannot use [hidden] for 13" in stream.getvalue()
    assert SECRET not in stream.getvalue()
    assert local not in stream.getvalue()


def test_redactor_fails(stream: io.StringIO) -> None:
    """
    When the redactor fails the text is withheld, and the line is still written.
    """

    def broken(text: str) -> str:
        raise RuntimeError(text)

    configure(settings(), broken, stream)
    structlog.get_logger().info(SECRET)

    assert WITHHELD in stream.getvalue()
    assert SECRET not in stream.getvalue()


def test_redactor_logs(stream: io.StringIO) -> None:
    """
    A redactor that logs its own failure is heard once, in words that it need not see, and not for ever.
    """

    def broken(text: str) -> str:
        structlog.get_logger("hooks").error("redact_failed", plugin="leak_guard", text=text)
        raise RuntimeError(text)

    configure(settings(), broken, stream)
    logging.getLogger("any").warning(SECRET)

    told = [line for line in lines(stream) if line.get("event") == "redact_failed"]
    assert told
    assert {"redact_failed leak_guard hooks"} == {
        f"{each['event']} {each['plugin']} {each['logger']}" for each in told
    }
    assert len(lines(stream)) < 20
    assert SECRET not in stream.getvalue()


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("slack_bolt.AsyncApp", logging.WARNING),
        ("slack_sdk.web.async_client", logging.INFO),
        ("aiohttp.access", logging.INFO),
        ("openai._base_client", logging.DEBUG),
        ("httpx", logging.INFO),
    ],
)
def test_talkative_libraries(stream: io.StringIO, name: str, level: int) -> None:
    """
    Loggers that would tell bodies and headers stay quiet, even when all is asked for and they set a level.
    """
    configure(settings(log_level="debug"), stream=stream)
    logger = logging.getLogger(name)
    logger.setLevel(logging.DEBUG)
    logger.log(level, "Unhandled request (body)")
    logger.setLevel(logging.NOTSET)

    assert stream.getvalue() == ""


def test_no_http(stream: io.StringIO) -> None:
    """
    A request that is no HTTP is noted without the exception that quotes it.
    """
    configure(settings(), stream=stream)
    try:
        raise ValueError(f"400, message: Got more than 8190 bytes when reading: {SECRET}")
    except ValueError as error:
        logging.getLogger("aiohttp.server").exception("Error handling request from %s", "::1", exc_info=error)

    assert [line["event"] for line in lines(stream)] == ["Error handling request from ::1"]
    assert SECRET not in stream.getvalue()


def test_of_the_queue(stream: io.StringIO) -> None:
    """
    What the queue's library says of a lost connection is one line, without a traceback, and no more.
    """
    configure(settings(), hide, stream)
    queue = logging.getLogger("pgqueuer")
    queue.info("looking")
    try:
        raise ConnectionResetError(f"of {SECRET}")
    except ConnectionResetError as error:
        queue.error("Connection lost", exc_info=error)

    assert [["Connection lost", None]] == [[x["event"], x.get("exception")] for x in lines(stream)]


def test_warnings(stream: io.StringIO) -> None:
    """
    A warning of the interpreter is an event like others.
    """
    configure(settings(), hide, stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn(f"about {SECRET}", stacklevel=1)
        logging.captureWarnings(False)

    assert "about [hidden]" in stream.getvalue()
