"""The members page: who sees what, roles, removing, leaving; the last administrator stays (R30, R31, R32)."""

from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from history.models import Action, Record
from organizations.access import PERMISSIONS, Permission
from organizations.errors import LastAdministrator, MemberGone, NotAdministrator
from organizations.models import Membership, Organization, Role, User
from organizations.services import add_member, change_role, leave_organization, remove_member
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def url(name: str, *arguments: Any) -> str:
    """The address of a page of ``organization``."""
    return reverse(name, args=["harbour", *arguments])


def member(organization: Organization, user: User) -> Membership:
    """A person's membership, fresh from the database."""
    return Membership.objects.select_related("organization", "user").get(organization=organization, user=user)


def actions(organization: Organization) -> list[tuple[str, Any, Any]]:
    """What happened to members: action, who did it, about whom."""
    records = Record.objects.filter(organization=organization, action__startswith="organizations.member")
    return [(str(r.action), r.actor, r.payload["member"]) for r in records.order_by("sequence")]


class TestThePage:
    def test_a_viewer_sees_who_is_a_member_and_changes_nothing(
        self, viewer_client: Client, viewer: User, manager: User
    ) -> None:
        page = viewer_client.get(url("members")).content.decode()
        for text in ("administrator@example.com", "manager@example.com", "Who may do what", "Your role is Viewer."):
            assert text in page
        for name in ("invite_member", "organization_settings"):
            assert url(name) not in page
        assert url("remove_member", manager.pk) not in page

    def test_the_one_table_is_what_it_shows(self, viewer_client: Client) -> None:
        page = viewer_client.get(url("members")).content.decode()
        rows = page.split("Who may do what</h2>")[1].split("</table>")[0].split("<tr>")[2:]
        assert len(rows) == len(Permission)
        for row, permission in zip(rows, Permission, strict=True):
            assert str(permission.label) in row
            shown = ["icons.svg#check" in cell for cell in row.split("<td")[1:]]
            assert shown == [permission in PERMISSIONS[role] for role in Role]

    def test_its_number_of_queries_does_not_grow(
        self, administrator_client: Client, organization: Organization, today: date, django_assert_num_queries: Any
    ) -> None:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as before:
            administrator_client.get(url("members"))
        for _number in range(60):
            add_member(organization=organization, user=UserFactory.create(), role=Role.VIEWER, actor=None, on=today)
        with django_assert_num_queries(len(before)):
            page = administrator_client.get(url("members")).content.decode()
        assert "Page 1 of 2" in page


class TestRoles:
    def test_another_role_counts_at_once_and_is_on_history(
        self, administrator_client: Client, administrator: User, organization: Organization, viewer: User
    ) -> None:
        answer = administrator_client.post(url("change_role", viewer.pk), {"role": "manager"}, follow=True)
        assert "The role of Pat" in answer.content.decode()
        assert member(organization, viewer).role == Role.MANAGER
        administrator_client.post(url("change_role", viewer.pk), {"role": "manager"})
        assert actions(organization)[-1] == (Action.MEMBER_ROLE_CHANGED, administrator, viewer.pk)
        assert Record.objects.filter(action=Action.MEMBER_ROLE_CHANGED).count() == 1

    @pytest.mark.parametrize("role", ["", "owner"])
    def test_what_is_no_role_is_told(self, administrator_client: Client, viewer: User, role: str) -> None:
        answer = administrator_client.post(url("change_role", viewer.pk), {"role": role})
        assert answer.status_code == 422
        assert "role" in answer.content.decode()

    def test_the_last_administrator_stays_one(
        self, administrator_client: Client, administrator: User, organization: Organization, manager: User, today: date
    ) -> None:
        """R31: can't leave, be removed, or become something less; one who can't sign in is no other administrator."""
        mine = member(organization, administrator)
        add_member(
            organization=organization,
            user=UserFactory.create(is_active=False),
            role=Role.ADMINISTRATOR,
            actor=None,
            on=today,
        )
        for name, form in (
            ("change_role", {"role": "viewer"}),
            ("remove_member", {}),
        ):
            answer = administrator_client.post(url(name, administrator.pk), form)
            assert answer.status_code == 422
            assert "An organization needs an administrator" in answer.content.decode()
        answer = administrator_client.post(url("leave_organization"))
        assert (answer.status_code, member(organization, administrator)) == (422, mine)
        assert "An organization needs an administrator" in answer.content.decode()
        with pytest.raises(LastAdministrator):
            leave_organization(membership=mine, on=today)
        change_role(membership=member(organization, manager), role=Role.ADMINISTRATOR, actor=administrator, on=today)
        leave_organization(membership=mine, on=today)
        with pytest.raises(LastAdministrator):
            remove_member(membership=member(organization, manager), actor=None, on=today)


class TestRemoving:
    def test_the_very_next_request_finds_nothing_any_more(
        self,
        administrator_client: Client,
        administrator: User,
        organization: Organization,
        manager: User,
        manager_client: Client,
    ) -> None:
        assert "Remove manager" not in administrator_client.get(url("remove_member", manager.pk)).content.decode()
        assert manager_client.get(url("product_list")).status_code == 200
        answer = administrator_client.post(url("remove_member", manager.pk), follow=True)
        assert "is no longer a member." in answer.content.decode()
        for name in ("product_list", "members", "history"):
            assert manager_client.get(url(name)).status_code == 404
        assert manager_client.post(url("register_product"), {}).status_code == 404
        assert "Harbour" not in manager_client.get("/").content.decode()
        assert actions(organization)[-1] == (Action.MEMBER_REMOVED, administrator, manager.pk)

    def test_sent_twice_it_removes_once(
        self, administrator_client: Client, organization: Organization, viewer: User
    ) -> None:
        for _time in range(2):
            assert administrator_client.post(url("remove_member", viewer.pk)).status_code == 303
        assert administrator_client.post(url("change_role", viewer.pk), {"role": "viewer"}).status_code == 303
        assert "This person is no longer a member." in administrator_client.get(url("members")).content.decode()
        assert Record.objects.filter(action=Action.MEMBER_REMOVED).count() == 1

    def test_who_is_no_member_here_is_nobody_here(
        self, administrator_client: Client, outsider_client: Client, outsider: User
    ) -> None:
        for number in (outsider.pk, 10**30):
            assert administrator_client.get(f"/o/harbour/members/{number}/remove/").status_code == 404
            assert administrator_client.post(f"/o/harbour/members/{number}/remove/").status_code == 404
            assert (
                administrator_client.post(f"/o/harbour/members/{number}/role/", {"role": "viewer"}).status_code == 404
            )
        assert outsider.memberships.count() == 1

    def test_only_who_is_an_administrator_now_can(
        self, organization: Organization, manager: User, viewer: User, staff: User, today: date
    ) -> None:
        with pytest.raises(NotAdministrator):
            remove_member(membership=member(organization, viewer), actor=manager, on=today)
        remove_member(membership=member(organization, viewer), actor=staff, on=today)
        gone = Membership(pk=10**6, organization=organization, user=viewer)
        with pytest.raises(MemberGone):
            remove_member(membership=gone, actor=None, on=today)
        with pytest.raises(MemberGone):
            leave_organization(membership=gone, on=today)


class TestOnesOwnMembership:
    def test_a_viewer_leaves(self, viewer_client: Client, viewer: User, organization: Organization) -> None:
        assert "Leave Harbour Cameras" in viewer_client.get(url("leave_organization")).content.decode()
        answer = viewer_client.post(url("leave_organization"), follow=True)
        assert "You are no longer a member of Harbour Cameras." in answer.content.decode()
        assert viewer_client.get(url("product_list")).status_code == 404
        assert actions(organization)[-1] == (Action.MEMBER_LEFT, viewer, viewer.pk)

    def test_notices_are_switched_off_and_on(
        self, manager_client: Client, manager: User, organization: Organization, viewer_client: Client
    ) -> None:
        assert "Mail me the notices" in manager_client.get(url("members")).content.decode()
        # A viewer would choose in vain: notices go to administrators and managers.
        assert "Mail me the notices" not in viewer_client.get(url("members")).content.decode()
        manager_client.post(url("choose_notices"), {})
        assert not member(organization, manager).wants_notices
        answer = manager_client.post(url("choose_notices"), {"wants_notices": "on"}, follow=True)
        assert "You will be mailed the notices." in answer.content.decode()
        assert member(organization, manager).wants_notices


def test_below_a_refused_invitation_the_pages_are_those_of_the_members(
    administrator_client: Client, organization: Organization, monkeypatch: pytest.MonkeyPatch, viewer: User
) -> None:
    monkeypatch.setattr("organizations.views.members._MEMBERS_PER_PAGE", 1)
    answer = administrator_client.post(reverse("invite_member", args=[organization.slug]), {"email": "no address"})
    assert answer.status_code == 422
    assert f'rel="next" href="{reverse("members", args=[organization.slug])}?page=2"' in answer.content.decode()
