"""Every URL, from a walk of the URLconf, for every persona, by GET and POST: who is let in where (R30, R31).

What is expected follows from the marks on the views and from one small table; a URL that is neither marked nor in the
table fails, so that nobody adds one without saying for whom it is. Each request is rolled back.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from django.conf import LazySettings, settings
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from organizations.access import PERMISSIONS
from organizations.models import Organization, Role, User
from tests.architecture.urls import Route, furnish, in_admin, walk
from tests.factories import Books

pytestmark = pytest.mark.django_db

# Beside pages of one organization, whose views are marked, and the admin site below admin/.
PUBLIC = {
    *(
        "healthz",
        "readyz",
        "metrics",
        "jwks",
        "schema",
        "verify",
        "where_to_buy",
        "where_to_buy_towns",
        "where_to_buy_details",
        # Files of Where to buy; those of My Systems ask for the person (tests/portal/test_own_lists.py).
        "own_list_csv",
        "own_list_xlsx",
        "privacy",
        "contact",
        "shortcuts",
        "choose_language",
        "api_document",
        "openapi",
    ),
    # Of the demonstration; elsewhere there are none.
    *("demo_clock", "demo_mail", "demo_mail_html", "styleguide", "styleguide_example"),
    # On the way in: they hold nothing but what a mail or the sign-in before brought.
    *("account_login", "account_logout", "account_inactive", "account_signup", "confirm_sign_up", "accept_invitation"),
    *("account_email_verification_sent", "account_confirm_login_code", "mfa_authenticate"),
    *("account_reset_password", "account_reset_password_done"),
    *("account_reset_password_from_key", "account_reset_password_from_key_done"),
}
SIGNED_IN = {
    *("choose_own_columns", "save_own_view", "delete_own_view"),
    *("my_systems", "go", "create_organization", "account", "close_account"),
    *("account_email", "account_change_password", "account_set_password", "account_reauthenticate"),
    *("mfa_index", "mfa_reauthenticate", "mfa_activate_totp", "mfa_deactivate_totp"),
    *("mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_download_recovery_codes"),
}
# Pages of the admin site that find nothing by what this test asks them.
NOTHING_THERE = {"admin:view_on_site", "admin:autocomplete", "admin:organizations_accessgrant_end", ""}
# What belongs to one member: for all others it does not exist.
OF_ONE_MEMBER = {"delete_view", "work_download", "work_again", "work_remove"}
METHODS = ("get", "post")
ROUTES = list(walk())


@dataclass(frozen=True)
class Persona:
    """Somebody with a session, or nobody; ``role`` in the organization that the URLs name."""

    name: str
    session: str = ""
    role: str = ""
    is_staff: bool = False

    def asks(self, method: str, url: str, *, follow: bool = False) -> HttpResponse:
        """The answer to one request, of which nothing stays."""
        client = Client(raise_request_exception=False)
        if self.session:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.session
        with _rolled_back():
            response = getattr(client, method)(url, follow=follow)
            if response.streaming:
                b"".join(response.streaming_content)
        return response  # type: ignore[no-any-return]  # of the test client's untyped methods


@contextmanager
def _rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _persona(name: str, user: User, role: str = "") -> Persona:
    client = Client()
    client.force_login(user)
    return Persona(name, client.cookies[settings.SESSION_COOKIE_NAME].value, role, user.is_staff)


@pytest.fixture
def personas(
    administrator: User, manager: User, viewer: User, outsider: User, other_organization: Organization, staff: User
) -> list[Persona]:
    """Everybody who can come."""
    return [
        Persona("anonymous"),
        _persona("outsider", outsider),
        _persona("viewer", viewer, Role.VIEWER),
        _persona("manager", manager, Role.MANAGER),
        _persona("administrator", administrator, Role.ADMINISTRATOR),
        _persona("staff", staff),
    ]


@pytest.fixture
def values(books: Books, today: date, staff: User) -> dict[str, object]:
    """A value for each parameter of a URL."""
    return furnish(books, today, staff)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture, settings: LazySettings) -> None:
    """Refusals are meant here: thousands of them in the log would bury what is wrong, and no limit is to be in their way."""
    caplog.set_level(logging.ERROR, logger="django.request")
    settings.ACCOUNT_RATE_LIMITS = False


def is_in_admin(route: Route) -> bool:
    """Whether the page is one of the admin site."""
    return route.path.startswith("admin/")


def is_operation(route: Route) -> bool:
    """Whether it is an operation of the API; test_api.py says who may call it."""
    return route.name.startswith("api:")


def asks_to_sign_in(response: HttpResponse) -> bool:
    """Whether the answer leads to the sign-in."""
    return response.status_code == 302 and response["Location"].split("?")[0] in (
        reverse("account_login"),
        reverse("admin:login"),
    )


def test_every_url_says_for_whom_it_is() -> None:
    unknown = {
        route.path
        for route in ROUTES
        if not is_in_admin(route)
        and not is_operation(route)
        and not route.permission
        and route.name not in PUBLIC | SIGNED_IN
    }
    assert not unknown, f"mark these views with organization_view, or put them into the table above: {unknown}"
    gone = (PUBLIC | SIGNED_IN) - {route.name for route in ROUTES}
    assert not gone, f"the table names URLs that do not exist: {gone}"


def _wrong_of_an_organization(persona: Persona, route: Route, method: str, response: HttpResponse) -> str:
    status = response.status_code
    if persona.name == "anonymous":
        return "" if asks_to_sign_in(response) else "is not asked to sign in"
    if not persona.role:
        return "" if status == 404 else "is no stranger"
    if route.permission not in PERMISSIONS[persona.role]:
        return "" if status == 403 else f"may not {route.permission}"
    if route.name in OF_ONE_MEMBER and persona.role != Role.ADMINISTRATOR:
        return "" if status == 404 else "finds what is another member's"
    # Let in, if only to be told that this was no form of the page.
    if status in (200, 302, 303, 400, 409, 422):
        return ""
    # A page to look at may hold a form, which its view keeps for those who manage.
    holds_a_form = method == "post" and route.permission == "look" and persona.role != Role.ADMINISTRATOR
    return "" if status == 403 and holds_a_form else f"may {route.permission}"


def _wrong(persona: Persona, route: Route, method: str, response: HttpResponse) -> str:
    """What is wrong with an answer; empty when nothing is."""
    if response.status_code >= 500:
        return "a fault of the server"
    if response.status_code == 405:
        return ""
    if route.permission:
        return _wrong_of_an_organization(persona, route, method, response)
    if is_operation(route):
        # No session lets anybody in: only a token, or what a system signs.
        return "" if response.status_code in (401, 422) else "is let in without a proof"
    if is_in_admin(route):
        if route.name in ("admin:login", "admin:logout"):
            return ""
        if not persona.is_staff:
            return "" if asks_to_sign_in(response) or response.status_code == 403 else "is no staff"
        # What is looked at only answers 403 where it would be added, changed or deleted.
        fixed = method == "post" or route.path.endswith(("/add/", "/delete/"))
        found = response.status_code in (200, 302, 303, 422) or (response.status_code == 403 and fixed)
        return "" if found or route.name in NOTHING_THERE else "is staff"
    if route.name in SIGNED_IN and persona.name == "anonymous":
        return "" if asks_to_sign_in(response) else "is not asked to sign in"
    return "" if response.status_code != 403 or method == "post" else "may see this page"


def test_every_url_for_every_persona_by_get_and_post(personas: list[Persona], values: Mapping[str, object]) -> None:
    """A method that a page of an organization does not take is a 405 for everybody alike, so that it tells nothing."""
    wrong: list[str] = []
    for route in ROUTES:
        url = route.url(in_admin(route, values) if is_in_admin(route) else values)
        taken: dict[str, set[bool]] = {method: set() for method in METHODS}
        for persona in personas:
            for method in METHODS:
                response = persona.asks(method, url)
                taken[method].add(response.status_code != 405)
                if fault := _wrong(persona, route, method, response):
                    wrong.append(f"{persona.name} {method.upper()} {url}: {response.status_code}, {fault}")
        if route.permission and (any(len(each) != 1 for each in taken.values()) or {True} not in taken.values()):
            wrong.append(f"{url} takes a method from some and not from others, or none")
    assert not wrong, "\n" + "\n".join(wrong)


def test_ids_of_another_tenant_lead_nowhere(
    personas: list[Persona], values: Mapping[str, object], other_organization: Organization
) -> None:
    """The outsider's own organization in the path, and after it the products, systems, people and keys of the first one."""
    outsider = next(persona for persona in personas if persona.name == "outsider")
    tenants = {"product", "system", "transfer", "number", "member", "invitation", "work"}
    wrong = []
    for route in ROUTES:
        if not route.permission or not tenants & set(route.parameters):
            continue
        url = route.url({**values, "organization": other_organization.slug})
        statuses = [outsider.asks(method, url, follow=True).status_code for method in METHODS]
        if not set(statuses) <= {404, 405}:
            wrong.append(f"{url}: {statuses}")
    assert not wrong, wrong


def test_strangers_learn_nothing_from_the_page_that_they_get(
    personas: list[Persona], values: Mapping[str, Any], organization: Organization
) -> None:
    """To the letter what they get for an organization that does not exist."""
    wrong = []
    strangers = [persona for persona in personas if persona.name in ("outsider", "staff")]
    for route in ROUTES:
        if not route.permission:
            continue
        here, nowhere = route.url(values), route.url({**values, "organization": "no-such-organization"})
        for persona in strangers:
            for method in METHODS:
                one, other = persona.asks(method, here), persona.asks(method, nowhere)
                if (one.status_code, one.content) != (other.status_code, other.content):
                    wrong.append(f"{persona.name} {method.upper()} {here}")
                if organization.name in one.content.decode():
                    wrong.append(f"{persona.name} {method.upper()} {here} names the organization")
    assert not wrong, wrong
