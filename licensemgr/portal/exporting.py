"""All of an organization's History and entries in one zip, made while it is sent: memory does not grow with the books."""

import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from typing import IO, Any, cast

from django.db import transaction
from django.utils.translation import gettext_lazy, pgettext_lazy

from hardware.models import RegistrationCode
from hardware.registration_codes import state_of_code
from history.models import Action, Record
from history.queries import HistoryFilter
from history.record import record
from licensemgr.core import clock
from licensemgr.core.lists import csv_file, file_head
from licensemgr.core.spreadsheets import BYTE_ORDER_MARK, csv_lines
from licensemgr.core.worded import gettext as _
from licensemgr.portal.history_lines import HISTORY_COLUMNS, history_listing
from organizations.books import lock_organization, settle
from organizations.models import Organization, User
from products.models import LicenseKind
from subscriptions import rules
from subscriptions.models import SubscriptionPeriod
from wallet.models import AccountCategory, AccountUnit, Entry, LedgerAccount, Lot, Transfer, TransferReason

_TRANSFERS_PER_CHUNK = 500
_PIECE_BYTES = 64 * 1024
_LINES_TOLD = 100

ENTRY_COLUMNS = (
    gettext_lazy("Transfer"),
    gettext_lazy("Date"),
    gettext_lazy("Written at"),
    gettext_lazy("Person"),
    gettext_lazy("E-mail address"),
    gettext_lazy("Reason"),
    gettext_lazy("Product"),
    gettext_lazy("Product code"),
    gettext_lazy("License type"),
    gettext_lazy("License type code"),
    gettext_lazy("Kind"),
    gettext_lazy("Unit"),
    pgettext_lazy("ledger account", "From"),
    pgettext_lazy("ledger account", "To"),
    gettext_lazy("Quantity"),
    gettext_lazy("Lot entered on"),
    gettext_lazy("Lot expires on"),
    gettext_lazy("Subscription year from"),
)
CODE_COLUMNS = (
    gettext_lazy("Name"),
    gettext_lazy("Last symbols"),
    gettext_lazy("Made at"),
    gettext_lazy("Made by"),
    gettext_lazy("E-mail address"),
    gettext_lazy("Systems"),
    gettext_lazy("Joined"),
    gettext_lazy("Expires at"),
    gettext_lazy("State"),
    gettext_lazy("Revoked at"),
    gettext_lazy("Revoked by"),
)


def note_export(*, organization: Organization, actor: User | None, on: date, through: int | None = None) -> Record:
    """Settle the books and put on History that they are downloaded now: closing looks at this (R35).

    ``through`` is the number of the last record in a file that was made before; None where the file is made now.
    """
    with transaction.atomic():
        settle(organization, on)
        locked = lock_organization(organization)
        told: dict[str, Any] = {} if through is None else {"through": through}
        return record(organization=locked, action=Action.ORGANIZATION_EXPORTED, actor=actor, on=on, **told)


def is_exported(organization: Organization) -> bool:
    """Whether all that was put on History, but downloads, is in the file that was last downloaded."""
    records = Record.objects.filter(organization=organization).order_by("-sequence")
    exported = records.filter(action=Action.ORGANIZATION_EXPORTED).first()
    changed = records.exclude(action=Action.ORGANIZATION_EXPORTED).first()
    if exported is None or changed is None:
        return exported is not None
    return bool(changed.sequence <= exported.payload.get("through", exported.sequence))


def last_record(organization: Organization) -> int:
    """The number of the newest record of History; 0 where there is none."""
    newest = Record.objects.filter(organization=organization).order_by("-sequence")
    return newest.values_list("sequence", flat=True).first() or 0


def rows_to_export(organization: Organization) -> int:
    """How many rows an export has: records, entries, registration codes. Records have no gaps in their numbers."""
    return (
        last_record(organization)
        + Entry.objects.filter(organization=organization).count()
        + RegistrationCode.objects.filter(organization=organization).count()
    )


def export_zip(organization: Organization, tell: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """The zip, piece by piece: README.txt, history.csv, entries.csv and registration-codes.csv.

    ``tell`` hears now and then how many lines were written, those that name the columns included.
    """
    made = _Pieces()
    written = 0
    with zipfile.ZipFile(cast(IO[bytes], made), "w") as archive:
        for name, lines in files_for_people(organization):
            with archive.open(zip_member(name), "w", force_zip64=True) as file:
                for line in lines:
                    file.write(line.encode())
                    written += 1
                    if tell is not None and written % _LINES_TOLD == 0:
                        tell(written)
                    if made.length > _PIECE_BYTES:
                        yield made.take()
    yield made.take()


class _Pieces:
    """A file that can only be written to, and gives away what was written since the last time."""

    def __init__(self) -> None:
        self._written = bytearray()

    @property
    def length(self) -> int:
        return len(self._written)

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        taken, self._written = bytes(self._written), bytearray()
        return taken


def zip_member(name: str) -> zipfile.ZipInfo:
    """What stands in a zip under that name, compressed, of now."""
    info = zipfile.ZipInfo(name, date_time=clock.real_now().timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def files_for_people(organization: Organization) -> Iterator[tuple[str, Iterable[str]]]:
    """README.txt and the CSV files that it explains: each with its name, line by line."""
    yield "README.txt", [_readme(organization)]
    yield "history.csv", csv_file(history_listing(organization, HistoryFilter()), HISTORY_COLUMNS)
    yield "entries.csv", _marked(csv_lines(_entry_rows(organization)))
    yield "registration-codes.csv", _marked(csv_lines(_code_rows(organization)))


def _marked(lines: Iterable[str]) -> Iterator[str]:
    yield BYTE_ORDER_MARK
    yield from lines


def _entry_rows(organization: Organization) -> Iterator[Sequence[str]]:
    """Every movement, the oldest first, in chunks that memory holds."""
    yield [str(column) for column in ENTRY_COLUMNS]
    period = SubscriptionPeriod.objects.filter(organization=organization).first()
    zone = clock.zone(organization.time_zone_at(clock.now()))
    transfers = Transfer.objects.filter(organization=organization).order_by("sequence")
    last = 0
    while chunk := list(transfers.filter(sequence__gt=last)[:_TRANSFERS_PER_CHUNK].values_list("pk", "sequence")):
        last = chunk[-1][1]
        entries = (
            Entry.objects.filter(organization=organization, transfer__in=[pk for pk, _sequence in chunk])
            .select_related(
                "transfer__actor",
                "transfer__registered_product__product",
                "from_account__license_type",
                "from_account__lot",
                "from_account__year_holding__year",
                "to_account__lot",
                "to_account__year_holding__year",
            )
            .order_by("transfer__sequence", "pk")
        )
        for entry in entries:
            made, account = entry.transfer, entry.from_account
            lot, year = _lot_of(entry), _year_of(entry)
            actor, product = made.actor, made.registered_product.product
            yield (
                str(made.sequence),
                made.happened_on.isoformat(),
                made.written_at.astimezone(zone).isoformat(timespec="seconds"),
                str(actor) if actor else _("License Manager"),
                actor.email if actor and actor.closed_at is None else "",
                str(TransferReason(made.reason).label),
                product.name,
                product.code,
                account.license_type.name,
                account.license_type.code,
                str(LicenseKind(account.kind).label),
                str(AccountUnit(account.unit).label),
                str(AccountCategory(account.category).label),
                str(AccountCategory(entry.to_account.category).label),
                str(entry.quantity),
                lot.entered_on.isoformat() if lot else "",
                lot.expires_on.isoformat() if lot else "",
                rules.year_at(period.anchor_on, year).first.isoformat() if period and year is not None else "",
            )


def _code_rows(organization: Organization) -> Iterator[Sequence[str]]:
    """Every registration code, the oldest first. What would tell a code is not kept, and not told."""
    yield [str(column) for column in CODE_COLUMNS]
    zone = clock.zone(organization.time_zone_at(clock.now()))
    codes = RegistrationCode.objects.filter(organization=organization).select_related("made_by", "revoked_by")
    for code in codes.order_by("pk").iterator():
        yield (
            code.label,
            code.tail,
            code.made_at.astimezone(zone).isoformat(timespec="seconds"),
            str(code.made_by),
            code.made_by.email if code.made_by.closed_at is None else "",
            str(code.uses),
            str(code.used),
            code.expires_at.astimezone(zone).isoformat(timespec="seconds"),
            str(state_of_code(code).label),
            code.revoked_at.astimezone(zone).isoformat(timespec="seconds") if code.revoked_at else "",
            str(code.revoked_by) if code.revoked_by else "",
        )


def _accounts(entry: Entry) -> tuple[LedgerAccount, LedgerAccount]:
    return entry.from_account, entry.to_account


def _lot_of(entry: Entry) -> Lot | None:
    """The lot that the licenses came from or went to; no entry has two of them."""
    return next((account.lot for account in _accounts(entry) if hasattr(account, "lot")), None)


def _year_of(entry: Entry) -> int | None:
    """The number of the subscription year that the licenses went to or came back from."""
    found = (account.year_holding.year.number for account in _accounts(entry) if hasattr(account, "year_holding"))
    return next(found, None)


_HISTORY_MEANINGS = (
    gettext_lazy("the record's number in this organization, without gaps"),
    gettext_lazy("the day on which it happened, in the organization's time zone"),
    gettext_lazy("when it was written down, in the organization's time zone"),
    gettext_lazy("who did it; License Manager where it happened by itself"),
    gettext_lazy("that person's e-mail address; empty where it happened by itself or the account was closed"),
    gettext_lazy("what was done, by its short name"),
    gettext_lazy("what happened, in a sentence"),
    gettext_lazy("the product that it was about, if any"),
)
_ENTRY_MEANINGS = (
    gettext_lazy("the number of the transfer; entries of one number took effect together"),
    gettext_lazy("the day on which it took effect, in the organization's time zone"),
    gettext_lazy("when it was written down, in the organization's time zone"),
    gettext_lazy("who did it; License Manager where it happened by itself"),
    gettext_lazy("that person's e-mail address; empty where it happened by itself or the account was closed"),
    gettext_lazy("why it moved"),
    gettext_lazy("the product's name"),
    gettext_lazy("the product's code"),
    gettext_lazy("the license type's name"),
    gettext_lazy("the license type's code"),
    gettext_lazy("Subscription, or Tied to hardware"),
    gettext_lazy("licenses, or license days"),
    gettext_lazy("the account that it left; Entered and Days given back are where licenses and days begin"),
    gettext_lazy("the account that it went to"),
    gettext_lazy("how many, always more than 0"),
    gettext_lazy("the day on which the lot of these licenses entered the Product wallet, if one is concerned"),
    gettext_lazy("the first day on which the lot can no longer be allocated"),
    gettext_lazy("the first day of the subscription year to or from which it moved, if one is concerned"),
)


_CODE_MEANINGS = (
    gettext_lazy("what people call the code"),
    gettext_lazy("the last five symbols of the code; the code itself is not kept"),
    gettext_lazy("when it was made, in the organization's time zone"),
    gettext_lazy("who made it"),
    gettext_lazy("that person's e-mail address; empty where the account was closed"),
    gettext_lazy("how many systems may join by it"),
    gettext_lazy("how many systems joined by it"),
    gettext_lazy("from when on no system can join by it, in the organization's time zone"),
    gettext_lazy("Open, Used up, Expired or Revoked, when this was downloaded"),
    gettext_lazy("when it was revoked, if it was"),
    gettext_lazy("who revoked it"),
)


def _readme(organization: Organization) -> str:
    files = (
        (
            "history.csv",
            _("Everything that happened, the newest first."),
            file_head(HISTORY_COLUMNS),
            _HISTORY_MEANINGS,
        ),
        (
            "entries.csv",
            _("Every movement of licenses and license days, the oldest first."),
            ENTRY_COLUMNS,
            _ENTRY_MEANINGS,
        ),
        (
            "registration-codes.csv",
            _("Every registration code by which systems join, the oldest first."),
            CODE_COLUMNS,
            _CODE_MEANINGS,
        ),
    )
    parts = [
        f"{organization.name} ({organization.slug})",
        _("History and entries, downloaded %(at)s.") % {"at": clock.real_now().isoformat(timespec="seconds")},
        _(
            "Files are CSV in UTF-8. A cell that a spreadsheet could take for a formula begins with an apostrophe. What an "
            "account holds is all that went to it less all that left it."
        ),
    ]
    for name, what, columns, meanings in files:
        listed = "\n".join(f"  {column}: {meaning}" for column, meaning in zip(columns, meanings, strict=True))
        parts.append(f"{name}\n{what}\n{listed}")
    return "\n\n".join(parts) + "\n"
