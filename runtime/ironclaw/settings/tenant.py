"""The settings of one tenant."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, field_validator

from ironclaw.settings.brain import TenantBrain
from ironclaw.settings.budgets import TenantBudgets
from ironclaw.settings.forms import SLACK_GROUP, Name, Words, check_link_hosts, check_people, is_blank
from ironclaw.settings.retention import TenantRetention
from ironclaw.timing import check_zone


class TenantSettings(TenantBrain, TenantBudgets, TenantRetention):
    """One tenant: a table ``[tenants.NAME]`` in ironclaw.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    slack: Words = Field(
        (), description="Slack team ids (T...) or enterprise ids (E...) that are this tenant."
    )
    jwt: bool = Field(False, description="Whether tokens of the JWT issuer may name this tenant.")
    approvers: Words = Field(
        (),
        description="Who may approve: slack:TEAM:USER, jwt:ISSUER|SUBJECT or local:NAME. Nobody when empty.",
    )
    groups: dict[Name, Words] = Field(
        {},
        description="Groups that policy may ask for: people as in approvers, or @S... of Slack.",
    )
    people: dict[Name, Words] = Field(
        {}, description="Who has several identities: their names in each door. They count once."
    )
    policy_file: Path | None = Field(
        None, description="Cedar policies of this tenant, beside the common ones; they can only take away."
    )
    approvals_channel: str = Field(
        "", description="Slack channel (C...) that gets a copy of every approval card."
    )
    self_approval: bool = Field(False, description="Whether a requester may approve their own call.")
    guests: bool = Field(
        False, description="Whether guests of the Slack workspace may ask. They never approve."
    )
    approval_minutes: float = Field(
        60, gt=0, le=60 * 24 * 30, description="How long an approval waits before it expires."
    )
    cards_per_workflow: int = Field(
        20, ge=1, description="Cards that one workflow may post; then it is told no."
    )
    cards_per_hour: int = Field(60, ge=1, description="Cards for one requester; likewise.")
    denials: int = Field(3, ge=1, description="Calls denied by people that end their workflow.")
    toolboxes: Words | None = Field(
        None, description="Toolboxes whose tools this tenant has, by name; all of them when not set."
    )
    max_open: int = Field(1_000, ge=1, description="Tasks at work or in the queue; more are refused.")
    max_running: int = Field(16, ge=1, description="Tasks that one process works on at once.")
    max_schedules: int = Field(50, ge=0, description="Schedules that there may be, paused ones too.")
    max_memories: int = Field(10_000, ge=0, description="Memories that there may be.")
    zone: Annotated[str, AfterValidator(check_zone)] = Field(
        "UTC", description="Time zone of schedules whose maker's is not known, such as Europe/Berlin."
    )
    http_allow: Words = Field(
        (), description="Hosts that this tenant's tools may ask, beside the common http_allow."
    )
    links: Annotated[Words, AfterValidator(check_link_hosts)] = Field(
        (),
        description="Hosts to which answers may link in Slack: exact, or *.NAME for one label before it. "
        "Other addresses are shown as text that no client makes a link of.",
    )
    scratch_mb: int | None = Field(None, ge=0, description="Of this tenant, where less than the common one.")
    scratch_files: int | None = Field(None, ge=0, description="Likewise.")
    max_fuel: int | None = Field(None, ge=1, description="Likewise.")
    max_memory_mb: int | None = Field(None, ge=1, description="Likewise.")
    max_call_seconds: float | None = Field(None, gt=0, description="Likewise.")
    max_output_kb: int | None = Field(None, ge=1, description="Likewise.")

    @field_validator("policy_file", mode="before")
    @classmethod
    def _no_blank(cls, value: Any) -> Any:
        return None if is_blank(value) else value

    @field_validator("approvers")
    @classmethod
    def _known_forms(cls, names: Words) -> Words:
        return check_people(names)

    @field_validator("groups", "people")
    @classmethod
    def _known_members(cls, named: dict[str, Words], info: ValidationInfo) -> dict[str, Words]:
        is_member = SLACK_GROUP.fullmatch if info.field_name == "groups" else lambda _: None
        for names in named.values():
            check_people(names, is_member)
        return named
