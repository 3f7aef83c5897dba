"""System description files: read whole, checked whole, before anything changes (R28)."""

import hashlib
import json
import uuid
import zoneinfo
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jsonschema_rs
from django.conf import settings
from django.utils.translation import gettext as _

from licensemgr.core import signed
from products.device_lists import ListedDevice

TYP = "system-description-v1"
SCHEMA = "system-description-1.json"
_INSTANT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class SystemFile:
    """What a system says of itself, in a file whose form and signature are right."""

    request_id: uuid.UUID
    issued_at: datetime
    sequence: int
    system_id: uuid.UUID
    system_name: str
    product_code: str
    software_version: str
    # Empty where the system is on no hardware unit.
    serial: str
    proof: str
    # Quantities per license type code; the devices one by one where the file names them.
    counts: Mapping[str, int]
    devices: tuple[ListedDevice, ...] | None
    license_file_id: uuid.UUID | None
    intent: str
    # The key that signed: public key in base64url and its thumbprint.
    public: str
    thumbprint: str
    digest: str


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    path = settings.BASE_DIR / "docs" / "schemas" / SCHEMA
    return jsonschema_rs.Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))


def read_system_file(document: bytes) -> SystemFile:
    """The file, checked but for what the books say. Raises DocumentRefused with a sentence that names the place."""
    read = signed.read(document, typ=TYP, exact=False)
    key = signed.public_key(read.header.get("jwk"))
    signed.check_signature(read, key)
    payload = read.payload
    for error in _validator().iter_errors(payload):
        raise signed.DocumentRefused(
            _("At %(place)s: %(what)s.") % {"place": _place(error.instance_path), "what": error.message[:200]}
        )
    system = payload["system"]
    try:
        zoneinfo.ZoneInfo(system["time_zone"])
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise signed.DocumentRefused(
            _("At %(place)s: %(what)s.") % {"place": "system.time_zone", "what": _("this is not a time zone")}
        ) from error
    _instant(payload["clock"]["now"], "clock.now")
    _instant(payload["clock"]["highest_seen"], "clock.highest_seen")
    hardware = payload.get("hardware") or {}
    devices = _devices(payload)
    return SystemFile(
        request_id=uuid.UUID(payload["request_id"]),
        issued_at=_instant(payload["issued_at"], "issued_at"),
        sequence=payload["sequence"],
        system_id=uuid.UUID(system["id"]),
        system_name=system["name"],
        product_code=system["product"],
        software_version=system["version"],
        serial=hardware.get("serial", ""),
        proof=hardware.get("proof", ""),
        counts=payload["counts"] if devices is None else Counter(device.license_type for device in devices),
        devices=devices,
        license_file_id=uuid.UUID(payload["license_file"]["id"]) if "license_file" in payload else None,
        intent=payload["intent"],
        public=str(read.header["jwk"]["x"]),
        thumbprint=key.thumbprint(),
        digest=hashlib.sha256(document).hexdigest(),
    )


def _devices(payload: Mapping[str, Any]) -> tuple[ListedDevice, ...] | None:
    """The devices one by one, none of them twice (R28)."""
    if "devices" not in payload:
        return None
    devices = tuple(ListedDevice(device["id"], device["model"], device["type"]) for device in payload["devices"])
    seen: set[str] = set()
    for number, device in enumerate(devices):
        if device.device_id in seen:
            raise signed.DocumentRefused(
                _("At %(place)s: %(what)s.")
                % {"place": f"devices[{number}].id", "what": _("“%(id)s” is listed twice") % {"id": device.device_id}}
            )
        seen.add(device.device_id)
    return devices


def _instant(text: str, place: str) -> datetime:
    try:
        return datetime.strptime(text, _INSTANT).replace(tzinfo=UTC)
    except ValueError as error:
        raise signed.DocumentRefused(
            _("At %(place)s: %(what)s.") % {"place": place, "what": _("this is no date and time")}
        ) from error


def _place(path: list[str | int]) -> str:
    """“devices[3].type” from a path of names and numbers."""
    place = ""
    for part in path:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else part
    return place or _("the beginning")
