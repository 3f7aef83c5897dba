"""A person lives five years in the demonstration, at the browser, by the bar that moves the clock."""

import re
from collections.abc import Callable

import pytest
from django.conf import LazySettings
from playwright.sync_api import expect

from licensemgr.core import clock
from licensemgr.core.models import DemonstrationClock
from organizations.models import Organization, Role, User
from organizations.services import add_member, create_organization
from products.models import Product, RegisteredProduct
from tests.factories import PASSWORD, UserFactory, check_conservation, issue
from tests.journeys.conftest import START, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def demonstration(db: None, settings: LazySettings) -> Organization:
    """An empty organization with one manager, on the first of March 2027, in demonstration mode."""
    settings.DEMONSTRATION = True
    DemonstrationClock.objects.create(pk=1, date=START, set_at=clock.real_now())
    organization = create_organization(name="Harbour Cameras", slug="harbour", actor=None, on=START)
    person: User = UserFactory.create(email="manager@example.com")
    add_member(organization=organization, user=person, role=Role.MANAGER, actor=None, on=START)
    return organization


def go_to(visitor: Visitor, day: str, shown: str) -> None:
    """Move the demonstration's clock to a date."""
    visitor.page.get_by_label("Move to this date").fill(day)
    visitor.page.get_by_role("button", name="Go").click()
    today_is(visitor, shown)


def today_is(visitor: Visitor, shown: str) -> None:
    """The bar shows this date."""
    expect(visitor.page.locator(".demobar__date")).to_contain_text(shown)


def status_is(visitor: Visitor, status: str) -> None:
    """The Product overview says this."""
    visitor.tab("Product overview").click()
    expect(visitor.page.get_by_role("region", name="License status")).to_contain_text(status)


def set_devices(visitor: Visitor, core: int) -> None:
    """Edit the devices of the only system."""
    visitor.tab("System setup").click()
    visitor.link("Edit devices", exact=False).click()
    visitor.page.get_by_label("Core device").fill(str(core))
    visitor.button("Save devices").click()
    visitor.reads("The devices of Head office are saved.")


def redeem(visitor: Visitor, key: str) -> None:
    """Redeem a key in the Product wallet."""
    visitor.tab("Product wallet").click()
    visitor.redeem(key)


def allocate(visitor: Visitor, year_from: str, core: int) -> None:
    """Allocate to one year; the product is licensed afterwards."""
    visitor.tab("Product licensing").click()
    visitor.quantity("Core device", year_from).fill(str(core))
    visitor.button("Confirm allocation").click()
    visitor.heading("Left in the Product wallet")
    visitor.button("Confirm").click()
    visitor.reads("Your product is now licensed.")


def test_five_years_in_the_demonstration(
    visit: Callable[..., Visitor], demonstration: Organization, camera_station: Product, javascript: bool
) -> None:
    """Register, redeem, start, allocate, renew each year, grow, store licenses until they expire."""
    visitor = visit(java_script_enabled=javascript)
    visitor.page.goto(visitor.base)
    visitor.page.get_by_label(re.compile("e-?mail", re.IGNORECASE)).first.fill("manager@example.com")
    visitor.page.locator("input[type=password]").fill(PASSWORD)
    visitor.page.get_by_role("button", name="Sign in").first.click()
    visitor.heading("My Systems")
    visitor.link("Licenses", exact=False).click()
    visitor.reads("Register your first product")

    # 2027: the trial, the start, the first allocation; three licenses of a type that is never used are stored.
    visitor.link("Register product").first.click()
    visitor.page.get_by_label("Product", exact=True).select_option(label="Camera Station")
    visitor.button("Next").click()
    visitor.page.get_by_label("System name").fill("Head office")
    visitor.page.get_by_label("Core device").fill("10")
    visitor.page.get_by_label("Universal device").fill("0")
    visitor.button("Register product").click()
    status_is(visitor, "Trial")
    redeem(visitor, issue(camera_station, core=10, universal=3))
    visitor.page.get_by_role("button", name="+ 1 day").click()
    today_is(visitor, "March 2, 2027")
    visitor.tab("Product overview").click()
    visitor.link("Start your subscription").click()
    visitor.button("Start your subscription").click()
    status_is(visitor, "Subscription has started")
    visitor.reads("April 1, 2027")
    visitor.page.get_by_role("button", name="+ 1 month").click()
    today_is(visitor, "April 2, 2027")
    status_is(visitor, "Not licensed")
    # After the grace the days before are given back: 335 of the year's 366 are left, so 30 days of each license.
    visitor.tab("Product licensing").click()
    visitor.quantity("Core device", "2027-03-02").fill("10")
    visitor.button("Confirm allocation").click()
    visitor.reads("Together that is 300 license days.")
    visitor.button("Confirm").click()
    visitor.reads("Your product is now licensed.")

    # 2028: the bar goes to what happens next: the mails 60 and 30 days before the renewal, then the renewal itself; within its
    # grace the year is allocated.
    for shown in ("Jan. 2, 2028", "Feb. 1, 2028", "March 2, 2028"):
        visitor.page.get_by_role("button", name="To the next event").click()
        today_is(visitor, shown)
    status_is(visitor, "Renewal grace period")
    redeem(visitor, issue(camera_station, core=10))
    allocate(visitor, "2028-03-02", 10)
    # Devices are added and need nothing before the next renewal.
    go_to(visitor, "2028-07-01", "July 1, 2028")
    set_devices(visitor, 15)
    status_is(visitor, "Licensed")

    # 2029: the need has grown.
    go_to(visitor, "2029-03-02", "March 2, 2029")
    redeem(visitor, issue(camera_station, core=15))
    allocate(visitor, "2029-03-02", 15)
    # More than twice as many devices exceed the allowance: 40 devices, 15 allocated, 15 of growth, so 10 are missing.
    go_to(visitor, "2029-10-01", "Oct. 1, 2029")
    set_devices(visitor, 40)
    status_is(visitor, "Growth allowance exceeded")
    redeem(visitor, issue(camera_station, core=50))
    allocate(visitor, "2029-03-02", 10)
    status_is(visitor, "Licensed")

    # 2030: renewed ahead of time, so that the year begins licensed.
    allocate(visitor, "2030-03-02", 40)
    go_to(visitor, "2030-03-02", "March 2, 2030")
    status_is(visitor, "Licensed")

    # 2031: nobody allocates; the grace ends, and coming back is possible at any time.
    go_to(visitor, "2031-03-02", "March 2, 2031")
    status_is(visitor, "Renewal grace period")
    go_to(visitor, "2031-04-02", "April 2, 2031")
    status_is(visitor, "Not licensed")
    set_devices(visitor, 5)
    redeem(visitor, issue(camera_station, core=5))
    allocate(visitor, "2031-03-02", 5)

    # 2032: the three licenses that were stored on the first day can be used by the last of February, and then are gone.
    visitor.tab("Product wallet").click()
    visitor.reads("expires within a year")
    visitor.reads("Feb. 29, 2032")
    go_to(visitor, "2032-02-29", "Feb. 29, 2032")
    universal = visitor.page.locator(".stat__value").nth(1)
    expect(universal).to_have_text("3")
    visitor.page.get_by_role("button", name="To the next event").click()
    today_is(visitor, "March 1, 2032")
    expect(universal).to_have_text("0")
    visitor.reads("Expired after five years in the wallet")
    visitor.page.get_by_role("banner").get_by_role("link", name="History").click()
    visitor.reads("Stored licenses expired")
    visitor.reads("Growth allowance exceeded")
    assert RegisteredProduct.objects.filter(organization=demonstration).count() == 1
    check_conservation(demonstration)
