"""Which resellers and system integrators Where to buy shows, and in which order.

What is looked for is narrowed by the database where it can do so with an index; words and distances are looked at here,
on plain values, so that both databases give the same answer ("Malmo" finds “Malmö”).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from django.db.models import Q, QuerySet

from licensemgr.core.countries import country_name
from licensemgr.core.folding import fold
from products.geography import KM_PER_MILE, Position
from products.models import Product, Reseller, ResellerKind


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for. Empty parts narrow nothing; with ``near`` the nearest come first."""

    country: str = ""
    words: str = ""
    kind: str = ""
    product: Product | None = None
    near: Position | None = None


@dataclass(frozen=True)
class Found:
    """One that was found, and how far away it is; None where it or the place looked from has no position."""

    pk: int
    country: str
    km: float | None = None


@dataclass(frozen=True)
class Listed:
    """A reseller as pages show it."""

    reseller: Reseller
    km: float | None

    @property
    def country(self) -> str:
        """The country's name."""
        return country_name(self.reseller.country)

    @property
    def kilometres(self) -> int | None:
        """The distance in whole kilometres; positions are not known better."""
        return None if self.km is None else round(self.km)

    @property
    def miles(self) -> int | None:
        """The distance in whole miles."""
        return None if self.km is None else round(self.km / KM_PER_MILE)

    @property
    def phone_link(self) -> str:
        """The phone number as a telephone dials it."""
        return "".join(letter for letter in self.reseller.phone if letter in "+0123456789")


@dataclass(frozen=True)
class Search:
    """What was found, best first, and the nearest abroad that is nearer than all of it (only with country and place)."""

    found: Sequence[Found]
    nearer_abroad: Found | None


def listed_resellers() -> QuerySet[Reseller]:
    """Those that the public may see."""
    return Reseller.objects.filter(is_listed=True)


def find_resellers(wanted: Wanted) -> Search:
    """Everyone who fits, by distance where a place is wanted, else by country and name."""
    if wanted.near is None:
        return Search(_sorted(_fitting(wanted), None), None)
    # Looked for everywhere, so that somebody just across a border is seen.
    everywhere = _sorted(_fitting(replace(wanted, country="")), wanted.near)
    if not wanted.country:
        return Search(everywhere, None)
    at_home = [found for found in everywhere if found.country == wanted.country]
    first = everywhere[0] if everywhere else None
    if first is None or first.country == wanted.country or first.km is None:
        return Search(at_home, None)
    return Search(at_home, first)


def as_listed(found: Iterable[Found]) -> list[Listed]:
    """The rows of what was found, for one page, in its order: two queries."""
    found = list(found)
    rows = listed_resellers().prefetch_related("products").in_bulk([one.pk for one in found])
    return [Listed(rows[one.pk], one.km) for one in found if one.pk in rows]


# Primary key, country, name, degrees north, degrees east.
_Row: TypeAlias = tuple[int, str, str, float | None, float | None]


def _fitting(wanted: Wanted) -> list[_Row]:
    rows = listed_resellers().order_by()
    if wanted.country:
        rows = rows.filter(country=wanted.country)
    if wanted.kind:
        rows = rows.filter(kind=wanted.kind)
    if wanted.product is not None:
        # Who names no product sells all of them.
        rows = rows.filter(Q(products=None) | Q(products=wanted.product))
    found = list(rows.values_list("pk", "country", "name", "latitude", "longitude"))
    words = fold(wanted.words).split()
    if not words:
        return found
    matching = _with_words(rows, words)
    return [row for row in found if row[0] in matching]


def _with_words(rows: QuerySet[Reseller], words: Sequence[str]) -> set[int]:
    """Those in whose text, country, kind or products every word occurs."""
    sells = _sellers_by_word(words)
    texts = rows.values_list("pk", "name", "address", "postal_code", "city", "country", "kind")
    known: dict[str, str] = {str(kind): fold(str(kind.label)) for kind in ResellerKind}

    def folded(code: str) -> str:
        if code not in known:
            known[code] = fold(country_name(code))
        return known[code]

    found = set()
    for pk, name, address, postal_code, city, country, kind in texts:
        text = fold(f"{name} {address} {postal_code} {city}") + f" {folded(country)} {folded(kind)}"
        if all(word in text or sells[word](pk) for word in words):
            found.add(pk)
    return found


def _sellers_by_word(words: Sequence[str]) -> dict[str, Callable[[int], bool]]:
    """For each word, whether somebody sells a product in whose name it occurs."""
    products = {pk: fold(name) for pk, name in Product.objects.values_list("pk", "name")}
    sold = list(Reseller.products.through._default_manager.values_list("reseller_id", "product_id"))
    narrow = {reseller for reseller, _product in sold}

    def sellers(word: str) -> Callable[[int], bool]:
        meant = {pk for pk, name in products.items() if word in name}
        selling = {reseller for reseller, product in sold if product in meant}
        return lambda pk: bool(meant) and (pk in selling or pk not in narrow)

    return {word: sellers(word) for word in words}


def _sorted(rows: Iterable[_Row], near: Position | None) -> list[Found]:
    if near is None:
        names = {row[1]: fold(country_name(row[1])) for row in rows}
        return [Found(row[0], row[1]) for row in sorted(rows, key=lambda row: (names[row[1]], fold(row[2]), row[0]))]
    far = []
    for pk, country, name, latitude, longitude in rows:
        km = None if latitude is None or longitude is None else near.km_to(latitude, longitude)
        far.append((float("inf") if km is None else km, name, pk, country, km))
    far.sort()
    return [Found(pk, country, km) for _order, _name, pk, country, km in far]
