"""Logs: one event, one line, with nothing in it that must not be seen.

JSON where a machine reads, columns on a terminal.  What the standard library's loggers say goes the same
way, and every text of every event passes the redactor last.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from ironclaw.settings import Settings

Redact = Callable[[str], str]

redacting: ContextVar[bool] = ContextVar("redacting", default=False)

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
CONTROL_IN_TRACEBACK = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
OURS = ("event", "level", "logger", "timestamp", "plugin")
PLAIN = re.compile(r"[A-Za-z0-9_.:-]{1,80}", re.ASCII)
WITHHELD = "[withheld: the redactor failed]"
#: Least level of loggers that would tell bodies, headers or tokens.  Bolt copies the root's level into its
#: own loggers, so levels set on them do not hold: a filter on the handler does.
QUIET = {
    "aiohttp": logging.WARNING,
    "asyncio": logging.WARNING,
    "httpcore": logging.WARNING,
    "httpx": logging.WARNING,
    "httpx2": logging.WARNING,
    "openai": logging.WARNING,
    "pgqueuer": logging.WARNING,
    "slack_bolt": logging.ERROR,  # Its warning "Unhandled request" holds the whole body.
    "slack_sdk": logging.WARNING,
}


def configure(settings: Settings, redact: Redact = str, stream: TextIO | None = None) -> None:
    """Send every log of the process to one stream.  Calling it again replaces what it did before.

    :param redact: gives a text back without what must not be seen; when it raises, the text is withheld
    :param stream: stderr when None
    """
    stream = stream or sys.stderr
    json = settings.log_format == "json" or (settings.log_format == "auto" and not stream.isatty())
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.addFilter(tame)
    handler.setFormatter(_formatter(redact, [_json()] if json else [one_line, _console(stream)]))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)


def of_one_command(settings: Settings) -> Settings:
    """The same, for a command that somebody waits for: what is no warning is for servers, and JSON too.

    What the settings say themselves holds.
    """
    changes = {"log_level": "warning", "log_format": "console"}
    said = settings.model_fields_set
    return settings.model_copy(update={key: value for key, value in changes.items() if key not in said})


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _formatter(redact: Redact, render: list[Processor]) -> logging.Formatter:
    foreign = [step for step in _shared() if step is not structlog.stdlib.filter_by_level]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=foreign,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            # Plain tracebacks: the richer ones print local variables, and with them tokens and bodies.
            structlog.processors.format_exc_info,
            Redactor(redact),
            *render,
        ],
    )


def _json() -> Processor:
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def _console(stream: TextIO) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


def one_line(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """A processor for terminals: no text from outside forges a line or moves the cursor."""
    for name, value in event.items():
        if isinstance(value, str) and name != "exception":
            event[name] = CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), value)
        elif isinstance(value, str):
            event[name] = CONTROL_IN_TRACEBACK.sub("?", value)
    return event


class Redactor:
    """A processor: makes every value plain JSON and takes out of each text what must not be seen."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        if redacting.get():
            # The redactor itself logs, most likely that it failed: asking it again would never end.
            return {name: event[name] for name in OURS if PLAIN.fullmatch(str(event.get(name, "")))}
        token = redacting.set(True)
        try:
            return {self._text(str(name)): self._clean(value) for name, value in event.items()}
        finally:
            redacting.reset(token)

    def _clean(self, value: Any) -> Any:
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self._text(value)
            case Mapping():
                return {self._text(str(name)): self._clean(item) for name, item in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._clean(item) for item in value]
        # An object's repr is text as well, and made before redaction, not by the renderer after it.
        return self._text(repr(value))

    def _text(self, text: str) -> str:
        try:
            return self._redact(text)
        except Exception:  # noqa: BLE001 - a plugin's code: a log must neither fail nor leak because of it
            return WITHHELD


def tame(record: logging.LogRecord) -> bool:
    """Whether a record may be shown; takes out of it what holds a request's bytes."""
    library = record.name.partition(".")[0]
    if record.name == "aiohttp.server":
        # A request that is no HTTP is quoted in its exception, its token with it.
        record.exc_info = record.exc_text = None
    if library == "pgqueuer":
        # Of a lost connection we say ourselves what there is to say.
        record.exc_info = record.exc_text = None
    return record.levelno >= QUIET.get(library, logging.NOTSET)
