"""Requests that a real guest asks for: out of a worker, over the pipe, to an egress."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ironclaw.capabilities import Capabilities, HttpRequest, HttpResponse, HttpRule, Limits
from ironclaw.egress import Egress
from ironclaw.errors import EgressDenied, EgressUnavailable
from ironclaw.sandbox import Call, Component, Sandbox
from ironclaw.task import FailureKind
from tests.cases.ssrf import Fetch


@dataclass(slots=True)
class _Door:
    """The host of one call: its only way out is the egress, by these rules."""

    egress: Egress
    rules: tuple[HttpRule, ...]

    async def http(self, request: HttpRequest) -> HttpResponse:
        return await self.egress.fetch(request, self.rules)

    def log(self, level: str, message: str) -> None:
        raise AssertionError(f"the guest logs: {message}")


class Guest:
    """The tool probe.fetch: it sends what it is told and says what it got.

    :ivar calls: how many calls the sandbox served
    """

    def __init__(self, sandbox: Sandbox, component: Component, folder: Path) -> None:
        self._sandbox, self._component, self._folder = sandbox, component, folder
        self.calls = 0

    def through(self, egress: Egress) -> Fetch:
        async def fetch(request: HttpRequest, rules: tuple[HttpRule, ...]) -> object:
            result = await self._sandbox.call(self._call(request, rules), _Door(egress, rules))
            self.calls += 1
            if result.failure is None:
                return result.output
            errors = {FailureKind.DENIED: EgressDenied, FailureKind.UNAVAILABLE: EgressUnavailable}
            raise errors[result.failure.kind](result.failure.message)

        return fetch

    def _call(self, request: HttpRequest, rules: tuple[HttpRule, ...]) -> Call:
        arguments = {
            "method": request.method,
            "url": request.url,
            "headers": dict(request.headers),
            "body": request.body.decode(),
        }
        capabilities = Capabilities(http=rules, limits=Limits(fuel=500_000_000, seconds=30))
        text = json.dumps(arguments)
        return Call(self._component, "probe.fetch", text, "acme", self._folder / "acme", capabilities)
