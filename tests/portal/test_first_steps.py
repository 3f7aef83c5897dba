"""The guide from an empty organization to a licensed product: its steps follow from the books, the next one is offered."""

import html
import re
from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from organizations.models import Organization
from tests.conftest import FrozenClock
from tests.factories import Books

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)


def guide(client: Client, organization: Organization, product: str = "") -> tuple[list[str], str]:
    """The labels of the steps that are done, and that of the next one; both empty without a guide."""
    name, arguments = ("product_overview", [product]) if product else ("product_list", [])
    text = html.unescape(client.get(reverse(name, args=[organization.slug, *arguments])).content.decode())
    steps = re.findall(r'<li class="guide__step( is-done| is-next)?".*?guide__label">([^<]+)', text, re.DOTALL)
    done = [label.strip() for state, label in steps if state == " is-done"]
    return done, next((label.strip() for state, label in steps if state == " is-next"), "")


def test_each_step_follows_from_the_books(
    organization: Organization, manager_client: Client, books: Books, frozen_clock: FrozenClock
) -> None:
    steps = ["Register the product", "Let its systems be known", "Start your subscription", "Redeem license key"]
    assert guide(manager_client, organization) == ([], steps[0])
    books.report(START, core=3)
    for product in ("", "camera-station"):
        assert guide(manager_client, organization, product) == (steps[:2], steps[2])
    books.start(START)
    assert guide(manager_client, organization) == (steps[:3], steps[3])
    books.redeem(START, core=3)
    last = "Allocate subscription licenses"
    assert guide(manager_client, organization) == (steps, last)
    books.allocate(START, {"core": 3})
    for product in ("", "camera-station"):
        assert guide(manager_client, organization, product) == ([*steps, last], "")
    assert "Your product is now licensed." in manager_client.get(f"/o/{organization.slug}/").content.decode()
    frozen_clock.move_to(START + timedelta(days=1))
    assert guide(manager_client, organization) == ([], "")
    # It does not come back, whatever becomes of the product.
    frozen_clock.move_to(START + timedelta(days=500))
    assert guide(manager_client, organization) == ([], "")
    assert guide(manager_client, organization, "camera-station") == ([], "")


def test_hardware_has_steps_of_its_own(
    organization: Organization, manager_client: Client, books: Books, frozen_clock: FrozenClock
) -> None:
    unit = books.unit(START, "SN-1", core=2)
    books.report(START, system="Box", unit="SN-1", core=5)
    steps = ["Register the product", "Let its systems be known", "Register hardware"]
    assert guide(manager_client, organization) == (steps, "Redeem expansion license key")
    books.redeem(START, kind="hardware", core=3)
    assert guide(manager_client, organization) == (
        [*steps, "Redeem expansion license key"],
        "Allocate expansion licenses",
    )
    books.expand(START, unit, core=3)
    assert guide(manager_client, organization) == (steps, "")
    frozen_clock.move_to(START + timedelta(days=1))
    assert guide(manager_client, organization) == ([], "")


def test_it_is_hidden_from_one_person_and_shown_again(
    organization: Organization, manager_client: Client, administrator_client: Client
) -> None:
    address = reverse("first_steps", args=[organization.slug])
    assert manager_client.get(address).status_code == 405
    manager_client.post(address, {"guide": "hide"})
    assert guide(manager_client, organization) == ([], "")
    assert "Register your first product" in manager_client.get(f"/o/{organization.slug}/").content.decode()
    assert guide(administrator_client, organization)[1] == "Register the product"
    assert "Show the first steps" in manager_client.get(f"/o/{organization.slug}/").content.decode()
    manager_client.post(address, {"guide": "show"})
    assert guide(manager_client, organization)[1] == "Register the product"


def test_a_viewer_is_not_guided_to_what_only_others_may_do(organization: Organization, viewer_client: Client) -> None:
    assert guide(viewer_client, organization) == ([], "")
