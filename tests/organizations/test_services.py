"""Organizations, members, and the one way to change books."""

from datetime import date

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from history.models import Record
from organizations.access import Permission, may
from organizations.models import Membership, Organization, Role, User
from organizations.services import add_member, create_organization
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
DAY = date(2027, 3, 1)


def test_who_creates_an_organization_administers_it() -> None:
    user = UserFactory.create()
    organization = create_organization(name="Nord", actor=user, on=DAY)
    assert Membership.objects.get(organization=organization).role == Role.ADMINISTRATOR
    actions = Record.objects.filter(organization=organization).order_by("sequence").values_list("sequence", "action")
    assert list(actions) == [(1, "organizations.organization.created"), (2, "organizations.member.added")]


def test_two_of_one_name_have_different_addresses() -> None:
    slugs = [create_organization(name="Nord", actor=None, on=DAY).slug for _time in range(3)]
    assert slugs == ["nord", "nord-2", "nord-3"]
    assert create_organization(name="東京", actor=None, on=DAY).slug == "organization"


@pytest.mark.parametrize("time_zone", ["Mars/Olympus", "", "../etc/passwd", "UTC+25"])
def test_an_unknown_time_zone_is_refused(time_zone: str) -> None:
    with pytest.raises(ValidationError):
        create_organization(name="Nord", time_zone=time_zone, actor=None, on=DAY)
    assert not Organization.objects.exists()


def test_a_person_is_a_member_once() -> None:
    organization = create_organization(name="Nord", actor=UserFactory.create(), on=DAY)
    user = UserFactory.create()
    add_member(organization=organization, user=user, role=Role.VIEWER, actor=None, on=DAY)
    with pytest.raises(IntegrityError), transaction.atomic():
        add_member(organization=organization, user=user, role=Role.MANAGER, actor=None, on=DAY)


def test_roles_know_nothing_but_the_table(organization: Organization, viewer: User) -> None:
    membership = Membership.objects.get(organization=organization, user=viewer)
    assert may(membership, Permission.LOOK)
    assert not may(membership, Permission.MANAGE_LICENSES)
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.filter(pk=membership.pk).update(role="owner")


def test_people_are_known_by_their_address_in_lower_case() -> None:
    assert User.objects.create_user("Pat@Example.COM", "x").email == "pat@example.com"
