"""People in the admin site: nobody raises the own rights, nobody acts as somebody else, an account is closed for good."""

import pytest
from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from history.models import Action, Record
from organizations.models import Membership, Organization, Role, User
from organizations.services import add_member
from tests.admin_pages import address, said, staff_person
from tests.conftest import FrozenClock

pytestmark = pytest.mark.django_db
EDITING = ("organizations.view_user", "organizations.change_user", "organizations.add_user")


def rights(user: User) -> tuple[object, ...]:
    """All that decides what a person may do and who the person is."""
    user.refresh_from_db()
    granted = tuple(sorted(user.user_permissions.values_list("codename", flat=True)))
    return (user.email, user.password, user.is_active, user.is_staff, user.is_superuser, granted)


def test_people_are_made_with_a_proved_address_and_without_a_username(staff_client: Client, db: None) -> None:
    assert staff_client.get(address(User, "add")).status_code == 200
    form = {
        "email": "New.Person@Example.com",
        "first_name": "New",
        "last_name": "Person",
        "usable_password": "true",
        "password1": "a long enough one 77",
        "password2": "a long enough one 77",
    }
    assert staff_client.post(address(User, "add"), form).status_code == 302
    person = User.objects.get(email="new.person@example.com")
    assert EmailAddress.objects.get(user=person).verified
    assert staff_client.get(address(User, "change", person.pk)).status_code == 200
    assert "new.person@example.com" in said(staff_client.get(address(User, "changelist"), {"q": "new"}))
    again = staff_client.post(address(User, "add"), form | {"email": "new.person@EXAMPLE.com"})
    assert "Somebody has an account with this address. No account was made." in said(again)
    assert User.objects.filter(email__icontains="new.person").count() == 1


def test_staff_without_superuser_can_not_raise_rights_or_act_as_somebody_else(
    staff: User, manager: User, frozen_clock: FrozenClock
) -> None:
    clerk, client = staff_person(*EDITING)
    colleague, _client = staff_person(email="colleague@example.net")
    raised = {
        "email": "taken@example.net",
        "first_name": "Changed",
        "last_name": "Name",
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "user_permissions": ["1", "2", "3"],
        "password": "x",
        "date_joined_0": "2020-01-01",
    }
    everybody = [clerk, colleague, staff, manager]
    before = [rights(person) for person in everybody]
    statuses = [client.post(address(User, "change", person.pk), raised).status_code for person in everybody]
    # The own account and those of other staff can't be changed at all; of a customer, only the name.
    assert statuses == [403, 403, 403, 302]
    passwords = {"usable_password": "true", "password1": "a new long one 123", "password2": "a new long one 123"}
    for person in everybody:
        page = reverse("admin:auth_user_password_change", args=[person.pk])
        assert client.post(page, passwords).status_code == 403
        assert client.post(address(User, "change", person.pk).removesuffix("change/") + "close/").status_code == 403
        assert client.post(address(User, "delete", person.pk), {"post": "yes"}).status_code == 403
    assert [rights(person) for person in everybody] == before
    manager.refresh_from_db()
    assert manager.get_full_name() == "Changed Name"
    # Whoever may add people adds nobody with rights.
    new = {"email": "x@example.net", "usable_password": "false", "is_staff": "on", "is_superuser": "on"}
    client.post(address(User, "add"), new | {"first_name": "", "last_name": ""})
    added = User.objects.get(email="x@example.net")
    assert (added.is_staff, added.is_superuser) == (False, False)


def test_a_superuser_gives_and_takes_rights_and_leaves_addresses_alone(staff_client: Client, manager: User) -> None:
    form = {"email": "other@example.com", "first_name": "M", "last_name": "", "is_active": "on", "is_staff": "on"}
    assert staff_client.post(address(User, "change", manager.pk), form).status_code == 302
    manager.refresh_from_db()
    assert (manager.is_staff, manager.email) == (True, "manager@example.com")
    assert "Changed" in LogEntry.objects.get().get_change_message()
    assert "Harbour Cameras (Manager)" in said(staff_client.get(address(User, "change", manager.pk)))


def test_people_are_never_deleted_since_the_books_name_them(staff_client: Client, outsider: User) -> None:
    assert staff_client.post(address(User, "delete", outsider.pk), {"post": "yes"}).status_code == 403
    staff_client.post(
        address(User, "changelist"), {"action": "delete_selected", "_selected_action": [outsider.pk], "post": "yes"}
    )
    assert User.objects.filter(pk=outsider.pk).exists()


def test_an_account_is_closed_for_good_on_history_with_who_did_it(
    staff_client: Client,
    staff: User,
    manager: User,
    manager_client: Client,
    organization: Organization,
    frozen_clock: FrozenClock,
) -> None:
    page = address(User, "change", manager.pk)
    close = page.removesuffix("change/") + "close/"
    assert close in staff_client.get(page).content.decode()
    assert "Harbour Cameras" in said(staff_client.get(close))
    assert staff_client.post(close, {}).status_code == 422
    assert Membership.objects.filter(user=manager).exists()
    assert "The account was closed." in said(staff_client.post(close, {"is_sure": "on"}))
    manager.refresh_from_db()
    assert (str(manager), manager.is_active, manager.has_usable_password()) == ("former member", False, False)
    record = Record.objects.filter(organization=organization).latest("sequence")
    assert (record.action, record.actor) == (Action.MEMBER_REMOVED, staff)
    assert manager_client.get(reverse("product_list", args=[organization.slug])).status_code == 302
    # It stays closed, whatever is sent.
    assert staff_client.post(page, {"email": "a@example.com", "is_active": "on"}).status_code == 403
    assert staff_client.post(close, {"is_sure": "on"}).status_code == 302
    manager.refresh_from_db()
    assert not manager.is_active


def test_the_last_administrators_account_is_not_closed(
    staff_client: Client, administrator: User, organization: Organization, other_organization: Organization
) -> None:
    """Nor is any membership ended, also where the organization that refuses comes last."""
    add_member(
        organization=other_organization,
        user=administrator,
        role=Role.VIEWER,
        actor=None,
        on=other_organization.created_on,
    )
    before = Record.objects.count()
    close = address(User, "change", administrator.pk).removesuffix("change/") + "close/"
    answer = staff_client.post(close, {"is_sure": "on"})
    assert answer.status_code == 422
    assert "An organization needs an administrator" in said(answer)
    assert administrator.memberships.count() == 2
    assert Record.objects.count() == before
