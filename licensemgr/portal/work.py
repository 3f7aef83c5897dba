"""Every kind of work that takes long and is done by a worker (organizations/work.py): what is made, for whom, how it is called.

A kind that is added here needs nothing else: its page, progress, mail and forgetting are the same for all.
"""

import shutil
import tempfile
from collections.abc import Mapping
from datetime import date
from typing import IO
from uuid import UUID

from hardware.license_archives import require_zip, zip_of_license_files
from hardware.license_listing import offline_systems
from hardware.outcomes import confirmed_batch
from history.replica import from_replica
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext
from licensemgr.portal.carrying.writing import write_organization
from licensemgr.portal.exporting import export_zip, last_record, note_export, rows_to_export
from licensemgr.portal.exports import write_xlsx
from licensemgr.portal.lists import LISTS
from organizations.access import Permission
from organizations.books import settle
from organizations.work import PIECE_BYTES, Kind, Progress
from organizations.work_models import WorkOrder

ZIP = "application/zip"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _rows(done: int, total: int) -> str:
    numbers = {"done": grouped(done), "total": grouped(total)}
    return ngettext("%(done)s of %(total)s row", "%(done)s of %(total)s rows", total) % numbers


def _systems(done: int, total: int) -> str:
    numbers = {"done": grouped(done), "total": grouped(total)}
    return ngettext("%(done)s of %(total)s system", "%(done)s of %(total)s systems", total) % numbers


def _export(order: WorkOrder, write: IO[bytes], progress: Progress) -> Mapping[str, int]:
    """History and entries as they are once the books are settled; which record is the last one is kept for closing (R35)."""
    settle(order.organization, order.on)
    with from_replica(order.organization):
        through, total = last_record(order.organization), rows_to_export(order.organization)
        progress(0, total)
        for piece in export_zip(order.organization, lambda lines: progress(min(lines, total), total)):
            write.write(piece)
    progress(total, total)
    return {"through": through}


def _everything(order: WorkOrder, write: IO[bytes], progress: Progress) -> Mapping[str, int]:
    """All that the organization has, once its books are settled; as an export it counts for closing (R35)."""
    settle(order.organization, order.on)
    progress(0, rows_to_export(order.organization))
    # Read at one moment, during which nothing can be written here: so first into a file of this machine's. Of people, too, so
    # it is the primary's moment and no replica's.
    with tempfile.TemporaryFile() as made:
        written = write_organization(order.organization, made, order.on)
        made.seek(0)
        shutil.copyfileobj(made, write, PIECE_BYTES)
    progress(written.rows, written.rows)
    return {"through": written.through}


def _note_fetched(order: WorkOrder, on: date) -> None:
    """That an export is downloaded is on History, with how much of History it holds."""
    note_export(organization=order.organization, actor=order.person, on=on, through=order.facts["through"])


def _license_files(order: WorkOrder, write: IO[bytes], progress: Progress) -> None:
    """A zip of the license files of all offline systems, or of those of one upload (R29)."""
    batch = order.arguments.get("batch")
    systems = (
        offline_systems(order.organization)
        if batch is None
        else confirmed_batch(order.organization, UUID(batch), order.person).systems
    )
    require_zip(systems)
    total = len(systems)
    progress(0, total)
    for number, part in enumerate(zip_of_license_files(systems, order.person, order.on), start=1):
        write.write(part)
        progress(min(number, total), total)


def _list_xlsx(order: WorkOrder, write: IO[bytes], progress: Progress) -> None:
    """A list as it is filtered."""
    arguments = order.arguments
    with from_replica(order.organization):
        write_xlsx(order.organization, order.person, arguments["list"], arguments["query"], order.on, write, progress)


def _export_title(order: WorkOrder) -> str:
    return _("History and entries")


def _everything_title(order: WorkOrder) -> str:
    return _("Everything of the organization")


def _license_files_title(order: WorkOrder) -> str:
    if "batch" in order.arguments:
        return _("License files of the systems of one upload")
    return _("License files of all offline systems")


def _list_title(order: WorkOrder) -> str:
    entry = LISTS.get(order.arguments["list"])
    # A list of an earlier version of the portal
    return _("XLSX: %(list)s") % {"list": entry.kind.title} if entry is not None else _("A list as XLSX")


KINDS: Mapping[str, Kind] = {
    # What an administrator downloads before closing an organization, or at any time. No arguments.
    "organization_export": Kind(
        permission=Permission.ADMINISTER,
        title=_export_title,
        make=_export,
        file_name=lambda order: f"{order.organization.slug}-{order.on.isoformat()}.zip",
        content_type=ZIP,
        words=_rows,
        fetched=_note_fetched,
    ),
    # What ``import_organization`` takes in. No arguments.
    "organization_everything": Kind(
        permission=Permission.ADMINISTER,
        title=_everything_title,
        make=_everything,
        file_name=lambda order: f"{order.organization.slug}-everything-{order.on.isoformat()}.zip",
        content_type=ZIP,
        words=_rows,
        fetched=_note_fetched,
    ),
    # ``batch``: the upload, where only its systems are meant.
    "license_files": Kind(
        permission=Permission.MANAGE_SYSTEMS,
        title=_license_files_title,
        make=_license_files,
        file_name=lambda order: f"license-files-{order.organization.slug}-{order.on.isoformat()}.zip",
        content_type=ZIP,
        words=_systems,
    ),
    # ``list``: which one; ``query``: what is filtered, sorted and shown, as it stands in the URL.
    "list_xlsx": Kind(
        permission=Permission.LOOK,
        title=_list_title,
        make=_list_xlsx,
        file_name=lambda order: f"{order.arguments['list']}-{order.organization.slug}-{order.on.isoformat()}.xlsx",
        content_type=XLSX,
        words=_rows,
    ),
}
