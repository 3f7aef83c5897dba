"""The issue log: each license file that was given, outside of the database, and what is learned of it after a restore (R29)."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from hardware.errors import IssueLogBroken
from hardware.models import ForgottenNumber, LicenseFile
from products.models import System


def instant(at: datetime) -> str:
    """A moment as license files and the log write it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def note(file: LicenseFile, system: System) -> None:
    """Append the file to the issue log outside of the database: one JSON line, on the disk before it is given.

    Raises IssueLogBroken.
    """
    line = {
        "file_id": str(file.file_id),
        "system_id": str(system.system_id),
        "organization": system.organization.slug,
        "sequence": file.sequence,
        "digest": file.digest,
        "kid": file.kid,
        "issued_at": instant(file.issued_at),
    }
    written = json.dumps(line, separators=(",", ":")).encode() + b"\n"
    path = settings.ISSUE_LOG_DIR / f"issued-{file.issued_at:%Y-%m}.jsonl"
    try:
        settings.ISSUE_LOG_DIR.mkdir(parents=True, exist_ok=True)
        # One write of one short line to a file opened for appending: several processes never mix theirs.
        with path.open("ab", buffering=0) as log:
            if log.write(written) != len(written):
                # The disk is full. What was written is half a line: end it, so that it does not spoil the next one.
                log.write(b"\n")
                raise IssueLogBroken
            os.fsync(log.fileno())
    except OSError as error:
        raise IssueLogBroken from error


def unknown_issues(lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of what was issued by an issue log, the files that the books do not know: those after a backup that was restored."""
    known: dict[str, str] = {}
    for start in range(0, len(lines), 500):
        rows = LicenseFile.objects.filter(file_id__in=[line["file_id"] for line in lines[start : start + 500]])
        known |= {str(file_id): digest for file_id, digest in rows.values_list("file_id", "digest")}
    return [line for line in lines if known.get(str(line["file_id"])) != line["digest"]]


def remember_numbers(unknown: Iterable[Mapping[str, Any]]) -> int:
    """Keep the highest number of the unknown files of each system; returns for how many systems one is kept.

    Products refuse a file whose number is below that of the newest that they used, so the next file of such a system has to go on
    from the number that the books forgot. Systems are known by their own ids: one that joined after the backup joins anew.
    """
    highest: dict[str, int] = {}
    for line in unknown:
        system_id = str(line["system_id"])
        highest[system_id] = max(highest.get(system_id, 0), line["sequence"])
    with transaction.atomic():
        for system_id, number in sorted(highest.items()):
            row, _made = ForgottenNumber.objects.select_for_update().get_or_create(
                system_id=system_id, defaults={"number": number}
            )
            if row.number < number:
                row.number = number
                row.save(update_fields=["number"])
    return len(highest)


def forgotten_number(system: System) -> int:
    """The highest number of a license file that the system was given and the books do not know; 0 where there is none."""
    row = ForgottenNumber.objects.filter(system_id=system.system_id).first()
    return row.number if row else 0
