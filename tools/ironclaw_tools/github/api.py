"""GitHub's REST API: one request, and what its answer means when it is no success."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from ironclaw_guest import (
    Denied,
    Effect,
    Failure,
    Internal,
    InvalidInput,
    Response,
    Unavailable,
    http,
    will_send,
)

#: For GitHub Enterprise Server https://HOST/api/v3; README.md says what else must be changed then.
API = "https://api.github.com"
JSON = "application/vnd.github+json"
READ, WRITE = "github_token", "github_write_token"  #: Names of secrets: the host has the values.

MAX_SAID = 300  #: Characters of GitHub's own words in a failure.

REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
Repo = Annotated[str, {"minLength": 3, "maxLength": 140}, "The repository as owner/name, such as acme/app."]
Number = Annotated[int, {"minimum": 1, "maximum": 2_000_000_000}]
Page = Annotated[
    int, {"minimum": 1, "maximum": 100}, "Which page; ask with next_page of the one before for more."
]

MEANINGS: Mapping[int, tuple[type[Failure], str]] = {
    401: (
        Denied,
        "GitHub does not take the token: it is wrong, expired or revoked. An operator sets another one.",
    ),
    403: (Denied, "The token may not do this. An operator gives it the permission, or sets another one."),
    404: (
        InvalidInput,
        "There is no such thing, or the token may not see it. Check the names and the number.",
    ),
    405: (InvalidInput, "The pull request cannot be merged as it is. Read it to see what it waits for."),
    409: (InvalidInput, "It has changed meanwhile. Read it again, then ask for what it is now."),
    410: (InvalidInput, "It is gone, or the repository has this turned off."),
    422: (InvalidInput, "GitHub refuses these values. Change what it names."),
}
MOVED = "If the repository was renamed, use its new name."  #: Where GitHub leads to is not in the manifest.


def path(repo: str, *parts: str | int) -> str:
    """The path of something in a repository.

    :raises InvalidInput: the repository's name could be a path of its own
    """
    if not REPO.fullmatch(repo) or repo.endswith(("/.", "/..")):
        raise InvalidInput("repo must be owner/name, such as acme/app")
    return "/".join(["/repos", repo, *(quote(str(part)) for part in parts)])


def get(where: str, accept: str = JSON, **query: str | int) -> Response:
    """Read something.

    :param query: what is empty is left out
    :raises Failure: no success; the message says what to do
    """
    given = {name: value for name, value in query.items() if value != ""}
    return success(ask("GET", f"{where}?{urlencode(given)}" if given else where, READ, accept))


def ask(method: str, where: str, secret: str, accept: str = JSON, body: Any = None) -> Response:
    """One request and its answer, whatever its status.

    :raises Denied: the host does not send it
    :raises Unavailable: no usable answer came
    """
    try:
        return http(method, f"{API}{where}", *_worded(accept, body), secret=secret)
    except Denied as refusal:
        raise Denied(f"{refusal} {_remedy(str(refusal), secret)}") from None


def will_ask(method: str, where: str, secret: str, accept: str = JSON, body: Any = None) -> Effect:
    """What ask will send."""
    return will_send(method, f"{API}{where}", *_worded(accept, body), secret=secret)


def _worded(accept: str, body: Any) -> tuple[dict[str, str], bytes]:
    headers = {"accept": accept} | ({} if body is None else {"content-type": "application/json"})
    return headers, b"" if body is None else json.dumps(body).encode()


def _remedy(refusal: str, secret: str) -> str:
    if "secret" not in refusal:
        return MOVED
    return f"An operator gives it with `ironclaw secrets set {secret}`, bound to this host, method and path."


def success(answer: Response) -> Response:
    """The answer, if it is one.

    :raises Failure: otherwise
    """
    if 200 <= answer.status < 300:
        return answer
    raise failure(answer)


def failure(answer: Response) -> Failure:
    """What another answer than success means, in a sentence that says what to do."""
    said = _said(answer)
    if is_limited(answer, said):
        return Unavailable(f"GitHub's rate limit is used up. Try again {_later(answer)}, and ask for less.")
    if answer.status in MEANINGS:
        kind, meaning = MEANINGS[answer.status]
        return kind(f"{meaning}{said}")
    if 300 <= answer.status < 400:
        return InvalidInput(MOVED)
    if answer.status >= 500:
        return Unavailable(f"GitHub has a fault of its own ({answer.status}); later it may work.")
    return Internal(f"GitHub answered {answer.status}, which this tool does not know.{said}")


def is_limited(answer: Response, said: str) -> bool:
    """Whether this is one of the limits: the hourly one, or a secondary one for asking too fast."""
    return answer.status in (403, 429) and (
        answer.headers.get("x-ratelimit-remaining") == "0"
        or "retry-after" in answer.headers
        or "rate limit" in said.lower()
        or answer.status == 429
    )


def _later(answer: Response) -> str:
    """When, as far as GitHub says."""
    wait, reset = (answer.headers.get(name, "") for name in ("retry-after", "x-ratelimit-reset"))
    if wait.isdecimal():
        return f"in {wait[:9]} seconds"
    if reset.isdecimal() and len(reset) <= 10:
        return f"after {datetime.fromtimestamp(int(reset), UTC):%H:%M:%S} UTC"
    return "in some minutes"


def _said(answer: Response) -> str:
    """GitHub's own words, with the fields that it complains about; "" when there are none."""
    try:
        found = json.loads(answer.body)
        words = [str(found["message"]), *(_complaint(each) for each in found.get("errors", ())[:3])]
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
    text = "; ".join(words)
    return f" GitHub says: {text[:MAX_SAID]}"


def _complaint(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)
    return str(error.get("message") or f"{error.get('field')} is {error.get('code')}")


def has_next(answer: Response) -> bool:
    """Whether there is another page."""
    return 'rel="next"' in answer.headers.get("link", "")
