"""The source's three lists on hardware, and the ends of a unit's life, clicking the names that stand on the pages."""

from collections.abc import Callable

import pytest
from django.test import Client
from playwright.sync_api import expect

from hardware.models import Expansion
from history.models import Action, Record
from organizations.models import Organization
from products.models import LicenseKind, Product, SystemSource
from subscriptions.rules import Status
from tests.conftest import FrozenClock
from tests.factories import Books, check_conservation, issue
from tests.journeys.conftest import START, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def lacking(books: Books, frozen_clock: FrozenClock) -> Books:
    """A system of 11 core devices on a unit of 8 core licenses."""
    books.unit(START, "SN-7001", core=8)
    books.report(START, system="Gate recorder", unit="SN-7001", core=11)
    return books


def test_register_tied_to_hardware_license(
    books: Books, by_hand: Visitor, organization: Organization, frozen_clock: FrozenClock
) -> None:
    """Register the hardware to your organization: its licenses are activated automatically. Check the organization first."""
    oak = books.make_unit("SN-7001", core=8, universal=2)
    visitor = by_hand.open("product_list", organization.slug)
    # Above the list, and again within it as long as it is empty.
    visitor.hand.press(visitor.link("Register hardware").first)
    visitor.reads("there is currently no way of transferring licenses between organizations")
    visitor.reads("Harbour Cameras")
    visitor.hand.fill(visitor.page.get_by_label("Serial number"), "sn-7001")
    visitor.hand.fill(visitor.page.get_by_label("Owner authentication key"), oak)
    visitor.hand.press(visitor.button("Register hardware"))
    # To register the hardware is all that the source says: the page, what stands on the unit, the button.
    visitor.hand.took_at_most(3)
    visitor.heading("Hardware unit SN-7001")
    visitor.reads("its 10 preloaded licenses are active (Core device: 8, Universal device: 2)")
    visitor.hand.press(visitor.tab("System setup"))
    visitor.reads("Not installed yet")
    visitor.hand.press(visitor.tab("Product overview"))
    expect(visitor.page.get_by_role("region", name="License status")).to_contain_text("Licensed by hardware")
    check_conservation(organization)


def test_an_owner_authentication_key_that_is_wrong_can_be_put_right(
    books: Books, by_hand: Visitor, organization: Organization, frozen_clock: FrozenClock
) -> None:
    """What was typed stays in both fields."""
    oak = books.make_unit("SN-7001", core=8, universal=2)
    visitor = by_hand.open("register_hardware", organization.slug)
    serial, key = visitor.page.get_by_label("Serial number"), visitor.page.get_by_label("Owner authentication key")
    visitor.hand.fill(serial, "sn-7001")
    visitor.hand.fill(key, "wrong")
    visitor.hand.press(visitor.button("Register hardware"))
    visitor.reads("don't go together, or the unit is not free")
    expect(serial).to_have_value("sn-7001")
    expect(key).to_have_value("wrong")
    visitor.hand.fill(key, oak)
    visitor.hand.press(visitor.button("Register hardware"))
    visitor.heading("Hardware unit SN-7001")


def test_redeem_expansion_license_key(
    lacking: Books, by_hand: Visitor, organization: Organization, camera_station: Product
) -> None:
    """The product, Product wallet, type or paste the license key, Redeem license key; the wallet tells the kinds apart."""
    visitor = by_hand.open("product_list", organization.slug).choose_product()
    visitor.hand.press(visitor.tab("Product wallet"))
    visitor.reads("there is currently no way of transferring licenses between organizations")
    visitor.redeem(issue(camera_station, LicenseKind.HARDWARE, core=3, universal=1))
    visitor.hand.took_at_most(4)
    expect(visitor.page.locator(".stat__value")).to_have_text(["0", "3", "0", "1"])
    visitor.reads("Core device, tied to hardware")
    visitor.hand.press(visitor.link("System setup").first)
    visitor.heading("Systems")


def test_allocate_expansion_licenses(lacking: Books, by_hand: Visitor, organization: Organization) -> None:
    """The product, System setup, the system that needs them, Allocate licenses, the instructions: now licensed."""
    lacking.redeem(START, kind=LicenseKind.HARDWARE, core=5)
    visitor = by_hand.open("product_list", organization.slug).choose_product()
    visitor.hand.press(visitor.tab("System setup"))
    visitor.reads("Expansion licenses needed")
    visitor.hand.press(visitor.link("Gate recorder"))
    visitor.hand.press(visitor.link("Allocate licenses"))
    # What follows are the on screen instructions, the source's fifth step.
    visitor.hand.took_at_most(4)
    visitor.heading("Allocate expansion licenses")
    amount = visitor.page.get_by_label("Core device, licenses to allocate")
    expect(amount).to_have_value("3")
    left = visitor.page.locator("[data-wallet-left='core-device'] [data-wallet-value]")
    if visitor.has_javascript:
        expect(left).to_have_text("2")
        visitor.hand.fill(amount, "6")
        visitor.reads("Core device: 6 entered, 5 in the Product wallet, so 1 missing there.")
        expect(visitor.button("Confirm allocation")).to_have_attribute("aria-disabled", "true")
        visitor.hand.fill(amount, "two")
        visitor.reads("Core device: type a whole number, in digits only.")
        expect(visitor.button("Confirm allocation")).to_have_attribute("aria-disabled", "true")
    else:
        expect(left).to_have_text("5")
    visitor.hand.fill(amount, "4")
    visitor.hand.press(visitor.button("Confirm allocation"))
    visitor.heading("Confirm allocation")
    visitor.reads("for the lifetime of this unit")
    visitor.reads("Harbour Cameras")
    visitor.reads("Core device: 1 license more than the unit lacks.")
    visitor.hand.press(visitor.button("Confirm"))
    visitor.reads("Your product is now licensed.")
    visitor.reads("4 expansion licenses were allocated to hardware unit SN-7001.")
    assert lacking.stand(START).status == Status.HARDWARE
    check_conservation(organization)


def test_a_unit_is_retired_and_its_devices_count(
    lacking: Books,
    visit: Callable[..., Visitor],
    administrator_client: Client,
    organization: Organization,
    javascript: bool,
) -> None:
    """From the list to the unit, Retire, what the subscription will then need, the serial number typed."""
    visitor = visit(administrator_client, java_script_enabled=javascript)
    visitor.open("system_setup", organization.slug, "camera-station")
    visitor.link("SN-7001").first.click()
    visitor.link("Retire", exact=False).click()
    visitor.reads("“Trial” instead of “Expansion licenses needed”")
    visitor.page.get_by_label("Serial number").fill("SN-7002")
    visitor.button("Retire hardware unit").click()
    visitor.reads("This is not the serial number of this unit, SN-7001.")
    visitor.page.get_by_label("Serial number").fill("SN-7001")
    visitor.button("Retire hardware unit").click()
    visitor.reads("Hardware unit SN-7001 is retired.")
    assert lacking.stand(START).devices["core-device"] == 11
    check_conservation(organization)


def test_systems_are_found_renamed_and_moved(
    lacking: Books, manager_at_browser: Visitor, organization: Organization, javascript: bool
) -> None:
    """Search and filters of System setup; a system's page, Rename system, Move to hardware."""
    lacking.report(START, system="Head office", source=SystemSource.MANUAL, core=2)
    visitor = manager_at_browser.open("system_setup", organization.slug, "camera-station")
    visitor.page.get_by_role("combobox", name="Source").select_option(label="Entered by hand")
    if not javascript:
        visitor.button("Search").click()
    expect(visitor.link("Gate recorder")).to_have_count(0)
    visitor.link("Head office").click()
    visitor.link("Rename system").click()
    visitor.page.get_by_label("System name").fill("South office")
    visitor.button("Rename system").click()
    visitor.heading("South office")
    visitor.link("Move to hardware").click()
    visitor.page.get_by_role("main").get_by_label("Hardware unit").fill("nothing")
    visitor.button("Move system").click()
    visitor.reads("No unit of this product with this serial number is registered here.")
    visitor.page.get_by_role("main").get_by_label("Hardware unit").fill("sn-7001")
    visitor.button("Move system").click()
    visitor.reads("South office is on hardware unit SN-7001 now.")
    visitor.reads("Its unit lacks Core device: 5.")


def test_a_double_click_registers_a_unit_once(
    books: Books, manager_at_browser: Visitor, organization: Organization, frozen_clock: FrozenClock
) -> None:
    """R24: what is active on it is said once, and its licenses entered once."""
    oak = books.make_unit("SN-7001", core=8)
    visitor = manager_at_browser.open("register_hardware", organization.slug)
    visitor.page.get_by_label("Serial number").fill("SN-7001")
    visitor.page.get_by_label("Owner authentication key").fill(oak)
    visitor.button("Register hardware").dblclick()
    visitor.heading("Hardware unit SN-7001")
    expect(visitor.page.get_by_role("row", name="Core device")).to_contain_text("8")
    assert Record.objects.filter(action=Action.UNIT_REGISTERED).count() == 1
    check_conservation(organization)


def test_the_back_button_after_an_expansion_allocates_nothing_again(
    lacking: Books, manager_at_browser: Visitor, organization: Organization
) -> None:
    """R18: a double click on Confirm and the page that the browser kept count once."""
    lacking.redeem(START, kind=LicenseKind.HARDWARE, core=9)
    unit = lacking.registered().hardware_units.get()
    visitor = manager_at_browser.open("allocate_expansion", organization.slug, "camera-station", unit.pk)
    visitor.button("Confirm allocation").click()
    visitor.button("Confirm").dblclick()
    visitor.reads("Your product is now licensed.")
    visitor.page.go_back()
    # With JavaScript the summary was a part of this page; without, it is a page that the browser kept or asks for again.
    confirm = visitor.button("Confirm")
    if confirm.count():
        confirm.click()
    visitor.open("unit_details", organization.slug, "camera-station", unit.pk)
    expect(visitor.page.get_by_role("row", name="Core device").first).to_contain_text("11")
    assert Expansion.objects.filter(organization=organization).count() == 1
    assert lacking.stand(START).wallet[LicenseKind.HARDWARE]["core-device"] == 6
    check_conservation(organization)


def test_a_unit_that_was_retired_in_another_tab_is_said_to_have_ended(
    lacking: Books,
    visit: Callable[..., Visitor],
    administrator_client: Client,
    organization: Organization,
    javascript: bool,
) -> None:
    """R27: of two tabs with the page of Retire, and one with Allocate licenses, one ends it and the others say so."""
    lacking.redeem(START, kind=LicenseKind.HARDWARE, core=9)
    address = (organization.slug, "camera-station", lacking.registered().hardware_units.get().pk)
    first = visit(administrator_client, java_script_enabled=javascript).open("retire_unit", *address)
    second = first.second_tab().open("retire_unit", *address)
    third = first.second_tab().open("allocate_expansion", *address)
    for visitor, said in (
        (first, "Hardware unit SN-7001 is retired."),
        (second, "Unit SN-7001 was retired or replaced"),
    ):
        visitor.page.get_by_label("Serial number").fill("SN-7001")
        visitor.button("Retire hardware unit").click()
        visitor.reads(said)
        visitor.reads("Its licenses ended")
    third.button("Confirm allocation").click()
    third.reads("Unit SN-7001 was retired or replaced")
    assert Record.objects.filter(action=Action.UNIT_RETIRED).count() == 1
    assert not Expansion.objects.filter(organization=organization).exists()
    check_conservation(organization)
