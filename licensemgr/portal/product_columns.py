"""The Product list as a list: its columns, for the page and for files, and all its rows."""

from datetime import date

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from licensemgr.core.lists import Column, Field, Listing, ListKind, column, sort_of
from licensemgr.portal.queries import PRODUCT_SORTS, ProductRow, choose_rows, product_rows
from organizations.models import Organization
from subscriptions.rules import Status

PRODUCTS = ListKind("products", _("Product list"), {"search": "", "status": "", "sort": "name"})
SEARCH_LENGTH = 100

PRODUCT_COLUMNS: tuple[Column[ProductRow], ...] = (
    column(
        "name",
        _("Product"),
        lambda row: row.name,
        Field(_("Product code"), lambda row: row.code),
        is_sortable=True,
    ),
    column(
        "status",
        _("License status"),
        lambda row: row.label,
        Field(_("Hardware that lacks licenses"), lambda row: row.lacking),
        is_sortable=True,
    ),
    column(
        "next",
        _("What happens next"),
        lambda row: str(row.upcoming.text),
        Field(_("Date"), lambda row: row.upcoming.on),
        is_sortable=True,
    ),
    column(
        "need",
        _("Current need"),
        lambda row: row.need,
        Field(_("Missing"), lambda row: row.missing),
        is_number=True,
        is_sortable=True,
    ),
    column(
        "subscription",
        _("Wallet: subscription"),
        lambda row: row.wallet_subscription,
        is_number=True,
        is_sortable=True,
    ),
    column("hardware", _("Wallet: hardware"), lambda row: row.wallet_hardware, is_number=True, is_sortable=True),
    column(
        "systems",
        _("Systems"),
        lambda row: row.systems,
        Field(_("Silent systems"), lambda row: row.silent),
        is_number=True,
        is_sortable=True,
    ),
)


def read_products(query: QueryDict) -> dict[str, str]:
    """What a query asks of the Product list, as `choose_rows` takes it; what can't be read narrows nothing."""
    status = query.get("status", "")
    return {
        "search": query.get("search", "").strip()[:SEARCH_LENGTH],
        "status": status if status in set(Status) else "",
        "sort": sort_of(query.get("sort", ""), PRODUCT_SORTS, "name"),
    }


def products_listing(organization: Organization, query: QueryDict, on: date) -> Listing[ProductRow]:
    """The Product list as the query asks for it."""

    def rows() -> list[ProductRow]:
        return choose_rows(product_rows(organization, on), **read_products(query))

    return Listing(PRODUCTS, PRODUCT_COLUMNS, lambda: iter(rows()), lambda: len(rows()))
