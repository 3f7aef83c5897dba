"""A session that ended: whoever signs in comes back to a page, whatever was sent or asked for when it was found out."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from licensemgr.core.answers import page_at
from organizations.models import Organization
from tests.conftest import FrozenClock

pytestmark = pytest.mark.django_db
WALLET = "/o/harbour/products/camera-station/wallet/"
MEMBERS = "/o/harbour/members/"
HOST = "http://testserver"


def next_page(location: str) -> str:
    """Where signing in leads."""
    parts = urlsplit(location)
    assert parts.path == reverse("account_login")
    return parse_qs(parts.query)["next"][0]


@pytest.mark.parametrize(
    ("sent_to", "sent_from", "page"),
    [
        (f"{WALLET}redeem/", f"{HOST}{WALLET}?reason=redeemed", f"{WALLET}?reason=redeemed"),
        # From the answer to a form that was refused before.
        (f"{MEMBERS}invite/", f"{HOST}{MEMBERS}invite/", MEMBERS),
        (f"{MEMBERS}invite/", "", MEMBERS),
        (f"{MEMBERS}invite/", "https://evil.example/a", MEMBERS),
        # One whose address shows its page itself.
        (f"{WALLET}redeem/", f"{HOST}{WALLET}redeem/", f"{WALLET}redeem/"),
        (f"{MEMBERS}invite/", f"{HOST}{MEMBERS}?sort=-since", f"{MEMBERS}?sort=-since"),
        (f"{MEMBERS}7/role/", "", MEMBERS),
        ("/o/harbour/license-files.zip", f"{HOST}{WALLET}", WALLET),
        ("/o/harbour/lists/history/views/", "", "/o/harbour/"),
    ],
)
def test_a_form_leads_back_to_its_page(anonymous_client: Client, sent_to: str, sent_from: str, page: str) -> None:
    answer = anonymous_client.post(sent_to, headers={"Referer": sent_from} if sent_from else None)
    assert answer.status_code == 302
    assert next_page(answer["Location"]) == page


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_part_of_a_page_is_not_replaced_by_the_page_for_signing_in(anonymous_client: Client, method: str) -> None:
    """htmx follows a redirect by itself, and would put the whole page into the part."""
    url = f"{MEMBERS}?search=ann" if method == "get" else f"{WALLET}redeem/"
    headers = {"HX-Request": "true", "HX-Current-URL": f"{HOST}{MEMBERS}?role=viewer"}
    answer = getattr(anonymous_client, method)(url, headers=headers)
    assert answer.status_code == 200
    assert not answer.content
    assert next_page(answer["HX-Redirect"]) == f"{MEMBERS}?role=viewer"


@pytest.mark.parametrize("part", ["work", "work-indicator"])
def test_what_asks_by_itself_sends_nobody_away(anonymous_client: Client, part: str) -> None:
    headers = {"HX-Request": "true", "HX-Trigger": part, "HX-Current-URL": f"{HOST}{WALLET}"}
    answer = anonymous_client.get(reverse("work", args=["harbour"]), headers=headers)
    assert answer.status_code == 302
    assert "HX-Redirect" not in answer


def test_a_page_leads_back_to_itself_as_it_was_asked_for(anonymous_client: Client) -> None:
    answer = anonymous_client.get(f"{MEMBERS}?role=viewer", headers={"Referer": f"{HOST}/contact/"})
    assert next_page(answer["Location"]) == f"{MEMBERS}?role=viewer"


@pytest.mark.parametrize(
    ("url", "page"),
    [
        (f"{HOST}{MEMBERS}?page=2", f"{HOST}{MEMBERS}?page=2"),
        (f"{MEMBERS}invite/?a=b", MEMBERS),
        (f"{WALLET}?before=7#movements", f"{WALLET}?before=7#movements"),
        ("/nothing/of/ours/", "/nothing/of/ours/"),
        ("", ""),
    ],
)
def test_a_page_stands_at_or_above_an_address(url: str, page: str) -> None:
    assert page_at(url) == page


def test_a_form_that_was_refused_leads_to_its_page_in_another_language(
    administrator_client: Client, organization: Organization, frozen_clock: FrozenClock
) -> None:
    invite = reverse("invite_member", args=[organization.slug])
    assert administrator_client.post(invite, {"email": "no address"}).status_code == 422
    assert administrator_client.get(invite).status_code == 405
    answer = administrator_client.post(
        reverse("choose_language"), {"language": "sv", "next": invite}, headers={"Referer": f"{HOST}{invite}"}
    )
    assert administrator_client.get(answer["Location"]).status_code == 200
