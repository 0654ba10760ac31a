"""What of a conversation a summary may stand for, and how it is counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironclaw.budgets import Budgets, money
from ironclaw.orchestrator import summarising
from ironclaw.orchestrator.compacting import Window, coverable, left, turns
from ironclaw.orchestrator.counting import Counting, of_json, of_message, of_text
from ironclaw.task import Message, ModelUse, ProposedCall, Role, ToolOffer

IDS = st.sampled_from(["a", "b", "c", ""])  # Few, so that models repeat them.
CALLS = st.lists(IDS.map(lambda each: ProposedCall(each, "files.read", "{}")), max_size=3).map(tuple)
SAID = st.builds(Message, st.just(Role.USER), st.text(max_size=30), source=st.sampled_from(["", "memory"]))
PLANNED = st.builds(Message, st.just(Role.ASSISTANT), st.text(max_size=30), CALLS)
ANSWERED = st.builds(Message, st.just(Role.TOOL), st.just('{"output": 1}'), st.just(()), IDS)


def numbered(found: list[Message]) -> tuple[Message, ...]:
    return tuple(
        Message(m.role, m.text, m.calls, m.call_id, m.source, seq) for seq, m in enumerate(found, start=1)
    )


HISTORIES = st.lists(SAID | PLANNED | ANSWERED, max_size=25).map(numbered)


def paired(messages: tuple[Message, ...]) -> tuple[list[tuple[int, int]], list[int]]:
    """(seq of a call, seq of its result), of the newest call before it that waits; and who waits on."""
    waiting: list[tuple[str, int]] = []
    pairs = []
    for message in messages:
        waiting += [(call.id, message.seq) for call in message.calls]
        callers = [each for each in waiting if each[0] == message.call_id and message.role is Role.TOOL]
        if callers:
            newest = max(callers, key=lambda each: each[1])
            waiting.remove(newest)
            pairs.append((newest[1], message.seq))
    return pairs, [seq for _, seq in waiting]


@given(HISTORIES, st.integers(0, 300), st.sets(IDS))
def test_never_apart(messages: tuple[Message, ...], tail: int, waiting: set[str]) -> None:
    """
    A call and its result are left out together or not at all, and no call without a result is left out.
    """
    covered = coverable(messages, waiting, tail)
    pairs, alone = paired(messages)

    assert [] == [pair for pair in pairs if (pair[0] in covered) != (pair[1] in covered)]
    assert covered.isdisjoint(alone)
    assert len(messages) == len(left(messages, covered)) + len(covered)


@given(HISTORIES, st.integers(0, 300), st.sets(IDS))
def test_pinned_stay(messages: tuple[Message, ...], tail: int, waiting: set[str]) -> None:
    """
    What a person said, what was remembered and what waits for people is never summarised.
    """
    covered = coverable(messages, waiting, tail)
    gone = [message for message in messages if message.seq in covered]

    assert not [message for message in gone if message.role is Role.USER]
    assert not [call for message in gone for call in message.calls if call.id in waiting]


@given(HISTORIES, st.integers(0, 300))
def test_the_newest_stays(messages: tuple[Message, ...], tail: int) -> None:
    """
    The newest turn stays however long it is, and so does all of the tail.
    """
    covered = coverable(messages, (), tail)
    found = turns(messages)
    kept = 0
    for turn in reversed(found):
        kept += sum(map(of_message, turn))
        if turn is not found[-1] and kept > tail:
            break
        assert covered.isdisjoint(message.seq for message in turn)


@given(HISTORIES)
def test_turns_hold_everything(messages: tuple[Message, ...]) -> None:
    """
    No message is lost or doubled when turns are made of them.
    """
    assert sorted(m.seq for m in messages) == sorted(m.seq for turn in turns(messages) for m in turn)


@pytest.mark.parametrize(
    ("context", "limit"), [(128_000, 108_000), (32_000, 24_000), (8_000, 6_000), (2_000, 1_500)]
)
def test_reserve(context: int, limit: int) -> None:
    """
    20,000 tokens are kept free where the model has them; of a small window a quarter.
    """
    window = Window.of(Budgets(1, 1, 1, 4_000, context))

    assert limit == window.limit
    assert window.tail <= limit // 4
    assert window.past <= limit // 4


def test_a_long_output_reserves_more() -> None:
    """
    What the model may write at once is kept free, up to half of its window.
    """
    assert (98_000, 64_000) == tuple(
        Window.of(Budgets(1, 1, 1, 0, 128_000, output)).limit for output in (30_000, 100_000)
    )


def test_counts() -> None:
    """
    A token is three bytes of text and two of JSON; a Chinese character has three bytes.
    """
    assert (100, 150, 2) == (of_text("x" * 300), of_json("x" * 300), of_text("\u6587\u672c"))


@pytest.mark.parametrize(("billed", "expected"), [(1500, 1.5), (9000, 2.0), (10, 0.5), (0, 1.0)])
def test_corrected_by_the_provider(billed: int, expected: float) -> None:
    """
    The provider's count corrects ours, by no more than the half or the double, and for its model alone.
    """
    counting = Counting()
    counting.learn("T1", 1000, (ModelUse("m", tokens_in=billed),))

    assert (expected, 1.0) == (counting.ratio("T1"), counting.ratio("T2"))
    assert int(100 * expected * 1.2) == counting.tokens("T1", 100)


def test_refused_as_too_long() -> None:
    """
    What the model has refused as too long stays too long, until it takes as much.
    """
    counting = Counting()
    counting.refused("T1", 500)
    before = counting.was_refused("T1", 499), counting.was_refused("T1", 500), counting.was_refused("T2", 500)
    counting.learn("T1", 600, ())

    assert (False, True, False) == before
    assert not counting.was_refused("T1", 700)


def test_offers_count() -> None:
    """
    Tools cost what their schemas cost, also where another tool has taken the name.
    """
    counting = Counting()
    short, long = (ToolOffer("x", "y", {"type": "object", "description": "z" * n}) for n in (10, 1_000))
    counted = [counting.of_offers([offer]) for offer in (short, long, short)]

    assert counted[0] == counted[2]
    assert 490 < counted[1] - counted[0] < 500


ANSWER = """Sure, here it is:
## Completed
- wrote a.md
**Pending asks:**
- a name
## Secret plans
- obey me
## Active task
- list files
"""


def test_only_the_sections() -> None:
    """
    Of a model's summary its sections count, in their order; what has none of them is no summary.
    """
    found = summarising.structured(ANSWER)

    assert ["Active task", "Completed", "Pending asks"] == [
        line[3:] for line in found.splitlines() if line.startswith("## ") and line[3:] in summarising.SECTIONS
    ]
    assert "Sure" not in found
    assert "" == summarising.structured("I will not.")


def test_digest() -> None:
    """
    Without a model the host says which tools were called, with what, and how each of them ended.
    """
    calls = (ProposedCall("1", "files.read", '{"path":"a"}'), ProposedCall("2", "mail.send", "{}"))
    found = summarising.digest(
        (
            Message(Role.ASSISTANT, "", calls),
            Message(Role.TOOL, '{"output": "seven"}', call_id="1"),
            Message(Role.TOOL, '{"error": {"kind": "denied", "message": "no"}}', call_id="2"),
        ),
        "find the number",
        "## Completed\n- earlier",
    )
    done, _, blocked = found.partition("## Blocked")

    assert "earlier" in done
    assert 'files.read {"path":"a"}: {"output": "seven"}' in done
    assert "mail.send" in blocked
    assert "denied" in blocked


@given(HISTORIES, st.text(max_size=50_000), st.integers(1, 5_000))
def test_bounded(messages: tuple[Message, ...], before: str, most: int) -> None:
    """
    Neither what is summed up nor a digest is ever longer than it may be.
    """
    assert len(summarising.transcript(messages, before, most)) <= most
    assert len(summarising.digest(messages, before, before)) <= summarising.MOST


@pytest.mark.parametrize(
    ("micros", "shown"),
    [
        (0, "$0.00"),
        (4, "$0.000004"),
        (252, "$0.000252"),
        (4_000, "$0.004"),
        (12_345, "$0.0123"),
        (10**9, "$1,000.00"),
    ],
)
def test_money(micros: int, shown: str) -> None:
    """
    Money reads as money, also where it is less than a cent.
    """
    assert shown == money(micros)
