"""Random searches, filters, sorts, columns and sizes of pages: page, CSV and XLSX have the rows of an independent filter.

A run of the suite draws a few by its seed; ``make proof`` makes 1,000 (FILTERS).
"""

import os
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from random import Random
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from hardware import code_list, listing, reported
from hardware.models import HardwareUnit
from history import queries
from history.models import Action
from licensemgr.portal.lists import LISTS
from licensemgr.portal.own_lists import OWN_LISTS
from licensemgr.portal.views import public, start
from organizations.models import User
from organizations.views import members
from products.models import LicenseKind, Reseller
from tests.factories import Books
from tests.filters import oracles
from tests.filters.oracles import Query
from tests.filters.world import PRODUCT, World, make_world
from tests.portal.test_lists import read_csv, read_xlsx

pytestmark = pytest.mark.django_db
COMBINATIONS = int(os.environ.get("FILTERS", "20"))
SIZES = (
    (listing, "ROWS_PER_PAGE"),
    (reported, "DEVICES_PER_PAGE"),
    (queries, "RECORDS_PER_PAGE"),
    (members, "_MEMBERS_PER_PAGE"),
    (code_list, "CODES_PER_PAGE"),
    (start, "_ROWS_PER_PAGE"),
    (public, "_RESELLERS_PER_PAGE"),
)
GARBAGE = ("x", "-", "%", "--name", "'", "9" * 30, "😀", "a=b&c", "../..", "name,need", "<b>", "\\", "Ω")
SEARCHES = (
    "",
    "0",
    "1",
    "gate",
    "GATE",
    "sn-",
    "Älv",
    "100%",
    "a_b",
    "=1",
    "'",
    "東",
    "2 pier",
    "nord",
    "core",
    "ada",
    "system",
)
ROLES = ("administrator", "manager", "viewer")
TYPES = ("core-device", "universal-device")
# In the words of the page.
KINDS = {str(LicenseKind(kind).label): str(kind) for kind in LicenseKind.values}
SYSTEM_SORTS = ("name", "unit", "source", "reported", "heard", "devices-core-device", "devices-universal-device")


@dataclass(frozen=True)
class Asked:
    """A list as it is asked here: its page, what of its parameters means something, and how its rows are told apart."""

    page: Callable[[World], str]
    values: Mapping[str, Sequence[str]]
    sorts: Sequence[str]
    expected: Callable[[World, Query], list[str]]
    # In the page, and in a line of a file by its heads.
    on_page: Callable[[str], list[str]]
    in_file: Callable[[dict[str, str]], str]
    # Columns without which rows of a file can't be told apart.
    needed: Sequence[str] = ()
    subject: Callable[[World], str] = lambda world: ""
    # Whether garbage in a choice is told of, and makes no file.
    is_strict: bool = False


def rows_with(pattern: str) -> Callable[[str], list[str]]:
    """What the pattern finds in each row of the tables of the page."""

    def find(page: str) -> list[str]:
        rows = re.findall(r"<tr\b(?:(?!</tr>).)*</tr>", page, re.DOTALL)
        return [unescape(found[1]) for row in rows if (found := re.search(pattern, row, re.DOTALL))]

    return find


def _systems_on_page(page: str) -> list[str]:
    serials = {str(unit.pk): unit.serial for unit in HardwareUnit.objects.all()}
    rows = rows_with(r'(<th scope="row">.*)')(page)
    found = []
    for row in rows:
        system = re.search(r"<th.*?/systems/([0-9a-f-]{36})/.*?</th>", row, re.DOTALL)
        unit = re.search(r"/units/(\d+)/", row)
        if system or unit:
            found.append(system[1] if system else serials[unit[1]])  # type: ignore[index]  # one of the two
    return found


def _reseller(line: dict[str, str]) -> str:
    return str(Reseller.objects.get(address=line["Address"], name=line["Name"]).pk)


def _movement(line: dict[str, str]) -> str:
    what = f"{line['License type']} {int(line['Quantity']):+}" if line["Quantity"] else ""
    return f"{line['Date']} {line['What']} {what}"


def _lots_on_page(page: str) -> list[str]:
    table = page[page.index('id="lots-title"') : page.index('id="movements"')]
    found = []
    for row in re.findall(r"<tr\b(?:(?!</tr>).)*</tr>", table, re.DOTALL):
        parts = re.search(
            r'row">([^<]+)</th>.*?"Kind">([^<]+)<.*?<strong>(.*?)</strong>.*?"Use by"><span><time datetime="([^"]+)"',
            row,
            re.DOTALL,
        )
        if parts:
            found.append(_told(parts[1], parts[2], re.sub(r"<[^>]*>|,", "", parts[3]), parts[4]))
    return found


def _told(name: str, kind: str, quantity: str, until: str) -> str:
    return f"{name} {KINDS[kind]} {quantity} {until}"


ORGANIZATION = "/o/harbour"
LISTS_ASKED = {
    "products": Asked(
        lambda world: f"{ORGANIZATION}/",
        {
            "search": ("", "c", "audio", "STATION", "manager a"),
            "status": ("licensed", "trial", "not_started", "unlicensed"),
        },
        ("name", "need", "systems", "subscription", "hardware"),
        oracles.products,
        rows_with(r'<th scope="row"><a href="/o/harbour/products/([\w-]+)/"'),
        lambda line: line["Product code"],
    ),
    "systems": Asked(
        lambda world: f"{ORGANIZATION}/products/{PRODUCT}/systems/",
        {
            "search": SEARCHES,
            "source": ("manual", "offline", "online", "waiting", "ended"),
            "state": ("licensed", "lacking"),
            "place": ("on", "off"),
            "contact": ("heard", "silent"),
        },
        SYSTEM_SORTS,
        oracles.systems,
        _systems_on_page,
        lambda line: line["System id"] or line["Hardware unit"],
        ("unit",),
        lambda world: PRODUCT,
    ),
    "devices": Asked(
        lambda world: f"{ORGANIZATION}/products/{PRODUCT}/systems/{world.lister.system_id}/",
        {"search": ("", "cam", "CAM-1", "xx", "m2", "core", "m1 cam")},
        ("id", "model", "type"),
        oracles.devices,
        rows_with(r'<th scope="row"[^>]*>\s*(cam-\w+)'),
        lambda line: line["Id"],
        subject=lambda world: f"{PRODUCT}/{world.lister.system_id}",
    ),
    "history": Asked(
        lambda world: f"{ORGANIZATION}/history/",
        {
            "q": ("", "sn-", "core", "registered", "Ada", "lister", "s1"),
            "action": (Action.SYSTEM_ADDED, Action.KEY_REDEEMED, Action.UNIT_REGISTERED, Action.YEAR_OPENED),
            "person": ("system",),
            "product": (PRODUCT, "audio-manager"),
            "since": ("2027-03-01", "2027-03-02"),
            "until": ("2027-03-01", "2027-03-02"),
        },
        (),
        oracles.history,
        rows_with(r'<tr id="record-(\d+)"'),
        lambda line: line["Number"],
        is_strict=True,
    ),
    "movements": Asked(
        lambda world: f"{ORGANIZATION}/products/{PRODUCT}/wallet/",
        {"reason": ("redeemed", "allocated", "compensated"), "moved": TYPES},
        (),
        oracles.movements,
        lambda page: [],
        _movement,
        ("what", "licenses"),
        lambda world: PRODUCT,
    ),
    "lots": Asked(
        lambda world: f"{ORGANIZATION}/products/{PRODUCT}/wallet/",
        {
            "search": ("", "key", "license KEY", "order", "0", "correction"),
            "type": TYPES,
            "kind": tuple(LicenseKind.values),
        },
        ("type", "kind", "quantity", "use-by", "entered"),
        oracles.lots,
        _lots_on_page,
        lambda line: _told(line["License type"], line["Kind"], line["In the wallet"], line["Use by"]),
        ("kind", "quantity", "use-by"),
        lambda world: PRODUCT,
    ),
    "registration-codes": Asked(
        lambda world: f"{ORGANIZATION}/registration-codes/",
        {
            "search": ("", "gate", "GATE", "pier", "0", "xy0", "AXY", "100%", "a_b", "Älv"),
            "state": ("open", "used_up", "expired", "revoked"),
        },
        ("name", "joined", "expires", "made"),
        oracles.codes,
        rows_with(r'<span class="sub mono">…(\w+)<'),
        lambda line: line["Last symbols"],
    ),
    "members": Asked(
        lambda world: f"{ORGANIZATION}/members/",
        {"search": ("", "ada", "north", "Öst", "p0 west", "1"), "role": ROLES},
        ("name", "role", "since"),
        oracles.members,
        rows_with(r'<th scope="row">.*?<span class="sub">([^<]*@[^<]*)</span>'),
        lambda line: line["E-mail address"],
    ),
    "my-systems": Asked(
        lambda world: "/",
        {"search": ("", "a", "ALV", "gate", "harbour", "100"), "role": ROLES},
        ("name", "role", "products", "systems", "silent"),
        oracles.my_systems,
        rows_with(r'my-systems__go"><a [^>]*href="/o/([\w-]+)/"'),
        lambda line: line["Organization"],
    ),
    "where-to-buy": Asked(
        lambda world: "/where-to-buy/",
        {
            "country": ("", "SE", "NO", "PL"),
            "town": ("SE-malmo", "NO-oslo"),
            "search": ("", "nord", "sud", "lodz", "pier 1", "camera", "audio", "reseller", "Sweden"),
            "kind": ("reseller", "integrator"),
            "product": (PRODUCT, "audio-manager"),
        },
        ("name", "distance", "address"),
        oracles.resellers,
        rows_with(r'href="/where-to-buy/(\d+)/'),
        _reseller,
        ("address",),
    ),
}


def draw(asked: Asked, name: str, drawn: Random) -> dict[str, str]:
    """A query: each parameter sometimes, seldom with what means nothing."""
    query = {}
    for parameter, values in asked.values.items():
        if drawn.random() < (1.0 if parameter == "country" else 0.35):
            query[parameter] = drawn.choice(values)
            if not asked.is_strict and parameter != "town" and drawn.random() < 0.1:
                query[parameter] = drawn.choice(GARBAGE)
    if asked.sorts and drawn.random() < 0.8:
        query["sort"] = drawn.choice(("", "-")) + drawn.choice([*asked.sorts, drawn.choice(GARBAGE)])
    if query.get("since", "") > query.get("until", "9"):
        del query["since"]
    return query


def walk(client: Client, address: str, query: Query, on_page: Callable[[str], list[str]]) -> list[str]:
    """The rows of all pages, from the first to the last."""
    seen: list[str] = []
    answer = client.get(address, query)
    for _page in range(200):
        assert answer.status_code == 200
        page = answer.content.decode()
        seen += on_page(page)
        onward = re.search(r'rel="next" href="([^"#]*)', page)
        if onward is None:
            return seen
        link = unescape(onward[1])
        answer = client.get(link if link.startswith("/") else f"{address}{link}")
    raise AssertionError("The pages have no end.")


def file_rows(client: Client, name: str, query: Query, asked: Asked, ending: str) -> list[str]:
    """The rows of a file."""
    stem, place = ("own_list", [name]) if name in OWN_LISTS else ("list", ["harbour", name])
    answer = client.get(reverse(f"{stem}_{ending}", args=place), query)
    lines = read_csv(answer) if ending == "csv" else [[_text(cell) for cell in row] for row in read_xlsx(answer)]
    return [asked.in_file(dict(zip(lines[0], line, strict=True))) for line in lines[1:]]


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    return cell.date().isoformat() if hasattr(cell, "date") else str(cell)


@pytest.fixture
def drawn() -> Random:
    """Drawn by the run's seed."""
    return Random(random.getrandbits(32))


@pytest.fixture
def world(books: Books, administrator: User, drawn: Random) -> World:
    return make_world(books, administrator, drawn)


def test_every_list_is_asked() -> None:
    assert set(LISTS_ASKED) == set(LISTS) | set(OWN_LISTS)
    for name, asked in LISTS_ASKED.items():
        kind = (LISTS[name] if name in LISTS else OWN_LISTS[name]).kind
        left_out = {"place", "latitude", "longitude"} if name == "where-to-buy" else set()
        assert set(kind.parameters) - left_out == set(asked.values) | ({"sort"} if asked.sorts else set()), name


def test_page_and_files_have_the_rows_of_an_independent_filter(
    world: World, administrator_client: Client, drawn: Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, found = list(LISTS_ASKED), 0
    for number in range(COMBINATIONS):
        name = names[number % len(names)]
        asked = LISTS_ASKED[name]
        query, size = draw(asked, name, drawn), drawn.choice((3, 5, 8, 50)) if number % 4 else 50
        for module, constant in SIZES:
            monkeypatch.setattr(module, constant, size)
        expected = asked.expected(world, query)
        found += bool(expected)
        told = f"{name}, {size} a page: {query}"
        of_file = {**query, **({"of": asked.subject(world)} if asked.subject(world) else {})}
        if name in LISTS and drawn.random() < 0.7:
            of_file["columns"] = ",".join([*asked.needed, drawn.choice(("", "source,license", "since", "need,x"))])
        plain = [_plain(world, name, each) for each in expected]
        assert file_rows(administrator_client, name, of_file, asked, "csv") == plain, f"CSV of {told}"
        assert file_rows(administrator_client, name, of_file, asked, "xlsx") == plain, f"XLSX of {told}"
        if name != "movements":
            assert walk(administrator_client, asked.page(world), query, asked.on_page) == expected, f"pages of {told}"
    # Most of them find something.
    assert found > COMBINATIONS / 3


def _plain(world: World, name: str, row: str) -> str:
    """As a file tells the row apart: an organization by its name, safe for spreadsheets."""
    if name != "my-systems":
        return row
    found = {each.organization.slug: each.organization.name for each in world.person.memberships.all()}[row]
    return found


def test_nothing_in_an_address_breaks_a_list(world: World, administrator_client: Client, drawn: Random) -> None:
    for number in range(max(COMBINATIONS, len(LISTS_ASKED))):
        name = list(LISTS_ASKED)[number % len(LISTS_ASKED)]
        asked = LISTS_ASKED[name]
        names = [*asked.values, "sort", "after", "before", "page", "columns", "of", "latitude", "longitude", "place"]
        query = {each: drawn.choice(GARBAGE) for each in names if drawn.random() < 0.4}
        assert administrator_client.get(asked.page(world), query).status_code in (200, 422), query
        stem, place = ("own_list", [name]) if name in OWN_LISTS else ("list", ["harbour", name])
        for ending in ("csv", "xlsx"):
            answer = administrator_client.get(reverse(f"{stem}_{ending}", args=place), query)
            assert b"".join(answer) and answer.status_code in (200, 404, 422), query
