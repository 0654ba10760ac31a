"""The requests of a held run: compared before a byte of them is sent."""

from __future__ import annotations

from dataclasses import replace

from ironclaw.capabilities import HttpRequest, HttpRule
from ironclaw.egress.rules import check
from ironclaw.egress.urls import parse_url
from ironclaw.envelope import Preview
from ironclaw.errors import EgressDenied
from ironclaw.orchestrator.dry_run import fingerprint
from ironclaw.orchestrator.holding.leaving import stopped
from ironclaw.task import ToolResult

NOT_APPROVED = "This is not among the requests that were approved."


class Requests:
    """The requests that one run may send, each once."""

    def __init__(self, preview: Preview) -> None:
        self._left = list(preview.requests)
        self.sent = 0
        self.outside = ""  #: What it asked for beside them, in a few words.

    def settled(self, result: ToolResult) -> ToolResult:
        """The result of the run, if it asked for nothing else."""
        return stopped(f"it asked for {self.outside}", result, self.sent) if self.outside else result

    def admit(self, request: HttpRequest, rules: tuple[HttpRule, ...]) -> tuple[HttpRule, ...]:
        """What covers this request and nothing that it could be led to.

        :raises EgressDenied: it was not approved, or an earlier one was not
        """
        asked = fingerprint(request)
        match = next((each for each in self._left if replace(each, lines=(), note="") == asked), None)
        if match is None or self.outside:
            self.outside = (
                self.outside or f"{request.method} {parse_url(request.url).host}, which was not approved"
            )
            raise EgressDenied(NOT_APPROVED)
        target = parse_url(request.url)
        check(rules, request.method, target)
        self._left.remove(match)
        self.sent += 1
        only = HttpRule(
            target.host,
            frozenset({request.method}),
            (target.path,),
            frozenset({target.scheme}),
            frozenset({target.port}),
            is_exact=True,
        )
        return (only,)
