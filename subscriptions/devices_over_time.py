"""A product's devices that count, and the licenses of its current year, day by day (R11, R12): read in four queries."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Case, F, Q, Sum, When

from licensemgr.core.drawing import value_on
from products.models import DeviceCount, LicenseBasis, System
from subscriptions import rules
from subscriptions.pace import Pace, allowance_passed_on, pace_since
from subscriptions.queries import ProductStanding
from wallet.models import Entry

# Without a subscription year: how far back devices are shown.
DAYS_BACK = 365
# More days on which devices changed than this make a picture that nobody can read.
MOST_CHANGES = 60

# Changes in the order of their days: the day, and the number that holds from it on.
Changes = tuple[tuple[date, int], ...]


@dataclass(frozen=True)
class DevicesOverTime:
    """Devices and licenses of one product, over all types, from ``first`` to ``last``; ``on`` is today."""

    on: date
    first: date
    last: date
    devices: Changes
    # Whether of each week only its last value stands in ``devices``, since they changed more often.
    is_weekly: bool
    # Licenses allocated to the current year; empty before the subscription has started.
    allocated: Changes
    # How many devices the allowance lets there be with the types of today, and since when; None without an allowance.
    limit: int | None
    limit_since: date | None
    # How many more devices the allowance lets there be; negative where it is passed.
    room: int | None
    pace: Pace
    # The day on which the allowance is passed at the pace; today where it is already; None where it is not by the year's end.
    passed_on: date | None
    # The devices at the year's last day, at the pace.
    expected: int

    @property
    def is_passed(self) -> bool:
        return self.room is not None and self.room < 0

    @property
    def devices_now(self) -> int:
        return self.devices[-1][1] if self.devices else 0

    @property
    def has_changed(self) -> bool:
        return len(self.devices) > 1

    @property
    def allocated_now(self) -> int:
        return value_on(self.allocated, self.on)

    @property
    def rows(self) -> tuple[tuple[date, int, int | None], ...]:
        """For the table: each day on which something changed, the devices, and the allocated licenses (None: no year)."""
        days = sorted({day for day, _value in (*self.devices, *self.allocated)})
        return tuple(
            (day, value_on(self.devices, day), value_on(self.allocated, day) if self.allocated else None)
            for day in days
        )


def devices_over_time(standing: ProductStanding) -> DevicesOverTime:
    """The current subscription year; without one, the time since registering, a year at most."""
    on, registered_on = standing.on, standing.registered_product.registered_on
    current = standing.current
    if current is not None:
        first, last = current.year.first, current.year.last
    else:
        first, last = max(registered_on, on - timedelta(days=DAYS_BACK)), on
    by_type = _devices_by_type(standing, first)
    since = pace_since(on, first, registered_on)
    pace = Pace(since, on, {code: _after(found, since) for code, found in by_type.items()})
    limit, room, passed_on = _limit(standing, pace)
    devices = _summed(by_type.values())
    is_weekly = len(devices) > MOST_CHANGES
    return DevicesOverTime(
        on=on,
        first=first,
        last=last,
        devices=_weekly(devices, first) if is_weekly else devices,
        is_weekly=is_weekly,
        allocated=_allocated(standing, current.year) if current else (),
        limit=limit,
        limit_since=current.fully_licensed_on if current else None,
        room=room,
        pace=pace,
        passed_on=passed_on,
        expected=sum(pace.devices_after(standing.devices, (last - on).days).values()),
    )


def system_over_time(system: System, on: date) -> DevicesOverTime:
    """One system's own devices, whatever licenses them, since it was added; a year at most."""
    first = max(system.added_on, on - timedelta(days=DAYS_BACK))
    counts = DeviceCount.objects.filter(organization_id=system.organization_id, system=system, from_on__lte=on)
    changes: defaultdict[date, int] = defaultdict(int)
    lasting = counts.filter(Q(until_on=None) | Q(until_on__gt=first)).order_by("from_on", "pk")
    for from_on, until_on, quantity in lasting.values_list("from_on", "until_on", "quantity"):
        changes[max(from_on, first)] += quantity
        if until_on is not None and until_on <= on:
            changes[until_on] -= quantity
    devices = _running(changes)
    is_weekly = len(devices) > MOST_CHANGES
    return DevicesOverTime(
        on=on,
        first=first,
        last=on,
        devices=_weekly(devices, first) if is_weekly else devices,
        is_weekly=is_weekly,
        allocated=(),
        limit=None,
        limit_since=None,
        room=None,
        pace=Pace(on, on, {}),
        passed_on=None,
        expected=devices[-1][1] if devices else 0,
    )


def _limit(standing: ProductStanding, pace: Pace) -> tuple[int | None, int | None, date | None]:
    """The devices that the allowance lets there be, how many more these are, and the day on which it is passed."""
    current = standing.current
    if current is None or current.allowance is None:
        return None, None, None
    grown = sum(rules.growth(standing.codes, current.allocated, standing.devices).values())
    room = current.allowance - grown
    passed_on = allowance_passed_on(
        standing.codes,
        allocated=current.allocated,
        devices=standing.devices,
        allowance=current.allowance,
        pace=pace,
        last=current.year.last,
    )
    return sum(standing.devices.values()) + room, room, passed_on


# Changes by themselves: how many more (or fewer) from a day on.
_Differences = Mapping[date, int]


def _devices_by_type(standing: ProductStanding, first: date) -> Mapping[str, _Differences]:
    """Per type code, by how much the devices that count changed on which day; those from before are put on ``first``."""
    lasting = DeviceCount.objects.filter(
        Q(until_on=None) | Q(until_on__gt=first),
        organization_id=standing.registered_product.organization_id,
        system__registered_product=standing.registered_product,
        license_basis=LicenseBasis.SUBSCRIPTION,
        from_on__lte=standing.on,
    )
    came = lasting.annotate(day=Case(When(from_on__lt=first, then=first), default=F("from_on")))
    went = lasting.filter(until_on__lte=standing.on).annotate(day=F("until_on"))
    changes: dict[str, defaultdict[date, int]] = {code: defaultdict(int) for code in standing.codes}
    for sign, counts in ((1, came), (-1, went)):
        for code, day, total in counts.values_list("license_type__code", "day").annotate(total=Sum("quantity")):
            changes[code][day] += sign * total
    return changes


def _after(differences: _Differences, since: date) -> int:
    """By how much it changed since the evening of a day."""
    return sum(change for day, change in differences.items() if day > since)


def _summed(types: Iterable[_Differences]) -> Changes:
    together: defaultdict[date, int] = defaultdict(int)
    for differences in types:
        for day, change in differences.items():
            together[day] += change
    return _running(together)


def _running(differences: _Differences) -> Changes:
    total, found = 0, []
    for number, day in enumerate(sorted(differences)):
        total += differences[day]
        if differences[day] or number == 0:
            found.append((day, total))
    return tuple(found)


def _weekly(changes: Changes, first: date) -> Changes:
    """Of each week the value with which it ended, on the day of its last change."""
    weeks = {(day - first).days // 7: (day, value) for day, value in changes}
    return tuple(weeks[week] for week in sorted(weeks))


def _allocated(standing: ProductStanding, year: rules.Year) -> Changes:
    """What is allocated to a year, from each day of a change on; what was allocated ahead stands on its first day."""
    first = year.first
    entries = Entry.objects.filter(organization_id=standing.registered_product.organization_id)
    changes: defaultdict[date, int] = defaultdict(int, {first: 0})
    for sign, side in ((1, "to_account"), (-1, "from_account")):
        holder = f"{side}__year_holding__year"
        mine = entries.filter(**{f"{holder}__subscription": standing.subscription_id, f"{holder}__number": year.number})
        for day, total in mine.values_list("transfer__happened_on").annotate(total=Sum("quantity")):
            changes[max(day, first)] += sign * total
    return _running(changes)
