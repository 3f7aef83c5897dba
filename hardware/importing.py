"""Taking in files of units that were made, by the hundred thousand.

A file is taken in batch by batch. Each batch is one transaction: its units, its refused rows, and the place in the file up
to which it was read. So whoever goes on, after whatever ended the one before, begins there, and the result is that of a
file which was taken in at once. Of an owner authentication key nothing is kept from which it could be read (hardware/keys.py).
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db import transaction

from hardware.errors import UnitFileRefused
from hardware.keys import is_oak_of, normalize_oak, normalize_serial, oak_hash, proof_key, seal_proof_key
from hardware.models import (
    HardwareModel,
    ManufacturedUnit,
    UnitImport,
    UnitImportMark,
    UnitImportPiece,
    UnitImportRefusal,
)
from hardware.pieces import PIECE_BYTES, PieceGone, PiecesUnreadable, forget_pieces, open_kept_pieces
from hardware.unit_files import Batch, UnitFile
from licensemgr.core import clock
from licensemgr.core.numbers import grouped
from licensemgr.core.tenancy import Part, acting
from licensemgr.core.worded import gettext as _
from organizations.models import User

logger = logging.getLogger(__name__)

# Rows of one transaction: enough that its own costs do not count, few enough that nobody waits for it.
BATCH_ROWS = 5000
# In symbols, without spaces and hyphens. A shorter key is cut off, or no key.
SHORTEST_OAK = 12
LONGEST_OAK = 128
_LONGEST_SERIAL = 64
# So much of a cell is repeated in the reason for which its row is refused.
_REPEATED = 60


class TakenInElsewhere(Exception):
    """Another process took in the next rows of the same file; nothing was changed here."""


class _Row(NamedTuple):
    """A row that says what it has to, with its owner authentication key and what is kept of it."""

    line: int
    serial: str
    model_id: int
    oak: str
    proof_key: bytes


@dataclass
class _Findings:
    """What becomes of the rows of a batch. ``refusals`` are (line, reason)."""

    added: dict[str, _Row] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    refusals: list[tuple[int, str]] = field(default_factory=list)


def begin_import(*, digest: str, size: int, file_name: str, actor: User | None) -> UnitImport:
    """The import of the file with that SHA-256: a new one, or the one that was begun, or even finished, before."""
    unit_import, _created = UnitImport.objects.get_or_create(
        digest=digest,
        defaults={
            # Where a name is too long its end tells more.
            "file_name": file_name[-200:],
            "size": size,
            "started_at": clock.real_now(),
            "started_by": actor,
        },
    )
    return unit_import


def take_in(
    unit_import: UnitImport, file: UnitFile, *, rows: int = BATCH_ROWS, tell: Callable[[UnitImport], None] | None = None
) -> UnitImport:
    """Take in the rest of a file; ``tell`` hears of every batch that is written down.

    Raises TakenInElsewhere as soon as another process is found at the same file.
    """
    while unit_import.finished_at is None:
        unit_import = take_in_batch(unit_import, file, rows=rows)
        if tell is not None:
            tell(unit_import)
    return unit_import


def take_in_batch(unit_import: UnitImport, file: UnitFile, *, rows: int = BATCH_ROWS) -> UnitImport:
    """Take in the next rows of a file that is not finished; returns the import as it stands then.

    Raises TakenInElsewhere, and then nothing was changed.
    """
    batch = file.batch(unit_import.bytes_done, unit_import.lines_done, rows)
    # The costly part, keys and encryption, comes before the transaction: nobody waits for it.
    read, refusals = _read(batch)
    with transaction.atomic():
        # All that are under way are locked, in one order: two files that name the same unit take turns.
        under_way = UnitImport.objects.select_for_update().filter(finished_at=None).order_by("pk")
        current = next((each for each in under_way if each.pk == unit_import.pk), None)
        if current is None or current.bytes_done != batch.start:
            raise TakenInElsewhere
        findings = _compare(read, current)
        findings.refusals += refusals
        _write(current, findings)
        current.bytes_done, current.lines_done = batch.end, batch.lines_done
        current.added += len(findings.added)
        current.known += len(findings.known)
        current.refused += len(findings.refusals)
        if batch.is_last:
            current.finished_at = clock.real_now()
            UnitImportMark.objects.filter(unit_import=current).delete()
        current.save()
        if batch.is_last or batch.start // PIECE_BYTES != batch.end // PIECE_BYTES:
            forget_pieces(current, batch.end)
    return current


@acting(Part.UPKEEP)
def go_on_with_imports() -> int:
    """Take in what was uploaded and is not finished; returns how many files were finished.

    It may run at any time, twice at once as well: of two at the same file one leaves.
    """
    finished = 0
    for unit_import in UnitImport.objects.filter(
        finished_at=None, pk__in=UnitImportPiece.objects.values("unit_import")
    ).order_by("pk"):
        try:
            take_in(unit_import, UnitFile(open_kept_pieces(unit_import)))
        except (TakenInElsewhere, PieceGone):
            continue
        except (PiecesUnreadable, UnitFileRefused):
            # Nobody will ever be able to read them. Without them the import waits for its file to be uploaded again.
            UnitImportPiece.objects.filter(unit_import=unit_import).delete()
            logger.error(
                "The pieces of the file of units %s can't be decrypted: ENCRYPTION_SECRET has changed. Upload it again.",
                unit_import.file_name,
            )
        else:
            finished += 1
    return finished


def _read(batch: Batch) -> tuple[list[_Row], list[tuple[int, str]]]:
    """The rows of a batch with what is kept of their keys, and those that are refused for what they say."""
    models = dict(HardwareModel.objects.values_list("code", "pk"))
    read, refusals = [], list(batch.refusals)
    for line, serial_cell, model_cell, oak_cell in batch.rows:
        serial, oak = normalize_serial(serial_cell), normalize_oak(oak_cell)
        model_id = models.get(model_cell.strip().lower())
        reason = _fault(serial, model_cell, model_id, oak)
        if reason or model_id is None:
            refusals.append((line, reason))
        else:
            read.append(_Row(line, serial, model_id, oak, seal_proof_key(proof_key(oak), serial)))
    return read, refusals


def _fault(serial: str, model_cell: str, model_id: int | None, oak: str) -> str:
    """Why a row can't be taken in whatever else is known; empty where it can."""
    if not serial:
        return _("The serial number is missing.")
    if len(serial) > _LONGEST_SERIAL:
        return _("The serial number is longer than %(length)s characters.") % {"length": grouped(_LONGEST_SERIAL)}
    if not serial.isprintable():
        return _("The serial number has characters that can't be printed.")
    if model_id is None:
        code = "".join(symbol if symbol.isprintable() else "?" for symbol in model_cell.strip()[:_REPEATED])
        return (
            _("The model “%(code)s” is not in the catalogue.") % {"code": code} if code else _("The model is missing.")
        )
    if not oak:
        return _("The owner authentication key is missing.")
    if len(oak) < SHORTEST_OAK:
        return _("The owner authentication key is shorter than %(length)s characters.") % {
            "length": grouped(SHORTEST_OAK)
        }
    if len(oak) > LONGEST_OAK:
        return _("The owner authentication key is longer than %(length)s characters.") % {
            "length": grouped(LONGEST_OAK)
        }
    return ""


def _compare(rows: list[_Row], current: UnitImport) -> _Findings:
    """What becomes of the rows beside the units that are known; of a serial number's rows in one file the first counts."""
    known: Mapping[str, tuple[int, str, str, int | None]] = {
        serial: (model_id, digest, pepper_id, import_id)
        for serial, model_id, digest, pepper_id, import_id in ManufacturedUnit.objects.filter(
            serial__in=[row.serial for row in rows]
        ).values_list("serial", "hardware_model_id", "oak_digest", "pepper_id", "last_import_id")
    }
    # Others of its units stood in another file since.
    marks = UnitImportMark.objects.filter(unit_import=current, made__serial__in=[*known])
    marked = set(marks.values_list("made__serial", flat=True))
    findings = _Findings()
    for row in rows:
        model_id, digest, pepper_id, import_id = known.get(row.serial, (None, "", "", None))
        stood_before = import_id == current.pk or row.serial in marked
        if row.serial in findings.added or row.serial in findings.known or stood_before:
            findings.refusals.append(
                (row.line, _("The serial number stands in the file before; its first row counts."))
            )
        elif model_id is None:
            findings.added[row.serial] = row
        elif model_id != row.model_id:
            findings.refusals.append((row.line, _("The serial number is known with another model.")))
        elif not is_oak_of(row.oak, digest, pepper_id):
            findings.refusals.append((row.line, _("The serial number is known with another owner authentication key.")))
        else:
            findings.known.add(row.serial)
    return findings


def _write(current: UnitImport, findings: _Findings) -> None:
    """Write the units and the refused rows of a batch."""
    ManufacturedUnit.objects.bulk_create(
        ManufacturedUnit(
            serial=row.serial,
            hardware_model_id=row.model_id,
            oak_digest=stored.digest,
            pepper_id=stored.pepper_id,
            proof_key=row.proof_key,
            last_import_id=current.pk,
        )
        for row in findings.added.values()
        for stored in (oak_hash(row.oak),)
    )
    if findings.known:
        known = ManufacturedUnit.objects.filter(serial__in=findings.known)
        # A file that is under way has to find them again. It is locked, so it neither ends nor goes on meanwhile.
        others = known.filter(last_import__in=UnitImport.objects.filter(finished_at=None).exclude(pk=current.pk))
        UnitImportMark.objects.bulk_create(
            UnitImportMark(made_id=pk, unit_import_id=import_id)
            for pk, import_id in others.values_list("pk", "last_import_id")
        )
        known.update(last_import=current)
    UnitImportRefusal.objects.bulk_create(
        UnitImportRefusal(unit_import_id=current.pk, line=line, reason=reason) for line, reason in findings.refusals
    )
