"""All seeded faults."""

from tests.faults import of_doors, of_races, of_rules
from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    *of_races.LOCKS,
    *of_races.CONSTRAINTS,
    *of_races.TRIGGERS,
    *of_races.IDEMPOTENCY,
    *of_races.TRANSACTIONS,
    *of_doors.FILTERS,
    *of_doors.DECORATORS,
    *of_doors.CSRF,
    *of_doors.SIGNATURES,
    *of_doors.LIMITS,
    *of_rules.COMPARISONS,
    *of_rules.DATES,
)
