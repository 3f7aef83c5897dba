"""System setup as a list: its columns, for the page and for files, and all its rows."""

from collections.abc import Sequence
from datetime import date, datetime

from django.utils.translation import gettext_lazy

from hardware.listing import Row, Wanted, all_rows, count_rows
from licensemgr.core.lists import Column, Field, Listing, ListKind, column
from licensemgr.core.worded import gettext as _
from products.models import LicenseType
from subscriptions.queries import ProductStanding

SYSTEMS = ListKind(
    "systems",
    gettext_lazy("System setup"),
    {"search": "", "source": "", "state": "", "place": "", "contact": "", "sort": "name"},
)


def system_columns(types: Sequence[LicenseType], *, with_calls: bool) -> tuple[Column[Row], ...]:
    """The columns for a product of these license types; when systems were heard only where some call."""
    heard = column(
        "heard", gettext_lazy("Last heard"), _heard, Field(gettext_lazy("Silent"), _is_silent), is_sortable=True
    )
    return (
        column(
            "name",
            gettext_lazy("System"),
            _name,
            Field(gettext_lazy("System id"), lambda row: str(row.system.system_id) if row.system else ""),
            is_sortable=True,
        ),
        column("unit", gettext_lazy("Hardware unit"), lambda row: row.serial, is_sortable=True),
        *(_of_type(license_type) for license_type in types),
        column(
            "license",
            gettext_lazy("License"),
            lambda row: str(row.state.label) if row.state else "",
            Field(gettext_lazy("License, in detail"), lambda row: str(row.state.detail) if row.state else ""),
        ),
        column(
            "source",
            gettext_lazy("Source"),
            lambda row: str(row.system.get_source_display()) if row.system else "",
            Field(gettext_lazy("Software version"), lambda row: row.system.software_version if row.system else ""),
            is_sortable=True,
        ),
        column("reported", gettext_lazy("Last report"), _reported, is_sortable=True),
        *([heard] if with_calls else []),
    )


def _of_type(license_type: LicenseType) -> Column[Row]:
    def cell(row: Row) -> tuple[int | None, int | None]:
        found = next(each for each in row.cells if each.license_type.pk == license_type.pk)
        return found.devices, found.licenses

    return column(
        f"devices-{license_type.code}",
        license_type.name,
        lambda row: cell(row)[0],
        Field(_("%(type)s: licenses of the unit") % {"type": license_type.name}, lambda row: cell(row)[1]),
        is_number=True,
        is_sortable=True,
    )


def _name(row: Row) -> str:
    if row.system is not None:
        return row.system.name
    return _("Retired or replaced") if row.unit and row.unit.ended_on else _("Not installed yet")


def _reported(row: Row) -> date | None:
    """The day of the last report; of a unit, the day on which it was registered, or ended."""
    if row.system is not None:
        return row.system.last_reported_on
    return (row.unit.ended_on or row.unit.registered_on) if row.unit else None


def _heard(row: Row) -> datetime | None:
    return row.contact.local if row.contact else None


def _is_silent(row: Row) -> str:
    return _("Silent") if row.contact and row.contact.is_silent else ""


def systems_listing(standing: ProductStanding, wanted: Wanted, *, with_calls: bool) -> Listing[Row]:
    """The product's systems and units as they are asked for."""
    columns = system_columns(standing.types, with_calls=with_calls)
    return Listing(SYSTEMS, columns, lambda: all_rows(standing, wanted), lambda: count_rows(standing, wanted))
