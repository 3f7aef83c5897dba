"""Undoing a redemption on the pages: the list in the Product wallet, the confirmation, who may (R31, R33)."""

import re
from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from organizations.models import Organization
from tests.bad_input.conftest import unchanged
from tests.conftest import FrozenClock
from tests.factories import Books, register
from wallet.models import Policy, Redemption
from wallet.services import issue_license_keys, redeem_license_key, undo_redemption

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)
LAST_DAY = date(2027, 3, 8)
TOO_LATE = date(2027, 3, 9)


@pytest.fixture
def camera(books: Books) -> Books:
    """Camera Station with 3 core devices, started."""
    books.report(START, core=3)
    books.start(START)
    return books


def wallet(client: Client, organization: Organization) -> str:
    """The Product wallet's text with its markup."""
    return client.get(reverse("product_wallet", args=[organization.slug, "camera-station"])).content.decode()


def address(redemption: Redemption) -> str:
    """The page on which a redemption is undone."""
    return reverse(
        "undo_redemption", args=[redemption.organization.slug, "camera-station", redemption.transfer.sequence]
    )


def words(response: Any) -> str:
    """The page's text, without markup."""
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


def section(text: str) -> str:
    """The list of young redemptions on the wallet's page."""
    found = re.search(r'<section class="panel" id="undos".*?</section>', text, re.DOTALL)
    assert found
    return " ".join(re.sub(r"<[^>]*>", " ", found[0]).split())


class TestTheList:
    def test_it_says_what_and_until_when_and_leads_an_administrator_to_the_page(
        self, camera: Books, administrator_client: Client, organization: Organization
    ) -> None:
        redemption = camera.redeem(START, core=10, universal=2)
        text = wallet(administrator_client, organization)
        assert f"…{redemption.license_key.tail}" in section(text)
        assert "10 Core device 2 Universal device March 8, 2027" in section(text)
        assert f'href="{address(redemption)}"' in text

    def test_it_says_why_not(self, camera: Books, administrator_client: Client, organization: Organization) -> None:
        redemption = camera.redeem(START, core=4)
        camera.allocate(START, {"core": 3})
        text = wallet(administrator_client, organization)
        assert "Not now: 3 of them are no longer in the wallet." in section(text)
        assert address(redemption) not in text

    def test_others_see_no_button(
        self, camera: Books, manager_client: Client, viewer_client: Client, organization: Organization
    ) -> None:
        redemption = camera.redeem(START, core=4)
        for client in (manager_client, viewer_client):
            text = wallet(client, organization)
            assert "An administrator of the organization does that." in section(text)
            assert "Undo redemption" not in text
            assert address(redemption) not in text

    def test_after_the_last_day_when_undone_and_when_staff_switched_it_off_it_is_gone(
        self, camera: Books, administrator_client: Client, organization: Organization, frozen_clock: FrozenClock
    ) -> None:
        redemption = camera.redeem(START, core=4)
        for day, listed in ((LAST_DAY, True), (TOO_LATE, False)):
            frozen_clock.move_to(day)
            assert ('id="undos"' in wallet(administrator_client, organization)) is listed
        frozen_clock.move_to(START)
        Policy.objects.create(pk=1, undo_is_on=False)
        assert 'id="undos"' not in wallet(administrator_client, organization)
        Policy.objects.update(undo_is_on=True)
        undo_redemption(redemption=redemption, actor=None, on=START)
        assert 'id="undos"' not in wallet(administrator_client, organization)

    def test_the_movements_tell_what_was_undone_and_released_in_plain_words(
        self, camera: Books, administrator_client: Client, organization: Organization
    ) -> None:
        camera.redeem(START, core=6)
        camera.allocate(START, {"core": 3}, {"core": 3})
        camera.release(START, 1)
        mistaken = camera.redeem(START, core=2)
        undo_redemption(redemption=mistaken, actor=None, on=START)
        text = words(administrator_client.get(reverse("product_wallet", args=[organization.slug, "camera-station"])))
        assert f"Redemption undone Key …{mistaken.license_key.tail} − 2 Core device" in text
        assert "Returned from a coming subscription year + 3 Core device" in text


class TestThePage:
    def test_it_names_what_will_happen_and_to_which_organization(
        self, camera: Books, administrator_client: Client, organization: Organization
    ) -> None:
        redemption = camera.redeem(START, core=10, universal=1)
        with unchanged():
            text = words(administrator_client.get(address(redemption)))
        assert f"Undo the redemption of license key …{redemption.license_key.tail}?" in text
        assert "Organization Harbour Cameras" in text
        assert "Core device 10 licenses Universal device 1 license" in text
        assert "Can be undone until March 8, 2027" in text
        assert "whole again: it can be redeemed once more, in this organization or in another" in text
        assert "Redeem by" not in text

    def test_confirmed_twice_it_is_undone_once_with_the_same_answer(
        self, camera: Books, administrator_client: Client, organization: Organization
    ) -> None:
        redemption = camera.redeem(START, core=10)
        for _time in range(2):
            response = administrator_client.post(address(redemption))
            assert response.status_code == 303
            told = administrator_client.get(response["Location"]).content.decode()
            assert f"The redemption of license key …{redemption.license_key.tail} is undone" in told
        assert camera.stand(START).wallet["subscription"]["core-device"] == 0
        redemption.refresh_from_db()
        assert redemption.undone_by is not None
        # Whoever comes back to the page later reads the same.
        assert administrator_client.get(address(redemption)).status_code == 303

    @pytest.mark.parametrize(("redeem_by", "is_over"), [(date(2027, 3, 4), True), (date(2027, 3, 5), False)])
    def test_a_redeem_by_that_is_over_is_warned_of(
        self,
        camera: Books,
        administrator_client: Client,
        organization: Organization,
        frozen_clock: FrozenClock,
        redeem_by: date,
        is_over: bool,
    ) -> None:
        [key] = issue_license_keys(
            product=camera.products["camera-station"],
            kind="subscription",
            licenses={"core-device": 1},
            count=1,
            redeem_by=redeem_by,
            actor=None,
        )
        redemption = redeem_license_key(registered_product=camera.registered(), license_key=key, actor=None, on=START)
        frozen_clock.move_to(date(2027, 3, 5))
        text = words(administrator_client.get(address(redemption)))
        assert f"Redeem by March {redeem_by.day}, 2027" in text
        assert ("nobody can redeem it any more" in text) is is_over
        assert ("whole again" in text) is not is_over

    def test_what_can_not_be_undone_says_why_and_offers_no_button(
        self, camera: Books, administrator_client: Client, organization: Organization, frozen_clock: FrozenClock
    ) -> None:
        redemption = camera.redeem(START, core=4)
        camera.allocate(START, {"core": 3})
        reasons = [("3 licenses of this key are no longer in the wallet", START), ("until March 8, 2027", TOO_LATE)]
        for said, day in reasons:
            frozen_clock.move_to(day)
            camera.settle(day)
            for method in (administrator_client.get, administrator_client.post):
                with unchanged():
                    response = method(address(redemption))
                assert response.status_code == 422
                assert said in words(response)
                assert "Confirm" not in words(response)

    def test_only_an_administrator_may(
        self,
        camera: Books,
        manager_client: Client,
        viewer_client: Client,
        outsider_client: Client,
        anonymous_client: Client,
    ) -> None:
        redemption = camera.redeem(START, core=4)
        clients = ((manager_client, 403), (viewer_client, 403), (outsider_client, 404), (anonymous_client, 302))
        for client, status in clients:
            for method in (client.get, client.post):
                with unchanged():
                    assert method(address(redemption)).status_code == status

    def test_numbers_that_are_no_redemption_of_this_product_lead_nowhere(
        self,
        camera: Books,
        administrator_client: Client,
        organization: Organization,
        other_organization: Organization,
    ) -> None:
        camera.redeem(START, core=3)
        allocation = camera.allocate(START, {"core": 3})
        camera.report(START, product="audio-manager", system="Audio", audio=1)
        audio = camera.redeem(START, product="audio-manager", audio=1)
        theirs = Books(other_organization)
        register(other_organization, camera.products["camera-station"], on=START, system="Other", core=1)
        for _time in range(5):
            last = theirs.redeem(START, core=1)
        for number in (allocation.transfer.sequence, audio.transfer.sequence, last.transfer.sequence, 0, 2**70):
            url = reverse("undo_redemption", args=[organization.slug, "camera-station", number])
            for method in (administrator_client.get, administrator_client.post):
                with unchanged():
                    assert method(url).status_code == 404
