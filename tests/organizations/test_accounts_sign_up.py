"""Signing up: nothing exists before the code is typed in the same browser; then the account and its organization do."""

from datetime import date, timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from history.models import Record
from licensemgr.core import clock
from licensemgr.core.models import OutboxMessage
from organizations import accounts
from organizations.invitations import invite_member
from organizations.models import Membership, Organization, Role, User
from tests.conftest import FrozenClock
from tests.organizations.account_pages import FORM, PASSWORD, code_for, last_mail, sign_up

pytestmark = pytest.mark.django_db
SIGN_UP, CODE = "/accounts/signup/", "/accounts/signup/code/"


def test_the_code_makes_the_account_and_its_organization(client: Client, frozen_clock: FrozenClock) -> None:
    response = sign_up(client)
    assert (response.status_code, response["Location"]) == (303, CODE)
    assert not User.objects.exists() and not Organization.objects.exists()
    page = client.get(CODE).content.decode()
    assert "new@example.com" in page and "Send another code" in page

    response = client.post(CODE, {"code": code_for("new@example.com").lower().replace("-", " ")})
    assert (response.status_code, response["Location"]) == (303, "/o/nord/")
    assert client.get("/o/nord/").status_code == 200
    organization = Organization.objects.get()
    assert (organization.name, organization.country, organization.time_zone) == ("Nord", "SE", "Europe/Stockholm")
    assert organization.created_on == frozen_clock.today
    membership = Membership.objects.select_related("user").get()
    assert (membership.user.email, membership.role) == ("new@example.com", Role.ADMINISTRATOR)
    assert membership.user.check_password(PASSWORD)
    assert list(Record.objects.order_by("sequence").values_list("action", "actor")) == [
        ("organizations.organization.created", membership.user.pk),
        ("organizations.member.added", membership.user.pk),
    ]
    # Signing in again asks for no code.
    client.post("/accounts/logout/")
    response = client.post("/accounts/login/", {"login": "New@Example.com", "password": PASSWORD})
    assert (response.status_code, response["Location"]) == (302, "/")


def test_the_code_works_in_the_browser_of_the_sign_up_alone(client: Client) -> None:
    """So that nobody prepares an account for somebody else's address, who then types or clicks what was mailed."""
    sign_up(client)
    elsewhere = Client()
    response = elsewhere.post(CODE, {"code": code_for("new@example.com")})
    assert (response.status_code, response["Location"]) == (303, SIGN_UP)
    assert "begin again" in elsewhere.get(SIGN_UP).content.decode()
    assert not User.objects.exists()


def test_what_was_typed_before_the_code_lets_nobody_in(client: Client) -> None:
    """An account that waits for its code would tell, by letting its password in, that the address was free."""
    sign_up(client)
    answer = Client().post("/accounts/login/", {"login": "new@example.com", "password": PASSWORD})
    assert answer.status_code == 422
    assert "is not right" in answer.content.decode()


def test_three_wrong_codes_end_it(client: Client) -> None:
    sign_up(client)
    for _time in range(2):
        answer = client.post(CODE, {"code": "WRNG-WRNG"})
        assert answer.status_code == 422 and "This is not the code" in answer.content.decode()
    answer = client.post(CODE, {"code": "WRNG-WRNG"})
    assert (answer.status_code, answer["Location"]) == (303, SIGN_UP)
    client.post(CODE, {"code": code_for("new@example.com")})
    assert not User.objects.exists()


def test_a_code_works_for_fifteen_minutes(client: Client) -> None:
    with time_machine.travel(clock.real_now(), tick=False) as traveller:
        sign_up(client)
        traveller.shift(timedelta(minutes=15, seconds=1))
        assert client.post(CODE, {"code": code_for("new@example.com")})["Location"] == SIGN_UP
    assert not User.objects.exists()


def test_another_code_replaces_the_one_before_and_there_are_three_at_most(client: Client) -> None:
    with time_machine.travel(clock.real_now(), tick=False) as traveller:
        sign_up(client)
        first = code_for("new@example.com")
        # At most one within ten seconds.
        assert client.post(CODE, {"action": "resend"}).status_code == 429
        for _time in range(3):
            traveller.shift(timedelta(seconds=11))
            assert client.post(CODE, {"action": "resend"}).status_code == 303
        assert OutboxMessage.objects.count() == 3
        assert "Send another code" not in client.get(CODE).content.decode()
        assert client.post(CODE, {"code": first}).status_code == 422
        assert client.post(CODE, {"code": code_for("new@example.com")})["Location"] == "/o/nord/"


def test_sent_twice_it_is_one_sign_up_with_what_was_typed_last(client: Client) -> None:
    sign_up(client)
    assert sign_up(client, name="Norden")["Location"] == CODE
    assert OutboxMessage.objects.count() == 1
    code = code_for("new@example.com")
    assert client.post(CODE, {"code": code})["Location"] == "/o/norden/"
    # The second click of the last step finds somebody who is signed in.
    assert client.post(CODE, {"code": code})["Location"] == "/"
    assert (User.objects.count(), Organization.objects.count()) == (1, 1)


def test_whoever_was_quicker_has_the_account(client: Client) -> None:
    """Two browsers, one address: the second code is right, and there is an account by then."""
    with time_machine.travel(clock.real_now(), tick=False) as traveller:
        sign_up(client)
        code = code_for("new@example.com")
        other = Client()
        traveller.shift(timedelta(seconds=11))
        sign_up(other, name="Other")
        other.post(CODE, {"code": code_for("new@example.com")})
        answer = client.post(CODE, {"code": code})
    assert (answer.status_code, answer["Location"]) == (303, "/accounts/login/")
    assert Organization.objects.get().name == "Other"


def test_without_its_organization_there_is_no_account(today: date, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_options: object) -> None:
        raise OSError("nothing can be written any more")

    monkeypatch.setattr(accounts, "create_organization", fail)
    with pytest.raises(OSError):
        accounts.create_account(
            email="new@example.com", password_hash="x", name="Nord", country="SE", time_zone="UTC", on=today
        )
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"email": "nowhere"}, "This is not an e-mail address"),
        ({"email": f"{'a' * 250}@example.com"}, "at most 254 characters"),
        ({"email": ""}, "Enter your e-mail address"),
        ({"password": "short"}, "too short"),
        ({"password": "new@example.com"}, "too similar to the e-mail address"),
        ({"password": ""}, "Choose a password"),
        ({"name": " "}, "Enter the name of the organization"),
        ({"name": "n" * 121}, "at most 120 characters"),
        ({"country": "XX"}, "This is not a country"),
        ({"time_zone": "Mars/Olympus"}, "This is not a time zone"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_can_not_be_is_422_and_keeps_what_was_typed(client: Client, typed: dict[str, str], told: str) -> None:
    answer = sign_up(client, **typed)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert told in page
    assert 'value="Nord"' in page or "name" in typed
    assert PASSWORD not in page
    assert not OutboxMessage.objects.exists()


def test_country_and_time_zone_are_guessed(client: Client) -> None:
    page = client.get(SIGN_UP, headers={"Accept-Language": "nb-NO,nb;q=0.9,en;q=0.8"}).content.decode()
    assert '<option value="NO" selected>' in page
    assert 'data-guess="time-zone"' in page
    # What was chosen is not guessed over.
    assert 'data-guess="time-zone"' not in sign_up(client, email="").content.decode()


def test_who_is_signed_in_needs_no_account(manager_client: Client) -> None:
    assert manager_client.get(SIGN_UP)["Location"] == "/"
    assert manager_client.get(CODE)["Location"] == "/"


def test_many_tries_from_one_place_are_too_many(client: Client) -> None:
    answers = {sign_up(client, email=f"person{number}@example.com").status_code for number in range(20)}
    assert answers == {303}
    assert sign_up(client, email="person20@example.com").status_code == 429


class TestByInvitationOnly:
    @pytest.fixture(autouse=True)
    def invited(self, settings: Settings) -> None:
        settings.SIGNUP = "invited"

    def test_the_sign_up_is_closed(self, client: Client) -> None:
        for answer in (client.get(SIGN_UP), sign_up(client)):
            assert answer.status_code == 403
            assert "By invitation only" in answer.content.decode()
        assert not OutboxMessage.objects.exists()
        assert "Create an account" not in client.get("/accounts/login/").content.decode()

    def test_an_invitation_opens_it(self, client: Client, organization: Organization, administrator: User) -> None:
        _follow_invitation(client, organization, administrator)
        assert "Create an account" in client.get("/accounts/login/").content.decode()
        page = client.get(SIGN_UP).content.decode()
        assert "Sign up without the invitation" not in page
        response = client.post(SIGN_UP, {"password": PASSWORD})
        assert (response.status_code, response["Location"]) == (303, "/o/harbour/")
        _assert_joined(client, organization)

    def test_without_the_invitation_it_stays_closed(
        self, client: Client, organization: Organization, administrator: User
    ) -> None:
        _follow_invitation(client, organization, administrator)
        assert client.post(SIGN_UP, {"without_invitation": "1"}).status_code == 403


def _follow_invitation(client: Client, organization: Organization, actor: User) -> None:
    """Invite an address, and open the link from the mail."""
    invite_member(
        organization=organization, email="new@example.com", role=Role.MANAGER, actor=actor, on=clock.today(organization)
    )
    mail = last_mail("new@example.com").body_text
    path = next(word for word in mail.split() if "/invitations/" in word).split("/invitations/")[1]
    assert client.get(f"/invitations/{path}").status_code == 200


def _assert_joined(client: Client, organization: Organization) -> None:
    """The invited person is a member, without an organization of the own, and needs no code."""
    user = User.objects.get(email="new@example.com")
    assert user.check_password(PASSWORD)
    assert list(user.memberships.values_list("organization", "role")) == [(organization.pk, Role.MANAGER)]
    assert client.get("/o/harbour/").status_code == 200
    client.post("/accounts/logout/")
    assert client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})["Location"] == "/"


def test_the_invited_choose_a_password_and_are_in(
    client: Client, organization: Organization, administrator: User
) -> None:
    _follow_invitation(client, organization, administrator)
    page = client.get(SIGN_UP).content.decode()
    assert "Harbour Cameras" in page and 'value="new@example.com"' in page
    assert 'name="time_zone"' not in page
    assert client.post(SIGN_UP, {"password": "new@example.com"}).status_code == 422
    # Another address that is sent along counts for nothing.
    response = client.post(SIGN_UP, {"password": PASSWORD, "email": "other@example.com", "name": "Own"})
    assert response["Location"] == "/o/harbour/"
    _assert_joined(client, organization)


def test_an_invitation_of_a_known_address_leads_to_the_sign_in(
    client: Client, organization: Organization, administrator: User
) -> None:
    known = User.objects.create_user("new@example.com", "a password of before")
    _follow_invitation(client, organization, administrator)
    answer = client.post(SIGN_UP, {"password": PASSWORD})
    assert answer.status_code == 422
    assert "You have an account with this address already" in answer.content.decode()
    known.refresh_from_db()
    assert known.check_password("a password of before")
    assert not known.memberships.exists()


def test_an_invitation_that_is_over_opens_nothing(
    client: Client, organization: Organization, administrator: User
) -> None:
    _follow_invitation(client, organization, administrator)
    organization.invitations.update(revoked_at=clock.real_now())
    client.post(SIGN_UP, {"password": PASSWORD})
    assert not User.objects.filter(email="new@example.com").exists()
    assert 'name="time_zone"' in client.get(SIGN_UP).content.decode()


def test_who_was_invited_can_sign_up_for_something_else(
    client: Client, organization: Organization, administrator: User
) -> None:
    """Somebody else may sit at the browser in which an invitation was opened."""
    _follow_invitation(client, organization, administrator)
    assert client.post(SIGN_UP, {"without_invitation": "1"})["Location"] == SIGN_UP
    sign_up(client, email="other@example.com")
    assert client.post(CODE, {"code": code_for("other@example.com")})["Location"] == reverse(
        "product_list", args=["nord"]
    )


def test_the_mail_says_the_same_in_plain_text_and_in_html(client: Client) -> None:
    sign_up(client)
    mail = last_mail("new@example.com")
    assert mail.is_confidential and mail.organization is None
    assert mail.useful_until == clock.now().date() + timedelta(days=1)
    code = code_for("new@example.com")
    assert code in mail.body_html and code not in mail.subject
    assert "works for 15 minutes" in mail.body_text and "works for 15 minutes" in mail.body_html


def test_no_password_is_kept_readable(client: Client) -> None:
    sign_up(client)
    assert PASSWORD not in str(dict(client.session))
    assert FORM["password"] not in last_mail("new@example.com").body_text
