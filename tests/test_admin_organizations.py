"""Organizations and members in the admin site: changed by the services alone, on History with the staff person's name."""

from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from history.models import Action, Record
from organizations.models import Membership, Organization, Role, User
from tests.admin_pages import address, inline, said
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)
SETTINGS = {"name": "Harbour Cameras", "country": "", "time_zone": "UTC", "notices_email": ""}


def told(organization: Organization) -> list[tuple[str, int | None]]:
    """What is on an organization's History, and who did it."""
    return list(Record.objects.filter(organization=organization).order_by("sequence").values_list("action", "actor"))


def roles(organization: Organization) -> dict[str, str]:
    """The members' roles by address."""
    return dict(organization.memberships.values_list("user__email", "role"))


def form(
    organization: Organization, changes: dict[str, dict[str, object]] | None = None, **settings: str
) -> dict[str, str]:
    """What the organization's page sends; ``changes`` by a member's address, or of new members (“+”)."""
    changes = changes or {}
    stored = list(organization.memberships.order_by("pk").select_related("user"))
    rows: list[dict[str, object]] = [
        {"id": each.pk, "organization": organization.pk, "user": each.user_id, "role": each.role}
        | changes.get(each.user.email, {})
        for each in stored
    ]
    rows += [{"organization": organization.pk} | row for name, row in changes.items() if name.startswith("+")]
    return SETTINGS | settings | inline("memberships", rows, stored=len(stored))


def test_an_organization_is_made_and_its_member_added_by_the_services(
    staff_client: Client, staff: User, manager: User, today: date
) -> None:
    settings = {"name": "Årsta Hamn", "country": "SE", "time_zone": "Europe/Stockholm", "notices_email": "a@example.se"}
    member = inline("memberships", [{"user": manager.pk, "role": Role.ADMINISTRATOR.value}])
    assert staff_client.post(address(Organization, "add"), settings | member).status_code == 302
    made = Organization.objects.get(name="Årsta Hamn")
    assert (made.slug, made.created_on, made.notices_email) == ("arsta-hamn", today, "a@example.se")
    assert roles(made) == {manager.email: "administrator"}
    assert {actor for _action, actor in told(made)} == {staff.pk}
    assert [action for action, _actor in told(made)] == [
        Action.ORGANIZATION_CREATED,
        Action.ORGANIZATION_CHANGED,
        Action.MEMBER_ADDED,
    ]


def test_what_an_organization_can_not_be_is_told(staff_client: Client, db: None) -> None:
    settings = {"name": "New", "country": "", "time_zone": "UTC", "notices_email": ""}
    for bad in (
        {"country": "Sweden"},
        {"country": "se"},
        {"time_zone": "Mars/Olympus"},
        {"name": ""},
        {"notices_email": "nobody"},
    ):
        answer = staff_client.post(address(Organization, "add"), settings | bad | inline("memberships", []))
        assert "Please correct the error" in said(answer), bad
    assert not Organization.objects.filter(name="New").exists()


def test_settings_members_and_roles_are_changed_on_history_with_the_staff_persons_name(
    staff_client: Client, staff: User, organization: Organization, manager: User, viewer: User, administrator: User
) -> None:
    before = len(told(organization))
    newcomer = UserFactory.create(email="newcomer@example.com")
    page = address(Organization, "change", organization.pk)
    changes: dict[str, dict[str, object]] = {
        manager.email: {"role": "viewer"},
        viewer.email: {"DELETE": "on"},
        "+": {"user": newcomer.pk, "role": "manager"},
    }
    sent = form(organization, changes, name="Harbour & Sons", country="NO", time_zone="Europe/Oslo")
    assert staff_client.post(page, sent).status_code == 302
    organization.refresh_from_db()
    assert (organization.name, organization.time_zone) == ("Harbour & Sons", "Europe/Oslo")
    assert roles(organization) == {
        administrator.email: "administrator",
        manager.email: "viewer",
        newcomer.email: "manager",
    }
    assert told(organization)[before:] == [
        (Action.ORGANIZATION_CHANGED, staff.pk),
        (Action.MEMBER_ADDED, staff.pk),
        (Action.MEMBER_ROLE_CHANGED, staff.pk),
        (Action.MEMBER_REMOVED, staff.pk),
    ]
    client = Client()
    client.force_login(administrator)
    text = said(client.get(reverse("history", args=[organization.slug])))
    assert "name from “Harbour Cameras” to “Harbour & Sons”" in text
    assert "staff@example.net" in text
    # Sent again, nothing changes.
    unchanged = form(organization, name="Harbour & Sons", country="NO", time_zone="Europe/Oslo")
    assert staff_client.post(page, unchanged).status_code == 302
    assert len(told(organization)) == before + 4


def test_the_last_administrator_stays_and_can_be_replaced_at_once(
    staff_client: Client, organization: Organization, manager: User, administrator: User
) -> None:
    page = address(Organization, "change", organization.pk)
    before = (told(organization), roles(organization))
    for change in ({"DELETE": "on"}, {"role": "viewer"}):
        answer = staff_client.post(page, form(organization, {administrator.email: {**change}}, name="Renamed"))
        assert answer.status_code == 302
        assert "An organization needs an administrator, and this is the last one. Nothing was changed." in said(answer)
        organization.refresh_from_db()
        assert (told(organization), roles(organization)) == before
        assert organization.name == "Harbour Cameras"
    changes: dict[str, dict[str, object]] = {
        administrator.email: {"DELETE": "on"},
        manager.email: {"role": "administrator"},
    }
    staff_client.post(page, form(organization, changes))
    assert roles(organization) == {manager.email: "administrator"}


def test_nobody_becomes_a_member_twice_or_turns_into_somebody_else(
    staff_client: Client, organization: Organization, manager: User, outsider: User
) -> None:
    page = address(Organization, "change", organization.pk)
    before = (told(organization), roles(organization))
    answer = staff_client.post(page, form(organization, {"+": {"user": manager.pk, "role": "viewer"}}))
    assert answer.status_code == 200
    staff_client.post(page, form(organization, {manager.email: {"user": outsider.pk}}))
    assert (told(organization), roles(organization)) == before


def test_organizations_are_not_deleted_and_a_closed_one_stays_as_it_is(
    staff_client: Client, organization: Organization, manager: User
) -> None:
    assert staff_client.post(address(Organization, "delete", organization.pk), {"post": "yes"}).status_code == 403
    staff_client.post(
        address(Organization, "changelist"),
        {"action": "delete_selected", "_selected_action": [organization.pk], "post": "yes"},
    )
    Organization.objects.filter(pk=organization.pk).update(closed_on=START)
    page = address(Organization, "change", organization.pk)
    assert "Harbour Cameras" in said(staff_client.get(page))
    answer = staff_client.post(page, form(organization, {manager.email: {"DELETE": "on"}}, name="Other"))
    assert answer.status_code == 403
    assert Membership.objects.filter(organization=organization).count() == 2
    assert Organization.objects.get(pk=organization.pk).name == "Harbour Cameras"
