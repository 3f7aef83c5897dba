"""License files: what a system is granted, signed, written down and handed out again (R29)."""

import hashlib
import uuid
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import formats
from joserfc.jwk import OKPKey

from hardware.errors import LicenseFileRefused
from hardware.grants import Grant, YearCovered, covered, hardware_grants, subscription_grants
from hardware.issue_log import forgotten_number, instant, note
from hardware.models import HardwareUnit, LicenseFile, Placement, Report, SystemIdentity
from hardware.queries import UnitState, unit_states
from history.models import Action
from history.record import record
from licensemgr.core import clock, signed, signing_keys
from licensemgr.core.tenancy import Part, acting
from licensemgr.core.worded import gettext as _
from organizations.books import changing
from organizations.models import Organization, User
from products.models import DeviceCount, LicenseBasis, RegisteredProduct, System
from subscriptions.advice import listed
from subscriptions.queries import ProductStanding, standings
from subscriptions.rules import Status

TYP = "license-file-v1"


@dataclass(frozen=True)
class Granted:
    """What a system is granted on a date; ``reason`` says why it is granted nothing."""

    grants: tuple[Grant, ...]
    need: Mapping[str, int]
    status: str
    # By whose days the grants count (R1): an IANA name.
    time_zone: str
    reason: str = ""

    def as_payload(self) -> list[dict[str, Any]]:
        """The grants in the words of the published format."""
        return [grant.as_payload() for grant in self.grants]

    @property
    def has_last_day(self) -> bool:
        """Whether any of it ends on a day: a day is another one in another time zone."""
        return any(grant.last for grant in self.grants)


def granted_to(system: System, on: date) -> Granted:
    """What a license file for the system would grant on ``on`` (R29)."""
    return granted_to_all(system.organization, [system], on)[system.pk]


def granted_to_all(
    organization: Organization, systems: Sequence[System], on: date, known: Iterable[ProductStanding] = ()
) -> dict[int, Granted]:
    """What license files for these systems of one organization would grant, by system, in a constant number of queries.

    ``known`` are standings on that date that the caller has read already.
    """
    standing_of = {standing.registered_product.pk: standing for standing in known}
    products: dict[int, RegisteredProduct] = {}
    for system in systems:
        if system.registered_product_id not in products and system.registered_product_id not in standing_of:
            products[system.registered_product_id] = system.registered_product
    if products:
        for standing in standings(organization, on, products.values()):
            standing_of[standing.registered_product.pk] = standing
    needs: defaultdict[int, dict[str, int]] = defaultdict(dict)
    counts = DeviceCount.objects.filter(organization=organization, system__in=systems, until_on=None)
    for pk, code, quantity in counts.values_list("system__pk", "license_type__code", "quantity"):
        needs[pk][code] = quantity
    states = _unit_states_of(
        organization, [system for system in systems if system.license_basis == LicenseBasis.HARDWARE]
    )
    zone = organization.time_zone_at(clock.now())
    granted = {}
    for system in systems:
        standing = standing_of[system.registered_product_id]
        need = dict.fromkeys(standing.codes, 0) | needs[system.pk]
        state = states.get(system.pk)
        granted[system.pk] = (
            _granted_by_unit(standing, state, need, zone) if state else _granted_by_subscription(standing, need, zone)
        )
    return granted


def _unit_states_of(organization: Organization, tied: Sequence[System]) -> dict[int, UnitState]:
    """How the unit of each tied system stands."""
    if not tied:
        return {}
    serials = dict(
        Placement.objects.filter(organization=organization, system__in=tied, until_on=None).values_list(
            "system__pk", "serial"
        )
    )
    units = list(
        HardwareUnit.objects.filter(organization=organization, serial__in=set(serials.values()), ended_on=None)
    )
    states = {state.unit.serial: state for state in unit_states(organization, units)}
    return {pk: states[serial] for pk, serial in serials.items() if serial in states}


def _granted_by_subscription(standing: ProductStanding, need: Mapping[str, int], zone: str) -> Granted:
    found = covered(
        status=standing.status,
        registered_on=standing.registered_product.registered_on,
        trial_last=standing.trial_last_on,
        started_on=standing.started_on,
        grace_last=standing.grace_last_day,
        years=[
            YearCovered(
                year.year.first,
                year.year.last,
                not year.missing_total or (year.offset == 0 and year.fully_licensed_on is not None),
            )
            for year in standing.years
        ],
    )
    if found is None:
        return Granted((), need, str(standing.status), zone, _why_nothing(standing))
    return Granted(tuple(subscription_grants(found, need, _growth_left(standing))), need, str(standing.status), zone)


def _granted_by_unit(standing: ProductStanding, state: UnitState, need: Mapping[str, int], zone: str) -> Granted:
    unit = state.unit
    if state.lacks:
        return Granted(
            (),
            need,
            "expansion_needed",
            zone,
            _("Hardware unit %(serial)s lacks expansion licenses (%(names)s). Allocate them in System setup.")
            % {"serial": unit.serial, "names": listed(standing, state.lacks)},
        )
    grants = hardware_grants(state.licenses, serial=unit.serial, registered_on=unit.registered_on)
    return Granted(tuple(grants), need, "hardware", zone)


def _growth_left(standing: ProductStanding) -> int:
    """How many devices may still be added in the current year, over all types and systems (R12)."""
    current = standing.current
    if current is None or current.allowance is None:
        return 0
    grown = sum(max(0, standing.devices[code] - current.allocated[code]) for code in standing.codes)
    return max(0, current.allowance - grown)


def _why_nothing(standing: ProductStanding) -> str:
    if standing.status in (Status.HARDWARE, Status.EXPANSION_NEEDED):
        # Hardware licenses every device of the product, so one that is on no unit has none.
        return _("This system has no devices that need a license.")
    if standing.started_on is None and standing.trial_last_on is not None:
        return _("The trial ended on %(date)s, and there is no subscription. Start it in the Product overview.") % {
            "date": formats.date_format(standing.trial_last_on, "DATE_FORMAT")
        }
    if standing.started_on is None:
        return _("There is no trial and no subscription. Start your subscription in the Product overview.")
    ended = standing.grace_last_day
    return _("The grace period ended on %(date)s, and licenses are missing. Allocate them in Product licensing.") % {
        "date": formats.date_format(ended, "DATE_FORMAT") if ended else "?"
    }


def latest_license_file(system: System) -> LicenseFile | None:
    """The newest license file that the system was given."""
    return (
        LicenseFile.objects.filter(organization_id=system.organization_id, system=system).order_by("-sequence").first()
    )


def is_stale(latest: LicenseFile, granted: Granted) -> bool:
    """Whether what the file grants is not what the system is granted now: also where its last days end at another hour (R35)."""
    return bool(latest.grants != granted.as_payload()) or counts_by_another_zone(latest, granted)


def counts_by_another_zone(latest: LicenseFile, granted: Granted) -> bool:
    """Whether what is granted ends on a day, and days are those of another time zone than the file names."""
    return granted.has_last_day and latest.time_zone != granted.time_zone


def document_of(file: LicenseFile) -> bytes:
    """The license file as it was given."""
    return zlib.decompress(bytes(file.packed))


def key_of(file: LicenseFile) -> str:
    """The thumbprint of the key that the system has to have to use the file."""
    return str(_read(document_of(file)).payload["key"])


@dataclass(frozen=True)
class _Asked:
    """What a license file for a system would say, and the newest one that it was given."""

    system: System
    report: Report
    identity: SystemIdentity
    granted: Granted
    latest: LicenseFile | None
    # The highest number that the system was given: after a restore the books may know a lower one.
    last_number: int
    kid: str
    key: OKPKey

    def is_latest_good(self, now: datetime, *, answers_report: bool) -> bool:
        """Whether the newest file says what a new one would say, and has at least half of its own time left."""
        latest = self.latest
        if (
            latest is None
            or latest.sequence < self.last_number
            or is_stale(latest, self.granted)
            or latest.kid != self.kid
            or (answers_report and latest.request_id != self.report.request_id)
            or now - latest.issued_at > timedelta(days=settings.LICENSE_FILE_DAYS) / 2
        ):
            return False
        said = _read(document_of(latest)).payload
        wanted = (self.granted.status, dict(self.granted.need), self.identity.thumbprint)
        return (said["status"], said["need"], said["key"]) == wanted


def _ask(organization: Organization, pk: int, on: date) -> _Asked:
    """Raises LicenseFileRefused where R29 gives no file, and NoSigningKey."""
    system = System.objects.select_related("registered_product__product", "identity").get(
        pk=pk, organization=organization
    )
    system.organization = system.registered_product.organization = organization
    report = Report.objects.filter(organization=organization, system=system).order_by("-pk").first()
    identity: SystemIdentity | None = getattr(system, "identity", None)
    if system.removed_on is not None or report is None or identity is None:
        raise LicenseFileRefused(
            _("This system has sent no system file yet, so there is nothing to answer. No license file was made.")
        )
    granted = granted_to(system, on)
    if not granted.grants:
        raise LicenseFileRefused(
            granted.reason or _("This system has no devices, so there is nothing to license."), granted.status
        )
    kid, key = signing_keys.current_key()
    latest = latest_license_file(system)
    last_number = max(latest.sequence if latest else 0, forgotten_number(system))
    return _Asked(system, report, identity, granted, latest, last_number, kid, key)


def license_file_for_call(*, system: System, on: date) -> LicenseFile:
    """The license file with which a system that is online is answered: the newest one for as long as it is good (R29).

    So a system that reports the same every hour gets no new file, and nothing is written. Raises what `issue_license_file`
    raises.
    """
    asked = _ask(system.organization, system.pk, on)
    if asked.latest is not None and asked.is_latest_good(clock.now(), answers_report=False):
        return asked.latest
    return issue_license_file(system=system, actor=None, on=on, answers_report=False)


def issue_license_file(*, system: System, actor: User | None, on: date, answers_report: bool = True) -> LicenseFile:
    """Give the system a license file for what it is granted, answering its last accepted report (R29).

    The newest file is given again while it grants the same in the same status, answers the last report (if ``answers_report``),
    was signed by the current key, has at least half of its own time left and none after it was given that the books forgot.
    Raises LicenseFileRefused where R29 gives none, NoSigningKey, and IssueLogBroken.
    """
    with changing(system.organization, on) as organization:
        asked = _ask(organization, system.pk, on)
        system, report, latest, granted = asked.system, asked.report, asked.latest, asked.granted
        now = clock.now()
        if latest is not None and asked.is_latest_good(now, answers_report=answers_report):
            return latest
        payload = _payload(system, granted, report, asked.identity, asked.last_number + 1, now)
        document = signed.sign(payload, typ=TYP, key=asked.key, kid=asked.kid)
        made = LicenseFile.objects.create(
            organization=organization,
            system=system,
            file_id=payload["file_id"],
            sequence=payload["sequence"],
            request_id=report.request_id,
            kid=asked.kid,
            digest=hashlib.sha256(document).hexdigest(),
            packed=zlib.compress(document),
            grants=payload["grants"],
            time_zone=payload["time_zone"],
            issued_to=actor,
            issued_on=on,
            issued_at=now,
        )
        record(
            organization=organization,
            action=Action.LICENSE_FILE_ISSUED,
            actor=actor,
            on=on,
            product=system.registered_product.product,
            system=system.name,
            system_id=str(system.system_id),
            sequence=made.sequence,
        )
        # Written before the change is committed: a file that is in the field is in the log, whatever happens to the database.
        note(made, system)
    return made


def _payload(
    system: System, granted: Granted, report: Report, identity: SystemIdentity, sequence: int, now: datetime
) -> dict[str, Any]:
    product = system.registered_product.product
    return {
        "issuer": settings.PORTAL_URL,
        "instance": str(signing_keys.instance_id()),
        "file_id": str(uuid.uuid4()),
        "issued_at": instant(now),
        "expires_at": instant(now + timedelta(days=settings.LICENSE_FILE_DAYS)),
        "system_id": str(system.system_id),
        "key": identity.thumbprint,
        "request_id": str(report.request_id),
        "sequence": sequence,
        "organization": system.organization.name,
        "time_zone": granted.time_zone,
        "product": {"code": product.code, "name": product.name},
        "status": granted.status,
        "grants": granted.as_payload(),
        "need": dict(granted.need),
        "next_keys": signing_keys.next_public_keys(),
    }


def _read(document: bytes) -> signed.SignedDocument:
    """The content of a license file, its signature not checked yet. Raises DocumentRefused."""
    return signed.read(document, typ=TYP, key_named_by="kid", exact=True)


@dataclass(frozen=True)
class Verified:
    """A license file whose signature is this portal's."""

    payload: Mapping[str, Any]
    kid: str
    # Whether the books know the file, byte for byte.
    is_in_books: bool
    # Whether a newer file was given to the same system.
    is_superseded: bool
    is_expired: bool


def verify_license_file(document: bytes, at: datetime) -> Verified:
    """What a license file says, once its signature is checked. Raises `licensemgr.core.signed.DocumentRefused`."""
    read = _read(document)
    kid = str(read.header.get("kid", ""))
    key = signing_keys.verifying_key(kid)
    if key is None:
        raise signed.DocumentRefused(_("The file was not signed by this portal: its key is not one of this portal's."))
    signed.check_signature(read, key)
    payload = read.payload
    # Anybody who has a file may ask, of whichever organization it is.
    with acting(Part.REGISTRY):
        known = LicenseFile.objects.filter(file_id=payload["file_id"]).first()
        newer = LicenseFile.objects.filter(system=known.system_id, sequence__gt=known.sequence) if known else None
        is_superseded = newer is not None and newer.exists()
    return Verified(
        payload=payload,
        kid=kid,
        is_in_books=known is not None and known.digest == hashlib.sha256(document).hexdigest(),
        is_superseded=is_superseded,
        is_expired=instant(at) > str(payload["expires_at"]),
    )
