"""Reads ``cases.toml`` or ``cases.json``: what a toolbox is tried with, and what must come of it."""

from __future__ import annotations

import base64
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from jsonschema import Draft202012Validator, SchemaError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ironclaw.errors import ToolboxError
from ironclaw.registry.explaining import explained
from ironclaw.task import FailureKind, Json

FILES = ("cases.toml", "cases.json")
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def _checked(schema: dict[str, Any]) -> dict[str, Any]:
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"no JSON Schema: {error.message}") from None
    return schema


Schema = Annotated[dict[str, Any], AfterValidator(_checked)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(_Table):
    """What the network answers to one request, instead of the real one."""

    url: str
    method: Method = "GET"
    status: int = Field(200, ge=100, le=599)
    headers: dict[str, str] = {}
    text: str = ""
    json_body: Json = Field(None, alias="json")
    base64: str = ""
    unavailable: str = ""  #: Instead of an answer: why none came.

    @property
    def body(self) -> bytes:
        if self.json_body is not None:
            return json.dumps(self.json_body, ensure_ascii=False).encode()
        return base64.b64decode(self.base64) if self.base64 else self.text.encode()


class Sent(_Table):
    """A request that the tool must have sent; what is left out may be anything."""

    method: str = "GET"
    url: str
    headers: dict[str, str] | None = None
    body: str | None = None
    body_schema: Schema | None = None  #: A JSON Schema that the body must fit, read as JSON.
    secret: str | None = None


class Case(_Table):
    """One call and what must come of it: an output or a failure."""

    name: str = ""
    tool: str
    input: dict[str, Json] = {}
    raw: str | None = None  #: Text that goes to the tool as it is, past the schema.
    output: Json = None
    output_schema: Schema | None = None  #: A JSON Schema that the output must fit.
    failure: FailureKind | None = None
    message: str = ""  #: Must be in the failure's message.
    http: list[Answer] = []
    sent: list[Sent] | None = None
    http_allow: list[str] = []  #: The operator's hosts, for rules with ``@allowlist``.
    secrets: list[str] | None = None  #: That the tenant has; all that the manifest declares when not said.
    files: dict[str, str] = {}  #: In the workspace before the call.
    leaves: dict[str, str] | None = None  #: In the workspace after it.
    logs: list[Annotated[list[str], Field(min_length=2, max_length=2)]] | None = None  #: [level, line].

    @model_validator(mode="after")
    def _one_end(self) -> Case:
        said = {"output", "output_schema", "failure"} & self.model_fields_set
        if len(said) > 1:
            raise ValueError("a case expects one of output, output_schema and failure")
        if "message" in self.model_fields_set and not self.failure:
            raise ValueError("message is what the failure must say; the case expects no failure")
        return self

    @property
    def expects_output(self) -> bool:
        return "output" in self.model_fields_set


class _File(_Table):
    case: list[Case] = Field(min_length=1)


def read_cases(folder: Path) -> list[Case]:
    """The cases of a toolbox's source folder.

    :raises ToolboxError: there are none, or the file is wrong
    """
    for name in FILES:
        if (folder / name).is_file():
            return read_case_file(folder / name)
    raise ToolboxError(f"{folder}: there are no cases to run; write {' or '.join(FILES)}")


def read_case_file(path: Path) -> list[Case]:
    """The cases in one file.

    :raises ToolboxError: names the file, the case and what is wrong with it
    """
    try:
        text = path.read_text("utf-8")
        content = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        return _File.model_validate(content).case
    except ValidationError as error:
        raise ToolboxError(f"{path}: {explained(error.errors()[0], _File)}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ToolboxError(f"{path}: cannot be read: {error}") from None
