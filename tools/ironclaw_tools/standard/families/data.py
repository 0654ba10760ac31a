"""Questions to a CSV or JSON file of the tenant's folder."""

import csv
import io
import json
import re
import statistics
from collections.abc import Callable
from typing import Any

from ironclaw_guest import InvalidInput, tool

from families.paths import existing_file, shown

Row = dict[str, Any]

MAX_BYTES = 10_000_000
MAX_ROWS = 1000  #: In one answer.


@tool("data.query")
def query(
    path: str,
    where: list[Row] | None = None,
    group_by: list[str] | None = None,
    aggregate: list[Row] | None = None,
    select: list[str] | None = None,
    sort: list[Row] | None = None,
    limit: int = 100,
) -> dict[str, Any]:
    rows = _load(path)
    columns = _columns(rows)
    _need(columns, [step["column"] for step in where or []], group_by or [])
    for step in where or []:
        rows = [row for row in rows if _holds(row, step)]
    if group_by or aggregate:
        _need(columns, [step["column"] for step in aggregate or [] if "column" in step])
        rows = _group(rows, group_by or [], aggregate or [{"op": "count"}])
        columns = _columns(rows)
    if rows:
        _need(columns, select or [], [step["column"] for step in sort or []])
    rows = _sort(rows, sort or [])
    shown_rows = [{name: row.get(name) for name in select} for row in rows] if select else rows
    return {"rows": shown_rows[: min(limit, MAX_ROWS)], "total": len(rows)}


def _columns(rows: list[Row]) -> list[str]:
    found: Row = {}
    for row in rows:
        if not row.keys() <= found.keys():
            found.update(row)
    return list(found)


def _need(columns: list[str], *asked: list[str]) -> None:
    for name in (name for names in asked for name in names):
        if name not in columns:
            raise InvalidInput(f"there is no column {name}; the columns are: {', '.join(columns)[:1000]}")


def _load(path: str) -> list[Row]:
    with open(existing_file(path), "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise InvalidInput(f"{shown(path)} is larger than {MAX_BYTES // 1_000_000} MB")
    text = content.decode("utf-8", "replace").removeprefix("\ufeff")
    kind = path.rsplit(".", 1)[-1].lower()
    try:
        return _READERS.get(kind, _read_csv)(text)
    except (ValueError, csv.Error, RecursionError) as error:
        raise InvalidInput(f"{shown(path)} cannot be read as {kind}: {error}") from None


def _read_csv(text: str, delimiter: str = ",") -> list[Row]:
    first = text.split("\n", 1)[0]
    if delimiter == "," and first.count(";") > first.count(","):
        delimiter = ";"
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = next(lines, [])
    rows = [dict(zip(header, map(_value, cells), strict=False)) for cells in lines if cells]
    return [row if len(row) == len(header) else {name: row.get(name, "") for name in header} for row in rows]


def _value(cell: str) -> Any:
    """A number where the cell is one as JSON writes it, and short enough to be exact; so 007 stays text."""
    if cell[:1] not in _FIRST or len(cell) > 15 or not _NUMBER.fullmatch(cell):
        return cell
    return float(cell) if "." in cell else int(cell)


_FIRST = frozenset("-0123456789")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


def _read_json(text: str) -> list[Row]:
    """An array of objects, or an object with exactly one such array."""
    value = json.loads(text)
    if isinstance(value, dict):
        lists = [each for each in value.values() if isinstance(each, list)]
        value = lists[0] if len(lists) == 1 else [value]
    return _objects(value)


def _read_jsonl(text: str) -> list[Row]:
    return _objects([json.loads(line) for line in text.splitlines() if line.strip()])


def _objects(value: Any) -> list[Row]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise ValueError("it must hold an array of objects")
    return value


_READERS: dict[str, Callable[[str], list[Row]]] = {
    "json": _read_json,
    "jsonl": _read_jsonl,
    "ndjson": _read_jsonl,
    "tsv": lambda text: _read_csv(text, "\t"),
}

_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda cell, value: _order(cell) == _order(value),
    "!=": lambda cell, value: _order(cell) != _order(value),
    "<": lambda cell, value: _order(cell) < _order(value),
    "<=": lambda cell, value: _order(cell) <= _order(value),
    ">": lambda cell, value: _order(cell) > _order(value),
    ">=": lambda cell, value: _order(cell) >= _order(value),
    "contains": lambda cell, value: str(value).lower() in str(cell).lower(),
    "in": lambda cell, value: _order(cell) in [_order(each) for each in value],
}


def _holds(row: Row, step: Row) -> bool:
    cell, value = row.get(step["column"]), step["value"]
    if step["op"] == "in" and not isinstance(value, list):
        raise InvalidInput("where: the value of in must be a list")
    if step["op"] in ("<", "<=", ">", ">=") and _order(cell)[0] != _order(value)[0]:
        return False  # A number and a text have no order, and an empty cell has none with anything.
    return _TESTS[step["op"]](cell, value)


def _order(value: Any) -> tuple[int, Any]:
    """A key that orders anything: empty cells, then truth values, numbers, texts, the rest as JSON."""
    rank = 0 if value == "" else _RANKS.get(type(value), 4)
    return (rank, (0 if rank == 0 else value) if rank < 4 else json.dumps(value, sort_keys=True))


_RANKS = {type(None): 0, bool: 1, int: 2, float: 2, str: 3}


def _group(rows: list[Row], by: list[str], aggregate: list[Row]) -> list[Row]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple([_order(row.get(name)) for name in by]), []).append(row)
    if not by and not groups:
        groups[()] = []
    return [
        {name: members[0].get(name) for name in by}
        | {_name(step): _measure(members, step) for step in aggregate}
        for members in groups.values()
    ]


def _name(step: Row) -> str:
    return str(step.get("as") or (f"{step['op']}_{step['column']}" if "column" in step else step["op"]))


_MEASURES: dict[str, Callable[[list[Any]], Any]] = {
    "sum": sum, "mean": statistics.fmean, "median": statistics.median, "stdev": statistics.pstdev,
}  # fmt: skip


def _measure(members: list[Row], step: Row) -> Any:
    """One aggregate of a group; None where no member has a value."""
    op = step["op"]
    if "column" not in step:
        if op != "count":
            raise InvalidInput(f"aggregate: {op} needs a column")
        return len(members)
    cells = [row[step["column"]] for row in members if _order(row.get(step["column"]))[0] != 0]
    if op == "count":
        return len(cells)
    if op == "distinct":
        return len({_order(cell) for cell in cells})
    if op in ("min", "max"):
        return (min if op == "min" else max)(cells, key=_order, default=None)
    numbers = [cell for cell in cells if _order(cell)[0] == 2]
    return _MEASURES[op](numbers) if numbers else None


def _sort(rows: list[Row], steps: list[Row]) -> list[Row]:
    for step in reversed(steps):
        rows = sorted(rows, key=_sort_key(step["column"]), reverse=bool(step.get("descending")))
    return rows


def _sort_key(column: str) -> Callable[[Row], tuple[int, Any]]:
    return lambda row: _order(row.get(column))
