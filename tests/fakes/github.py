"""A small api.github.com: one repository with issues, a pull request and a file, and two tokens.

It is hostile where that is worth a test: the issue's text repeats the header that came with the request.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.web import Seen

HOST = "api.github.com"
HEAD = "1" * 40
PER_PAGE = 30
ISSUES = 65  #: Two full pages and a bit.
WHEN = "2026-11-20T10:00:00Z"


@dataclass(slots=True)
class GitHub:
    """What the repository acme/app holds, and what was done to it."""

    reads: str = ""  #: The token that may read.
    writes: str = ""  #: The token that may change something.
    comments: list[str] = field(default_factory=list)
    opened: list[dict[str, Any]] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)
    head: str = HEAD
    text: str = "hello\n"  #: Of README.md.
    body: str = ""  #: Of every issue, in place of what it says.
    is_renamed: bool = False
    limited_until: int = 0  #: Unix seconds; 0 for no limit.

    def answer(self, _number: int, seen: Seen) -> bytes:
        """One request's answer, as GitHub gives it."""
        if self.limited_until:
            headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(self.limited_until)}
            return said(403, {"message": "API rate limit exceeded for user ID 1."}, headers)
        token = seen.headers.get("authorization", "").removeprefix("Bearer ")
        if self.is_renamed:
            return said(301, None, {"Location": f"https://{HOST}/repositories/1/issues"})
        if token not in (self.reads, self.writes):
            return said(401, {"message": "Bad credentials"})
        if seen.method != "GET" and token != self.writes:
            return said(403, {"message": "Resource not accessible by personal access token"})
        return self._route(seen)

    def _route(self, seen: Seen) -> bytes:
        url = urlsplit(seen.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        for method, pattern, play in ROUTES:
            if method == seen.method and (found := re.fullmatch(f"/repos/acme/app{pattern}", url.path)):
                return play(self, found, query, seen)
        return said(404, {"message": "Not Found"})

    def _issues(self, _found: re.Match[str], query: dict[str, str], _seen: Seen) -> bytes:
        page, size = int(query["page"]), int(query["per_page"])
        numbers = range(1, ISSUES + 1)[(page - 1) * size : page * size]
        more = {"Link": f'<https://{HOST}/x?page={page + 1}>; rel="next"'} if numbers[-1] < ISSUES else {}
        return said(200, [issue(number) for number in numbers], more)

    def _issue(self, found: re.Match[str], _query: dict[str, str], seen: Seen) -> bytes:
        body = self.body or f"You sent {seen.headers['authorization']}."
        return said(200, issue(int(found[1]), body))

    def _comments(self, _found: re.Match[str], _query: dict[str, str], _seen: Seen) -> bytes:
        return said(200, [{"user": None, "created_at": WHEN, "body": body} for body in self.comments])

    def _comment(self, _found: re.Match[str], _query: dict[str, str], seen: Seen) -> bytes:
        self.comments.append(json.loads(seen.body)["body"])
        return said(201, {"id": len(self.comments), "html_url": "https://github.com/acme/app/issues/7#c"})

    def _open(self, _found: re.Match[str], _query: dict[str, str], seen: Seen) -> bytes:
        self.opened.append(json.loads(seen.body))
        return said(201, {"id": 1, "number": ISSUES + len(self.opened), "html_url": "https://github.com/x"})

    def _pull(self, _found: re.Match[str], _query: dict[str, str], _seen: Seen) -> bytes:
        return said(200, {**pull(self.head), "merged": bool(self.merged)})

    def _changes(self, _found: re.Match[str], _query: dict[str, str], _seen: Seen) -> bytes:
        counts = {"status": "modified", "additions": 900, "deletions": 0}
        return said(
            200, [{"filename": f"src/{n}.py", **counts, "patch": "+x\n" * 5000} for n in range(PER_PAGE)]
        )

    def _merge(self, _found: re.Match[str], _query: dict[str, str], seen: Seen) -> bytes:
        if self.merged:
            return said(405, {"message": "Pull Request is not mergeable"})
        if json.loads(seen.body)["sha"] != self.head:
            return said(409, {"message": "Head branch was modified. Review and try the merge again."})
        self.merged.append(self.head)
        return said(200, {"sha": "2" * 40, "merged": True})

    def _file(self, _found: re.Match[str], _query: dict[str, str], _seen: Seen) -> bytes:
        content = base64.encodebytes(self.text.encode()).decode()  # With line ends, as GitHub does.
        about = {"type": "file", "encoding": "base64", "path": "README.md", "sha": "b1"}
        return said(200, {**about, "size": len(self.text), "content": content})


Play = Callable[[GitHub, re.Match[str], dict[str, str], Seen], bytes]
ROUTES: tuple[tuple[str, str, Play], ...] = (
    ("GET", "/issues", GitHub._issues),
    ("GET", r"/issues/(\d+)", GitHub._issue),
    ("GET", r"/issues/(\d+)/comments", GitHub._comments),
    ("POST", r"/issues/(\d+)/comments", GitHub._comment),
    ("POST", "/issues", GitHub._open),
    ("GET", "/pulls/9", GitHub._pull),
    ("GET", "/pulls/9/files", GitHub._changes),
    ("PUT", "/pulls/9/merge", GitHub._merge),
    ("GET", "/contents/README.md", GitHub._file),
)


def issue(number: int, body: str = "It fails.") -> dict[str, Any]:
    return {
        "number": number, "title": f"Issue {number}", "state": "open", "user": {"login": "ada"},
        "labels": [{"name": "bug"}], "comments": 0, "updated_at": WHEN, "body": body,
        "html_url": f"https://github.com/acme/app/issues/{number}",
    }  # fmt: skip


def pull(head: str) -> dict[str, Any]:
    return {
        **issue(9), "html_url": "https://github.com/acme/app/pull/9", "draft": False,
        "head": {"label": "acme:fix", "sha": head}, "base": {"ref": "main"}, "mergeable": True,
        "mergeable_state": "clean", "commits": 1, "additions": 1, "deletions": 0, "changed_files": 1,
    }  # fmt: skip


def said(status: int, content: Any, headers: dict[str, str] | None = None) -> bytes:
    """An answer with a JSON body."""
    body = b"" if content is None else json.dumps(content).encode()
    lines = {**(headers or {}), "Content-Type": "application/json", "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + body
