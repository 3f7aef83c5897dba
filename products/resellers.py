"""Which resellers and system integrators Where to buy shows, and in which order.

What is looked for is narrowed by the database where it can do so with an index; words and distances are looked at here,
on plain values, so that both databases give the same answer ("Malmo" finds “Malmö”).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

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
    # One of `SORTS`, with a hyphen before it if descending; empty for the usual order.
    sort: str = ""


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
    """Everyone who fits: as the sort says, else by distance where a place is wanted, else by country and name."""
    if wanted.near is None or not wanted.country:
        return Search(_sorted(_fitting(wanted), wanted), None)
    # Looked for everywhere, so that somebody just across a border is seen.
    everywhere = _fitting(replace(wanted, country=""))
    at_home = _sorted([row for row in everywhere if row[1] == wanted.country], wanted)
    first = next(iter(_sorted(everywhere, replace(wanted, sort="distance"))), None)
    if first is None or first.country == wanted.country or first.km is None:
        return Search(at_home, None)
    return Search(at_home, first)


def all_listed(found: Sequence[Found]) -> Iterator[Listed]:
    """The rows of everything that was found, in its order, read in chunks that memory holds."""
    for start in range(0, len(found), _ROWS_PER_CHUNK):
        yield from as_listed(found[start : start + _ROWS_PER_CHUNK])


def as_listed(found: Iterable[Found]) -> list[Listed]:
    """The rows of what was found, for one page, in its order: two queries."""
    found = list(found)
    rows = listed_resellers().prefetch_related("products").in_bulk([one.pk for one in found])
    return [Listed(rows[one.pk], one.km) for one in found if one.pk in rows]


# Primary key, country, name, degrees north, degrees east, town.
_Row: TypeAlias = tuple[int, str, str, float | None, float | None, str]
_ROWS_PER_CHUNK = 500
# What the list can be sorted by; by distance only where a place is wanted.
SORTS = ("name", "distance", "address")


def _fitting(wanted: Wanted) -> list[_Row]:
    rows = listed_resellers().order_by()
    if wanted.country:
        rows = rows.filter(country=wanted.country)
    if wanted.kind:
        rows = rows.filter(kind=wanted.kind)
    if wanted.product is not None:
        # Who names no product sells all of them.
        rows = rows.filter(Q(products=None) | Q(products=wanted.product))
    found = list(rows.values_list("pk", "country", "name", "latitude", "longitude", "city"))
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


def _sorted(rows: Iterable[_Row], wanted: Wanted) -> list[Found]:
    """The rows in the order that is asked for; what is alike in it by name and key."""
    near, sort = wanted.near, wanted.sort.removeprefix("-")
    if near is None and sort == "distance":
        sort = ""
    countries: dict[str, str] = {}

    def country(code: str) -> str:
        if code not in countries:
            countries[code] = fold(country_name(code))
        return countries[code]

    def key(row: _Row, km: float | None) -> tuple[Any, ...]:
        pk, code, name, _latitude, _longitude, city = row
        if sort == "name":
            return fold(name), pk
        if sort == "address":
            return country(code), fold(city), fold(name), pk
        if near is not None:
            return float("inf") if km is None else km, fold(name), pk
        return country(code), fold(name), pk

    found = []
    for row in rows:
        latitude, longitude = row[3:5]
        km = None if near is None or latitude is None or longitude is None else near.km_to(latitude, longitude)
        found.append((key(row, km), Found(row[0], row[1], km)))
    found.sort(key=lambda pair: pair[0], reverse=wanted.sort.startswith("-"))
    return [each for _key, each in found]
