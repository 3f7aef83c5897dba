"""Invitations: for one address, once, for a while; and nothing is told to anybody else (R30, R31, R32)."""

import hashlib
import re
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from history.models import Action, Record
from licensemgr.core import clock
from licensemgr.core.models import OutboxMessage
from organizations import invitations
from organizations.errors import MembershipThere, NotAdministrator, TooManyInvitations
from organizations.invitations import accept_invitation, find_open, invite_member
from organizations.models import Invitation, Membership, Organization, Role, User
from tests.conftest import _signed_in
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
EMAIL = "new.colleague@example.com"


class Machine:
    """The machine's clock, by which links live."""

    def __init__(self) -> None:
        self.now = datetime(2027, 3, 1, 12, tzinfo=UTC)

    def wait(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The machine's clock stands still until it is told to wait."""
    found = Machine()
    monkeypatch.setattr(clock, "real_now", lambda: found.now)
    return found


@pytest.fixture
def colleague(db: None) -> User:
    """Who has the invited address, proved."""
    return UserFactory.create(email=EMAIL)


def url(name: str, *arguments: Any) -> str:
    """The address of a page of ``organization``."""
    return reverse(name, args=["harbour", *arguments])


def form(email: str = EMAIL, role: str = "manager") -> dict[str, str]:
    """What an administrator sends."""
    return {"email": email, "role": role, "form_token": str(uuid.uuid4())}


def last_link() -> str:
    """The path of the link in the newest mail."""
    message = OutboxMessage.objects.order_by("-pk")[0]
    [path] = re.findall(r"http://localhost:8000(/invitations/\S+/)", message.body_text)
    assert path in message.body_html
    return str(path)


def invite(organization: Organization, email: str = EMAIL, role: Role = Role.MANAGER) -> str:
    """Invite an address through the service; returns the link's path."""
    administrator = organization.memberships.filter(role=Role.ADMINISTRATOR)[0].user
    invite_member(organization=organization, email=email, role=role, actor=administrator, on=date(2027, 3, 1))
    return last_link()


def without_tokens(content: bytes) -> str:
    """A page without what differs from one reading to the next."""
    varying = r'name="(csrfmiddlewaretoken|form_token)" value="[^"]*|/invitations/[0-9]+/'
    return re.sub(varying, "", content.decode())


class TestInviting:
    def test_a_mail_with_a_link_of_which_only_a_digest_is_kept(
        self, administrator_client: Client, organization: Organization, administrator: User
    ) -> None:
        answer = administrator_client.post(url("invite_member"), form(" New.Colleague@Example.com "), follow=True)
        assert f"An invitation was sent to {EMAIL}." in answer.content.decode()
        message = OutboxMessage.objects.get()
        assert (message.recipient, message.is_confidential, message.organization) == (EMAIL, True, organization)
        assert "Ada Minister invites you to become a member of Harbour Cameras" in message.body_text
        token = last_link().split("/")[-2]
        # 32 bytes in base 64.
        assert len(token) == 43
        invitation = Invitation.objects.get()
        assert invitation.digest == hashlib.sha256(token.encode()).hexdigest()
        assert (invitation.email, invitation.role, invitation.invited_by) == (EMAIL, Role.MANAGER, administrator)
        kept = [str(value) for row in Record.objects.values() for value in row.values()]
        assert not any(token in text or EMAIL in text for text in kept)

    def test_it_is_open_on_the_page_and_on_history_until_it_is_answered(
        self, administrator_client: Client, viewer_client: Client, machine: Machine, organization: Organization
    ) -> None:
        administrator_client.post(url("invite_member"), form())
        page = viewer_client.get(url("members")).content.decode()
        assert EMAIL in page
        assert "March 15, 2027" in page
        assert f"{EMAIL} was invited (manager)." in viewer_client.get(url("history")).content.decode()
        machine.wait(days=14)
        assert "Expired" in viewer_client.get(url("members")).content.decode()

    def test_an_address_with_an_account_gets_the_same_answer_and_work_as_one_without(
        self, administrator_client: Client, colleague: User, outsider_client: Client
    ) -> None:
        seen = []
        for email in (EMAIL, "nobody.at.all.yet@example.com"):
            with CaptureQueriesContext(connection) as queries:
                answer = administrator_client.post(url("invite_member"), form(email))
            page = administrator_client.get(url("members")).content
            Invitation.objects.all().delete()
            seen.append(
                (answer.status_code, answer["Location"], len(queries), without_tokens(page).replace(email, "E"))
            )
        assert seen[0] == seen[1]

    def test_a_member_is_not_invited(self, administrator_client: Client, manager: User) -> None:
        answer = administrator_client.post(url("invite_member"), form("MANAGER@example.com"))
        assert answer.status_code == 422
        page = answer.content.decode()
        assert "manager@example.com is a member of this organization already." in page
        assert 'value="MANAGER@example.com"' in page
        assert not OutboxMessage.objects.exists()

    @pytest.mark.parametrize(
        "wrong",
        [
            {"email": ""},
            {"email": "no address"},
            {"email": "a@b\r\nBcc: c@d.example"},
            {"role": "owner"},
            {"form_token": "x"},
            {"email": "a" * 300 + "@example.com"},
        ],
        ids=["empty", "none", "header", "role", "token", "long"],
    )
    def test_what_can_not_be_read_is_told_and_nothing_is_sent(
        self, administrator_client: Client, wrong: dict[str, str]
    ) -> None:
        answer = administrator_client.post(url("invite_member"), form() | wrong)
        assert answer.status_code == 422
        assert "Nothing has been changed. Please check this" in answer.content.decode()
        assert not Invitation.objects.exists()

    def test_the_same_form_sent_twice_counts_once_and_a_changed_one_anew(self, administrator_client: Client) -> None:
        sent = form()
        for email in (EMAIL, EMAIL, "somebody.else@example.com"):
            assert administrator_client.post(url("invite_member"), sent | {"email": email}).status_code == 303
        assert OutboxMessage.objects.count() == Invitation.objects.count() == 2

    def test_a_new_link_replaces_the_open_one(self, administrator_client: Client, organization: Organization) -> None:
        links = [invite(organization)]
        again = {"form_token": str(uuid.uuid4())}
        first = Invitation.objects.get()
        for _time in range(2):
            assert administrator_client.post(url("invite_again", first.pk), again).status_code == 303
        links.append(last_link())
        links.append(invite(organization, role=Role.VIEWER))
        assert [find_open(link.split("/")[-2]) is not None for link in links] == [False, False, True]
        assert Invitation.objects.filter(revoked_at=None).get().role == Role.VIEWER
        assert OutboxMessage.objects.count() == 3

    def test_a_revoked_one_works_no_more_and_is_not_sent_again(
        self, administrator_client: Client, organization: Organization
    ) -> None:
        link = invite(organization)
        invitation = Invitation.objects.get()
        for _time in range(2):
            assert administrator_client.post(url("revoke_invitation", invitation.pk)).status_code == 303
        assert Record.objects.filter(action=Action.INVITATION_REVOKED).count() == 1
        assert Client().get(link).status_code == 404
        answer = administrator_client.post(url("invite_again", invitation.pk), {"form_token": str(uuid.uuid4())})
        assert answer.status_code == 422
        assert "This invitation is not open any more." in answer.content.decode()

    def test_nobody_mails_the_world(
        self, organization: Organization, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(invitations, "INVITATIONS_PER_DAY", 2)
        for number in range(2):
            invite(organization, f"person{number}@example.org")
        with pytest.raises(TooManyInvitations):
            invite(organization)
        machine.wait(days=1)
        invite(organization)

    def test_only_an_administrator_of_this_organization_can(
        self,
        organization: Organization,
        manager: User,
        manager_client: Client,
        outsider_client: Client,
        other_organization: Organization,
    ) -> None:
        with pytest.raises(NotAdministrator):
            invite_member(organization=organization, email=EMAIL, role=Role.VIEWER, actor=manager, on=date(2027, 3, 1))
        assert manager_client.post(url("invite_member"), form()).status_code == 403
        invite(organization)
        number = Invitation.objects.get().pk
        for name in ("invite_again", "revoke_invitation"):
            answer = outsider_client.post(reverse(name, args=["other", number]), {"form_token": str(uuid.uuid4())})
            assert answer.status_code == 404
            answer = outsider_client.post(reverse(name, args=["other", 10**30]))
            assert answer.status_code == 404
        assert Invitation.objects.get().revoked_at is None


class TestAccepting:
    def test_whoever_has_the_address_joins_once(self, organization: Organization, colleague: User, today: date) -> None:
        link = invite(organization)
        browser = _signed_in(colleague)
        page = browser.get(link).content.decode()
        assert "You are invited to become a member of Harbour Cameras, with the role Manager." in page
        assert not Membership.objects.filter(user=colleague).exists()
        answer = browser.post(link, follow=True)
        assert answer.redirect_chain == [("/o/harbour/", 303)]
        assert "You are a member of Harbour Cameras now." in answer.content.decode()
        membership = Membership.objects.get(user=colleague)
        assert (membership.role, membership.since) == (Role.MANAGER, today)
        record = Record.objects.filter(action=Action.MEMBER_ADDED).order_by("-sequence")[0]
        assert (record.actor, record.payload) == (colleague, {"member": colleague.pk, "role": "manager"})
        # The link leads there again for this person, and joins nobody a second time.
        for method in (browser.get, browser.post):
            assert method(link)["Location"] == "/o/harbour/"
        assert Record.objects.filter(action=Action.MEMBER_ADDED, actor=colleague).count() == 1
        membership.delete()
        assert browser.post(link).status_code == 404
        assert not Membership.objects.filter(user=colleague).exists()

    def test_unknown_used_expired_revoked_and_closed_get_one_and_the_same_answer(
        self, organization: Organization, machine: Machine, colleague: User, outsider_client: Client
    ) -> None:
        used, revoked, expired = (invite(organization, email) for email in (EMAIL, "b@example.com", "c@example.com"))
        _signed_in(colleague).post(used)
        Invitation.objects.filter(email="b@example.com").update(revoked_at=machine.now)
        Invitation.objects.filter(email="c@example.com").update(expires_at=machine.now)
        closed = invite(organization, "d@example.com")
        assert Client().get(closed).status_code == 200
        Organization.objects.filter(pk=organization.pk).update(closed_on=date(2027, 3, 1))
        links = [used, revoked, expired, closed, f"/invitations/{'x' * 43}/", "/invitations/%F0%9F%98%80/"]
        for client in (Client(), outsider_client):
            for method in (client.get, client.post):
                answers = [method(link) for link in links]
                assert {answer.status_code for answer in answers} == {404}
                texts = {
                    without_tokens(answer.content).replace(link, "L").replace(unquote(link), "L")
                    for answer, link in zip(answers, links, strict=True)
                }
                assert len(texts) == 1
                assert "Harbour" not in texts.pop()

    def test_somebody_else_is_told_what_to_do_and_nothing_more_than_the_mail_said(
        self, organization: Organization, outsider: User, outsider_client: Client, manager: User
    ) -> None:
        link = invite(organization)
        for method in (outsider_client.get, outsider_client.post):
            answer = method(link)
            page = answer.content.decode()
            assert answer.status_code == 403
            assert "This invitation was sent to another address than outsider@example.org" in page
            assert "Sign out, and sign in with the address" in page
            assert not re.search(r"colleague|manager@|administrator@|/o/harbour", page)
        assert outsider.memberships.count() == 1

    def test_history_forgets_the_address_of_who_closed_the_account(
        self, organization: Organization, colleague: User, viewer_client: Client
    ) -> None:
        _signed_in(colleague).post(invite(organization))
        assert f"{EMAIL} was invited" in viewer_client.get(url("history")).content.decode()
        User.objects.filter(pk=colleague.pk).update(closed_at=datetime(2027, 3, 2, tzinfo=UTC))
        page = viewer_client.get(url("history")).content.decode()
        assert "former member was invited" in page
        assert EMAIL not in page

    def test_an_address_that_is_not_confirmed_does_not_do(self, organization: Organization, colleague: User) -> None:
        EmailAddress.objects.filter(user=colleague).update(verified=False)
        answer = _signed_in(colleague).post(invite(organization))
        assert answer.status_code == 403
        assert "You have not confirmed yet" in answer.content.decode()
        assert not colleague.memberships.exists()

    def test_nobody_yet_finds_the_way_in_and_back(self, organization: Organization, colleague: User) -> None:
        link = invite(organization)
        browser = Client()
        answer = browser.get(link)
        page = answer.content.decode()
        assert "no-store" in answer["Cache-Control"]
        assert f'href="/accounts/login/?next={link}"' in page
        assert f'href="/accounts/signup/?next={link}"' in page
        assert EMAIL not in page
        browser.force_login(colleague)
        start = browser.get("/").content.decode()
        assert "You opened an invitation to Harbour Cameras, and have not joined yet." in start
        browser.post(link)
        assert "You opened an invitation" not in browser.get("/").content.decode()

    def test_who_is_a_member_by_another_address_stays_what_he_is(
        self, organization: Organization, viewer: User, today: date
    ) -> None:
        EmailAddress.objects.create(user=viewer, email=EMAIL, verified=True)
        link = invite(organization)
        invitation = find_open(link.split("/")[-2])
        assert invitation is not None
        with pytest.raises(MembershipThere):
            accept_invitation(invitation=invitation, user=viewer, on=today)
        assert Membership.objects.get(user=viewer).role == Role.VIEWER
        assert "You are a member of this organization already." in _signed_in(viewer).post(link).content.decode()
