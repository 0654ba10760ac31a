"""What the approval machine promises, said a second time and more simply: a model to hold it against."""

from __future__ import annotations

from dataclasses import dataclass, field

PERSON = {"slack:T1:U_BO": "bo", "jwt:https://issuer.test|bo": "bo"}  #: Who has several identities.
WAIT, WINDOW, MEMORY = 3600.0, 600.0, 3600.0  #: Seconds: of a review, after the last yes, of a no.
SEND, WIRE = "desk.send_email", "desk.wire_transfer"


@dataclass
class Policy:
    """What the operator's file says now."""

    forbidden: bool = False  #: SEND may not run at all.
    loose: bool = False  #: Everything may run unasked.
    quorum: int = 1  #: For everything, beside WIRE's own two.

    def needed(self, tool: str) -> int:
        """How many people a review of the tool takes by this policy; 1 where it does not ask."""
        return 1 if self.loose else max(self.quorum, 2 if tool == WIRE else 1)

    def forbids(self, tool: str) -> bool:
        return self.forbidden and tool == SEND


@dataclass
class Call:
    """One call and its newest review."""

    workflow: str
    approval: str  #: Id; "" where nobody was asked.
    tool: str
    args: str
    state: str  #: pending, approved, done, denied, expired, cancelled, superseded or refused.
    needed: int = 1  #: By the policies of every moment at which it was judged.
    version: int = 1
    asked_at: float = 0.0
    expires_at: float = 0.0
    yes: dict[str, float] = field(default_factory=dict)  #: By principal: when.


@dataclass
class Model:
    """All calls, the people, the policy and the clock."""

    now: float
    requester: str
    approvers: set[str]
    policy: Policy = field(default_factory=Policy)
    calls: list[Call] = field(default_factory=list)
    ran: list[tuple[str, str]] = field(default_factory=list)

    def person(self, principal: str) -> str:
        return PERSON.get(principal, principal)

    def may(self, principal: str, decision: str) -> bool:
        """Whether they may say this of the requester's calls now."""
        if principal == self.requester:
            return decision == "deny"
        people = {self.person(each) for each in self.approvers}
        return self.person(principal) in people

    # What people and the brain do

    def propose(self, workflow: str, approval: str, tool: str, args: str) -> None:
        """:param approval: "" where nobody was asked: then that must have been right"""
        call = Call(workflow, approval, tool, args, "pending", self.policy.needed(tool))
        call.asked_at, call.expires_at = self.now, self.now + WAIT
        self.calls.append(call)
        if self.policy.forbids(tool) or (not self.policy.loose and self._denied_lately(tool, args)):
            call.state = "refused"
        elif self.policy.loose:
            call.state = "done"
            self.ran.append((tool, args))
        assert bool(approval) == (call.state == "pending")

    def _denied_lately(self, tool: str, args: str) -> bool:
        return any(
            (each.state, each.tool, each.args) == ("denied", tool, args) and each.asked_at > self.now - MEMORY
            for each in self.calls
        )

    def decide(self, call: Call, principal: str, decision: str, version: int) -> bool:
        """:return: whether it counted"""
        if not self._counts(call, principal, decision, version):
            return False
        if decision == "approve" and self.policy.forbids(call.tool):
            call.state = "superseded"
            return False
        if decision == "deny":
            call.state = "denied"
            return True
        if self.person(principal) in {self.person(each) for each in call.yes}:
            return False
        call.yes[principal] = self.now
        # A policy that became stricter holds from now on; of one that became looser nothing does.
        if len(call.yes) >= max(call.needed, self.policy.needed(call.tool)):
            call.state = "approved"
        return True

    def _counts(self, call: Call, principal: str, decision: str, version: int) -> bool:
        is_open = call.state == "pending" and self.now < call.expires_at
        return self.may(principal, decision) and is_open and version == call.version

    def edit(self, call: Call, principal: str, args: str, approval: str) -> bool:
        """:return: whether it became a new version"""
        if not self._counts(call, principal, "approve", call.version):
            return False
        if self.policy.forbids(call.tool):
            call.state = "superseded"
            return False
        if args == call.args:
            return False
        call.args, call.approval, call.version, call.yes = args, approval, call.version + 1, {}
        call.asked_at, call.expires_at = self.now, self.now + WAIT
        call.needed = max(call.needed, self.policy.needed(call.tool))
        return True

    def cancel(self, call: Call, principal: str) -> bool:
        """:return: whether it was stopped"""
        people = {self.person(each) for each in self.approvers}
        if principal != self.requester and self.person(principal) not in people:
            return False
        if call.state not in ("pending", "approved"):
            return False
        call.state = "cancelled"
        return True

    # What follows by itself

    def sweep(self) -> None:
        """Reviews end when their time is over."""
        for call in self.calls:
            if call.state == "pending" and self.now >= call.expires_at:
                call.state = "expired"

    def tighten(self) -> None:
        """Reviews end that policy forbids."""
        for call in self.calls:
            if call.state == "pending" and self.policy.forbids(call.tool):
                call.state = "superseded"

    def execute(self) -> None:
        """What is approved runs once, if that still holds; else it never does."""
        for call in self.calls:
            if call.state == "approved":
                call.state = "done" if self._holds(call) else "superseded"
                self.ran += [(call.tool, call.args)] if call.state == "done" else []

    def _holds(self, call: Call) -> bool:
        last = max([call.expires_at, *(at + WINDOW for at in call.yes.values())])
        people = {self.person(each) for each in call.yes if self.may(each, "approve")}
        enough = len(people) >= max(call.needed, self.policy.needed(call.tool))
        return not self.policy.forbids(call.tool) and self.now <= last and enough
