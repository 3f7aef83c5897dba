"""Pages are in the language that a person chose, else the browser's; mail is in its reader's."""

from collections.abc import Iterator
from datetime import date

import pytest
from django.conf import settings
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import translation

from licensemgr.core.models import OutboxMessage
from organizations.accounts import choose_language
from organizations.invitations import invite_member
from organizations.models import Organization, Role, User
from organizations.notices import Notice, Table, tell

ALL = [("en", "English"), ("sv", "Svenska"), ("de", "Deutsch"), ("ar", "العربية")]
ACCOUNT = "/accounts/"
LOGIN = "/accounts/login/"
MONDAY = date(2027, 3, 1)


@pytest.fixture(autouse=True)
def several_languages() -> Iterator[None]:
    """The portal in some of its languages, whatever the settings offer; Django's own texts and formats tell them apart."""
    with override_settings(LANGUAGES=ALL):
        yield


def page(client: Client, url: str = LOGIN, **headers: str) -> str:
    return client.get(url, headers=headers or None).content.decode()


def choose(client: Client, language: str, **data: str) -> None:
    answer = client.post(reverse("choose_language"), {"language": language, **data})
    assert answer.status_code == 303


@pytest.mark.django_db
class TestTheLanguageOfAPage:
    def test_it_is_the_browsers_while_nobody_chose(self, client: Client) -> None:
        assert '<html lang="en" dir="ltr"' in page(client)
        assert '<html lang="sv" dir="ltr"' in page(client, **{"accept-language": "fi, sv-FI;q=0.9"})
        assert '<html lang="ar" dir="rtl"' in page(client, **{"accept-language": "ar"})
        assert '<html lang="en" dir="ltr"' in page(client, **{"accept-language": "fi"})

    def test_a_visitor_chooses_and_can_leave_it_to_the_browser_again(self, client: Client) -> None:
        choose(client, "de")
        assert '<html lang="de" dir="ltr"' in page(client, **{"accept-language": "sv"})
        choose(client, "")
        assert '<html lang="sv" dir="ltr"' in page(client, **{"accept-language": "sv"})

    def test_what_a_person_chose_holds_in_every_browser(self, administrator: User) -> None:
        first, second = Client(), Client()
        for each in (first, second):
            each.force_login(administrator)
        choose(first, "sv")
        assert '<html lang="sv" dir="ltr"' in page(second, ACCOUNT, **{"accept-language": "de"})
        choose(first, "")
        assert '<html lang="de" dir="ltr"' in page(second, ACCOUNT, **{"accept-language": "de"})

    def test_a_persons_choice_beats_the_cookie_of_a_visitor(self, client: Client, administrator: User) -> None:
        choose(client, "de")
        choose_language(user=administrator, language="sv")
        client.force_login(administrator)
        assert '<html lang="sv" dir="ltr"' in page(client, ACCOUNT)

    def test_a_fragment_has_it_too(self, administrator_client: Client, organization: Organization) -> None:
        choose(administrator_client, "ar")
        url = reverse("history", args=[organization.slug])
        answer = administrator_client.get(url, headers={"HX-Request": "true"})
        assert answer["Content-Language"] == "ar"
        assert {"cookie", "accept-language"} <= {each.strip().lower() for each in answer["Vary"].split(",")}

    def test_no_other_language_can_be_chosen(self, administrator_client: Client, administrator: User) -> None:
        for wrong in ("xx", "fr", "../de", "d" * 500):
            choose(administrator_client, wrong)
        administrator.refresh_from_db()
        assert administrator.language == ""
        assert settings.LANGUAGE_COOKIE_NAME not in administrator_client.cookies

    def test_a_language_that_the_portal_no_longer_has_is_forgotten(self, administrator_client: Client) -> None:
        User.objects.update(language="tlh")
        assert '<html lang="en" dir="ltr"' in page(administrator_client, ACCOUNT)

    @pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
    def test_it_leads_back_to_the_page_and_nowhere_else(self, client: Client, elsewhere: str) -> None:
        url = reverse("choose_language")
        assert client.post(url, {"language": "de", "next": LOGIN + "?a=b"})["Location"] == LOGIN + "?a=b"
        assert client.post(url, {"language": "de", "next": elsewhere})["Location"] == "/"
        back = client.post(url, {"language": "de", "next": "/"}, headers={"Referer": "http://testserver/contact/?x"})
        assert back["Location"] == "http://testserver/contact/?x"
        assert client.get(url).status_code == 405

    def test_each_language_is_named_in_itself(self, client: Client) -> None:
        shown = page(client)
        for code, name in ALL:
            assert f'<option value="{code}" lang="{code}"' in shown
            assert f">{name}</option>" in shown

    def test_a_call_of_the_api_is_answered_in_english(self, client: Client) -> None:
        choose(client, "de")
        answer = client.get(reverse("api_document") + "nothing", headers={"Accept-Language": "sv"})
        assert answer["Content-Language"] == "en"
        assert '<html lang="sv"' in page(Client(), reverse("api_document"), **{"accept-language": "sv"})


def notice() -> Notice:
    from subscriptions.advice import format_date

    return Notice(
        reason="lots-expiring:1:2027-03-01:30",
        on=MONDAY,
        title=format_date(MONDAY),
        paragraphs=(),
        table=Table("", (), ()),
        to_do="",
        links=(),
    )


class TestTheLanguageOfMail:
    def test_a_notice_is_in_the_language_of_each_of_its_readers(
        self, organization: Organization, administrator: User, manager: User
    ) -> None:
        choose_language(user=administrator, language="de")
        User.objects.filter(pk=manager.pk).update(browser_language="sv")
        Organization.objects.filter(pk=organization.pk).update(notices_email="contact@example.com")
        organization.refresh_from_db()
        with translation.override("ar"):
            assert tell(organization, notice) == 3
            assert translation.get_language() == "ar"
        titles = dict(OutboxMessage.objects.values_list("recipient", "subject"))
        assert titles[administrator.email].startswith("1. März 2027")
        assert titles[manager.email].startswith("1 mars 2027")
        # The contact reads what the first administrator reads.
        assert titles["contact@example.com"].startswith("1. März 2027")
        assert '<html lang="sv" dir="ltr"' in OutboxMessage.objects.get(recipient=manager.email).body_html

    @pytest.mark.parametrize(("invited", "expected"), [("new@example.com", "de"), ("known@example.com", "ar")])
    def test_an_invitation_is_in_the_language_of_the_invited_or_else_of_whoever_invites(
        self, organization: Organization, administrator: User, invited: str, expected: str
    ) -> None:
        choose_language(user=administrator, language="de")
        choose_language(user=User.objects.create_user("known@example.com"), language="ar")
        invite_member(organization=organization, email=invited, role=Role.VIEWER, actor=administrator, on=MONDAY)
        message = OutboxMessage.objects.get(recipient=invited)
        assert f'<html lang="{expected}"' in message.body_html

    def test_signing_in_tells_the_language_for_mail(self, client: Client, administrator: User) -> None:
        administrator.set_password("license-manager-demo")
        administrator.save()
        data = {"login": administrator.email, "password": "license-manager-demo"}
        assert client.post(LOGIN, data, headers={"Accept-Language": "sv"}).status_code in (302, 303)
        administrator.refresh_from_db()
        assert (administrator.language, administrator.reads) == ("", "sv")
        choose_language(user=administrator, language="de")
        assert administrator.reads == "de"
