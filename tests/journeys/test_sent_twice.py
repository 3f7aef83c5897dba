"""Double click, back button, two tabs, keyboard only: each change is made once and as it was shown (R18, R20)."""

from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client
from playwright.sync_api import Locator, expect

from organizations.models import Organization
from products.models import Product
from subscriptions.models import Allocation, Subscription
from tests.conftest import FrozenClock
from tests.factories import Books, check_conservation, issue
from tests.journeys.conftest import START, Visitor
from wallet.models import Redemption

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PRODUCT = "camera-station"


def test_a_double_click_on_redeem_counts_once(
    started: Books, manager_at_browser: Visitor, organization: Organization, camera_station: Product
) -> None:
    visitor = manager_at_browser.open("product_wallet", organization.slug, PRODUCT)
    visitor.key_field.fill(issue(camera_station, core=10))
    visitor.button("Redeem license key").dblclick()
    visitor.reads("The license key was redeemed.")
    expect(visitor.page.locator(".stat__value").first).to_have_text("10")
    expect(visitor.page.locator(".form-errors")).to_have_count(0)
    assert Redemption.objects.filter(organization=organization).count() == 1
    check_conservation(organization)


def test_a_double_click_on_confirm_counts_once(
    started: Books, manager_at_browser: Visitor, organization: Organization
) -> None:
    started.redeem(START, core=30, universal=12)
    visitor = manager_at_browser.open("product_licensing", organization.slug, PRODUCT)
    fill_first_year(visitor)
    visitor.button("Confirm allocation").click()
    visitor.button("Confirm").dblclick()
    visitor.reads("Your product is now licensed.")
    expect(visitor.page.locator(".form-errors")).to_have_count(0)
    assert Allocation.objects.filter(organization=organization).count() == 1
    assert started.stand(START).wallet["subscription"] == {"core-device": 20, "universal-device": 8}
    check_conservation(organization)


def test_a_double_click_on_start_counts_once(
    camera: Books, manager_at_browser: Visitor, organization: Organization
) -> None:
    visitor = manager_at_browser.open("start_subscription", organization.slug, PRODUCT)
    visitor.button("Start your subscription").dblclick()
    expect(visitor.page.get_by_role("region", name="License status")).to_contain_text("Subscription has started")
    assert Subscription.objects.filter(organization=organization).count() == 1


def test_the_back_button_after_confirming_does_not_allocate_twice(
    started: Books, manager_at_browser: Visitor, organization: Organization
) -> None:
    started.redeem(START, core=30, universal=12)
    visitor = manager_at_browser.open("product_licensing", organization.slug, PRODUCT)
    fill_first_year(visitor)
    visitor.button("Confirm allocation").click()
    visitor.button("Confirm").click()
    visitor.reads("Your product is now licensed.")
    visitor.page.go_back()
    # With JavaScript the summary was a part of this page; without, it is a page that the browser kept or asks for again.
    confirm = visitor.button("Confirm")
    if confirm.count():
        confirm.click()
    visitor.open("product_licensing", organization.slug, PRODUCT)
    assert Allocation.objects.filter(organization=organization).count() == 1
    assert started.stand(START).years[0].allocated == {"core-device": 10, "universal-device": 4}
    check_conservation(organization)


def test_a_key_redeemed_in_one_tab_makes_the_summary_of_the_other_stale_which_says_so(
    started: Books, manager_at_browser: Visitor, organization: Organization, camera_station: Product
) -> None:
    started.redeem(START, core=10, universal=4)
    visitor = manager_at_browser.open("product_licensing", organization.slug, PRODUCT)
    fill_first_year(visitor)
    visitor.button("Confirm allocation").click()
    visitor.heading("Left in the Product wallet")
    visitor.second_tab().open("product_wallet", organization.slug, PRODUCT).redeem(issue(camera_station, core=5))
    visitor.button("Confirm").click()
    visitor.reads("Something changed since this page was made, so nothing was allocated.")
    visitor.reads("The licenses in the product wallet changed.")
    visitor.reads("5 left (15 now, 10 allocated)")
    assert not Allocation.objects.filter(organization=organization).exists()
    visitor.button("Confirm").click()
    visitor.reads("Your product is now licensed.")
    assert Allocation.objects.filter(organization=organization).count() == 1


def test_a_summary_of_yesterday_says_what_day_it_is_and_can_be_confirmed_anew(
    started: Books, manager_at_browser: Visitor, organization: Organization, frozen_clock: FrozenClock
) -> None:
    started.redeem(START, core=10, universal=4)
    visitor = manager_at_browser.open("product_licensing", organization.slug, PRODUCT)
    fill_first_year(visitor)
    visitor.button("Confirm allocation").click()
    visitor.heading("Left in the Product wallet")
    frozen_clock.move_to(date(2027, 3, 2))
    visitor.button("Confirm").click()
    visitor.reads("Today is March 2, 2027 now.")
    visitor.button("Confirm").click()
    visitor.reads("Your product is now licensed.")


def test_what_another_tab_allocated_is_not_allocated_again(
    started: Books, manager_at_browser: Visitor, organization: Organization
) -> None:
    started.redeem(START, core=30, universal=12)
    visitor = manager_at_browser.open("product_licensing", organization.slug, PRODUCT)
    fill_first_year(visitor)
    visitor.button("Confirm allocation").click()
    visitor.heading("Left in the Product wallet")
    other = visitor.second_tab().open("product_licensing", organization.slug, PRODUCT)
    fill_first_year(other)
    other.button("Confirm allocation").click()
    other.button("Confirm").click()
    other.reads("Your product is now licensed.")
    visitor.button("Confirm").click()
    visitor.reads("Something changed since this page was made, so nothing was allocated.")
    visitor.reads("What the years are missing changed.")
    assert Allocation.objects.filter(organization=organization).count() == 1


def test_everything_can_be_done_with_the_keyboard_alone(
    camera: Books,
    visit: Callable[..., Visitor],
    manager_client: Client,
    organization: Organization,
    camera_station: Product,
) -> None:
    """From My Systems to a licensed product: Tab, Enter and typing, nothing else."""
    visitor = visit(manager_client).open("my_systems")
    press(visitor, visitor.link("Licenses", exact=False))
    visitor.heading("Product list")
    press(visitor, visitor.link("Camera Station"))
    press(visitor, visitor.link("Start your subscription"))
    press(visitor, visitor.button("Start your subscription"))
    visitor.reads("Subscription has started")
    press(visitor, visitor.tab("Product wallet"))
    reach(visitor, visitor.key_field)
    visitor.page.keyboard.insert_text(issue(camera_station, core=10, universal=4))
    visitor.page.keyboard.press("Enter")
    visitor.reads("The license key was redeemed.")
    press(visitor, visitor.tab("Product licensing"))
    reach(visitor, visitor.quantity("Core device", "2027-03-01"))
    visitor.page.keyboard.insert_text("10")
    reach(visitor, visitor.quantity("Universal device", "2027-03-01"))
    visitor.page.keyboard.insert_text("4")
    press(visitor, visitor.button("Confirm allocation"))
    visitor.heading("Left in the Product wallet")
    press(visitor, visitor.button("Confirm"))
    visitor.reads("Your product is now licensed.")
    # The menu of organizations opens, moves and closes by keys, too.
    reach(visitor, visitor.page.locator("details.menu--org > summary"))
    visitor.page.keyboard.press("Enter")
    visitor.page.keyboard.press("ArrowDown")
    expect(visitor.page.locator("#org-menu a").first).to_be_focused()
    visitor.page.keyboard.press("Escape")
    expect(visitor.page.locator("details.menu--org > summary")).to_be_focused()


def fill_first_year(visitor: Visitor) -> None:
    """Type what the first year needs."""
    visitor.quantity("Core device", "2027-03-01").fill("10")
    visitor.quantity("Universal device", "2027-03-01").fill("4")


def reach(visitor: Visitor, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    expect(target).to_be_visible()
    for _number in range(120):
        visitor.page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{target} can't be reached with Tab")


def press(visitor: Visitor, target: Locator) -> None:
    """Reach the target with Tab and press Enter."""
    reach(visitor, target)
    visitor.page.keyboard.press("Enter")
