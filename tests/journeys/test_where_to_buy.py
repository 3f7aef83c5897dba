"""From the Product list to somebody who sells licenses: by country, by town, by the browser's position."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from organizations.models import Organization
from products.models import Product
from products.reseller_files import import_resellers
from tests.factories import Books
from tests.journeys.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ROWS = """name,kind,city,country,phone,web,mail,products
Sound Guard,integrator,Malmö,SE,+46 40 555 01 18,https://sound.example,a@sound.example,
Mälar Audio,reseller,Stockholm,SE,+46 8 555 01 69,https://malar.example,a@malar.example,audio-manager
Bridge Shop,reseller,Copenhagen,DK,+45 55 50 01 24,https://bridge.example,a@bridge.example,camera-station
Prairie Works,integrator,Chicago,US,+1 312 555 0115,https://prairie.example,a@prairie.example,
"""
COPENHAGEN = {"latitude": 55.676098, "longitude": 12.568337}


@pytest.fixture
def resellers(camera_station: Product, audio_manager: Product) -> None:
    """Four of them in three countries."""
    import_resellers(content=ROWS.encode(), actor=None)


def listed(visitor: Visitor, *names: str) -> None:
    """These are listed, in this order."""
    expect(visitor.page.locator("#resellers th[scope=row] > a")).to_have_text(list(names))


@pytest.mark.usefixtures("resellers")
def test_from_the_product_list_to_the_details(
    manager_at_browser: Visitor, camera: Books, organization: Organization
) -> None:
    Organization.objects.filter(pk=organization.pk).update(country="SE")
    visitor, page = manager_at_browser, manager_at_browser.page
    visitor.open("product_list", organization.slug).link("Where to buy licenses").click()
    visitor.heading("Where to buy licenses")
    # The only product of the organization is chosen, and its country.
    expect(page.get_by_label("Product", exact=True)).to_have_value("camera-station")
    expect(page.get_by_label("Country")).to_have_value("SE")
    listed(visitor, "Sound Guard")
    page.get_by_label("Country").select_option(label="All countries")
    # The form itself is part of the answer: what is typed before it has come would be replaced by it.
    with page.expect_response(re.compile("country=&")):
        visitor.button("Search").click()
    listed(visitor, "Bridge Shop", "Sound Guard", "Prairie Works")
    expect(page.locator("form.htmx-request")).to_have_count(0)
    page.get_by_label("Town", exact=True).fill("malmo")
    page.keyboard.press("Enter")
    visitor.heading("Nearest to Malmö, Sweden")
    listed(visitor, "Sound Guard", "Bridge Shop", "Prairie Works")
    visitor.reads("28 km")
    expect(page).to_have_url(re.compile("place=malmo"))
    visitor.link("Bridge Shop").click()
    visitor.heading("Bridge Shop")
    for text in ("Denmark", "+45 55 50 01 24", "a@bridge.example", "https://bridge.example", "Camera Station", "28 km"):
        visitor.reads(text)
    visitor.link("Where to buy licenses").click()
    listed(visitor, "Sound Guard", "Bridge Shop", "Prairie Works")
    visitor.link("Product list").click()
    visitor.heading("Product list")


@pytest.mark.usefixtures("resellers")
def test_a_town_is_suggested_as_one_types_and_reached_by_keyboard(visit: Callable[..., Visitor]) -> None:
    visitor = visit(locale="en-SE")
    visitor.open("where_to_buy")
    page = visitor.page
    expect(page.get_by_text("Guessed from your browser.")).to_be_visible()
    town = page.get_by_label("Town", exact=True)
    town.press_sequentially("malm")
    suggestions = page.locator("#place-suggestions a")
    expect(suggestions.first).to_have_text("Malmö, Sweden")
    town.press("Escape")
    expect(suggestions).to_have_count(0)
    town.press_sequentially("ö")
    expect(suggestions).to_have_text(["Malmö, Sweden", "Malmok, Aruba"])
    town.press("ArrowDown")
    expect(suggestions.first).to_be_focused()
    page.keyboard.press("Enter")
    visitor.heading("Nearest to Malmö, Sweden")
    listed(visitor, "Sound Guard", "Mälar Audio")
    # Filters answer by themselves, and the words as they are typed.
    page.get_by_label("Kind").select_option(label="Reseller")
    listed(visitor, "Mälar Audio")
    visitor.reads("There is somebody nearer abroad: Bridge Shop")
    visitor.link("Show all countries, the nearest first").click()
    listed(visitor, "Bridge Shop", "Mälar Audio")
    page.get_by_label("Words").press_sequentially("malar")
    listed(visitor, "Mälar Audio")
    expect(page.get_by_label("Words")).to_be_focused()
    expect(page).to_have_url(re.compile("search=malar"))


@pytest.mark.usefixtures("resellers")
def test_the_position_is_used_after_a_click_only(visit: Callable[..., Visitor]) -> None:
    visitor = visit(locale="en-SE", geolocation=COPENHAGEN, permissions=["geolocation"])
    visitor.open("where_to_buy")
    listed(visitor, "Mälar Audio", "Sound Guard")
    visitor.button("Use my position").click()
    visitor.heading("Nearest to you")
    listed(visitor, "Bridge Shop", "Sound Guard", "Mälar Audio", "Prairie Works")
    expect(visitor.page).to_have_url(re.compile(r"latitude=55\.68&longitude=12\.57(&|$)"))
    # A town that is typed counts more; it can be forgotten, too.
    visitor.link("Forget it").click()
    expect(visitor.page).not_to_have_url(re.compile("latitude"))
    visitor.button("Use my position").click()
    visitor.heading("Nearest to you")
    visitor.page.get_by_label("Town", exact=True).fill("Chicago")
    visitor.page.keyboard.press("Enter")
    visitor.heading("Nearest to Chicago, IL, United States")


@pytest.mark.usefixtures("resellers")
def test_a_position_that_is_not_told_is_no_end(visit: Callable[..., Visitor]) -> None:
    visitor = visit(locale="en-SE", permissions=[])
    visitor.open("where_to_buy")
    visitor.button("Use my position").click()
    visitor.reads("Your browser did not tell where you are. Type a town instead.")
    listed(visitor, "Mälar Audio", "Sound Guard")
    expect(visitor.button("Use my position")).not_to_have_attribute("aria-disabled", "true")
