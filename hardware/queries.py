"""What units hold and lack, and which systems are on them (R25)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery

from hardware import rules
from hardware.models import HardwareUnit, LackingUnit, Placement, UnitHolding
from organizations.models import Organization
from products.models import DeviceCount, RegisteredProduct, System
from subscriptions.units import UNITS_LISTED, UNITS_NAMED, UnitLack, UnitStanding


def licenses_of(units: Iterable[HardwareUnit]) -> dict[int, dict[str, int]]:
    """The licenses that each unit holds, per type code; units that ended hold none."""
    held: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for unit_id, code, balance in UnitHolding.objects.filter(unit__in=list(units)).values_list(
        "unit", "license_type__code", "account__balance"
    ):
        held[unit_id][code] = balance
    return dict(held)


def systems_on(organization: Organization, serials: Iterable[str]) -> dict[str, list[System]]:
    """The organization's systems that say that they are on these serial numbers, by serial number and name."""
    found: defaultdict[str, list[System]] = defaultdict(list)
    for placement in (
        Placement.objects.filter(
            organization=organization, serial__in=list(serials), until_on=None, system__removed_on=None
        )
        .select_related("system__registered_product__product")
        .order_by("system__name", "system")
    ):
        found[placement.serial].append(placement.system)
    return dict(found)


def serial_of(system: System) -> str:
    """The serial number of the unit on which the system says that it is; empty for none."""
    return Placement.objects.filter(system=system, until_on=None).values_list("serial", flat=True).first() or ""


def unit_of(system: System, serial: str) -> HardwareUnit | None:
    """The unit of that serial number, where the system's organization registered it, for whichever product."""
    return (
        HardwareUnit.objects.select_related("registered_product__product")
        .filter(organization_id=system.organization_id, serial=serial)
        .first()
    )


def waiting_units(registered_product: RegisteredProduct) -> "QuerySet[HardwareUnit]":
    """The product's units on which none of its systems is: not installed yet."""
    return HardwareUnit.objects.filter(
        organization_id=registered_product.organization_id,
        registered_product=registered_product,
        ended_on=None,
        has_systems=False,
    )


@dataclass(frozen=True)
class UnitState:
    """How a registered unit stands. Quantities are per license type code."""

    unit: HardwareUnit
    licenses: Mapping[str, int]
    # Of its product's systems on it.
    devices: Mapping[str, int]
    systems: tuple[System, ...]

    @property
    def is_tied(self) -> bool:
        """Whether it licenses the systems of its product that are on it (R25)."""
        return self.unit.is_active and rules.is_tied(self.licenses)

    @property
    def short(self) -> dict[str, int]:
        """What it holds too few for the devices of the systems on it, also where it licenses nothing yet."""
        return rules.lacking(self.licenses, self.devices)

    @property
    def lacks(self) -> dict[str, int]:
        """The expansion licenses that it needs; none where it licenses nothing (R25)."""
        return self.short if self.is_tied else {}


def unit_states(organization: Organization, units: Sequence[HardwareUnit]) -> list[UnitState]:
    """How these units of one organization stand, in a number of queries that does not grow with them."""
    licenses = licenses_of(units)
    placed = systems_on(organization, [unit.serial for unit in units])
    systems = [system for found in placed.values() for system in found]
    counts: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for system_id, code, quantity in DeviceCount.objects.filter(
        organization=organization, system__in=systems, until_on=None
    ).values_list("system__pk", "license_type__code", "quantity"):
        counts[system_id][code] = quantity
    states = []
    for unit in units:
        mine = [
            system
            for system in placed.get(unit.serial, ())
            if system.registered_product_id == unit.registered_product_id
        ]
        devices: defaultdict[str, int] = defaultdict(int)
        for system in mine:
            for code, quantity in counts[system.pk].items():
                devices[code] += quantity
        states.append(UnitState(unit, licenses.get(unit.pk, {}), dict(devices), tuple(mine)))
    return states


def unit_standings(organization: Organization, registered_product_ids: Iterable[int]) -> dict[int, UnitStanding]:
    """What subscriptions ask of hardware, by registered product (`subscriptions.units`); named in settings.

    The database counts; read are the few units that a page names, so that thousands cost little more than one.
    """
    ids = list(registered_product_ids)
    units = HardwareUnit.objects.filter(organization=organization, ended_on=None)
    counts = units.filter(registered_product__in=ids).values_list("registered_product").annotate(total=Count("pk"))
    active = dict(counts.order_by())
    if not active:
        return {}
    lacking = LackingUnit.objects.filter(organization=organization, registered_product__in=active)
    lacking_units = dict(lacking.values_list("registered_product").annotate(total=Count("pk")).order_by())
    # One more than a page names, each found by the index.
    serials = _first(units, "serial", active, UNITS_NAMED + 1)
    lacks = _first(lacking, "pk", lacking_units, UNITS_LISTED + 1) if lacking_units else {}
    found = LackingUnit.objects.in_bulk([pk for pks in lacks.values() for pk in pks]) if lacks else {}
    return {
        registered_id: UnitStanding(
            active=total,
            serials=tuple(serials.get(registered_id, ())),
            lacking=lacking_units.get(registered_id, 0),
            lacks=tuple(
                UnitLack(found[pk].unit_id, found[pk].serial, found[pk].lacks) for pk in lacks.get(registered_id, ())
            ),
        )
        for registered_id, total in active.items()
    }


def _first(
    rows: "QuerySet[Any]", field: str, registered_product_ids: Iterable[int], number: int
) -> dict[int, list[Any]]:
    """The first of these rows of each registered product by serial number, as the value of a field: one query for all."""
    mine = rows.filter(registered_product=OuterRef("pk")).order_by("serial").values(field)
    columns = {f"number_{place}": Subquery(mine[place : place + 1]) for place in range(number)}
    products = RegisteredProduct.objects.filter(pk__in=list(registered_product_ids)).order_by().annotate(**columns)
    return {
        pk: [value for value in values if value is not None] for pk, *values in products.values_list("pk", *columns)
    }
