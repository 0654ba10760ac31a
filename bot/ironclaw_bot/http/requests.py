"""The bodies that come in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ironclaw.task import Address, Json, Principal, Task
from ironclaw_bot.http.bodies import Strict

MAX_TASK_BYTES = 16 * 1024
MAX_REASON = 1000  #: characters


def _task_text(text: str) -> str:
    if not text.strip():
        raise ValueError("a task needs words")
    if len(text.encode()) > MAX_TASK_BYTES:
        raise ValueError("a task is at most 16 KB")
    return text


TaskText = Annotated[str, AfterValidator(_task_text)]
ToolName = Annotated[str, Field(min_length=1, max_length=128)]


class ReplyTo(Strict):
    """A place in the tenant's Slack workspace that gets the answer and the approval cards."""

    channel: str = Field(pattern=r"^[A-Z][A-Z0-9]{1,31}$")
    thread_ts: str | None = Field(None, pattern=r"^[0-9]{1,12}\.[0-9]{1,9}$")

    def address(self) -> Address:
        place = {"channel": self.channel}
        return Address("slack", place | ({"thread_ts": self.thread_ts} if self.thread_ts else {}))


class RunRequest(Strict):
    """Body of POST /run."""

    task: TaskText
    tools: list[ToolName] | None = Field(None, max_length=256)
    context: dict[str, Json] = Field(default_factory=dict)
    reply_to: ReplyTo | None = None
    tenant_id: str | None = None
    wait: float = Field(30, ge=0, le=120)  #: Seconds that the answer is waited for.

    def to_task(self, principal: Principal, key: str | None) -> Task:
        """:param key: the caller's Idempotency-Key: the same one is the same workflow"""
        return Task(
            tenant=principal.tenant,
            requester=principal.id,
            text=self.task,
            reply_to=self.reply_to.address() if self.reply_to else Address("http"),
            tools=None if self.tools is None else tuple(self.tools),
            context=self.context,
            delivery=(f"http:{principal.tenant}:{principal.id}", key) if key else None,
            door="http",
        )


class DecisionRequest(Strict):
    """Body of POST /approve/{id} and /deny/{id}; it may be missing."""

    reason: str = Field("", max_length=MAX_REASON)
    version: int | None = Field(None, ge=1)  #: The version that the person saw; another one is a conflict.
    wait: float = Field(0, ge=0, le=120)  #: Seconds that the workflow's next stop is waited for.
    tenant_id: str | None = None  #: What a token says counts; another tenant has no such approval.
    #: How far a yes reaches: calls like this one of this workflow, or of this tool; else this call alone.
    grant: Literal["workflow", "tool"] | None = None
    #: Of the person's second factor, where a rule asks for one.
    code: str = Field("", max_length=10, repr=False)


class EditRequest(Strict):
    """Body of POST /edit/{id}."""

    arguments: dict[str, Json]  #: All of them: what is left out has its default.
    version: int | None = Field(None, ge=1)  #: As in :class:`DecisionRequest`.
