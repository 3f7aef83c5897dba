"""Allocating by keyboard: the quantities follow each other, and what explains the numbers is still within reach."""

from collections.abc import Callable

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from organizations.models import Organization
from tests.factories import Books
from tests.journeys.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FIELDS = "[...document.querySelectorAll('.years input.qty')]"
AT = "document.activeElement"


def field_at(page: Page) -> int:
    """The number of the quantity that has the focus; -1 for anything else."""
    number: int = page.evaluate(f"{FIELDS}.indexOf({AT})")
    return number


def words_at(page: Page) -> str:
    words: str = page.evaluate(f"{AT}.getAttribute('aria-label') || {AT}.textContent.trim()")
    return words


@pytest.fixture
def table(visit: Callable[..., Visitor], manager_client: Client, licensed: Books, organization: Organization) -> Page:
    """Product licensing, the focus on the first quantity."""
    page = visit(manager_client).open("product_licensing", organization.slug, "camera-station").page
    page.locator(".years input.qty").first.focus()
    return page


def test_tab_leads_from_quantity_to_quantity_and_then_to_the_button(table: Page) -> None:
    count = table.evaluate(f"{FIELDS}.length")
    assert count == 12
    for number in range(count):
        assert field_at(table) == number
        table.keyboard.press("Tab")
    expect(table.get_by_role("button", name="Confirm allocation")).to_be_focused()
    for number in reversed(range(count)):
        table.keyboard.press("Shift+Tab")
        assert field_at(table) == number
    assert table.locator("[tabindex]:not([tabindex='0']):not([tabindex='-1'])").count() == 0


def test_arrow_keys_lead_to_every_link_of_the_table(table: Page) -> None:
    hint = table.locator("#years-keys")
    expect(hint).not_to_be_visible()
    table.keyboard.press("Shift+Tab")
    expect(hint).to_be_visible()
    assert table.evaluate(f"{AT}.getAttribute('aria-describedby')") == "years-keys"
    links = table.evaluate("document.querySelectorAll('.years tbody a').length")
    seen = [words_at(table)]
    for _link in range(links - 1):
        table.keyboard.press("ArrowDown")
        seen.append(words_at(table))
    assert seen == table.evaluate(
        "[...document.querySelectorAll('.years tbody a')].map(a => a.getAttribute('aria-label') || a.textContent.trim())"
    )
    table.keyboard.press("Home")
    assert words_at(table) == seen[0]
    table.keyboard.press("ArrowLeft")
    assert words_at(table) == seen[0]
    # From a number of the second row Tab leads to that row's quantity, and the way back is the short one again.
    for _time in range(4):
        table.keyboard.press("ArrowRight")
    table.keyboard.press("Tab")
    assert field_at(table) == 1
    table.keyboard.press("Shift+Tab")
    assert field_at(table) == 0


def test_why_opens_from_there_and_gives_the_focus_back(table: Page) -> None:
    table.keyboard.press("Shift+Tab")
    table.keyboard.press("ArrowRight")
    before = words_at(table)
    table.keyboard.press("Enter")
    expect(table.get_by_role("dialog").get_by_role("heading", name=before)).to_be_focused()
    table.keyboard.press("Escape")
    expect(table.get_by_role("dialog")).to_be_hidden()
    assert words_at(table) == before


def test_without_javascript_every_link_is_a_stop(
    visit: Callable[..., Visitor], manager_client: Client, licensed: Books, organization: Organization
) -> None:
    visitor = visit(manager_client, java_script_enabled=False)
    page = visitor.open("product_licensing", organization.slug, "camera-station").page
    assert page.locator(".years a[tabindex]").count() == 0
