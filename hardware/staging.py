"""Uploaded system files wait here, checked, until they are confirmed: for an hour, in the database (R28)."""

import uuid
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import IO

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from hardware.errors import ReportRefused
from hardware.models import StagedFile
from hardware.reports import ReportPreview, preview_report
from hardware.system_files import SystemFile, read_system_file
from licensemgr.core import clock
from licensemgr.core.errors import Refused
from licensemgr.core.signed import MAXIMUM_BYTES, DocumentRefused
from organizations.models import Organization, User

STAGED_FOR = timedelta(hours=1)
MAXIMUM_FILES = 200
MAXIMUM_UNPACKED = 100 * 1024 * 1024


@dataclass(frozen=True)
class Upload:
    """One file as it was sent."""

    name: str
    content: IO[bytes]
    size: int


def stage_files(*, organization: Organization, uploads: Iterable[Upload], actor: User) -> uuid.UUID:
    """Check each file whole and keep it for an hour; returns the batch that `staged_batch` shows. Nothing else changes.

    A zip counts as the files in it. What can't be accepted is kept as a refusal with its sentence. Raises ReportRefused when
    there is no file at all, or more than can be taken at once.
    """
    now = clock.real_now()
    StagedFile.objects.filter(expires_at__lte=now).delete()
    batch = uuid.uuid4()
    with transaction.atomic():
        number = 0
        for name, document, refusal in _documents(uploads):
            number += 1
            if number > MAXIMUM_FILES:
                raise ReportRefused(
                    _("At most %(maximum)d files can be uploaded at once. Nothing was changed; upload fewer.")
                    % {"maximum": MAXIMUM_FILES}
                )
            digest = ""
            if not refusal:
                try:
                    digest = read_system_file(document).digest
                except DocumentRefused as error:
                    refusal = error.sentence
            StagedFile.objects.create(
                organization=organization,
                batch=batch,
                number=number,
                file_name=name[-200:],
                digest=digest,
                packed=b"" if refusal else zlib.compress(document, 1),
                refusal=refusal,
                uploaded_by=actor,
                uploaded_at=now,
                expires_at=now + STAGED_FOR,
            )
        if not number:
            raise ReportRefused(_("No file was chosen. Nothing was changed; choose a system file or a zip of them."))
    return batch


def _documents(uploads: Iterable[Upload]) -> Iterator[tuple[str, bytes, str]]:
    """Name, content and refusal of every file, those in zips one by one; never more in memory than is allowed."""
    unpacked = 0
    for upload in uploads:
        if upload.content.read(4) == b"PK\x03\x04":
            upload.content.seek(0)
            for name, document, refusal in _unzip(upload):
                unpacked += len(document)
                if unpacked > MAXIMUM_UNPACKED:
                    raise ReportRefused(
                        _("The files are more than %(limit)d MiB together. Nothing was changed; upload fewer at once.")
                        % {"limit": MAXIMUM_UNPACKED // 1024 // 1024}
                    )
                yield name, document, refusal
            continue
        upload.content.seek(0)
        if upload.size > MAXIMUM_BYTES:
            yield upload.name, b"", _too_large()
            continue
        document = upload.content.read(MAXIMUM_BYTES + 1)
        unpacked += len(document)
        yield upload.name, document, ""


def _unzip(upload: Upload) -> Iterator[tuple[str, bytes, str]]:
    try:
        with zipfile.ZipFile(upload.content) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MAXIMUM_FILES:
                raise ReportRefused(
                    ngettext(
                        "The zip holds %(count)d file; at most %(maximum)d can be uploaded at once. Nothing was changed.",
                        "The zip holds %(count)d files; at most %(maximum)d can be uploaded at once. Nothing was changed.",
                        len(entries),
                    )
                    % {"count": len(entries), "maximum": MAXIMUM_FILES}
                )
            for entry in entries:
                name = f"{upload.name}: {entry.filename}"
                # What the archive says of a size is not believed: no more is read than is allowed.
                with archive.open(entry) as member:
                    document = member.read(MAXIMUM_BYTES + 1)
                yield (name, b"", _too_large()) if len(document) > MAXIMUM_BYTES else (name, document, "")
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError):
        yield upload.name, b"", _("The zip can't be read: it is damaged, encrypted, or packed in an unusual way.")


def _too_large() -> str:
    return _("The file is larger than %(limit)d MiB.") % {"limit": MAXIMUM_BYTES // 1024 // 1024}


@dataclass(frozen=True)
class StagedLine:
    """A staged file as the page shows it: what it would change, or why it can't be accepted."""

    staged: StagedFile
    preview: ReportPreview | None
    refusal: str


def staged_batch(organization: Organization, batch: uuid.UUID, actor: User) -> list[StagedLine]:
    """The files that the person uploaded together and that still wait; empty once they expired or are confirmed."""
    staged = StagedFile.objects.filter(
        organization=organization, batch=batch, uploaded_by=actor, expires_at__gt=clock.real_now()
    ).order_by("number")
    return [_line(organization, file) for file in staged]


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
