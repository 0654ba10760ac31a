"""Everything that a hostile tool can try, against the real engine.  ``make probes`` prints it as a table."""

from tests.probes import components, guests, workers

ATTACKS = (*guests.ATTACKS, *components.ATTACKS, *workers.ATTACKS)
