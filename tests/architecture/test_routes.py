"""Every URL is a page of one organization behind the one door, or stands on the short public list (R30, R31)."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from hardware.models import HardwareUnit, StagedFile
from hardware.staging import STAGED_FOR
from licensemgr.core import clock
from licensemgr.core.errors import Refused
from organizations.access import PERMISSIONS, Permission
from organizations.invitations import invite_member
from organizations.models import Invitation, Organization, Role
from products.models import System
from tests.factories import Books
from wallet.models import Redemption

# Whole trees that guard themselves, and single pages that show nothing of an organization.
PUBLIC_TREES = ("admin/", "accounts/", "static/", "__")
PUBLIC_NAMES = {
    "my_systems",  # asks for the person only: shows the organizations of whoever signed in
    "where_to_buy",
    "where_to_buy_towns",
    "where_to_buy_details",
    "healthz",
    "privacy",
    "contact",
    "create_organization",  # asks for the person only
    "accept_invitation",  # shows what the mail with the link says, to whoever has the link
    "readyz",
    "jwks",
    "schema",
    "verify",
    "demo_clock",  # in demonstration mode only
    "demo_mail",
    "demo_mail_html",
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
MARKED_NAMES = [str(p.name) for _route, p in MARKED]


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


@pytest.fixture
def system(books: Books, today: Any) -> System:
    """A system on a hardware unit of a started product, so that every URL leads to something that exists."""
    books.unit(today, "SN-1", core=1)
    system = books.report(today, unit="SN-1", core=2)
    books.start(today)
    books.redeem(today, core=3)
    invite_member(organization=books.organization, email="new@example.com", role=Role.VIEWER, actor=None, on=today)
    return system


# An upload belongs to the person who made it, so each test that needs one makes it for whom it lets in.
BATCH = uuid.UUID("0a8f8d0e-2f3c-4f1e-9a4f-0a5d7e0c1b2d")


def _url(route: str, name: str, organization: Organization, system: System) -> str:
    values = {
        "organization": organization.slug,
        "product": system.registered_product.product.code,
        "system": system.system_id,
        "transfer": Redemption.objects.get(organization=system.organization).transfer.sequence,
        "number": 1,
        "member": system.organization.memberships.get(role=Role.ADMINISTRATOR).user_id,
        "invitation": Invitation.objects.get(organization=system.organization).pk,
        "unit": HardwareUnit.objects.get(organization=system.organization).pk,
        "batch": BATCH,
    }
    wanted = re.findall(r"<(?:\w+:)?(\w+)>", route)
    assert set(wanted) <= set(values), f"give this test a value for {set(wanted) - set(values)} of {route}"
    return reverse(name, kwargs={key: values[key] for key in wanted})


def _stage(organization: Organization, client: Client) -> None:
    """An upload of the person who is signed in with the client, for the organization."""
    at = clock.real_now()
    StagedFile.objects.create(
        organization=organization,
        batch=BATCH,
        number=1,
        file_name="system.json",
        packed=b"",
        refusal="Refused.",
        uploaded_by_id=client.session["_auth_user_id"],
        uploaded_at=at,
        expires_at=at + STAGED_FOR,
    )


def _permission(name: str) -> Permission:
    [found] = [p.callback.organization_permission for _route, p in MARKED if p.name == name]  # type: ignore[attr-defined]
    return Permission(found)


def _route(name: str) -> str:
    [found] = [route for route, p in MARKED if p.name == name]
    return found


def _is_refused_for_everyone(client: Client, url: str, method: str) -> bool:
    """Whether the URL takes that method from nobody: then the answer is the same for all, whatever there is."""
    return bool(getattr(Client(), method)(url).status_code == 405 == getattr(client, method)(url).status_code)


@pytest.mark.django_db
@pytest.mark.parametrize("name", MARKED_NAMES)
@pytest.mark.parametrize("method", ["get", "post"])
class TestEachUrl:
    def test_anonymous_is_asked_to_sign_in(
        self, name: str, method: str, organization: Organization, system: System, anonymous_client: Client
    ) -> None:
        url = _url(_route(name), name, organization, system)
        if _is_refused_for_everyone(anonymous_client, url, method):
            return
        answer = getattr(anonymous_client, method)(url)
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("account_login"))

    def test_a_stranger_gets_what_an_organization_that_does_not_exist_gives(
        self, name: str, method: str, organization: Organization, system: System, outsider_client: Client
    ) -> None:
        url = _url(_route(name), name, organization, system)
        if _is_refused_for_everyone(outsider_client, url, method):
            return
        answer = getattr(outsider_client, method)(url)
        nowhere = getattr(outsider_client, method)(url.replace(f"/{organization.slug}/", "/no-such-organization/"))
        assert answer.status_code == nowhere.status_code == 404
        assert organization.name not in answer.content.decode()

    def test_a_viewer_is_let_in_exactly_where_the_table_says(
        self, name: str, method: str, organization: Organization, system: System, viewer_client: Client
    ) -> None:
        url = _url(_route(name), name, organization, system)
        if _is_refused_for_everyone(viewer_client, url, method):
            return
        answer = getattr(viewer_client, method)(url)
        if _permission(name) in PERMISSIONS[Role.VIEWER]:
            # A page to look at may hold a form that its view refuses to a viewer; a viewer's own membership has some.
            assert answer.status_code == 200 or (method == "post" and answer.status_code in (303, 403, 405))
        else:
            assert answer.status_code == 403

    def test_whoever_is_permitted_is_let_in(
        self, name: str, method: str, organization: Organization, system: System, administrator_client: Client
    ) -> None:
        _stage(organization, administrator_client)
        answer = getattr(administrator_client, method)(_url(_route(name), name, organization, system))
        assert answer.status_code < 500
        assert answer.status_code not in (403, 404)

    def test_ids_of_another_tenant_in_the_path_lead_nowhere(
        self,
        name: str,
        method: str,
        organization: Organization,
        other_organization: Organization,
        system: System,
        outsider_client: Client,
    ) -> None:
        # The outsider's own organization, with the product, the system, the unit, the upload, a member, an invitation of the
        # first one.
        _stage(organization, outsider_client)
        foreign = {"product", "system", "unit", "batch", "member", "invitation"}
        if not foreign & set(re.findall(r"<(?:\w+:)?(\w+)>", _route(name))):
            return
        url = _url(_route(name), name, other_organization, system)
        if _is_refused_for_everyone(outsider_client, url, method):
            return
        answer = getattr(outsider_client, method)(url, follow=True)
        assert answer.status_code == 404


@pytest.mark.parametrize("name", MARKED_NAMES)
def test_every_url_takes_get_or_post(name: str) -> None:
    [route] = [route for route, p in MARKED if p.name == name]
    values: dict[str, Any] = {"organization": "a", "product": "b", "system": "6f1c3f0e-7a55-4c3e-9d58-1f6b4a6f3c11"}
    values |= {"transfer": 1, "number": 1, "member": 1, "invitation": 1, "unit": 1, "batch": BATCH}
    url = reverse(name, kwargs={key: values[key] for key in re.findall(r"<(?:\w+:)?(\w+)>", route)})
    answers = {getattr(Client(), method)(url).status_code for method in ("get", "post")}
    assert answers <= {302, 405}
    assert answers != {405}


def test_refusals_answer_with_a_4xx_or_an_unavailable_clock() -> None:
    def below(error: type[Refused]) -> Iterator[type[Refused]]:
        yield error
        for each in error.__subclasses__():
            yield from below(each)

    for error in below(Refused):
        # A held report is no failure; without its clock or its key the portal can't answer.
        assert 400 <= error.status < 500 or error.code in (
            "identity changed",
            "clock jumped",
            "no signing key",
            "issue log",
        ), error
