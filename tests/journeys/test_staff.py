"""The vendor's staff in the admin site: keys that are issued and where they went, and the support view."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from organizations.models import Organization
from tests.factories import Books
from tests.journeys.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def staff_at_browser(visit: Callable[..., Visitor], staff_client: Client, javascript: bool) -> Visitor:
    """A person of the vendor at a browser, once with and once without JavaScript."""
    return visit(staff_client, java_script_enabled=javascript)


def downloaded(page: Page, button: str) -> list[dict[str, str]]:
    """The rows of the file that a button downloads."""
    with page.expect_download() as found:
        page.get_by_role("button", name=button).click()
    text = Path(found.value.path()).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def test_keys_are_issued_once_redeemed_and_followed(
    camera: Books,
    staff_at_browser: Visitor,
    visit: Callable[..., Visitor],
    manager_client: Client,
    organization: Organization,
) -> None:
    page = staff_at_browser.open("admin:wallet_keybatch_changelist").page
    page.get_by_role("link", name="Add key batch").click()
    page.get_by_label("Product").select_option("Camera Station")
    staff_at_browser.button("Next").click()
    page.get_by_label("Subscription", exact=True).check()
    page.get_by_label("Core device per key").fill("12")
    page.get_by_label("How many keys").fill("2")
    page.get_by_label("Order reference").fill("PO-4711")
    page.get_by_label("Redeem by").fill("2099-12-31")
    first, second = downloaded(page, "Issue the keys and download them")
    assert (first["Core device"], first["Order reference"], first["Redeem by"]) == ("12", "PO-4711", "2099-12-31")
    # The page still stands there; pressed again it makes no second batch.
    page.get_by_role("button", name="Issue the keys and download them").click()
    expect(page.locator(".messagelist")).to_contain_text("This page already gave its license keys once")

    manager = visit(manager_client).open("product_wallet", organization.slug, "camera-station")
    manager.redeem(first["License key"])

    page.get_by_role("link", name="Its keys, and where they went").click()
    row = page.get_by_role("row").filter(has_text=f"…{first['License key'][-5:]}")
    expect(row).to_contain_text(re.compile(r"redeemed\s*Harbour Cameras\s*March 1, 2027\s*Pat Person"))
    expect(page.get_by_role("row").filter(has_text=f"…{second['License key'][-5:]}")).to_contain_text("free")
    staff_at_browser.open("admin:wallet_keybatch_changelist")
    page.get_by_role("link", name="Camera Station PO-4711").click()
    page.get_by_role("link", name="Revoke what is unredeemed").click()
    staff_at_browser.reads("Harbour Cameras")
    page.get_by_label("Reason").fill("The order was cancelled")
    page.get_by_role("button", name="Revoke what is unredeemed").click()
    expect(page.locator(".messagelist")).to_contain_text("1 key was revoked. 1 was redeemed before and stays")

    manager.key_field.fill(second["License key"])
    manager.button("Redeem license key").click()
    manager.reads("This license key has been revoked by the vendor.")


def test_a_support_view_is_opened_looked_through_and_ended(
    licensed: Books,
    staff_at_browser: Visitor,
    visit: Callable[..., Visitor],
    manager_client: Client,
    organization: Organization,
) -> None:
    page = staff_at_browser.open("admin:organizations_organization_changelist").page
    page.get_by_role("link", name="Harbour Cameras").click()
    page.get_by_role("link", name="Open support view").click()
    page.get_by_label("Reason").fill("The customer asks why a license is missing")
    page.get_by_role("button", name="Open support view").click()
    banner = page.get_by_role("complementary", name="Support view")
    staff_at_browser.heading("Product list")
    expect(banner).to_contain_text("The customer asks why a license is missing")
    staff_at_browser.choose_product()
    for tab in ("Product licensing", "Product wallet", "System setup", "Product overview"):
        staff_at_browser.tab(tab).click()
        expect(banner).to_be_visible()
        expect(staff_at_browser.button("Redeem license key")).to_have_count(0)
    banner.get_by_role("button", name="End support view").click()
    expect(page.locator(".messagelist")).to_contain_text("The support view of Harbour Cameras has ended.")
    staff_at_browser.open("product_list", organization.slug)
    staff_at_browser.heading("There is nothing here")

    manager = visit(manager_client).open("history", organization.slug)
    manager.reads("Reason: The customer asks why a license is missing.")
    manager.reads("The vendor's staff ended the support view.")
