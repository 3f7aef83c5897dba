"""A system's devices one by one: checked, packed, and read a page at a time."""

import csv
import io
import json
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from licensemgr.core.enumerations import counted_up
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import pgettext
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
            _("A list of devices has at most %(maximum)s of them. Nothing was changed.")
            % {"maximum": grouped(MAXIMUM_LISTED)}
        )
    seen: set[str] = set()
    for number, device in enumerate(devices, start=1):
        if not device.device_id or len(device.device_id) > TEXT_LENGTH or len(device.model) > TEXT_LENGTH:
            raise DeviceListRefused(
                _(
                    "Device %(number)d has no id, or an id or model of more than %(length)s characters. Nothing was changed."
                )
                % {"number": number, "length": grouped(TEXT_LENGTH)}
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


def read_device_file(content: bytes, license_types: Collection[str]) -> list[ListedDevice]:
    """The devices of a CSV file in UTF-8 whose first line is ``id,model,type``; ``type`` is a license type code.

    Raises DeviceListRefused, which names the line, for the first one that is no device of a product with these types or
    that names a device again. Lines without anything on them, blanks and commas aside, are left out.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused_line(line, _("It is not text in UTF-8.")) from error
    lines = _csv_lines(text)
    _number, header = next(lines, (1, []))
    if [cell.strip().lower() for cell in header] != ["id", "model", "type"]:
        raise _refused_line(1, _("The first line has to be “id,model,type”."))
    found: dict[str, ListedDevice] = {}
    for number, cells in lines:
        if not any(map(str.strip, cells)):
            continue
        if len(cells) != len(ListedDevice._fields):
            raise _refused_line(number, _("It has %(found)s columns instead of 3.") % {"found": grouped(len(cells))})
        device = ListedDevice(*(cell.strip() for cell in cells))
        if (
            not device.device_id
            or max(len(device.device_id), len(device.model)) > TEXT_LENGTH
            or "\0" in "".join(cells)
        ):
            raise _refused_line(
                number,
                _("A device needs an id, and id and model have at most %(length)s characters.")
                % {"length": grouped(TEXT_LENGTH)},
            )
        if device.license_type not in license_types:
            known = counted_up(license_types) or pgettext("license types", "none")
            raise _refused_line(
                number,
                _("The product has no license type “%(code)s”; it has: %(known)s.")
                % {"code": device.license_type[:TEXT_LENGTH], "known": known},
            )
        if device.device_id in found:
            raise _refused_line(number, _("The device “%(id)s” is listed twice.") % {"id": device.device_id})
        if len(found) == MAXIMUM_LISTED:
            raise _refused_line(
                number, _("A list of devices has at most %(maximum)s.") % {"maximum": grouped(MAXIMUM_LISTED)}
            )
        found[device.device_id] = device
    return list(found.values())


def _csv_lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows, each with the line on which it ends."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            reason = (
                _("A cell is longer than %(length)s characters, or a quotation mark is not closed.")
                % {"length": grouped(csv.field_size_limit())}
                if "field limit" in str(error)
                else _("It is no CSV: a quotation mark is not closed, or one too many.")
            )
            raise _refused_line(reader.line_num, reason) from error
        yield reader.line_num, cells


def _refused_line(number: int, reason: str) -> DeviceListRefused:
    return DeviceListRefused(
        _("Line %(number)d: %(reason)s Nothing was changed.") % {"number": number, "reason": reason}
    )


def pack(devices: Iterable[ListedDevice]) -> bytes:
    """The list in the form in which it is kept."""
    return zlib.compress(json.dumps(list(devices), ensure_ascii=False).encode(), level=1)


def unpack(packed: bytes | memoryview) -> list[ListedDevice]:
    """The list again."""
    return [ListedDevice(*device) for device in json.loads(zlib.decompress(bytes(packed)))]


def unpack_ids(packed: bytes | memoryview) -> set[str]:
    """The ids of the devices alone: comparing two long lists needs no more."""
    return {device[0] for device in json.loads(zlib.decompress(bytes(packed)))}
