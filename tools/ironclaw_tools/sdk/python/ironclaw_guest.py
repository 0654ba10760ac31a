'''What a Python toolbox is written with.

A toolbox is a module ``app`` that holds or imports its tools::

    from ironclaw_guest import InvalidInput, tool

    @tool("greet.person")
    def greet(name: str, loudly: bool = False) -> str:
        """Greet somebody by name.

        :param name: whom to greet
        :param loudly: whether to end with an exclamation mark
        """
        return f"Hello, {name}{'!' if loudly else '.'}"

The build makes the tool's description and schema of types and docstring (``ironclaw_schema.py``), unless
toolbox.toml has them.  A tool gets its JSON arguments as keywords and returns what json.dumps takes.  It
fails by raising one of the four failures; whatever else it raises becomes Internal with the exception's
name.  Nothing traps.

A tool may say beforehand what a call will do; with ``preview = true`` in toolbox.toml people see it, and the
real run is held to it::

    def will_save(name: str, text: str) -> list[Effect]:
        return [will_write(f"notes/{name}.md", text)]

    @tool("notes.save", preview=will_save)
    def save(name: str, text: str) -> None: ...
'''

from __future__ import annotations

import base64
import contextlib
import inspect
import io
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

try:  # The bindings exist only inside a component; tools can be tested without them.
    import wit_world
    from componentize_py_types import Err
    from wit_world.imports import host
except ModuleNotFoundError:
    wit_world = host = None  # type: ignore[assignment]

FOR_AUTHOR = "for the author: "  #: How log lines begin that the SDK writes and no tool asked for.
MAX_TOLD = 1900  #: Characters of one of them; the host cuts at 2,000.
MAX_FRAMES = 12
SCRATCH = "/mnt/scratch"  #: The tenant's folder, for toolboxes of the profile scratch.
PREVIEW = "ironclaw.preview"  #: Called with {"tool", "args"}: what would this call do?
WARM = "ironclaw.warm"  #: Called with {} before a tenant is known, so that the next call finds code paged in.

Tool = Callable[..., Any]
F = TypeVar("F", bound=Tool)


class Failure(Exception):
    """A tool's typed failure; the message is read by the model and by people."""


class InvalidInput(Failure):
    """The arguments are wrong; better ones could work."""


class Denied(Failure):
    """The tool asked for something that it may not have."""


class Unavailable(Failure):
    """Something that the tool needs did not answer; later it may."""


class Internal(Failure):
    """The tool's own error."""


_tools: dict[str, Tool] = {}
_previews: dict[str, Tool] = {}

Effect = dict[str, Any]  #: What will_write, will_delete and will_send give.


def tool(name: str, preview: Tool | None = None) -> Callable[[F], F]:
    """Register a function as the tool of this name.

    :param preview: takes the same arguments and gives the list of what a call with them will do; it can read
        files, but not write any, and has no network
    """

    def register(function: F) -> F:
        _tools[name] = function
        if preview is not None:
            _previews[name] = preview
        return function

    return register


def names() -> list[str]:
    """The registered tools."""
    return sorted(_tools)


def registered() -> dict[str, Tool]:
    """The registered tools by name, in the order of the source."""
    return dict(_tools)


def dispatch(name: str, arguments: str) -> str:
    """Run one tool on JSON text; its author alone sees what it prints and where it broke.

    :return: the result as JSON text
    :raises Failure: and nothing else
    """
    printed, trace = io.StringIO(), ""
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            return _encode(_call(_find(name), _decode(arguments)))
    except Failure:
        raise
    except BaseException as error:  # noqa: BLE001 - anything else would trap, and a trap says nothing
        trace = _trace(error)
        raise Internal(f"{type(error).__name__} in {name}") from None
    finally:
        _tell_author(printed.getvalue())
        _tell_author(trace)


def _trace(error: BaseException) -> str:
    """Where a tool broke, and why.

    Without the source's lines: there are no files to read them from, and trying to would trap.
    """
    frames: deque[str] = deque(maxlen=MAX_FRAMES)
    at = error.__traceback__
    while at is not None:
        code = at.tb_frame.f_code
        if code.co_filename != _trace.__code__.co_filename:
            frames.append(f"{code.co_filename} line {at.tb_lineno}, in {code.co_name}")
        at = at.tb_next
    with contextlib.suppress(BaseException):  # The author's own __str__.
        return "\n".join([*frames, f"{type(error).__name__}: {error}"])
    return "\n".join([*frames, type(error).__name__])


def _tell_author(text: str) -> None:
    """To the host's debug log, of which ``ironclaw tool test`` shows these lines; nobody else is told."""
    if text and host is not None:
        with contextlib.suppress(BaseException):  # Memory may be what broke the tool.
            log(FOR_AUTHOR + text[-MAX_TOLD:], "debug")


def _call(function: Tool, arguments: dict[str, Any]) -> Any:
    """
    :raises InvalidInput: the arguments are not those of the function; the host's schema lets none such pass
    """
    try:
        return function(**arguments)
    except TypeError as error:
        try:
            inspect.signature(function).bind(**arguments)
        except TypeError as fault:
            raise InvalidInput(str(fault)) from None
        raise error


def will_write(path: str, content: str | bytes) -> Effect:
    """A file will have this content, all of it."""
    return {"path": path, **_content(content)}


def will_delete(path: str) -> Effect:
    """A file, or an empty folder, will be gone."""
    return {"path": path, "delete": True}


def will_send(
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: str | bytes = b"",
    secret: str | None = None,
) -> Effect:
    """Exactly this request will be sent, at most once; the arguments are those of http."""
    sent = {"method": method, "url": url, "headers": dict(headers or {}), "secret": secret}
    return {**sent, **_content(body)}


def _content(content: str | bytes) -> Effect:
    if isinstance(content, str):
        return {"text": content}
    try:
        return {"text": content.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


def _preview(tool: str, args: dict[str, Any]) -> dict[str, list[Effect]]:
    if tool not in _previews:
        raise InvalidInput(f"{tool} has no preview")
    effects = list(_call(_previews[tool], args))
    return {
        "files": [each for each in effects if "path" in each],
        "requests": [each for each in effects if "path" not in each],
    }


def _find(name: str) -> Tool:
    if name == WARM:
        return dict
    if name == PREVIEW:
        return _preview
    if name not in _tools:
        raise InvalidInput(f"this toolbox has no tool {name}")
    return _tools[name]


def _decode(arguments: str) -> dict[str, Any]:
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        raise InvalidInput("the input is no JSON") from None
    if not isinstance(value, dict):
        raise InvalidInput("the input must be a JSON object")
    return value


def _encode(result: Any) -> str:
    try:
        text = json.dumps(result, ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8", "replace").decode()  # A lone surrogate has no form in WIT.
    except (TypeError, ValueError, RecursionError) as error:
        raise Internal(f"the result is no JSON: {type(error).__name__}") from None


@dataclass(frozen=True)
class Response:
    """What the host got from the network."""

    status: int
    headers: dict[str, str]  #: Names in lower case.
    body: bytes


def http(
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    secret: str | None = None,
) -> Response:
    """Ask the host to send a request.

    :param secret: the name of a secret that the manifest declares; the guest never sees its value
    :raises Denied: the manifest or the operator does not allow it
    :raises Unavailable: it is allowed, but no usable answer came
    """
    pairs = [host.Header(name, value) for name, value in (headers or {}).items()]
    try:
        answer = host.http(host.Request(method, url, pairs, body, secret))
    except Err as refusal:
        kind = Denied if isinstance(refusal.value, host.Refusal_Denied) else Unavailable
        raise kind(refusal.value.value) from None
    return Response(answer.status, {h.name.lower(): h.value for h in answer.headers}, answer.body)


def log(message: str, level: str = "info") -> None:
    """Write a line to the host's log: debug, info, warn or error."""
    host.log(host.Level[level.upper()], message)


def now_ms() -> int:
    """Milliseconds since 1970, constant during one call."""
    return int(host.now())


def random_bytes(count: int) -> bytes:
    """Random bytes, at most 65,536."""
    return bytes(host.random(count))


class WitWorld:
    """The world's export: ``from ironclaw_guest import WitWorld`` in app.py is all that is needed."""

    def run(self, tool: str, input: str) -> str:
        try:
            return dispatch(tool, input)
        except Failure as failure:
            raise Err(_variant(failure)) from None


def _variant(failure: Failure) -> Any:
    """The WIT's case of a failure; a kind of failure that WIT does not know is Internal."""
    for kind in (InvalidInput, Denied, Unavailable):
        if isinstance(failure, kind):
            return getattr(wit_world, f"Failure_{kind.__name__}")(str(failure))
    return wit_world.Failure_Internal(str(failure))
