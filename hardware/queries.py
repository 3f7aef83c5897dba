"""What units hold and lack, and which systems are on them (R25)."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from django.db import connection
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery

from hardware import rules
from hardware.models import HardwareUnit, Placement, UnitHolding
from organizations.models import Organization
from products.models import DeviceCount, LicenseBasis, RegisteredProduct, System
from subscriptions.units import UNITS_NAMED, UnitLack, UnitStanding


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
    placed = Placement.objects.filter(
        organization_id=registered_product.organization_id,
        serial=OuterRef("serial"),
        until_on=None,
        system__removed_on=None,
        system__registered_product=registered_product,
    )
    return HardwareUnit.objects.filter(registered_product=registered_product, ended_on=None).filter(~Exists(placed))


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

    The database counts and compares; read are the few units that a sentence names and those that lack something, so that
    thousands cost little more than one.
    """
    ids = list(registered_product_ids)
    units = HardwareUnit.objects.filter(organization=organization, ended_on=None)
    counts = units.filter(registered_product__in=ids).values_list("registered_product").annotate(total=Count("pk"))
    active = dict(counts.order_by())
    if not active:
        return {}
    by_serial = units.filter(registered_product=OuterRef("pk")).order_by("serial").values("serial")
    # One more than a sentence names, each found by the index.
    first = [Subquery(by_serial[number : number + 1]) for number in range(UNITS_NAMED + 1)]
    named = RegisteredProduct.objects.filter(organization=organization, pk__in=active).order_by()
    lacks = _lacks(organization, active)
    return {
        registered_id: UnitStanding(
            active=active[registered_id],
            serials=tuple(serial for serial in serials if serial is not None),
            lacks=tuple(lacks.get(registered_id, ())),
        )
        for registered_id, *serials in named.values_list("pk", *first)
    }


def _lacks(organization: Organization, registered_product_ids: Collection[int]) -> dict[int, list[UnitLack]]:
    """The units of these registered products that lack licenses and which, by serial number (R25).

    Devices that count by hardware are those of systems that are not removed, on an active unit of their product that holds
    licenses. What is asked here is only where those on one unit are more than its licenses of their type.
    """
    # By hand: a placement names its unit by the serial number, which is no relation on which Django's queries could join.
    query = f"""
        SELECT unit.registered_product_id, unit.id, unit.serial, type.code, short.quantity
        FROM (
            SELECT unit.id AS unit_id, count.license_type_id,
                   SUM(count.quantity) - COALESCE(MAX(account.balance), 0) AS quantity
            FROM products_devicecount AS count
            JOIN hardware_placement AS placement
              ON placement.system_id = count.system_id AND placement.until_on IS NULL
            JOIN hardware_hardwareunit AS unit
              ON unit.organization_id = %s AND unit.registered_product_id IN ({", ".join(["%s"] * len(registered_product_ids))})
             AND unit.serial = placement.serial AND unit.ended_on IS NULL
            LEFT JOIN hardware_unitholding AS holding
              ON holding.unit_id = unit.id AND holding.license_type_id = count.license_type_id
            LEFT JOIN wallet_ledgeraccount AS account ON account.id = holding.account_id
            WHERE count.organization_id = %s AND count.until_on IS NULL AND count.license_basis = %s
            GROUP BY unit.id, count.license_type_id
            HAVING SUM(count.quantity) > COALESCE(MAX(account.balance), 0)
        ) AS short
        JOIN hardware_hardwareunit AS unit ON unit.id = short.unit_id
        JOIN products_licensetype AS type ON type.id = short.license_type_id
        ORDER BY unit.serial, unit.id
    """  # noqa: S608 — nothing but placeholders is put in
    values: list[int | str] = [organization.pk, *registered_product_ids, organization.pk, str(LicenseBasis.HARDWARE)]
    found: defaultdict[int, list[UnitLack]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        for (registered_id, unit_id, serial), rows in groupby(cursor.fetchall(), key=itemgetter(0, 1, 2)):
            found[registered_id].append(UnitLack(unit_id, serial, {row[3]: row[4] for row in rows}))
    return dict(found)
