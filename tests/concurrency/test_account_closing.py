"""Closing an account at the moment at which somebody else stops being an administrator, or becomes a member (R31, R35)."""

from datetime import date
from typing import Any

import pytest

from history.models import Action, Record
from organizations import accounts
from organizations.accounts import close_account
from organizations.errors import AccountClosed, LastAdministrator, LastAdministratorOf, MembershipsChanged
from organizations.models import Membership, Organization, Role, User
from organizations.services import add_member, leave_organization
from tests.concurrency.racing import Gate, at_once, take_the_locks_out
from tests.factories import OrganizationFactory

pytestmark = pytest.mark.django_db(transaction=True)
DAY = date(2027, 3, 1)


def closes(user: User, organization: Organization) -> Any:
    """Something that closes the account of whoever belongs to one organization."""
    return lambda: close_account(user=user, leaving={organization.pk})


def administrators(organization: Organization) -> int:
    """How many administrators there are who can sign in."""
    return organization.memberships.filter(role=Role.ADMINISTRATOR, user__is_active=True).count()


class TestTheLastTwoAdministrators:
    @pytest.fixture
    def second(self, organization: Organization, manager: User) -> User:
        manager.memberships.update(role=Role.ADMINISTRATOR)
        return manager

    def test_without_the_locks_both_believe_that_the_other_stays(
        self, organization: Organization, administrator: User, second: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take_the_locks_out(monkeypatch)
        checked = Gate(monkeypatch, accounts, "leave_organization", waits_for=2)
        at_once([closes(administrator, organization), closes(second, organization)])
        assert checked.passed == 2

    def test_one_account_is_closed_and_the_other_is_still_needed(
        self, organization: Organization, administrator: User, second: User
    ) -> None:
        results = at_once([closes(administrator, organization), closes(second, organization)])
        assert [type(result) for result in results if result is not None] == [LastAdministratorOf]
        assert administrators(organization) == 1

    def test_one_closes_while_the_other_leaves(
        self, organization: Organization, administrator: User, second: User
    ) -> None:
        membership = Membership.objects.get(user=second)
        results = at_once(
            [
                closes(administrator, organization),
                lambda: leave_organization(membership=membership, on=DAY),
            ]
        )
        assert sum(isinstance(result, (LastAdministratorOf, LastAdministrator)) for result in results) == 1
        assert administrators(organization) == 1


def test_closed_by_many_clicks_at_once_it_is_closed_once(organization: Organization, manager: User) -> None:
    results = at_once([closes(manager, organization)] * 8)
    assert results == [None] * 8
    assert Record.objects.filter(organization=organization, action=Action.MEMBER_LEFT).count() == 1


def test_whoever_becomes_a_member_meanwhile_is_one_or_the_other(organization: Organization, manager: User) -> None:
    """Closed without that membership, or a member whose account stays open: never a closed account that is a member."""
    others = [OrganizationFactory.create(on=DAY) for _number in range(4)]

    def joins(other: Organization) -> Any:
        return lambda: add_member(organization=other, user=manager, role=Role.VIEWER, actor=None, on=DAY)

    results = at_once([closes(manager, organization), *map(joins, others)])
    manager.refresh_from_db()
    if manager.closed_at is not None:
        assert not manager.memberships.exists()
        assert all(isinstance(result, AccountClosed) for result in results[1:])
    else:
        assert isinstance(results[0], MembershipsChanged)
        assert manager.memberships.count() >= 2
