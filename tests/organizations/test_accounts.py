"""The own account: name, address, password; and people whom the operator made."""

import re

import pytest
from allauth.account import forms as allauth_forms
from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from organizations.models import User
from tests.factories import PASSWORD, UserFactory
from tests.organizations.account_pages import code_for, last_mail, link_for

pytestmark = pytest.mark.django_db
NEW_PASSWORD = "two swans on the river"
LOGIN, EMAIL, CODE = "/accounts/login/", "/accounts/email/", "/accounts/confirm-email/"


def sign_in(email: str, password: str = PASSWORD) -> bool:
    """Whether the address and the password let somebody in, without anything else being asked."""
    client = Client()
    answer = client.post(LOGIN, {"login": email, "password": password})
    return answer.status_code == 302 and answer["Location"] == "/" and client.get("/").status_code == 200


@pytest.mark.parametrize("name", ["account", "account_email", "account_change_password", "close_account", "mfa_index"])
def test_the_own_account_is_for_the_signed_in(anonymous_client: Client, name: str) -> None:
    answer = anonymous_client.get(reverse(name))
    assert answer.status_code == 302
    assert answer["Location"].startswith(LOGIN) or answer["Location"].startswith("/accounts/reauthenticate/")


def test_the_hub_leads_to_everything(manager_client: Client) -> None:
    page = manager_client.get("/accounts/").content.decode()
    for url in (EMAIL, "/accounts/password/change/", "/accounts/2fa/", "/accounts/close/", "/o/harbour/members/"):
        assert f'href="{url}"' in page
    assert "manager@example.com" in page
    assert 'href="/accounts/"' in manager_client.get("/o/harbour/").content.decode()


def test_a_name_is_what_history_calls_a_person(manager_client: Client, manager: User) -> None:
    answer = manager_client.post("/accounts/", {"first_name": " Kim ", "last_name": "Ek\tLund"})
    assert (answer.status_code, answer["Location"]) == (303, "/accounts/")
    manager.refresh_from_db()
    assert str(manager) == "Kim Ek Lund"
    assert manager_client.post("/accounts/", {"first_name": "n" * 151}).status_code == 422
    manager_client.post("/accounts/", {"first_name": "", "last_name": ""})
    manager.refresh_from_db()
    assert str(manager) == "manager@example.com"


class TestChangeOfAddress:
    @pytest.fixture
    def person(self) -> User:
        return UserFactory.create(email="old@example.com")

    @pytest.fixture
    def client(self, person: User) -> Client:
        client = Client()
        client.post(LOGIN, {"login": "old@example.com", "password": PASSWORD})
        return client

    def ask(self, client: Client, address: str) -> None:
        """Ask for the change, with the password first."""
        assert client.post(EMAIL, {"email": address, "action_add": ""})["Location"].startswith(
            "/accounts/reauthenticate/"
        )
        client.post(f"/accounts/reauthenticate/?next={EMAIL}", {"password": PASSWORD})

    def test_it_counts_once_the_code_is_typed_and_the_old_address_is_told(self, client: Client, person: User) -> None:
        self.ask(client, "new@example.com")
        person.refresh_from_db()
        assert person.email == "old@example.com"
        assert sign_in("old@example.com") and not sign_in("new@example.com")
        assert "new@example.com" in client.get(CODE).content.decode()
        answer = client.post(CODE, {"code": code_for("new@example.com")})
        assert (answer.status_code, answer["Location"]) == (302, "/accounts/")
        person.refresh_from_db()
        assert person.email == "new@example.com"
        assert sign_in("new@example.com") and not sign_in("old@example.com")
        assert list(EmailAddress.objects.values_list("email", "verified", "primary")) == [
            ("new@example.com", True, True)
        ]
        told = last_mail("old@example.com")
        assert "It was changed to new@example.com" in told.body_text and "/contact/" in told.body_text
        # The address that is free again can be somebody else's.
        User.objects.create_user("old@example.com", PASSWORD)

    def test_wrong_codes_change_nothing(self, client: Client, person: User) -> None:
        self.ask(client, "new@example.com")
        for _time in range(3):
            client.post(CODE, {"code": "WRNG-WRNG"})
        client.post(CODE, {"code": code_for("new@example.com")})
        person.refresh_from_db()
        assert person.email == "old@example.com"

    def test_an_address_that_somebody_else_has_is_not_taken_over(self, client: Client, person: User) -> None:
        User.objects.create_user("taken@example.com", PASSWORD)
        self.ask(client, "taken@example.com")
        answer = client.post(CODE, {"code": code_for("taken@example.com")})
        assert answer.status_code == 422 and "has an account with this address already" in answer.content.decode()
        person.refresh_from_db()
        assert person.email == "old@example.com"

    def test_of_two_who_prove_one_address_the_second_is_told(
        self, client: Client, person: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Somebody else takes it between the look whether it is taken and the change."""
        self.ask(client, "new@example.com")
        other = User.objects.create_user("other@example.com", PASSWORD)
        User.objects.filter(pk=other.pk).update(email="new@example.com")
        monkeypatch.setattr(allauth_forms, "email_already_exists", lambda *args, **options: ("", False))
        answer = client.post(CODE, {"code": code_for("new@example.com")}, follow=True)
        assert "Your address was not changed" in answer.content.decode()
        person.refresh_from_db()
        assert person.email == "old@example.com"
        assert sign_in("old@example.com")


class TestNewPassword:
    def test_by_the_link_from_the_mail_once(self, client: Client) -> None:
        person = UserFactory.create(email="pat@example.com")
        elsewhere = Client()
        elsewhere.force_login(person)
        client.post("/accounts/password/reset/", {"email": "Pat@Example.com"})
        link = link_for("pat@example.com")
        form = client.get(link)["Location"]
        typed = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
        assert client.post(form, {**typed, "password2": "another"}).status_code == 422
        assert client.post(form, typed)["Location"] == "/accounts/password/reset/key/done/"
        assert sign_in("pat@example.com", NEW_PASSWORD) and not sign_in("pat@example.com")
        # Whoever was signed in with the old one is so no more, and the owner is told.
        assert elsewhere.get("/").status_code == 302
        assert "A new password was chosen" in last_mail("pat@example.com").body_text
        assert "This link no longer works" in client.get(link).content.decode()

    def test_a_change_needs_the_old_one_and_is_told(self, manager_client: Client) -> None:
        typed = {"oldpassword": "a wrong one", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
        assert manager_client.post("/accounts/password/change/", typed).status_code == 422
        answer = manager_client.post("/accounts/password/change/", {**typed, "oldpassword": PASSWORD})
        assert answer["Location"] == "/accounts/"
        assert manager_client.get("/accounts/").status_code == 200
        assert "was changed" in last_mail("manager@example.com").body_text
        assert sign_in("manager@example.com", NEW_PASSWORD)


class TestPeopleWhomTheOperatorMade:
    def test_they_sign_in_without_a_code(self, monkeypatch: pytest.MonkeyPatch, staff_client: Client) -> None:
        monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
        call_command("createsuperuser", interactive=False, email="root@example.com", verbosity=0)
        assert sign_in("root@example.com")
        form = {"email": "made@example.com", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
        assert staff_client.post(reverse("admin:organizations_user_add"), form).status_code == 302
        assert sign_in("made@example.com")

    def test_an_address_that_staff_change_is_proved_at_the_next_sign_in(self, client: Client) -> None:
        person = UserFactory.create(email="typo@example.com")
        User.objects.filter(pk=person.pk).update(email="right@example.com")
        answer = client.post(LOGIN, {"login": "right@example.com", "password": PASSWORD})
        assert answer["Location"] == CODE
        assert client.get("/").status_code == 302
        client.post(CODE, {"code": code_for("right@example.com")})
        assert client.get("/").status_code == 200
        assert list(EmailAddress.objects.values_list("email", "verified")) == [("right@example.com", True)]

    def test_who_came_before_addresses_were_proved_is_vouched_for(self) -> None:
        """What the migration does for people who are there already."""
        from importlib import import_module

        from django.apps import apps

        person = UserFactory.create(email="before@example.com")
        EmailAddress.objects.all().delete()
        EmailAddress.objects.create(user=person, email="older@example.com", verified=True, primary=True)
        assert not sign_in("before@example.com")
        migration = import_module("organizations.migrations.0003_vouch_for_people_made_so_far")
        migration.vouch(apps, None)
        assert sign_in("before@example.com")


def test_every_mail_of_the_account_has_a_text_in_the_portals_words(client: Client) -> None:
    """Nothing of the library's own look shows: no greeting of a domain, no thanks."""
    UserFactory.create(email="pat@example.com")
    client.post("/accounts/password/reset/", {"email": "pat@example.com"})
    mail = last_mail("pat@example.com")
    assert mail.subject == "Choose a new password"
    assert not re.search("Hello from|Thank you for using|example.com!", mail.body_text)
    assert mail.body_text.rstrip().endswith("License Manager: http://testserver/")
    assert "<h1" in mail.body_html and link_for("pat@example.com") in mail.body_html


def test_what_is_asked_about_the_second_factor_can_be_cancelled(manager_client: Client, manager: User) -> None:
    manager_client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    TOTP.activate(manager, generate_totp_secret())
    RecoveryCodes.activate(manager)
    for name in ("mfa_deactivate_totp", "mfa_generate_recovery_codes"):
        page = manager_client.get(reverse(name)).content.decode()
        assert '<a class="btn btn-secondary" href="/accounts/2fa/">Cancel</a>' in page
    codes = manager_client.get(reverse("mfa_view_recovery_codes")).content.decode()
    assert "Generate new codes" in codes
    # Of two ways on, neither is what the page is for.
    assert "btn-primary" not in codes.partition("<main")[2].partition("</main>")[0]


def test_an_account_that_is_inactive_is_told_whom_to_ask(anonymous_client: Client) -> None:
    page = anonymous_client.get(reverse("account_inactive")).content.decode()
    assert 'href="/contact/">Contact</a>' in page.partition("<main")[2].partition("</main>")[0]
