"""Numbers as the reader's language writes them, on every page; and plain where a program reads them."""

import re
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import translation

from licensemgr.core.numbers import grouped, without_grouping
from licensemgr.portal.translating.extracting import find_all
from organizations.models import Organization, User
from products.models import DeviceCount, SystemSource
from tests.architecture.urls import furnish, in_admin, walk
from tests.factories import Books

pytestmark = pytest.mark.django_db
# Where the next rows' keys begin, so that a key that is written like a quantity shows.
KEYS_FROM = 54_321
BARE = re.compile(r"(?<![\w.,…#/-])\d{4,}(?![\w/-])")
YEAR = re.compile(r"(?:19|20)\d\d$")
GROUPED = re.compile(r"\d[.,\u00a0\u202f]\d{3}(?!\d)")
SEPARATORS = {"en": ",", "de": ".", "fr": "\u00a0", "ar": "."}
# Attributes that hold words for people.
WORDS = {
    *("aria-label", "aria-valuetext", "title", "alt", "content", "placeholder", "data-confirm", "data-announce"),
    # How a thousand is written, for scripts that write numbers.
    "data-thousand",
    *("data-label", "data-told", "data-work-say", "data-year-label", "data-wallet-label", "data-confirm"),
}
# What stands there by itself: codes, names of files, and what a person typed.
PLAIN = {"code", "pre", "script", "style", "textarea", "option"}


class Reader(HTMLParser):
    """Collects the texts that people read and the attributes that programs read."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.plain = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.plain += tag in PLAIN
        for name, value in attrs:
            if name in WORDS or name.startswith("data-text"):
                self.texts.append(value or "")
            elif not (tag == "input" and name == "value" and dict(attrs).get("type") == "submit"):
                self.attributes.append((name, value or ""))

    def handle_endtag(self, tag: str) -> None:
        self.plain -= tag in PLAIN

    def handle_data(self, data: str) -> None:
        if not self.plain:
            self.texts.append(data)


@pytest.fixture
def pages(books: Books, administrator: User, staff: User, today: date) -> list[str]:
    """The addresses of an organization with large numbers, in which everything leads to something."""
    _let_keys_begin(KEYS_FROM)
    values = furnish(books, today, staff)
    books.redeem(today, core=987_654)
    books.redeem(today, kind="hardware", core=45_678)
    books.expand(today, books.unit(today, "SN-9", core=12_345), core=12_345)
    books.report(today, system="Quay", unit="SN-9", core=34_567)
    books.report(today, system="Depot", core=23_456)
    books.start(today, product="audio-manager")
    books.redeem(today, product="audio-manager", audio=34_567)
    books.report(today, product="audio-manager", system="Hall", audio=23_456)
    missing = books.stand(today, product="audio-manager").years[0].missing_total
    books.allocate(today, {"audio": missing}, product="audio-manager")
    found = [reverse("my_systems")]
    for route in walk():
        if route.permission:
            found.append(route.url(values))
            if route.name in {"product_overview", "product_licensing", "product_wallet", "why"}:
                found.append(route.url({**values, "product": "audio-manager", "what": "allocated"}))
    return found


def _let_keys_begin(at: int) -> None:
    """Whatever is written next has a key of five digits, in every table."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Sequences outlive a rollback: one that is beyond already stays, else it would give keys that are there.
            cursor.execute("SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'")
            for name, last in cursor.fetchall():
                if (last or 0) < at:
                    cursor.execute("SELECT setval(%s, %s)", [name, at])
        else:
            for table in connection.introspection.table_names(cursor):
                cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
                cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, at])


def _read(client: Client, addresses: list[str], language: str) -> Iterator[tuple[str, Reader]]:
    for address in addresses:
        response = client.get(address, headers={"accept-language": language})
        if response.status_code == 200 and response.headers["Content-Type"].startswith("text/html"):
            reader = Reader()
            reader.feed(response.content.decode())
            assert not reader.plain, address
            yield address, reader


@pytest.mark.slow
def test_people_read_separators_and_programs_do_not(
    pages: list[str], organization: Organization, administrator_client: Client
) -> None:
    """One organization for all languages and the file, since making it takes longest."""
    for language, separator in SEPARATORS.items():
        said = 0
        for address, reader in _read(administrator_client, pages, language):
            bare = [text for text in reader.texts for number in BARE.findall(text) if not YEAR.match(number)]
            assert not bare, (language, address)
            assert not [value for value in reader.attributes if GROUPED.search(value[1])], (language, address)
            said += sum(bool(re.search(rf"\d{re.escape(separator)}\d{{3}}", text)) for text in reader.texts)
        assert said > 100, language
    address = reverse("list_csv", args=[organization.slug, "products"])
    file = b"".join(administrator_client.get(address, headers={"accept-language": "de"})).decode()
    assert '"23457"' in file and '"987660"' in file


def test_the_admin_sites_addresses_and_forms_hold_plain_numbers(
    books: Books, staff: User, staff_client: Client, today: date
) -> None:
    _let_keys_begin(KEYS_FROM)
    values = furnish(books, today, staff)
    admin = [route.url(in_admin(route, values)) for route in walk() if re.match("admin:.*_change(list)?$", route.name)]
    for address, reader in _read(staff_client, admin, "de"):
        changed = [value for value in reader.attributes if GROUPED.search(value[1])]
        # The paths of Django's own icons.
        assert {name for name, _value in changed} <= {"d"}, address


@pytest.mark.parametrize(
    ("language", "text"), [("en", "1,234,567"), ("de", "1.234.567"), ("fr", "1\u00a0234\u00a0567"), ("ar", "1.234.567")]
)
def test_a_number_in_a_sentence(language: str, text: str) -> None:
    with translation.override(language):
        assert grouped(1_234_567) == text
        assert grouped(999) == "999"


@pytest.mark.parametrize(
    ("language", "typed", "read"),
    [
        ("en", "12,345", "12345"),
        ("en", "1,234,567", "1234567"),
        ("de", "12.345", "12345"),
        ("fr", "12\u00a0345", "12345"),
        ("sv", "12 345", "12345"),
        ("ar", "12.345", "12345"),
        ("en", " 25 ", "25"),
        # Of another language, no group of three, or mixed: never another number than the one that was meant.
        ("en", "12.345", "12.345"),
        ("de", "12,345", "12,345"),
        ("en", "1.5", "1.5"),
        ("en", "1,5", "1,5"),
        ("en", "1 0", "1 0"),
        ("en", "1,234 567", "1,234 567"),
        ("en", "1234,567", "1234,567"),
        # Of another script by their value, all of one.
        ("ja", "１２", "12"),
        ("ar", "١٢", "12"),
        ("ar", "١٢.٣٤٥", "12345"),
        ("en", "-１", "-1"),
        ("en", "１,234", "１,234"),
        ("en", "1٢", "1٢"),
        ("en", "²", "²"),
    ],
)
def test_what_is_typed_may_have_the_readers_separators(language: str, typed: str, read: str) -> None:
    with translation.override(language):
        assert without_grouping(typed) == read


def test_a_field_takes_separators_and_keeps_what_it_refuses(
    books: Books, today: date, administrator_client: Client
) -> None:
    system = books.report(today, source=SystemSource.MANUAL, core=1)
    address = reverse("edit_devices", args=[books.organization.slug, "camera-station", system.system_id])
    refused = administrator_client.post(address, {"devices_core-device": "12.345", "devices_universal-device": "0"})
    assert refused.status_code == 422
    assert 'value="12.345"' in refused.content.decode()
    taken = administrator_client.post(address, {"devices_core-device": "12,345", "devices_universal-device": "0"})
    assert taken.status_code == 303
    counts = DeviceCount.objects.filter(system=system, until_on=None, license_type__code="core-device")
    assert [count.quantity for count in counts] == [12_345]


# Numbers that name something, which no separator may part, and those that Django's own validators fill in.
NO_QUANTITIES = {"line", "number", "place", "sequence", "last", "status", "limit_value", "show_value"}


def test_quantities_in_sentences_are_written_by_the_readers_language() -> None:
    """“%(n)d” writes 12345 for everybody: a quantity is “%(n)s”, filled with `licensemgr.core.numbers.grouped`."""
    plain = re.compile(r"%\((\w+)\)d|%d")
    assert not [
        f"{message.path}:{message.line}: {message.text}"
        for message in find_all()
        for name in plain.findall(message.text + message.plural)
        if name not in NO_QUANTITIES
    ]
