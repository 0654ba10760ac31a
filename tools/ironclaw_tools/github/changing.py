"""What changes something: a person approves each call, and a token of its own goes with it."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

import api
from api import READ, WRITE, Number, Repo
from ironclaw_guest import Effect, Failure, InvalidInput, Response, Unavailable, tool

SHA = re.compile(r"[0-9a-f]{40}")
UNSURE = "It may have happened all the same: look before you repeat it."
MAX_BODY = 60_000  #: Characters; GitHub takes 65,536.
Text = Annotated[str, {"minLength": 1, "maxLength": MAX_BODY}]


Change = tuple[str, dict[str, Any]]  #: Where, and what is said there.


def will_comment(repo: str, number: int, body: str) -> list[Effect]:
    return _will("POST", _comment(repo, number, body))


@tool("github.comment", preview=will_comment)
def comment(
    repo: Repo, number: Annotated[Number, "Of the issue or the pull request."], body: Text
) -> dict[str, Any]:
    """Comment on a GitHub issue or pull request.

    :param body: the comment, in GitHub's markdown
    """
    return _posted(_comment(repo, number, body))


def _comment(repo: str, number: int, body: str) -> Change:
    return api.path(repo, "issues", number, "comments"), {"body": _written(body)}


def will_create_issue(repo: str, title: str, body: str, labels: str) -> list[Effect]:
    return _will("POST", _issue(repo, title, body, labels))


@tool("github.create_issue", preview=will_create_issue)
def create_issue(
    repo: Repo,
    title: Annotated[str, {"minLength": 1, "maxLength": 256}],
    body: Annotated[str, {"maxLength": MAX_BODY}] = "",
    labels: Annotated[str, {"maxLength": 500}] = "",
) -> dict[str, Any]:
    """Open a GitHub issue.

    :param title: its title
    :param body: its text, in GitHub's markdown
    :param labels: its labels, with commas between
    """
    return _posted(_issue(repo, title, body, labels))


def _issue(repo: str, title: str, body: str, labels: str) -> Change:
    names = [each.strip() for each in labels.split(",") if each.strip()]
    return api.path(repo, "issues"), {"title": _written(title), "body": body, "labels": names}


def will_merge(repo: str, number: int, head_sha: str, method: str) -> list[Effect]:
    look = api.will_ask("GET", api.path(repo, "pulls", number), READ)
    return [*_will("PUT", _merge(repo, number, head_sha, method)), look]


@tool("github.merge", preview=will_merge)
def merge(
    repo: Repo,
    number: Annotated[Number, "The pull request's number."],
    head_sha: Annotated[str, {"minLength": 40, "maxLength": 40}],
    method: Literal["merge", "squash", "rebase"] = "merge",
) -> dict[str, Any]:
    """Merge a GitHub pull request, if its head is still the commit that was read.

    :param head_sha: the head_sha that github.read_pr gave
    :param method: how
    """
    answer = _change("PUT", _merge(repo, number, head_sha, method))
    if answer.status == 405 and _is_merged(api.path(repo, "pulls", number), head_sha):
        return {"merged": True, "sha": head_sha, "note": "It had been merged already, with this head."}
    return {"merged": True, "sha": json.loads(api.success(answer).body)["sha"]}


def _merge(repo: str, number: int, head_sha: str, method: str) -> Change:
    if not SHA.fullmatch(head_sha):
        raise InvalidInput("head_sha must be the 40 hex digits that github.read_pr gives")
    return f"{api.path(repo, 'pulls', number)}/merge", {"sha": head_sha, "merge_method": method}


def _is_merged(where: str, head_sha: str) -> bool:
    """Whether the refusal means that it is done: by this call before a crash, or by somebody else."""
    try:
        pull = json.loads(api.get(where).body)
    except Failure:
        return False  # The refusal itself says more than why it could not be looked up.
    return bool(pull["merged"] and pull["head"]["sha"] == head_sha)


def _posted(change: Change) -> dict[str, Any]:
    made = json.loads(api.success(_change("POST", change)).body)
    return {name: made[name] for name in ("id", "number", "html_url") if name in made}


def _will(method: str, change: Change) -> list[Effect]:
    where, body = change
    return [api.will_ask(method, where, WRITE, body=body)]


def _change(method: str, change: Change) -> Response:
    """A request that changes something, and its answer.

    :raises Unavailable: says that nobody knows whether it happened
    """
    where, body = change
    try:
        answer = api.ask(method, where, WRITE, body=body)
    except Unavailable as lost:
        raise Unavailable(f"{lost} {UNSURE}") from None
    if answer.status >= 500:
        raise Unavailable(f"{api.failure(answer)} {UNSURE}")
    return answer


def _written(text: str) -> str:
    """
    :raises InvalidInput: there is nothing to read in it
    """
    if not text.strip():
        raise InvalidInput("the text is empty")
    return text
