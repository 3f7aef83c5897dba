"""What the page before Confirm says of each uploaded file: what it would change, or why it can't be accepted (R28)."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from django.db.models import Sum

from hardware.errors import IdentityChanged
from hardware.keys import normalize_serial
from hardware.models import HardwareUnit, ManufacturedUnit, PreloadedLicense
from hardware.queries import licenses_of, systems_on
from hardware.reports import ReportPreview
from hardware.rules import is_tied
from hardware.staging import StagedLine
from licensemgr.core.worded import gettext as _
from organizations.models import Organization
from products.models import DeviceCount, LicenseBasis, LicenseType, Product, RegisteredProduct, System
from subscriptions import rules
from subscriptions.queries import ProductStanding, standings

# How many ids of devices that came or went are named.
NAMED = 20


@dataclass(frozen=True)
class TypeChange:
    """One license type: the devices of the system, and the current need of the product, before and after."""

    license_type: LicenseType
    before: int
    after: int
    need_before: int
    need_after: int

    @property
    def difference(self) -> int:
        return self.after - self.before


@dataclass(frozen=True)
class Named:
    """Ids of devices: how many, and the first of them."""

    count: int
    ids: tuple[str, ...]

    @property
    def more(self) -> int:
        return self.count - len(self.ids)


@dataclass(frozen=True)
class FileSummary:
    """A file of an upload. ``fate`` is accept, known, held, older or refused; taken, when it was confirmed before."""

    number: int
    file_name: str
    fate: str
    # Why it can't be accepted as it is; empty when it can.
    refusal: str
    product: Product | None = None
    system_name: str = ""
    system_id: uuid.UUID | None = None
    # The system of that id that is registered already.
    system: System | None = None
    is_new_product: bool = False
    changes: tuple[TypeChange, ...] = ()
    # None where the system or its last file does not name its devices one by one.
    added: Named | None = None
    removed: Named | None = None
    # What the file says of the hardware unit.
    unit: str = ""

    @property
    def is_new_system(self) -> bool:
        return self.system is None


def summarize(organization: Organization, lines: Iterable[StagedLine], on: date) -> Iterator[FileSummary]:
    """The files one by one, without their content. Counts are compared with the books as they are now, each file by itself."""
    standing_of = {standing.product.pk: standing for standing in standings(organization, on)}
    for line in lines:
        if line.staged.is_taken:
            yield FileSummary(line.staged.number, line.staged.file_name, "taken", "")
        elif line.preview is None:
            yield FileSummary(line.staged.number, line.staged.file_name, "refused", line.refusal)
        else:
            yield _summary(organization, line, line.preview, standing_of.get(line.preview.product.pk))


def _summary(
    organization: Organization, line: StagedLine, preview: ReportPreview, standing: ProductStanding | None
) -> FileSummary:
    fate = "accept"
    if preview.is_known:
        fate = "known"
    elif preview.refused is not None:
        fate = "held" if isinstance(preview.refused, IdentityChanged) else "older"
    made = _made_unit(preview)
    return FileSummary(
        number=line.staged.number,
        file_name=line.staged.file_name,
        fate=fate,
        refusal="" if fate == "known" else line.refusal,
        product=preview.product,
        system_name=preview.file.system_name,
        system_id=preview.file.system_id,
        system=preview.system,
        is_new_product=standing is None,
        changes=_changes(organization, preview, made, standing),
        added=_named(preview.added),
        removed=_named(preview.removed),
        unit=_unit_words(organization, preview),
    )


def _named(ids: tuple[str, ...] | None) -> Named | None:
    return None if ids is None else Named(len(ids), ids[:NAMED])


def _changes(
    organization: Organization, preview: ReportPreview, made: ManufacturedUnit | None, standing: ProductStanding | None
) -> tuple[TypeChange, ...]:
    types = tuple(preview.product.license_types.order_by("position", "pk"))
    counted_before = preview.system is not None and preview.system.license_basis == LicenseBasis.SUBSCRIPTION
    is_tied_after = _will_be_tied(organization, preview, made)
    devices = dict.fromkeys((kind.code for kind in types), 0) | dict(standing.devices if standing else {})
    for code in devices:
        devices[code] += (not is_tied_after) * preview.after.get(code, 0) - counted_before * preview.before.get(code, 0)
    if made is not None and is_tied_after:
        for code, quantity in _counting_on(organization, made.serial, preview).items():
            devices[code] -= quantity
    needs = _current_need(standing, devices)
    current = standing.current if standing else None
    before = current.need if current else standing.devices if standing else {}
    return tuple(
        TypeChange(
            license_type=kind,
            before=preview.before.get(kind.code, 0),
            after=preview.after.get(kind.code, 0),
            need_before=before.get(kind.code, 0),
            need_after=needs[kind.code],
        )
        for kind in types
    )


def _counting_on(organization: Organization, serial: str, preview: ReportPreview) -> Mapping[str, int]:
    """The devices of the product's other systems on that serial number that count: they are tied with the file's own (R25)."""
    others = [
        system
        for system in systems_on(organization, [serial]).get(serial, ())
        if system.registered_product.product_id == preview.product.pk and system != preview.system
    ]
    counting = DeviceCount.objects.filter(
        organization=organization, system__in=others, until_on=None, license_basis=LicenseBasis.SUBSCRIPTION
    )
    totals = counting.values_list("license_type__code").annotate(total=Sum("quantity"))
    return dict(totals.order_by())


def _current_need(standing: ProductStanding | None, devices: Mapping[str, int]) -> Mapping[str, int]:
    """The current need with these devices (R10-R12): those of a year that is fully licensed include what it holds."""
    current = standing.current if standing else None
    if standing is None or current is None:
        return devices
    if current.allowance is None and not rules.is_fully_licensed(current.allocated, devices):
        return devices
    allowance = current.allocated_total if current.allowance is None else current.allowance
    missing = rules.missing(list(standing.codes), current.allocated, devices, allowance)
    return {code: current.allocated[code] + missing[code] for code in standing.codes}


def _made_unit(preview: ReportPreview) -> ManufacturedUnit | None:
    """The unit that accepting the file registers."""
    if not preview.registers_unit:
        return None
    return ManufacturedUnit.objects.select_related("hardware_model").get(serial=normalize_serial(preview.file.serial))


def _registered_unit(organization: Organization, preview: ReportPreview) -> HardwareUnit | None:
    return HardwareUnit.objects.filter(
        organization=organization, serial=normalize_serial(preview.file.serial), ended_on=None
    ).first()


def _will_be_tied(organization: Organization, preview: ReportPreview, made: ManufacturedUnit | None) -> bool:
    """Whether the system will be licensed by its unit alone (R25)."""
    if not preview.file.serial:
        return False
    if made is not None:
        preloaded = PreloadedLicense.objects.filter(hardware_model=made.hardware_model, quantity__gt=0)
        return made.hardware_model.product_id == preview.product.pk and preloaded.exists()
    unit = _registered_unit(organization, preview)
    if unit is None or unit.registered_product_id not in _registered(organization, preview.product):
        return False
    return is_tied(licenses_of([unit]).get(unit.pk, {}))


def _registered(organization: Organization, product: Product) -> set[int]:
    return set(
        RegisteredProduct.objects.filter(organization=organization, product=product).values_list("pk", flat=True)
    )


def _unit_words(organization: Organization, preview: ReportPreview) -> str:
    serial = normalize_serial(preview.file.serial) if preview.file.serial else ""
    if not serial:
        former = preview.former_serial
        return _("On no hardware unit any more; before on %(serial)s.") % {"serial": former} if former else ""
    if preview.registers_unit:
        return _(
            "%(serial)s: the file proves that the unit is yours, so it is registered, with its preloaded licenses."
        ) % {"serial": serial}
    if _registered_unit(organization, preview) is not None:
        return _("%(serial)s, which is registered.") % {"serial": serial}
    return _("%(serial)s, which is not registered here. It is remembered, and counts from the day on which it is.") % {
        "serial": serial
    }
