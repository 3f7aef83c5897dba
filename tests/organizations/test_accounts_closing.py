"""Closing an account: who may, what ends, and that nothing personal stays behind (R35)."""

from datetime import date

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connection
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from history.models import Record
from licensemgr.core import clock
from licensemgr.core.mail import send_outbox, write_message
from licensemgr.core.models import OutboxMessage
from organizations.accounts import close_account, preview_closing
from organizations.errors import AccountClosed, LastAdministratorOf, MembershipsChanged
from organizations.invitations import accept_invitation, find_open, invite_member
from organizations.models import Invitation, Membership, Organization, Role, User
from organizations.services import add_member, create_organization
from organizations.support import open_support_view
from tests.factories import PASSWORD, UserFactory
from tests.organizations.account_pages import last_mail

pytestmark = pytest.mark.django_db
CLOSE = "/accounts/close/"


def close(user: User) -> None:
    """Close the account as somebody who read what happens."""
    close_account(user=user, leaving=preview_closing(user).ids)


def reauthenticate(client: Client, password: str = PASSWORD) -> None:
    """Type the password on the page that asks for it."""
    client.post(f"/accounts/reauthenticate/?next={CLOSE}", {"password": password})


def test_memberships_end_each_on_its_history(
    organization: Organization, other_organization: Organization, manager: User, today: date
) -> None:
    add_member(organization=other_organization, user=manager, role=Role.VIEWER, actor=None, on=today)
    close(manager)
    assert not manager.memberships.exists()
    for each in (organization, other_organization):
        last = Record.objects.filter(organization=each).latest("sequence")
        assert (last.action, last.actor, last.payload) == (
            "organizations.member.left",
            manager,
            {"member": manager.pk},
        )


def test_the_last_administrator_is_still_needed(
    organization: Organization, administrator: User, manager: User, today: date
) -> None:
    second = create_organization(name="Annex", actor=administrator, on=today)
    with pytest.raises(LastAdministratorOf) as refused:
        close(administrator)
    assert "Harbour Cameras and Annex" in refused.value.sentence
    # Whoever can't sign in administers nothing.
    manager.memberships.update(role=Role.ADMINISTRATOR)
    User.objects.filter(pk=manager.pk).update(is_active=False)
    Organization.objects.filter(pk=second.pk).update(closed_on=today)
    with pytest.raises(LastAdministratorOf, match="of Harbour Cameras\\."):
        close(administrator)
    assert Membership.objects.filter(user=administrator).count() == 2
    administrator.refresh_from_db()
    assert administrator.is_active and administrator.email == "administrator@example.com"
    User.objects.filter(pk=manager.pk).update(is_active=True)
    close(administrator)
    assert not Membership.objects.filter(user=administrator).exists()


def test_what_was_not_shown_is_not_done(
    organization: Organization, other_organization: Organization, manager: User, today: date
) -> None:
    shown = preview_closing(manager).ids
    add_member(organization=other_organization, user=manager, role=Role.VIEWER, actor=None, on=today)
    with pytest.raises(MembershipsChanged):
        close_account(user=manager, leaving=shown)
    assert manager.memberships.count() == 2


def test_closed_once_it_stays_closed(organization: Organization, manager: User, viewer: User, today: date) -> None:
    close(manager)
    closed_at = User.objects.get(pk=manager.pk).closed_at
    records = Record.objects.count()
    close_account(user=manager, leaving=())
    assert (User.objects.get(pk=manager.pk).closed_at, Record.objects.count()) == (closed_at, records)
    with pytest.raises(AccountClosed):
        add_member(organization=organization, user=manager, role=Role.VIEWER, actor=None, on=today)


def _everything() -> str:
    """All text in all tables."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        rows = []
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')
            rows += [str(row) for row in cursor.fetchall()]
    rows += [str(session.get_decoded()) for session in Session.objects.all()]
    return "\n".join(rows).lower()


def test_nothing_personal_stays_behind(
    organization: Organization,
    administrator: User,
    staff: User,
    client: Client,
    today: date,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    invite_member(organization=organization, email="robin@example.com", role=Role.VIEWER, actor=administrator, on=today)
    token = last_mail("robin@example.com").body_text.split("/invitations/")[1].split("/")[0]
    person = UserFactory.create(email="robin@example.com", first_name="Robin", last_name="Grebe")
    invitation = find_open(token)
    assert invitation is not None
    accept_invitation(invitation=invitation, user=person, on=today)
    client.post("/accounts/login/", {"login": "robin@example.com", "password": PASSWORD})
    Authenticator.objects.create(user=person, type="totp", data={"secret": "robin@example.com"})
    LogEntry.objects.log_actions(staff.pk, User.objects.filter(pk=person.pk), CHANGE, "", single_object=True)
    for number, sent_at in enumerate((None, clock.real_now())):
        write_message(
            organization=organization,
            recipient="Robin@example.com",
            subject="Notice",
            body_text="Something",
            reason=f"notice:{number}",
            on=today,
        )
        OutboxMessage.objects.filter(reason=f"notice:{number}").update(sent_at=sent_at)
    assert "grebe" in _everything() and _everything().count("robin@example.com") > 5

    with django_capture_on_commit_callbacks(execute=True):
        close(person)
    assert last_mail("robin@example.com").subject == "Your account is closed"
    assert not OutboxMessage.objects.filter(reason="notice:0").exists()
    last_mail("robin@example.com").delete()
    assert "robin" not in _everything() and "grebe" not in _everything()
    person.refresh_from_db()
    assert person.email.endswith("@account.invalid")
    assert (person.is_active, person.has_usable_password(), str(person)) == (False, False, "former member")
    assert not EmailAddress.objects.filter(user=person).exists()
    assert Invitation.objects.get().accepted_by == person


def test_history_says_former_member(
    organization: Organization, administrator_client: Client, administrator: User, today: date
) -> None:
    invite_member(organization=organization, email="guest@example.org", role=Role.VIEWER, actor=administrator, on=today)
    guest = UserFactory.create(email="guest@example.org", first_name="", last_name="")
    invitation = Invitation.objects.get()
    accept_invitation(invitation=invitation, user=guest, on=today)
    close(guest)
    for page in ("/o/harbour/history/", "/o/harbour/lists/history/export.csv"):
        answer = administrator_client.get(page)
        told = b"".join(answer.streaming_content).decode() if answer.streaming else answer.content.decode()  # type: ignore[attr-defined]
        assert "former member was invited (viewer)" in told
        assert "former member became a member" in told
        assert "former member left the organization" in told
        assert "guest@" not in told and ".invalid" not in told


def test_a_support_view_ends_with_the_account(
    organization: Organization, administrator: User, staff: User, today: date
) -> None:
    grant = open_support_view(organization=organization, user=staff, reason="Ticket 7", on=today)
    close(staff)
    grant.refresh_from_db()
    staff.refresh_from_db()
    assert grant.ended_at is not None
    assert (staff.is_staff, staff.is_superuser) == (False, False)


class TestThePage:
    def test_it_asks_for_the_password_first(self, manager_client: Client, manager: User) -> None:
        for answer in (manager_client.get(CLOSE), manager_client.post(CLOSE)):
            assert answer.status_code == 302
            assert answer["Location"].startswith("/accounts/reauthenticate/")
        reauthenticate(manager_client, "a wrong one")
        assert manager_client.get(CLOSE).status_code == 302
        assert User.objects.get(pk=manager.pk).is_active

    def test_then_it_names_what_will_happen_and_does_it(
        self, manager_client: Client, organization: Organization, manager: User
    ) -> None:
        elsewhere = Client()
        elsewhere.post("/accounts/login/", {"login": manager.email, "password": PASSWORD})
        assert elsewhere.get("/o/harbour/").status_code == 200
        reauthenticate(manager_client)
        page = manager_client.get(CLOSE).content.decode()
        assert ("Harbour Cameras" in page and "can&#x27;t be undone" in page) or "can't be undone" in page
        answer = manager_client.post(CLOSE, {"leaving": [organization.pk]})
        assert (answer.status_code, answer["Location"]) == (303, "/accounts/login/")
        assert "Your account is closed" in manager_client.get("/accounts/login/").content.decode()
        # Signed out everywhere: the very next request finds nobody.
        for client in (manager_client, elsewhere):
            assert client.get("/o/harbour/").status_code == 302
        answer = Client().post("/accounts/login/", {"login": "manager@example.com", "password": PASSWORD})
        assert "is not right" in answer.content.decode()
        # A second click finds nobody signed in.
        assert manager_client.post(CLOSE, {"leaving": [organization.pk]}).status_code == 302

    def test_the_last_administrator_reads_where(
        self, administrator_client: Client, organization: Organization, administrator: User
    ) -> None:
        reauthenticate(administrator_client)
        page = administrator_client.get(CLOSE).content.decode()
        assert "You are still needed" in page
        assert 'href="/o/harbour/members/"' in page and 'href="/o/harbour/settings/"' in page
        assert "Close my account" not in page
        assert administrator_client.post(CLOSE, {"leaving": [organization.pk]}).status_code == 422
        assert User.objects.get(pk=administrator.pk).is_active

    @pytest.mark.parametrize("leaving", [[], ["x"], ["9" * 5000], ["0", "1"]], ids=["none", "text", "long", "others"])
    def test_other_organizations_than_shown_are_refused(
        self, manager_client: Client, manager: User, leaving: list[str]
    ) -> None:
        reauthenticate(manager_client)
        answer = manager_client.post(CLOSE, {"leaving": leaving})
        assert answer.status_code == 409
        assert "have changed meanwhile" in answer.content.decode()
        assert User.objects.get(pk=manager.pk).is_active

    def test_the_last_mail_is_sent_and_forgotten(self, manager_client: Client, organization: Organization) -> None:
        reauthenticate(manager_client)
        manager_client.post(CLOSE, {"leaving": [organization.pk]})
        assert send_outbox() == 1
        [sent] = mail.outbox
        assert (sent.to, sent.subject) == (["manager@example.com"], "Your account is closed")
        assert OutboxMessage.objects.get().body_text == ""
