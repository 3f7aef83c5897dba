"""What a license file grants: pure functions on plain values (R29). No database, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from subscriptions.rules import GRACE_DAYS, Status

# Quantities per license type code.
Quantities = Mapping[str, int]


@dataclass(frozen=True)
class Grant:
    """Licenses of one type; ``last`` and ``grace_last`` are included, and None where there is no end or no such grace."""

    kind: str
    license_type: str
    quantity: int
    growth: int
    first: date
    last: date | None
    grace_last: date | None
    serial: str | None = None

    def as_payload(self) -> dict[str, Any]:
        """The grant in the words of the published format."""
        return {
            "kind": self.kind,
            "type": self.license_type,
            "quantity": self.quantity,
            "growth": self.growth,
            "from": self.first.isoformat(),
            "to": self.last.isoformat() if self.last else None,
            "grace_to": self.grace_last.isoformat() if self.grace_last else None,
            "serial": self.serial,
        }


@dataclass(frozen=True)
class Covered:
    """Until when a product's systems may run by the subscription, or by its trial."""

    kind: str
    first: date
    last: date
    # The last day of the grace period that follows; None where none does.
    grace_last: date | None


@dataclass(frozen=True)
class YearCovered:
    """What decides whether a year counts: its last day, and whether it misses nothing."""

    first: date
    last: date
    misses_nothing: bool


def covered(
    *,
    status: Status,
    registered_on: date,
    trial_last: date | None,
    started_on: date | None,
    grace_last: date | None,
    years: Sequence[YearCovered],
) -> Covered | None:
    """Until when systems that are not tied are granted licenses; None where they are granted none (R29).

    ``years`` are the current one and those after it; the current one counts as missing nothing when it is fully licensed.
    """
    if status == Status.TRIAL and trial_last is not None:
        return Covered("trial", registered_on, trial_last, None)
    if started_on is None or not years:
        return None
    first = max(years[0].first, started_on)
    if status in (Status.STARTED, Status.RENEWAL_GRACE) and grace_last is not None:
        return Covered("subscription", first, grace_last, None)
    if status not in (Status.LICENSED, Status.GROWTH_EXCEEDED, Status.NO_NEED):
        return None
    last: date | None = None
    for year in years:
        if not year.misses_nothing:
            break
        last = year.last
    if last is None:
        return None
    return Covered("subscription", first, last, last + timedelta(days=1 + GRACE_DAYS))


def subscription_grants(covered: Covered, devices: Quantities, growth_left: int) -> list[Grant]:
    """The grants of a system that is not tied: the devices of its last report, and the growth that R12 still allows."""
    return [
        Grant(
            kind=covered.kind,
            license_type=code,
            quantity=quantity,
            growth=growth_left if covered.kind == "subscription" else 0,
            first=covered.first,
            last=covered.last,
            grace_last=covered.grace_last,
        )
        for code, quantity in devices.items()
    ]


def hardware_grants(licenses: Quantities, *, serial: str, registered_on: date) -> list[Grant]:
    """The grants of a tied system whose unit suffices: the unit's licenses, without end."""
    return [
        Grant(
            kind="hardware",
            license_type=code,
            quantity=quantity,
            growth=0,
            first=registered_on,
            last=None,
            grace_last=None,
            serial=serial,
        )
        for code, quantity in licenses.items()
        if quantity
    ]
