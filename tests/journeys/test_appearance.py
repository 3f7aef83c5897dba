"""Every page, light and dark, on a phone and on a desk: accessible (axe), within its policy, never wider than the screen."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from organizations.models import Organization
from products.models import SystemSource
from tests.conftest import FrozenClock
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
            expect(page.locator("html")).to_have_attribute("data-bs-theme", colours)
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


def test_the_pages_of_a_licensed_organization(
    licensed: Books, visit: Callable[..., Visitor], manager_client: Client, organization: Organization
) -> None:
    slug = organization.slug
    system = licensed.report(START, system="By hand", source=SystemSource.MANUAL, core=3)
    licensed.redeem(START, core=25, universal=3)
    licensed.report(START, product="audio-manager", system="Audio", audio=4)
    with looking(visit, manager_client) as (visitor, problems):
        for name, arguments in {
            "my_systems": (),
            "product_list": (slug,),
            "register_product": (slug,),
            "upload_system_file": (slug,),
            "history": (slug,),
            "coverage": (slug,),
            "product_overview": (slug, PRODUCT),
            "product_licensing": (slug, PRODUCT),
            "product_wallet": (slug, PRODUCT),
            "system_setup": (slug, PRODUCT),
            "edit_devices": (slug, PRODUCT, system.system_id),
            "remove_system": (slug, PRODUCT, system.system_id),
            "system_details": (slug, PRODUCT, system.system_id),
        }.items():
            visitor.open(name, *arguments)
            problems += problems_of(visitor, name)
        visitor.open("start_subscription", slug, "audio-manager")
        problems += problems_of(visitor, "start_subscription")


def test_the_summary_the_refusals_and_the_second_step(
    started: Books, visit: Callable[..., Visitor], manager_client: Client, organization: Organization
) -> None:
    slug = organization.slug
    started.redeem(START, core=10, universal=4)
    with looking(visit, manager_client) as (visitor, problems):
        visitor.open("product_overview", slug, PRODUCT)
        problems += problems_of(visitor, "overview_started")
        visitor.open("product_licensing", slug, PRODUCT)
        visitor.page.get_by_role("button", name="Fill all years with what is missing").click()
        visitor.reads("missing there")
        problems += problems_of(visitor, "licensing_too_few")
        visitor.open("product_licensing", slug, PRODUCT)
        visitor.quantity("Core device", "2027-03-01").fill("10")
        visitor.quantity("Universal device", "2027-03-01").fill("4")
        visitor.button("Confirm allocation").click()
        visitor.heading("Left in the Product wallet")
        problems += problems_of(visitor, "confirm_allocation")
        visitor.open("product_wallet", slug, PRODUCT)
        visitor.key_field.fill("0123")
        visitor.button("Redeem license key").click()
        visitor.reads("This is not a whole license key")
        problems += problems_of(visitor, "redeem_refused")
        visitor.page.goto(f"{visitor.base}{reverse('register_product', args=[slug])}?product=audio-manager")
        visitor.page.get_by_label("Audio device").fill("9999999")
        visitor.page.get_by_label("System name").fill("Lobby")
        visitor.button("Register product").click()
        visitor.reads("A number of devices has to be from 0 to")
        problems += problems_of(visitor, "register_refused")


def test_the_pages_of_nobody_of_a_viewer_and_of_what_is_not_there(
    visit: Callable[..., Visitor],
    camera: Books,
    viewer_client: Client,
    outsider_client: Client,
    other_organization: Organization,
) -> None:
    with looking(visit, None) as (visitor, problems):
        for name in ("account_login", "where_to_buy", "api_document"):
            visitor.open(name)
            problems += problems_of(visitor, name)
        visitor.page.goto(f"{visitor.base}/nothing/here/")
        problems += problems_of(visitor, "not_found")
        visitor.sign_in_as(outsider_client).open("product_list", other_organization.slug)
        problems += problems_of(visitor, "product_list_empty")
        visitor.sign_in_as(viewer_client).open("product_licensing", "harbour", PRODUCT)
        problems += problems_of(visitor, "licensing_viewer")
        visitor.open("product_wallet", "harbour", PRODUCT)
        problems += problems_of(visitor, "wallet_empty_viewer")
        visitor.open("account_change_password")
        problems += problems_of(visitor, "account_change_password")


def test_the_demonstration_and_a_product_whose_grace_is_over(
    visit: Callable[..., Visitor],
    started: Books,
    manager_client: Client,
    organization: Organization,
    frozen_clock: FrozenClock,
    settings: LazySettings,
) -> None:
    settings.DEMONSTRATION = True
    frozen_clock.move_to(START.replace(month=6))
    with looking(visit, manager_client) as (visitor, problems):
        visitor.open("product_overview", organization.slug, PRODUCT)
        visitor.reads("Not licensed")
        problems += problems_of(visitor, "overview_unlicensed_demonstration")
        visitor.open("demo_mail")
        problems += problems_of(visitor, "demo_mail")
        visitor.page.locator("details.menu--account > summary").click()
        problems += problems_of(visitor, "account_menu")
