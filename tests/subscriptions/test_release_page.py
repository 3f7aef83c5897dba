"""Releasing a coming year on the pages: the ways to it, what it shows, its Confirm, its refusals (R20, R34)."""

import re
import uuid
from datetime import date
from typing import Any

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse

from organizations.models import Organization
from subscriptions.models import Release
from tests.bad_input.conftest import confirmation_in, unchanged
from tests.conftest import FrozenClock
from tests.factories import Books
from wallet.models import Policy

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)
YEAR_1 = date(2028, 3, 1)
HTMX = {"HX-Request": "true"}


@pytest.fixture
def ahead(books: Books) -> Books:
    """3 core and 1 universal device, started on 1 March 2027, and the years 0, 1 and 2 allocated from one redemption."""
    books.report(START, core=3, universal=1)
    books.start(START)
    books.redeem(START, core=12, universal=5)
    books.allocate(START, *[{"core": 3, "universal": 1}] * 3)
    return books


@pytest.fixture
def old(books: Books, frozen_clock: FrozenClock) -> Books:
    """1 June 2032: of year 6, which begins in 2033, one license came from a lot that has expired and two from a younger."""
    books.report(START, core=3)
    books.start(START)
    books.redeem(START, core=19)
    books.allocate(START, {"core": 3})
    books.redeem(YEAR_1, core=9)
    books.allocate(YEAR_1, *[{"core": 3}] * 6)
    frozen_clock.move_to(date(2032, 6, 1))
    return books


def address(organization: Organization, number: int, product: str = "camera-station") -> str:
    """The page on which a year is released."""
    return reverse("release_year", args=[organization.slug, product, number])


def licensing(organization: Organization) -> str:
    """Product licensing."""
    return reverse("product_licensing", args=[organization.slug, "camera-station"])


def words(response: Any) -> str:
    """The page's text, without markup."""
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


class TestTheWayThere:
    def test_from_product_licensing_at_the_last_allocated_coming_year_only(
        self, ahead: Books, manager_client: Client, organization: Organization
    ) -> None:
        text = manager_client.get(licensing(organization)).content.decode()
        assert re.findall(r'href="([^"]*/release/)"', text) == [address(organization, 2)]
        assert "until Feb. 28, 2029" in text
        ahead.release(START, 2)
        ahead.release(START, 1)
        assert "/release/" not in manager_client.get(licensing(organization)).content.decode()

    def test_from_the_product_wallet_by_a_link(
        self, ahead: Books, manager_client: Client, organization: Organization
    ) -> None:
        way = reverse("releasable_year", args=[organization.slug, "camera-station"])
        wallet = manager_client.get(reverse("product_wallet", args=[organization.slug, "camera-station"]))
        assert f'href="{way}"' in wallet.content.decode()
        assert manager_client.get(way)["Location"] == address(organization, 2)

    def test_where_there_is_none_the_link_leads_to_licensing(
        self, books: Books, manager_client: Client, organization: Organization
    ) -> None:
        books.report(START, core=1)
        way = reverse("releasable_year", args=[organization.slug, "camera-station"])
        response = manager_client.get(way, follow=True)
        assert response.redirect_chain == [(licensing(organization), 302)]
        assert "Nothing is allocated to a coming year" in words(response)

    def test_who_only_looks_sees_no_way(
        self, ahead: Books, viewer_client: Client, outsider_client: Client, organization: Organization
    ) -> None:
        for url in (licensing(organization), reverse("product_wallet", args=[organization.slug, "camera-station"])):
            assert "/release/" not in viewer_client.get(url).content.decode()
        confirmation = {"confirmation": "x"}
        for url in (address(organization, 2), reverse("releasable_year", args=[organization.slug, "camera-station"])):
            assert viewer_client.get(url).status_code == 403
            assert outsider_client.get(url).status_code == 404
        assert viewer_client.post(address(organization, 2), confirmation).status_code == 403
        assert outsider_client.post(address(organization, 2), confirmation).status_code == 404


class TestThePage:
    def test_it_shows_days_lots_with_their_dates_the_organization_and_that_nothing_is_compensated(
        self, ahead: Books, manager_client: Client, organization: Organization
    ) -> None:
        with unchanged():
            response = manager_client.get(address(organization, 2))
        text = words(response)
        assert response.status_code == 200
        assert "Release the year March 1, 2029 to Feb. 28, 2030?" in text
        assert "Organization Harbour Cameras" in text
        assert "Licenses that go back 4" in text
        # Entered on 1 March 2027, so use by the last day of February 2032.
        assert "Core device 3 March 1, 2027 Feb. 29, 2032 Universal device 1 March 1, 2027 Feb. 29, 2032" in text
        assert "nothing is compensated" in text
        assert "accept_expiry" not in response.content.decode()

    def test_confirmed_twice_it_counts_once_with_the_same_answer(
        self, ahead: Books, manager_client: Client, organization: Organization
    ) -> None:
        sealed = confirmation_in(manager_client.get(address(organization, 2)))
        for _time in range(2):
            response = manager_client.post(address(organization, 2), {"confirmation": sealed})
            assert (response.status_code, response["Location"]) == (303, licensing(organization))
            assert "4 licenses went back to the Product wallet." in words(manager_client.get(response["Location"]))
        assert Release.objects.count() == 1
        assert ahead.stand(START).wallet["subscription"] == {"core-device": 6, "universal-device": 3}

    def test_a_year_out_of_order_says_which_one_first_and_leads_there(
        self, ahead: Books, manager_client: Client, organization: Organization
    ) -> None:
        response = manager_client.get(address(organization, 1))
        assert response.status_code == 422
        assert "The year March 1, 2029 to Feb. 28, 2030 has to be released first" in words(response)
        assert f'href="{address(organization, 2)}"' in response.content.decode()
        assert "Confirm" not in words(response)

    def test_years_that_can_not_be_released_say_why(
        self, ahead: Books, manager_client: Client, organization: Organization, frozen_clock: FrozenClock
    ) -> None:
        said = {0: "not a coming year any more", 3: "Nothing is allocated to this year", 10**30: "Nothing is allocated"}
        for number, sentence in said.items():
            for method in (manager_client.get, manager_client.post):
                with unchanged():
                    response = method(address(organization, number))
                assert response.status_code == 422
                assert sentence in words(response)
        Policy.objects.create(pk=1, release_is_on=False)
        assert "can't be released in this portal" in words(manager_client.get(address(organization, 2))).replace(
            "&#x27;", "'"
        )

    def test_on_the_first_day_the_page_says_that_the_year_has_begun(
        self, ahead: Books, manager_client: Client, organization: Organization, frozen_clock: FrozenClock
    ) -> None:
        frozen_clock.move_to(date(2028, 2, 29))
        ahead.release(date(2028, 2, 29), 2)
        sealed = confirmation_in(manager_client.get(address(organization, 1)))
        frozen_clock.move_to(YEAR_1)
        with unchanged():
            response = manager_client.post(address(organization, 1), {"confirmation": sealed})
        assert response.status_code == 422
        assert "March 1, 2028 is not a coming year any more. Nothing was changed." in words(response)


class TestTheTick:
    def test_licenses_that_would_expire_at_once_are_marked_and_need_a_tick_of_their_own(
        self, old: Books, manager_client: Client, organization: Organization
    ) -> None:
        response = manager_client.get(address(organization, 6))
        text = words(response)
        assert "Core device 1 March 1, 2027 Feb. 29, 2032 expires at once" in text
        assert "Core device 2 March 1, 2028 Feb. 28, 2033" in text
        assert text.count("expires at once") == 2
        box = re.search(r'<input type="checkbox" name="accept_expiry"[^>]*>', response.content.decode())
        assert box is not None and "checked" not in box[0]
        sealed = confirmation_in(response)
        for tick in ("", "off", "true"):
            with unchanged():
                refused = manager_client.post(address(organization, 6), {"confirmation": sealed, "accept_expiry": tick})
            assert refused.status_code == 422
            assert "1 license would expire at once. Nothing was changed. Tick the box" in words(refused)
            assert 'aria-invalid="true"' in refused.content.decode()
        response = manager_client.post(address(organization, 6), {"confirmation": sealed, "accept_expiry": "on"})
        assert response.status_code == 303
        assert "3 licenses went back to the Product wallet. 1 of them expired at once." in words(
            manager_client.get(response["Location"])
        )
        assert old.stand(date(2032, 6, 1)).wallet["subscription"]["core-device"] == 9


class TestAsShown:
    def test_what_changed_meanwhile_is_shown_anew_with_a_confirm_of_its_own(
        self, ahead: Books, manager_client: Client, organization: Organization, frozen_clock: FrozenClock
    ) -> None:
        sealed = confirmation_in(manager_client.get(address(organization, 2)))
        frozen_clock.move_to(date(2027, 3, 2))
        with unchanged():
            response = manager_client.post(address(organization, 2), {"confirmation": sealed})
        assert response.status_code == 409
        text = words(response)
        assert "so nothing was returned. Today is March 2, 2027 now. Look at the page again" in text
        assert "Licenses that go back 4" in text
        fresh = confirmation_in(response)
        assert fresh != sealed
        assert manager_client.post(address(organization, 2), {"confirmation": fresh}).status_code == 303

    def test_a_confirmation_of_another_page_or_by_nobody_is_refused(
        self, ahead: Books, manager_client: Client, administrator_client: Client, organization: Organization
    ) -> None:
        ahead.report(START, product="audio-manager", system="Audio", audio=1)
        ahead.start(START, product="audio-manager")
        ahead.redeem(START, product="audio-manager", audio=9)
        ahead.allocate(START, *[{"audio": 1}] * 3, product="audio-manager")
        other_product = confirmation_in(manager_client.get(address(organization, 2, "audio-manager")))
        own = confirmation_in(manager_client.get(address(organization, 2)))
        forged = signing.dumps({"number": 2, "facts": {}, "nonce": str(uuid.uuid4())}, salt="another", compress=True)
        for sealed in ("", "x", "a:b:c", ".eJw:x:y", other_product, forged, own[:-1], own + "é"):
            with unchanged():
                response = manager_client.post(address(organization, 2), {"confirmation": sealed})
            assert response.status_code == 422, sealed
            assert "This confirmation can&#x27;t be read. Nothing was changed." in words(response)
            # What could be confirmed stands below, once more.
            assert "Licenses that go back 4" in words(response)
        # Sealed for year 2 and sent to the address of year 1, of which the same licenses would go back.
        ahead.release(START, 2)
        with unchanged():
            assert manager_client.post(address(organization, 1), {"confirmation": own}).status_code == 422
