"""Every URL is a page of one organization behind the one door, or stands on the short public list (R30, R31)."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from licensemgr.core.errors import Refused
from organizations.access import PERMISSIONS, Permission
from organizations.models import Role

# Whole trees that guard themselves (the API's operations: test_api.py), and single pages that show nothing of an organization.
PUBLIC_TREES = ("admin/", "accounts/", "static/", "api/", "__")
PUBLIC_NAMES = {
    "my_systems",  # asks for the person only: shows the organizations of whoever signed in
    "where_to_buy",
    # Of lists that belong to no organization: ask for the person, but for files of what everybody may see
    *("choose_own_columns", "save_own_view", "delete_own_view", "own_list_csv", "own_list_xlsx"),
    "where_to_buy_towns",
    "where_to_buy_details",
    "healthz",
    "privacy",
    "contact",
    "choose_language",
    "create_organization",  # asks for the person only
    "accept_invitation",  # shows what the mail with the link says, to whoever has the link
    "go",  # asks for the person only: finds in the organizations of whoever signed in
    "shortcuts",
    "readyz",
    "metrics",  # for whoever bears the token of the settings
    "jwks",
    "schema",
    "verify",
    "demo_clock",  # in demonstration mode only
    "demo_mail",
    "demo_mail_html",
    "styleguide",
    "styleguide_example",
}


def _walk(patterns: list[Any], before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        else:
            yield route, pattern


ROUTES = [
    (route, p) for route, p in _walk(get_resolver().url_patterns) if not route.lstrip("^").startswith(PUBLIC_TREES)
]
MARKED = [(route, p) for route, p in ROUTES if hasattr(p.callback, "organization_permission")]


def test_every_view_is_marked_or_on_the_public_list() -> None:
    bare = {p.name or route for route, p in ROUTES if not hasattr(p.callback, "organization_permission")}
    assert not bare - PUBLIC_NAMES, f"views neither behind organization_view nor public: {bare - PUBLIC_NAMES}"


def test_urls_of_an_organization_start_with_it() -> None:
    for route, pattern in ROUTES:
        assert ("<slug:organization>" in route) == hasattr(pattern.callback, "organization_permission"), route
        if "<slug:organization>" in route:
            assert route.startswith("o/<slug:organization>/"), route


def test_names_are_unique_and_every_url_has_one() -> None:
    names = [p.name for _route, p in ROUTES]
    assert all(names)
    assert len(set(names)) == len(names)


def test_the_table_of_roles() -> None:
    assert PERMISSIONS[Role.ADMINISTRATOR] == frozenset(Permission)
    assert PERMISSIONS[Role.VIEWER] == {Permission.LOOK}
    assert PERMISSIONS[Role.VIEWER] < PERMISSIONS[Role.MANAGER] < PERMISSIONS[Role.ADMINISTRATOR]
    assert set(PERMISSIONS) == set(Role.values)


@pytest.mark.django_db
def test_every_url_takes_get_or_post() -> None:
    values: dict[str, Any] = {"organization": "a", "product": "b", "system": "6f1c3f0e-7a55-4c3e-9d58-1f6b4a6f3c11"}
    values |= {
        "transfer": 1,
        "number": 1,
        "what": "need",
        "member": 1,
        "invitation": 1,
        "unit": 1,
        "batch": "0a8f8d0e-2f3c-4f1e-9a4f-0a5d7e0c1b2d",
        "code": 1,
        "list_name": "history",
        "view": 1,
        "work": 1,
    }
    for route, pattern in MARKED:
        url = reverse(str(pattern.name), kwargs={key: values[key] for key in re.findall(r"<(?:\w+:)?(\w+)>", route)})
        answers = {getattr(Client(), method)(url).status_code for method in ("get", "post")}
        assert answers <= {302, 405}, url
        assert answers != {405}, url


def test_refusals_answer_with_a_4xx_or_an_unavailable_clock() -> None:
    def below(error: type[Refused]) -> Iterator[type[Refused]]:
        yield error
        for each in error.__subclasses__():
            yield from below(each)

    for error in below(Refused):
        # A held report is no failure; without its clock or its key the portal can't answer,
        # or takes a report and has no answer to it.
        assert 400 <= error.status < 500 or error.code in (
            "identity changed",
            "clock jumped",
            "no signing key",
            "issue log",
            "report kept",
            "busy",
        ), error
