"""The palette: what a person can go to, found by a few words, in no organization but those that the door opens (R30)."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from heapq import nsmallest
from typing import Any, NamedTuple, TypeAlias

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.urls import reverse
from django.utils.http import urlencode

from hardware.keys import normalize_serial
from hardware.listing import by_system_id
from hardware.models import HardwareUnit
from licensemgr.core.directions import isolate
from licensemgr.core.folding import fold
from licensemgr.core.tenancy import Part, acting
from licensemgr.core.worded import gettext as _
from licensemgr.portal.actions import OF_ORGANIZATION, OF_PRODUCT, Action, actions_of, actions_of_person
from organizations.access import as_person, entrances_of
from organizations.models import Membership, User
from products.models import RegisteredProduct, System
from wallet.models import Redemption

SEARCH_LENGTH = 100
MOST_OF_A_GROUP = 8
# Of a license key five symbols are kept; fewer than three of them say nothing.
_TAIL = re.compile(r"[0-9A-Z]{3,5}")


@dataclass(frozen=True)
class Place:
    """Something to go to."""

    label: str
    # Of which organization or product it is; empty where the label says it.
    detail: str
    url: str
    icon: str


@dataclass(frozen=True)
class Group:
    """Places of one kind, the best first, at most MOST_OF_A_GROUP of them."""

    code: str
    title: str
    places: tuple[Place, ...]
    has_more: bool


_Rank: TypeAlias = tuple[Any, ...]


class _Match(NamedTuple):
    """How a text answers: which of the words occur in it, and which begin one of its own, each a bit; and whether all begin it."""

    occurring: int
    beginning: int
    is_begun: bool


class _Matches(dict[str, _Match]):
    """Texts as they are searched, each looked at once: thousands of actions share a few labels and organizations."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__()
        self._words = words
        self._begun = " ".join(words)

    def __missing__(self, text: str) -> _Match:
        folded = f" {fold(text)}"
        occurring = sum(1 << number for number, word in enumerate(self._words) if word in folded)
        beginning = sum(1 << number for number, word in enumerate(self._words) if f" {word}" in folded)
        self[text] = match = _Match(occurring, beginning, folded.startswith(f" {self._begun}"))
        return match


@dataclass(frozen=True)
class _Asked:
    """What is asked: the text, its words, where the person may go, and the organization at which he or she is."""

    text: str
    words: tuple[str, ...]
    entrances: dict[int, Membership]
    here: int | None

    @cached_property
    def matches(self) -> _Matches:
        """How texts answer the words."""
        return _Matches(self.words)

    def rank(self, text: str, beside: str, organization: int | None) -> _Rank | None:
        """How well a text answers; None for not at all.

        Of the organization at which one is first; then a text that begins as it was typed, words that begin so, and any part of
        one. Words may stand ``beside`` the text, in the name of its organization, but not all of them.
        """
        match, other, every = self.matches[text], self.matches[beside], (1 << len(self.words)) - 1
        if not match.occurring or match.occurring | other.occurring != every:
            return None
        grade = 0 if match.is_begun else 1 if match.beginning | other.beginning == every else 2
        return (organization is not None and organization != self.here, grade)

    def name(self, organization: int) -> str:
        return self.entrances[organization].organization.name

    def where(self, organization: int, product: str) -> str:
        """In which product of which organization."""
        return f"{product} · {self.name(organization)}"

    def slug(self, organization: int) -> str:
        return self.entrances[organization].organization.slug


def find_places(user: User, text: str, here: str = "") -> list[Group]:
    """What the person can go to by these words, in groups; without words where he or she is most likely to go.

    ``here`` is the slug of the organization at which one is. The number of queries does not grow with what there is.
    """
    with as_person(user):
        entrances = {entrance.organization_id: entrance for entrance in entrances_of(user)}
    with acting(Part.TENANT, organizations=entrances, person=user.pk):
        return _find_places(user, entrances, text.strip()[:SEARCH_LENGTH], here)


def _find_places(user: User, entrances: dict[int, Membership], text: str, here: str) -> list[Group]:
    current = next((pk for pk, entrance in entrances.items() if entrance.organization.slug == here), None)
    asked = _Asked(text, tuple(fold(text).split()), entrances, current)
    if text and not asked.words:
        # Punctuation alone names nothing.
        return []
    products = _registered(asked)
    groups = [
        _group("organizations", _("Organizations"), _organizations(asked)),
        _group("products", _("Products"), _products(asked, products)),
        _group("actions", _("Actions"), _actions(asked, products, user)),
    ]
    if asked.words:
        groups += [
            _group("systems", _("Systems"), _systems(asked)),
            _group("units", _("Hardware units"), _units(asked)),
            _group("keys", _("License keys"), _keys(asked)),
        ]
    return [group for group in groups if group.places]


def _group(code: str, title: str, places: Sequence[Place]) -> Group:
    return Group(code, title, tuple(places[:MOST_OF_A_GROUP]), len(places) > MOST_OF_A_GROUP)


def _best(found: Iterable[tuple[_Rank, Callable[[], Place]]]) -> list[Place]:
    """The best places and one more; of the others none is made."""
    return [make() for _rank, make in nsmallest(MOST_OF_A_GROUP + 1, found, key=lambda each: each[0])]


# --- found among what is read at once ------------------------------------------------------------------------------


def _organizations(asked: _Asked) -> list[Place]:
    def place(entrance: Membership) -> Place:
        organization = entrance.organization
        role = str(entrance.get_role_display())
        return Place(organization.name, role, reverse("product_list", args=[organization.slug]), "building")

    found = []
    for number, entrance in enumerate(asked.entrances.values()):
        # The organization at which one is comes after the others of its grade: one is there already.
        rank = asked.rank(entrance.organization.name, "", None) if asked.words else ()
        if rank is not None:
            found.append(((*rank, number), partial(place, entrance)))
    return _best(found)


@dataclass(frozen=True)
class _Registered:
    """A product of the Product list of an organization (R35: not hidden)."""

    organization: int
    code: str
    name: str
    # Whether its subscription has started.
    is_started: bool


def _registered(asked: _Asked) -> list[_Registered]:
    """The products of all organizations, or without words those of the one at which one is."""
    wanted = list(asked.entrances) if asked.words else [pk for pk in [asked.here] if pk is not None]
    rows = RegisteredProduct.objects.filter(organization__in=wanted, hidden_on=None).order_by("product__name", "pk")
    rows = rows.annotate(is_started=Q(subscription__isnull=False))
    columns = ("organization_id", "product__code", "product__name", "is_started")
    return [_Registered(*row) for row in rows.values_list(*columns)]


def _products(asked: _Asked, products: Sequence[_Registered]) -> list[Place]:
    def place(product: _Registered) -> Place:
        url = reverse("product_overview", args=[asked.slug(product.organization), product.code])
        return Place(product.name, asked.name(product.organization), url, "products")

    found = []
    for number, product in enumerate(products):
        beside = f"{product.code} {asked.name(product.organization)}"
        rank = asked.rank(product.name, beside, product.organization) if asked.words else ()
        if rank is not None:
            found.append(((*rank, number), partial(place, product)))
    return _best(found)


def _actions(asked: _Asked, products: Sequence[_Registered], user: User) -> list[Place]:
    """What can be done: in organizations, in their products, and by the person, each by the permission of its view."""
    offered = [*_in_organizations(asked), *(_in_products(asked, products) if asked.words else ()), *_by_person(user)]
    found = []
    for number, (label, organization, slugs, action) in enumerate(offered):
        beside = asked.name(organization) if organization is not None else ""
        rank = asked.rank(label, beside, organization) if asked.words else (organization is None,)
        if rank is not None:
            place = partial(_place_of_action, label, beside, slugs, action)
            found.append(((*rank, number), place))
    return _best(found)


# What is shown, of which organization, the arguments of its page, and the action.
_Offered: TypeAlias = tuple[str, int | None, tuple[str, ...], Action]


def _place_of_action(label: str, beside: str, slugs: tuple[str, ...], action: Action) -> Place:
    return Place(label, beside, action.url(slugs), action.icon)


def _in_organizations(asked: _Asked) -> Iterator[_Offered]:
    """What may be done in each organization, or without words in the one at which one is."""
    tables: dict[str, list[tuple[str, Action]]] = {}
    for pk, entrance in asked.entrances.items():
        if entrance.role not in tables:
            tables[entrance.role] = [(str(action.label), action) for action in actions_of(OF_ORGANIZATION, entrance)]
        if asked.words or pk == asked.here:
            for label, action in tables[entrance.role]:
                if not asked.words or asked.matches[label].occurring:
                    yield label, pk, (entrance.organization.slug,), action


def _in_products(asked: _Asked, products: Sequence[_Registered]) -> Iterator[_Offered]:
    """What may be done in each product of each organization."""
    tables: dict[tuple[str, str], list[tuple[str, Action]]] = {}
    for product in products:
        entrance = asked.entrances[product.organization]
        key = (entrance.role, product.name)
        if key not in tables:
            actions = actions_of(OF_PRODUCT, entrance, of_product=True)
            labelled = [(str(action.label) % {"product": isolate(product.name)}, action) for action in actions]
            # What none of the words names is looked at once, not once in each organization.
            tables[key] = [(label, action) for label, action in labelled if asked.matches[label].occurring]
        for label, action in tables[key]:
            if not action.makes_sense(product.is_started):
                continue
            yield label, product.organization, (entrance.organization.slug, product.code), action


def _by_person(user: User) -> Iterator[_Offered]:
    for action in actions_of_person(user):
        yield str(action.label), None, (), action


# --- found by the database -----------------------------------------------------------------------------------------


def _first(rows: "QuerySet[Any]", asked: _Asked, begins: Q, *order: str) -> "QuerySet[Any]":
    """One more than is shown: of the organization at which one is first, then what begins as it was typed."""
    here = Case(When(organization_id=asked.here, then=Value(0)), default=Value(1), output_field=IntegerField())
    prefix = Case(When(begins, then=Value(0)), default=Value(1), output_field=IntegerField())
    mine = rows.filter(organization_id__in=list(asked.entrances))
    ordered: QuerySet[Any] = mine.annotate(there=here, later=prefix).order_by("there", "later", *order)
    return ordered[: MOST_OF_A_GROUP + 1]


def _systems(asked: _Asked) -> list[Place]:
    named = Q()
    for word in asked.text.split():
        if fold(word):
            named &= Q(name__icontains=word)
    rows = System.objects.filter(named | by_system_id(asked.text), removed_on=None)
    rows = rows.select_related("registered_product__product")
    found = _first(rows, asked, Q(name__istartswith=asked.text), "name", "pk")
    return [
        Place(
            system.name,
            asked.where(system.organization_id, system.registered_product.product.name),
            reverse(
                "system_details",
                args=[asked.slug(system.organization_id), system.registered_product.product.code, system.system_id],
            ),
            "systems",
        )
        for system in found
    ]


def _units(asked: _Asked) -> list[Place]:
    serial = normalize_serial(asked.text)
    # “SN 1” and “sn–1” are what somebody types who reads SN-1 from a label: what parts the letters and digits may differ.
    parts = re.findall("[0-9A-Z]+", asked.text.upper())
    alike = "[^0-9A-Z]*".join(parts)
    within, begins = Q(serial__contains=serial), Q(serial__startswith=serial)
    if "".join(parts) != "".join(filter(str.isalnum, serial)):
        # Letters of other scripts are looked for as they are.
        alike = ""
    if alike:
        within, begins = within | Q(serial__regex=alike), begins | Q(serial__regex=f"^{alike}")
    rows = HardwareUnit.objects.filter(within).select_related("registered_product__product")
    # Units whose life ended come last.
    found = _first(rows, asked, begins & Q(ended_on=None), "serial", "pk")
    return [
        Place(
            unit.serial,
            asked.where(unit.organization_id, unit.registered_product.product.name),
            reverse(
                "unit_details", args=[asked.slug(unit.organization_id), unit.registered_product.product.code, unit.pk]
            ),
            "chip",
        )
        for unit in found
    ]


def _keys(asked: _Asked) -> list[Place]:
    """Keys that were redeemed, by the symbols that the Product wallet shows of them; History says who redeemed one and when."""
    tail = asked.text.lstrip("…. ").replace("-", "").upper()
    if not _TAIL.fullmatch(tail):
        return []
    rows = Redemption.objects.filter(license_key__tail__endswith=tail)
    rows = rows.select_related("license_key", "registered_product__product")
    return [
        Place(
            _("License key …%(tail)s") % {"tail": redemption.license_key.tail},
            asked.where(redemption.organization_id, redemption.registered_product.product.name),
            f"{reverse('history', args=[asked.slug(redemption.organization_id)])}?"
            + urlencode({"q": redemption.license_key.tail}),
            "key",
        )
        for redemption in _first(rows, asked, Q(license_key__tail=tail), "-redeemed_on", "-pk")
    ]
