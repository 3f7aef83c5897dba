"""From an empty organization to a licensed product by clicking what the guide offers, and nothing else."""

from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client
from playwright.sync_api import Locator, expect

from organizations.models import Organization
from products.models import Product
from tests.factories import Books, issue
from tests.journeys.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def offered(visitor: Visitor) -> Locator:
    """The button of the next step."""
    return visitor.page.locator(".guide__step.is-next .btn-primary")


def follow(visitor: Visitor, step: str, organization: Organization) -> None:
    """Back on the Product list, the guide says which step is next; click it."""
    visitor.open("product_list", organization.slug)
    expect(visitor.page.locator(".guide__step.is-next .guide__label")).to_have_text(step)
    offered(visitor).click()


def test_the_guide_leads_to_a_licensed_product(
    manager_at_browser: Visitor, organization: Organization, camera_station: Product, today: date
) -> None:
    visitor = manager_at_browser
    key = issue(camera_station, core=4)
    follow(visitor, "Register the product", organization)
    visitor.page.get_by_label("Product", exact=True).select_option(label="Camera Station")
    visitor.button("Next").click()
    visitor.page.get_by_label("System name").fill("Head office")
    visitor.page.get_by_label("Core device").fill("4")
    visitor.page.get_by_label("Universal device").fill("0")
    visitor.button("Register product").click()
    # The overview goes on with the same guide.
    expect(visitor.page.locator(".guide__step.is-next .guide__label")).to_have_text("Start your subscription")
    offered(visitor).click()
    visitor.button("Start your subscription").click()
    visitor.reads("Subscription has started.")
    follow(visitor, "Redeem license key", organization)
    visitor.redeem(key)
    follow(visitor, "Allocate subscription licenses", organization)
    visitor.quantity("Core device", "2027-03-01").fill("4")
    visitor.button("Confirm allocation").click()
    visitor.heading("Left in the Product wallet")
    visitor.button("Confirm").click()
    visitor.reads("Your product is now licensed.")
    visitor.open("product_list", organization.slug)
    expect(visitor.page.locator(".guide--done")).to_contain_text("5 of 5 steps done")
    visitor.button("Close").click()
    expect(visitor.page.locator(".guide")).to_have_count(0)


def test_why_opens_in_a_dialog_and_gives_the_focus_back(
    visit: Callable[..., Visitor], manager_client: Client, licensed: Books, organization: Organization
) -> None:
    visitor = visit(manager_client).open("product_licensing", organization.slug, "camera-station")
    link = visitor.page.locator("a.why", has_text="10").first
    link.focus()
    visitor.page.keyboard.press("Enter")
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Why 10?")).to_be_focused()
    dialog.get_by_role("link", name="Allocated to the year").click()
    expect(dialog).to_contain_text("What was confirmed for this year")
    dialog.get_by_role("button", name="Back").click()
    expect(dialog).to_contain_text("The year is fully licensed")
    visitor.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(link).to_be_focused()


def test_without_javascript_why_is_a_page(
    visit: Callable[..., Visitor], manager_client: Client, licensed: Books, organization: Organization
) -> None:
    visitor = visit(manager_client, java_script_enabled=False)
    visitor.open("product_overview", organization.slug, "camera-station")
    visitor.page.locator("a.why", has_text="10").first.click()
    visitor.heading("Why 10?")
    visitor.reads("Camera Station")
