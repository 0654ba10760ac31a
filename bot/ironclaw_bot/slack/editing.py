"""The modal that edits a call's arguments: made from the tool's JSON schema, and read back.  Pure.

One input for each argument, with the stored value in it.  Strings, numbers, truths and enums have inputs of
their own; anything else, and whatever Slack's inputs would bend, is JSON text.  What nobody touched stays as
it was stored, to the byte: Slack's inputs trim.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ironclaw.canonical import canonical_text, parse
from ironclaw.errors import BadRequest
from ironclaw.task import ApprovalView, Json
from ironclaw_bot.slack.blocks import Block, Drawing, words
from ironclaw_bot.slack.modals import EDIT_TITLE, form, labelled, subject
from ironclaw_bot.slack.presses import EDIT_FORM
from ironclaw_bot.slack.text import cut, units, visible

MOST_FIELDS = 90  #: Of one modal; Slack takes 100 blocks.
MOST_TEXT = 3_000  #: UTF-16 units in one input.
LIMITED = 2_048  #: Characters of a text that is a path or a name, by its schema; others get several lines.
LONG = 80  #: Characters beyond which a text gets several lines.
WHOLE = "arguments"  #: The block with all arguments in one, where they have no inputs of their own.
_PREFIX = "arg:"
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?")
_NOT_GIVEN = "-"
_TRUTHS = (True, False)


class NotEditable(Exception):
    """These arguments do not fit into a modal of Slack's."""


class Wrong(Exception):
    """What was written is no argument; ``errors`` has a sentence for each block."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(*errors.values())
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True)
class Field:
    """One argument and its input."""

    name: str
    schema: Mapping[str, Json]
    is_required: bool
    has_value: bool
    value: Json = None

    @property
    def block_id(self) -> str:
        return _PREFIX + self.name

    @property
    def text(self) -> str:
        """What stands in the input: the value as a person writes it."""
        if not self.has_value:
            return ""
        if self.choices:
            return next(str(n) for n, each in enumerate(self.choices) if _same(each, self.value))
        return str(self.value) if self.kind == "string" else _pretty(self.value)

    @property
    def choices(self) -> tuple[Json, ...]:
        """What can be chosen; none where something is to be written."""
        allowed = self.schema.get("enum", _TRUTHS if self.schema.get("type") == "boolean" else ())
        is_short = isinstance(allowed, tuple | list) and len(allowed) <= MOST_FIELDS
        fits = is_short and (not self.has_value or any(_same(each, self.value) for each in allowed))
        return tuple(allowed) if fits else ()

    @property
    def kind(self) -> str:
        """Of what is written: string, integer, number, or json for anything else."""
        kind = str(self.schema.get("type"))
        if not self.has_value:
            return kind if kind in _READERS else "json"
        is_number = _NUMBER.fullmatch(canonical_text(self.value)) is not None
        fits = {"integer": is_number, "number": is_number, "string": isinstance(self.value, str)}
        return kind if fits.get(kind) else "json"


def edit_form(approval: ApprovalView, schema: Mapping[str, Json], value: str) -> Drawing:
    """The modal with the stored arguments in it.

    :param schema: of the tool's arguments
    :param value: sealed by the engine
    :raises NotEditable: something does not fit
    """
    blocks = [_block(each) for each in fields_of(approval, schema)]
    return form(EDIT_TITLE, [subject(approval), *blocks], "Save", EDIT_FORM, value)


def edited(approval: ApprovalView, schema: Mapping[str, Json], answers: Mapping[str, str]) -> str:
    """The arguments that were written, as JSON text.

    :raises Wrong: something written is not a value of its kind
    """
    args: dict[str, Json] = {}
    errors: dict[str, str] = {}
    for field in fields_of(approval, schema):
        try:
            args.update(_read(field, answers.get(field.block_id, ""), approval))
        except BadRequest as problem:
            errors[field.block_id] = str(problem)
    if errors:
        raise Wrong(errors)
    return canonical_text(args.get(WHOLE, {}) if _is_whole(approval, schema) else args)


def block_of(approval: ApprovalView, schema: Mapping[str, Json], pointer: str) -> str:
    """The block at which a fault is shown: the argument's own, or the first."""
    name = pointer[1:].partition("/")[0].replace("~1", "/").replace("~0", "~")
    fields = fields_of(approval, schema)
    return next((each.block_id for each in fields if each.name == name), fields[0].block_id)


def fields_of(approval: ApprovalView, schema: Mapping[str, Json]) -> list[Field]:
    """One field for each argument of the schema, in its order, and then for what else was given.

    :raises NotEditable: a text that no input takes
    """
    args = json.loads(approval.args)
    in_one = [Field(WHOLE, {}, is_required=True, has_value=True, value=args)]
    fields = in_one if _is_whole(approval, schema) else list(_each(args, schema))
    if any(units(field.text) > MOST_TEXT for field in fields):
        raise NotEditable(f"An argument has more than the {MOST_TEXT:,} characters that Slack can edit.")
    return fields


def _is_whole(approval: ApprovalView, schema: Mapping[str, Json]) -> bool:
    """Whether all arguments stand in one input: none, too many, or names that Slack cannot have."""
    names = {*json.loads(approval.args), *schema.get("properties", {})}
    return not 0 < len(names) <= MOST_FIELDS or any(not 0 < units(name) <= 200 for name in names)


def _each(args: Mapping[str, Json], schema: Mapping[str, Json]) -> Iterator[Field]:
    known = schema.get("properties", {})
    for name in [*known, *(name for name in args if name not in known)]:
        of_it = known.get(name)
        is_required = name in schema.get("required", ())
        kept = of_it if isinstance(of_it, dict) else {}
        yield Field(name, kept, is_required, name in args, args.get(name))


def _block(field: Field) -> Block:
    element = _choice(field) if field.choices else _written(field)
    hint = visible(cut(str(field.schema.get("description") or ""), 150))
    may_be_empty = not field.is_required or (field.kind == "string" and field.text == "")
    block = labelled(field.block_id, visible(field.name), element, hint)
    return {**block, "optional": may_be_empty and not field.choices}


def _choice(field: Field) -> Block:
    options = [_option(str(number), _spelled(each)) for number, each in enumerate(field.choices)]
    if not field.is_required:
        options.append(_option(_NOT_GIVEN, "(not given)"))
    chosen = next((each for each in options if each["value"] == (field.text or _NOT_GIVEN)), None)
    kind = "radio_buttons" if len(options) <= 3 else "static_select"
    made = {"type": kind, "action_id": "value", "options": options}
    return {**made, "initial_option": chosen} if chosen else made


def _written(field: Field) -> Block:
    first = {"initial_value": field.text} if field.text else {}
    if field.kind in ("integer", "number"):
        is_decimal = field.kind == "number"
        return {"type": "number_input", "action_id": "value", "is_decimal_allowed": is_decimal, **first}
    is_short = field.kind != "json" and _is_one_line(field)
    return {"type": "plain_text_input", "action_id": "value", "multiline": not is_short, **first}


def _is_one_line(field: Field) -> bool:
    """Whether a text is a name or the like: its schema limits it, and none stands there that is long."""
    limited = field.schema.get("maxLength", LIMITED + 1) <= LIMITED or "pattern" in field.schema
    return limited and len(field.text) <= LONG and "\n" not in field.text


def _option(value: str, text: str) -> Block:
    return {"text": words(cut(visible(text), 75)), "value": value}


def _spelled(value: Json) -> str:
    return value if isinstance(value, str) and value.strip() else canonical_text(value)


def _read(field: Field, answer: str, approval: ApprovalView) -> dict[str, Json]:
    """What a field adds to the arguments: nothing, or its value.

    :raises BadRequest: not a value of its kind
    """
    if _plain(answer) in (_plain(field.text), _NOT_GIVEN if field.choices and not field.has_value else None):
        is_default = _pointer(field.name) in approval.circumstances.defaults
        return {field.name: field.value} if field.has_value and not is_default else {}
    if field.choices:
        return {} if answer in ("", _NOT_GIVEN) else {field.name: field.choices[int(answer)]}
    if answer == "" and not field.is_required:
        return {}
    return {field.name: _READERS[field.kind](answer)}


def _plain(text: str) -> str:
    """As Slack may hand it back untouched."""
    return text.replace("\r\n", "\n").strip()


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _number(text: str) -> Json:
    if not _NUMBER.fullmatch(text.strip()):
        raise BadRequest("This must be a number, such as 12 or 0.5.")
    return parse(text.strip())


def _json(text: str) -> Json:
    return parse(text)


_READERS: dict[str, Callable[[str], Json]] = {
    "string": lambda text: text.replace("\r\n", "\n"),
    "integer": _number,
    "number": _number,
    "json": _json,
}


def _same(one: Json, other: Json) -> bool:
    return canonical_text(one) == canonical_text(other)


def _pretty(value: Json) -> str:
    text = canonical_text(value)
    return text if len(text) <= LONG else json.dumps(value, indent=2, ensure_ascii=False)
