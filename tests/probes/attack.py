"""One attack: what it tries, what must stop it, and whether that happened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.probes.world import SECRET, Meanwhile, Stopped, World, watched

MOST_LAG = 0.2  #: Seconds that the event loop may not be there for.
TRIES = 3  #: A busy machine is late by itself; an attack that blocks the loop does so every time.

Run = Callable[[World], Awaitable[Stopped]]


@dataclass(frozen=True, slots=True)
class Attack:
    """One row of the table."""

    phrase: str  #: What is tried, in the words of the list of attacks.
    name: str
    layer: str  #: What stops it.
    kinds: frozenset[str]  #: The failures that are an answer to it.
    run: Run
    seconds: float = 10  #: It must be over by then.


@dataclass(frozen=True, slots=True)
class Row:
    """What came of it."""

    attack: Attack
    stopped: Stopped
    meanwhile: Meanwhile

    @property
    def fault(self) -> str | None:
        """Why this counts as escaped; None where it was stopped as it must be."""
        kind, message = self.stopped.kind, self.stopped.message
        if kind not in self.attack.kinds:
            return f"it ended as {kind or 'a success'!r}: {message[:200]}"
        if leaked := [word for word in (SECRET, "Traceback", "/scratch/T", "wasmtime") if word in message]:
            return f"its failure says {leaked}"
        if self.meanwhile.took > self.attack.seconds:
            return f"it took {self.meanwhile.took:.1f} s"
        if self.meanwhile.lag > MOST_LAG:
            return f"the event loop was away for {self.meanwhile.lag * 1000:.0f} ms"
        return None


async def made(attack: Attack, world: World) -> Row:
    """Make the attack; again where only its times were bad."""
    row = await _once(attack, world)
    for _ in range(TRIES - 1):
        if row.stopped.kind not in attack.kinds or row.fault is None:
            break
        row = await _once(attack, world)
    return row


async def _once(attack: Attack, world: World) -> Row:
    stopped, meanwhile = await watched(world, attack.run(world))
    return Row(attack, stopped, meanwhile)
