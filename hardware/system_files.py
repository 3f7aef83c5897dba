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
from itertools import starmap
from operator import itemgetter
from typing import Any

import jsonschema_rs
from django.conf import settings

from licensemgr.core import signed
from licensemgr.core.worded import gettext as _
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
def _schema() -> tuple[jsonschema_rs.Draft202012Validator, Mapping[str, str]]:
    """The published schema, and what it says in words of each of its patterns."""
    path = settings.BASE_DIR / "docs" / "schemas" / SCHEMA
    schema = json.loads(path.read_text(encoding="utf-8"))
    # The mask stands for what the file holds, of which a message would quote the whole.
    validator = jsonschema_rs.Draft202012Validator(schema, mask="what is there")
    forms = {form["pattern"]: form["description"] for form in schema["$defs"].values() if "pattern" in form}
    return validator, forms


def _check_schema(payload: Mapping[str, Any]) -> None:
    """Raises DocumentRefused for the first thing that the published schema does not allow."""
    validator, forms = _schema()
    try:
        # Not iter_errors: it would make a list of what may be millions.
        validator.validate(payload)
    except jsonschema_rs.ValidationError as error:
        # “oneOf” stands in the schema for this alone.
        if "oneOf" in error.schema_path:
            what = _("the devices have to be given either one by one in “devices” or as numbers in “counts”, not both")
        elif isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Pattern):
            what = _("what is there has another form than this: %(form)s") % {"form": forms[error.kind.pattern]}
        else:
            what = error.message[:200]
        raise _refused(_place(error.instance_path), what) from error
    except ValueError as error:
        raise signed.DocumentRefused(_("The part “payload” is nested too deeply.")) from error


def _refused(place: str, what: str) -> signed.DocumentRefused:
    return signed.DocumentRefused(_("At %(place)s: %(what)s.") % {"place": place, "what": what})


def read_system_file(document: bytes) -> SystemFile:
    """The file, checked but for what the books say. Raises DocumentRefused with a sentence that names the place."""
    read = signed.read(document, typ=TYP, key_named_by="jwk", exact=False)
    key = signed.public_key(read.header.get("jwk"))
    signed.check_signature(read, key)
    payload = read.payload
    _check_schema(payload)
    system = payload["system"]
    try:
        zoneinfo.ZoneInfo(system["time_zone"])
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _refused("system.time_zone", _("this is not a time zone")) from error
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
    devices = tuple(starmap(ListedDevice, map(itemgetter("id", "model", "type"), payload["devices"])))
    seen: set[str] = set()
    for number, device in enumerate(devices):
        if device.device_id in seen:
            raise _refused(f"devices[{number}].id", _("“%(id)s” is listed twice") % {"id": device.device_id})
        seen.add(device.device_id)
    return devices


def _instant(text: str, place: str) -> datetime:
    try:
        return datetime.strptime(text, _INSTANT).replace(tzinfo=UTC)
    except ValueError as error:
        raise _refused(place, _("this is no date and time")) from error


def _place(path: list[str | int]) -> str:
    """“devices[3].type” from a path of names and numbers."""
    place = ""
    for part in path:
        place += f"[{part}]" if isinstance(part, int) else f".{part[:60]}" if place else part[:60]
    return place or _("the beginning")
