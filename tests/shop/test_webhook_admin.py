"""Staff make webhooks, see their secrets once, turn them on and off, see every delivery and replay it; the page of jobs."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from licensemgr.core import clock
from licensemgr.portal.lag import lag
from licensemgr.shop import sending
from licensemgr.shop.endpoints import secret_of, turn_endpoint
from licensemgr.shop.events import write_test
from licensemgr.shop.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from licensemgr.shop.posting import Answer
from licensemgr.shop.sending import CLAIMED_FOR, send_webhooks
from organizations.models import User
from tests.admin_pages import address, said, staff_person, token_in
from tests.shop.conftest import Making

pytestmark = pytest.mark.django_db
ADD = "/admin/shop/webhookendpoint/add/"
EXAMPLE = "https://shop.example.com/hooks"


def form(client: Client, **changed: Any) -> dict[str, Any]:
    """What a person sends to make a webhook."""
    values = {"name": "Web shop", "url": EXAMPLE, "kinds": ["keys.redeemed", "keys.revoked"]}
    return values | {"form_token": token_in(client.get(ADD))} | changed


def page(name: str, row: Any) -> str:
    """A page below a webhook or a delivery."""
    return reverse(f"admin:shop_{row._meta.model_name}_{name}", args=[row.pk])


def hidden(client: Client, url: str) -> dict[str, str]:
    """What the form of a page carries unseen."""
    text = client.get(url).content.decode()
    return {
        name: html.unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text)
        if name != "csrfmiddlewaretoken"
    }


def secrets_in(response: Any) -> list[str]:
    """The secrets on a page."""
    return re.findall(r"whsec_[A-Za-z0-9+/=]+", html.unescape(response.content.decode()))


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """What the shop answers, the last of them for good; it reaches no network."""
    to_come = [Answer(200, "", 5)]
    monkeypatch.setattr(sending, "post", lambda *args, **options: to_come.pop(0) if len(to_come) > 1 else to_come[0])
    return to_come


class TestMaking:
    def test_the_secret_is_shown_once(self, staff_client: Client, staff: User) -> None:
        response = staff_client.post(ADD, form(staff_client))
        [secret] = secrets_in(response)
        assert "no-store" in response["Cache-Control"]
        endpoint = WebhookEndpoint.objects.get()
        assert (endpoint.name, endpoint.url, endpoint.made_by, endpoint.is_on) == ("Web shop", EXAMPLE, staff, True)
        assert endpoint.kinds == ["keys.redeemed", "keys.revoked"]
        assert LogEntry.objects.get().change_message == (
            f"Made. Address: {EXAMPLE}; events: License key redeemed, License keys revoked"
        )
        for url in (address(WebhookEndpoint, "changelist"), page("change", endpoint), page("secret", endpoint)):
            text = staff_client.get(url).content.decode()
            assert endpoint.name in text and secret not in text and "whsec_" not in text

    def test_sent_twice_it_is_made_once(self, staff_client: Client) -> None:
        sent = form(staff_client)
        staff_client.post(ADD, sent)
        again = staff_client.post(ADD, sent)
        assert WebhookEndpoint.objects.count() == 1
        assert again["Location"] == page("change", WebhookEndpoint.objects.get())
        text = said(again)
        assert "This form made its webhook already" in text and "whsec_" not in text

    @pytest.mark.parametrize(
        ("changed", "sentence"),
        [
            ({"url": "http://shop.example.com/"}, "has to begin with https://"),
            ({"url": "https://10.0.0.1/"}, "10.0.0.1 is none"),
            ({"url": ""}, "This field is required"),
            ({"url": "https://shop.example.com/" + "x" * 600}, "at most 500 characters"),
            ({"name": "  "}, "This field is required"),
            ({"kinds": []}, "This field is required"),
            ({"kinds": ["webhook.test"]}, "webhook.test is not one of the available choices"),
        ],
    )
    def test_what_is_none_is_refused_and_stays_typed(
        self, staff_client: Client, changed: dict[str, Any], sentence: str
    ) -> None:
        response = staff_client.post(ADD, form(staff_client, **changed))
        assert response.status_code == 422
        text = response.content.decode()
        assert sentence in said(response)
        assert ("Web shop" in text) is ("name" not in changed)
        if changed.get("url"):
            assert changed["url"] in text
        assert not WebhookEndpoint.objects.exists()


class TestChanging:
    def test_name_address_and_events(self, staff_client: Client, make: Making) -> None:
        endpoint = make().endpoint
        url = page("edit", endpoint)
        assert 'value="https://shop.test/hooks"' in staff_client.get(url).content.decode()
        wrong = staff_client.post(url, {"name": "New", "url": "https://localhost/", "kinds": ["keys.undone"]})
        assert (wrong.status_code, "localhost is none" in said(wrong)) == (422, True)
        changed = staff_client.post(url, {"name": "New", "url": EXAMPLE, "kinds": ["keys.undone"]})
        assert "The webhook New was changed." in said(changed)
        assert LogEntry.objects.get().change_message == f"Changed. Address: {EXAMPLE}; events: Redemption undone"
        before = secret_of(endpoint)
        endpoint.refresh_from_db()
        assert (endpoint.name, endpoint.url, endpoint.kinds) == ("New", EXAMPLE, ["keys.undone"])
        assert secret_of(endpoint) == before

    def test_off_and_on_and_a_double_click_does_not_turn_it_back(self, staff_client: Client, make: Making) -> None:
        endpoint = make().endpoint
        url = page("turn", endpoint)
        for is_on in (False, True):
            sent = hidden(staff_client, url)
            for _click in range(2):
                staff_client.post(url, sent)
                endpoint.refresh_from_db()
                assert endpoint.is_on is is_on
        assert staff_client.post(url, {}).status_code == 422

    def test_why_it_was_turned_off(self, staff_client: Client, make: Making, answers: list[Answer]) -> None:
        endpoint = make().endpoint
        write_test(endpoint)
        answers[:] = [Answer(410, "", 5)]
        send_webhooks()
        for url in (page("change", endpoint), page("turn", endpoint)):
            assert "nobody wants events there any more" in said(staff_client.get(url))

    def test_a_new_secret_is_shown_once(self, staff_client: Client, make: Making) -> None:
        given = make()
        url = page("secret", given.endpoint)
        sent = hidden(staff_client, url)
        [secret] = secrets_in(staff_client.post(url, sent))
        assert secret != given.secret
        again = staff_client.post(url, sent)
        assert "was given another secret meanwhile" in said(again)
        assert secrets_in(again) == []
        assert LogEntry.objects.get().change_message == "Made a new secret."

    def test_a_test_event(self, staff_client: Client, make: Making, answers: list[Answer]) -> None:
        endpoint = make().endpoint
        url = page("test", endpoint)
        staff_client.get(url)
        assert not WebhookEvent.objects.exists()
        assert "The test event is on its way" in said(staff_client.post(url))
        assert send_webhooks() == 1
        turn_endpoint(endpoint, on=False)
        refused = staff_client.post(url)
        assert (refused.status_code, "is off. Nothing will be sent" in said(refused)) == (422, True)
        assert "Send a test event" not in said(staff_client.get(page("change", endpoint)))


class TestDeliveries:
    @pytest.fixture
    def delivered(self, make: Making, answers: list[Answer]) -> list[WebhookDelivery]:
        """One that was taken, one that was given up, one that waits, of two webhooks."""
        shop, other = make().endpoint, make("Other").endpoint
        answers[:] = [Answer(200, "", 41)]
        taken = write_test(shop)
        send_webhooks()
        answers[:] = [Answer(500, "", 42)]
        given_up = write_test(shop)
        WebhookDelivery.objects.filter(pk=given_up.pk).update(attempts=7)
        send_webhooks()
        waits = write_test(other)
        answers[:] = [Answer(None, "The name shop.test was not found.", 43)]
        send_webhooks()
        return [taken, given_up, waits]

    def test_are_listed_and_filtered(self, staff_client: Client, delivered: list[WebhookDelivery]) -> None:
        url = address(WebhookDelivery, "changelist")

        def listed(**query: str | int) -> set[int]:
            text = staff_client.get(url, query).content.decode()
            return {int(pk) for pk in re.findall(r"/admin/shop/webhookdelivery/(\d+)/change/", text)}

        taken, given_up, waits = (each.pk for each in delivered)
        assert listed() == {taken, given_up, waits}
        assert listed(state__exact="given_up") == {given_up}
        assert listed(endpoint__id__exact=delivered[2].endpoint_id) == {waits}
        assert listed(event__kind__exact="keys.undone") == set()
        assert listed(q=str(delivered[0].event.event_id)) == {taken}
        assert listed(q="no such id") == set()
        text = said(staff_client.get(url))
        assert "It answered with 500." in text and "The name shop.test was not found." in text

    def test_the_page_of_one_shows_what_is_sent_and_every_try(
        self, staff_client: Client, delivered: list[WebhookDelivery]
    ) -> None:
        text = said(staff_client.get(page("change", delivered[1])))
        assert '"type": "webhook.test"' in text and str(delivered[1].event.event_id) in text
        assert "500 It answered with 500. 42" in text and "Given up" in text
        # Instants are written as people read them.
        assert "+00:00" not in text and "Next try: –" in text

    def test_what_is_sent_is_text_and_no_html(self, staff_client: Client, delivered: list[WebhookDelivery]) -> None:
        WebhookEvent.objects.update(payload={"data": {"order": "<script>alert(1)</script>"}})
        assert "<script>alert" not in staff_client.get(page("change", delivered[0])).content.decode()

    def test_replay(self, staff_client: Client, delivered: list[WebhookDelivery], answers: list[Answer]) -> None:
        taken = delivered[0]
        url = page("replay", taken)
        assert "the same id" in said(staff_client.get(url))
        taken.refresh_from_db()
        assert taken.state == "delivered"
        assert "It is sent again." in said(staff_client.post(url))
        answers[:] = [Answer(200, "", 5)]
        assert send_webhooks() == 1
        assert taken.log.count() == 2
        assert LogEntry.objects.get().change_message == "Replayed."

    def test_what_can_not_be_replayed_is_said(self, staff_client: Client, delivered: list[WebhookDelivery]) -> None:
        taken = delivered[0]
        WebhookDelivery.objects.filter(pk=taken.pk).update(claimed_until=clock.real_now() + CLAIMED_FOR)
        busy = staff_client.post(page("replay", taken))
        assert (busy.status_code, "is being sent at this moment" in said(busy)) == (422, True)
        turn_endpoint(taken.endpoint, on=False)
        off = staff_client.post(page("replay", taken))
        assert (off.status_code, "turn it on first" in said(off)) == (422, True)

    def test_the_page_of_jobs_says_what_waits(
        self, staff_client: Client, delivered: list[WebhookDelivery], make: Making
    ) -> None:
        text = said(staff_client.get(reverse("admin_jobs")))
        assert "Webhook deliveries that wait 1, the oldest for 0 hours" in text
        assert "Webhook deliveries that failed and are tried again 1" in text
        assert "Webhook deliveries that were given up 1" in text
        with time_machine.travel(clock.real_now() + timedelta(hours=3, minutes=1), tick=False):
            write_test(make("New").endpoint)
            assert (lag().webhooks.waiting, lag().oldest_webhook_hours) == (2, 3)
        turn_endpoint(delivered[2].endpoint, on=False)
        assert (lag().webhooks.waiting, lag().webhooks.failing) == (1, 0)

    def test_as_many_queries_for_thirty_as_for_one(
        self, staff_client: Client, delivered: list[WebhookDelivery], django_assert_max_num_queries: Any
    ) -> None:
        for _number in range(30):
            write_test(delivered[0].endpoint)
        for model in (WebhookDelivery, WebhookEndpoint):
            with django_assert_max_num_queries(12):
                staff_client.get(address(model, "changelist"))


class TestWhoMay:
    def test_who_only_looks_changes_nothing(self, make: Making) -> None:
        endpoint = make().endpoint
        delivery = write_test(endpoint)
        _person, client = staff_person("shop.view_webhookendpoint", "shop.view_webhookdelivery")
        for row in (endpoint, delivery):
            text = said(client.get(page("change", row)))
            assert "Replay" not in text and "Turn it off" not in text and "Make a new secret" not in text
        pages = [ADD, *(page(name, endpoint) for name in ("edit", "turn", "secret", "test")), page("replay", delivery)]
        for url in pages:
            assert (client.get(url).status_code, client.post(url, {"to": "off"}).status_code) == (403, 403), url
        assert WebhookEvent.objects.count() == 1

    def test_what_does_not_exist(self, staff_client: Client, make: Making) -> None:
        make()
        for name in ("edit", "turn", "secret", "test"):
            assert staff_client.get(f"/admin/shop/webhookendpoint/99999/{name}/").status_code == 404
        assert staff_client.get("/admin/shop/webhookdelivery/99999/replay/").status_code == 404
