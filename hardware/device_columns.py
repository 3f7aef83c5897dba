"""The devices of a system as a list: its columns, for the page and for files, and all its rows."""

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from hardware.reported import DEVICE_SORTS, DeviceQuestion, find_devices
from licensemgr.core.lists import Column, Listing, ListKind, column, sort_of
from products.device_lists import ListedDevice
from products.models import System

DEVICES = ListKind("devices", _("Devices"), {"search": "", "sort": ""}, has_views=False, anchor="devices")

DEVICE_COLUMNS: tuple[Column[ListedDevice], ...] = (
    column("id", _("Id"), lambda device: device.device_id, is_sortable=True),
    column("model", _("Model"), lambda device: device.model, is_sortable=True),
    column("type", _("License type"), lambda device: device.license_type, is_sortable=True),
)


def read_devices(query: QueryDict) -> DeviceQuestion:
    """What a query asks of the devices; what can't be read narrows nothing."""
    search = query.get("search", "").strip()[:120]
    return DeviceQuestion(search, sort_of(query.get("sort", ""), DEVICE_SORTS, ""))


def devices_listing(system: System, asked: DeviceQuestion) -> Listing[ListedDevice]:
    """The system's devices, as its last report listed them, as they are asked for."""
    return Listing(
        DEVICES, DEVICE_COLUMNS, lambda: iter(find_devices(system, asked)), lambda: len(find_devices(system, asked))
    )
