"""By what a system file proves that its system is on a hardware unit (R24)."""

import base64
import hashlib
import hmac
import uuid
from dataclasses import dataclass

from hardware.keys import normalize_serial, open_proof_key
from hardware.models import HardwareUnit, ManufacturedUnit
from hardware.system_files import SystemFile
from licensemgr.core.sealing import SealBroken
from licensemgr.core.tenancy import Part, acting
from organizations.models import Organization


@dataclass(frozen=True)
class Claim:
    """That a system is on a unit, with a proof that may be right or wrong. ``serial`` as the file writes it."""

    request_id: uuid.UUID
    system_id: uuid.UUID
    serial: str
    proof: str


def claim_of(file: SystemFile) -> Claim | None:
    """What the file claims; None for one without a unit or without a proof."""
    if not file.serial or not file.proof:
        return None
    return Claim(file.request_id, file.system_id, file.serial, file.proof)


def proof_of(key: bytes, claim: Claim) -> str:
    """HMAC-SHA-256 under the unit's proof key over request id, system id and serial, in base64url."""
    message = f"{claim.request_id}{claim.system_id}{claim.serial}".encode()
    return base64.urlsafe_b64encode(hmac.new(key, message, hashlib.sha256).digest()).rstrip(b"=").decode()


def proved_unit(claim: Claim | None) -> ManufacturedUnit | None:
    """The unit that a right proof registers; None without one, and for a unit that is registered already."""
    if claim is None:
        return None
    made = (
        ManufacturedUnit.objects.select_related("hardware_model__product")
        .filter(serial=normalize_serial(claim.serial))
        .first()
    )
    if made is None or _is_registered(made):
        return None
    try:
        key = open_proof_key(made.proof_key, made.serial)
    except SealBroken:
        return None
    return made if hmac.compare_digest(proof_of(key, claim), claim.proof) else None


def _is_registered(made: ManufacturedUnit) -> bool:
    """Whether some organization registered the unit."""
    with acting(Part.REGISTRY):
        return HardwareUnit.objects.filter(made=made).exists()


def is_on_own_unit(organization: Organization, claim: Claim) -> bool:
    """Whether the unit is the organization's already, so that the proof is not needed any more."""
    return HardwareUnit.objects.filter(organization=organization, serial=normalize_serial(claim.serial)).exists()
