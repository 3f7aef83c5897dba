"""Resellers as a CSV file: what a row does and why, the import all together, the log, the export."""

import csv
import io
from typing import Any

import pytest
from django.conf import settings
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse

from licensemgr.core.spreadsheets import csv_lines
from licensemgr.portal.demonstration import RESELLERS_FILE
from organizations.models import User
from products.errors import ImportChanged, ImportUnreadable
from products.models import Product, Reseller
from products.reseller_files import (
    COLUMNS,
    MAX_BYTES,
    MAX_ROWS,
    Outcome,
    PlannedRow,
    export_rows,
    import_resellers,
    plan_import,
)

pytestmark = pytest.mark.django_db
HEADER = "name,kind,city,country"
ALL = "name,kind,address,postal_code,city,country,latitude,longitude,phone,web,mail,products,listed"


def csv_file(*lines: str, header: str = HEADER) -> bytes:
    """A file of these lines below a header."""
    return "\n".join([header, *lines]).encode()


def planned(*lines: str, header: str = HEADER) -> list[PlannedRow]:
    """What an import of these lines would do."""
    return list(plan_import(csv_file(*lines, header=header)).rows)


def test_a_row_becomes_a_reseller_with_the_position_of_its_town(camera_station: Product) -> None:
    line = "Nära,System integrator,Gatan 1,211 11,Malmö,se,,,+46 40 555 01 18,https://n.example,a@n.example,camera-station,"
    plan = import_resellers(content=csv_file(line, header=ALL), actor=None)
    assert [row.outcome for row in plan.rows] == [Outcome.NEW]
    made = Reseller.objects.get()
    assert (made.name, made.kind, made.country, made.is_listed) == ("Nära", "integrator", "SE", True)
    assert (made.latitude, made.longitude) == (55.61, 13.00)
    assert [product.code for product in made.products.all()] == ["camera-station"]
    assert not LogEntry.objects.exists()


def test_a_position_that_is_given_stays_and_an_unknown_town_has_none() -> None:
    header = f"{HEADER},latitude,longitude"
    import_resellers(
        content=csv_file("A,reseller,Malmö,SE,-33.5,151.25", "B,reseller,Nowhereville,SE,,", header=header), actor=None
    )
    assert (Reseller.objects.get(name="A").latitude, Reseller.objects.get(name="A").longitude) == (-33.5, 151.25)
    assert Reseller.objects.get(name="B").latitude is None
    [_a, b] = planned("A,reseller,Malmö,SE,,", "B,reseller,Nowhereville,SE,,", header=header)
    assert (b.outcome, "without a distance" in b.notes[0]) == (Outcome.SAME, True)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",reseller,Malmö,SE", "Name: "),
        ("A,shop,Malmö,SE", "“shop” is no kind"),
        ("A,reseller,,SE", "Place: "),
        ("A,reseller,Malmö,XX", "Choose a country"),
        ("A,reseller,Malmö,ＳＥ", "Choose a country"),
        ("A,reseller,Malmö", "3 cells, but there are 4"),
        ("A,reseller,Malmö,SE,more", "5 cells, but there are 4"),
        (f"{'x' * 121},reseller,Malmö,SE", "at most 120 characters"),
        ("A\0,reseller,Malmö,SE", "can't be shown"),
    ],
    ids=range(9),
)
def test_a_bad_row_is_refused_with_its_line_and_reason(line: str, reason: str) -> None:
    rows = planned("Good,reseller,Lund,SE", "", line)
    assert [(row.line, row.outcome) for row in rows] == [(2, Outcome.NEW), (4, Outcome.REFUSED)]
    assert reason in rows[1].notes[0]


def test_each_column_is_checked(camera_station: Product) -> None:
    def reason(**cells: str) -> str:
        values = dict.fromkeys(ALL.split(","), "") | {"name": "A", "kind": "reseller", "city": "Malmö", "country": "SE"}
        [row] = planned(",".join(f'"{cell}"' for cell in (values | cells).values()), header=ALL)
        return row.notes[0] if row.outcome == Outcome.REFUSED else ""

    assert reason(phone="+46 40 555", web="http://a.example/x", mail="a@b.example", products="camera-station") == ""
    for latitude, longitude in (
        ("NaN", "1"),
        ("1e400", "1"),
        ("91", "1"),
        ("1", "181"),
        ("1", ""),
        ("５５", "1"),
        ("1,5", "2"),
    ):
        assert "position can't be read" in reason(latitude=latitude, longitude=longitude)
    assert "E-mail address: " in reason(mail="nobody")
    assert "Web address: " in reason(web="javascript:alert(1)")
    assert "Web address: " in reason(web="ftp://a.example")
    assert "Phone: " in reason(phone="call me")
    assert "no product with the code “nothing”" in reason(products="camera-station nothing")
    assert "yes or no" in reason(listed="perhaps")


def test_the_same_reseller_twice_in_a_file_is_refused_the_second_time() -> None:
    rows = planned("A,reseller,Malmö,SE", "B,reseller,Malmö,SE", "A,integrator,Malmö,se")
    assert [row.outcome for row in rows] == [Outcome.NEW, Outcome.NEW, Outcome.REFUSED]
    assert "line 2 already" in rows[2].notes[0]


def test_country_name_and_city_find_the_one_that_is_there_and_other_columns_stay(audio_manager: Product) -> None:
    import_resellers(
        content=csv_file(
            "A,reseller,Malmö,SE,+46 40 555 01 18,audio-manager,no", header=f"{HEADER},phone,products,listed"
        ),
        actor=None,
    )
    before = Reseller.objects.get()
    [row] = planned("A,integrator,Malmö,SE")
    assert (row.outcome, row.notes) == (Outcome.CHANGED, ["Changes: kind."])
    import_resellers(content=csv_file("A,integrator,Malmö,SE"), actor=None)
    after = Reseller.objects.get()
    assert (after.pk, after.kind, after.phone, after.is_listed) == (before.pk, "integrator", "+46 40 555 01 18", False)
    assert after.products.get() == audio_manager
    # A column that is there and empty is emptied; no product named means all of them.
    import_resellers(content=csv_file("A,integrator,Malmö,SE,,", header=f"{HEADER},phone,products"), actor=None)
    after.refresh_from_db()
    assert (after.phone, after.products.exists()) == ("", False)
    assert [row.outcome for row in planned("A,integrator,Malmö,SE")] == [Outcome.SAME]


def test_each_change_is_logged_with_the_name(staff: User) -> None:
    import_resellers(content=csv_file("A,reseller,Malmö,SE", "B,reseller,Lund,SE"), actor=staff)
    import_resellers(content=csv_file("A,integrator,Malmö,SE", "B,reseller,Lund,SE", "C,bad,Lund,SE"), actor=staff)
    entries = LogEntry.objects.order_by("pk").values_list("user", "object_repr", "action_flag")
    assert sorted(entries) == [
        (staff.pk, "A, Malmö", ADDITION),
        (staff.pk, "A, Malmö", CHANGE),
        (staff.pk, "B, Lund", ADDITION),
    ]
    assert "Changes: kind." in LogEntry.objects.get(action_flag=CHANGE).get_change_message()


def test_it_is_all_or_nothing(monkeypatch: pytest.MonkeyPatch, staff: User) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(LogEntry.objects, "log_actions", fail)
    with pytest.raises(DatabaseError):
        import_resellers(content=csv_file("A,reseller,Malmö,SE"), actor=staff)
    assert not Reseller.objects.exists()


def test_a_report_that_is_no_longer_true_is_not_confirmed() -> None:
    content = csv_file("A,reseller,Malmö,SE")
    shown = plan_import(content).fingerprint
    Reseller.objects.create(name="A", kind="integrator", city="Malmö", country="SE")
    with pytest.raises(ImportChanged):
        import_resellers(content=content, actor=None, fingerprint=shown)
    assert Reseller.objects.get().kind == "integrator"
    import_resellers(content=content, actor=None, fingerprint=plan_import(content).fingerprint)
    assert Reseller.objects.get().kind == "reseller"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "“name” is missing"),
        (HEADER.encode(), "no rows below"),
        (b"name,kind,city\nA,reseller,Lund\n", "“country” is missing"),
        (b"name,kind,city,country,colour\nA,reseller,Lund,SE,red\n", "“colour” is no column"),
        (b"name,kind,city,country,name\n", "“name” is there twice"),
        ("name,kind,city,country\nÅ,reseller,Lund,SE\n".encode("latin-1"), "not UTF-8"),
        ("name,kind,city,country\n".encode("utf-16"), "not UTF-8"),
        (b'name,kind,city,country\nA,"reseller"x,Lund,SE\n', "Line 2 can't be read"),
        (b'name,kind,city,country\nA,reseller,Lund,"SE\nB,reseller,Lund,SE\n', "can't be read"),
        (b"name,kind,city,country\n" + b"x" * 200_000, "can't be read"),
        (b"x" * (MAX_BYTES + 1), "larger than 5 MB"),
        (b"name,kind,city,country\n" + b"A,r,L,SE\n" * (MAX_ROWS + 1), "more than 20,000 rows"),
    ],
    ids=range(12),
)
def test_a_file_that_is_none_is_refused_as_a_whole(content: bytes, sentence: str) -> None:
    with pytest.raises(ImportUnreadable) as refused:
        plan_import(content)
    assert sentence in refused.value.sentence
    assert "Nothing was imported" in refused.value.sentence


def test_what_spreadsheets_write_is_read() -> None:
    text = '\ufeffName;Kind;City;Country;Address\r\n"A; B";Reseller;Lund;SE;"First line\r\nsecond"\r\n\r\nC;reseller;Lund;SE;\r\n'
    rows = plan_import(text.encode()).rows
    assert [(row.line, row.title, row.outcome) for row in rows] == [
        (2, "A; B, Lund, SE", Outcome.NEW),
        (5, "C, Lund, SE", Outcome.NEW),
    ]
    assert rows[0].reseller is not None and rows[0].reseller.address == "First line second"


def test_an_export_runs_nothing_and_is_read_back_as_it_is(camera_station: Product) -> None:
    evil = Reseller.objects.create(
        name='=HYPERLINK("x")',
        kind="reseller",
        city="@Lund",
        country="AU",
        latitude=-33.5,
        longitude=-1.25,
        phone="+61 3 555",
    )
    evil.products.add(camera_station)
    Reseller.objects.create(name="Plain", kind="integrator", city="Lund", country="SE", is_listed=False)
    text = "".join(csv_lines(export_rows()))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == [name for name, _needed, _text in COLUMNS]
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
    assert [row["listed"] for row in rows] == ["yes", "no"]
    again = plan_import(text.encode()).rows
    # The one without position gets that of its town.
    assert [(row.title, row.outcome, list(row.notes)) for row in again] == [
        ('=HYPERLINK("x"), @Lund, AU', Outcome.SAME, []),
        ("Plain, Lund, SE", Outcome.CHANGED, ["Changes: latitude, longitude.", "The position is that of the town."]),
    ]


def test_the_demonstrations_resellers_are_made_up_and_all_taken(
    camera_station: Product, audio_manager: Product
) -> None:
    for code in ("access-manager", "site-monitor"):
        Product.objects.create(code=code, name=code)
    plan = import_resellers(content=RESELLERS_FILE.read_bytes(), actor=None)
    assert plan.counts == {"new": len(plan.rows), "changed": 0, "same": 0, "refused": 0}
    made = list(Reseller.objects.all())
    assert len(made) >= 60
    assert len({reseller.country for reseller in made}) >= 25
    for reseller in made:
        assert reseller.latitude is not None, reseller
        assert reseller.web.endswith(".example") and reseller.mail.endswith(".example")
        assert "555" in reseller.phone.replace(" ", "")


def test_the_number_of_queries_does_not_grow_with_each_row(django_assert_max_num_queries: Any, staff: User) -> None:
    content = csv_file(*(f"Company {number},reseller,Lund,SE" for number in range(400)))
    with django_assert_max_num_queries(25):
        import_resellers(content=content, actor=staff)
    assert (Reseller.objects.count(), LogEntry.objects.count()) == (400, 400)


class TestInTheAdminSite:
    """Upload, report, confirm; nothing before that; once."""

    IMPORT = "/admin/products/reseller/import/"
    LIST = "/admin/products/reseller/"

    def upload(self, client: Client, content: bytes) -> str:
        """Send a file; the address of its report."""
        response = client.post(self.IMPORT, {"file": io.BytesIO(content)})
        assert response.status_code == 303, response.content.decode()
        return str(response["Location"])

    def confirm(self, client: Client, report: str) -> None:
        """Press the button of the report."""
        shown = client.get(report).context["plan"].fingerprint
        response = client.post(report, {"fingerprint": shown})
        assert (response.status_code, response["Location"]) == (303, self.LIST)

    def test_the_page_documents_the_columns(self, staff_client: Client) -> None:
        page = staff_client.get(self.IMPORT).content.decode()
        assert all(f"<td>{name}</td>" in page for name, _needed, _text in COLUMNS)
        assert 'enctype="multipart/form-data"' in page
        assert f'href="{self.IMPORT}"' in staff_client.get(self.LIST).content.decode()

    def test_a_browser_with_scripts_shows_how_much_is_sent_and_is_led_to_the_report(self, staff_client: Client) -> None:
        page = staff_client.get(self.IMPORT).content.decode()
        assert f'hx-post="{self.IMPORT}"' in page and "data-upload-progress" in page and "js/work.js" in page
        headers = {"HX-Request": "true"}
        refused = staff_client.post(self.IMPORT, {"file": SimpleUploadedFile("x.csv", b"no header")}, headers=headers)
        assert refused.status_code == 422
        assert 'id="content-main"' in refused.content.decode()
        file = SimpleUploadedFile("x.csv", csv_file("A,reseller,Malmö,SE"))
        sent = staff_client.post(self.IMPORT, {"file": file}, headers=headers)
        assert "New" in staff_client.get(sent["HX-Redirect"]).content.decode()

    def test_the_report_comes_first_and_the_change_is_confirmed_once(self, staff_client: Client) -> None:
        report = self.upload(staff_client, csv_file("A,reseller,Malmö,SE", "B,bad,Malmö,SE"))
        page = staff_client.get(report).content.decode()
        assert "“bad” is no kind" in page and "Import 1 reseller" in page
        assert "“bad”" not in staff_client.get(report, {"only": "new"}).content.decode()
        assert not Reseller.objects.exists()
        self.confirm(staff_client, report)
        assert Reseller.objects.get().name == "A"
        told = staff_client.get(self.LIST).content.decode()
        assert "1 reseller was imported. 1 row was left out." in told
        # A second click, or going back: nothing happens again.
        assert staff_client.post(report, {"fingerprint": "x"}).status_code == 303
        assert "Choose the file again" in staff_client.get(self.LIST).content.decode()
        assert Reseller.objects.count() == 1

    def test_a_report_that_changed_is_shown_anew(self, staff_client: Client) -> None:
        report = self.upload(staff_client, csv_file("A,reseller,Malmö,SE"))
        page = staff_client.post(report, {"fingerprint": "of an older report"})
        assert page.status_code == 200 and "Nothing was imported" in page.content.decode()
        assert not Reseller.objects.exists()
        self.confirm(staff_client, report)

    def test_a_bad_file_is_told_and_nothing_kept(self, staff_client: Client) -> None:
        for content in (b"", b"\xff\xfe", b"x" * (MAX_BYTES + 1), b"name\nA\n"):
            response = staff_client.post(self.IMPORT, {"file": io.BytesIO(content)})
            assert response.status_code == 422
        assert staff_client.post(self.IMPORT).status_code == 422
        assert staff_client.get(f"{self.IMPORT}nothing/").status_code == 303
        for page in ("0", "x", "9" * 30, "9" * 5000):
            report = self.upload(staff_client, csv_file("A,reseller,Malmö,SE"))
            assert staff_client.get(report, {"page": page, "only": page}).status_code == 200

    def test_only_who_may_change_resellers_imports(self, staff_client: Client, manager_client: Client) -> None:
        report = self.upload(staff_client, csv_file("A,reseller,Malmö,SE"))
        looker = User.objects.create_user("looker@example.net", "pw", is_staff=True)
        client = Client()
        client.force_login(looker, backend=settings.AUTHENTICATION_BACKENDS[0])
        for url in (self.IMPORT, report, f"{self.LIST}export.csv"):
            assert client.get(url).status_code == 403
            assert client.post(url).status_code == 403
            assert manager_client.get(url).status_code == 302
        # A report is its maker's: nobody else confirms it.
        other = User.objects.create_superuser("other@example.net", "pw")
        client.force_login(other, backend=settings.AUTHENTICATION_BACKENDS[0])
        assert client.post(report, {"fingerprint": ""}).status_code == 303
        assert not Reseller.objects.exists()

    def test_one_is_added_by_hand_with_the_position_of_its_town(self, staff_client: Client) -> None:
        form = {"name": "Hand", "kind": "reseller", "city": "Lund", "country": "SE", "is_listed": "on"}
        assert staff_client.post(f"{self.LIST}add/", form).status_code == 302
        made = Reseller.objects.get()
        assert made.latitude == pytest.approx(55.71)
        assert LogEntry.objects.get().object_repr == "Hand, Lund"
        bad = form | {"name": "Bad", "phone": "call me", "latitude": "nan", "longitude": "1", "web": "ftp://x.example"}
        response = staff_client.post(f"{self.LIST}add/", bad)
        assert response.status_code == 200
        assert {"phone", "latitude", "web"} <= response.context["adminform"].form.errors.keys()
        page = staff_client.get(f"{self.LIST}{made.pk}/change/").content.decode()
        assert '<option value="SE" selected>Sweden</option>' in page

    def test_the_export_opens_as_utf_8(self, staff_client: Client) -> None:
        Reseller.objects.create(name="Öst", kind="reseller", city="Lund", country="SE")
        response = staff_client.get(f"{self.LIST}export.csv")
        content = response.getvalue()
        assert content.startswith(b'\xef\xbb\xbf"name"')
        assert "Öst" in content.decode()
        assert "attachment" in response["Content-Disposition"]
        assert reverse("admin:products_reseller_export") == f"{self.LIST}export.csv"
