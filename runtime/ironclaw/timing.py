"""When something that repeats is due: five cron fields in an IANA time zone, read as Debian's cron does.

Where the clocks go forward, what falls into the gap comes at its end; where they go back, an hour that is
named comes once, in its first pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from ironclaw.errors import BadRequest

EXAMPLE = "0 7 * * 1-5"
FIELDS = "minute, hour, day of month, month, day of week"
NO_ZONE = (KeyError, OSError, ValueError)  #: What ZoneInfo raises.
MOST_COUNTED = 100  #: Slots that are counted; more are so many.
#: Five fields and no more: a sixth would be seconds, and nothing comes more often than once a minute.
_CRON = re.compile(r"[0-9A-Za-z*,/#-]{1,60}( [0-9A-Za-z*,/#-]{1,60}){4}", re.ASCII)
#: An area and a place.  Other files of the zones' folder depend on the machine, or count leap seconds.
_ZONE = re.compile(r"UTC|[A-Z][A-Za-z_]{1,20}(/[A-Z][A-Za-z0-9_+-]{0,40}){1,2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Timing:
    """A rule that gives slots: whole unix seconds.  Made by :meth:`read`, which checks it."""

    cron: str
    zone: str

    @classmethod
    def read(cls, cron: str, zone: str) -> Timing:
        """
        :raises BadRequest: either is wrong; points to ``/cron`` or ``/zone`` and names the field
        """
        _zone(zone)
        timing = cls(" ".join(cron.split()), zone)
        if not _CRON.fullmatch(timing.cron):
            raise _wrong(f"{cron[:60]!r} is no schedule")
        try:
            CronSim(timing.cron, datetime.fromtimestamp(0, ZoneInfo(zone)))
        except CronSimError as error:
            field = str(error).removeprefix("Bad ")
            raise _wrong(f"The field {field} of {timing.cron!r} is wrong") from None
        timing.after(0.0)
        return timing

    def after(self, at: float) -> float:
        """The first slot after a moment.

        :raises BadRequest: there is none in fifty years
        """
        for slot in self._slots(at):
            return slot
        raise _wrong(f"The moment that {self.cron!r} names never comes")

    def count(self, first: float, until: float) -> int:
        """How many slots there are from the first, which is one, to a moment; at most MOST_COUNTED."""
        found = 1
        for slot in self._slots(first):
            if slot > until or found >= MOST_COUNTED:
                break
            found += 1
        return found

    def words(self) -> str:
        """Such as ``At 07:00 on Monday through Friday, Europe/Berlin``."""
        try:
            told = CronSim(self.cron, datetime.fromtimestamp(0, UTC)).explain()
        except CronSimError:
            told = self.cron  # A row that somebody edited: it is listed, and begins nothing.
        return f"{told}, {self.zone}"

    def _slots(self, at: float) -> Iterator[float]:
        """Each slot after a moment, in order, once: two that the clocks' change puts together are one."""
        last = at
        for moment in CronSim(self.cron, datetime.fromtimestamp(at, ZoneInfo(self.zone))):
            slot = moment.timestamp()
            if slot > last:
                last = slot
                yield slot


def in_zone(at: float, zone: str) -> str:
    """A moment as the clocks of a zone show it: ``Monday 23 November 2026, 07:00 (Europe/Berlin)``.

    Of a zone that there is none of, as those of UTC.
    """
    try:
        clocks = ZoneInfo(zone)
    except NO_ZONE:
        clocks = ZoneInfo("UTC")
    shown = datetime.fromtimestamp(at, clocks)
    return f"{shown:%A} {shown.day} {shown:%B %Y, %H:%M} ({clocks.key})"


def check_zone(name: str) -> str:
    """The name of a zone that there is.

    :raises ValueError: there is none of that name
    """
    try:
        _zone(name)
    except BadRequest as error:
        raise ValueError(str(error)) from None
    return name


def is_like_a_zone(word: str) -> bool:
    """Whether somebody who writes this means a zone."""
    return _ZONE.fullmatch(word) is not None


def _zone(name: str) -> None:
    try:
        if is_like_a_zone(name):
            ZoneInfo(name)
            return
    except NO_ZONE:
        pass
    raise BadRequest(
        f"There is no time zone {name[:60]!r}. Write one such as Europe/Berlin, or UTC.", "/zone"
    )


def _wrong(what: str) -> BadRequest:
    return BadRequest(f"{what}. Write five fields, {FIELDS}, such as {EXAMPLE!r}.", "/cron")
