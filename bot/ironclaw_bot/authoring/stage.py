"""The host that a tried tool meets: the real rules of egress, and a network that the case makes up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ironclaw.capabilities import HttpRequest, HttpResponse, HttpRule
from ironclaw.egress import UNKNOWN_SECRET
from ironclaw.egress.headers import outgoing
from ironclaw.egress.rules import check
from ironclaw.egress.urls import parse_url
from ironclaw.errors import EgressDenied, EgressUnavailable
from ironclaw_bot.authoring.cases import Answer

FOR_AUTHOR = "for the author: "  #: As the SDKs begin what no tool asked for.


@dataclass
class Stage:
    """Serves one call, and keeps what the tool did."""

    rules: tuple[HttpRule, ...]
    secrets: frozenset[str]  #: Names that a request may give; a value is never needed, nothing is sent.
    answers: Sequence[Answer]
    requests: list[HttpRequest] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)  #: What the SDK says to the author: prints, where it broke.

    async def http(self, request: HttpRequest) -> HttpResponse:
        """The case's answer to a request that the manifest covers.

        :raises EgressDenied: no rule covers it, as for a real one
        :raises EgressUnavailable: the case has no answer, or says that none comes
        """
        outgoing(request.headers)
        check(self.rules, request.method, parse_url(request.url))
        if request.secret is not None and request.secret not in self.secrets:
            raise EgressDenied(UNKNOWN_SECRET)
        self.requests.append(request)
        return _response(self._answer(request))

    def _answer(self, request: HttpRequest) -> Answer:
        """The answers of one address in turn; the last one stays."""
        fitting = [each for each in self.answers if (each.method, each.url) == (request.method, request.url)]
        if not fitting:
            raise EgressUnavailable(f"The case has no answer to {request.method} {request.url}.")
        before = sum((each.method, each.url) == (request.method, request.url) for each in self.requests) - 1
        return fitting[min(before, len(fitting) - 1)]

    def log(self, level: str, message: str) -> None:
        if level == "debug" and message.startswith(FOR_AUTHOR):
            self.told += message.removeprefix(FOR_AUTHOR).splitlines()
        else:
            self.lines.append((level, message))

    def said(self) -> tuple[str, ...]:
        """Everything that helps to find a fault, the tool's own log first."""
        return (*(f"{level}: {line}" for level, text in self.lines for line in text.splitlines()), *self.told)


def _response(answer: Answer) -> HttpResponse:
    if answer.unavailable:
        raise EgressUnavailable(answer.unavailable)
    headers = tuple((name.lower(), value) for name, value in answer.headers.items())
    return HttpResponse(answer.status, headers, answer.body)
