"""Uploaded system files wait here, checked, until they are confirmed: for an hour, in the database (R28)."""

import uuid
import zlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from hardware.errors import ReportRefused, UploadExpired
from hardware.models import HeldReport, Report, StagedFile
from hardware.reports import ReportPreview, accept_report, preview_report
from hardware.system_files import SystemFile, read_system_file
from hardware.unpacking import Upload, unpack_uploads
from licensemgr.core import clock
from licensemgr.core.errors import Refused
from licensemgr.core.signed import DocumentRefused
from organizations.models import Organization, User
from products.models import System, SystemSource

STAGED_FOR = timedelta(hours=1)
# After the hour the content is gone; for a week it is still known that there was an upload, and what became of it.
REMEMBERED_FOR = timedelta(days=7)


def stage_files(*, organization: Organization, uploads: Iterable[Upload], actor: User) -> uuid.UUID:
    """Check each file whole and keep it for an hour; returns the batch that `staged_batch` shows. Nothing else changes.

    A zip counts as the files in it. What can't be accepted is kept as a refusal with its sentence. Raises ReportRefused when
    there is no file at all, UploadTooLarge when there is more than can be taken at once.
    """
    now = clock.real_now()
    batch = uuid.uuid4()
    with transaction.atomic():
        StagedFile.objects.filter(expires_at__lte=now - REMEMBERED_FOR).delete()
        StagedFile.objects.filter(expires_at__lte=now).exclude(packed=b"").update(packed=b"")
        number = 0
        for number, unpacked in enumerate(unpack_uploads(uploads), start=1):
            digest, refusal = "", unpacked.refusal
            if not refusal:
                try:
                    digest = read_system_file(unpacked.document).digest
                except DocumentRefused as error:
                    refusal = error.sentence
            StagedFile.objects.create(
                organization=organization,
                batch=batch,
                number=number,
                file_name=unpacked.name[-200:],
                digest=digest,
                packed=b"" if refusal else zlib.compress(unpacked.document, 1),
                refusal=refusal,
                uploaded_by=actor,
                uploaded_at=now,
                expires_at=now + STAGED_FOR,
            )
        if not number:
            raise ReportRefused(_("No file was chosen. Nothing was changed; choose a system file or a zip of them."))
    return batch


@dataclass(frozen=True)
class StagedLine:
    """A staged file as the page shows it: what it would change, or why it can't be accepted."""

    staged: StagedFile
    preview: ReportPreview | None
    refusal: str


def is_there(organization: Organization, batch: uuid.UUID, actor: User) -> bool:
    """Whether the person uploaded this batch for the organization, expired or not."""
    return _files(organization, batch, actor).exists()


def staged_batch(organization: Organization, batch: uuid.UUID, actor: User) -> Iterator[StagedLine]:
    """The files that the person uploaded together, one by one: they are large. Raises UploadExpired once their hour is over."""
    for staged in _waiting(organization, batch, actor):
        yield _line(organization, staged)


def _files(organization: Organization, batch: uuid.UUID, actor: User) -> QuerySet[StagedFile]:
    return StagedFile.objects.filter(organization=organization, batch=batch, uploaded_by=actor).order_by("number")


def _waiting(organization: Organization, batch: uuid.UUID, actor: User) -> Iterator[StagedFile]:
    waiting = _files(organization, batch, actor).filter(expires_at__gt=clock.real_now())
    numbers = list(waiting.values_list("pk", flat=True))
    if not numbers:
        raise UploadExpired
    for number in numbers:
        yield StagedFile.objects.get(pk=number)


def _line(organization: Organization, staged: StagedFile) -> StagedLine:
    if staged.refusal:
        return StagedLine(staged, None, staged.refusal)
    try:
        preview = preview_report(organization, file_of(staged)[0])
    except Refused as refused:
        return StagedLine(staged, None, str(refused.sentence))
    return StagedLine(staged, preview, str(preview.refused.sentence) if preview.refused else "")


def file_of(staged: StagedFile) -> tuple[SystemFile, bytes]:
    """A staged file and its content, checked again: what lies in a table is not believed either."""
    document = zlib.decompress(bytes(staged.packed))
    return read_system_file(document), document


def confirm_batch(
    *, organization: Organization, batch: uuid.UUID, restored: Collection[int], actor: User, on: date
) -> int:
    """Accept the batch's files that can be accepted, each by itself; returns how many were accepted or held.

    ``restored`` are the numbers of the files that an administrator accepts once as restored from a backup (R28). A file that
    can't be accepted any more changes nothing, and the others are accepted all the same. Confirming twice counts once.
    Raises UploadExpired.
    """
    taken = 0
    for staged in _waiting(organization, batch, actor):
        if staged.refusal:
            continue
        file, document = file_of(staged)
        try:
            result = accept_report(
                organization=organization,
                file=file,
                document=document,
                source=SystemSource.OFFLINE,
                actor=actor,
                on=on,
                as_restored=staged.number in restored,
            )
        except Refused as refused:
            _note(staged, str(refused.sentence))
        else:
            if isinstance(result, HeldReport) and result.decision:
                _note(staged, _("An administrator decided on this very file before. Create a new system file."))
                continue
            taken += 1
            _note(staged, "")
    return taken


def _note(staged: StagedFile, outcome: str) -> None:
    """Write down what became of the file, as the page after Confirm says it."""
    staged.confirmed_at, staged.outcome = clock.real_now(), outcome
    staged.save(update_fields=["confirmed_at", "outcome"])


@dataclass(frozen=True)
class Confirmed:
    """What became of a batch."""

    # The systems whose files were accepted.
    systems: list[System]
    # Those whose file waits for an administrator's decision.
    held: list[System]
    # (file name, sentence) of those that were not accepted.
    refused: list[tuple[str, str]]
    # Whether nobody has confirmed it yet.
    is_open: bool


def confirmed_batch(organization: Organization, batch: uuid.UUID, actor: User) -> Confirmed:
    """What became of a batch's files; known for a week."""
    files = list(_files(organization, batch, actor).defer("packed"))
    done = [file.digest for file in files if file.confirmed_at and not file.outcome]
    systems = System.objects.filter(organization=organization, removed_on=None).select_related(
        "registered_product__product"
    )
    held = HeldReport.objects.filter(organization=organization, digest__in=done, decision="")
    reports = Report.objects.filter(organization=organization, digest__in=done)
    return Confirmed(
        systems=list(systems.filter(pk__in=reports.values("system")).order_by("name", "pk")),
        held=list(systems.filter(pk__in=held.values("system")).order_by("name", "pk")),
        refused=[(file.file_name, file.refusal or file.outcome) for file in files if file.refusal or file.outcome],
        is_open=any(not file.refusal and file.confirmed_at is None for file in files),
    )
