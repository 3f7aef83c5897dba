"""Where to buy as a list: its columns, for the page and for files, and all its rows."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from licensemgr.core.enumerations import counted_up
from licensemgr.core.lists import Column, Field, Listing, ListKind, column
from licensemgr.portal.buying import Question
from products.resellers import Listed, Search, all_listed

RESELLERS = ListKind(
    "where-to-buy",
    gettext_lazy("Where to buy licenses"),
    {
        # Without a country one is guessed, and all countries are asked for by an empty one: so nothing goes without saying.
        "country": "-",
        **dict.fromkeys(("place", "town", "latitude", "longitude", "search", "kind", "product", "sort"), ""),
    },
)


def sold_by(row: Listed) -> str:
    """The products that a reseller sells, in one sentence's part."""
    return counted_up(row.reseller.products.all()) or _("All products")


def reseller_columns(asked: Question) -> tuple[Column[Listed], ...]:
    """The columns, with distances where there is a place from which they count."""
    near = asked.place.near is not None
    distance: Column[Listed] = Column(
        "distance",
        gettext_lazy("Distance"),
        (Field(gettext_lazy("Distance (km)"), lambda row: "" if row.kilometres is None else row.kilometres),),
        is_number=True,
        is_sortable=True,
    )
    return (
        column(
            "name",
            gettext_lazy("Name"),
            lambda row: row.reseller.name,
            Field(gettext_lazy("Kind"), lambda row: str(row.reseller.get_kind_display())),
            is_sortable=True,
        ),
        *((distance,) if near else ()),
        column(
            "address",
            gettext_lazy("Address"),
            lambda row: row.reseller.address,
            Field(gettext_lazy("Postal code"), lambda row: row.reseller.postal_code),
            Field(gettext_lazy("Town"), lambda row: row.reseller.city),
            Field(gettext_lazy("Country"), lambda row: row.country),
            is_sortable=True,
        ),
        column("products", gettext_lazy("Products"), sold_by),
        Column(
            "contact",
            gettext_lazy("Contact"),
            (
                Field(gettext_lazy("Phone"), lambda row: row.reseller.phone),
                Field(gettext_lazy("E-mail"), lambda row: row.reseller.mail),
                Field(gettext_lazy("Web"), lambda row: row.reseller.web),
            ),
        ),
    )


def resellers_listing(asked: Question, search: Search) -> Listing[Listed]:
    """Everybody who was found, in the order of the page."""
    return Listing(RESELLERS, reseller_columns(asked), lambda: all_listed(search.found), lambda: len(search.found))
