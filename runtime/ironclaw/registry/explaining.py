"""What is wrong with one key of a TOML file, in a sentence for its author."""

from __future__ import annotations

import difflib
from typing import Any, get_args

from pydantic import BaseModel


def explained(problem: Any, model: type[BaseModel]) -> str:
    """One problem that pydantic found.

    :param problem: of ``ValidationError.errors()``
    :param model: what the whole file should have been
    """
    loc = tuple(part for part in problem["loc"] if part != "[key]")
    where = ".".join(map(str, loc))
    if problem["type"] == "missing":
        return f"{where} is missing"
    if problem["type"] == "extra_forbidden":
        return f"{where}: there is no such key. {_meant(str(loc[-1]), _model_at(model, loc[:-1]))}"
    said = str(problem["ctx"]["error"]) if problem["type"] == "value_error" else problem["msg"]
    return f"{where}: {said}" if where else said


def _meant(key: str, model: type[BaseModel]) -> str:
    known = [info.alias or name for name, info in model.model_fields.items()]
    near = difflib.get_close_matches(key, known, n=1)
    return f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}."


def _model_at(model: type[BaseModel], loc: tuple[Any, ...]) -> type[BaseModel]:
    """The table that stands at a place, through lists and tables of tables."""
    for part in loc:
        fields = {info.alias or name: info for name, info in model.model_fields.items()}
        if part in fields:
            model = _table_of(fields[part].annotation) or model
    return model


def _table_of(kind: Any) -> type[BaseModel] | None:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    return next((found for each in get_args(kind) if (found := _table_of(each))), None)
