"""The subscription's rules on plain values: years, grace, need, growth, compensation, status. No database, no clock."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from licensemgr.core.calendar import anniversary, years_since

# Quantities per license type code.
Quantities = Mapping[str, int]

GRACE_DAYS = 30  # R9
YEARS_AHEAD = 5  # R15
DAYS_PAID = 365  # R19


class Status(enum.StrEnum):
    """R14a's rows, by their codes."""

    UNREGISTERED = "unregistered"
    LICENSED = "licensed"
    GROWTH_EXCEEDED = "growth_exceeded"
    STARTED = "started"
    NO_NEED = "no_need"
    RENEWAL_GRACE = "renewal_grace"
    UNLICENSED = "unlicensed"
    HARDWARE = "hardware"
    EXPANSION_NEEDED = "expansion_needed"
    TRIAL = "trial"
    TRIAL_ENDED = "trial_ended"
    NOT_STARTED = "not_started"


@dataclass(frozen=True)
class Year:
    """A subscription year: its number from the anchor, its first and its last day (R4)."""

    number: int
    first: date
    last: date


def year_at(anchor: date, number: int) -> Year:
    """Year ``number`` of the period: it ends the day before the next starts (R4)."""
    return Year(number, anniversary(anchor, number), anniversary(anchor, number + 1) - timedelta(days=1))


def current_year(anchor: date, on: date) -> Year:
    """The year of the period in which ``on`` lies (R4)."""
    return year_at(anchor, years_since(anchor, on))


def years_on_offer(anchor: date, on: date) -> tuple[Year, ...]:
    """The current year and the five after it (R15)."""
    now = years_since(anchor, on)
    return tuple(year_at(anchor, now + ahead) for ahead in range(YEARS_AHEAD + 1))


def covered_from(year: Year, started_on: date) -> date:
    """The day from which the year covers a product that started on ``started_on`` (R8)."""
    return max(year.first, started_on)


def grace_last_day(year: Year, started_on: date) -> date:
    """The last day, included, of the grace period that belongs to ``year``: the opening day + 30 (R9).

    A first grace that would run past the year's end is not cut here: from the next year's first day on the year asked
    about is another, whose own grace, which always lasts longer, takes over.
    """
    return covered_from(year, started_on) + timedelta(days=GRACE_DAYS)


def is_fully_licensed(allocated: Quantities, devices: Quantities) -> bool:
    """Whether a year becomes fully licensed at this moment (R11)."""
    return sum(allocated.values()) > 0 and all(allocated.get(code, 0) >= quantity for code, quantity in devices.items())


def growth(types: Sequence[str], allocated: Quantities, devices: Quantities) -> dict[str, int]:
    """Devices beyond what is allocated, per type (R12)."""
    return {code: max(0, devices.get(code, 0) - allocated.get(code, 0)) for code in types}


def missing(
    types: Sequence[str], allocated: Quantities, devices: Quantities, allowance: int | None = None
) -> dict[str, int]:
    """What a year is missing per type; ``types`` in catalogue order.

    ``allowance`` is None unless the year is the current one and fully licensed: then growth is free as far as the
    allowance reaches, spent on the types in catalogue order (R10, R12, R13).
    """
    left = allowance or 0
    result: dict[str, int] = {}
    for code, beyond in growth(types, allocated, devices).items():
        free = min(left, beyond)
        left -= free
        result[code] = beyond - free
    return result


@dataclass(frozen=True)
class Compensation:
    """What one confirmation gives back for one type (R19): days, new licenses, and the credit that then stands."""

    covered_from: date
    days_used_each: int
    days_given: int
    licenses: int
    credit_after: int


def compensate(*, quantity: int, year: Year, started_on: date, on: date, credit: int) -> Compensation:
    """The compensation for ``quantity`` licenses allocated on ``on`` to ``year``, the current one (R19).

    ``credit`` is the days of credit that the type has before.
    """
    start = covered_from(year, started_on)
    if on > grace_last_day(year, started_on):
        start = on
    used = (year.last - start).days + 1
    given = quantity * max(0, DAYS_PAID - used)
    licenses, credit_after = divmod(credit + given, DAYS_PAID)
    return Compensation(start, used, given, licenses, credit_after)


@dataclass(frozen=True)
class YearState:
    """What decides the status of a started product's current year."""

    year: Year
    started_on: date
    fully_licensed: bool
    missing_total: int


@dataclass(frozen=True)
class UnitsState:
    """What decides the status of a product by its hardware units (R14a, R25)."""

    # Units of the product that are registered and not retired.
    active: int = 0
    # Devices, over all types, of systems that are not tied.
    counting_devices: int = 0
    # Whether a tied system lacks a license.
    is_lacking: bool = False


def status(
    *, on: date, current: YearState | None, trial_last_on: date | None, units: UnitsState = UnitsState()
) -> Status:
    """The first row of R14a that holds, for a registered product. ``current`` is None before the subscription has started."""
    if current is None:
        if units.active and not units.counting_devices:
            return Status.EXPANSION_NEEDED if units.is_lacking else Status.HARDWARE
        if trial_last_on is None:
            return Status.NOT_STARTED
        return Status.TRIAL if on <= trial_last_on else Status.TRIAL_ENDED
    if current.fully_licensed:
        return Status.GROWTH_EXCEEDED if current.missing_total else Status.LICENSED
    in_grace = on <= grace_last_day(current.year, current.started_on)
    if in_grace and current.year.first <= current.started_on:
        return Status.STARTED
    if not current.missing_total:
        return Status.NO_NEED
    return Status.RENEWAL_GRACE if in_grace else Status.UNLICENSED


@dataclass(frozen=True)
class Mismatch:
    """A year and type for which what was entered is not what is missing (R16): ``over`` is negative when short."""

    number: int
    code: str
    entered: int
    missing: int

    @property
    def over(self) -> int:
        return self.entered - self.missing


def check_plan(
    types: Sequence[str], plan: Mapping[int, Quantities], missing_by_year: Mapping[int, Quantities]
) -> tuple[list[Mismatch], list[int]]:
    """What is wrong with a confirmation's ``plan`` (year number → type → quantity), by R15 and R16.

    Returns the mismatches of the years in the plan, and the numbers of offered years that have to be filled first. Years
    for which nothing is entered do not belong in the plan.
    """
    mismatches = [
        Mismatch(number, code, entered.get(code, 0), missing_by_year[number].get(code, 0))
        for number, entered in sorted(plan.items())
        for code in types
        if entered.get(code, 0) != missing_by_year[number].get(code, 0)
    ]
    last = max(plan, default=None)
    gaps = [
        number
        for number, lacks in sorted(missing_by_year.items())
        if last is not None and number < last and number not in plan and any(lacks.values())
    ]
    return mismatches, gaps
