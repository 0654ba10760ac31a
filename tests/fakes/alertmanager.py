"""A small Alertmanager, API version 2: alerts that are on, silences that are made and ended."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from tests.fakes.github import said
from tests.fakes.web import Seen

HOST = "alerts.acme.example"
DISK = {"alertname": "DiskFull", "host": "db1", "severity": "critical"}


@dataclass(slots=True)
class Alertmanager:
    """What is on and what is silenced.

    :ivar wants: the Authorization header without which it answers 401; "" for nobody asks
    """

    wants: str = ""
    alerts: list[dict[str, str]] = field(default_factory=lambda: [DISK])
    silences: dict[str, dict[str, Any]] = field(default_factory=dict)

    def answer(self, _number: int, seen: Seen) -> bytes:
        """One request's answer, as Alertmanager gives it."""
        if self.wants and seen.headers.get("authorization") != self.wants:
            return said(401, None)
        path = urlsplit(seen.path).path
        if (seen.method, path) == ("GET", "/api/v2/alerts"):
            return said(200, [self._alert(labels) for labels in self.alerts])
        if (seen.method, path) == ("GET", "/api/v2/silences"):
            return said(200, list(self.silences.values()))
        if (seen.method, path) == ("POST", "/api/v2/silences"):
            return self._silence(json.loads(seen.body))
        if seen.method == "DELETE" and path.startswith("/api/v2/silence/"):
            return self._expire(path.rpartition("/")[2])
        return said(404, None)

    def _alert(self, labels: dict[str, str]) -> dict[str, Any]:
        status = {"state": "active", "silencedBy": [], "inhibitedBy": []}
        about = {"annotations": {"summary": "95 %"}, "startsAt": "2026-11-20T10:00:00.000Z"}
        return {"labels": labels, **about, "status": status, "fingerprint": "f1"}

    def _silence(self, wanted: dict[str, Any]) -> bytes:
        start, end = (datetime.fromisoformat(wanted[name]) for name in ("startsAt", "endsAt"))
        if end <= start or not all(each["value"] for each in wanted["matchers"]):
            return said(400, "invalid silence")
        name = str(uuid.uuid4())
        self.silences[name] = {"id": name, "status": {"state": "active"}, **wanted}
        return said(200, {"silenceID": name})

    def _expire(self, name: str) -> bytes:
        if name not in self.silences:
            return said(404, None)
        if self.silences[name]["status"]["state"] == "expired":
            return said(500, f"silence {name} already expired")
        self.silences[name]["status"]["state"] = "expired"
        return said(200, None)
