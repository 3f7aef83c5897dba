"""“Why 84?”: what a number is made of sums to the number, and every number on a page leads there."""

import html
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from hardware.models import HardwareUnit
from hardware.queries import unit_states
from licensemgr.portal.playing import Player
from licensemgr.portal.why import NUMBERS, Asked, explanation_of
from organizations.access import OrganizationRequest
from organizations.models import Organization
from products.models import DeviceCount, LicenseKind, RegisteredProduct, System, SystemSource
from products.queries import current_devices
from products.why import Explanation
from subscriptions.coverage import coverage
from subscriptions.queries import ProductStanding, standings
from tests.conftest import FrozenClock
from tests.factories import Books
from tests.rules.test_scenarios import _histories
from wallet.models import AccountCategory, LedgerAccount, Lot, Redemption

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)
# A number's link on a page, and on an explanation the addends that are explained themselves.
WHY_LINK = re.compile(r'<a (?:class="why" )?href="([^"]*/why/[^"]*)" data-why="(-?\d+)"')
ADDEND = re.compile(r'<data value="(-?\d+)"')
SUM = re.compile(r'<data class="why-box__sum" value="(-?\d+)"')
HISTORY = re.compile(r'<a href="(/o/[a-z0-9-]+/history/\?[^"]+)"')


def explained(
    registered_product: RegisteredProduct, on: date, what: str, known: ProductStanding | None = None, **query: object
) -> Explanation:
    """The explanation, its addends collected from all of its pages; ``known`` is how the product stands, where that is known."""
    asked = {name: str(value) for name, value in query.items() if value is not None}
    pages: list[Explanation] = []
    after = ""
    while not pages or after:
        request = SimpleNamespace(today=on, GET={**asked, "after": after})
        ask = Asked(cast(OrganizationRequest, request), registered_product)
        if known is not None:
            ask.standing = known
        page = explanation_of(what, ask)
        pages.append(page)
        after = page.next_after
    together = sum(addend.quantity for page in pages for addend in page.addends)
    where = (what, query, on)
    assert {page.number for page in pages} == {together}, where
    assert {page.total for page in pages} == {together}, where
    # What `explain` leaves out as 0 is not counted either.
    assert {page.count for page in pages} == {sum(len(page.addends) for page in pages)}, where
    assert pages[0].rule.endswith(".")
    return pages[0]


def numbers_of(standing: ProductStanding) -> Iterator[tuple[int, str, dict[str, object]]]:
    """Every number of a product that pages show, as the domain's own reads tell it, and its question."""
    for code in (*standing.codes, None):
        codes = [code] if code else list(standing.codes)
        for kind in LicenseKind.values:
            held = standing.wallet[kind]
            yield sum(held[each] for each in codes), "wallet", {"type": code, "kind": kind}
        yield sum(standing.devices[each] for each in codes), "devices", {"type": code}
        for year in standing.years:
            asked: dict[str, object] = {"type": code, "year": year.year.number}
            for what, quantities in (("need", year.need), ("missing", year.missing), ("allocated", year.allocated)):
                yield sum(quantities[each] for each in codes), what, asked
        for kinds in zip(*(each.years for each in coverage(standing) if each.license_type.code in codes), strict=True):
            asked = {"type": code, "year": kinds[0].year.number}
            yield sum(each.in_wallet for each in kinds), "in-wallet", asked
            yield sum(each.to_buy for each in kinds), "to-buy", asked
            yield sum(each.expiring for each in kinds), "expiring", asked
        if not standing.years:
            yield sum(standing.devices[each] for each in codes), "need", {"type": code}
        current = standing.current
        if current is not None and current.allowance is not None:
            growth = {each: max(0, standing.devices[each] - current.allocated[each]) for each in codes}
            yield sum(growth.values()), "growth", {"type": code}
            yield current.allowance, "allowance", {}
            if code:
                yield growth[code] - current.missing[code], "free", {"type": code}
        if code:
            yield standing.credit_days[code], "credit", {"type": code}
    yield standing.systems, "systems", {}


def numbers_of_hardware(registered_product: RegisteredProduct) -> Iterator[tuple[int, str, dict[str, object]]]:
    """The numbers of its units, lots and systems."""
    types = list(registered_product.product.license_types.all())
    units = list(HardwareUnit.objects.filter(registered_product=registered_product))
    for state in unit_states(registered_product.organization, units):
        for kind in types:
            asked: dict[str, object] = {"unit": state.unit.pk, "type": kind.code}
            yield state.licenses.get(kind.code, 0), "unit", asked
            yield state.devices.get(kind.code, 0), "unit-devices", asked
            yield state.short.get(kind.code, 0), "unit-lacks", asked
    systems = list(System.objects.filter(registered_product=registered_product, removed_on=None))
    devices = current_devices(systems)
    for kind in types:
        total = 0
        for system in systems:
            here = devices.get((system.pk, kind.pk), 0)
            total += here
            yield here, "system", {"system": system.pk, "type": kind.code}
        yield total, "all-devices", {"type": kind.code}


@pytest.mark.slow
@pytest.mark.parametrize("scenario", [5, 31])
@pytest.mark.parametrize("file", ["scenarios", "scenarios-hardware"])
def test_addends_sum_to_every_number_of_the_played_histories(file: str, scenario: int) -> None:
    player = Player()
    steps = _histories(file)[scenario]
    found: set[str] = set()
    for number, step in enumerate(steps):
        player.play_step(step)
        if number not in (len(steps) // 3, 2 * len(steps) // 3, len(steps) - 1):
            continue
        organization = player.organizations[step["scenario"]]
        last = date.fromisoformat(step["on"])
        # Also on days to which nobody has settled the books: what became true meanwhile is derived (R2).
        for on in (last, last + timedelta(days=400)):
            for standing in standings(organization, on):
                registered_product = standing.registered_product
                registered_product.organization = organization
                for expected, what, query in (*numbers_of(standing), *numbers_of_hardware(registered_product)):
                    assert explained(registered_product, on, what, standing, **query).number == expected, (
                        what,
                        query,
                        on,
                    )
                    found.add(what)
                for lot in Lot.objects.filter(registered_product=registered_product).select_related("account"):
                    expected = 0 if lot.is_expired(on) else lot.account.balance
                    assert explained(registered_product, on, "lot", standing, lot=lot.pk).number == expected
                for kind in standing.types:
                    days = LedgerAccount.objects.filter(
                        registered_product=registered_product,
                        license_type=kind,
                        category=AccountCategory.DAYS_COMPENSATED,
                    )
                    licenses = sum(account.balance for account in days) // 365
                    assert explained(registered_product, on, "compensated", standing, type=kind.code).number == licenses
    assert {"need", "missing", "allocated", "wallet", "devices", "systems", "system"} <= found


@dataclass
class Site:
    """An organization in which numbers of every kind stand, and somebody who looks at its pages."""

    organization: Organization
    client: Client
    unit: HardwareUnit

    def pages(self) -> Iterator[str]:
        """The addresses of all pages on which numbers of licenses or devices stand."""
        slug = self.organization.slug
        yield reverse("my_systems")
        yield reverse("product_list", args=[slug])
        yield reverse("coverage", args=[slug])
        for code in ("camera-station", "audio-manager"):
            for name in ("product_overview", "product_licensing", "product_wallet", "system_setup"):
                yield reverse(name, args=[slug, code])
        yield reverse("release_year", args=[slug, "audio-manager", 1])
        redemption = Redemption.objects.filter(organization=self.organization).latest("pk")
        yield reverse("undo_redemption", args=[slug, "audio-manager", redemption.transfer.sequence])
        yield reverse("close_organization", args=[slug])
        for system in System.objects.filter(organization=self.organization, removed_on=None):
            code = system.registered_product.product.code
            yield reverse("system_details", args=[slug, code, system.system_id])
        yield reverse("unit_details", args=[slug, "camera-station", self.unit.pk])
        yield reverse("allocate_expansion", args=[slug, "camera-station", self.unit.pk])

    def text(self, address: str) -> str:
        """The page."""
        response = self.client.get(address)
        assert response.status_code == 200, address
        return response.content.decode()


@pytest.fixture
def site(books: Books, organization: Organization, administrator_client: Client, frozen_clock: FrozenClock) -> Site:
    """Grown, compensated, expanded, released, with a unit that lacks licenses, and a product that has not started."""
    books.report(START, core=10, universal=4)
    books.start(START)
    books.redeem(START, core=20, universal=10)
    books.allocate(START, {"core": 10, "universal": 4})
    late = date(2027, 9, 1)
    books.report(late, core=14, universal=5)
    books.report(late, system="Gate", source=SystemSource.MANUAL, core=3)
    books.report(late, product="audio-manager", system="Speakers", audio=7)
    unit = books.unit(late, "SN-1", core=2)
    books.redeem(late, kind="hardware", core=4)
    books.expand(late, unit, core=1)
    books.report(late, system="Box", unit="SN-1", core=5)
    books.start(late, product="audio-manager")
    books.redeem(late, product="audio-manager", audio=9)
    grace_over = date(2027, 11, 1)
    frozen_clock.move_to(grace_over)
    books.allocate(grace_over, {"audio": 7}, product="audio-manager")
    # A coming year that can be released, of two lots, and a redemption that can be undone.
    books.redeem(grace_over, product="audio-manager", audio=6)
    books.allocate(grace_over, {}, {"audio": 7}, product="audio-manager")
    books.redeem(grace_over, product="audio-manager", audio=3)
    return Site(organization, administrator_client, unit)


@pytest.mark.slow
def test_every_number_on_every_page_leads_to_what_it_is_made_of(site: Site) -> None:
    """Each link is followed, and those of the addends too: the number is the same, and what stands there sums to it."""
    to_follow: list[tuple[str, int, str]] = []
    for address in site.pages():
        links = WHY_LINK.findall(site.text(address))
        assert links, f"no number of {address} tells where it comes from"
        to_follow += [(html.unescape(url), int(value), address) for url, value in links]
    seen: dict[str, int] = {}
    whats: set[str] = set()
    history: set[str] = set()
    while to_follow:
        url, value, on = to_follow.pop()
        if url in seen:
            assert seen[url] == abs(value), (url, on)
            continue
        seen[url] = abs(value)
        whats.add(url.split("/why/")[1].split("/")[0])
        text = site.text(url)
        assert f"Why {abs(value)}?" in text, (url, on)
        assert sum(map(int, ADDEND.findall(text))) == abs(value), (url, on)
        assert [int(total) for total in SUM.findall(text)] == [abs(value)], (url, on)
        to_follow += [(html.unescape(inner), int(inside), url) for inner, inside in WHY_LINK.findall(text)]
        history |= {html.unescape(each) for each in HISTORY.findall(text)}
    # Where everything has to be bought, nothing is only waiting in the wallet: the next test asks that.
    assert whats >= set(NUMBERS) - {"all-in-wallet"}, set(NUMBERS) - whats
    assert history
    for address in history:
        assert 'id="record-' in site.text(address), f"nothing on {address}"


def test_what_waits_in_the_wallet_and_what_expires_within_a_year_are_told_lot_by_lot(
    books: Books, organization: Organization, administrator_client: Client, frozen_clock: FrozenClock
) -> None:
    books.report(START, core=2)
    books.start(START)
    books.redeem(START, core=12)
    books.redeem(START, kind="hardware", core=4)
    books.redeem(date(2028, 1, 1), core=1)
    asked = {}
    for day, name, arguments, what in (
        (date(2028, 1, 1), "coverage", [], "all-in-wallet"),
        (date(2031, 6, 1), "product_wallet", ["camera-station"], "use-by"),
    ):
        frozen_clock.move_to(day)
        page = administrator_client.get(reverse(name, args=[organization.slug, *arguments])).content.decode()
        [(url, value)] = [each for each in WHY_LINK.findall(page) if f"/why/{what}/" in each[0]]
        text = administrator_client.get(html.unescape(url)).content.decode()
        assert SUM.findall(text) == [value], text
        asked[what] = int(value), list(map(int, ADDEND.findall(text)))
    assert asked == {"all-in-wallet": (12, [2] * 6), "use-by": (16, [12, 4])}


def test_a_day_that_is_none_is_not_explained(site: Site) -> None:
    for what, query in (("devices-on", ""), ("allocated-on", "?on=2027-02-30"), ("use-by", "?from=2027-03-01&until=x")):
        address = reverse("why", args=[site.organization.slug, "camera-station", what])
        assert site.client.get(address + query).status_code == 404, what


def test_it_is_a_page_and_for_htmx_what_the_dialog_shows(site: Site) -> None:
    address = reverse("why", args=[site.organization.slug, "camera-station", "missing"]) + "?type=core-device&year=1"
    whole = site.client.get(address)
    part = site.client.get(address, headers={"HX-Request": "true"})
    assert b"<html" in whole.content and b"<html" not in part.content
    for response in (whole, part):
        text = response.content.decode()
        assert 'id="why-title"' in text and "What is needed less what is allocated" in text
        assert "HX-Request" in response["Vary"]


@pytest.mark.parametrize(
    ("what", "query"),
    [
        ("nothing", ""),
        ("need", "type=no-such-type"),
        ("missing", "year=99"),
        ("missing", "year=x"),
        ("wallet", "kind=x"),
        ("credit", ""),
        ("lot", ""),
        ("lot", "lot=x"),
        ("lot", "lot=99999999999999999999999"),
        ("system", "type=core-device&system=999999"),
        ("unit", "type=core-device&unit=٣"),
        ("growth", "year=1"),
    ],
)
def test_what_there_is_no_such_number_of_does_not_exist(site: Site, what: str, query: str) -> None:
    address = reverse("why", args=[site.organization.slug, "camera-station", what])
    assert site.client.get(f"{address}?{query}").status_code == 404


@pytest.mark.parametrize("after", ["x", "-1", "99999999999999999999999", "1e3"])
def test_a_page_that_cannot_be_read_is_the_first(site: Site, after: str) -> None:
    for what in ("need", "systems", "wallet"):
        address = reverse("why", args=[site.organization.slug, "audio-manager", what])
        assert site.client.get(f"{address}?after={after}").status_code == 200


def test_numbers_of_another_organization_or_product_are_not_explained(
    site: Site, outsider_client: Client, other_organization: Organization
) -> None:
    for client, slug in ((outsider_client, site.organization.slug), (outsider_client, other_organization.slug)):
        assert client.get(reverse("why", args=[slug, "camera-station", "need"])).status_code == 404
    lot = Lot.objects.filter(registered_product__product__code="camera-station")[0]
    audio = reverse("why", args=[site.organization.slug, "audio-manager", "lot"])
    assert site.client.get(f"{audio}?lot={lot.pk}").status_code == 404
    assert site.client.get(f"{audio.replace('lot/', 'unit/')}?unit={site.unit.pk}").status_code == 404
    assert outsider_client.get(reverse("why_all_systems", args=[site.organization.slug])).status_code == 404


def _add_systems(site: Site, how_many: int) -> None:
    registered = site.organization.registered_products.get(product__code="camera-station")
    core = registered.product.license_types.get(code="core-device")
    systems = System.objects.bulk_create(
        System(
            organization=site.organization,
            registered_product=registered,
            system_id=uuid.uuid4(),
            # Names stand more than once, so that the page has to tell systems of one name apart.
            name=f"Shop {number // 3:04}",
            source=SystemSource.MANUAL,
            license_basis_since=START,
            added_on=START,
            last_reported_on=START,
        )
        for number in range(how_many)
    )
    DeviceCount.objects.bulk_create(
        DeviceCount(
            organization=site.organization, system=system, license_type=core, quantity=number % 5 + 1, from_on=START
        )
        for number, system in enumerate(systems)
    )


def _queries(site: Site, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        site.text(address)
    return len(queries)


def test_many_systems_are_told_in_pages_by_as_many_queries(site: Site) -> None:
    addresses = [
        reverse("why", args=[site.organization.slug, "camera-station", what]) + query
        for what, query in (("need", "?type=core-device&year=1"), ("systems", ""), ("wallet", "?type=core-device"))
    ]
    before = [_queries(site, address) for address in addresses]
    _add_systems(site, 260)
    assert [_queries(site, address) for address in addresses] == before
    registered = RegisteredProduct.objects.select_related("organization", "product").get(
        organization=site.organization, product__code="camera-station"
    )
    on = date(2027, 11, 1)
    assert explained(registered, on, "need", type="core-device", year=1).number == 14 + 3 + 260 * 3
    assert explained(registered, on, "systems").number == 263
    first = site.text(addresses[0])
    assert sum(map(int, ADDEND.findall(first))) == 14 + 3 + 260 * 3
    assert "more on other pages" in first


def test_many_reports_of_a_system_are_told_in_pages(site: Site) -> None:
    system = System.objects.get(name="Gate")
    core = system.registered_product.product.license_types.get(code="core-device")
    count = DeviceCount.objects.get(system=system, license_type=core, until_on=None)
    day = count.from_on
    for number in range(1, 120):
        count.until_on = day + timedelta(days=number)
        count.save()
        count = DeviceCount.objects.create(
            organization=site.organization,
            system=system,
            license_type=core,
            quantity=3 + number % 7,
            from_on=day + timedelta(days=number),
        )
    registered = RegisteredProduct.objects.select_related("organization", "product").get(
        pk=system.registered_product_id
    )
    found = explained(registered, date(2028, 1, 1), "system", system=system.pk, type="core-device")
    assert (found.number, found.count) == (count.quantity, 120)


def test_an_allowance_counts_what_was_allocated_then_and_expired_lots_leave_the_wallet(
    site: Site, books: Books
) -> None:
    registered = books.registered()
    day = date(2027, 11, 1)
    growth = explained(registered, day, "growth")
    assert (growth.number, explained(registered, day, "allowance").number) == (17 - 10 + 5 - 4, 14)
    expiry = date(2032, 3, 1)
    addends = explained(registered, expiry, "wallet", type="core-device", kind="subscription").addends
    assert [addend.quantity for addend in addends][:1] == [-10]
