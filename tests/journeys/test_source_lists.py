"""One journey for each numbered list of the source, by the source's own names and in no more steps than it has.

Each is done by three hands: the mouse, the keyboard alone, and without JavaScript (hands.py).
"""

import re
from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client
from playwright.sync_api import expect

from organizations.models import Organization
from products.models import Product
from tests.conftest import FrozenClock
from tests.factories import PASSWORD, Books, check_conservation, issue
from tests.journeys.conftest import START, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_buy_licenses(camera: Books, by_hand: Visitor, organization: Organization) -> None:
    """Go to Product list and click on the link Where to buy licenses."""
    visitor = by_hand.open("product_list", organization.slug)
    visitor.hand.press(visitor.link("Where to buy licenses"))
    visitor.heading("Where to buy licenses")
    visitor.hand.took_at_most(1)
    visitor.hand.select(visitor.page.get_by_label("Country"), "Sweden")
    visitor.hand.press(visitor.button("Search"))
    visitor.reads("Sweden")


def test_see_how_many_licenses_you_need(started: Books, by_hand: Visitor, organization: Organization) -> None:
    """Product list, Product licensing, Allocate licenses > Current need: the amount and type for the coming years."""
    visitor = by_hand.open("product_list", organization.slug).choose_product()
    visitor.hand.press(visitor.tab("Product licensing"))
    visitor.hand.took_at_most(2)
    visitor.heading("Allocate licenses")
    expect(visitor.page.get_by_role("columnheader", name="Current need")).to_be_visible()
    needs = visitor.page.locator("td[data-label='Current need']")
    expect(needs).to_have_text(["10", "4"] * 6)
    visitor.reads("March 1, 2027")
    visitor.reads("Feb. 28, 2033")


def test_store_licenses_for_future_use(
    started: Books, by_hand: Visitor, organization: Organization, camera_station: Product
) -> None:
    """Licenses that are not allocated stay in the wallet; the Product wallet shows the number in storage, and use by."""
    visitor = by_hand.open("product_list", organization.slug).choose_product()
    visitor.hand.press(visitor.tab("Product wallet"))
    visitor.hand.took_at_most(2)
    visitor.redeem(issue(camera_station, core=25, universal=9))
    values = visitor.page.locator(".stat__value")
    expect(values).to_have_text(["25", "9"])
    visitor.heading("Stored licenses")
    visitor.reads("Feb. 29, 2032")


def test_review_activity_history(
    camera: Books, by_hand: Visitor, organization: Organization, camera_station: Product
) -> None:
    """Go to History: who allocated licenses or redeemed a license key, and when."""
    visitor = by_hand.open("product_wallet", organization.slug, "camera-station")
    key = issue(camera_station, core=5)
    visitor.redeem(key)
    visitor.hand.steps.clear()
    visitor.hand.press(visitor.page.get_by_role("banner").get_by_role("link", name="History"))
    visitor.hand.took_at_most(1)
    visitor.heading("History")
    row = visitor.page.get_by_role("row").filter(has_text="License key redeemed")
    expect(row).to_contain_text("March 1, 2027")
    expect(row).to_contain_text("Pat Person")
    expect(row).to_contain_text(key[-5:])
    visitor.hand.select(visitor.page.get_by_role("combobox", name="What"), "Organization created")
    visitor.hand.press(visitor.button("Show"))
    expect(row).to_have_count(0)
    visitor.reads("Organization created")


def test_start_a_subscription(
    camera: Books, by_hand: Visitor, organization: Organization, outsider_client: Client
) -> None:
    """My Systems, Licenses, the organization in the top bar, the product, Product overview, Start your subscription."""
    visitor = by_hand.open("my_systems")
    visitor.heading("My Systems")
    visitor.hand.press(visitor.link("Licenses", exact=False))
    visitor.choose_organization("Harbour Cameras")
    visitor.heading("Product list")
    visitor.choose_product()
    expect(visitor.tab("Product overview")).to_have_attribute("aria-current", "page")
    visitor.hand.press(visitor.link("Start your subscription"))
    visitor.reads("there is currently no way of transferring licenses between organizations")
    visitor.reads("March 31, 2027")
    visitor.hand.press(visitor.button("Start your subscription"))
    # The source's first step is to go to My Systems and on to Licenses, and its third one to check the organization.
    visitor.hand.took_at_most(5)
    status = visitor.page.get_by_role("region", name="License status")
    expect(status).to_contain_text("Subscription has started")
    expect(status).to_contain_text("March 31, 2027")


def test_redeem_license_key(
    started: Books, by_hand: Visitor, organization: Organization, camera_station: Product
) -> None:
    """The product, Product wallet, type or paste the license key, Redeem license key."""
    visitor = by_hand.open("product_list", organization.slug).choose_product()
    visitor.hand.press(visitor.tab("Product wallet"))
    visitor.reads("there is currently no way of transferring licenses between organizations")
    key = issue(camera_station, core=10, universal=4)
    visitor.redeem(f" {key.lower().replace('-', ' ')} ")
    visitor.hand.took_at_most(4)
    expect(visitor.page.locator(".stat__value")).to_have_text(["10", "4"])
    assert started.stand(START).wallet["subscription"]["core-device"] == 10
    check_conservation(organization)


def test_a_mistyped_license_key_and_a_used_one_are_told_apart(
    started: Books, by_hand: Visitor, organization: Organization, camera_station: Product
) -> None:
    """What was typed stays, and the focus is where it can be put right."""
    visitor = by_hand.open("product_wallet", organization.slug, "camera-station")
    key = issue(camera_station, core=10, universal=4)
    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
    visitor.hand.fill(visitor.key_field, wrong)
    visitor.hand.press(visitor.button("Redeem license key"))
    visitor.reads("This license key is mistyped.")
    expect(visitor.key_field).to_have_value(wrong)
    visitor.redeem(key)
    visitor.hand.fill(visitor.key_field, key)
    visitor.hand.press(visitor.button("Redeem license key"))
    visitor.reads("March 1, 2027")
    expect(visitor.key_field).to_have_value(key)
    assert started.stand(START).wallet["subscription"]["core-device"] == 10
    check_conservation(organization)


def test_allocate_subscription_licenses(started: Books, by_hand: Visitor, organization: Organization) -> None:
    """Product licensing, the number that matches the Current need, Confirm allocation, Confirm: now licensed."""
    started.redeem(START, core=10, universal=4)
    visitor = by_hand.open("product_list", organization.slug).choose_product()
    visitor.hand.press(visitor.tab("Product licensing"))
    visitor.heading("Allocate subscription licenses")
    visitor.hand.fill(visitor.quantity("Core device", "2027-03-01"), "10")
    visitor.hand.fill(visitor.quantity("Universal device", "2027-03-01"), "4")
    visitor.hand.press(visitor.button("Confirm allocation"))
    visitor.heading("Confirm allocation")
    visitor.reads("March 1, 2027")
    visitor.reads("Feb. 29, 2028")
    visitor.hand.press(visitor.button("Confirm"))
    visitor.reads("Your product is now licensed.")
    visitor.hand.took_at_most(5)
    visitor.hand.press(visitor.tab("Product overview"))
    expect(visitor.page.get_by_role("region", name="License status")).to_contain_text("Licensed until")
    assert started.stand(START).is_licensed
    check_conservation(organization)


def test_confirm_allocation_is_not_available_without_enough_licenses(
    started: Books, manager_at_browser: Visitor, organization: Organization, javascript: bool
) -> None:
    """If that option isn't available, you haven't enough licenses in your product wallet: the page says how many."""
    started.redeem(START, core=7, universal=4)
    visitor = manager_at_browser.open("product_licensing", organization.slug, "camera-station")
    visitor.page.get_by_role("button", name="Fill all years with what is missing").click()
    if not javascript:
        visitor.button("Confirm allocation").click()
        visitor.reads("Nothing was allocated")
    else:
        expect(visitor.button("Confirm allocation")).to_have_attribute("aria-disabled", "true")
        visitor.reads("60 entered, 7 in the Product wallet, so 53 missing there.")
        visitor.button("Confirm allocation").click(force=True)
        visitor.heading("Allocate subscription licenses")
    expect(visitor.button("Confirm")).to_have_count(0)
    expect(visitor.quantity("Core device", "2027-03-01")).to_have_value("10")
    assert started.stand(START).years[0].allocated_total == 0


def test_renew_subscriptions(
    licensed: Books, by_hand: Visitor, organization: Organization, frozen_clock: FrozenClock
) -> None:
    """At the renewal date there is a new grace period; allocate for the new year, and the product is licensed again."""
    licensed.redeem(START, core=10, universal=4)
    frozen_clock.move_to(date(2028, 3, 1))
    visitor = by_hand.open("product_list", organization.slug)
    visitor.reads("Renewal grace period")
    visitor.choose_product()
    visitor.reads("March 31, 2028")
    visitor.hand.press(visitor.tab("Product licensing"))
    visitor.hand.fill(visitor.quantity("Core device", "2028-03-01"), "10")
    visitor.hand.fill(visitor.quantity("Universal device", "2028-03-01"), "4")
    visitor.hand.press(visitor.button("Confirm allocation"))
    visitor.hand.press(visitor.button("Confirm"))
    visitor.reads("Your product is now licensed.")
    visitor.hand.took_at_most(6)
    check_conservation(organization)


def test_renew_ahead_of_time_with_a_maximum_of_five_years(
    licensed: Books, by_hand: Visitor, organization: Organization, frozen_clock: FrozenClock
) -> None:
    """The five years after the current one are filled at once; a year later the product is licensed without a grace."""
    licensed.redeem(START, core=50, universal=20)
    visitor = by_hand.open("product_licensing", organization.slug, "camera-station")
    visitor.hand.press(visitor.page.get_by_role("button", name="Fill all years with what is missing"))
    expect(visitor.quantity("Core device", "2032-03-01")).to_have_value("10")
    visitor.hand.press(visitor.button("Confirm allocation"))
    visitor.reads("70 licenses of Camera Station are allocated")
    visitor.hand.press(visitor.button("Confirm"))
    visitor.reads("70 licenses were allocated.")
    visitor.reads("Nothing is missing: this year and the five after it hold what they need.")
    frozen_clock.move_to(date(2028, 3, 1))
    visitor.open("product_overview", organization.slug, "camera-station")
    status = visitor.page.get_by_role("region", name="License status")
    expect(status).to_contain_text("Licensed until Feb. 28, 2033.")
    check_conservation(organization)


def test_add_devices_during_subscription(
    visit: Callable[..., Visitor],
    books: Books,
    manager_client: Client,
    organization: Organization,
    javascript: bool,
    camera_station: Product,
    frozen_clock: FrozenClock,
) -> None:
    """Devices are added without licenses at once; the need of the next year grows. Beyond 100 % some are missing."""
    visitor = visit(manager_client, java_script_enabled=javascript).open("product_list", organization.slug)
    visitor.link("Register product").first.click()
    visitor.page.get_by_label("Product", exact=True).select_option(label="Camera Station")
    visitor.button("Next").click()
    visitor.page.get_by_label("System name").fill("Head office")
    visitor.page.get_by_label("Core device").fill("10")
    visitor.page.get_by_label("Universal device").fill("0")
    visitor.button("Register product").click()
    visitor.reads("The system Head office is registered.")
    books.start(START)
    books.redeem(START, core=10)
    books.allocate(START, {"core": 10})
    frozen_clock.move_to(date(2027, 9, 1))
    for devices, status, need in (("18", "Licensed", "18"), ("25", "Growth allowance exceeded", "25")):
        visitor.tab("System setup").click()
        visitor.link("Edit devices", exact=False).click()
        visitor.page.get_by_label("Core device").fill(devices)
        visitor.button("Save devices").click()
        visitor.reads("The devices of Head office are saved.")
        visitor.tab("Product overview").click()
        expect(visitor.page.get_by_role("region", name="License status")).to_contain_text(status)
        visitor.tab("Product licensing").click()
        expect(visitor.page.locator("#year-1 td[data-label='Current need']").first).to_have_text(need)
    missing = visitor.page.locator("#year-0 td[data-label='Missing']")
    expect(missing).to_have_text(["5", "0"])
    check_conservation(organization)


def test_license_offline_systems_leads_to_what_comes(
    camera: Books, manager_at_browser: Visitor, organization: Organization
) -> None:
    """Upload system file, in the Product list, leads to a page that says what comes; the warning stands there."""
    visitor = manager_at_browser.open("product_list", organization.slug)
    visitor.link("Upload system file").click()
    visitor.heading("Upload system file")
    visitor.reads("there is currently no way of transferring licenses between organizations")
    visitor.reads("Harbour Cameras")


def test_signing_in_by_the_form_leads_to_my_systems(
    visit: Callable[..., Visitor], manager_client: Client, manager: object, organization: Organization, javascript: bool
) -> None:
    """The way in: e-mail address and password, then My Systems."""
    visitor = visit(java_script_enabled=javascript)
    visitor.page.goto(visitor.base)
    visitor.page.get_by_label(re.compile("e-?mail", re.IGNORECASE)).first.fill("manager@example.com")
    visitor.page.locator("input[type=password]").fill(PASSWORD)
    visitor.page.get_by_role("button", name="Sign in").first.click()
    visitor.heading("My Systems")
    visitor.reads("Harbour Cameras")
