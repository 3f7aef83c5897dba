"""Pages that stand there whatever happens: refusals that tell nothing, maintenance, privacy, contact; in the portal's look."""

import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse

from licensemgr.core.middleware import BadInputMiddleware
from organizations.models import Organization
from tests.admin_pages import said
from tests.bad_input.conftest import unchanged
from wallet.tries import TRIES_KEPT

pytestmark = pytest.mark.django_db
PAGES = {
    "400": "The server did not understand this request",
    "403": "You may not see this page",
    "403_csrf": "This form is no longer valid",
    "404": "There is nothing here",
    "405": "This cannot be done in this way",
    "413": "That is too large",
    "429": "Too many tries",
    "500": "Something went wrong on our side",
    "503": "License Manager is being maintained",
}


@pytest.fixture
def lenient_client() -> Client:
    """A client to which a fault of the server is an answer."""
    return Client(raise_request_exception=False)


def is_page(response: Any, name: str, status: int) -> None:
    """The answer is that standing page, whole, and names nothing of the request."""
    text = response.content.decode()
    assert response.status_code == status
    assert f"<h1>{PAGES[name]}</h1>" in text
    assert 'class="lonely' in text and "app.css" in text and "theme.js" in text
    assert not re.search(r"Traceback|Exception|harbour|Django|/o/", text), text
    assert "Content-Security-Policy" in response.headers


@pytest.mark.parametrize("name", PAGES)
def test_each_page_needs_nothing_but_itself(name: str) -> None:
    """Also where neither request nor database can be asked, as after a fault of the server."""
    text = render_to_string(f"{name}.html")
    assert f"<h1>{PAGES[name]}</h1>" in text
    assert re.search(r'<p class="muted">[^<]+\.</p>', text), "it says what to do"


def test_what_is_not_there_what_may_not_be_seen_and_what_is_no_form(
    viewer_client: Client, outsider_client: Client, organization: Organization
) -> None:
    for url in ("/no/such/page/", "/o/harbour/", "/o/%ED%A0%80/", "/admin/no/such/"):
        answer = outsider_client.get(url, follow=True)
        if answer.status_code == 404:
            is_page(answer, "404", 404)
    is_page(outsider_client.get(reverse("product_list", args=["harbour"])), "404", 404)
    is_page(viewer_client.get(reverse("register_product", args=["harbour"])), "403", 403)
    is_page(viewer_client.post(reverse("product_list", args=["harbour"])), "405", 405)
    assert viewer_client.post(reverse("product_list", args=["harbour"]))["Allow"].startswith("GET")
    assert viewer_client.head(reverse("choose_notices", args=["harbour"])).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    is_page(strict.post(reverse("account_login"), {"login": "a@example.com"}), "403_csrf", 403)
    is_page(viewer_client.get("/where-to-buy/?search=%00"), "400", 400)
    is_page(Client(headers={"host": "elsewhere.example"}).get("/"), "400", 400)


def test_a_fault_of_the_server_tells_nothing(
    lenient_client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise RuntimeError("harbour secret")

    monkeypatch.setattr("licensemgr.portal.views.standing.render", fail)
    is_page(lenient_client.get(reverse("privacy")), "500", 500)
    assert "harbour secret" in caplog.text, "whoever runs the portal finds it in the log"


def test_too_many_tries_to_sign_in_get_the_portals_own_page(anonymous_client: Client, settings: LazySettings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "1/m/ip"}
    form = {"login": "a@example.com", "password": "x"}
    assert anonymous_client.post(reverse("account_login"), form).status_code in (200, 422)
    is_page(anonymous_client.post(reverse("account_login"), form), "429", 429)


class TestTooLarge:
    def test_a_form_and_a_file_above_the_limit_get_a_sentence_with_and_without_htmx(
        self, manager_client: Client, organization: Organization, settings: LazySettings
    ) -> None:
        page = reverse("register_product", args=["harbour"])
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        bodies: list[tuple[Any, str | None]] = [
            ({"x": "1" * (limit + 1)}, None),
            ("x=" + "1" * (limit + 1), "application/x-www-form-urlencoded"),
            ({f"x{number}": "1" for number in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1)}, None),
        ]
        with unchanged():
            for body, kind in bodies:
                for headers in ({}, {"HX-Request": "true"}):
                    options: dict[str, Any] = {"content_type": kind} if kind else {}
                    answer = manager_client.post(page, body, headers=headers, **options)
                    is_page(answer, "413", 413)
                    assert "larger than any form or file of this portal" in said(answer)

    def test_nothing_of_a_body_above_the_whole_limit_is_read(self, settings: LazySettings, rf: RequestFactory) -> None:
        """Whatever it says it is: what says that it is too long is answered before a byte of it comes in."""

        class Unread:
            def read(self, *_args: object) -> bytes:
                raise AssertionError("the body was read")

        def view(_request: HttpRequest) -> HttpResponse:
            raise AssertionError("a view saw it")

        for kind in ("multipart/form-data; boundary=x", "application/json", "application/x-www-form-urlencoded"):
            for length in (settings.REQUEST_BODY_MAX_BYTES + 1, 2 * 1024**3, 10**18):
                request = rf.generic("POST", "/", b"", content_type=kind, CONTENT_LENGTH=str(length))
                request.META["wsgi.input"] = Unread()
                assert BadInputMiddleware(view)(request).status_code == 413
        exactly = rf.generic("GET", "/", b"", CONTENT_LENGTH=str(settings.REQUEST_BODY_MAX_BYTES))
        assert BadInputMiddleware(lambda _request: HttpResponse("seen"))(exactly).content == b"seen"

    def test_a_view_that_reads_a_body_itself_is_covered_too(self, rf: RequestFactory) -> None:
        middleware = BadInputMiddleware(lambda _request: HttpResponse())
        answer = middleware.process_exception(rf.get("/"), RequestDataTooBig())
        assert answer is not None and answer.status_code == 413
        assert middleware.process_exception(rf.get("/"), ValueError()) is None

    def test_toasts_have_words_for_it(self, viewer_client: Client) -> None:
        """With HTMX the page stays; app.js shows these words by the status."""
        text = viewer_client.get(reverse("product_list", args=["harbour"])).content.decode()
        for words in ("data-text-large", "data-text-maintenance", "data-text-many", "data-text-forbidden"):
            assert re.search(rf'{words}="[^"]+\."', text), words


class TestMaintenance:
    def test_every_page_but_the_health_check_waits(
        self, settings: LazySettings, staff_client: Client, anonymous_client: Client, organization: Organization
    ) -> None:
        settings.MAINTENANCE = True
        with unchanged():
            for client in (staff_client, anonymous_client):
                for url in ("/", "/o/harbour/", "/admin/", "/accounts/login/", "/where-to-buy/", "/no/such/page"):
                    for method in ("get", "post"):
                        answer = getattr(client, method)(url)
                        is_page(answer, "503", 503)
                        assert answer["Retry-After"] == "600"
                        assert answer["Cache-Control"] == "no-store"
        health = anonymous_client.get("/healthz")
        assert (health.status_code, health.content) == (200, b"ok")
        style: Any = anonymous_client.get("/static/css/app.css")
        assert style.status_code == 200 and b"".join(style.streaming_content)
        settings.MAINTENANCE = False
        assert anonymous_client.get("/accounts/login/").status_code == 200

    def test_it_asks_no_database(
        self, settings: LazySettings, staff_client: Client, django_assert_num_queries: Any
    ) -> None:
        settings.MAINTENANCE = True
        with django_assert_num_queries(0):
            staff_client.get("/")


class TestPrivacyAndContact:
    def test_anybody_finds_them_from_every_page(self, viewer_client: Client, anonymous_client: Client) -> None:
        for client, url in (
            (viewer_client, reverse("product_list", args=["harbour"])),
            (anonymous_client, reverse("account_login")),
            (anonymous_client, reverse("where_to_buy")),
        ):
            text = client.get(url).content.decode()
            footer = re.search(r'<footer class="footer">.*?</footer>', text, re.DOTALL)
            assert footer is not None
            for name in ("privacy", "contact"):
                assert f'href="{reverse(name)}"' in footer[0]
                assert client.get(reverse(name)).status_code == 200

    def test_privacy_says_what_this_installation_does(self, anonymous_client: Client, settings: LazySettings) -> None:
        settings.SUPPORT_VIEW_MINUTES, settings.INVITATION_DAYS = 45, 3
        text = said(anonymous_client.get(reverse("privacy")))
        assert "for at most 45 minutes" in text
        assert "An invitation works for 3 days." in text
        assert "for at most 14 days" in text
        assert f"For {TRIES_KEPT.days} days: tries with license keys" in text

    def test_contact_gives_the_address_or_a_sentence(self, anonymous_client: Client, settings: LazySettings) -> None:
        settings.CONTACT_EMAIL = "help@example.com"
        answer = anonymous_client.get(reverse("contact"))
        assert 'href="mailto:help@example.com"' in answer.content.decode()
        settings.CONTACT_EMAIL = ""
        answer = anonymous_client.get(reverse("contact"))
        assert "mailto:" not in answer.content.decode()
        assert "has not given an address here" in said(answer)
