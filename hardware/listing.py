"""System setup: every system and hardware unit of a product, searched, filtered, sorted, a page at a time.

Systems come first, in the order that is asked for; after them the units on which no system is, by serial number. A page is
found by the row that it follows or precedes, so that the last page costs what the first one does.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

from django.db.models import DateTimeField, F, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Cast, Coalesce, Replace
from django.db.models.lookups import Contains
from django.utils.translation import gettext_lazy as _

from hardware.contact import CONTACTS, SILENT, Contact, contact_of, is_heard, is_silent, zone_of
from hardware.keeping import lacks_of
from hardware.keys import normalize_serial
from hardware.models import HardwareUnit, LackingUnit, Placement
from hardware.queries import licenses_of, waiting_units
from hardware.states import LicenseState, is_subscription_enough, state_of
from products.models import DeviceCount, LicenseBasis, LicenseType, RegisteredProduct, System, SystemSource
from products.queries import current_devices, systems_of
from subscriptions.queries import ProductStanding

ROWS_PER_PAGE = 50
_ROWS_PER_CHUNK = 500
SEARCH_LENGTH = 120
# Units on which no system is, and units whose life ended.
WAITING, ENDED = "waiting", "ended"
# What each filter can be, as the URL names it, in the words of the page.
SOURCES = (
    *SystemSource.choices,
    (WAITING, _("Hardware not installed yet")),
    (ENDED, _("Hardware retired or replaced")),
)
STATES = (("licensed", _("Licensed")), ("lacking", _("Not licensed")))
PLACES = (("on", _("On hardware")), ("off", _("Not on hardware")))
# Where a system that never called stands in the order of those that did.
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_PART_OF_SYSTEM_ID = re.compile(r"[0-9a-f]{8,32}")
_UNIT_CURSOR = re.compile(r"u([0-9]{1,18})")

Key: TypeAlias = tuple[Any, int]


@dataclass(frozen=True)
class Wanted:
    """What is asked of System setup: search, filters, order, and the row after or before which the page begins."""

    search: str = ""
    source: str = ""
    state: str = ""
    place: str = ""
    contact: str = ""
    sort: str = "name"
    after: str = ""
    before: str = ""

    @property
    def is_filtered(self) -> bool:
        return bool(self.search or self.source or self.state or self.place or self.contact)


def read_wanted(query: Mapping[str, str], types: Sequence[LicenseType]) -> Wanted:
    """What a query string asks for; what can't be read narrows nothing."""

    def one_of(name: str, choices: Sequence[tuple[Any, Any]]) -> str:
        value = query.get(name, "")
        return value if value in [code for code, _label in choices] else ""

    sort = query.get("sort", "")
    return Wanted(
        search=query.get("search", "").strip()[:SEARCH_LENGTH],
        source=one_of("source", SOURCES),
        state=one_of("state", STATES),
        place=one_of("place", PLACES),
        contact=one_of("contact", CONTACTS),
        sort=sort if sort.removeprefix("-") in sorts(types) else "name",
        after=query.get("after", ""),
        before=query.get("before", ""),
    )


def sorts(types: Sequence[LicenseType]) -> dict[str, Any]:
    """What the list can be sorted by, as the URL names it."""
    return {
        "name": F("name"),
        "unit": F("unit_serial"),
        "source": F("source"),
        "reported": F("last_reported_on"),
        "heard": Coalesce("heard_at", Value(_NEVER), output_field=DateTimeField()),
        **{f"devices-{license_type.code}": _devices(license_type) for license_type in types},
    }


def _devices(license_type: LicenseType) -> Coalesce:
    counts = DeviceCount.objects.filter(
        organization=OuterRef("organization"), system=OuterRef("pk"), license_type=license_type, until_on=None
    )
    return Coalesce(Subquery(counts.values("quantity")[:1]), Value(0))


@dataclass(frozen=True)
class Cell:
    """Devices of one license type, and the licenses of that type on the unit; None where no unit licenses it."""

    license_type: LicenseType
    devices: int | None
    licenses: int | None

    @property
    def column(self) -> str:
        """The name of its column."""
        return f"devices-{self.license_type.code}"


@dataclass(frozen=True)
class Row:
    """A system, or a unit on which none is."""

    system: System | None
    # The serial number that the system reports, or the unit's own; empty for none.
    serial: str
    # The unit of that serial number, where the organization registered it.
    unit: HardwareUnit | None
    cells: tuple[Cell, ...]
    # None for a unit without a system.
    state: LicenseState | None
    # None for a unit, and for a system that makes no calls.
    contact: Contact | None = None

    @property
    def cursor(self) -> str:
        """By what the row is known in a page's address."""
        if self.system is not None:
            return str(self.system.system_id)
        return f"u{self.unit.pk}" if self.unit else ""


@dataclass(frozen=True)
class Page:
    """One page of the list, and the rows at which its neighbours begin; empty where there is none."""

    rows: tuple[Row, ...]
    systems: int
    units: int
    previous_before: str
    next_after: str


@dataclass(frozen=True)
class Segment:
    """One kind of rows in one order: by ``sort_value``, which they are annotated with, then by primary key."""

    rows: "QuerySet[Any]"
    descending: bool = False

    def take(self, limit: int, key: Key | None, *, backward: bool) -> list[Any]:
        """At most ``limit`` rows beyond ``key``, those next to it first."""
        descending = self.descending != backward
        rows = self.rows
        if key is not None:
            beyond = "lt" if descending else "gt"
            value, pk = key
            rows = rows.filter(Q(**{f"sort_value__{beyond}": value}) | Q(sort_value=value) & Q(**{f"pk__{beyond}": pk}))
        sign = "-" if descending else ""
        return list(rows.order_by(f"{sign}sort_value", f"{sign}pk")[:limit])

    def all(self) -> Iterator[list[Any]]:
        """All rows in chunks that memory holds."""
        key: Key | None = None
        while chunk := self.take(_ROWS_PER_CHUNK, key, backward=False):
            yield chunk
            key = (vars(chunk[-1])["sort_value"], chunk[-1].pk)


def list_page(standing: ProductStanding, wanted: Wanted) -> Page:
    """One page of the product's systems and units, in a number of queries that does not grow with them."""
    segments = _segments(standing, wanted)
    chosen, has_previous, has_next = _choose(standing, segments, wanted)
    rows = _rows(standing, chosen)
    return Page(
        rows=tuple(rows),
        systems=segments[0].rows.count(),
        units=segments[1].rows.count(),
        previous_before=rows[0].cursor if rows and has_previous else "",
        next_after=rows[-1].cursor if rows and has_next else "",
    )


def all_rows(standing: ProductStanding, wanted: Wanted) -> Iterator[Row]:
    """All rows that are asked for, whichever page they are on, read in chunks that memory holds."""
    for segment in _segments(standing, wanted):
        for chunk in segment.all():
            yield from _rows(standing, chunk)


def count_rows(standing: ProductStanding, wanted: Wanted) -> int:
    """How many rows are asked for."""
    return sum(segment.rows.count() for segment in _segments(standing, wanted))


def _choose(
    standing: ProductStanding, segments: tuple[Segment, Segment], wanted: Wanted
) -> tuple[list[System | HardwareUnit], bool, bool]:
    """The rows of the page, and whether there are some before and after them."""
    limit = ROWS_PER_PAGE + 1
    place = _find(standing.registered_product, wanted, wanted.before or wanted.after)
    if place is not None and wanted.before:
        number, key = place
        found = segments[number].take(limit, key, backward=True)
        if number == 1:
            found += segments[0].take(limit - len(found), None, backward=True) if len(found) < limit else []
        if len(found) == limit:
            return found[:ROWS_PER_PAGE][::-1], True, True
        # Fewer than a page before it: that is the first page.
        place = None
    number, start = place or (0, None)
    found = segments[number].take(limit, start, backward=False)
    if number == 0 and len(found) < limit:
        found += segments[1].take(limit - len(found), None, backward=False)
    return found[:ROWS_PER_PAGE], place is not None, len(found) == limit


def _find(registered_product: RegisteredProduct, wanted: Wanted, cursor: str) -> tuple[int, Key] | None:
    """In which segment a row stands and its key there; None for one that the product does not have."""
    unit_cursor = _UNIT_CURSOR.fullmatch(cursor)
    if unit_cursor:
        unit = HardwareUnit.objects.filter(registered_product=registered_product, pk=int(unit_cursor[1])).first()
        return (1, (unit.serial, unit.pk)) if unit else None
    try:
        system_id = UUID(cursor)
    except ValueError:
        return None
    # One that was removed meanwhile still has its place.
    mine = System.objects.filter(
        organization_id=registered_product.organization_id, registered_product=registered_product
    )
    found = _sorted(mine, registered_product, wanted).filter(system_id=system_id).order_by("-pk").first()
    return (0, (vars(found)["sort_value"], found.pk)) if found else None


def _sorted(systems: "QuerySet[System]", registered_product: RegisteredProduct, wanted: Wanted) -> "QuerySet[System]":
    current = Placement.objects.filter(system=OuterRef("pk"), until_on=None)
    expressions = sorts(list(registered_product.product.license_types.all()) if "devices-" in wanted.sort else [])
    return systems.annotate(
        unit_serial=Coalesce(Subquery(current.values("serial")[:1]), Value("")),
        heard_at=F("identity__heard_at"),
        sort_value=expressions[wanted.sort.removeprefix("-")],
    )


def _segments(standing: ProductStanding, wanted: Wanted) -> tuple[Segment, Segment]:
    registered_product = standing.registered_product
    systems = _sorted(systems_of(registered_product), registered_product, wanted)
    ended = HardwareUnit.objects.filter(registered_product=registered_product).exclude(ended_on=None)
    units = ended if wanted.source == ENDED else waiting_units(registered_product)
    units = units.select_related("registered_product__product").annotate(sort_value=F("serial"))
    serial = normalize_serial(wanted.search)
    if wanted.search:
        systems = systems.filter(
            Q(name__icontains=wanted.search) | Q(unit_serial__contains=serial) | by_system_id(wanted.search)
        )
        units = units.filter(serial__contains=serial)
    if wanted.source in SystemSource.values:
        systems, units = systems.filter(source=wanted.source), units.none()
    elif wanted.source:
        systems = systems.none()
    if wanted.state:
        licensed = wanted.state == "licensed"
        systems, units = systems.filter(_is_licensed(standing) if licensed else ~_is_licensed(standing)), units.none()
    if wanted.place == "on":
        systems = systems.filter(~Q(unit_serial=""))
    elif wanted.place == "off":
        systems, units = systems.filter(Q(unit_serial="")), units.none()
    if wanted.contact:
        systems, units = systems.filter(is_silent() if wanted.contact == SILENT else is_heard()), units.none()
    return Segment(systems, wanted.sort.startswith("-")), Segment(units)


def by_system_id(text: str) -> Q:
    """Which systems have this id, or 8 of its digits and more in it, hyphens aside; none for any other text."""
    try:
        return Q(system_id=UUID(text))
    except ValueError:
        digits = text.replace("-", "").lower()
        if not _PART_OF_SYSTEM_ID.fullmatch(digits):
            return Q(pk__in=[])
        # PostgreSQL writes an id with hyphens, SQLite without.
        written = Replace(Cast("system_id", TextField()), Value("-"), Value(""), output_field=TextField())
        return Q(Contains(written, digits))


def _is_licensed(standing: ProductStanding) -> Q:
    """Which systems are licensed: tied ones by their unit, others by the subscription (R25)."""
    tied = Q(license_basis=LicenseBasis.HARDWARE)
    registered_product = standing.registered_product
    serials = LackingUnit.objects.filter(
        organization_id=registered_product.organization_id, registered_product=registered_product
    )
    on_them = Placement.objects.filter(
        organization_id=registered_product.organization_id, until_on=None, serial__in=serials.values("serial")
    )
    lacking = tied & Q(pk__in=on_them.values("system"))
    return ~lacking if is_subscription_enough(standing) else tied & ~lacking


def _rows(standing: ProductStanding, chosen: Sequence[System | HardwareUnit]) -> list[Row]:
    systems = [row for row in chosen if isinstance(row, System)]
    serials = {row.pk: str(vars(row)["unit_serial"]) for row in systems}
    found = [row for row in chosen if isinstance(row, HardwareUnit)]
    found += HardwareUnit.objects.filter(
        organization=standing.registered_product.organization,
        serial__in=[serial for serial in serials.values() if serial],
    ).select_related("registered_product__product")
    units = {unit.serial: unit for unit in found}
    licenses = licenses_of(units.values())
    devices = current_devices(systems)
    organization = standing.registered_product.organization
    lacks = lacks_of(organization, serials.values())
    zone = zone_of(organization)
    return [
        _system_row(
            standing,
            row,
            serials[row.pk],
            units.get(serials[row.pk]),
            licenses,
            devices,
            state_of(standing, row, lacks.get(serials[row.pk])),
            contact_of(row, vars(row)["heard_at"], zone),
        )
        if isinstance(row, System)
        else _unit_row(standing, row, licenses)
        for row in chosen
    ]


def _system_row(
    standing: ProductStanding,
    system: System,
    serial: str,
    unit: HardwareUnit | None,
    licenses: Mapping[int, Mapping[str, int]],
    devices: Mapping[tuple[int, int], int],
    state: LicenseState,
    contact: Contact | None,
) -> Row:
    tied = system.license_basis == LicenseBasis.HARDWARE
    held = licenses.get(unit.pk, {}) if unit and tied else None
    return Row(
        system=system,
        serial=serial,
        unit=unit,
        cells=tuple(
            Cell(kind, devices.get((system.pk, kind.pk), 0), None if held is None else held.get(kind.code, 0))
            for kind in standing.types
        ),
        state=state,
        contact=contact,
    )


def _unit_row(standing: ProductStanding, unit: HardwareUnit, licenses: Mapping[int, Mapping[str, int]]) -> Row:
    held = licenses.get(unit.pk, {})
    cells = tuple(Cell(kind, None, held.get(kind.code, 0)) for kind in standing.types)
    return Row(None, unit.serial, unit, cells, None)
