"""Races about an organization's people: the last administrator stays (R31), an invitation works once."""

from datetime import date
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError

from history.models import Action, Record
from organizations import invitations as invitation_services
from organizations import services
from organizations.errors import InvitationGone, LastAdministrator, NotAdministrator
from organizations.invitations import accept_invitation, invite_member, revoke_invitation
from organizations.models import Invitation, Membership, Organization, Role, User
from organizations.services import add_member, change_role, create_own_organization, leave_organization, remove_member
from tests.concurrency.racing import Gate, at_once, take_the_locks_out
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
DAY = date(2027, 3, 1)


def successes(results: list[Any]) -> list[Any]:
    """The results that are no exceptions."""
    return [result for result in results if not isinstance(result, Exception)]


class TestTwoAdministrators:
    @pytest.fixture
    def second(self, organization: Organization) -> User:
        user = UserFactory.create()
        add_member(organization=organization, user=user, role=Role.ADMINISTRATOR, actor=None, on=DAY)
        return user

    def _each_other(self, organization: Organization) -> list[Any]:
        one, other = Membership.objects.filter(organization=organization).select_related("user", "organization")
        return at_once(
            [
                lambda: remove_member(membership=one, actor=other.user, on=DAY),
                lambda: remove_member(membership=other, actor=one.user, on=DAY),
            ]
        )

    def test_without_the_lock_both_find_the_other_one_there(
        self, organization: Organization, second: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take_the_locks_out(monkeypatch)
        checked = Gate(monkeypatch, services, "_require_another_administrator", waits_for=2)
        results = self._each_other(organization)
        assert checked.passed == 2
        # SQLite's write lock lets one through; PostgreSQL both, and nobody is left.
        assert all(isinstance(result, OperationalError) for result in results if result is not None)

    def test_who_remove_each_other_at_once_one_is_late(self, organization: Organization, second: User) -> None:
        results = self._each_other(organization)
        assert len(successes(results)) == 1
        assert [type(result) for result in results if result is not None] == [NotAdministrator]
        assert organization.memberships.filter(role=Role.ADMINISTRATOR).count() == 1
        assert Record.objects.filter(action=Action.MEMBER_REMOVED).count() == 1

    def test_who_leave_or_step_down_at_once_one_stays(self, organization: Organization, second: User) -> None:
        one, other = Membership.objects.filter(organization=organization).select_related("user", "organization")
        results = at_once(
            [
                lambda: leave_organization(membership=one, on=DAY),
                lambda: change_role(membership=other, role=Role.VIEWER, actor=other.user, on=DAY),
            ]
        )
        assert len(successes(results)) == 1
        assert [type(result) for result in results if result is not None] == [LastAdministrator]
        assert organization.memberships.filter(role=Role.ADMINISTRATOR).count() == 1


class TestOneInvitation:
    @pytest.fixture
    def invitation(self, organization: Organization, administrator: User) -> Invitation:
        return invite_member(
            organization=organization, email="new@example.com", role=Role.VIEWER, actor=administrator, on=DAY
        )

    @pytest.fixture
    def invited(self, db: None) -> User:
        return UserFactory.create(email="new@example.com")

    def test_without_the_lock_it_is_found_open_twice(
        self, invitation: Invitation, invited: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take_the_locks_out(monkeypatch)
        checked = Gate(monkeypatch, invitation_services, "check_addressee", waits_for=2)
        results = at_once([lambda: accept_invitation(invitation=invitation, user=invited, on=DAY)] * 2)
        assert checked.passed == 2
        # The constraint on memberships, or SQLite's write lock, lets one through all the same.
        assert len(successes(results)) == 1

    def test_accepted_by_eight_requests_at_once_it_counts_once(self, invitation: Invitation, invited: User) -> None:
        results = at_once([lambda: accept_invitation(invitation=invitation, user=invited, on=DAY)] * 8)
        assert len(successes(results)) == 1
        assert sum(isinstance(result, InvitationGone) for result in results) == 7
        assert invited.memberships.count() == 1

    def test_accepted_and_revoked_at_once_it_is_one_of_both(
        self, invitation: Invitation, invited: User, organization: Organization
    ) -> None:
        results = at_once(
            [
                lambda: accept_invitation(invitation=invitation, user=invited, on=DAY),
                lambda: revoke_invitation(invitation=invitation, actor=None, on=DAY),
            ]
        )
        assert sum(isinstance(result, InvitationGone) for result in results) == 1
        invitation.refresh_from_db()
        assert (invitation.revoked_at is None) == organization.memberships.filter(user=invited).exists()

    def test_an_address_invited_by_many_at_once_has_one_open_invitation(
        self, organization: Organization, administrator: User
    ) -> None:
        results = at_once(
            [
                lambda: invite_member(
                    organization=organization, email="many@example.com", role=Role.VIEWER, actor=administrator, on=DAY
                )
            ]
            * 4
        )
        assert len(successes(results)) == 4
        assert Invitation.objects.filter(email="many@example.com", revoked_at=None).count() == 1


def test_one_organization_is_made_of_a_form_that_is_sent_many_times(administrator: User) -> None:
    made = at_once(
        [lambda: create_own_organization(user=administrator, name="New Port", country="", time_zone="UTC")] * 4
    )
    assert len({organization.pk for organization in made}) == 1


def test_organizations_of_one_name_made_at_once_have_different_addresses(db: None) -> None:
    people = [UserFactory.create() for _n in range(4)]
    make = partial(create_own_organization, name="New Port", country="", time_zone="UTC")
    made = at_once([partial(make, user=user) for user in people])
    assert {organization.slug for organization in made} == {"new-port", "new-port-2", "new-port-3", "new-port-4"}
