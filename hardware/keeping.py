"""What is kept of each hardware unit so that pages need not look at all of them: one writer, and what pages read of it."""

from collections.abc import Iterable, Mapping

from hardware.models import HardwareUnit, LackingUnit
from hardware.queries import unit_states
from organizations.models import Organization


def keep_units(organization: Organization, serials: Iterable[str]) -> None:
    """Write down anew what the organization's units of these serial numbers lack (R25), and whether systems are on them.

    The last part of every change of a unit, of its licenses, or of the systems on it, under the organization's lock.
    """
    units = HardwareUnit.objects.filter(organization=organization, serial__in=[serial for serial in serials if serial])
    found = {unit.pk: unit for unit in units}
    if not found:
        return
    kept = {row.unit_id: row for row in LackingUnit.objects.filter(unit__in=found)}
    for state in unit_states(organization, list(found.values())):
        row, lacks, has_systems = kept.get(state.unit.pk), state.lacks, state.unit.is_active and bool(state.systems)
        if state.unit.has_systems != has_systems:
            state.unit.has_systems = has_systems
            state.unit.save(update_fields=["has_systems"])
        if not lacks and row is not None:
            row.delete()
        elif lacks and row is None:
            LackingUnit.objects.create(
                organization=organization,
                registered_product_id=state.unit.registered_product_id,
                unit=state.unit,
                serial=state.unit.serial,
                lacks=lacks,
            )
        elif lacks and row is not None and row.lacks != lacks:
            row.lacks = lacks
            row.save(update_fields=["lacks"])


def lacks_of(organization: Organization, serials: Iterable[str]) -> Mapping[str, Mapping[str, int]]:
    """What each of these units lacks that lacks something, per license type code, by its serial number."""
    named = [serial for serial in serials if serial]
    if not named:
        return {}
    rows = LackingUnit.objects.filter(organization=organization, serial__in=named)
    return dict(rows.values_list("serial", "lacks"))
