"""A system's devices one by one: checked, packed, and read a page at a time."""

import json
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from django.utils.translation import gettext as _

from products.errors import DeviceListRefused

# The longest id and model name of a device.
TEXT_LENGTH = 120
# The most devices of one list.
MAXIMUM_LISTED = 100_000


class ListedDevice(NamedTuple):
    """One device: its id, unique within the system, its model, and the code of the license type that it needs."""

    device_id: str
    model: str
    license_type: str


def check_device_list(devices: Sequence[ListedDevice], counts: Mapping[str, int]) -> None:
    """Raises DeviceListRefused unless every device is named once and the counts per type agree (R28)."""
    if len(devices) > MAXIMUM_LISTED:
        raise DeviceListRefused(
            _("A list of devices has at most %(maximum)d of them. Nothing was changed.") % {"maximum": MAXIMUM_LISTED}
        )
    seen: set[str] = set()
    for number, device in enumerate(devices, start=1):
        if not device.device_id or len(device.device_id) > TEXT_LENGTH or len(device.model) > TEXT_LENGTH:
            raise DeviceListRefused(
                _(
                    "Device %(number)d has no id, or an id or model of more than %(length)d characters. Nothing was changed."
                )
                % {"number": number, "length": TEXT_LENGTH}
            )
        if device.device_id in seen:
            raise DeviceListRefused(
                _("Device %(number)d, “%(id)s”, is listed twice. Nothing was changed.")
                % {"number": number, "id": device.device_id}
            )
        seen.add(device.device_id)
    listed = Counter(device.license_type for device in devices)
    if {code: quantity for code, quantity in counts.items() if quantity} != dict(listed):
        raise DeviceListRefused(_("The list of devices and the numbers per license type differ. Nothing was changed."))


def pack(devices: Iterable[ListedDevice]) -> bytes:
    """The list in the form in which it is kept."""
    return zlib.compress(json.dumps(list(devices), ensure_ascii=False).encode(), level=1)


def unpack(packed: bytes | memoryview) -> list[ListedDevice]:
    """The list again."""
    return [ListedDevice(*device) for device in json.loads(zlib.decompress(bytes(packed)))]


def unpack_ids(packed: bytes | memoryview) -> set[str]:
    """The ids of the devices alone: comparing two long lists needs no more."""
    return {device[0] for device in json.loads(zlib.decompress(bytes(packed)))}
