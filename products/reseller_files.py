"""Resellers as a CSV file: a report of what an import would do, the import itself, and the export of the same columns."""

import copy
import csv
import hashlib
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.db import models, transaction
from django.utils.translation import gettext_lazy

from licensemgr.core.enumerations import counted_up
from licensemgr.core.folding import fold
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from organizations.models import User
from products.errors import ImportChanged, ImportUnreadable
from products.geography import Position
from products.models import Product, Reseller, ResellerKind
from products.reseller_changes import complete_reseller, faults_of

MAX_BYTES = 5 * 1024 * 1024
MAX_ROWS = 20_000
_BATCH = 500
# Column, whether it has to be there, what stands in it.
COLUMNS = (
    ("name", True, gettext_lazy("The company's name, up to 120 characters.")),
    ("kind", True, gettext_lazy("reseller or integrator.")),
    ("address", False, gettext_lazy("Street and number.")),
    ("postal_code", False, gettext_lazy("Postal code, as it is written there.")),
    ("city", True, gettext_lazy("The town, without postal code.")),
    ("country", True, gettext_lazy("Two letters (ISO 3166), for example SE.")),
    (
        "latitude",
        False,
        gettext_lazy("Degrees north with a decimal point, for example 55.61. Left empty, both are those of the town."),
    ),
    ("longitude", False, gettext_lazy("Degrees east, for example 13.00.")),
    ("phone", False, gettext_lazy("With country code, for example +46 40 555 01 18.")),
    ("web", False, gettext_lazy("Web address with https://.")),
    ("mail", False, gettext_lazy("E-mail address.")),
    ("products", False, gettext_lazy("Codes of the products sold there, parted by spaces. Empty means all of them.")),
    ("listed", False, gettext_lazy("yes or no; a new one is listed unless it says no.")),
)
_PLAIN = ("name", "address", "postal_code", "city", "phone", "web", "mail")
_STORED = ("name", "kind", "address", "postal_code", "city", "country", "latitude", "longitude", "phone", "web", "mail")
_KEY = ("country", "name", "city")
_APOSTROPHE = re.compile(r"'[=+\-@\t\r]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_YES_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


class Outcome(models.TextChoices):
    """What becomes of one row."""

    NEW = "new", gettext_lazy("New")
    CHANGED = "changed", gettext_lazy("Changed")
    SAME = "same", gettext_lazy("As it is already")
    REFUSED = "refused", gettext_lazy("Refused")


@dataclass(frozen=True)
class PlannedRow:
    """One row of the file: on which line it begins, what becomes of it and why."""

    line: int
    title: str
    outcome: Outcome
    notes: Sequence[str]
    # What would be saved; None where the row is refused.
    reseller: Reseller | None = None
    products: frozenset[int] = frozenset()


@dataclass(frozen=True)
class ImportPlan:
    """What an import does, row by row. ``fingerprint`` differs as soon as anything of it differs."""

    rows: Sequence[PlannedRow]
    fingerprint: str

    @property
    def counts(self) -> Mapping[str, int]:
        """How many rows have each outcome."""
        counted = Counter(row.outcome for row in self.rows)
        return {str(outcome): counted[outcome] for outcome in Outcome}

    @property
    def changes(self) -> int:
        """How many resellers are made or changed."""
        return self.counts[Outcome.NEW] + self.counts[Outcome.CHANGED]


class _RowRefused(Exception):
    """A row that is refused, with the reason."""


def plan_import(content: bytes) -> ImportPlan:
    """What importing the file would do now. Changes nothing; raises ImportUnreadable."""
    lines = _read(content)
    countries = {values["country"].upper() for _line, values, fault in lines if not fault}
    planner = _Planner(
        stored={
            (reseller.country, reseller.name, reseller.city): reseller
            for reseller in Reseller.objects.filter(country__in=countries).prefetch_related("products")
        },
        products=dict(Product.objects.values_list("code", "pk")),
        kinds={fold(text): kind for kind in ResellerKind for text in (str(kind), str(kind.label))},
    )
    rows = [planner.plan(line, values, fault) for line, values, fault in lines]
    told = repr([(row.line, row.outcome.value, row.notes, row.reseller and row.reseller.pk) for row in rows])
    return ImportPlan(rows, hashlib.sha256(content + told.encode()).hexdigest())


@transaction.atomic
def import_resellers(*, content: bytes, actor: User | None, fingerprint: str | None = None) -> ImportPlan:
    """Make and change what the file's good rows say, all together, and log each change with the actor's name.

    Refused rows are left out. With the ``fingerprint`` of a report: raises ImportChanged if the report would be another
    one now.
    """
    plan = plan_import(content)
    if fingerprint is not None and fingerprint != plan.fingerprint:
        raise ImportChanged
    rows = [row for row in plan.rows if row.outcome in (Outcome.NEW, Outcome.CHANGED) and row.reseller]
    resellers = [row.reseller for row in rows if row.reseller]
    for reseller in resellers:
        # The three fields of the key find the row that is there, so that one statement makes and changes.
        reseller.pk = None
        reseller._state.adding = True
    Reseller.objects.bulk_create(
        resellers,
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=_KEY,
        update_fields=[name for name in (*_STORED, "is_listed") if name not in _KEY],
    )
    _save_products(rows)
    if actor is not None:
        _log(rows, actor)
    return plan


def export_rows() -> Iterator[Sequence[str]]:
    """The columns' names, then every reseller, listed or not, in the form that an import reads."""
    yield [name for name, _needed, _text in COLUMNS]
    for reseller in Reseller.objects.prefetch_related("products").iterator(chunk_size=2000):
        values = {name: getattr(reseller, name) for name in _STORED}
        values["products"] = " ".join(sorted(product.code for product in reseller.products.all()))
        values["listed"] = "yes" if reseller.is_listed else "no"
        yield ["" if values[name] is None else str(values[name]) for name, _needed, _text in COLUMNS]


def _read(content: bytes) -> list[tuple[int, dict[str, str], str]]:
    """The rows with the line on which each begins, its cells by column, and what is wrong with its form."""
    if len(content) > MAX_BYTES:
        raise ImportUnreadable(_("The file is larger than 5 MB. Nothing was imported; split it into smaller ones."))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        sentence = _("The file is not UTF-8 text. Nothing was imported; save it as “CSV UTF-8” and choose it again.")
        raise ImportUnreadable(sentence) from error
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    rows: list[tuple[int, dict[str, str], str]] = []
    try:
        names = _header(next(reader, []))
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((line, *_cells(names, cells)))
            if len(rows) > MAX_ROWS:
                sentence = _("The file has more than %(count)s rows. Nothing was imported; split it into smaller ones.")
                raise ImportUnreadable(sentence % {"count": grouped(MAX_ROWS)})
            line = reader.line_num + 1
    except csv.Error as error:
        sentence = _("Line %(line)d can't be read: its quotation marks don't match. Nothing was imported.")
        raise ImportUnreadable(sentence % {"line": max(reader.line_num, 1)}) from error
    if not rows:
        raise ImportUnreadable(_("The file has no rows below the names of its columns. Nothing was imported."))
    return rows


def _header(cells: Sequence[str]) -> list[str]:
    names = [fold(cell).replace(" ", "_") for cell in cells]
    known = [name for name, _needed, _text in COLUMNS]
    faults = [
        *(_("“%(name)s” is no column") % {"name": name[:40]} for name in names if name not in known),
        *(_("“%(name)s” is there twice") % {"name": name} for name in known if names.count(name) > 1),
        *(
            _("“%(name)s” is missing") % {"name": name}
            for name, needed, _text in COLUMNS
            if needed and name not in names
        ),
    ]
    if faults:
        sentence = _("The first line has to name the columns: %(faults)s. Nothing was imported.")
        raise ImportUnreadable(sentence % {"faults": counted_up(faults[:6])})
    return names


def _cells(names: Sequence[str], cells: Sequence[str]) -> tuple[dict[str, str], str]:
    if len(cells) != len(names):
        sentence = _("The row has %(cells)s cells, but there are %(columns)s columns.")
        return {}, sentence % {"cells": grouped(len(cells)), "columns": grouped(len(names))}
    values = {name: _clean(cell) for name, cell in zip(names, cells, strict=True)}
    if any(_CONTROL.search(value) for value in values.values()):
        return {}, _("The row holds characters that can't be shown.")
    return values, ""


def _clean(cell: str) -> str:
    # The apostrophe that an export puts before what a spreadsheet could take for a formula.
    if _APOSTROPHE.match(cell):
        cell = cell[1:]
    return " ".join(unicodedata.normalize("NFC", cell).split())


@dataclass
class _Planner:
    """Decides row by row, against what is stored and the rows before."""

    stored: Mapping[tuple[str, str, str], Reseller]
    products: Mapping[str, int]
    kinds: Mapping[str, ResellerKind]
    # On which line each reseller of the file stood first.
    lines: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def plan(self, line: int, values: Mapping[str, str], fault: str) -> PlannedRow:
        title = ", ".join(filter(None, (values.get(name, "") for name in ("name", "city", "country"))))
        try:
            if fault:
                raise _RowRefused(fault)
            return self._good(line, title, values)
        except _RowRefused as refused:
            return PlannedRow(line, title, Outcome.REFUSED, [str(refused)])

    def _good(self, line: int, title: str, values: Mapping[str, str]) -> PlannedRow:
        key = (values["country"].upper(), values["name"], values["city"])
        if self.lines.setdefault(key, line) != line:
            raise _RowRefused(
                _("The same name in the same town stands on line %(line)d already.") % {"line": self.lines[key]}
            )
        before = self.stored.get(key)
        reseller = copy.copy(before) if before else Reseller()
        self._fill(reseller, values)
        products_before = frozenset(product.pk for product in before.products.all()) if before else frozenset()
        products = self._sold(values["products"]) if "products" in values else products_before
        from_town = complete_reseller(reseller)
        faults = faults_of(reseller)
        if faults:
            raise _RowRefused(" ".join(_sentence(name, text) for name, texts in faults.items() for text in texts))
        notes = []
        if from_town:
            notes.append(_("The position is that of the town."))
        elif reseller.latitude is None:
            notes.append(_("The list of towns does not have this town: it is shown without a distance."))
        if before is None:
            return PlannedRow(line, title, Outcome.NEW, notes, reseller, products)
        changed = [name for name in (*_STORED, "is_listed") if getattr(reseller, name) != getattr(before, name)]
        labels = [_label(name) for name in changed]
        labels += [_("products")] if products != products_before else []
        if not labels:
            return PlannedRow(line, title, Outcome.SAME, notes, reseller, products)
        notes.insert(0, _("Changes: %(fields)s.") % {"fields": counted_up(labels)})
        return PlannedRow(line, title, Outcome.CHANGED, notes, reseller, products)

    def _fill(self, reseller: Reseller, values: Mapping[str, str]) -> None:
        for name in _PLAIN:
            if name in values:
                setattr(reseller, name, values[name])
        reseller.country = values["country"].upper()
        kind = self.kinds.get(fold(values["kind"]))
        if kind is None:
            raise _RowRefused(_("“%(kind)s” is no kind: write reseller or integrator.") % {"kind": values["kind"][:40]})
        reseller.kind = kind
        if values.get("listed"):
            if values["listed"].lower() not in _YES_NO:
                raise _RowRefused(_("Write yes or no into the column listed."))
            reseller.is_listed = _YES_NO[values["listed"].lower()]
        latitude, longitude = values.get("latitude", ""), values.get("longitude", "")
        if latitude or longitude:
            position = Position.read(latitude, longitude)
            if position is None:
                raise _RowRefused(
                    _("The position can't be read: write degrees with a decimal point, for example 55.61 and 13.00.")
                )
            reseller.latitude, reseller.longitude = position.latitude, position.longitude

    def _sold(self, codes: str) -> frozenset[int]:
        unknown = [code for code in codes.split() if code not in self.products]
        if unknown:
            raise _RowRefused(_("There is no product with the code “%(code)s”.") % {"code": unknown[0][:60]})
        return frozenset(self.products[code] for code in codes.split())


def _label(name: str) -> str:
    column = Reseller._meta.get_field(name)
    return str(column.verbose_name) if isinstance(column, models.Field) else name


def _sentence(name: str, text: str) -> str:
    label = _label(name)
    return f"{label[:1].upper()}{label[1:]}: {text}"


def _save_products(rows: Sequence[PlannedRow]) -> None:
    through = Reseller.products.through
    sales = through._default_manager
    pks = [row.reseller.pk for row in rows if row.reseller]
    for start in range(0, len(pks), _BATCH):
        sales.filter(reseller_id__in=pks[start : start + _BATCH]).delete()
    sold = [
        through(reseller_id=row.reseller.pk, product_id=product)
        for row in rows
        if row.reseller
        for product in sorted(row.products)
    ]
    sales.bulk_create(sold, batch_size=_BATCH)


def _log(rows: Sequence[PlannedRow], actor: User) -> None:
    """One entry of the admin site's log for each reseller that was made or changed."""
    by_message: dict[tuple[int, str], list[Reseller]] = {}
    for row in rows:
        if row.reseller is None:
            continue
        flag = ADDITION if row.outcome == Outcome.NEW else CHANGE
        message = _("Imported from a file. %(notes)s") % {"notes": " ".join(row.notes)}
        by_message.setdefault((flag, message), []).append(row.reseller)
    for (flag, message), resellers in by_message.items():
        LogEntry.objects.log_actions(actor.pk, resellers, flag, change_message=message)
