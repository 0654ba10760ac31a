"""Asks a tool what a call will do, with writes and network withheld, and believes nothing of the answer.

The tool answers with the whole new content of files and whole requests.  Digests, what is there now, and the
difference that people see are the host's own.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ironclaw.canonical import canonical_text, parse
from ironclaw.capabilities import Capabilities, HttpRequest, HttpResponse, HttpRule, Limits, Scratch
from ironclaw.egress.rules import check
from ironclaw.egress.urls import Target, parse_url
from ironclaw.envelope import FOLDER, GONE, FileEffect, Preview, RequestEffect
from ironclaw.errors import BadRequest, EgressDenied, SandboxError
from ironclaw.orchestrator.differing import MOST_BYTES, difference, plain
from ironclaw.sandbox import Call, Sandbox
from ironclaw.sandbox.tree import IS_POSSIBLE, OTHER, Tree

PREVIEW = "ironclaw.preview"  #: What a component is asked for instead of a tool.
LIMITS = Limits(seconds=5.0, output_bytes=1 << 20)  #: At most; the rest is the tool's own.
MOST_EFFECTS = 16  #: Files, and requests.
MOST_PROBLEM = 300  #: Characters of the sentence that says why there is none.
HIDDEN = "What looks like a secret is hidden."

Redact = Callable[[str], str]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Content(_Form):
    text: str | None = None
    base64: str | None = None

    def content(self) -> bytes:
        """
        :raises ValueError: it is no base64, or no text that has bytes
        """
        if self.base64 is not None:
            return base64.b64decode(self.base64, validate=True)
        return (self.text or "").encode()


class _File(_Content):
    path: str = Field(min_length=1)
    delete: bool = False

    @model_validator(mode="after")
    def _is_one_thing(self) -> _File:
        if [self.delete, self.text is not None, self.base64 is not None].count(True) != 1:
            raise ValueError("a file has a text, a base64, or is deleted")
        return self


class _Request(_Content):
    method: str
    url: str
    headers: dict[str, str] = {}
    secret: str | None = None

    @model_validator(mode="after")
    def _has_one_body(self) -> _Request:
        if self.text is not None and self.base64 is not None:
            raise ValueError("a request has one body")
        return self


class _Answer(_Form):
    files: Annotated[list[_File], Field(max_length=MOST_EFFECTS)] = []
    requests: Annotated[list[_Request], Field(max_length=MOST_EFFECTS)] = []


class Withheld:
    """What a dry run reaches: nothing."""

    async def http(self, request: HttpRequest) -> HttpResponse:
        raise EgressDenied("A preview has no network.")

    def log(self, level: str, message: str) -> None:
        pass


async def foretold(
    sandbox: Sandbox, call: Call, allowed: tuple[HttpRule, ...], redact: Redact, most: Limits
) -> Preview:
    """What a call of a tool that has a preview will do, found out without doing it.

    :param call: as it would run
    :param allowed: what it may ask, ``@allowlist`` already replaced
    :param redact: takes secrets out of what people see
    :param most: what any call of the tenant may use
    """
    asked = canonical_text({"tool": call.tool, "args": parse(call.input)})
    dry = replace(call, tool=PREVIEW, input=asked, capabilities=withheld(call.capabilities, most))
    try:
        result = await sandbox.call(dry, Withheld())
    except SandboxError as error:
        return failed(str(error), redact)
    if result.failure:
        return failed(result.failure.message, redact)
    return await read_answer(result.output or "", call.capabilities, allowed, call.scratch, redact)


def withheld(capabilities: Capabilities, most: Limits) -> Capabilities:
    """What a dry run may touch: files to read, where the tool may read any."""
    scratch = Scratch.NONE if capabilities.scratch is Scratch.NONE else Scratch.READ
    limits = replace(capabilities.limits, output_bytes=LIMITS.output_bytes)
    return Capabilities(scratch=scratch, limits=limits.capped(LIMITS).capped(most))


async def read_answer(
    answer: str, capabilities: Capabilities, allowed: tuple[HttpRule, ...], folder: Path, redact: Redact
) -> Preview:
    """The preview that an answer of a tool amounts to; a problem where it amounts to none.

    :param answer: JSON text, untrusted
    :param capabilities: the tool's own
    :param allowed: what it may ask, ``@allowlist`` already replaced
    :param folder: the tenant's
    :param redact: takes secrets out of what people see
    """
    try:
        found = _Answer.model_validate(parse(answer))
        requests = tuple(_request(each, allowed, redact) for each in found.requests)
        files = await asyncio.to_thread(_files, found.files, capabilities, folder, redact)
    except EgressDenied as error:
        return Preview(problem=f"It would send a request that is not allowed. {error}")
    except BadRequest as error:
        return Preview(problem=str(error))
    except ValidationError:
        return Preview(problem="Its answer has not the form of a preview.")
    except (ValueError, OSError):
        return Preview(problem="Its answer names a file or a content that cannot be there.")
    return Preview(files, requests)


def failed(sentence: str, redact: Redact) -> Preview:
    """Of a dry run that gave no answer.

    :param sentence: the tool's own: untrusted.  One line of it is kept, with nothing that hides or reorders
    """
    line = " ".join(redact(sentence).split())[:MOST_PROBLEM]
    return Preview(problem="".join(c if c.isprintable() else "\ufffd" for c in line) or "It gave no reason.")


# Requests


def fingerprint(request: HttpRequest) -> RequestEffect:
    """A request by what it must agree in with the one that was approved.

    :raises EgressDenied: its address is none
    """
    return RequestEffect(
        method=request.method,
        url=rebuilt(parse_url(request.url)),
        headers=tuple(sorted((name.lower(), value) for name, value in request.headers)),
        secret=request.secret or "",
        body_sha256=hashlib.sha256(request.body).hexdigest(),
        size=len(request.body),
    )


def rebuilt(target: Target) -> str:
    """The address in the one form that is compared."""
    query = f"?{target.query}" if target.query else ""
    return f"{target.scheme}://{target.host}:{target.port}{target.path}{query}"


def _request(said: _Request, allowed: tuple[HttpRule, ...], redact: Redact) -> RequestEffect:
    request = HttpRequest(said.method, said.url, tuple(said.headers.items()), said.content(), said.secret)
    effect = fingerprint(request)
    check(allowed, request.method, parse_url(request.url))
    heads = "".join(f"{name}: {value}\n" for name, value in effect.headers).encode()
    body = plain(_cleaned(request.body, redact), "|")
    lines = plain(_cleaned(heads, redact), "with").lines + body.lines
    return replace(effect, lines=lines, note=_note(body.note, [request.body, heads], redact))


# Files


def _files(
    said: Iterable[_File], capabilities: Capabilities, folder: Path, redact: Redact
) -> tuple[FileEffect, ...]:
    """
    :raises BadRequest: what is said cannot be, in one sentence
    :raises OSError: the folder cannot be read
    """
    said = list(said)
    if not said:
        return ()
    if capabilities.scratch is not Scratch.WRITE:
        raise BadRequest("It would write files, which its manifest does not let it.")
    if not IS_POSSIBLE:
        raise BadRequest("This system cannot hold a run to files.")
    _check_paths([each.path for each in said])
    with Tree.at(folder) as tree:
        return tuple(effect for each in said if (effect := _file(tree, each, redact)))


def _check_paths(paths: list[str]) -> None:
    for path in paths:
        parts = path.split("/")
        if not path.isprintable() or len(path.encode()) > 1024 or any(p in ("", ".", "..") for p in parts):
            raise BadRequest("It names a path that is none of the workspace.")
    for one, other in itertools.combinations(sorted(paths), 2):
        if one == other or other.startswith(f"{one}/"):
            raise BadRequest("It names a path twice, or a path within another one.")


def _file(tree: Tree, said: _File, redact: Redact) -> FileEffect | None:
    """The effect on one file; None where it will be as it is."""
    new = b"" if said.delete else said.content()
    after = GONE if said.delete else hashlib.sha256(new).hexdigest()
    before = tree.state(said.path)
    if before == after:
        return None
    if before == OTHER or (before == FOLDER and not said.delete):
        raise BadRequest("It would write where no ordinary file is.")
    old = tree.read(said.path, MOST_BYTES) if before not in (GONE, FOLDER) else b""
    if len(old) <= MOST_BYTES and before not in (GONE, FOLDER, hashlib.sha256(old).hexdigest()):
        raise BadRequest("A file changed while it was looked at.")
    shown = difference(_cleaned(old, redact), _cleaned(new, redact))
    note = _note(shown.note, [old, new], redact)
    return FileEffect(said.path, before, after, len(new), shown.lines, note)


# Secrets


def _cleaned(content: bytes, redact: Redact) -> bytes:
    """A text without what looks like a secret; anything else is not shown anyway."""
    try:
        return redact(content.decode()).encode()
    except UnicodeDecodeError:
        return content


def _note(said: str, contents: Iterable[bytes], redact: Redact) -> str:
    is_hidden = any(_cleaned(each, redact) != each for each in contents)
    return " ".join(filter(None, (said, HIDDEN if is_hidden else "")))
