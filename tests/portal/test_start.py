"""My Systems, the frame of every page, and what anybody may see."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from organizations.models import Role, User
from organizations.services import add_member
from tests.conftest import FrozenClock
from tests.factories import OrganizationFactory

pytestmark = pytest.mark.django_db


def test_licenses_opens_the_product_list(manager_client: Client) -> None:
    page = manager_client.get("/").content.decode()
    assert "My Systems" in page
    assert re.search(r'<a [^>]*href="/o/harbour/">.*?Licenses<span', page, re.DOTALL)
    assert "Manager" in page


def test_a_person_without_organization_is_told_what_to_do(staff_client: Client) -> None:
    page = staff_client.get("/").content.decode()
    assert "You are not a member of an organization yet" in page
    assert "ask an administrator of yours to invite staff@example.net" in page
    assert 'href="/organizations/new/"' in page


def test_it_shows_only_the_persons_own_organizations(outsider_client: Client) -> None:
    page = outsider_client.get("/").content.decode()
    assert "Other Port" in page
    assert "Harbour Cameras" not in page


def test_an_anonymous_person_is_asked_to_sign_in(anonymous_client: Client) -> None:
    response = anonymous_client.get("/")
    assert response.status_code == 302
    assert "/accounts/login/" in response["Location"]


def test_the_drop_down_is_searchable_from_eight_up(
    manager: User, manager_client: Client, frozen_clock: FrozenClock
) -> None:
    def join() -> None:
        organization = OrganizationFactory.create(on=frozen_clock.today)
        add_member(organization=organization, user=manager, role=Role.VIEWER, actor=None, on=frozen_clock.today)

    for _number in range(6):
        join()
    assert "Search organizations" not in manager_client.get("/o/harbour/").content.decode()
    join()
    assert "Search organizations" in manager_client.get("/o/harbour/").content.decode()


def test_the_frame_costs_one_query_however_many_organizations(
    manager: User, manager_client: Client, frozen_clock: FrozenClock
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert manager_client.get("/o/harbour/").status_code == 200
        return len(queries)

    before = count()
    for _number in range(5):
        organization = OrganizationFactory.create(on=frozen_clock.today)
        add_member(organization=organization, user=manager, role=Role.VIEWER, actor=None, on=frozen_clock.today)
    assert count() == before
    with CaptureQueriesContext(connection) as queries:
        manager_client.get("/o/harbour/", headers={"HX-Request": "true"})
    assert len(queries) == before - 1


def test_the_process_answers(anonymous_client: Client) -> None:
    response = anonymous_client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok")


def test_organizations_are_searched_by_the_address_without_javascript(
    manager: User, manager_client: Client, frozen_clock: FrozenClock
) -> None:
    other = OrganizationFactory.create(name="Lakeside Gallery", on=frozen_clock.today)
    add_member(organization=other, user=manager, role=Role.VIEWER, actor=None, on=frozen_clock.today)
    found = manager_client.get("/", {"search": "GALLERY lake"})
    assert [each.organization for each in found.context["list"].rows] == [other]
    assert 'value="GALLERY lake"' in found.content.decode()
    nothing = manager_client.get("/", {"search": "no such"}).content.decode()
    assert "Show all organizations" in nothing and "You are not a member" not in nothing
