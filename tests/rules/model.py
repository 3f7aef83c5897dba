"""A small model of RULES.md in devices, dates and lots; it imports nothing of the project and keeps no entries.

One organization. Every verb returns the code of its refusal, or None. ``then`` is what pages have to say.
"""

import datetime as dt
from dataclasses import dataclass, field

CATALOGUE = {"camera-station": (30, ("core-device", "universal-device")), "audio-manager": (0, ("audio-device",))}
DAY = dt.timedelta(days=1)


def nth_year(anchor: dt.date, number: int) -> dt.date:
    """R4, by days: the day before 1 March where 29 February is missing."""
    year = anchor.year + number
    if (anchor.month, anchor.day) == (2, 29):
        return dt.date(year, 3, 1) - DAY
    return dt.date(year, anchor.month, anchor.day)


@dataclass
class Lot:
    """Licenses that entered together (R22)."""

    type: str
    left: int
    entered: dt.date
    kind: str = "subscription"

    def is_usable(self, on: dt.date) -> bool:
        """Until the day before its fifth anniversary."""
        birthday = (
            (2, 28) if (self.entered.month, self.entered.day) == (2, 29) else (self.entered.month, self.entered.day)
        )
        return on < dt.date(self.entered.year + 5, *birthday)


@dataclass
class Unit:
    """A hardware unit: its licenses, gone once it is retired (R24, R27)."""

    licenses: dict[str, int]
    is_retired: bool = False


@dataclass
class Redemption:
    """A key that was redeemed: the lots that it made and how much each held then (R21, R33)."""

    on: dt.date
    licenses: dict[str, int]
    lots: list[Lot]
    undone: bool = False


@dataclass
class Product:
    """One product of the organization."""

    trial: int
    types: tuple[str, ...]
    registered: dt.date | None = None
    started: dt.date | None = None
    systems: dict[str, dict[str, int]] = field(default_factory=dict)
    # System -> the serial number that it names; a unit counts once it is registered (R5).
    placed: dict[str, str] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)
    lots: list[Lot] = field(default_factory=list)
    redemptions: list[Redemption] = field(default_factory=list)
    years: dict[int, dict[str, int]] = field(default_factory=dict)
    # Year number -> from which lot how much was allocated to it (R34).
    sources: dict[int, list[tuple[Lot, int]]] = field(default_factory=dict)
    # Year number -> the allowance of the moment at which it was fully licensed (R11, R12).
    full: dict[int, int] = field(default_factory=dict)
    credit: dict[str, int] = field(default_factory=dict)

    def is_tied(self, system: str) -> bool:
        """R25: on a unit of the product that is registered, not retired, and holds a license."""
        unit = self.units.get(self.placed.get(system, ""))
        return unit is not None and not unit.is_retired and any(unit.licenses.values())

    def devices(self, license_type: str) -> int:
        """Today's devices of a type that the subscription has to cover."""
        return sum(found.get(license_type, 0) for name, found in self.systems.items() if not self.is_tied(name))

    def is_lacking(self) -> bool:
        """R25: whether the systems on some unit have more devices than it has licenses."""
        for serial, unit in self.units.items():
            tied = [
                found for name, found in self.systems.items() if self.placed.get(name) == serial and self.is_tied(name)
            ]
            if any(sum(found.get(t, 0) for found in tied) > unit.licenses.get(t, 0) for t in self.types):
                return True
        return False

    def allocated(self, number: int, license_type: str) -> int:
        """What is allocated to a year."""
        return self.years.get(number, {}).get(license_type, 0)

    def usable(self, license_type: str, on: dt.date, kind: str = "subscription") -> list[Lot]:
        """The lots from which one can take on a day, the oldest first."""
        lots = [lot for lot in self.lots if (lot.type, lot.kind) == (license_type, kind) and lot.is_usable(on)]
        return sorted(lots, key=lambda lot: lot.entered)

    def in_wallet(self, license_type: str, on: dt.date, kind: str = "subscription") -> int:
        """What can be used on a day."""
        return sum(lot.left for lot in self.usable(license_type, on, kind))

    def look(self, number: int) -> None:
        """R11: is the year fully licensed at this moment?"""
        total = sum(self.allocated(number, t) for t in self.types)
        if number not in self.full and total and all(self.allocated(number, t) >= self.devices(t) for t in self.types):
            self.full[number] = total

    def missing(self, number: int, current: int) -> dict[str, int]:
        """R10, R12, R13."""
        allowance = self.full.get(number, 0) if number == current else 0
        lacks = {}
        for t in self.types:
            growth = max(0, self.devices(t) - self.allocated(number, t))
            spent = min(growth, allowance)
            allowance -= spent
            lacks[t] = growth - spent
        return lacks


class Organization:
    """What the rules say of one organization, day by day."""

    def __init__(self, today: dt.date) -> None:
        self.today = today
        self.anchor: dt.date | None = None
        self.products = {code: Product(trial, types) for code, (trial, types) in CATALOGUE.items()}

    def number(self) -> int:
        """The number of the current year."""
        assert self.anchor is not None
        number = self.today.year - self.anchor.year
        return number if nth_year(self.anchor, number) <= self.today else number - 1

    def last_allocated(self, code: str) -> int:
        """How many years after the current one the last year is to which anything is allocated; 0 where there is none."""
        product = self.products[code]
        if product.started is None:
            return 0
        return max(
            (ahead for ahead in range(1, 6) if any(product.years.get(self.number() + ahead, {}).values())), default=0
        )

    def move_to(self, day: dt.date) -> None:
        """Let time pass; on each year's first day it is looked whether it is fully licensed (R11)."""
        while self.anchor is not None and (first := nth_year(self.anchor, self.number() + 1)) <= day:
            self.today = first
            for product in self.products.values():
                if product.started:
                    product.look(self.number())
        self.today = day

    def _changed(self) -> None:
        for product in self.products.values():
            if product.started:
                product.look(self.number())

    def report(self, code: str, system: str, devices: dict[str, int], unit: str = "") -> str | None:
        """R5, R6."""
        if any(system in other.systems for name, other in self.products.items() if name != code):
            return "system of another product"
        product = self.products[code]
        product.registered = product.registered or self.today
        product.systems[system] = dict(devices)
        product.placed[system] = unit
        self._changed()
        return None

    def remove(self, system: str) -> None:
        """R5."""
        for product in self.products.values():
            product.systems.pop(system, None)
            product.placed.pop(system, None)
        self._changed()

    def unit(self, code: str, serial: str, preloaded: dict[str, int]) -> str | None:
        """R24."""
        if any(serial in product.units for product in self.products.values()):
            return "unit"
        product = self.products[code]
        product.registered = product.registered or self.today
        product.units[serial] = Unit(dict(preloaded))
        self._changed()
        return None

    def expand(self, code: str, serial: str, licenses: dict[str, int]) -> str | None:
        """R26."""
        product = self.products[code]
        unit = product.units[serial]
        if unit.is_retired:
            return "retired"
        if not any(licenses.values()):
            return "empty"
        if any(quantity > product.in_wallet(t, self.today, "hardware") for t, quantity in licenses.items()):
            return "wallet"
        for t, quantity in licenses.items():
            for lot in product.usable(t, self.today, "hardware"):
                part = min(lot.left, quantity)
                lot.left -= part
                quantity -= part
            unit.licenses[t] = unit.licenses.get(t, 0) + licenses[t]
        self._changed()
        return None

    def retire(self, code: str, serial: str) -> str | None:
        """R27."""
        unit = self.products[code].units[serial]
        if unit.is_retired:
            return "retired"
        unit.is_retired = True
        self._changed()
        return None

    def start(self, code: str) -> str | None:
        """R7."""
        product = self.products[code]
        if product.registered is None or product.started is not None:
            return "start"
        self.anchor = self.anchor or self.today
        product.started = self.today
        self._changed()
        return None

    def redeem(self, code: str, licenses: dict[str, int], kind: str = "subscription") -> str | None:
        """R21."""
        product = self.products[code]
        if product.registered is None:
            return "not registered"
        if not any(licenses.values()):
            return "empty"
        lots = [Lot(t, quantity, self.today, kind) for t, quantity in licenses.items() if quantity]
        product.lots += lots
        product.redemptions.append(Redemption(self.today, dict(licenses), lots))
        return None

    def undo(self, code: str, index: int) -> str | None:
        """R33; undoing what is undone changes nothing."""
        redemption = self.products[code].redemptions[index]
        if redemption.undone:
            return None
        if self.today > redemption.on + 7 * DAY:
            return "undo too late"
        if any(lot.left != redemption.licenses[lot.type] or not lot.is_usable(self.today) for lot in redemption.lots):
            return "undo not whole"
        for lot in redemption.lots:
            lot.left = 0
        redemption.undone = True
        return None

    def release(self, code: str, offset: int, accept: bool) -> str | None:
        """R34: the year that many after the current one, back to its lots; those too old expire at once."""
        product = self.products[code]
        if product.started is None:
            return "not started"
        if offset == 0:
            return "year begun"
        if not any(product.years.get(self.number() + offset, {}).values()):
            return "nothing to release"
        if offset != self.last_allocated(code):
            return "later year first"
        sources = product.sources[self.number() + offset]
        if not accept and any(not lot.is_usable(self.today) for lot, _quantity in sources):
            return "expiry not accepted"
        for lot, quantity in sources:
            lot.left += quantity if lot.is_usable(self.today) else 0
        product.sources[self.number() + offset] = []
        product.years[self.number() + offset] = {}
        return None

    def allocate(self, code: str, plan: dict[int, dict[str, int]]) -> str | None:
        """R15 to R19."""
        product = self.products[code]
        plan = {offset: entered for offset, entered in plan.items() if any(entered.values())}
        if product.started is None:
            return "not started"
        if not plan or not all(0 <= offset <= 5 for offset in plan):
            return "years"
        now = self.number()
        for offset in range(max(plan) + 1):
            lacks = product.missing(now + offset, now)
            entered = plan.get(offset, {})
            if any(entered.get(t, 0) != lacks[t] for t in product.types):
                return "need"
        for t in product.types:
            if sum(entered.get(t, 0) for entered in plan.values()) > product.in_wallet(t, self.today):
                return "wallet"
        for offset in sorted(plan):
            for t, quantity in plan[offset].items():
                self._take(product, t, quantity, now + offset)
                year = product.years.setdefault(now + offset, {})
                year[t] = year.get(t, 0) + quantity
        for t, quantity in plan.get(0, {}).items():
            self._compensate(product, t, quantity)
        self._changed()
        return None

    def _take(self, product: Product, license_type: str, quantity: int, number: int) -> None:
        for lot in product.usable(license_type, self.today):
            part = min(lot.left, quantity)
            lot.left -= part
            quantity -= part
            if part:
                product.sources.setdefault(number, []).append((lot, part))

    def _compensate(self, product: Product, license_type: str, quantity: int) -> None:
        assert self.anchor is not None
        assert product.started is not None
        covered = max(nth_year(self.anchor, self.number()), product.started)
        if self.today > covered + 30 * DAY:
            covered = self.today
        used = (nth_year(self.anchor, self.number() + 1) - covered).days
        product.credit[license_type] = product.credit.get(license_type, 0) + quantity * max(0, 365 - used)
        while product.credit[license_type] >= 365:
            product.credit[license_type] -= 365
            product.lots.append(Lot(license_type, 1, self.today))

    def status(self, code: str) -> str:
        """R14a."""
        product = self.products[code]
        if product.registered is None:
            return "unregistered"
        if product.started is None or self.anchor is None:
            active = any(not unit.is_retired for unit in product.units.values())
            if active and not any(product.devices(t) for t in product.types):
                return "expansion_needed" if product.is_lacking() else "hardware"
            if not product.trial:
                return "not_started"
            return "trial" if self.today <= product.registered + product.trial * DAY else "trial_ended"
        now = self.number()
        first = nth_year(self.anchor, now)
        lacking = any(product.missing(now, now).values())
        if now in product.full:
            return "growth_exceeded" if lacking else "licensed"
        in_grace = self.today <= max(first, product.started) + 30 * DAY
        if in_grace and product.started >= first:
            return "started"
        if not lacking:
            return "no_need"
        return "renewal_grace" if in_grace else "unlicensed"

    def then(self) -> dict[str, dict[str, object]]:
        """What every page has to say, in the form of the scenario files."""
        return {code: self._then(code, product) for code, product in self.products.items()}

    def _then(self, code: str, product: Product) -> dict[str, object]:
        then: dict[str, object] = {
            "status": self.status(code),
            "wallet": {
                kind: {t: product.in_wallet(t, self.today, kind) for t in product.types}
                for kind in ("subscription", "hardware")
            },
            "credit_days": {t: product.credit.get(t, 0) for t in product.types},
        }
        if product.started is not None and self.anchor is not None:
            now = self.number()
            then["grace_last_day"] = (max(nth_year(self.anchor, now), product.started) + 30 * DAY).isoformat()
            then["years"] = [
                {
                    "first": nth_year(self.anchor, number).isoformat(),
                    "last": (nth_year(self.anchor, number + 1) - DAY).isoformat(),
                    "allocated": {t: product.allocated(number, t) for t in product.types},
                    "missing": product.missing(number, now),
                }
                for number in range(now, now + 6)
            ]
        return then
