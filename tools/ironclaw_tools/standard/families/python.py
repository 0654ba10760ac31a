"""Python written by the model: pure computing, without files or network."""

import ast
import contextlib
import importlib
import io
import linecache
import traceback
from typing import Any

from ironclaw_guest import InvalidInput, tool

#: What a program may import: a component has only the modules that were imported while it was built.
MODULES = """
abc array base64 binascii bisect calendar cmath collections collections.abc contextlib copy csv dataclasses
datetime decimal difflib enum fnmatch fractions functools graphlib hashlib heapq hmac html html.parser io
ipaddress itertools json math numbers operator pprint random re secrets statistics string struct textwrap time
types typing unicodedata urllib.parse uuid xml.etree.ElementTree zlib
"""
#: What those import only when a function of theirs is called.
LATE = "_strptime encodings.ascii encodings.cp1252 encodings.idna encodings.utf_16 encodings.utf_8_sig"
for _name in f"{MODULES} {LATE}".split():
    importlib.import_module(_name)

MAX_STDOUT = 60_000  #: Characters.
MAX_VALUE = 20_000
FILE = "<code>"


class Bounded(io.TextIOBase):
    """Keeps the first characters that are written and counts the rest."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[str] = []
        self._kept = 0
        self.dropped = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        part = text[: self._limit - self._kept]
        if part:
            self._parts.append(part)
            self._kept += len(part)
        self.dropped += len(text) - len(part)
        return len(text)

    def getvalue(self) -> str:
        return "".join(self._parts)


@tool("python.run")
def run(code: str) -> dict[str, Any]:
    body, last = _compile(code)
    output = Bounded(MAX_STDOUT)
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        ended = _execute(code, body, last, output)
    result: dict[str, Any] = {"stdout": output.getvalue(), **ended}
    if output.dropped:
        result["cut"] = f"{output.dropped} more characters were printed"
    return result


def _compile(code: str) -> tuple[Any, Any]:
    """The program, and its last expression apart."""
    try:
        tree = ast.parse(code, FILE)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        expression = compile(ast.Expression(last.value), FILE, "eval") if isinstance(last, ast.Expr) else None
        return compile(tree, FILE, "exec"), expression
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f"line {error.lineno}: " if isinstance(error, SyntaxError) and error.lineno else ""
        what = f"{type(error).__name__}: {getattr(error, 'msg', error)}"
        raise InvalidInput(f"The program cannot be read: {line}{what}") from None


def _execute(code: str, body: Any, last: Any, output: Bounded) -> dict[str, Any]:
    """The last expression's value as repr shows it, where there is one; or how the program ended itself."""
    names: dict[str, Any] = {"__name__": "__main__"}
    linecache.cache[FILE] = (len(code), None, code.splitlines(keepends=True), FILE)
    try:
        exec(body, names)  # noqa: S102 - that is the tool; it can reach nothing but its own instance
        value = eval(last, names) if last else None  # noqa: S307 - the same
        return {} if value is None else {"value": _clipped(repr(value))}
    except SystemExit as end:
        return _exit(end.code, output)
    except BaseException as error:  # noqa: BLE001 - whatever it raises is for its author, the model
        raise InvalidInput(_explain(error, output.getvalue())) from None


def _exit(code: Any, output: Bounded) -> dict[str, Any]:
    """What ``sys.exit`` says, as a shell has it: a text is printed and means 1."""
    if code is None or isinstance(code, int):
        return {"exit_code": int(code)} if code else {}
    output.write(f"{code}\n")
    return {"exit_code": 1}


def _clipped(text: str) -> str:
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]} ... ({len(text)} characters)"


def _explain(error: BaseException, printed: str) -> str:
    """One sentence with the line in the code, and the last that was printed."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == FILE]
    where = f"line {lines[-1]}: " if lines else ""
    missing = isinstance(error, ModuleNotFoundError)
    hint = f"; these modules are there: {' '.join(MODULES.split())}" if missing else ""
    said = f"\nprinted before: {printed[-2000:]}" if printed else ""
    return f"The program failed: {where}{type(error).__name__}: {str(error)[:2000]}{hint}{said}"
