"""What somebody asks of Where to buy, read from the URL. What can't be read is told in a sentence and narrows nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.http import HttpRequest, QueryDict

from licensemgr.core.countries import countries, country_name, guess_country
from licensemgr.core.folding import fold
from licensemgr.core.lists import sort_of
from licensemgr.core.worded import gettext as _
from organizations.access import as_person
from organizations.models import Membership, Organization
from products.geography import Position
from products.models import Product, ResellerKind
from products.resellers import SORTS, Wanted
from products.towns import Town, find_towns, town_of

# A position is kept no more exactly than this, about a kilometre: it stands in the URL.
_DECIMALS = 2
_MAX_TEXT = 100
# Where distances are told in miles, too.
_COUNTRIES_WITH_MILES = frozenset({"GB", "US"})


@dataclass(frozen=True)
class Place:
    """Where somebody looks from: a town, or a position. ``text`` is what stands in the field of the town."""

    text: str = ""
    town: Town | None = None
    position: Position | None = None
    # Towns that may be meant instead.
    others: Sequence[Town] = ()

    @property
    def near(self) -> Position | None:
        """The position from which distances count."""
        return self.town.position if self.town else self.position

    @property
    def is_unclear(self) -> bool:
        """Whether several towns may be meant and none is taken."""
        return self.near is None and bool(self.others)


@dataclass(frozen=True)
class Question:
    """What is asked. ``problems`` are sentences about what was left out."""

    country: str
    is_guessed: bool
    place: Place
    words: str
    kind: str
    product: Product | None
    organization: Organization | None
    sort: str = ""
    problems: Sequence[str] = field(default_factory=list)

    @property
    def wanted(self) -> Wanted:
        """The search that answers it."""
        return Wanted(self.country, self.words, self.kind, self.product, self.place.near, self.sort)

    @property
    def sorted_by(self) -> str:
        """The column by which the answer is sorted; empty where it is sorted by none that is shown."""
        if self.sort:
            return self.sort
        if self.place.near is not None:
            return "distance"
        return "name" if self.country else ""

    @property
    def query(self) -> QueryDict:
        """What is asked, as the URL says it: with what was guessed, and without what was left out."""
        query = QueryDict(mutable=True)
        query["country"] = self.country
        if self.place.town:
            query["town"] = self.place.town.key
        elif self.place.position:
            query["latitude"] = f"{self.place.position.latitude:.{_DECIMALS}f}"
            query["longitude"] = f"{self.place.position.longitude:.{_DECIMALS}f}"
        elif self.place.text:
            query["place"] = self.place.text
        said = {"search": self.words, "kind": self.kind, "product": self.product.code if self.product else ""}
        for name, value in {**said, "sort": self.sort}.items():
            if value:
                query[name] = value
        return query

    @property
    def with_miles(self) -> bool:
        """Whether the reader counts in miles."""
        here = {self.country, self.place.town.country if self.place.town else ""}
        return bool(here & _COUNTRIES_WITH_MILES)


def read_question(request: HttpRequest, query: QueryDict) -> Question:
    """What the query asks for, of whoever sends the request; the country is guessed where it says nothing of one."""
    problems: list[str] = []
    organization = _organization(request, query)
    country = _country(request, query, organization, problems)
    place = _place(query, country, problems)
    if _asks_by_name(query, place) and country and place.town and place.town.country != country:
        # The country was chosen or guessed before the town was typed: what is near counts more.
        where = {"town": place.town.name, "country": country_name(place.town.country), "other": country_name(country)}
        problems.append(
            _("%(town)s is in %(country)s, not in %(other)s, so all countries are shown, the nearest first.") % where
        )
        country = ""
    return Question(
        country=country,
        is_guessed="country" not in query and bool(country),
        place=place,
        words=_text(query, "search"),
        kind=_kind(query, problems),
        product=_product(query, problems),
        organization=organization,
        sort=_sort(query, place),
        problems=problems,
    )


def query_for_town(asked: QueryDict, town: Town) -> str:
    """The query that asks the same near another town."""
    query = asked.copy()
    for name in ("place", "latitude", "longitude", "after", "before"):
        query.pop(name, None)
    query["town"] = town.key
    if query.get("country") != town.country:
        query["country"] = ""
    return query.urlencode()


def _organization(request: HttpRequest, query: QueryDict) -> Organization | None:
    """The organization whose page linked here, if its slug is in the URL and the person is a member (R30)."""
    slug = query.get("organization", "")
    if not slug or not request.user.is_authenticated:
        return None
    with as_person(request.user):
        membership = (
            Membership.objects.select_related("organization")
            .filter(user=request.user, organization__slug=slug, organization__closed_on=None)
            .first()
        )
    return membership.organization if membership else None


def _country(request: HttpRequest, query: QueryDict, organization: Organization | None, problems: list[str]) -> str:
    known = dict(countries())
    if "country" in query:
        country = str(query["country"]).strip().upper()
        if country and country not in known:
            problems.append(_("There is no such country on the list, so all countries are shown. Choose one."))
            return ""
        return country
    if organization is not None and organization.country in known:
        return organization.country
    return guess_country(request.headers.get("Accept-Language", ""))


def _place(asked: QueryDict, country: str, problems: list[str]) -> Place:
    text, town = _text(asked, "place"), town_of(asked.get("town", ""))
    if text and not (town and fold(town.label) == fold(text)):
        found = find_towns(text, country=country)
        if found.chosen is None and not found.others:
            problems.append(_("No town on the list has this name. Check the spelling, or try the next larger town."))
        return Place(found.chosen.label if found.chosen else text, found.chosen, None, found.others)
    if town:
        return Place(town.label, town)
    if asked.get("town"):
        problems.append(_("The town in this address is not on the list any more. Type another one."))
    latitude, longitude = asked.get("latitude", ""), asked.get("longitude", "")
    if not latitude and not longitude:
        return Place()
    position = Position.read(latitude, longitude)
    if position is None:
        problems.append(_("The position in this address can't be read and was left out. Type a town instead."))
        return Place()
    return Place(position=Position(round(position.latitude, _DECIMALS), round(position.longitude, _DECIMALS)))


def _asks_by_name(asked: QueryDict, place: Place) -> bool:
    """Whether the town was found by what was typed, and not chosen from a list."""
    return place.town is not None and asked.get("town", "") != place.town.key


def _kind(asked: QueryDict, problems: list[str]) -> str:
    kind = asked.get("kind", "")
    if kind and kind not in ResellerKind.values:
        problems.append(_("There is no such kind, so resellers and system integrators are shown."))
        return ""
    return kind


def _sort(asked: QueryDict, place: Place) -> str:
    sort = sort_of(asked.get("sort", ""), SORTS, "")
    return "" if place.near is None and sort.removeprefix("-") == "distance" else sort


def _product(asked: QueryDict, problems: list[str]) -> Product | None:
    code = asked.get("product", "")
    product = Product.objects.filter(code=code).first() if code else None
    if code and product is None:
        problems.append(_("There is no such product, so sellers of any product are shown."))
    return product


def _text(asked: QueryDict, name: str) -> str:
    return asked.get(name, "").strip()[:_MAX_TEXT]
