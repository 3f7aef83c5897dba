"""The support view (R30): staff look at one organization with a reason, on its History, and can change nothing there."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from history.models import Action, Record
from licensemgr.core import clock
from organizations.access import OrganizationRequest, Permission, organization_view
from organizations.models import AccessGrant, Organization, User
from organizations.support import open_support_view
from tests.admin_pages import address, said, staff_person
from tests.architecture.urls import furnish, walk
from tests.factories import Books

pytestmark = pytest.mark.django_db


def opening(organization: Organization) -> str:
    """The page on which the support view is opened."""
    return reverse("admin:organizations_organization_support", args=[organization.pk])


def ending(grant: AccessGrant) -> str:
    """Where the banner's button leads."""
    return reverse("admin:organizations_accessgrant_end", args=[grant.pk])


def test_staff_open_it_with_a_reason_look_and_end_it_on_history(
    staff_client: Client, staff: User, organization: Organization, viewer_client: Client, settings: LazySettings
) -> None:
    home = reverse("product_list", args=[organization.slug])
    assert staff_client.get(home).status_code == 404
    assert opening(organization) in staff_client.get(address(Organization, "change", organization.pk)).content.decode()
    assert staff_client.post(opening(organization), {"reason": " \n "}).status_code == 422
    assert not AccessGrant.objects.exists()
    answer = staff_client.post(opening(organization), {"reason": "Ticket 4711"})
    assert answer["Location"] == home
    grant = AccessGrant.objects.get()
    assert grant.expires_at - grant.granted_at == timedelta(minutes=settings.SUPPORT_VIEW_MINUTES)
    for page in (home, reverse("history", args=[organization.slug])):
        text = said(staff_client.get(page))
        assert "Support view of Harbour Cameras" in text and "Ticket 4711" in text
        assert f"until {grant.expires_at:%H:%M} UTC" in text
        assert "End support view" in text
        # No member sees the banner.
        assert "Support view of" not in said(viewer_client.get(page))
    assert home in staff_client.get(address(Organization, "change", organization.pk)).content.decode()
    assert "The support view of Harbour Cameras has ended." in said(staff_client.post(ending(grant)))
    assert staff_client.get(home).status_code == 404
    assert staff_client.post(ending(grant)).status_code == 302
    told = Record.objects.filter(organization=organization).order_by("-sequence").values_list("action", "actor")[:2]
    assert list(told) == [(Action.SUPPORT_VIEW_ENDED, staff.pk), (Action.SUPPORT_VIEW_OPENED, staff.pk)]
    assert "Ticket 4711" in said(viewer_client.get(reverse("history", args=[organization.slug])))
    assert "Ticket 4711" in said(staff_client.get(address(AccessGrant, "changelist")))


def test_only_the_persons_own_is_ended_by_post_and_it_ends_by_itself(
    staff_client: Client, staff: User, organization: Organization, other_organization: Organization, today: date
) -> None:
    colleague, colleague_client = staff_person("organizations.add_accessgrant", email="colleague@example.net")
    grant = open_support_view(organization=organization, user=staff, reason="x", on=today)
    assert colleague_client.post(ending(grant)).status_code == 404
    assert staff_client.get(ending(grant)).status_code == 405
    assert staff_client.post(reverse("admin:organizations_accessgrant_end", args=[999])).status_code == 404
    home = reverse("product_list", args=[organization.slug])
    assert (staff_client.get(home).status_code, colleague_client.get(home).status_code) == (200, 404)
    # One organization is all that it opens.
    assert staff_client.get(reverse("product_list", args=[other_organization.slug])).status_code == 404
    AccessGrant.objects.update(expires_at=clock.real_now())
    assert staff_client.get(home).status_code == 404
    assert "End support view" not in said(staff_client.get(address(Organization, "change", organization.pk)))
    # Ended by itself, it is not ended once more.
    before = Record.objects.count()
    staff_client.post(ending(grant))
    assert Record.objects.count() == before
    # Whoever is no staff any more has no support view either.
    open_support_view(organization=organization, user=colleague, reason="x", on=today)
    assert colleague_client.get(home).status_code == 200
    User.objects.filter(pk=colleague.pk).update(is_staff=False)
    assert colleague_client.get(home).status_code == 404


def test_who_may_not_open_one_does_not(organization: Organization, manager_client: Client) -> None:
    _person, clerk = staff_person("organizations.view_organization")
    assert clerk.post(opening(organization), {"reason": "x"}).status_code == 403
    assert opening(organization) not in clerk.get(address(Organization, "change", organization.pk)).content.decode()
    assert manager_client.post(opening(organization), {"reason": "x"}, follow=True).status_code == 403
    assert not AccessGrant.objects.exists()


def everything() -> dict[str, list[dict[str, Any]]]:
    """Every row of the portal's own tables."""
    own = {"organizations", "history", "products", "wallet", "subscriptions", "hardware", "core"}
    models = [model for model in apps.get_models() if model._meta.app_label in own]
    return {model.__name__: list(model._base_manager.order_by("pk").values()) for model in models}


def test_no_post_changes_anything_under_a_grant(staff_client: Client, staff: User, books: Books, today: date) -> None:
    """Every URL of an organization, by POST: empty, and with what a member would send there."""
    values = furnish(books, today, staff)
    open_support_view(organization=books.organization, user=staff, reason="x", on=today)
    before = everything()
    wrong = []
    tried = 0
    for route in walk():
        if not route.permission:
            continue
        tried += 1
        for data in ({}, {"reason": "x", "name": "Other", "confirm": "on", "role": "viewer", "email": "a@example.com"}):
            status = staff_client.post(route.url(values), data).status_code
            if status not in (403, 405):
                wrong.append(f"{route.path}: {status}")
    assert not wrong, wrong
    assert tried > 20
    assert everything() == before


def test_the_door_itself_lets_nothing_be_sent_under_a_grant(
    rf: RequestFactory, staff: User, viewer: User, organization: Organization, today: date
) -> None:
    """Whatever a view would let a viewer do, such as change the own notices."""

    @organization_view(Permission.LOOK)
    def view(request: OrganizationRequest) -> HttpResponse:
        return HttpResponse(request.method)

    open_support_view(organization=organization, user=staff, reason="x", on=today)
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        request = rf.generic(method, "/")
        request.user = viewer
        assert view(request, organization=organization.slug).content.decode() == method
        request.user = staff
        if method in ("GET", "HEAD"):
            assert view(request, organization=organization.slug).content.decode() == method
        else:
            with pytest.raises(PermissionDenied):
                view(request, organization=organization.slug)


@pytest.mark.slow
def test_under_a_grant_staff_look_as_a_viewer_does(
    staff_client: Client, staff: User, viewer_client: Client, books: Books, today: date
) -> None:
    values = furnish(books, today, staff)
    open_support_view(organization=books.organization, user=staff, reason="x", on=today)
    wrong = []
    for route in walk():
        # Who is no member can't leave.
        if route.permission and route.name != "leave_organization":
            url = route.url(values)
            statuses = staff_client.get(url).status_code, viewer_client.get(url).status_code
            if statuses[0] != statuses[1]:
                wrong.append(f"{route.path}: {statuses}")
    assert not wrong, wrong
