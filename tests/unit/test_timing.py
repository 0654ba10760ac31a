"""When something that repeats is due: cron fields, zones, and the days on which clocks change."""

from __future__ import annotations

import zoneinfo
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ironclaw.errors import BadRequest
from ironclaw.timing import MOST_COUNTED, Timing, in_zone

BERLIN = "Europe/Berlin"


def _field(most: int) -> st.SearchStrategy[str]:
    """A field of cron: all, a number, each so many, or a list."""
    number = st.integers(0, most).map(str)
    steps = st.integers(1, most).map(lambda step: f"*/{step}")
    return st.one_of(st.just("*"), number, steps, st.lists(number, min_size=1, max_size=3).map(",".join))


def at(*when: int, fold: int = 0, zone: str = BERLIN) -> float:
    """A moment by the clocks of Berlin; fold 1 is the second pass of an hour that comes twice."""
    return datetime(*when, tzinfo=ZoneInfo(zone), fold=fold).timestamp()  # type: ignore[arg-type,misc]


def slots(cron: str, after: float, count: int = 3) -> list[str]:
    """The next slots by the clocks of Berlin, with their distance from UTC."""
    found = []
    for _ in range(count):
        after = Timing.read(cron, BERLIN).after(after)
        found.append(f"{datetime.fromtimestamp(after, ZoneInfo(BERLIN)):%a %H:%M %z}")
    return found


def test_weekdays() -> None:
    """
    Five fields are minute, hour, day, month and weekday, by the clocks of the zone.
    """
    assert ["Fri 07:00 +0100", "Mon 07:00 +0100", "Tue 07:00 +0100"] == slots(
        "0 7 * * 1-5", at(2026, 11, 19, 8)
    )


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("30 2 * * *", ["Sun 03:00 +0200", "Mon 02:30 +0200", "Tue 02:30 +0200"]),
        ("15,45 2 * * *", ["Sun 03:00 +0200", "Mon 02:15 +0200", "Mon 02:45 +0200"]),
        ("0 3 * * *", ["Sun 03:00 +0200", "Mon 03:00 +0200", "Tue 03:00 +0200"]),
        ("*/30 * * * *", ["Sun 01:30 +0100", "Sun 03:00 +0200", "Sun 03:30 +0200"]),
    ],
)
def test_clocks_go_forward(cron: str, expected: list[str]) -> None:
    """
    What falls into the hour that is not there comes once, at its end.
    """
    assert expected == slots(cron, at(2027, 3, 28, 1, 0))


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("30 2 * * *", ["Sun 02:30 +0200", "Mon 02:30 +0100", "Tue 02:30 +0100"]),
        ("0 3 * * *", ["Sun 03:00 +0100", "Mon 03:00 +0100", "Tue 03:00 +0100"]),
        ("*/30 * * * *", ["Sun 02:00 +0200", "Sun 02:30 +0200", "Sun 02:00 +0100"]),
    ],
)
def test_clocks_go_back(cron: str, expected: list[str]) -> None:
    """
    In the hour that comes twice a named time comes once; what comes each so many minutes goes on.
    """
    assert expected == slots(cron, at(2026, 10, 25, 1, 50))


def test_second_pass() -> None:
    """
    In the second pass of the hour, a time of the first has been: the next one is tomorrow's.
    """
    assert ["Mon 02:30 +0100"] == slots("30 2 * * *", at(2026, 10, 25, 2, 10, fold=1), 1)


@settings(max_examples=200, deadline=None)
@given(
    fields=st.tuples(_field(59), _field(23), st.just("* *"), st.sampled_from(["*", "1-5", "0"])),
    zone=st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]),
    change=st.sampled_from([1_325_203_200, 1_792_886_400, 1_793_512_800, 1_806_195_600]),
    before=st.integers(-7_200, 14_400),
    later=st.integers(0, 7_200),
)
def test_processes_agree(fields: tuple[str, ...], zone: str, change: int, before: int, later: int) -> None:
    """
    Whoever asks before the next slot hears of that one, a whole minute, also while clocks change.
    """
    timing, at = Timing.read(" ".join(fields), zone), float(change + before)
    slot = timing.after(at)

    assert slot > at
    assert (0, slot) == (slot % 60, timing.after(min(at + later, slot - 1)))


def test_count() -> None:
    """
    Slots are counted from the first one to a moment, that included.
    """
    timing = Timing.read("0 * * * *", BERLIN)

    assert (1, 3, 4) == tuple(
        timing.count(at(2026, 11, 19, 8), at(2026, 11, 19, hour, minute))
        for hour, minute in ((8, 0), (10, 59), (11, 0))
    )


def test_count_ends() -> None:
    """
    After a year of absence nobody counts for long.
    """
    assert MOST_COUNTED == Timing.read("* * * * *", BERLIN).count(at(2025, 1, 1), at(2026, 1, 1))


@pytest.mark.parametrize(
    ("cron", "named"),
    [
        ("60 7 * * *", "The field minute of"),
        ("0 24 * * *", "The field hour of"),
        ("0 7 0 * *", "The field day-of-month of"),
        ("0 7 30 2 *", "The field day-of-month of"),
        ("0 7 * 13 *", "The field month of"),
        ("0 7 * * 8", "The field day-of-week of"),
        ("0 7 * *", "is no schedule"),
        ("0 0 7 * * *", "is no schedule"),
        ("@daily", "is no schedule"),
        ("", "is no schedule"),
        ("\u0660 7 * * *", "is no schedule"),
        ("0 7 * * 1" + "," * 300, "is no schedule"),
    ],
)
def test_wrong_cron(cron: str, named: str) -> None:
    """
    What is no time, comes never, or would come more often than each minute is refused with the field's name.
    """
    with pytest.raises(BadRequest, match=named) as refused:
        Timing.read(cron, "UTC")

    assert "/cron" == refused.value.pointer


@pytest.mark.parametrize(
    "zone",
    ["Europe/Nowhere", "Europe", "localtime", "right/Europe/Berlin", "../etc/passwd", "CEST", "", "A\0/B"],
)
def test_wrong_zone(zone: str) -> None:
    """
    A zone is one of IANA's, the same on each machine; no file of another kind is looked at.
    """
    with pytest.raises(BadRequest, match="There is no time zone") as refused:
        Timing.read("0 7 * * *", zone)

    assert "/zone" == refused.value.pointer


def test_zones_of_our_own() -> None:
    """
    A system without zones, such as a slim container, has those that come with us.
    """
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=())
    try:
        zone = ZoneInfo.no_cache("Europe/Berlin")
    finally:
        zoneinfo.reset_tzpath(to=before)

    assert at(2026, 7, 1, 12) == datetime(2026, 7, 1, 12, tzinfo=zone).timestamp()


def test_words() -> None:
    """
    The rule and a moment are said in words.
    """
    assert "At 07:00 on Monday through Friday, Europe/Berlin" == Timing.read(" 0  7 * * 1-5", BERLIN).words()
    assert "Monday 23 November 2026, 07:00 (Europe/Berlin)" == in_zone(at(2026, 11, 23, 7), BERLIN)
