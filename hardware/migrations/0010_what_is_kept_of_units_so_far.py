from collections import Counter, defaultdict

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def batched(pks: list[int], size: int) -> list[list[int]]:
    return [pks[start : start + size] for start in range(0, len(pks), size)]


def add_up(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Whether systems are on each active unit, and what they lack: the devices of tied ones beyond its licenses (R25)."""

    def rows(app: str, model: str):
        return apps.get_model(app, model).objects.order_by("pk")

    units = {(unit.organization_id, unit.serial): unit for unit in rows("hardware", "HardwareUnit").filter(ended_on=None)}
    types = dict(rows("products", "LicenseType").values_list("pk", "code"))
    tied = set(rows("products", "System").filter(license_basis="hardware", removed_on=None).values_list("pk", flat=True))
    here = dict(rows("products", "System").filter(removed_on=None).values_list("pk", "registered_product"))
    installed = {
        unit.pk
        for placement in rows("hardware", "Placement").filter(until_on=None).iterator()
        if (unit := units.get((placement.organization_id, placement.serial)))
        and here.get(placement.system_id) == unit.registered_product_id
    }
    for pks in batched(sorted(installed), 500):
        rows("hardware", "HardwareUnit").filter(pk__in=pks).update(has_systems=True)
    on_unit = {
        placement.system_id: units[placement.organization_id, placement.serial].pk
        for placement in rows("hardware", "Placement").filter(until_on=None).iterator()
        if placement.system_id in tied and (placement.organization_id, placement.serial) in units
    }
    short: defaultdict[int, Counter[str]] = defaultdict(Counter)
    counts = rows("products", "DeviceCount").filter(until_on=None, license_basis="hardware")
    for system, kind, quantity in counts.values_list("system", "license_type", "quantity").iterator():
        if system in on_unit:
            short[on_unit[system]][types[kind]] += quantity
    holdings = rows("hardware", "UnitHolding").values_list("unit", "license_type", "account__balance")
    for unit, kind, balance in holdings.iterator():
        short[unit][types[kind]] -= balance
    lacking = apps.get_model("hardware", "LackingUnit")
    lacking.objects.bulk_create(
        (
            lacking(
                organization_id=unit.organization_id,
                registered_product_id=unit.registered_product_id,
                unit_id=unit.pk,
                serial=unit.serial,
                lacks=dict(+short[unit.pk]),
            )
            for unit in units.values()
            if +short[unit.pk]
        ),
        batch_size=1000,
    )


def forget(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("hardware", "LackingUnit").objects.all().delete()
    apps.get_model("hardware", "HardwareUnit").objects.update(has_systems=False)


class Migration(migrations.Migration):

    dependencies = [
        ('hardware', '0009_what_is_kept_of_units'),
    ]

    operations = [migrations.RunPython(add_up, forget)]
