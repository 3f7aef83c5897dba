"""Uploaded system files wait here, checked, until they are confirmed: for an hour, in the database (R28)."""

import logging
import uuid
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count, Q, QuerySet
from django.utils.formats import time_format

from hardware.checking import CheckedFile
from hardware.errors import UploadExpired
from hardware.models import HeldReport, StagedFile
from hardware.reports import ReportPreview, accept_report, preview_report
from hardware.system_files import SystemFile, read_system_file
from licensemgr.core import clock
from licensemgr.core.errors import Refused
from licensemgr.core.worded import gettext as _
from organizations.models import Organization, User
from products.models import SystemSource

logger = logging.getLogger(__name__)

STAGED_FOR = timedelta(hours=1)
# After the hour the content is gone; for a week it is still known that there was an upload, and what became of it.
REMEMBERED_FOR = timedelta(days=7)


def stage_files(*, organization: Organization, files: Iterable[CheckedFile], actor: User) -> uuid.UUID:
    """Keep the files of an upload for an hour; returns the batch that `staged_batch` shows. Nothing else changes.

    Within a transaction, which does nothing but this: they were checked before. What can't be accepted is kept as a refusal
    with its sentence.
    """
    now = clock.real_now()
    batch = uuid.uuid4()
    StagedFile.objects.filter(expires_at__lte=now - REMEMBERED_FOR).delete()
    StagedFile.objects.filter(expires_at__lte=now).exclude(packed=b"").update(packed=b"")
    for number, file in enumerate(files, start=1):
        StagedFile.objects.create(
            organization=organization,
            batch=batch,
            number=number,
            file_name=file.name[-200:],
            digest=file.digest,
            packed=file.packed(),
            refusal=file.refusal,
            uploaded_by=actor,
            uploaded_at=now,
            expires_at=now + STAGED_FOR,
        )
    return batch


@dataclass(frozen=True)
class WaitingUpload:
    """An upload that was checked and that nobody has confirmed: it can be gone on with until its hour is over."""

    batch: uuid.UUID
    files: int
    # The time of day at which it was uploaded, by the organization's clocks.
    local_time: str


def waiting_uploads(organization: Organization, actor: User) -> list[WaitingUpload]:
    """The person's uploads for the organization of which a file can still be confirmed, the newest first. One query."""
    zone = clock.zone(organization.time_zone_at(clock.now()))
    waiting = (
        StagedFile.objects.filter(organization=organization, uploaded_by=actor, expires_at__gt=clock.real_now())
        .filter(Q(confirmed_at=None) | ~Q(outcome=""), refusal="")
        .order_by()
        .values("batch", "uploaded_at")
        .annotate(files=Count("pk"))
        .order_by("-uploaded_at", "batch")
    )
    return [
        WaitingUpload(each["batch"], each["files"], time_format(each["uploaded_at"].astimezone(zone).time(), "H:i"))
        for each in waiting
    ]


@dataclass(frozen=True)
class StagedLine:
    """A staged file as the page shows it: what it would change, or why it can't be accepted; neither where it was taken."""

    staged: StagedFile
    preview: ReportPreview | None
    refusal: str


def is_there(organization: Organization, batch: uuid.UUID, actor: User) -> bool:
    """Whether the person uploaded this batch for the organization, expired or not."""
    return batch_files(organization, batch, actor).exists()


def staged_batch(organization: Organization, batch: uuid.UUID, actor: User) -> Iterator[StagedLine]:
    """The files that the person uploaded together, one by one: they are large. Raises UploadExpired once their hour is over."""
    waiting = _waiting(organization, batch, actor)
    for staged in _one_by_one(waiting):
        yield _line(organization, staged)


def batch_files(organization: Organization, batch: uuid.UUID, actor: User) -> QuerySet[StagedFile]:
    """The files that the person uploaded together for the organization, expired or not, in their order."""
    return StagedFile.objects.filter(organization=organization, batch=batch, uploaded_by=actor).order_by("number")


def _waiting(organization: Organization, batch: uuid.UUID, actor: User) -> QuerySet[StagedFile]:
    waiting = batch_files(organization, batch, actor).filter(expires_at__gt=clock.real_now())
    if not waiting.exists():
        raise UploadExpired
    return waiting


def _one_by_one(waiting: QuerySet[StagedFile]) -> Iterator[StagedFile]:
    for key in list(waiting.values_list("pk", flat=True)):
        # One whose hour ends on the way may have lost its content.
        staged = StagedFile.objects.filter(pk=key, expires_at__gt=clock.real_now()).first()
        if staged is not None:
            yield staged


def _line(organization: Organization, staged: StagedFile) -> StagedLine:
    if staged.refusal or staged.is_taken:
        return StagedLine(staged, None, staged.refusal)
    try:
        preview = preview_report(organization, _read(staged)[0])
    except Refused as refused:
        return StagedLine(staged, None, str(refused.sentence))
    return StagedLine(staged, preview, str(preview.refused.sentence) if preview.refused else "")


def _read(staged: StagedFile) -> tuple[SystemFile, bytes]:
    """A staged file and its content, checked again: what lies in a table is not believed either."""
    document = zlib.decompress(bytes(staged.packed))
    return read_system_file(document), document


@dataclass(frozen=True)
class FileToConfirm:
    """A staged file that waits to be confirmed, read and checked again."""

    staged_id: int
    number: int
    file: SystemFile
    document: bytes


def files_to_confirm(organization: Organization, batch: uuid.UUID, actor: User) -> Iterator[FileToConfirm]:
    """The files of a batch that can be confirmed and are not yet taken, one by one, each read as it is asked for.

    Reading takes a while, so it belongs before the transaction in which `confirm_file` takes it. Raises UploadExpired.
    """
    waiting = _waiting(organization, batch, actor)
    for staged in _one_by_one(waiting.filter(Q(confirmed_at=None) | ~Q(outcome=""), refusal="")):
        file, document = _read(staged)
        yield FileToConfirm(staged.pk, staged.number, file, document)


def confirm_file(*, organization: Organization, ready: FileToConfirm, as_restored: bool, actor: User, on: date) -> None:
    """Accept a staged file, and write down with it what became of it; within a transaction that holds nothing else.

    ``as_restored`` accepts it once as restored from a backup (R28). What was taken meanwhile counts once. A file that can't be
    accepted changes nothing, and neither does one at which the portal itself fails or whose day the clock can't be believed (R3):
    that one can be confirmed again.
    """
    staged = StagedFile.objects.select_for_update().defer("packed").get(pk=ready.staged_id)
    if staged.is_taken:
        return
    try:
        result = accept_report(
            organization=organization,
            file=ready.file,
            document=ready.document,
            source=SystemSource.OFFLINE,
            actor=actor,
            on=on,
            as_restored=as_restored,
        )
    except clock.ClockJumped as jumped:
        # No fault of the file: it can be confirmed once the clock is right, or believed.
        staged.confirmed_at, staged.outcome = None, str(jumped.sentence)
    except Refused as refused:
        staged.confirmed_at, staged.outcome = clock.real_now(), str(refused.sentence)
    except Exception:
        # The others of the upload are not to suffer from it.
        logger.exception("The system file %s of upload %s could not be accepted.", ready.number, staged.batch)
        staged.confirmed_at = None
        staged.outcome = _(
            "The portal failed at this file, and whoever runs it finds the reason in its log. Nothing was changed by the file; "
            "confirm it again, and if it stays so, ask them."
        )
    else:
        staged.confirmed_at, staged.outcome = clock.real_now(), ""
        if isinstance(result, HeldReport) and result.decision:
            staged.outcome = _("An administrator decided on this very file before. Create a new system file.")
    staged.save(update_fields=["confirmed_at", "outcome"])
