"""All rules that are asked together, read from their files and validated before anything is asked."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import cedarpy

from ironclaw.errors import SettingsError
from ironclaw.settings import Settings
from ironclaw_plugins.policy_cedar.annotations import Unreadable
from ironclaw_plugins.policy_cedar.answers import Answers
from ironclaw_plugins.policy_cedar.places import beginnings, hint, unreadable
from ironclaw_plugins.policy_cedar.rules import Rule, rule

SHIPPED, WALLS = "shipped.cedar", "walls.cedar"
FORM = 2  #: Of what a verdict is made from its answers: part of the version.
MAX_FILE = 1 << 20  #: Bytes.
MEND = "Mend it; nothing starts with a policy that fails."


_ATTRIBUTE = re.compile(r"^ +(\w+)\??:")
Stamp = tuple[tuple[int, ...], ...]  #: Of files: when changed, how long, which.


@dataclass(frozen=True, slots=True)
class Source:
    """A file of policies as it was read."""

    name: str  #: For people.
    stem: str  #: Of what its rules without an @id are called.
    text: str
    is_common: bool = True


@dataclass(frozen=True, slots=True)
class Book:
    """The rules that one tenant's calls are judged by, parsed once (notes: security, section 4)."""

    rules: Mapping[str, Rule]  #: By the id that Cedar's answers name.
    policies: cedarpy.PolicySet
    names: frozenset[str]  #: Every attribute that some rule speaks of.
    schema: cedarpy.Schema  #: Without what none speaks of: reading that took half of each verdict.
    #: By the SHA-256 of both questions with all that they speak of: a call is judged three times at least.
    answered: dict[bytes, Answers] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Library:
    """The policies of this host: one book for all, and one for each tenant with a file of its own."""

    common: Book
    own: Mapping[str, Book]
    version: str
    stamp: Stamp  #: Of the files, from before they were read.

    def of(self, tenant: str) -> Book:
        """The rules for a tenant's calls."""
        return self.own.get(tenant, self.common)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule once."""
        books = (self.common, *self.own.values())
        return tuple({(rule.file, rule.id): rule for book in books for rule in book.rules.values()}.values())

    def unknown_groups(self, settings: Settings) -> tuple[tuple[str, str, str], ...]:
        """Tenant, rule and group of each group that a rule names and a tenant does not have."""
        return tuple(
            (tenant, rule.id, group)
            for tenant, known in sorted(settings.tenants.items())
            for rule in self.of(tenant).rules.values()
            for group in sorted(rule.groups - set(known.groups))
        )

    @classmethod
    def read(cls, settings: Settings) -> Library:
        """Everything that the settings name, strictly.

        :raises SettingsError: a file that cannot be read, or a rule that could not hold
        """
        before, schema = stamp(settings), _shipped("schema.cedarschema")
        common = [Source(WALLS, "walls", _shipped(WALLS)), common_source(settings.policy_file)]
        own = {
            name: [*common, source(tenant.policy_file, f"tenants.{name}.policy_file", is_common=False)]
            for name, tenant in sorted(settings.tenants.items())
            if tenant.policy_file
        }
        whole = [FORM, schema, [s.text for s in common], {name: each[-1].text for name, each in own.items()}]
        return cls(
            common=bind(common, schema),
            own={name: bind(sources, schema) for name, sources in own.items()},
            stamp=before,
            version=hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest(),
        )


def stamp(settings: Settings) -> Stamp:
    """What changes when one of the files does."""
    files = [settings.policy_file, *(tenant.policy_file for tenant in settings.tenants.values())]
    return tuple(_stamp(file) for file in files if file)


def _stamp(file: Path) -> tuple[int, ...]:
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino


def check(file: Path, *, is_common: bool = True) -> tuple[Rule, ...]:
    """The rules of one file, as they would hold in place of the shipped ones, or beside them as a tenant's.

    :raises SettingsError: they could not hold
    """
    own = source(file, "policy_file", is_common=is_common)
    behind = [Source(WALLS, "walls", _shipped(WALLS)), *([] if is_common else [common_source(None)])]
    rules = bind([*behind, own], _shipped("schema.cedarschema")).rules.values()
    return tuple(rule for rule in rules if rule.file == own.name)


def common_source(file: Path | None) -> Source:
    """The operator's policies, or the shipped ones.

    :raises SettingsError: the file cannot be read
    """
    return source(file, "policy_file") if file else Source(SHIPPED, "shipped", _shipped(SHIPPED))


def source(file: Path, setting: str, *, is_common: bool = True) -> Source:
    """
    :raises SettingsError: the file cannot be read
    """
    name = f"{setting}: {file}"
    try:
        with file.open("rb") as stream:
            text = stream.read(MAX_FILE + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{name}: cannot be read: {_why(error)}. Nothing starts without policy."
        ) from None
    if len(text) > MAX_FILE:
        raise SettingsError(f"{name}: is longer than {MAX_FILE} bytes. {MEND}")
    return Source(name, file.stem, text, is_common)


def bind(sources: Iterable[Source], schema: str) -> Book:
    """One book of several files.

    :raises SettingsError: a rule that could not hold, with its file and its id
    """
    rules: dict[str, Rule] = {}
    static: dict[str, Any] = {}
    for each in sources:
        for read, policy in _read(each, schema):
            if read.id in rules:
                raise SettingsError(
                    f"{each.name}: {read.id}: there is such an @id already, in {rules[read.id].file}. {MEND}"
                )
            rules[read.id], static[read.id] = read, policy
    whole = json.dumps({"staticPolicies": static, "templates": {}, "templateLinks": []})
    names = frozenset(_attributes(static))
    slim = _slim(schema, names)
    checked = cedarpy.validate_policies(cedarpy.policies_from_json_str(whole), slim)
    if not checked.validation_passed:  # Then some rule speaks of what we took to be of no use.
        raise SettingsError(f"policy: {checked.errors[0]}. {MEND}")
    return Book(rules, cedarpy.PolicySet.from_json_str(whole), names, cedarpy.Schema.from_str(slim))


def _slim(schema: str, names: frozenset[str]) -> str:
    """The schema with a context of these attributes alone."""
    before, begin, rest = schema.partition("type Call = {\n")
    attributes, end, after = rest.partition("};")
    kept = [line for line in attributes.splitlines() if names.intersection(_ATTRIBUTE.findall(line))]
    return "\n".join([before + begin, *kept, end + after])


def _read(each: Source, schema: str) -> list[tuple[Rule, Any]]:
    """
    :raises SettingsError: not Cedar, not of the schema, or a rule that could not hold
    """
    try:
        whole = _parsed(each)
        ordered = _in_order(whole["staticPolicies"])
        places = dict(
            zip([number for number, _ in ordered], beginnings(each.text, len(ordered)), strict=True)
        )
        found = {
            number: (_rule(each, policy, index, places[number]), policy)
            for index, (number, policy) in enumerate(ordered, 1)
        }
        _validate(
            each, schema, {number: f"{places[number]}{read.id}: " for number, (read, _) in found.items()}
        )
    except ValueError as error:
        raise SettingsError(f"{each.name}: {error}. {MEND}") from None
    return list(found.values())


def _parsed(each: Source) -> Mapping[str, Any]:
    """
    :raises ValueError: not Cedar, with the line of the rule that is none; or a template
    """
    try:
        whole: Mapping[str, Any] = json.loads(cedarpy.policies_to_json_str(each.text))
    except ValueError as error:
        raise ValueError(f"{unreadable(each.text, each.stem)}{error}") from None
    if whole.get("templates"):
        raise Unreadable("a template holds for nobody: write ?principal and ?resource out")
    return whole


def _rule(each: Source, policy: Mapping[str, Any], index: int, place: str) -> Rule:
    try:
        return rule(policy, f"{each.stem}#{index}", each.name, each.is_common)
    except Unreadable as error:
        raise Unreadable(f"{place}{error}") from None


def _validate(each: Source, schema: str, places: Mapping[str, str]) -> None:
    """
    :raises ValueError: Cedar's own words, with the rule's line and @id, and what to write
    """
    result = cedarpy.validate_policies(each.text, schema)
    if not result.validation_passed:
        first = result.errors[0]
        said = first.error.removeprefix(f"for policy `{first.policy_id}`, ")
        raise ValueError(f"{places.get(first.policy_id or '', '')}{said}{hint(said)}")


def _in_order(numbered: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """As they stand in the file: Cedar counts them, policy0 first."""
    return sorted(numbered.items(), key=lambda item: int(item[0].removeprefix("policy")))


def _attributes(value: Any) -> Iterable[str]:
    """Every attribute's name in policies as JSON."""
    if isinstance(value, dict):
        if isinstance(value.get("attr"), str):
            yield value["attr"]
        for each in value.values():
            yield from _attributes(each)
    elif isinstance(value, list):
        for each in value:
            yield from _attributes(each)


def _shipped(name: str) -> str:
    return resources.files("ironclaw_plugins").joinpath("policies", name).read_text("utf-8")


def _why(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8"
