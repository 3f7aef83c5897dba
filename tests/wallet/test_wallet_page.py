"""The Product wallet: what it holds, its lots and movements, and redeeming a license key (R21, R22, R30, R31)."""

import re
import uuid
from datetime import date
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from organizations.models import Organization
from products.models import LicenseKind
from tests.conftest import FrozenClock
from tests.factories import Books, issue
from wallet import keycode
from wallet.models import Redemption
from wallet.services import issue_license_keys, revoke_license_key

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)


@pytest.fixture
def registered(books: Books) -> Books:
    """Camera Station and Audio Manager, registered."""
    cache.clear()
    books.report(START, core=10, universal=4)
    books.report(START, product="audio-manager", system="Audio", audio=1)
    return books


def page(organization: Organization, stem: str = "product_wallet") -> str:
    """The address of a page of Camera Station's wallet."""
    return reverse(stem, args=[organization.slug, "camera-station"])


def send(client: Client, organization: Organization, key: str, token: str | None = None, **headers: str) -> Any:
    """Send the form."""
    return client.post(
        page(organization, "redeem_license_key"),
        {"license_key": key, "form_token": token or str(uuid.uuid4())},
        headers=headers,
    )


def test_it_shows_how_many_of_each_type_and_kind_and_the_lots_with_use_by(
    registered: Books, manager_client: Client, organization: Organization, frozen_clock: FrozenClock
) -> None:
    registered.redeem(START, core=10, universal=5)
    registered.redeem(START, kind=LicenseKind.HARDWARE, core=3)
    text = manager_client.get(page(organization)).content.decode()
    assert "Core device, subscription" in text
    assert "Core device, tied to hardware" in text
    # Entered on 1 March 2027: expires on 1 March 2032, use by the day before, a 29 February.
    assert text.count('datetime="2032-02-29"') == 3
    assert "expires within a year" not in text


def test_a_lot_is_marked_from_one_year_before_its_expiry_and_gone_on_it(
    registered: Books, manager_client: Client, organization: Organization, frozen_clock: FrozenClock
) -> None:
    registered.redeem(START, core=10)
    for day, marked in ((date(2031, 2, 28), False), (date(2031, 3, 1), True), (date(2032, 2, 29), True)):
        frozen_clock.move_to(day)
        text = manager_client.get(page(organization)).content.decode()
        assert ("expires within a year" in text) is marked
    frozen_clock.move_to(date(2032, 3, 1))
    text = manager_client.get(page(organization)).content.decode()
    assert "The Product wallet is empty" in text
    assert "Expired after five years in the wallet" in text


def test_redeeming_adds_all_licenses_and_says_which(
    registered: Books, manager_client: Client, organization: Organization
) -> None:
    [key] = issue_license_keys(
        product=registered.products["camera-station"],
        kind="subscription",
        licenses={"core-device": 10, "universal-device": 5},
        count=1,
        order_reference="PO-77",
        actor=None,
    )
    response = send(manager_client, organization, f"  {key.lower().replace('-', ' ')} ")
    assert (response.status_code, response["Location"]) == (303, page(organization))
    text = manager_client.get(page(organization)).content.decode()
    assert "Added to your Product wallet: 10 Core device, 5 Universal device licenses, use by Feb. 29, 2032." in text
    assert "PO-77" in text
    assert f"…{key[-5:]}" in text
    assert re.search(r"\+<a[^>]*>10</a>", text)


def test_what_was_added_is_written_as_the_language_writes_numbers(
    registered: Books, manager_client: Client, organization: Organization
) -> None:
    [key] = issue_license_keys(
        product=registered.products["camera-station"],
        kind="subscription",
        licenses={"core-device": 10_000},
        count=1,
        order_reference="PO-78",
        actor=None,
    )
    form = {"license_key": key, "form_token": str(uuid.uuid4()), "organization_name": organization.name}
    answer = manager_client.post(page(organization, "redeem_license_key"), form, follow=True)
    assert "Added to your Product wallet: 10,000 Core device licenses" in answer.content.decode()


def test_a_double_click_counts_once_and_both_answers_are_the_same(
    registered: Books, manager_client: Client, organization: Organization
) -> None:
    key, token = issue(registered.products["camera-station"], core=10), str(uuid.uuid4())
    for _time in range(2):
        assert send(manager_client, organization, key, token).status_code == 303
    assert Redemption.objects.count() == 1
    again = send(manager_client, organization, key)
    assert again.status_code == 422
    assert "already redeemed this license key" in again.content.decode()


def test_the_form_warns_that_there_is_no_transfer_with_the_organizations_name(
    registered: Books, manager_client: Client, organization: Organization
) -> None:
    text = manager_client.get(page(organization)).content.decode()
    assert "no way of transferring licenses" in text
    assert organization.name in text


def test_each_refusal_is_a_sentence_at_the_field_and_what_was_typed_is_kept(
    registered: Books, manager_client: Client, organization: Organization
) -> None:
    products = registered.products
    key = issue(products["camera-station"], core=1)
    revoked = issue(products["camera-station"], core=1)
    revoke_license_key(license_key=revoked, reason="returned")
    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
    cases = {
        "": "No license key was entered",
        wrong: "This license key is mistyped. Nothing was changed. Check here: group 5",
        "ABC": "not a whole license key",
        "U" * 25: "Symbol 1 is one that no license key contains",
        "é" * 300: "not a whole license key",
        revoked: "revoked by the vendor",
        issue(products["audio-manager"], audio=1): "This license key is for",
    }
    for typed, said in cases.items():
        response = send(manager_client, organization, typed)
        text = response.content.decode()
        assert response.status_code == 422
        assert said in text
        assert not typed or f'value="{typed}"' in text
        assert 'aria-invalid="true"' in text
    assert not Redemption.objects.exists()


@pytest.mark.parametrize(
    "typed", ["'; DROP TABLE", "<script>alert(1)</script>", "\t\r\n", "\u202e" * 30, "０" * 25, "😀" * 25, "-" * 5000]
)
def test_any_text_is_answered_with_a_sentence(
    registered: Books, manager_client: Client, organization: Organization, typed: str
) -> None:
    response = send(manager_client, organization, typed)
    assert response.status_code == 422
    assert "Nothing was changed" in response.content.decode()
    assert "<script>alert" not in response.content.decode()


def test_bytes_that_are_no_text_are_answered_with_4xx(
    registered: Books, manager_client: Client, organization: Organization
) -> None:
    for body in (b"license_key=%00%FF%FE", b"license_key=\xff\xfe", b"license_key=%ED%A0%80", b"=&=&%"):
        response = manager_client.post(
            page(organization, "redeem_license_key"), body, content_type="application/x-www-form-urlencoded"
        )
        assert 400 <= response.status_code < 500


@pytest.mark.parametrize("token", ["", "x", "0" * 500, "../../etc"])
def test_a_form_token_that_can_not_be_read_is_refused_and_a_fresh_one_given(
    registered: Books, manager_client: Client, organization: Organization, token: str
) -> None:
    key = issue(registered.products["camera-station"], core=10)
    response = manager_client.post(page(organization, "redeem_license_key"), {"license_key": key, "form_token": token})
    text = response.content.decode()
    assert response.status_code == 422
    assert key in text
    fresh = re.search(r'name="form_token" value="([0-9a-f-]{36})"', text)
    assert fresh
    assert send(manager_client, organization, key, fresh[1]).status_code == 303


def test_htmx_gets_the_form_alone_and_is_sent_to_the_wallet_after_success(
    registered: Books, manager_client: Client, organization: Organization
) -> None:
    htmx = {"HX-Request": "true"}
    response = send(manager_client, organization, "ABC", **htmx)
    text = response.content.decode().strip()
    assert response.status_code == 422
    assert text.startswith('<section class="panel" id="redeem-license-key"')
    done = send(manager_client, organization, issue(registered.products["camera-station"], core=1), **htmx)
    assert done["HX-Redirect"] == page(organization)


def test_unknown_keys_are_limited_and_mistyped_ones_are_not(
    registered: Books, manager_client: Client, organization: Organization, settings: object
) -> None:
    settings.LICENSE_KEY_TRIES_PER_HOUR = 3  # type: ignore[attr-defined]
    for _time in range(5):
        assert send(manager_client, organization, "AAAAA-AAAAA-AAAAA-AAAAA-AAAAA").status_code == 422
    for _time in range(3):
        response = send(manager_client, organization, keycode.generate("subscription"))
        assert "it is not known here" in response.content.decode()
    key = issue(registered.products["camera-station"], core=1)
    response = send(manager_client, organization, key)
    text = response.content.decode()
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 3600
    assert "Too many license keys" in text
    assert f'value="{key}"' in text
    assert not Redemption.objects.exists()


def test_a_viewer_looks_and_can_not_redeem(
    registered: Books, viewer_client: Client, organization: Organization
) -> None:
    assert 'name="license_key"' not in viewer_client.get(page(organization)).content.decode()
    assert send(viewer_client, organization, "ABC").status_code == 403


def test_a_stranger_gets_what_does_not_exist(
    registered: Books, outsider_client: Client, organization: Organization, other_organization: Organization
) -> None:
    assert outsider_client.get(page(organization)).status_code == 404
    assert outsider_client.get(page(other_organization)).status_code == 404
    assert send(outsider_client, organization, "ABC").status_code == 404


def test_movements_are_paged_by_key_and_a_page_that_can_not_be_read_is_the_first(
    registered: Books, manager_client: Client, organization: Organization, django_assert_num_queries: object
) -> None:
    for _time in range(23):
        registered.redeem(START, core=1)
    text = manager_client.get(page(organization)).content.decode()
    assert text.count("<span>License key redeemed") == 20
    link = re.search(r'href="([^"]*\?before=[0-9]+)#movements"', text)
    assert link
    assert manager_client.get(link[1]).content.decode().count("<span>License key redeemed") == 3
    for bad in ("x", "-1", "9" * 40, "１"):
        assert (
            manager_client.get(page(organization), {"before": bad}).content.decode().count("<span>License key redeemed")
            == 20
        )
    fragment = manager_client.get(link[1], headers={"HX-Request": "true"}).content.decode().strip()
    assert fragment.startswith('<section class="panel" id="movements"')


def test_older_movements_have_an_address_to_which_reloading_and_going_back_lead(
    registered: Books, manager_client: Client, organization: Organization
) -> None:
    for _time in range(21):
        registered.redeem(START, core=1)
    text = manager_client.get(page(organization)).content.decode()
    link = re.search(r'<a [^>]*hx-get="([^"]*\?before=[0-9]+)"[^>]*>', text)
    assert link and 'hx-push-url="true"' in link[0]
    for headers in ({}, {"HX-Request": "true", "HX-History-Restore-Request": "true"}):
        whole = manager_client.get(link[1], headers=headers).content.decode()
        assert "<html" in whole and whole.count("<span>License key redeemed") == 1


def test_lots_and_movements_are_filtered_each_by_its_own_and_the_form_of_one_keeps_what_the_other_asks(
    registered: Books, manager_client: Client, organization: Organization
) -> None:
    registered.redeem(START, core=7)
    registered.redeem(START, universal=3)
    registered.redeem(START, kind="hardware", core=2)

    def found(**asked: str) -> list[tuple[str, int]]:
        return [
            (lot.license_type, lot.quantity) for lot in manager_client.get(page(organization), asked).context["lots"]
        ]

    assert found() == [("Core device", 7), ("Universal device", 3), ("Core device", 2)]
    assert found(type="core-device", kind="subscription") == [("Core device", 7)]
    assert found(sort="quantity") == found()[::-1]
    assert found(type="no-such", kind="no-such", sort="no-such") == found()
    assert found(search="nothing-has-this") == []
    whole = manager_client.get(page(organization), {"kind": "hardware", "moved": "universal-device"})
    text = whole.content.decode()
    [movement] = whole.context["page"].movements
    assert [(line.license_type.code, line.quantity) for line in movement.lines] == [("universal-device", 3)]
    assert '<input type="hidden" name="moved" value="universal-device" form="lot-search">' in text
    assert '<input type="hidden" name="kind" value="hardware">' in text
    nothing = manager_client.get(page(organization), {"search": "nothing-has-this"}).content.decode()
    assert "No stored license matches." in nothing and "Nothing has moved yet" not in nothing


def test_the_number_of_queries_does_not_grow_with_lots_and_movements(
    registered: Books, manager_client: Client, organization: Organization, django_assert_max_num_queries: object
) -> None:
    for _time in range(15):
        registered.redeem(START, core=1, universal=1)
    # PostgreSQL has a savepoint and its release more.
    with django_assert_max_num_queries(23):  # type: ignore[operator]
        manager_client.get(page(organization))


def test_credit_days_are_explained_with_numbers(
    registered: Books, manager_client: Client, organization: Organization, frozen_clock: FrozenClock
) -> None:
    registered.start(START)
    registered.redeem(START, core=10, universal=4)
    day = date(2027, 12, 1)
    frozen_clock.move_to(day)
    # 274 days of each come back (see the licensing test): 2740 = 7 x 365 + 185.
    registered.allocate(day, {"core": 10, "universal": 4})
    text = " ".join(manager_client.get(page(organization)).content.decode().split())
    assert "Core device: 185 days.</a></strong> 180 more days make it a whole license of 365 days" in text
