"""At which pace a product's devices grow, and when the growth allowance would be passed at it (R12). Plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from subscriptions.rules import Quantities, growth

# The pace is that of these last days, or of the days since the year's start or the product's registering if those are fewer.
PACE_DAYS = 90


def pace_since(on: date, year_first: date, registered_on: date) -> date:
    """The day from whose evening on the pace is measured."""
    return max(on - timedelta(days=PACE_DAYS), year_first, registered_on)


@dataclass(frozen=True)
class Pace:
    """How the devices changed per type, over some days that ended today."""

    since: date
    until: date
    changes: Quantities

    @property
    def days(self) -> int:
        return (self.until - self.since).days

    @property
    def net(self) -> int:
        """Devices that came, less those that went, over all types."""
        return sum(self.changes.values())

    def devices_after(self, devices: Quantities, days: int) -> dict[str, int]:
        """The devices so many days from now, if each type goes on as it did; only whole devices are counted."""
        if self.days <= 0:
            return dict(devices)
        return {
            code: max(0, quantity + self.changes.get(code, 0) * days // self.days) for code, quantity in devices.items()
        }


def allowance_passed_on(
    types: Sequence[str], *, allocated: Quantities, devices: Quantities, allowance: int, pace: Pace, last: date
) -> date | None:
    """The first day up to ``last`` on which the growth would be more than the allowance, at the pace; None if there is none.

    Today itself where it is more already (R12: growth is the devices beyond what is allocated, summed over the types).
    """
    for ahead in range((last - pace.until).days + 1):
        if sum(growth(types, allocated, pace.devices_after(devices, ahead)).values()) > allowance:
            return pace.until + timedelta(days=ahead)
    return None
