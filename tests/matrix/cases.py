"""The cases: every URL and operation by every method, and real foreign ids in path, query, form and JSON.

They follow from the URLconf, the API's operations, and the forms and links of the pages. A group is what everybody asks alike.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.architecture.urls import Route, in_admin, walk
from tests.matrix.api import api_groups
from tests.matrix.asking import Ask
from tests.matrix.group import METHODS, Group
from tests.matrix.harvest import Harvest, harvest
from tests.matrix.world import STRANGERS, THEIRS, World

ROUTES = tuple(walk())
# The parameters of a path that name something of one organization, and whose value in another one is another thing.
FOREIGN = ("product", "system", "member", "invitation", "unit", "batch", "code", "work", "view")
# Names of query parameters that no link on a page has: scripts and people write them.
TYPED = (
    "organization",
    "at",
    "q",
    "registered_product",
    "system",
    "unit",
    "member",
    "product",
    "subject",
    "view",
    "id",
)
# So many kinds of ids stand in each field and each name of a query; which, goes round, so that all kinds are everywhere.
_KINDS = 5
_SENDING = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class _Place:
    """A route with its URL, in one organization or in none."""

    route: Route
    letter: str
    url: str


def all_groups(world: World) -> list[Group]:
    """Every group of cases, in one order."""
    places = list(_places(world))
    sent = harvest(
        [(place.route, place.url) for place in places if place.letter == THEIRS or _is_own(place.route)],
        world.administrator_of(THEIRS),
    )
    return [
        *_by_every_method(world, places),
        *foreign_in_path(world),
        *_foreign_in_query(world, places, sent),
        *_foreign_in_forms(world, sent),
        *_foreign_in_json(world, places),
        *api_groups(world),
    ]


def is_tenants(route: Route) -> bool:
    """Whether it is a page of one organization."""
    return route.permission is not None


def _is_own(route: Route) -> bool:
    """Whether it is a page of the portal's, of nobody in particular: neither of an organization, the admin site, nor the API."""
    return not is_tenants(route) and not route.path.startswith(("admin/", "api/"))


def _values(world: World, letter: str) -> dict[str, Any]:
    return {**world.vendor, **world.tenants[letter].values}


def _places(world: World) -> Iterator[_Place]:
    for route in ROUTES:
        if is_tenants(route):
            for letter in (THEIRS, STRANGERS):
                yield _Place(route, letter, route.url(_values(world, letter)))
        elif route.path.startswith("admin/"):
            yield _Place(route, "", route.url(in_admin(route, _values(world, THEIRS))))
        else:
            yield _Place(route, "", route.url(_values(world, THEIRS)))


def _other(letter: str) -> str:
    return STRANGERS if letter == THEIRS else THEIRS


def _by_every_method(world: World, places: list[_Place]) -> Iterator[Group]:
    """The path of one organization with the ids of its own; how operations of the API are called says tests/matrix/api.py."""
    for place in places:
        if place.letter == STRANGERS or place.route.name.startswith("api:"):
            continue
        for method in METHODS:
            what = Ask(method, place.url)
            yield Group("path", place.route, place.letter, what, what)


def foreign_in_path(world: World) -> Iterator[Group]:
    """The path of one organization with one id of the other: by every method."""
    for route in ROUTES:
        if not is_tenants(route):
            continue
        for letter in (THEIRS, STRANGERS):
            own, foreign = _values(world, letter), _values(world, _other(letter))
            for name in set(FOREIGN) & set(route.parameters):
                url = route.url({**own, name: foreign[name] if name != "product" else foreign["only_product"]})
                for method in METHODS:
                    control = Ask(method, route.url(foreign))
                    yield Group(f"foreign {name} in path", route, letter, Ask(method, url), control, _other(letter))


def _foreign_in_query(world: World, places: list[_Place], sent: Harvest) -> Iterator[Group]:
    """One name of a query after the other with some ids of the other organization; then all names that are known at once."""
    known = sorted({*TYPED, *sent.query_names})
    for place in places:
        if place.route.path.startswith(("admin/", "api/")):
            continue
        for letter in (THEIRS, STRANGERS) if not place.letter else (place.letter,):
            foreign = world.tenants[_other(letter)].ids
            kinds = list(foreign)
            queries = [
                (kind, [(name, foreign[kind])])
                for at, name in enumerate(sorted(sent.queries.get(place.route.name, ())))
                for kind in _in_turn(kinds, at)
            ]
            queries += [
                ("ids", [(name, foreign[kinds[(at + turn) % len(kinds)]]) for at, name in enumerate(known)])
                for turn in (0, len(kinds) // 2)
            ]
            for kind, query in queries:
                what = Ask("GET", f"{place.url}?{urlencode(query)}")
                yield Group(
                    f"foreign {kind} in query", place.route, place.letter, what, Ask("GET", place.url), place.letter
                )


def _foreign_in_forms(world: World, sent: Harvest) -> Iterator[Group]:
    """Each form as it stands, and with one field after the other holding an id of the other organization."""
    routes = {route.name: route for route in ROUTES}
    foreign = world.tenants[STRANGERS].ids
    for form in sent.forms.values():
        route = routes[form.name]
        letter = THEIRS if is_tenants(route) else ""
        control = Ask("POST", form.url, urlencode(form.fields))
        yield Group("form", route, letter, control, control)
        for at, (name, value) in enumerate(form.fields):
            for kind in _in_turn([kind for kind, other in foreign.items() if _fits(value, other)], at):
                what = Ask("POST", form.url, form.with_one(name, foreign[kind]))
                yield Group(f"foreign {kind} in form", route, letter, what, control)


def _in_turn(kinds: list[str], at: int) -> list[str]:
    """Some of the kinds: with each number the next ones."""
    return [kinds[(at * _KINDS + more) % len(kinds)] for more in range(min(_KINDS, len(kinds)))]


def _fits(value: str, other: str) -> bool:
    """Whether one may stand where the other does: a number for a number, anything in a field that is free or empty."""
    return other.isdigit() if value.isdigit() else True


def _foreign_in_json(world: World, places: list[_Place]) -> Iterator[Group]:
    """Every id of the other organization in a body of JSON, under every name."""
    for place in places:
        if not place.letter:
            continue
        foreign = world.tenants[_other(place.letter)]
        body = json.dumps({**_plain(foreign.values), **foreign.ids})
        for method in _SENDING:
            what = Ask(method, place.url, body, "application/json")
            yield Group("foreign ids in JSON", place.route, place.letter, what, what)


def _plain(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}
