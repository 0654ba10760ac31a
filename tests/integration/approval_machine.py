"""The approval machine under a random operator, random people and a random clock, beside its model.

Store, veto, policy (Cedar) and orchestrator are the real ones; the sandbox alone is a list of what it got.
"""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.integration.approval_model import SEND, WIRE, Call, Policy
from tests.integration.approval_real import BO, BO_BY_JWT, CY, DI, EVE, RealSide
from tests.integration.engine import ADA, moves, wants

from ironclaw.task import Decision, Principal

PEOPLE = st.sampled_from([BO, BO_BY_JWT, CY, DI, EVE, ADA])
APPROVERS = st.sampled_from([BO, BO_BY_JWT, CY, DI])
POLICIES = [Policy(), Policy(quorum=2), Policy(quorum=3), Policy(loose=True), Policy(forbidden=True)]
WORDS = st.sampled_from(["one", "two", "three"])
NUMBER = st.integers(0, 10**6)
#: After these nothing more becomes of a call.
ENDS = {
    *("call_succeeded", "call_failed", "call_in_doubt", "call_denied", "call_cancelled", "call_superseded"),
    *("approval_denied", "approval_expired", "approval_superseded"),
}
STATES = {"done": "succeeded", "refused": "denied"}  #: The machine's words, where the model has others.


class ApprovalMachine(RealSide, RuleBasedStateMachine):
    """Each rule is done to both; after each, they say the same."""

    def __init__(self) -> None:
        super().__init__()
        self.held = False

    # Both

    @initialize()
    def begin(self) -> None:
        self.begin_real()
        self.propose(SEND, "one")
        self.propose(WIRE, "one")

    @precondition(lambda self: not self.held)
    @rule(tool=st.sampled_from([SEND, WIRE]), word=WORDS)
    def propose(self, tool: str, word: str) -> None:
        text = f"task {len(self.model.calls)}"
        args = {"to": "a@x.test", "body": word}
        self.brain.moves[text] = [moves(wants(tool, **args))]
        workflow = self.runner.run(self._submit(text))
        approval = self.runner.run(self.app.workflow("T1", workflow)).approval
        self.model.propose(workflow, approval.id if approval else "", tool, _canonical(args))

    @precondition(lambda self: self.model.calls)
    @rule(number=NUMBER, who=APPROVERS)
    def approve(self, number: int, who: str) -> None:
        self._decide(self._open_call(number), who, Decision.APPROVE)

    @precondition(lambda self: self.model.calls)
    @rule(number=NUMBER, others=st.permutations([BO, BO_BY_JWT, CY, DI]))
    def approve_together(self, number: int, others: list[str]) -> None:
        call = self._open_call(number)
        for who in others[:3]:
            self._decide(call, who, Decision.APPROVE)

    @precondition(lambda self: self.model.calls)
    @rule(number=NUMBER, who=PEOPLE, decision=st.sampled_from(Decision), old=st.booleans())
    def decide(self, number: int, who: str, decision: Decision, old: bool) -> None:
        """Anybody, anything, also of what is over or of an old version."""
        call = self._call(number)
        self._decide(call, who, decision, call.version - old)

    @precondition(lambda self: self.model.calls)
    @rule(number=NUMBER, who=APPROVERS)
    def change_ones_mind(self, number: int, who: str) -> None:
        """A yes, then a no of the same person: the no ends it, unless the yes was enough."""
        call = self._open_call(number)
        self._decide(call, who, Decision.APPROVE)
        self._decide(call, who, Decision.DENY)

    def _decide(self, call: Call, who: str, decision: Decision, version: int | None = None) -> None:
        shown = call.version if version is None else version
        asked = self.app.decide(self._principal(who), call.approval, decision, version=shown)
        assert self._do(asked) == self.model.decide(call, who, decision.value, shown)
        self._execute()

    @precondition(lambda self: self.model.calls)
    @rule(number=NUMBER, who=PEOPLE, word=WORDS)
    def edit(self, number: int, who: str, word: str) -> None:
        call, args = self._open_call(number), _canonical({"to": "a@x.test", "body": word})
        made = self._do(self.app.edit(self._principal(who), call.approval, args, version=call.version))
        assert made == self.model.edit(call, who, args, self._newest(call))
        self._execute()

    @precondition(lambda self: self.model.calls)
    @rule(number=NUMBER, who=PEOPLE)
    def cancel(self, number: int, who: str) -> None:
        call = self._call(number)
        stopped = self._do(self.app.stopping.cancel(self._principal(who), call.workflow))
        assert stopped == self.model.cancel(call, who)

    @rule(seconds=st.sampled_from([1, 60, 599, 602, 1800, 3599, 3600]))
    def tick(self, seconds: int) -> None:
        self.model.now += seconds
        self._do(self.app._expire())
        self.model.sweep()

    @rule(policy=st.sampled_from(POLICIES))
    def change_policy(self, policy: Policy) -> None:
        self.model.policy = policy
        self._write_policy()
        self._do(self.app.policies.reload())
        self.model.tighten()
        self._execute()

    @rule(who=st.sampled_from([BO, CY, DI]))
    def change_approvers(self, who: str) -> None:
        """Taken off the list, or put on it again; the bot is restarted for it."""
        self.model.approvers ^= {who}
        self.restart()

    @rule()
    def restart(self) -> None:
        self.runner.run(self.stack.aclose())
        self.held = False
        self.runner.run(self._open())
        self.model.execute()

    @precondition(lambda self: not self.held)
    @rule()
    def hold(self) -> None:
        """What is approved from now on has to wait for the executor."""
        self.held = True
        self.app._dispatcher.wake = lambda workflow_id, tenant: None  # type: ignore[method-assign]

    @precondition(lambda self: self.held)
    @rule()
    def let_go(self) -> None:
        self.held = False
        del self.app._dispatcher.wake
        self.runner.run(self._wake_all())
        self.model.execute()

    @precondition(lambda self: self.model.calls and not self.held)
    @rule(number=NUMBER, policy=st.sampled_from(POLICIES), seconds=st.sampled_from([0, 602, 3600]))
    def change_between_yes_and_run(self, number: int, policy: Policy, seconds: int) -> None:
        """What people agreed to does not outlive a policy that asks for more, or its time."""
        self.hold()
        self.approve_together(number, [BO, CY])
        self.change_policy(policy)
        self.tick(seconds)
        self.let_go()

    @precondition(lambda self: self.model.calls and not self.held)
    @rule(number=NUMBER, who=st.sampled_from([BO, CY]))
    def revoke_between_yes_and_run(self, number: int, who: str) -> None:
        self.hold()
        self.approve_together(number, [BO, CY])
        self.change_approvers(who)

    # They say the same

    @invariant()
    def states_are_the_same(self) -> None:
        there = {
            row["workflow_id"]: row["state"]
            for row in self._rows("SELECT workflow_id, state FROM tool_calls")
        }
        assert {call.workflow: STATES.get(call.state, call.state) for call in self.model.calls} == there

    @invariant()
    def ran_once_each_and_nothing_else(self) -> None:
        assert Counter(self.model.ran) == Counter(self.sandbox.calls)

    @invariant()
    def one_end_each_in_the_audit(self) -> None:
        found = [
            json.loads(row["event"]) for row in self._rows("SELECT event FROM audit WHERE tenant = 'T1'")
        ]
        ends = Counter(each["workflow"] for each in found if each["event"] in ENDS)
        over = {call.workflow for call in self.model.calls if call.state not in ("pending", "approved")}
        assert dict.fromkeys(over, 1) == ends

    def teardown(self) -> None:
        self.end_real()

    # Inside

    def _execute(self) -> None:
        if not self.held:
            self.model.execute()

    def _call(self, number: int) -> Call:
        return self.model.calls[number % len(self.model.calls)]

    def _open_call(self, number: int) -> Call:
        """One that waits, where there is one."""
        waiting = [call for call in self.model.calls if call.state == "pending"] or self.model.calls
        return waiting[number % len(waiting)]

    def _principal(self, who: str) -> Principal:
        return Principal("T1", who, self.app.roles("T1", who))


def _canonical(args: dict[str, str]) -> str:
    return json.dumps(args, sort_keys=True, separators=(",", ":"))
