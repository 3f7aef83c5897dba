"""How journeys look at what only clicks lead to: accessible (axe), within its policy, never wider than the screen.

Pages that an address or a form leads to are in tests/gallery/.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from playwright.sync_api import expect

from organizations.models import Organization
from tests.factories import Books
from tests.journeys.conftest import START, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PRODUCT = "camera-station"
WIDTHS = (1280, 390)
NARROWEST = 320


def problems_of(visitor: Visitor, name: str) -> Iterator[str]:
    """What is wrong with the page that is open, in both colours and at both widths."""
    page = visitor.page
    pictures = os.environ.get("JOURNEYS_SCREENSHOTS")
    for colours in ("light", "dark"):
        page.emulate_media(color_scheme=colours, reduced_motion="reduce")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            expect(page.locator("html")).to_have_attribute("data-theme", colours)
            # Colours that are still on their way to the other theme have a contrast of their own.
            page.evaluate("Promise.allSettled(document.getAnimations().map(each => each.finished))")
            if pictures:
                Path(pictures).mkdir(parents=True, exist_ok=True)
                page.screenshot(path=f"{pictures}/{name}-{width}-{colours}.png", full_page=True)
            for violation in Axe().run(page).response["violations"]:
                nodes = [" ".join(map(str, node["target"])) for node in violation["nodes"]]
                yield f"{name}, {colours}, {width} px: {violation['id']} at {nodes[:4]}"
    page.set_viewport_size({"width": NARROWEST, "height": 900})
    wider = page.evaluate("document.documentElement.scrollWidth") - NARROWEST
    if wider > 0:
        yield f"{name}: {wider} px wider than {NARROWEST} px"


@contextmanager
def looking(visit: Callable[..., Visitor], client: Client | None) -> Iterator[tuple[Visitor, list[str]]]:
    """A visitor, and a list in which all that is wrong is collected before the test fails."""
    problems: list[str] = []
    yield visit(client, bypass_csp=True), problems
    assert not problems, "\n".join(problems)


def test_what_is_filled_in_and_refused_by_the_page_itself(
    started: Books, visit: Callable[..., Visitor], manager_client: Client, organization: Organization
) -> None:
    started.redeem(START, core=10, universal=4)
    with looking(visit, manager_client) as (visitor, problems):
        visitor.open("product_licensing", organization.slug, PRODUCT)
        visitor.page.get_by_role("button", name="Fill all years with what is missing").click()
        visitor.reads("missing there")
        problems += problems_of(visitor, "licensing_too_few")
        visitor.open("product_wallet", organization.slug, PRODUCT)
        visitor.key_field.fill("0123")
        visitor.button("Redeem license key").click()
        visitor.reads("This is not a whole license key")
        problems += problems_of(visitor, "redeem_refused")
