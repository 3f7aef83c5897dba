"""Requests that no page makes: foreign ids, dates out of range, wrong methods and types, huge and broken bodies (R30)."""

import uuid
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from history.models import Record
from licensemgr.core import clock
from licensemgr.core.models import DemonstrationClock
from tests.bad_input.conftest import PRODUCT, START, Portal, refused, sentence_of, unchanged
from wallet.models import Lot, Redemption, Transfer

pytestmark = pytest.mark.django_db

# Every page of an organization: URL name, what comes after the slug, whether it takes POST, whether it takes GET.
PAGES: list[tuple[str, tuple[str, ...], bool, bool]] = [
    ("product_list", (), False, True),
    ("register_product", (), True, True),
    ("upload_system_file", (), True, True),
    ("history", (), False, True),
    ("list_csv", ("history",), False, True),
    ("list_xlsx", ("history",), True, True),
    ("choose_columns", ("history",), True, False),
    ("save_view", ("history",), True, False),
    ("product_overview", (PRODUCT,), False, True),
    ("start_subscription", (PRODUCT,), True, True),
    ("product_licensing", (PRODUCT,), True, True),
    ("confirm_allocation", (PRODUCT,), True, True),
    ("product_wallet", (PRODUCT,), False, True),
    ("redeem_license_key", (PRODUCT,), True, True),
    ("check_license_key", (PRODUCT,), True, True),
    ("releasable_year", (PRODUCT,), False, True),
    ("release_year", (PRODUCT, "1"), True, True),
    ("system_setup", (PRODUCT,), False, True),
    ("system_details", (PRODUCT, "SYSTEM"), False, True),
    ("edit_devices", (PRODUCT, "SYSTEM"), True, True),
    ("rename_system", (PRODUCT, "SYSTEM"), True, True),
    ("move_system", (PRODUCT, "SYSTEM"), True, True),
    ("remove_system", (PRODUCT, "SYSTEM"), True, True),
    ("register_hardware", (), True, True),
    ("unit_details", (PRODUCT, "UNIT"), False, True),
    ("allocate_expansion", (PRODUCT, "UNIT"), True, True),
    ("confirm_expansion", (PRODUCT, "UNIT"), True, True),
    ("retire_unit", (PRODUCT, "UNIT"), True, True),
]
NAMES = [name for name, *_rest in PAGES]
FORMS = [page for page in PAGES if page[2] and page[0] not in ("start_subscription", "remove_system")]
FORM_NAMES = [name for name, *_rest in FORMS]

GARBAGE = [
    "",
    "0",
    "-1",
    "x",
    "1.5",
    "1e9",
    str(10**30),
    "9" * 5000,
    "１２",
    "%",
    "_",
    "\\",
    "'",
    '"',
    "%_\\'\"",
    "' OR '1'='1",
    "\u202eabc\u202c",
    "שלום",
    "مرحبا",
    "😀",
    "a" * 5000,
    "../../etc/passwd",
    "{{ 7 }}",
    "<script>alert(1)</script>",
    "2027-02-30",
    "0000-01-01",
    "99999-01-01",
    "9999-12-31",
    "0001-01-01",
    str(uuid.UUID(int=0)),
]


def arguments(portal: Portal, rest: tuple[str, ...]) -> list[object]:
    """The URL's arguments after the slug, with the organization's own system and unit."""
    mine: dict[str, object] = {"SYSTEM": portal.system.system_id, "UNIT": portal.unit.pk}
    return [mine.get(part, part) for part in rest]


# --- another tenant's ids ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "rest", "takes_post", "takes_get"), PAGES, ids=NAMES)
def test_another_organization_in_the_path_is_not_found(
    portal: Portal, name: str, rest: tuple[str, ...], takes_post: bool, takes_get: bool
) -> None:
    foreign: dict[str, object] = {"SYSTEM": portal.other_system.system_id, "UNIT": portal.other_unit.pk}
    theirs = [foreign.get(part, part) for part in rest]
    for slug in (portal.other.slug, "no-such-organization"):
        address = reverse(name, args=[slug, *theirs])
        with unchanged():
            if takes_get:
                refused(portal.client.get(address), 404)
            if takes_post:
                refused(portal.client.post(address, {"y0-core-device": "10", "devices_core-device": "1"}), 404)


@pytest.mark.parametrize("name", ["edit_devices", "rename_system", "move_system", "remove_system"])
def test_another_tenants_system_in_the_path_is_not_found(portal: Portal, name: str) -> None:
    for system in (portal.other_system.system_id, uuid.uuid4(), uuid.UUID(int=0)):
        with unchanged():
            refused(portal.client.get(portal.url(name, PRODUCT, system)), 404)
            data = {"devices_core-device": "1", "devices_universal-device": "1", "name": "x", "serial": ""}
            refused(portal.client.post(portal.url(name, PRODUCT, system), data), 404)


def test_the_own_system_under_another_product_is_not_found(portal: Portal) -> None:
    portal.books.report(START, product="audio-manager", system="Audio", audio=1)
    with unchanged():
        for name in ("edit_devices", "rename_system", "move_system", "remove_system"):
            address = portal.url(name, "audio-manager", portal.system.system_id)
            refused(portal.client.get(address), 404)
            refused(portal.client.post(address, {"devices_audio-device": "1", "name": "x", "serial": ""}), 404)


def test_another_tenants_system_id_in_the_body_is_refused_without_telling_whose_it_is(portal: Portal) -> None:
    for field in ("system_id", "new_system_id"):
        data = {
            "product": PRODUCT,
            "system_name": "Lobby",
            "new_system_id": str(uuid.uuid4()),
            "devices_core-device": "3",
            "devices_universal-device": "1",
            field: str(portal.other_system.system_id),
        }
        with unchanged():
            response = portal.client.post(portal.url("register_product"), data)
            told = refused(response, 422)
        assert portal.other.name not in told
        assert 'value="Lobby"' in response.content.decode()


def test_another_tenants_cursors_and_ids_in_the_query_show_nothing_of_it(portal: Portal) -> None:
    portal.other_books.report(START, system="Secret Bunker", core=77)
    foreign = [
        *Transfer.objects.filter(organization=portal.other).values_list("pk", flat=True),
        *Lot.objects.filter(organization=portal.other).values_list("pk", flat=True),
        *Redemption.objects.filter(organization=portal.other).values_list("pk", flat=True),
        *Record.objects.filter(organization=portal.other).values_list("pk", flat=True),
        portal.other_system.system_id,
    ]
    outsider = portal.other.memberships.get().user_id
    for name, rest in (
        ("product_wallet", (PRODUCT,)),
        ("history", ()),
        ("list_csv", ("history",)),
        ("list_xlsx", ("history",)),
        ("system_setup", (PRODUCT,)),
    ):
        for value in foreign:
            query: dict[str, Any] = {
                "before": value,
                "after": value,
                "page": value,
                "system": value,
                "search": "",
                "organization": portal.other.pk,
            }
            with unchanged():
                response = portal.client.get(portal.url(name, *rest), query)
            body = b"".join(response) if response.streaming else response.content
            assert response.status_code in (200, 422)
            assert b"Secret Bunker" not in body and portal.other.name.encode() not in body
    with unchanged():
        refused(portal.client.get(portal.url("history"), {"person": outsider}), 422)


# --- dates -------------------------------------------------------------------------------------------------------

DATES = [
    "",
    " ",
    "x",
    "2027-02-30",
    "2027-13-01",
    "0000-01-01",
    "99999-01-01",
    "01/02/2028",
    "2028-1-1T00:00",
    "２０２８-０１-０１",
    "1e4-01-01",
    "-2028-01-01",
    "9" * 5000,
]


@pytest.fixture
def demonstration(portal: Portal, settings: LazySettings) -> Portal:
    """The demonstration's clock stands on 1 March 2027."""
    settings.DEMONSTRATION = True
    DemonstrationClock.objects.create(pk=1, date=START, set_at=clock.real_now())
    return portal


@pytest.mark.parametrize("value", [*DATES, "9999-12-31", "9991-01-01", "2027-02-28", "1970-01-01", "0001-01-01"])
def test_the_clock_refuses_what_is_no_date_or_out_of_range(demonstration: Portal, value: str) -> None:
    with unchanged():
        response = demonstration.client.post(reverse("demo_clock"), {"move": "date", "date": value, "next": "/"})
        refused(response, 422)


@pytest.mark.parametrize("move", ["", "x", "year", "NEXT", "-1", "9" * 5000])
def test_the_clock_refuses_moves_that_it_does_not_have(demonstration: Portal, move: str) -> None:
    with unchanged():
        refused(demonstration.client.post(reverse("demo_clock"), {"move": move}), 422)
        refused(demonstration.client.post(reverse("demo_clock"), {}), 422)


@pytest.mark.parametrize(
    "url", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)", "\\\\e.example", "x"]
)
def test_the_clock_leads_to_no_other_site(demonstration: Portal, url: str) -> None:
    response = demonstration.client.post(
        reverse("demo_clock"), {"move": "date", "date": START.isoformat(), "next": url}
    )
    assert response.status_code == 303 and response["Location"] == "/"


def test_outside_of_the_demonstration_there_is_no_clock_and_no_mail(portal: Portal) -> None:
    with unchanged():
        refused(portal.client.post(reverse("demo_clock"), {"move": "day"}), 404)
        refused(portal.client.get(reverse("demo_mail")), 404)


@pytest.mark.parametrize("value", [date for date in DATES if date.strip()])
def test_history_tells_of_a_date_that_it_leaves_out_and_keeps_it(portal: Portal, value: str) -> None:
    for field in ("since", "until"):
        with unchanged():
            refused(portal.client.get(portal.url("history"), {field: value}), 422)
            refused(portal.client.get(portal.url("list_csv", "history"), {field: value}), 422)


@pytest.mark.parametrize("value", ["0001-01-01", "9999-12-31"])
def test_history_takes_the_ends_of_the_calendar(portal: Portal, value: str) -> None:
    for field in ("since", "until"):
        assert portal.client.get(portal.url("history"), {field: value}).status_code == 200


# --- filters, searches, pages ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("value", GARBAGE, ids=lambda value: repr(value)[:16])
def test_any_filter_search_page_or_cursor_is_harmless(portal: Portal, value: str) -> None:
    queries: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
        ("product_list", (), ("search", "status", "sort")),
        ("register_product", (), ("product",)),
        ("history", (), ("q", "action", "person", "product", "since", "until", "before")),
        ("list_csv", ("history",), ("q", "action", "person", "product", "since", "until", "before")),
        ("product_licensing", (PRODUCT,), ("fill",)),
        ("product_wallet", (PRODUCT,), ("before", "reason", "moved", "search", "type", "kind", "sort")),
        ("registration_codes", (), ("search", "state", "sort", "after", "before")),
        ("members", (), ("search", "role", "sort", "page")),
        ("system_setup", (PRODUCT,), ("search", "source", "state", "place", "sort", "after", "before")),
        ("system_details", (PRODUCT, str(portal.system.system_id)), ("search", "sort", "page", "before")),
    ]
    with unchanged():
        for name, rest, fields in queries:
            for field in fields:
                for headers in ({}, {"HX-Request": "true"}):
                    response = portal.client.get(portal.url(name, *rest), {field: value}, headers=headers)
                    assert response.status_code in (200, 422), f"{name}?{field}: {response.status_code}"
                    body = b"".join(response) if response.streaming else response.content
                    assert b"<script>alert(1)</script>" not in body
        for field in ("country", "search", "page"):
            assert portal.client.get(reverse("where_to_buy"), {field: value}).status_code in (200, 422)


@pytest.mark.parametrize("value", GARBAGE, ids=lambda value: repr(value)[:16])
def test_any_page_of_the_mail_is_harmless(demonstration: Portal, value: str) -> None:
    assert demonstration.client.get(reverse("demo_mail"), {"page": value}).status_code == 200


def test_wildcards_are_searched_as_they_are(portal: Portal) -> None:
    portal.books.report(START, system="100% safe_room", core=1)
    for search, found in (("100%", True), ("safe_", True), ("%%", False), ("__", False), ("\\", False)):
        text = portal.client.get(portal.url("system_setup", PRODUCT), {"search": search}).content.decode()
        assert ("100% safe_room" in text) is found, search
        text = portal.client.get(portal.url("history"), {"q": search}).content.decode()
        assert ("100% safe_room" in text) is found, search


# --- methods, types, bodies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "rest", "takes_post", "takes_get"), PAGES, ids=NAMES)
def test_a_method_that_a_page_does_not_take_is_a_405(
    portal: Portal, name: str, rest: tuple[str, ...], takes_post: bool, takes_get: bool
) -> None:
    address = portal.url(name, *arguments(portal, rest))
    methods = ["put", "patch", "delete", "trace"]
    methods += [] if takes_post else ["post"]
    methods += [] if takes_get else ["get", "head"]
    for method in methods:
        with unchanged():
            assert getattr(portal.client, method)(address).status_code == 405, method
    with unchanged():
        assert portal.client.options(address).status_code in (200, 405)


NO_FORMS = [
    (b'{"y0-core-device": 10}', "application/json"),
    (b"[" * 5000, "application/json"),
    (b"<x/>", "text/xml"),
    (b"y0-core-device=10", "text/plain"),
    (b"\xff\xfe\x00", "application/octet-stream"),
    (b"", "application/x-www-form-urlencoded"),
    (b"&&&===&", "application/x-www-form-urlencoded"),
    (b"y0-core-device=10", "multipart/form-data"),
    (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
    (b"y0-core-device=\xff\xfe", "application/x-www-form-urlencoded"),
    (b"y0-core-device=%00", "application/x-www-form-urlencoded"),
    (b"y0-core-device=%ED%A0%80", "application/x-www-form-urlencoded"),
    (b"a=1", "application/x-www-form-urlencoded; charset=nonsense"),
    (b"a=1", ";;;"),
]


@pytest.mark.parametrize(("name", "rest", "_post", "_get"), FORMS, ids=FORM_NAMES)
def test_a_body_that_is_no_form_is_refused_with_a_sentence(
    portal: Portal, name: str, rest: tuple[str, ...], _post: bool, _get: bool
) -> None:
    address = portal.url(name, *arguments(portal, rest))
    for body, content_type in NO_FORMS:
        with unchanged():
            refused(portal.client.generic("POST", address, body, content_type=content_type), 400, 415, 422)


@pytest.mark.parametrize(("name", "rest", "_post", "_get"), FORMS, ids=FORM_NAMES)
def test_a_huge_body_and_too_many_fields_are_refused(
    portal: Portal, name: str, rest: tuple[str, ...], _post: bool, _get: bool
) -> None:
    address = portal.url(name, *arguments(portal, rest))
    with unchanged():
        refused(portal.client.post(address, {"x": "1" * (2 * 1024 * 1024)}), 400, 413)
        body = "x=" + "1" * (2 * 1024 * 1024)
        refused(portal.client.post(address, body, content_type="application/x-www-form-urlencoded"), 400, 413)
        refused(portal.client.post(address, {f"x{number}": "1" for number in range(2000)}), 400, 413)


@pytest.mark.parametrize(
    "path", ["/o/%00/", "/o/%FF%FE/", "/o/harbour%00/", "/o/%ED%A0%80/", "/o/harbour/products/%FF/", "/%C0%AF"]
)
def test_a_path_of_broken_bytes_is_refused(portal: Portal, path: str) -> None:
    with unchanged():
        refused(portal.client.get(path), 400, 404)


@pytest.mark.parametrize("query", ["q=%FF", "q=%00", "q=%ED%A0%80", "%00=1", "%FF=1", "q=%", "q=%zz", "&&==&"])
def test_a_query_of_broken_bytes_is_refused_or_harmless(portal: Portal, query: str) -> None:
    with unchanged():
        for name, rest, _takes_post, takes_get in PAGES:
            if takes_get:
                response = portal.client.get(f"{portal.url(name, *arguments(portal, rest))}?{query}")
                assert response.status_code in (200, 302, 303, 400, 422), name


@pytest.mark.parametrize(
    "path", ["systems/not-a-uuid/devices/", "systems/1/remove/", "a b/", "UPPER/", "camera-station/nothing/"]
)
def test_a_path_that_is_none_of_ours_is_not_found(portal: Portal, path: str) -> None:
    for start in ("/o/harbour/products/camera-station/", "/o/harbour/products/", "/o/harbour/"):
        assert portal.client.get(start + path).status_code in (301, 404)


def test_without_the_token_against_forgery_nothing_is_done(portal: Portal) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = portal.client.cookies
    with unchanged():
        for name, rest, takes_post, _takes_get in PAGES:
            if takes_post:
                data: dict[str, Any] = {"y0-core-device": "10", "y0-universal-device": "4"}
                told = refused(strict.post(portal.url(name, *arguments(portal, rest)), data), 403)
                assert "Nothing has been changed" in told


def test_a_system_name_of_any_letters_is_shown_as_it_is(portal: Portal) -> None:
    data = {
        "product": "audio-manager",
        "system_name": "=HYPERLINK(\"x\") <b>'\u05e9\u05dc\u05d5\u05dd' & Söhne",
        "new_system_id": str(uuid.uuid4()),
        "devices_audio-device": "1",
    }
    assert portal.client.post(portal.url("register_product"), data).status_code == 303
    text = portal.client.get(portal.url("system_setup", "audio-manager")).content.decode()
    assert "=HYPERLINK(&quot;x&quot;) &lt;b&gt;" in text and "<b>'" not in text
    with unchanged():
        response = portal.client.post(
            portal.url("register_product"), data | {"system_name": "n" * 121, "new_system_id": str(uuid.uuid4())}
        )
        assert "at most 120 characters" in refused(response, 422)
        assert "n" * 121 in response.content.decode()
    assert sentence_of(response)
