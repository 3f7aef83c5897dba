"""Colours follow the system, can be chosen, are remembered, reach other tabs, and are there before the first paint."""

from collections.abc import Callable

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from organizations.models import Organization
from tests.journeys.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
# What the page's colours are when there is something to paint, and whether they changed after that.
_WATCH = """
window.lmSeen = [];
new MutationObserver(() => {
  const now = document.documentElement.dataset.theme;
  if (document.body && lmSeen.at(-1) !== now) lmSeen.push(now);
}).observe(document, { childList: true, subtree: true, attributes: true });
"""


def is_behind(page: Page, colour: str) -> None:
    """That is the colour behind the page; a change of the system's reaches the page a moment after the command returns."""
    expect(page.locator("body")).to_have_css("background-color", colour)


LIGHT, DARK = "rgb(246, 247, 249)", "rgb(14, 19, 26)"


def choose(visitor: Visitor, name: str) -> None:
    visitor.page.locator("details.menu--account > summary").click()
    visitor.page.get_by_role("button", name=name, exact=True).click()
    expect(visitor.page.get_by_role("button", name=name, exact=True)).to_have_attribute("aria-pressed", "true")


def test_colours_follow_the_system_until_somebody_chooses(
    visit: Callable[..., Visitor], manager_client: Client, organization: Organization
) -> None:
    visitor = visit(manager_client, color_scheme="light").open("product_list", organization.slug)
    is_behind(visitor.page, LIGHT)
    visitor.page.emulate_media(color_scheme="dark")
    is_behind(visitor.page, DARK)
    choose(visitor, "Light")
    is_behind(visitor.page, LIGHT)
    choose(visitor.open("history", organization.slug), "System")
    is_behind(visitor.page, DARK)


def test_a_choice_is_remembered_reaches_other_tabs_and_never_flashes(
    visit: Callable[..., Visitor], manager_client: Client, organization: Organization
) -> None:
    visitor = visit(manager_client, color_scheme="light").open("product_list", organization.slug)
    other = visitor.second_tab().open("history", organization.slug)
    choose(visitor, "Dark")
    expect(other.page.locator("html")).to_have_attribute("data-theme", "dark")
    visitor.page.add_init_script(_WATCH)
    visitor.open("members", organization.slug)
    is_behind(visitor.page, DARK)
    assert visitor.page.evaluate("lmSeen") == ["dark"]


def test_without_javascript_colours_are_the_system_s(
    visit: Callable[..., Visitor], manager_client: Client, organization: Organization
) -> None:
    for scheme, colour in (("light", LIGHT), ("dark", DARK)):
        visitor = visit(manager_client, java_script_enabled=False, color_scheme=scheme)
        visitor.open("product_list", organization.slug)
        is_behind(visitor.page, colour)
