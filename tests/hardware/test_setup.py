"""System setup: every system and unit with how it is licensed; search, filters, order, pages (R5, R25)."""

import re
import uuid
from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from hardware import listing
from organizations.models import Organization
from products.models import LicenseKind, SystemSource
from tests.factories import Books

pytestmark = pytest.mark.django_db

START = date(2027, 3, 1)
LATER = date(2027, 3, 5)
SETUP = "/o/harbour/products/camera-station/systems/"


def read(client: Client, query: str = "", **headers: str) -> str:
    response = client.get(f"{SETUP}{query}", headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def rows(page: str) -> list[dict[str, str]]:
    """The rows of the table: what stands in each labelled cell, and the name under ``name``."""
    found = []
    for row in re.findall(r"<tr[^>]*>\s*<th scope=\"row\">.*?</tr>", page, re.DOTALL):
        cells = dict(re.findall(r'<td[^>]*data-label="([^"]*)"[^>]*>(.*?)</td>', row, re.DOTALL))
        [name] = re.findall(r'<th scope="row">(.*?)</th>', row, re.DOTALL)
        found.append({key: text_of(value) for key, value in {**cells, "name": name}.items()})
    return found


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def names(page: str) -> list[str]:
    """The names of the rows, without the system ids below them."""
    return [re.sub(r" [0-9a-f-]{36}$", "", row["name"]) for row in rows(page)]


@pytest.fixture
def mixed(books: Books) -> Books:
    """Three systems on hardware and not, two units without a system, one retired.

    Licensing: R1 holds 8 core for 10 on it, R2 4 universal for 4 on it, and Head office is not tied.
    """
    books.unit(START, "R1", core=8)
    books.unit(START, "R2", universal=4)
    books.unit(START, "SPARE-1", core=2)
    books.unit(START, "SPARE-2")
    books.retire(START, books.unit(START, "OLD", core=1))
    books.report(START, system="Gate", unit="r1", core=10, software_version="6.2")
    books.report(START, system="Tower", unit="R2", universal=4)
    books.report(LATER, system="Head office", source=SystemSource.MANUAL, core=3)
    return books


def test_it_shows_every_system_and_unit_and_what_each_lacks(manager_client: Client, mixed: Books) -> None:
    """R25: Gate lacks 10 - 8 = 2 core licenses; Tower's unit suffices; Head office counts for a trial."""
    found = rows(read(manager_client))
    gate, head, tower, spare, other = found
    assert [row["name"].split(" ")[0] for row in found] == ["Gate", "Head", "Tower", "Not", "Not"]
    assert gate["Hardware unit"] == "R1"
    assert (gate["Core device"], gate["Universal device"]) == ("10 8 licenses", "0 0 licenses")
    assert gate["License"] == "Expansion licenses needed Its unit lacks Core device: 2. Allocate licenses : R1"
    assert gate["Source"] == "Online Version 6.2"
    assert gate["Last report"] == "March 1, 2027"
    assert (head["Hardware unit"], head["Core device"], head["License"]) == ("–", "3", "Trial")
    assert head["Source"] == "Entered by hand"
    assert head["Last report"] == "March 5, 2027 Edit devices : Head office"
    assert tower["License"] == "Licensed by its hardware unit"
    assert (spare["name"], spare["Hardware unit"], spare["Core device"]) == (
        "Not installed yet",
        "SPARE-1",
        "– 2 licenses",
    )
    assert other["Hardware unit"] == "SPARE-2"
    page = read(manager_client)
    # Of all systems, those licensed by hardware included: 10 + 3 core, 4 universal.
    assert "Core device: 13" in text_of(page)
    assert "2 hardware units are not installed yet." in page
    assert "1 hardware unit lacks expansion licenses:" in page


def test_a_row_that_lacks_leads_to_allocate_licenses_for_who_may(
    manager_client: Client, viewer_client: Client, mixed: Books
) -> None:
    unit = mixed.registered().hardware_units.get(serial="R1")
    link = f'href="/o/harbour/products/camera-station/units/{unit.pk}/expand/"'
    assert link in read(manager_client)
    page = read(viewer_client)
    assert link not in page
    assert rows(page)[0]["License"] == "Expansion licenses needed Its unit lacks Core device: 2."


def test_a_unit_that_ended_says_when_instead_of_when_it_was_registered(manager_client: Client, mixed: Books) -> None:
    mixed.retire(LATER, mixed.registered().hardware_units.get(serial="SPARE-1"))
    old, spare = rows(read(manager_client, "?source=ended"))
    assert (old["Hardware unit"], old["Last report"]) == ("OLD", "March 1, 2027 retired or replaced")
    assert (spare["Hardware unit"], spare["Last report"]) == ("SPARE-1", "March 5, 2027 retired or replaced")


FOUND: list[tuple[str, list[str]]] = [
    ("search=gate", ["Gate"]),
    ("search=r2", ["Tower"]),
    ("search=spare", ["Not installed yet", "Not installed yet"]),
    ("source=manual", ["Head office"]),
    ("source=online", ["Gate", "Tower"]),
    ("source=offline", []),
    ("source=waiting", ["Not installed yet", "Not installed yet"]),
    ("source=ended", ["Retired or replaced"]),
    ("state=licensed", ["Tower"]),
    ("state=lacking", ["Gate", "Head office"]),
    ("place=on", ["Gate", "Tower", "Not installed yet", "Not installed yet"]),
    ("place=off", ["Head office"]),
    ("place=on&search=t&source=online", ["Gate", "Tower"]),
    ("sort=-name", ["Tower", "Head office", "Gate", "Not installed yet", "Not installed yet"]),
    ("sort=unit", ["Head office", "Gate", "Tower", "Not installed yet", "Not installed yet"]),
    ("sort=-devices-core-device&place=on", ["Gate", "Tower", "Not installed yet", "Not installed yet"]),
    ("sort=-reported&source=", ["Head office", "Tower", "Gate", "Not installed yet", "Not installed yet"]),
    ("sort=nonsense&source=nonsense&state=x&place=y", ["Gate", "Head office", "Tower", *["Not installed yet"] * 2]),
]


def test_search_filters_and_order(manager_client: Client, mixed: Books) -> None:
    for query, found in FOUND:
        page = read(manager_client, f"?{query}")
        assert names(page) == found, query
        assert ("Nothing matches" in page) is (not found)
        # The fragment that htmx asks for has the same rows and no frame.
        fragment = read(manager_client, f"?{query}", **{"HX-Request": "true"})
        assert names(fragment) == found, query
        assert "<html" not in fragment


def test_it_searches_by_system_id_whole_or_its_beginning(manager_client: Client, mixed: Books) -> None:
    wanted = str(mixed.system_id("Gate"))
    for search in (wanted, wanted.upper(), wanted.replace("-", ""), wanted[:8], wanted[:18]):
        assert names(read(manager_client, f"?search={search}")) == ["Gate"], search
    # Less than eight digits are no id, so that names are not found by chance.
    assert names(read(manager_client, f"?search={wanted[:5]}")) == []


def test_it_searches_by_a_part_of_a_system_id_with_and_without_hyphens(manager_client: Client, mixed: Books) -> None:
    """Alike on each database: they write an id differently."""
    wanted = str(mixed.system_id("Gate"))
    plain = wanted.replace("-", "")
    for search in (wanted[5:20], wanted[9:], plain[4:14], plain[5:13].upper(), plain[10:]):
        assert names(read(manager_client, f"?search={search}")) == ["Gate"], search
    # Hyphens are no digits.
    for search in ("--------", f"{wanted[:6]}---"):
        assert names(read(manager_client, f"?search={search}")) == [], search


def test_a_system_that_counts_is_licensed_as_the_product_is(manager_client: Client, mixed: Books) -> None:
    mixed.start(LATER)
    assert rows(read(manager_client))[1]["License"] == "Subscription has started"
    mixed.redeem(LATER, core=3)
    mixed.allocate(LATER, {"core": 3})
    assert rows(read(manager_client))[1]["License"] == "Licensed by the subscription"
    assert names(read(manager_client, "?state=licensed")) == ["Head office", "Tower"]
    assert names(read(manager_client, "?state=lacking")) == ["Gate"]
    # A license tied to the unit makes Gate licensed, and nothing else.
    mixed.redeem(LATER, kind=LicenseKind.HARDWARE, core=2)
    unit = mixed.registered().hardware_units.get(serial="R1")
    mixed.expand(LATER, unit, core=2)
    assert names(read(manager_client, "?state=lacking")) == []
    assert "lacks expansion licenses" not in read(manager_client)


def test_a_serial_number_that_is_not_registered_is_shown_as_such(manager_client: Client, books: Books) -> None:
    books.report(START, system="Gate", unit="X9", core=1)
    [row] = rows(read(manager_client))
    assert row["Hardware unit"] == "X9 not registered"
    books.unit(START, "A1", product="audio-manager", audio=5)
    books.report(START, system="Gate", unit="A1", core=1)
    [row] = rows(read(manager_client))
    assert row["Hardware unit"] == "A1 of another product"
    assert row["License"] == "Trial"


def walk(client: Client, query: str, rel: str, start: str | None = None) -> list[list[str]]:
    """The names of all pages by following ``rel``."""
    pages = []
    page = read(client, start or query)
    while True:
        pages.append(names(page))
        found = re.search(rf'rel="{rel}" href="([^"]*)"', page)
        if not found:
            return pages
        page = read(client, found[1].replace("&amp;", "&"))


@pytest.fixture
def many(books: Books, monkeypatch: pytest.MonkeyPatch) -> Books:
    """12 systems and 5 units on which none is, five a page instead of 50."""
    assert listing.ROWS_PER_PAGE == 50
    monkeypatch.setattr(listing, "ROWS_PER_PAGE", 5)
    for number in range(12):
        books.report(START, system=f"Site {number:02}", core=number % 4)
    for number in range(5):
        books.unit(START, f"U{number}", core=1)
    return books


def test_pages_follow_each_other_forward_and_back_without_gap_or_repetition(
    manager_client: Client, many: Books
) -> None:
    for query in ("?sort=name", "?sort=-name", "?sort=devices-core-device", "?sort=-devices-core-device"):
        forward = walk(manager_client, query, "next")
        assert [len(page) for page in forward] == [5, 5, 5, 2], query
        everything = [name for page in forward for name in page]
        assert len({name for name in everything if name.startswith("Site")}) == 12
        assert everything[12:] == ["Not installed yet"] * 5
        if "devices" in query:
            devices = [int(name[5:]) % 4 for name in everything[:12]]
            assert devices == sorted(devices, reverse="=-" in query)
        back = walk(manager_client, query, "prev", f"{query}&after={last_cursor(manager_client, query)}")
        assert back == forward[::-1]


def last_cursor(client: Client, query: str) -> str:
    """The row after which the last page begins."""
    page, cursor = read(client, query), ""
    while found := re.search(r'rel="next" href="\?[^"]*after=([^"&]+)', page):
        cursor = found[1]
        page = read(client, f"{query}&after={cursor}")
    return cursor


def test_a_cursor_that_leads_nowhere_shows_the_first_page(manager_client: Client, many: Books) -> None:
    for cursor in ("", "nonsense", "u", "u99999999999999999999", "u0", str(uuid.UUID(int=0)), "-1", "１", "9" * 5000):
        for name in ("after", "before"):
            assert names(read(manager_client, f"?{name}={cursor}"))[0] == "Site 00"


def test_another_tenants_rows_and_cursors_show_nothing(
    manager_client: Client, many: Books, other_organization: Organization
) -> None:
    theirs = Books(other_organization)
    system = theirs.report(START, system="Secret", unit="THEIRS", core=1)
    unit = theirs.unit(START, "THEIRS", core=1)
    for query in ("?search=Secret", "?search=THEIRS", f"?search={system.system_id}"):
        assert names(read(manager_client, query)) == []
    for cursor in (system.system_id, f"u{unit.pk}"):
        assert names(read(manager_client, f"?after={cursor}"))[0] == "Site 00"


def count_queries(client: Client, query: str = "") -> int:
    with CaptureQueriesContext(connection) as queries:
        read(client, query)
    return len(queries)


def test_the_number_of_queries_does_not_grow_with_systems_and_units(manager_client: Client, mixed: Books) -> None:
    queries = ("", "?state=lacking", "?search=t&sort=-devices-core-device", "?source=waiting")
    few = [count_queries(manager_client, query) for query in queries]
    for number in range(30):
        mixed.unit(LATER, f"N{number:02}", core=1)
        mixed.report(LATER, system=f"Site {number:02}", unit=f"N{number:02}", core=2)
        mixed.unit(LATER, f"W{number:02}", core=1)
    assert [count_queries(manager_client, query) for query in queries] == few


def test_an_organization_with_hardware_alone_is_not_told_that_it_has_nothing(
    manager_client: Client, viewer_client: Client, books: Books
) -> None:
    books.unit(START, "ONLY", core=4)
    page = read(manager_client)
    assert names(page) == ["Not installed yet"]
    assert "No systems" not in page
    for words, shown in (("Register hardware", False), ("Add system", False), ("ONLY", True)):
        assert (words in read(viewer_client)) is shown


def test_pages_of_a_removed_neighbour_go_on_where_it_stood(manager_client: Client, many: Books) -> None:
    page = read(manager_client)
    cursor: Any = re.search(r"after=([0-9a-f-]{36})", page)
    many.remove(START, system="Site 04")
    assert names(read(manager_client, f"?after={cursor[1]}"))[0] == "Site 05"


@pytest.mark.parametrize(("lacking", "words"), [(1, "1 hardware unit lacks"), (8, "8 hardware units lack")])
def test_it_counts_all_units_that_lack_and_names_the_first(
    manager_client: Client, books: Books, lacking: int, words: str
) -> None:
    """R25: as many as Product overview tells of, not only those that were read to be named."""
    for number in range(lacking):
        books.unit(START, f"U{number}", core=1)
        books.report(START, system=f"Site {number}", unit=f"U{number}", core=2)
    page = text_of(read(manager_client))
    assert f"{words} expansion licenses: U0" in page
    assert ("Show all" in page) == (lacking > 5)
