"""The upload of files of units in the admin site: kept encrypted, taken in by the worker, followed on a page."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from hardware import admin_imports, importing, pieces, uploads
from hardware.models import ManufacturedUnit, UnitImport, UnitImportPiece, UnitImportRefusal
from hardware.tasks import take_in_uploads
from organizations.models import User
from tests.factories import UserFactory
from tests.hardware.test_import import outcome
from tests.hardware.unit_data import oak_of, unit_models, write_unit_file

pytestmark = pytest.mark.django_db
UPLOAD = "/admin/hardware/unitimport/upload/"


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Hears of each time at which the worker is told to begin, and keeps it from the queue."""
    told: list[str] = []
    monkeypatch.setattr(admin_imports, "start_taking_in", lambda: told.append("now"))
    return told


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files lie in pieces of 1,000 bytes, so that small ones have many."""
    for module in (pieces, importing, uploads):
        monkeypatch.setattr(module, "PIECE_BYTES", 1000)


@pytest.fixture
def content(tmp_path: Path, db: None) -> bytes:
    """A file of 600 units, 30 of which are refused."""
    write_unit_file(tmp_path / "units.csv", 600, with_faults=True)
    return (tmp_path / "units.csv").read_bytes()


def send(client: Client, content: bytes, name: str = "units.csv", **more: Any) -> Any:
    """Upload a file."""
    return client.post(UPLOAD, {"file": SimpleUploadedFile(name, content, "text/csv"), **more})


def text_of(answer: Any) -> str:
    """The words of a page, without marks and with single spaces."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def course(client: Client, **options: Any) -> Any:
    """The page of the only import."""
    return client.get(reverse("admin:hardware_unitimport_change", args=[UnitImport.objects.get().pk]), **options)


def test_an_upload_is_kept_encrypted_taken_in_and_forgotten(
    staff_client: Client, staff: User, content: bytes, small_pieces: None, started: list[str]
) -> None:
    answer = send(staff_client, content)
    unit_import = UnitImport.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/admin/hardware/unitimport/{unit_import.pk}/change/")
    assert (unit_import.size, unit_import.file_name, unit_import.started_by) == (len(content), "units.csv", staff)
    assert started == ["now"]
    sealed = b"".join(bytes(each) for each in unit_import.pieces.values_list("sealed", flat=True))
    assert unit_import.pieces.count() == -(-len(content) // 1000)
    assert b"serial,model,oak" not in sealed
    assert oak_of(1).encode() not in sealed
    waiting = course(staff_client)
    assert "0 % · Reload" in text_of(waiting)
    assert 'hx-trigger="every 2s"' in waiting.content.decode()

    take_in_uploads()
    assert not UnitImportPiece.objects.exists()
    page = course(staff_client)
    assert "Rows 600 Units added 570 Known before 0 Refused 30" in text_of(page)
    assert "hx-trigger" not in page.content.decode()
    # A page that htmx keeps up to date asks no more.
    last = course(staff_client, headers={"HX-Request": "true"}).content.decode()
    assert "hx-trigger" not in last
    assert last.count("no-such-model") == 6


def test_sent_by_htmx_it_leads_to_its_page_and_a_refusal_comes_back_whole(staff_client: Client, content: bytes) -> None:
    """A browser with JavaScript sends the file by htmx, which tells how much of it is sent."""
    page = staff_client.get(UPLOAD).content.decode()
    assert f'hx-post="{UPLOAD}"' in page
    assert "data-upload-progress" in page
    headers = {"HX-Request": "true"}
    refused = staff_client.post(UPLOAD, {"file": SimpleUploadedFile("x.csv", b"no header")}, headers=headers)
    assert refused.status_code == 422
    assert 'id="content-main"' in refused.content.decode()
    sent = staff_client.post(UPLOAD, {"file": SimpleUploadedFile("units.csv", content)}, headers=headers)
    assert sent.status_code == 200
    assert sent["HX-Redirect"] == f"/admin/hardware/unitimport/{UnitImport.objects.get().pk}/change/"


def test_an_upload_and_the_command_leave_the_same(
    staff_client: Client, content: bytes, small_pieces: None, tmp_path: Path
) -> None:
    send(staff_client, content)
    take_in_uploads()
    uploaded = outcome()
    for model in (UnitImportRefusal, ManufacturedUnit, UnitImport):
        model._base_manager.all().delete()
    with pytest.raises(SystemExit):
        call_command("import_units", str(tmp_path / "units.csv"), stdout=io.StringIO())
    assert outcome() == uploaded


def test_a_worker_that_dies_is_followed_by_the_next(
    staff_client: Client, content: bytes, small_pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(staff_client, content)
    take_in_uploads()
    whole = outcome()
    for model in (UnitImportRefusal, ManufacturedUnit, UnitImport):
        model._base_manager.all().delete()

    send(staff_client, content)
    monkeypatch.setattr(importing.take_in, "__kwdefaults__", {"rows": 50, "tell": None})
    original, written = importing._write, []

    def die(*args: Any) -> None:
        written.append(args)
        original(*args)
        if len(written) % 4 == 0:
            raise MemoryError

    monkeypatch.setattr(importing, "_write", die)
    for _time in range(3):
        with pytest.raises(MemoryError):
            take_in_uploads()
    unit_import = UnitImport.objects.get()
    # Nine batches of fifty are in. What was read is gone but the header's piece; what was not is there.
    assert unit_import.added + unit_import.refused == 450
    left = set(unit_import.pieces.values_list("number", flat=True))
    assert left == {0, *range(unit_import.bytes_done // 1000, -(-len(content) // 1000))}
    fragment = course(staff_client, headers={"HX-Request": "true"}).content.decode()
    assert fragment.lstrip().startswith('<div id="import-progress" hx-get=')
    assert "<progress" in fragment
    assert "<html" not in fragment
    monkeypatch.setattr(importing, "_write", original)
    take_in_uploads()
    take_in_uploads()
    assert outcome() == whole


def test_the_same_file_again_is_recognized(staff_client: Client, content: bytes, started: list[str]) -> None:
    send(staff_client, content)
    # While it waits: the same import, and nothing is kept twice.
    send(staff_client, content, name="again.csv")
    assert UnitImportPiece.objects.count() == 1
    take_in_uploads()
    before = outcome()
    answer = staff_client.post(UPLOAD, {"file": SimpleUploadedFile("third.csv", content)}, follow=True)
    assert "This very file was taken in before. Nothing was changed." in text_of(answer)
    assert "import them in a file of their own" in text_of(answer)
    assert outcome() == before
    assert not UnitImportPiece.objects.exists()
    assert started == ["now", "now"]


def test_what_the_command_began_an_upload_finishes(
    staff_client: Client, content: bytes, small_pieces: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, written, out = importing._write, [], io.StringIO()

    def interrupt(*args: Any) -> None:
        written.append(args)
        if len(written) == 2:
            raise KeyboardInterrupt
        original(*args)

    monkeypatch.setattr(importing, "_write", interrupt)
    with pytest.raises(SystemExit) as ended:
        call_command("import_units", str(tmp_path / "units.csv"), "--batch", "100", stdout=out)
    assert ended.value.code == 130
    assert "the same command goes on from there" in out.getvalue()
    assert "Run the command again, or upload the same file here" in text_of(course(staff_client))
    answer = staff_client.post(UPLOAD, {"file": SimpleUploadedFile("same.csv", content)}, follow=True)
    assert "taken in up to line 102 before; it goes on." in text_of(answer)
    take_in_uploads()
    assert "Rows 600 Units added 570 Known before 0 Refused 30" in text_of(course(staff_client))


def test_pieces_that_can_not_be_opened_any_more_are_let_go(
    staff_client: Client, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    send(staff_client, content)
    UnitImportPiece.objects.update(sealed=b"sealed under another secret, which is gone")
    take_in_uploads()
    assert "ENCRYPTION_SECRET has changed" in caplog.text
    assert not UnitImportPiece.objects.exists()
    send(staff_client, content)
    take_in_uploads()
    assert UnitImport.objects.get().added == 570


def test_what_can_not_be_uploaded_is_told(staff_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for form, sentence in (
        ({}, "Choose a file. Nothing was taken in."),
        ({"file": SimpleUploadedFile("units.csv", b"")}, "The file is empty."),
        ({"file": "text"}, "Choose a file."),
        ({"other": SimpleUploadedFile("units.csv", b"serial,model,oak\n")}, "Choose a file."),
        ({"file": SimpleUploadedFile("units.csv", b"a,b,c\n1,2,3\n")}, "has to name the columns serial, model and oak"),
        ({"file": SimpleUploadedFile("units.csv", b"\xff\xfe\x00s" * 9)}, "has to name the columns"),
    ):
        answer = staff_client.post(UPLOAD, form)
        assert answer.status_code == 422
        assert sentence in text_of(answer)
    monkeypatch.setattr(uploads, "_MAXIMUM_BYTES", 200_000)
    answer = send(staff_client, b"serial,model,oak\n" + b"S1,m,7KQM29XFP4TBWD8H\n" * 20_000)
    assert answer.status_code == 422
    assert "The file is larger than 200 MB. Nothing was taken in." in text_of(answer)
    assert not UnitImport.objects.exists()
    # What is no file is limited as everywhere.
    assert staff_client.post(UPLOAD, {"text": "x" * 1_100_000}).status_code in (400, 413)


def test_an_upload_lies_nowhere_in_clear_while_it_comes() -> None:
    upload = uploads.SealedUpload("units.csv")
    clear = b"S1,model,7KQM-29XF-P4TB-WD8H\n" * 100_000
    for start in range(0, len(clear), 65536):
        upload.add(clear[start : start + 65536])
    upload.end()
    upload.seek(0)
    assert b"7KQM-29XF" not in upload.read()
    with pieces.open_pieces(upload.load, upload.length) as stream:
        assert stream.read() == clear
        stream.seek(2 * pieces.PIECE_BYTES - 5)
        assert stream.read(10) == clear[2 * pieces.PIECE_BYTES - 5 : 2 * pieces.PIECE_BYTES + 5]
    upload.close()


def test_only_who_may_import_sends_anything_and_only_with_the_forms_token(
    anonymous_client: Client, manager_client: Client, staff: User, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Any] = []
    monkeypatch.setattr(uploads.SealingUploadHandler, "new_file", lambda *args, **options: read.append(args))
    for client in (anonymous_client, manager_client):
        assert send(client, content).status_code in (302, 403)
    looks = UserFactory.create(is_staff=True)
    looks.user_permissions.add(Permission.objects.get(codename="view_unitimport"))
    client = Client()
    client.force_login(looks)
    assert client.get(UPLOAD).status_code == 403
    assert send(client, content).status_code == 403
    assert "Import units" not in text_of(client.get("/admin/hardware/unitimport/"))
    # Of none of them a byte was read.
    assert not read
    monkeypatch.undo()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(staff)
    assert send(strict, content).status_code == 403
    assert not UnitImport.objects.exists()
    monkeypatch.setattr(admin_imports, "start_taking_in", lambda: None)
    strict.get(UPLOAD)
    assert send(strict, content, csrfmiddlewaretoken=strict.cookies["csrftoken"].value).status_code == 303


def test_refused_rows_are_listed_a_page_at_a_time_and_as_a_file(staff_client: Client, monkeypatch: Any) -> None:
    code = unit_models()[0].code
    rows = "".join(f"S{number},=cmd,{oak_of(number)}\n" for number in range(60)) + f"S1,{code},{oak_of(1)}\n"
    send(staff_client, f"serial,model,oak\n{rows}".encode())
    take_in_uploads()
    first = course(staff_client).content.decode()
    assert first.count("is not in the catalogue") == 50
    [after] = re.findall(r"\?after=(\d+)#refused", first)
    second = course(staff_client, query_params={"after": after}).content.decode()
    assert second.count("is not in the catalogue") == 10
    assert "?after=" not in second
    assert course(staff_client, query_params={"after": "x' OR 1"}).status_code == 200
    assert course(staff_client, query_params={"after": "9" * 30}).status_code == 200
    monkeypatch.setattr(admin_imports, "_CSV_AT_ONCE", 7)
    address = reverse("admin:hardware_unitimport_refused", args=[UnitImport.objects.get().pk])
    lines = staff_client.get(address).getvalue().decode().splitlines()
    assert len(lines) == 61
    assert lines[:2] == ['"line","reason"', '"2","The model “=cmd” is not in the catalogue."']
    assert staff_client.get("/admin/hardware/unitimport/999/refused.csv").status_code == 404
    assert staff_client.get("/admin/hardware/unitimport/999/change/").status_code == 404
    assert "Rows 61" in text_of(course(staff_client))
