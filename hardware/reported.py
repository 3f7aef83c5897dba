"""What a system reported when, and its devices one by one: what its page shows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.core.paginator import Page, Paginator
from django.db.models import Q

from products.device_lists import ListedDevice, unpack
from products.models import DeviceCount, DeviceList, LicenseBasis, LicenseType, System

CHANGES_PER_PAGE = 12
DEVICES_PER_PAGE = 100


@dataclass(frozen=True)
class CountsSince:
    """The devices of a system from a date on, per license type in catalogue order, and what licensed them."""

    from_on: date
    quantities: tuple[int, ...]
    basis: LicenseBasis

    @property
    def total(self) -> int:
        return sum(self.quantities)


@dataclass(frozen=True)
class CountsOverTime:
    """Some of the dates on which a system's devices changed, the latest first, and that before which older ones lie."""

    rows: tuple[CountsSince, ...]
    next_before: date | None


def counts_over_time(system: System, types: Sequence[LicenseType], before: date | None = None) -> CountsOverTime:
    """How many devices the system had from which date on; dates before ``before`` only, where that is given."""
    counts = DeviceCount.objects.filter(organization_id=system.organization_id, system=system)
    starts = counts.filter(from_on__lt=before) if before else counts
    dates = list(starts.order_by("-from_on").values_list("from_on", flat=True).distinct()[: CHANGES_PER_PAGE + 1])
    shown = dates[:CHANGES_PER_PAGE]
    if not shown:
        return CountsOverTime((), None)
    lasting = list(counts.filter(Q(until_on=None) | Q(until_on__gt=shown[-1]), from_on__lte=shown[0]))
    rows = []
    for day in shown:
        of_day = [
            count for count in lasting if count.from_on <= day and (count.until_on is None or day < count.until_on)
        ]
        by_type = {count.license_type_id: count.quantity for count in of_day}
        rows.append(
            CountsSince(
                from_on=day,
                quantities=tuple(by_type.get(license_type.pk, 0) for license_type in types),
                basis=LicenseBasis(of_day[0].license_basis),
            )
        )
    return CountsOverTime(tuple(rows), shown[-1] if len(dates) > CHANGES_PER_PAGE else None)


@dataclass(frozen=True)
class DevicePage:
    """A page of the devices that match the search, of all that the last report listed."""

    page: "Page[ListedDevice]"
    total: int
    reported_on: date


# What the devices can be sorted by, as the URL names it; unless it says, they are in the order in which they were reported.
DEVICE_SORTS: Mapping[str, Callable[[ListedDevice], tuple[str, ...]]] = {
    "id": lambda device: (device.device_id.casefold(), device.device_id),
    "model": lambda device: (device.model.casefold(), device.device_id),
    "type": lambda device: (device.license_type.casefold(), device.device_id),
}


@dataclass(frozen=True)
class DeviceQuestion:
    """What is asked of a system's devices."""

    search: str = ""
    sort: str = ""


def find_devices(system: System, asked: DeviceQuestion) -> list[ListedDevice]:
    """The devices whose id, model or license type has the text, sorted; none where the system listed none."""
    kept = DeviceList.objects.filter(system=system).first()
    return _find(kept, system, asked) if kept else []


def _find(kept: DeviceList, system: System, asked: DeviceQuestion) -> list[ListedDevice]:
    words = asked.search.casefold().split()
    names = {
        license_type.code: license_type.name for license_type in system.registered_product.product.license_types.all()
    }
    devices = [
        device._replace(license_type=names.get(device.license_type, device.license_type))
        for device in unpack(kept.packed)
    ]
    if words:
        devices = [device for device in devices if all(word in " ".join(device).casefold() for word in words)]
    if asked.sort:
        devices.sort(key=DEVICE_SORTS[asked.sort.removeprefix("-")], reverse=asked.sort.startswith("-"))
    return devices


def device_page(system: System, asked: DeviceQuestion, number: str = "") -> DevicePage | None:
    """A page of the devices that are asked for; None where the system listed none."""
    kept = DeviceList.objects.filter(system=system).first()
    if kept is None:
        return None
    devices = _find(kept, system, asked)
    return DevicePage(Paginator(devices, DEVICES_PER_PAGE).get_page(number), kept.total, kept.reported_on)
