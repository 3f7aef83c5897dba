"""Lists: columns chosen and remembered, saved views, files of exactly what is filtered."""

import csv
import io
import re
import tracemalloc
import urllib.parse
import uuid
from collections.abc import Iterator
from datetime import date, datetime
from random import Random
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openpyxl import load_workbook

from hardware.registration_codes import make_code
from history.models import Action
from licensemgr.core.lists import Column, Listing, ListKind, column, xlsx_file
from licensemgr.core.spreadsheets import csv_lines
from licensemgr.portal.exports import columns_of, open_list
from licensemgr.portal.lists import LISTS
from licensemgr.portal.views import lists as views
from organizations import lists as kept
from organizations.accounts import close_account
from organizations.lists import MOST_VIEWS, save_view
from organizations.models import ListPreference, Organization, Role, SavedView, User
from organizations.services import add_member, leave_organization
from organizations.work_models import WorkOrder
from organizations.working import do_work
from products.device_lists import ListedDevice
from products.models import System
from tests.factories import Books

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)
PRODUCT = "camera-station"
# Of each list: its page, of what it is, and a column that can be hidden.
PAGES = {
    "products": ("/o/harbour/", "", "need"),
    "systems": (f"/o/harbour/products/{PRODUCT}/systems/", PRODUCT, "source"),
    "history": ("/o/harbour/history/", "", "product"),
    "lots": (f"/o/harbour/products/{PRODUCT}/wallet/", PRODUCT, "origin"),
    "movements": (f"/o/harbour/products/{PRODUCT}/wallet/", PRODUCT, "by"),
    "members": ("/o/harbour/members/", "", "since"),
    "registration-codes": ("/o/harbour/registration-codes/", "", "made"),
}


@pytest.fixture
def lived(books: Books, administrator: User) -> Books:
    """Two products, systems on hardware and not, licenses redeemed and allocated, a registration code."""
    books.report(START, core=10, universal=4)
    books.report(START, product="audio-manager", system="Audio", audio=1)
    books.unit(START, "SN-1", core=1)
    books.report(START, system="Gate", unit="SN-1", core=1)
    books.report(START, system="=1+1", core=3)
    books.start(START)
    books.redeem(START, core=40, universal=9)
    books.redeem(START, kind="hardware", core=2)
    books.allocate(START, {"core": 13, "universal": 4})
    make_code(
        organization=books.organization,
        label="=2+2",
        uses=2,
        days=7,
        actor=administrator,
        on=START,
        form_token=uuid.uuid4(),
    )
    return books


@pytest.fixture
def listed(books: Books, organization: Organization) -> System:
    """A system that listed its devices one by one."""
    devices = [ListedDevice(f"cam-{number:03}", f"M{number % 7}", "core-device") for number in range(130)]
    return books.report(START, system="Lister", device_list=devices, core=130)


def url(stem: str, list_name: str) -> str:
    return reverse(stem, args=["harbour", list_name])


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def heads(page: str, number: int = 0) -> list[str]:
    """What stands above the columns of a page's table."""
    table = re.findall(r"<thead>.*?</thead>", page, re.DOTALL)[number]
    return [text_of(cell) for cell in re.findall(r"<th\b[^>]*>(.*?)</th>", table, re.DOTALL)]


def read_csv(response: Any) -> list[list[str]]:
    assert response.status_code == 200, response.content
    body = b"".join(response.streaming_content)
    assert body.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))


def read_xlsx(response: Any) -> list[tuple[Any, ...]]:
    assert response.status_code == 200, response.content
    return sheet_of(io.BytesIO(response.content))


def sheet_of(file: io.BytesIO) -> list[tuple[Any, ...]]:
    book = load_workbook(file)
    assert len(book.sheetnames) == 1
    return list(book.active.iter_rows(values_only=True))  # type: ignore[union-attr]


def as_told(value: Any) -> str:
    """A cell of a spreadsheet as the CSV tells it, without the time zone that a spreadsheet does not know."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        midnight = not (value.hour or value.minute or value.second)
        return value.date().isoformat() if midnight else value.isoformat(timespec="seconds")
    return str(value)


def without_zone(text: str) -> str:
    return re.sub(r"(T\d\d:\d\d:\d\d)[+-]\d\d:\d\d$", r"\1", text)


class TestColumns:
    @pytest.mark.parametrize("name", PAGES)
    def test_they_are_remembered_and_honoured_on_the_page_and_in_both_files(
        self, lived: Books, viewer_client: Client, name: str
    ) -> None:
        page_url, subject, hidden = PAGES[name]
        listing = open_list(lived.organization, name, QueryDict(urllib.parse.urlencode({"of": subject})), START)
        label = next(str(each.label) for each in listing.columns if each.name == hidden)
        number = -1 if name == "movements" else 0
        of = {"of": subject} if subject else {}
        before = viewer_client.get(page_url).content.decode()
        assert label in heads(before, number)
        names = [each.name for each in listing.columns if each.name not in (hidden, listing.columns[0].name)]
        answer = viewer_client.post(url("choose_columns", name), {"show": "yes", **of, "column": names, "query": ""})
        assert answer.status_code == 303 and answer["Location"].split("#")[0] == page_url
        after = viewer_client.get(page_url).content.decode()
        expected = [str(each.label) for each in listing.columns if each.name != hidden]
        assert heads(after, number)[: len(expected)] == expected
        assert after.count(f'data-label="{label}"') < before.count(f'data-label="{label}"')
        fields = [str(one.label) for each in listing.columns if each.name != hidden for one in each.fields]
        assert read_csv(viewer_client.get(url("list_csv", name), of))[0] == fields
        assert list(read_xlsx(viewer_client.get(url("list_xlsx", name), of))[0]) == fields
        viewer_client.post(url("choose_columns", name), {**of, "usual": "yes"})
        assert label in heads(viewer_client.get(page_url).content.decode(), number)

    def test_the_first_one_stays_whatever_is_sent(self, lived: Books, viewer_client: Client) -> None:
        viewer_client.post(url("choose_columns", "products"), {"show": "yes", "column": ["no such", "status"]})
        assert heads(viewer_client.get("/o/harbour/").content.decode()) == ["Product", "License status"]
        viewer_client.post(
            url("choose_columns", "products"),
            {
                "show": "yes",
            },
        )
        assert heads(viewer_client.get("/o/harbour/").content.decode()) == ["Product"]

    def test_they_are_of_one_person_and_one_list(
        self, lived: Books, viewer_client: Client, manager_client: Client
    ) -> None:
        viewer_client.post(url("choose_columns", "products"), {"show": "yes", "column": ["status"]})
        assert len(heads(manager_client.get("/o/harbour/").content.decode())) == 7
        assert len(heads(viewer_client.get("/o/harbour/history/").content.decode())) == 4

    def test_a_column_that_was_not_offered_stays_as_it_was_chosen(self, lived: Books, viewer: User) -> None:
        """Another product has other license types: what was chosen for this one's is not lost there."""
        kind = LISTS["systems"].kind
        ours = open_list(lived.organization, "systems", QueryDict(f"of={PRODUCT}"), START).columns
        theirs = open_list(lived.organization, "systems", QueryDict("of=audio-manager"), START).columns
        kept.choose_columns(user=viewer, kind=kind, columns=ours, names=["unit"])
        kept.choose_columns(user=viewer, kind=kind, columns=theirs, names=["unit", "license"])
        shown = [each.name for each in kept.chosen_columns(viewer, kind, ours)]
        assert shown == ["name", "unit", "license"]

    def test_what_was_searched_for_is_kept_and_the_page_in_it_is_not(self, lived: Books, viewer_client: Client) -> None:
        query = {"show": "yes", "query": "search=cam&before=7&page=2&next=//evil.example", "column": ["status"]}
        answer = viewer_client.post(url("choose_columns", "products"), query)
        assert answer["Location"] == "/o/harbour/?search=cam"


class TestViews:
    def test_one_is_saved_opened_replaced_and_deleted(
        self, lived: Books, viewer_client: Client, viewer: User, organization: Organization
    ) -> None:
        asked = {"name": "  Hand made ", "of": PRODUCT, "query": "source=manual&sort=-reported&after=x&page=3&search="}
        answer = viewer_client.post(url("save_view", "systems"), asked)
        setup = PAGES["systems"][0]
        assert (answer.status_code, answer["Location"]) == (303, f"{setup}?source=manual&sort=-reported")
        view = SavedView.objects.get()
        assert (view.user, view.organization, view.name, view.subject) == (viewer, organization, "Hand made", PRODUCT)
        assert view.query == "source=manual&sort=-reported"
        page = viewer_client.get(setup).content.decode()
        link = re.search(r'<a class="menu__item" href="([^"]*)"><span class="menu__item-text">Hand made', page)
        assert link is not None, "the view is not marked as the current one here"
        opened = viewer_client.get(link[1].replace("&amp;", "&")).content.decode()
        assert 'aria-current="true"><span class="menu__item-text">Hand made' in opened
        viewer_client.post(url("save_view", "systems"), {**asked, "query": "source=online"})
        assert SavedView.objects.get().query == "source=online"
        gone = viewer_client.post(reverse("delete_view", args=["harbour", view.pk]), {"query": "source=manual"})
        assert (gone.status_code, gone["Location"]) == (303, f"{setup}?source=manual")
        assert not SavedView.objects.exists()

    def test_the_same_asked_in_another_order_is_the_same_view(self, lived: Books, viewer_client: Client) -> None:
        viewer_client.post(url("save_view", "products"), {"name": "Mine", "query": "sort=-need&search=cam"})
        page = viewer_client.get("/o/harbour/?search=cam&status=&sort=-need").content.decode()
        assert 'aria-current="true"><span class="menu__item-text">Mine' in page

    def test_it_is_of_one_person_one_organization_and_one_product(
        self,
        lived: Books,
        viewer: User,
        viewer_client: Client,
        manager_client: Client,
        other_organization: Organization,
        outsider_client: Client,
    ) -> None:
        viewer_client.post(url("save_view", "systems"), {"name": "Secret", "of": PRODUCT, "query": "source=manual"})
        view = SavedView.objects.get()
        delete = reverse("delete_view", args=["harbour", view.pk])
        elsewhere = reverse("delete_view", args=["other", view.pk])
        assert "Secret" in viewer_client.get(PAGES["systems"][0]).content.decode()
        assert "Secret" not in viewer_client.get("/o/harbour/products/audio-manager/systems/").content.decode()
        assert "Secret" not in manager_client.get(PAGES["systems"][0]).content.decode()
        assert manager_client.post(delete).status_code == 404
        assert outsider_client.post(delete).status_code == 404
        assert outsider_client.post(elsewhere).status_code == 404
        add_member(organization=other_organization, user=viewer, role=Role.VIEWER, actor=None, on=START)
        assert viewer_client.post(elsewhere).status_code == 404
        assert SavedView.objects.exists()

    def test_there_are_at_most_twenty_of_a_list_and_a_sentence_says_so(
        self, lived: Books, viewer_client: Client
    ) -> None:
        for number in range(MOST_VIEWS):
            assert viewer_client.post(url("save_view", "history"), {"name": f"View {number}"}).status_code == 303
        refused = viewer_client.post(url("save_view", "history"), {"name": "One more", "query": "q=x"})
        assert refused.status_code == 422
        text = refused.content.decode()
        assert "20 saved views of this list already" in text and "Nothing was changed" in text
        assert 'value="One more"' in text and 'value="q=x"' in text
        assert SavedView.objects.count() == MOST_VIEWS
        assert viewer_client.post(url("save_view", "history"), {"name": "View 3", "query": "q=y"}).status_code == 303
        assert viewer_client.post(url("save_view", "products"), {"name": "Another list"}).status_code == 303

    @pytest.mark.parametrize("name", ["", "   ", "x" * 61])
    def test_it_needs_a_name(self, lived: Books, viewer_client: Client, name: str) -> None:
        assert viewer_client.post(url("save_view", "history"), {"name": name}).status_code == 422
        assert not SavedView.objects.exists()

    def test_a_list_without_views_and_a_list_that_does_not_exist_take_none(
        self, lived: Books, viewer_client: Client
    ) -> None:
        of = f"{PRODUCT}/{System.objects.filter(registered_product__product__code=PRODUCT).latest('pk').system_id}"
        assert viewer_client.get(url("list_csv", "devices"), {"of": of}).status_code == 200
        assert viewer_client.post(url("save_view", "devices"), {"name": "x", "of": of}).status_code == 404
        assert viewer_client.post(url("save_view", "no-such-list"), {"name": "x"}).status_code == 404

    def test_it_goes_with_the_membership(
        self, lived: Books, viewer: User, organization: Organization, manager: User
    ) -> None:
        _save(organization, viewer)
        _save(organization, manager)
        leave_organization(membership=organization.memberships.get(user=viewer), on=START)
        assert [view.user for view in SavedView.objects.all()] == [manager]

    def test_nothing_stays_of_a_closed_account(self, lived: Books, viewer: User, organization: Organization) -> None:
        _save(organization, viewer)
        ListPreference.objects.create(user=viewer, list_name="history")
        close_account(user=viewer, leaving=[organization.pk])
        assert not SavedView.objects.exists() and not ListPreference.objects.exists()


def _save(organization: Organization, user: User) -> SavedView:
    kind = LISTS["history"].kind
    return save_view(organization=organization, user=user, kind=kind, subject="", name="Mine", query=QueryDict("q=x"))


class TestFiles:
    @pytest.mark.parametrize("name", PAGES)
    def test_both_hold_the_same_and_numbers_and_dates_are_such(
        self, lived: Books, viewer_client: Client, name: str
    ) -> None:
        of = {"of": PAGES[name][1]} if PAGES[name][1] else {}
        lines = read_csv(viewer_client.get(url("list_csv", name), of))
        rows = read_xlsx(viewer_client.get(url("list_xlsx", name), of))
        assert [[without_zone(cell) for cell in line] for line in lines] == [[as_told(c) for c in row] for row in rows]
        assert len(lines) > 1
        kinds = {type(cell) for row in rows[1:] for cell in row}
        assert datetime in kinds
        assert (int in kinds) == (name != "members")

    def test_they_hold_what_the_pages_show_in_their_order(
        self, lived: Books, viewer_client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """System setup over all of its pages, for each order and some filters."""
        monkeypatch.setattr("hardware.listing.ROWS_PER_PAGE", 2)
        monkeypatch.setattr("hardware.listing._ROWS_PER_CHUNK", 2)
        for number in range(5):
            lived.report(START, system=f"Camera {number}", core=number)
            lived.unit(START, f"SPARE-{number}")
        setup = PAGES["systems"][0]
        for asked in (
            {},
            {"sort": "-name"},
            {"sort": "devices-core-device"},
            {"search": "camera"},
            {"source": "waiting"},
            {"state": "lacking", "sort": "-unit"},
        ):
            seen: list[str] = []
            page: dict[str, str] = dict(asked)
            while True:
                context = viewer_client.get(setup, page).context
                seen += [row.cursor for row in context["list"].rows]
                if not context["list"].next_after:
                    break
                page = {**asked, "after": context["list"].next_after}
            lines = read_csv(viewer_client.get(url("list_csv", "systems"), {**asked, "of": PRODUCT, "after": "x"}))
            named = {str(unit.pk): unit.serial for unit in lived.registered().hardware_units.all()}
            expected = [named[cursor[1:]] if cursor.startswith("u") else cursor for cursor in seen]
            assert [line[1] or line[2] for line in lines[1:]] == expected, asked
            assert bool(expected) or asked == {"state": "lacking", "sort": "-unit"}

    def test_history_is_what_its_pages_show(
        self, lived: Books, viewer_client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("history.queries.RECORDS_PER_PAGE", 3)
        asked = {"action": Action.SYSTEM_ADDED.value, "until": "2027-03-01"}
        seen: list[int] = []
        page: dict[str, str] = dict(asked)
        while True:
            context = viewer_client.get(PAGES["history"][0], page).context
            seen += [line.record.sequence for line in context["lines"]]
            if context["next_before"] is None:
                break
            page = {**asked, "before": str(context["next_before"])}
        rows = read_xlsx(viewer_client.get(url("list_xlsx", "history"), asked))
        assert [row[0] for row in rows[1:]] == seen and len(seen) == 4

    def test_movements_of_one_reason(self, lived: Books, viewer_client: Client) -> None:
        page = viewer_client.get(PAGES["movements"][0], {"reason": "allocated"})
        shown = [
            (line.license_type.name, line.quantity) for each in page.context["page"].movements for line in each.lines
        ]
        rows = read_xlsx(viewer_client.get(url("list_xlsx", "movements"), {"of": PRODUCT, "reason": "allocated"}))
        assert [(row[3], row[5]) for row in rows[1:]] == shown == [("Core device", -13), ("Universal device", -4)]

    def test_devices_of_a_system(self, listed: System, viewer_client: Client) -> None:
        subject = f"{PRODUCT}/{listed.system_id}"
        page = viewer_client.get(f"/o/harbour/products/{PRODUCT}/systems/{listed.system_id}/?search=M3&sort=-id")
        shown = [device.device_id for device in page.context["devices"].page]
        lines = read_csv(viewer_client.get(url("list_csv", "devices"), {"of": subject, "search": "M3", "sort": "-id"}))
        assert [line[0] for line in lines[1:]] == shown == sorted(shown, reverse=True)
        assert len(shown) == 19
        assert len(read_csv(viewer_client.get(url("list_csv", "devices"), {"of": subject}))) == 131

    def test_they_are_called_by_list_organization_and_date(self, lived: Books, viewer_client: Client) -> None:
        for name, of, called in (
            ("history", "", "history-harbour-2027-03-01"),
            ("systems", PRODUCT, "systems-camera-station-harbour-2027-03-01"),
        ):
            query = {"of": of} if of else {}
            assert f'"{called}.csv"' in viewer_client.get(url("list_csv", name), query)["Content-Disposition"]
            assert f'"{called}.xlsx"' in viewer_client.get(url("list_xlsx", name), query)["Content-Disposition"]

    def test_no_cell_is_taken_for_a_formula(self, lived: Books, viewer_client: Client) -> None:
        response = viewer_client.get(url("list_xlsx", "systems"), {"of": PRODUCT, "search": "=1"})
        cell = load_workbook(io.BytesIO(response.content)).active["A2"]  # type: ignore[index]
        assert (cell.value, cell.data_type) == ("'=1+1", "s")
        lines = list(csv_lines([["=a", "+a", "-a", "@a", "\ta", "\ra", -1, None, date(2027, 3, 1)]]))
        assert lines == ['"\'=a","\'+a","\'-a","\'@a","\'\ta","\'\ra","-1","","2027-03-01"\r\n']

    def test_text_that_xml_can_not_hold_is_left_out(self) -> None:
        kind = ListKind("x", "A/B: [list]")
        listing = Listing(kind, (column("a", "A", str),), lambda: iter(["a\x07b\x1fc", "x" * 40_000]), lambda: 2)
        file = io.BytesIO()
        xlsx_file(listing, listing.columns, file, lambda done, total: None)
        assert [len(row[0]) for row in sheet_of(file)[1:]] == [3, 32_767]

    def test_a_subject_of_another_organization_does_not_exist(
        self, lived: Books, listed: System, viewer_client: Client, outsider_client: Client
    ) -> None:
        theirs = [
            ("systems", PRODUCT),
            ("lots", PRODUCT),
            ("movements", PRODUCT),
            ("devices", f"{PRODUCT}/{listed.system_id}"),
        ]
        for name, subject in theirs:
            for stem in ("list_csv", "list_xlsx"):
                assert viewer_client.get(url(stem, name), {"of": subject}).status_code == 200
                assert outsider_client.get(url(stem, name), {"of": subject}).status_code == 404
                elsewhere = reverse(stem, args=["other", name])
                assert outsider_client.get(elsewhere, {"of": subject}).status_code == 404

    @pytest.mark.parametrize(
        ("name", "subject"),
        [
            ("systems", ""),
            ("systems", "no-such"),
            ("systems", f"{PRODUCT}/x"),
            ("systems", "/"),
            ("devices", PRODUCT),
            ("devices", f"{PRODUCT}/x"),
            ("devices", f"{PRODUCT}/{{6f1c3f0e-7a55-4c3e-9d58-1f6b4a6f3c11}}"),
            ("devices", "a/b/c"),
            ("history", "x"),
            ("products", "a/b"),
            ("no-such-list", ""),
        ],
    )
    def test_a_list_of_nothing_that_exists_is_not_found(
        self, lived: Books, viewer_client: Client, name: str, subject: str
    ) -> None:
        for stem in ("list_csv", "list_xlsx"):
            assert viewer_client.get(url(stem, name), {"of": subject}).status_code == 404
        for stem in ("choose_columns", "save_view"):
            assert viewer_client.post(url(stem, name), {"of": subject, "name": "x"}).status_code == 404

    def test_a_filter_that_can_not_be_read_makes_no_file(self, lived: Books, viewer_client: Client) -> None:
        for stem in ("list_csv", "list_xlsx"):
            response = viewer_client.get(url(stem, "history"), {"since": "yesterday"})
            text = response.content.decode()
            assert response.status_code == 422
            assert "No file was made." in text and "This is not a date." in text

    def test_links_on_the_page_lead_to_what_is_filtered_now_also_after_a_swap(
        self, lived: Books, viewer_client: Client
    ) -> None:
        for headers in ({}, {"HX-Request": "true"}):
            page = viewer_client.get("/o/harbour/?search=cam&sort=-need", headers=headers).content.decode()
            link = re.search(r'href="(/o/harbour/lists/products/export\.csv[^"]*)"', page)
            assert link
            assert ('hx-swap-oob="true"' in page) == bool(headers)
            assert [line[0] for line in read_csv(viewer_client.get(link[1].replace("&amp;", "&")))[1:]] == [
                "Camera Station"
            ]


@pytest.mark.slow
class TestRandomFilters:
    @pytest.mark.parametrize("seed", range(4))
    def test_none_is_a_fault_and_page_and_file_agree(
        self, lived: Books, listed: System, viewer_client: Client, seed: int
    ) -> None:
        random = Random(seed)
        pieces = [
            *("", "cam", "=1", "%", "_", "'", "\\", "-name", "name", "-", "devices-core-device", "manual", "waiting"),
            *(
                "licensed",
                "lacking",
                "on",
                "off",
                "silent",
                "allocated",
                "2027-03-01",
                "yesterday",
                "9" * 30,
                "x" * 300,
            ),
            *("administrator", "system", "😀", "-systems", "status", "-heard", "unlicensed", "../..", "a=b&c", "since"),
        ]
        subjects = {"devices": f"{PRODUCT}/{listed.system_id}"}
        for _time in range(25):
            name = random.choice(list(LISTS))
            kind = LISTS[name].kind
            asked = {key: random.choice(pieces) for key in kind.parameters if random.random() < 0.6}
            of = subjects.get(name) or PAGES[name][1]
            query = {**asked, **({"of": of} if of else {}), "columns": random.choice(pieces)}
            response = viewer_client.get(url("list_csv", name), query)
            assert response.status_code in (200, 422), query
            if response.status_code == 200:
                lines = read_csv(response)
                assert len({len(line) for line in lines}) == 1
            saved = viewer_client.post(
                url("save_view", name), {"of": of, "name": "v", "query": urllib.parse.urlencode(asked)}
            )
            assert saved.status_code == (303 if kind.has_views else 404)
            if saved.status_code == 303:
                assert viewer_client.get(saved["Location"]).status_code in (200, 422)


class TestManyRows:
    def test_the_number_of_queries_does_not_grow(self, lived: Books, viewer_client: Client) -> None:
        def queries() -> list[int]:
            found = []
            for name, (_page, subject, _hidden) in PAGES.items():
                for stem in ("list_csv", "list_xlsx"):
                    with CaptureQueriesContext(
                        connection,
                    ) as caught:
                        response = viewer_client.get(url(stem, name), {"of": subject} if subject else {})
                        assert b"".join(response)
                    found.append(len(caught))
            return found

        def grow(first: int) -> None:
            for number in range(first, first + 8):
                lived.report(START, system=f"Camera {number}", core=number)
                lived.redeem(START, core=1)
                lived.unit(START, f"SPARE-{number}", core=1)

        grow(0)
        before = queries()
        grow(8)
        assert queries() == before

    def test_memory_does_not_grow_with_the_rows_that_are_written(self) -> None:
        kind = ListKind("many", "Many")
        columns: tuple[Column[int], ...] = tuple(
            column(f"c{number}", f"C{number}", lambda row: f"cell {row}") for number in range(8)
        )

        def rows_to(count: int) -> Iterator[int]:
            yield from range(count)

        class Nothing(io.RawIOBase):
            """A file that keeps nothing, so that what is measured is the writing."""

            def writable(self) -> bool:
                return True

            def write(self, data: Any) -> int:
                return len(data)

        def peak(count: int) -> int:
            told: list[tuple[int, int]] = []
            tracemalloc.start()
            listing = Listing(kind, columns, lambda: rows_to(count), lambda: count)
            xlsx_file(listing, columns, Nothing(), lambda done, total: told.append((done, total)))  # type: ignore[arg-type]
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert told[-1] == (count, count) and told == sorted(told)
            return peak

        peak(10)
        assert peak(4_000) < 2 * peak(400) + 2**20

    def test_above_the_limit_the_worker_makes_it_once_it_is_confirmed(
        self, lived: Books, viewer: User, viewer_client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(views, "MOST_AT_ONCE", 2)
        viewer_client.post(
            url("choose_columns", "systems"), {"show": "yes", "of": PRODUCT, "column": ["unit", "license"]}
        )
        query = f"?of={PRODUCT}&sort=-name"
        asked = viewer_client.get(url("list_xlsx", "systems") + query)
        assert asked.status_code == 200 and "3 rows" in asked.content.decode()
        assert not WorkOrder.objects.exists()
        assert "Harbour Cameras" in asked.content.decode()
        done = viewer_client.post(url("list_xlsx", "systems") + query, {"order": "yes"})
        assert (done.status_code, done["Location"]) == (303, f"{PAGES['systems'][0]}?sort=-name")
        # What is chosen later changes nothing of what was ordered.
        viewer_client.post(url("choose_columns", "systems"), {"of": PRODUCT, "usual": "yes"})
        order = WorkOrder.objects.get()
        assert (order.organization, order.person, order.on) == (lived.organization, viewer, START)
        assert do_work() == 1
        answer = viewer_client.post(reverse("work_download", args=["harbour", order.pk]))
        assert answer["Content-Disposition"] == 'attachment; filename="systems-harbour-2027-03-01.xlsx"'
        rows = sheet_of(io.BytesIO(b"".join(answer)))
        assert rows[0] == ("System", "System id", "Hardware unit", "License", "License, in detail")
        assert [row[0] for row in rows[1:]] == ["Main", "Gate", "'=1+1"]
        order.refresh_from_db()
        assert (order.done, order.total) == (3, 3)


class TestTheSupportView:
    def test_it_downloads_and_keeps_nothing(
        self, lived: Books, staff: User, staff_client: Client, organization: Organization
    ) -> None:
        from organizations.support import open_support_view

        open_support_view(organization=organization, user=staff, reason="ticket", on=START)
        page = staff_client.get("/o/harbour/").content.decode()
        assert "Download as XLSX" in page
        assert "Columns that you see" not in page and "Your saved views" not in page
        assert staff_client.get(url("list_csv", "products")).status_code == 200
        assert (
            staff_client.post(
                url("choose_columns", "products"),
                {
                    "show": "yes",
                },
            ).status_code
            == 403
        )
        assert staff_client.post(url("save_view", "products"), {"name": "x"}).status_code == 403


def test_the_members_are_searched_filtered_and_sorted(
    administrator_client: Client, viewer: User, manager: User, organization: Organization
) -> None:
    def names(**asked: str) -> list[str]:
        return [
            member.user.email for member in administrator_client.get(PAGES["members"][0], asked).context["page_obj"]
        ]

    assert names(search="MANAGER@") == ["manager@example.com"]
    assert names(role="viewer") == ["viewer@example.com"]
    assert names(search="nobody") == []
    assert names(sort="-name") == names()[::-1]
    assert len(names(role="no-such", sort="no-such")) == 3


def test_columns_that_a_query_fixes_win_over_those_that_were_chosen(lived: Books, viewer: User) -> None:
    listing = open_list(lived.organization, "products", QueryDict(), START)
    found = columns_of(listing, viewer, QueryDict("columns=need,no-such"))
    assert [each.name for each in found] == ["name", "need"]
