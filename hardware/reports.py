"""A system's own report: the same document by file and by call, checked, shown, and accepted (R5, R24, R28)."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.db import IntegrityError, transaction

from hardware.errors import IdentityChanged, NotRegistered, ReportOutOfOrder, ReportRefused
from hardware.keys import normalize_serial
from hardware.models import HeldReport, Report, SystemIdentity
from hardware.placing import move_and_tell, place_system
from hardware.proofs import claim_of, proved_unit
from hardware.queries import serial_of
from hardware.services import register_made_unit
from hardware.system_files import SystemFile, read_system_file
from history.models import Action
from history.record import record
from licensemgr.core import clock
from licensemgr.core.integrity import is_taken
from licensemgr.core.worded import gettext as _
from organizations.books import changing, settled
from organizations.models import Organization, User
from products.device_lists import pack, unpack_ids
from products.errors import SystemIdTaken, SystemOfAnotherProduct, UnknownLicenseType
from products.models import DeviceList, Product, System, SystemSource
from products.queries import counts_now, system_anywhere
from products.services import take_report


@dataclass(frozen=True)
class ReportPreview:
    """What accepting a file would change: shown before it is confirmed (R28)."""

    file: SystemFile
    product: Product
    # The system as it is known; None for one that the file registers.
    system: System | None
    # Devices per license type code: before, and as the file says.
    before: Mapping[str, int]
    after: Mapping[str, int]
    # Ids of devices that came and went, where both lists name them; None where one does not.
    added: tuple[str, ...] | None
    removed: tuple[str, ...] | None
    former_serial: str
    # The unit that the file registers by its proof.
    registers_unit: bool
    # The very file was accepted before: nothing would change.
    is_known: bool
    # Why it can't be accepted as it is, if so: an older sequence number, or another key.
    refused: ReportRefused | None

    @property
    def changes(self) -> dict[str, int]:
        """How the number of devices changes, per license type code."""
        codes = dict.fromkeys([*self.before, *self.after])
        return {
            code: difference for code in codes if (difference := self.after.get(code, 0) - self.before.get(code, 0))
        }


def preview_report(organization: Organization, file: SystemFile, *, with_devices: bool = True) -> ReportPreview:
    """What accepting ``file`` would change. Changes nothing. ``with_devices`` compares the lists of devices, which takes a while.

    Raises ReportRefused for an unknown product, UnknownLicenseType, SystemIdTaken, SystemOfAnotherProduct.
    """
    product = Product.objects.filter(code=file.product_code).first()
    if product is None:
        raise ReportRefused(
            _("At system.product: this portal knows no product “%(code)s”. Nothing was changed.")
            % {"code": file.product_code}
        )
    types = [license_type.code for license_type in product.license_types.all()]
    for code in file.counts:
        if code not in types:
            raise UnknownLicenseType(code=code, product=product.name)
    system = system_anywhere(file.system_id)
    if system is not None and system.organization_id != organization.pk:
        raise SystemIdTaken
    if system is not None and system.registered_product.product_id != product.pk:
        raise SystemOfAnotherProduct(product=system.registered_product.product.name)
    added, removed = _listed_changes(system, file) if with_devices else (None, None)
    return ReportPreview(
        file=file,
        product=product,
        system=system,
        before=_counts(system),
        after={code: file.counts.get(code, 0) for code in types},
        added=added,
        removed=removed,
        former_serial=serial_of(system) if system else "",
        registers_unit=proved_unit(claim_of(file)) is not None,
        is_known=system is not None and Report.objects.filter(system=system, digest=file.digest).exists(),
        refused=_order_or_identity(system, file),
    )


def _counts(system: System | None) -> dict[str, int]:
    if system is None:
        return {}
    return dict(counts_now(system).values_list("license_type__code", "quantity"))


def _listed_changes(system: System | None, file: SystemFile) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    former = DeviceList.objects.filter(system=system).first() if system else None
    if former is None or file.devices is None:
        return None, None
    before = unpack_ids(former.packed)
    after = {device.device_id for device in file.devices}
    return tuple(sorted(after - before)), tuple(sorted(before - after))


def _order_or_identity(system: System | None, file: SystemFile) -> ReportRefused | None:
    """Another key comes first: of a copy even the order means nothing."""
    if system is None:
        return None
    identity = SystemIdentity.objects.filter(system=system).first()
    if identity is not None and identity.thumbprint != file.thumbprint:
        return IdentityChanged(system=system.name)
    last = Report.objects.filter(system=system).order_by("-pk").values_list("sequence", flat=True).first()
    if last is not None and file.sequence <= last:
        return ReportOutOfOrder(sequence=file.sequence, last=last)
    return None


def accept_report(
    *,
    organization: Organization,
    file: SystemFile,
    document: bytes,
    source: SystemSource,
    actor: User | None,
    on: date,
    as_restored: bool = False,
    known: System | None = None,
) -> Report | HeldReport:
    """Take a system's report: register it and its unit where they are new, bind its key, write its devices down (R28).

    The same file twice counts once. Under another key than the system's own the report is held for an administrator's
    decision and nothing else changes. ``as_restored`` accepts an older sequence number, which an administrator may do once.
    ``known`` is the system of which the report has to be: of one that is gone meanwhile nothing is registered anew. Raises
    ReportOutOfOrder, NotRegistered, and what `preview_report` raises; then nothing has changed.
    """
    with settled(organization, on) as locked:
        preview = preview_report(locked, file, with_devices=False)
        if known is not None and (preview.system is None or preview.system.pk != known.pk):
            raise NotRegistered
        if preview.is_known and preview.system is not None:
            return Report.objects.get(system=preview.system, digest=file.digest)
        if isinstance(preview.refused, IdentityChanged) and preview.system is not None:
            return _hold(preview.system, file, document, source, on)
        if preview.refused is not None and not as_restored:
            raise preview.refused
        if (
            preview.refused is None
            and preview.system is not None
            and _tells_nothing_new(preview.system, preview, source)
        ):
            _note_heard(preview.system, file, on)
            return _write_report(preview.system, file, source, actor, on, as_restored=False)
        with changing(locked, on) as organization:
            return _accept(organization, preview, source, actor, on, as_restored=preview.refused is not None)


def _tells_nothing_new(system: System, preview: ReportPreview, source: SystemSource) -> bool:
    """Whether the books stay as they are by the file: what a system that is online says every hour."""
    file = preview.file
    if (
        preview.before != preview.after
        or preview.registers_unit
        or preview.former_serial != normalize_serial(file.serial)
        or (system.source, system.name, system.software_version) != (source, file.system_name, file.software_version)
        or not SystemIdentity.objects.filter(system=system).exists()
    ):
        return False
    former = DeviceList.objects.filter(system=system).first()
    if former is None or file.devices is None:
        return former is None and file.devices is None
    return former.total == len(file.devices) and bytes(former.packed) == pack(file.devices)


def _note_heard(system: System, file: SystemFile, on: date) -> None:
    """Write down until when what is known of the system holds."""
    if system.last_reported_on == on:
        return
    System.objects.filter(pk=system.pk).update(last_reported_on=on)
    if file.devices is not None:
        DeviceList.objects.filter(system=system).update(reported_on=on)


def _accept(
    organization: Organization,
    preview: ReportPreview,
    source: SystemSource,
    actor: User | None,
    on: date,
    *,
    as_restored: bool,
) -> Report:
    file = preview.file
    made = proved_unit(claim_of(file))
    if made is not None:
        register_made_unit(organization, made, actor, on)
    system = take_report(
        organization=organization,
        product=preview.product,
        system_id=file.system_id,
        devices=file.counts,
        source=source,
        actor=actor,
        on=on,
        name=file.system_name,
        software_version=file.software_version,
        device_list=file.devices,
    )
    system.organization = organization
    if preview.system is None:
        place_system(system, normalize_serial(file.serial), on)
    else:
        move_and_tell(system, normalize_serial(file.serial), actor, on)
    SystemIdentity.objects.get_or_create(
        system=system,
        defaults={
            "organization": organization,
            "public": file.public,
            "thumbprint": file.thumbprint,
            "bound_at": clock.now(),
        },
    )
    if as_restored:
        record(
            organization=organization,
            action=Action.REPORT_RESTORED,
            actor=actor,
            on=on,
            product=preview.product,
            system=system.name,
            system_id=str(system.system_id),
            sequence=file.sequence,
        )
    return _write_report(system, file, source, actor, on, as_restored=as_restored)


def _write_report(
    system: System, file: SystemFile, source: SystemSource, actor: User | None, on: date, *, as_restored: bool
) -> Report:
    """Write down that the file was accepted. Raises ReportRefused for a request id of before."""
    try:
        with transaction.atomic():
            return Report.objects.create(
                organization_id=system.organization_id,
                system=system,
                request_id=file.request_id,
                sequence=file.sequence,
                digest=file.digest,
                source=source,
                license_file_id=file.license_file_id,
                is_restored=as_restored,
                accepted_by=actor,
                accepted_on=on,
                received_at=clock.now(),
            )
    except IntegrityError as error:
        # The very same file has the same request id, too; which of the two constraints is told of is the database's choice.
        if not any(is_taken(error, Report, "organization", "system", each) for each in ("request_id", "digest")):
            raise
        raise ReportRefused(
            _(
                "Another file with the same request id was accepted before. Nothing was changed. Create a new system file."
            )
        ) from error


def _hold(system: System, file: SystemFile, document: bytes, source: SystemSource, on: date) -> HeldReport:
    earlier = HeldReport.objects.filter(system=system, digest=file.digest).first()
    if earlier is not None:
        return earlier
    waiting = HeldReport.objects.filter(system=system, decision="").first()
    says = {
        "digest": file.digest,
        "packed": zlib.compress(document),
        "source": source,
        "received_at": clock.now(),
        "received_on": on,
    }
    if waiting is not None and waiting.thumbprint == file.thumbprint:
        # A system that is online asks every hour: its question stays the same one, and is on History once.
        HeldReport.objects.filter(pk=waiting.pk).update(**says)
        waiting.refresh_from_db()
        return waiting
    if waiting is not None and source == SystemSource.ONLINE:
        # Whoever knows the system's id can call: that does not push away what an administrator has to decide.
        return waiting
    if waiting is not None:
        waiting.delete()
    held = HeldReport.objects.create(
        organization_id=system.organization_id,
        system=system,
        public=file.public,
        thumbprint=file.thumbprint,
        **says,
    )
    record(
        organization=system.organization,
        action=Action.IDENTITY_HELD,
        actor=None,
        on=on,
        product=system.registered_product.product,
        system=system.name,
        system_id=str(system.system_id),
        thumbprint=file.thumbprint,
    )
    return held


def preview_held(held: HeldReport) -> ReportPreview:
    """What accepting a held report would change. Raises what `preview_report` raises."""
    return preview_report(held.organization, read_system_file(zlib.decompress(bytes(held.packed))))


def decide_identity(*, held: HeldReport, accept: bool, actor: User, on: date) -> HeldReport:
    """An administrator's decision on a report under another key: the key is bound and the report taken, or both are refused.

    Deciding twice counts once. Raises ReportRefused when the system is gone.
    """
    with changing(held.organization, on) as organization:
        held = HeldReport.objects.select_related("system__registered_product__product").get(
            pk=held.pk, organization=organization
        )
        if held.decision:
            return held
        system = held.system
        if system.removed_on is not None:
            raise ReportRefused(_("This system was removed meanwhile. Nothing was changed."))
        held.decision = HeldReport.Decision.ACCEPTED if accept else HeldReport.Decision.REFUSED
        held.decided_by, held.decided_at = actor, clock.now()
        held.save(update_fields=["decision", "decided_by", "decided_at"])
        record(
            organization=organization,
            action=Action.IDENTITY_ACCEPTED if accept else Action.IDENTITY_REFUSED,
            actor=actor,
            on=on,
            product=system.registered_product.product,
            system=system.name,
            system_id=str(system.system_id),
            thumbprint=held.thumbprint,
        )
        if accept:
            SystemIdentity.objects.filter(system=system).update(
                public=held.public, thumbprint=held.thumbprint, bound_at=clock.now()
            )
            # A new installation counts its files from the beginning again.
            file = read_system_file(zlib.decompress(bytes(held.packed)))
            preview = preview_report(organization, file)
            if not preview.is_known:
                _accept(organization, preview, SystemSource(held.source), actor, on, as_restored=False)
    return held
