"""A key is looked at before it is redeemed, and what was done by mistake is taken back, at the browser (R33, R34)."""

from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client
from playwright.sync_api import expect

from organizations.models import Organization
from tests.conftest import FrozenClock
from tests.factories import Books, check_conservation, issue
from tests.journeys.conftest import START, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def administrator_at_browser(visit: Callable[..., Visitor], administrator_client: Client, javascript: bool) -> Visitor:
    """The administrator at a browser, once with and once without JavaScript."""
    return visit(administrator_client, java_script_enabled=javascript)


def test_a_key_is_checked_and_redeemed_one_click_later(
    manager_at_browser: Visitor, camera: Books, organization: Organization
) -> None:
    visitor = manager_at_browser.open("product_wallet", organization.slug, "camera-station")
    key = issue(camera.products["camera-station"], core=12, universal=3)
    visitor.key_field.fill(key)
    visitor.button("Check license key").click()
    visitor.heading("What this license key carries")
    visitor.reads("12 licenses")
    visitor.reads("This license key fits this Product wallet. Nothing has been redeemed yet.")
    expect(visitor.key_field).to_have_value(key)
    assert key not in visitor.page.url
    assert camera.stand(START).wallet["subscription"]["core-device"] == 0
    visitor.button("Redeem license key").click()
    visitor.reads("The license key was redeemed.")
    assert camera.stand(START).wallet["subscription"]["core-device"] == 12


def test_what_was_said_of_one_key_does_not_stand_above_the_refusal_of_the_next(
    manager_at_browser: Visitor, camera: Books, organization: Organization
) -> None:
    visitor = manager_at_browser.open("product_wallet", organization.slug, "camera-station")
    key = issue(camera.products["camera-station"], core=12)
    visitor.redeem(key)
    visitor.key_field.fill(key)
    visitor.button("Redeem license key").click()
    visitor.reads("already redeemed")
    expect(visitor.page.get_by_text("The license key was redeemed.")).to_have_count(0)


def test_many_licenses_are_redeemed_once_the_organizations_name_is_typed(
    manager_at_browser: Visitor, camera: Books, organization: Organization
) -> None:
    visitor = manager_at_browser.open("product_wallet", organization.slug, "camera-station")
    visitor.key_field.fill(issue(camera.products["camera-station"], core=100))
    visitor.button("Redeem license key").click()
    visitor.heading("What this license key carries")
    name = visitor.page.get_by_label("Name of the organization")
    name.fill("Other Port")
    visitor.button("Redeem license key").click()
    visitor.reads("To redeem it, type the name of the organization: Harbour Cameras.")
    expect(visitor.key_field).not_to_be_editable()
    name.fill(" harbour cameras ")
    visitor.button("Redeem license key").click()
    visitor.reads("Added to your Product wallet: 100 Core device licenses")
    assert camera.stand(START).wallet["subscription"]["core-device"] == 100


def test_a_redemption_is_undone_from_the_wallet_and_the_key_redeemed_again(
    administrator_at_browser: Visitor, camera: Books, organization: Organization
) -> None:
    visitor = administrator_at_browser.open("product_wallet", organization.slug, "camera-station")
    key = issue(camera.products["camera-station"], core=7)
    visitor.redeem(key)
    visitor.link("Undo redemption", exact=False).click()
    visitor.heading(f"Undo the redemption of license key …{key[-5:]}?")
    visitor.reads("Harbour Cameras")
    visitor.button("Confirm").click()
    visitor.reads(f"The redemption of license key …{key[-5:]} is undone")
    visitor.reads("The Product wallet is empty")
    assert camera.stand(START).wallet["subscription"]["core-device"] == 0
    visitor.redeem(key)
    assert camera.stand(START).wallet["subscription"]["core-device"] == 7
    check_conservation(organization)


def test_a_redemption_is_undone_from_its_entry_on_history(
    administrator_at_browser: Visitor, camera: Books, organization: Organization, frozen_clock: FrozenClock
) -> None:
    redemption = camera.redeem(START, core=7)
    frozen_clock.move_to(date(2027, 3, 8))
    visitor = administrator_at_browser.open("history", organization.slug)
    visitor.link("Undo redemption").click()
    visitor.reads("March 8, 2027")
    visitor.button("Confirm").click()
    visitor.reads("is undone")
    visitor.open("history", organization.slug)
    visitor.reads(f"The redemption of license key …{redemption.license_key.tail} on March 1, 2027 was undone")
    expect(visitor.link("Undo redemption")).to_have_count(0)


def test_a_coming_year_is_released_from_product_licensing_and_allocated_anew(
    manager_at_browser: Visitor, licensed: Books, organization: Organization
) -> None:
    licensed.redeem(START, core=10, universal=4)
    licensed.allocate(START, {}, {"core": 10, "universal": 4})
    visitor = manager_at_browser.open("product_licensing", organization.slug, "camera-station")
    visitor.link("Release this year", exact=False).click()
    visitor.heading("Release the year March 1, 2028 to Feb. 28, 2029?")
    visitor.reads("nothing is compensated")
    visitor.button("Confirm").click()
    visitor.reads("14 licenses went back to the Product wallet.")
    expect(visitor.link("Release this year", exact=False)).to_have_count(0)
    assert licensed.stand(START).wallet["subscription"] == {"core-device": 10, "universal-device": 4}
    visitor.quantity("Core device", "2028-03-01").fill("10")
    visitor.quantity("Universal device", "2028-03-01").fill("4")
    visitor.button("Confirm allocation").click()
    visitor.heading("Left in the Product wallet")
    visitor.button("Confirm").click()
    visitor.reads("14 licenses were allocated.")


def test_a_coming_year_is_released_from_the_wallet_with_a_tick_for_what_expires(
    manager_at_browser: Visitor, started: Books, organization: Organization, frozen_clock: FrozenClock
) -> None:
    # 10 core and 4 universal devices. Year 6 begins on 1 March 2033; its licenses came from a lot that expired in 2032.
    started.redeem(START, core=70, universal=28)
    started.allocate(START, {"core": 10, "universal": 4})
    renewal = date(2028, 3, 1)
    started.allocate(renewal, *[{"core": 10, "universal": 4}] * 6)
    frozen_clock.move_to(date(2032, 6, 1))
    visitor = manager_at_browser.open("product_wallet", organization.slug, "camera-station")
    visitor.link("Release a coming year").click()
    visitor.heading("Release the year March 1, 2033 to Feb. 28, 2034?")
    visitor.button("Confirm").click()
    visitor.reads("14 licenses would expire at once. Nothing was changed. Tick the box if that is what you want.")
    visitor.page.get_by_label("14 licenses expire at once", exact=False).check()
    visitor.button("Confirm").click()
    visitor.reads("14 licenses went back to the Product wallet. 14 of them expired at once.")
    check_conservation(organization)
