"""What every test of bad input asks: a 4xx with a sentence, what was typed kept, and books that did not move.

The test client raises what a view raises, so that a 500 fails the test with its cause.
"""

import html
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse

from hardware.models import HardwareUnit
from organizations.models import Organization
from products.models import System, SystemSource
from tests.conftest import FrozenClock
from tests.factories import Books, issue

START = date(2027, 3, 1)
PRODUCT = "camera-station"
# All that says what an organization has and did.
BOOKS = (
    "history.Record",
    "organizations.Membership",
    "products.RegisteredProduct",
    "products.System",
    "products.DeviceCount",
    "wallet.LedgerAccount",
    "wallet.Transfer",
    "wallet.Entry",
    "wallet.Lot",
    "wallet.LicenseKey",
    "wallet.Redemption",
    "subscriptions.SubscriptionPeriod",
    "subscriptions.Subscription",
    "subscriptions.SubscriptionYear",
    "subscriptions.YearHolding",
    "subscriptions.Allocation",
    "hardware.HardwareUnit",
    "hardware.UnitHolding",
    "hardware.Placement",
    "hardware.Expansion",
    "hardware.Replacement",
    "core.DemonstrationClock",
    "core.OutboxMessage",
)


def books_of_all() -> dict[str, list[dict[str, Any]]]:
    """Every row of the books, of all organizations."""
    return {label: list(apps.get_model(label).objects.order_by("pk").values()) for label in BOOKS}


@contextmanager
def unchanged() -> Iterator[None]:
    """Within this nothing may be written to the books."""
    before = books_of_all()
    yield
    after = books_of_all()
    for label in BOOKS:
        assert after[label] == before[label], f"{label} changed"


def sentence_of(response: Any) -> str:
    """The text of the page's main part, or of the fragment; it has to say something."""
    text = response.content.decode()
    main = re.search(r"<main.*?</main>", text, re.DOTALL)
    told = html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", main[0] if main else text))).strip()
    assert re.search(r"\w+ \w+[^.]*\.", told), f"no sentence on the page: {told[:300]}"
    return told


def refused(response: Any, *statuses: int) -> str:
    """The answer is a refusal: 4xx with a sentence; returns what it says."""
    assert response.status_code in (statuses or range(400, 500)), f"{response.status_code}: {response.content[:300]!r}"
    return sentence_of(response)


@dataclass
class Portal:
    """An administrator's client, and the addresses of what the organization has and of what another one has."""

    client: Client
    organization: Organization
    other: Organization
    system: System
    other_system: System
    unit: HardwareUnit
    other_unit: HardwareUnit
    books: Books
    other_books: Books

    def url(self, name: str, *arguments: object) -> str:
        """A page of the administrator's organization."""
        return reverse(name, args=[self.organization.slug, *arguments])

    def post(self, name: str, data: Mapping[str, Any], *arguments: object, **options: Any) -> Any:
        """Send a form to a page of Camera Station."""
        return self.client.post(self.url(name, PRODUCT, *arguments), data, **options)

    def summary(self, **amounts: str) -> Any:
        """Send amounts for the first year to Product licensing."""
        data = {"y0-core-device": amounts.get("core", "10"), "y0-universal-device": amounts.get("universal", "4")}
        return self.post("product_licensing", data)

    def confirmation(self) -> str:
        """The sealed confirmation of a summary for the first year."""
        response = self.summary()
        assert response.status_code == 200
        return confirmation_in(response)


def confirmation_in(response: Any) -> str:
    """The sealed confirmation that a summary page carries."""
    found = re.search(r'name="confirmation" value="([^"]+)"', response.content.decode())
    assert found
    return found[1]


@pytest.fixture
def portal(
    books: Books,
    administrator_client: Client,
    organization: Organization,
    other_organization: Organization,
    frozen_clock: FrozenClock,
) -> Portal:
    """Two organizations with Camera Station, started, systems by hand and licenses in the wallet."""
    other_books = Books(other_organization)
    systems: list[System] = []
    units: list[HardwareUnit] = []
    for one in (books, other_books):
        systems.append(one.report(START, source=SystemSource.MANUAL, core=10, universal=4))
        units.append(one.unit(START, f"SN-{one.organization.pk}"))
        one.start(START)
        one.redeem(START, core=30, universal=12)
    return Portal(
        client=administrator_client,
        organization=organization,
        other=other_organization,
        system=systems[0],
        other_system=systems[1],
        unit=units[0],
        other_unit=units[1],
        books=books,
        other_books=other_books,
    )


@pytest.fixture
def new_key(portal: Portal) -> Callable[[], str]:
    """Makes keys of Camera Station with one core license."""
    return lambda: issue(portal.books.products[PRODUCT], core=1)
