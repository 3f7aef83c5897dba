"""An organization as a file, and from it into another instance: nothing but the ids is another there (R23, R30, R32)."""

import gzip
import hashlib
import io
import json
import re
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse
from joserfc.jwk import OKPKey

from hardware.keys import is_oak_of
from hardware.license_files import TYP, document_of
from hardware.models import HardwareUnit, LicenseFile, ManufacturedUnit, RegistrationCode
from history.models import Action, HistoryHead, Record
from licensemgr.core import clock, signed
from licensemgr.core.tenancy import Part, acting
from licensemgr.core.tenancy.tables import tenant_tables
from licensemgr.portal.carrying import CATALOGUE, KEYS, MANIFEST, PEOPLE, writing
from licensemgr.portal.carrying.kinds import KINDS, LEFT_BEHIND, ORGANIZATION, CarryRefused
from licensemgr.portal.carrying.reading import read_organization
from licensemgr.portal.carrying.writing import write_organization
from licensemgr.portal.exporting import is_exported
from licensemgr.portal.playing import Player
from licensemgr.portal.verifying import verify_books
from organizations.models import Invitation, Organization, Role, User
from organizations.services import add_member, create_organization, leave_organization
from organizations.work_models import WorkOrder
from organizations.working import do_work
from products.device_lists import ListedDevice
from products.models import LicenseType, System
from tests.architecture.urls import furnish
from tests.conftest import TODAY, FrozenClock
from tests.factories import Books, UserFactory, dump_books
from wallet.errors import UndoElsewhere
from wallet.models import Redemption
from wallet.queries import undo_of
from wallet.services import undo_redemption

pytestmark = pytest.mark.django_db
DATA = Path(__file__).parent.parent / "data"
UNITS = "data/hardware.ManufacturedUnit.jsonl"
PAGES = (
    ("product_list",),
    ("history",),
    ("members",),
    *((name, "camera-station") for name in ("product_wallet", "product_licensing", "system_setup")),
)


@contextmanager
def elsewhere() -> Iterator[None]:
    """What is done within is done in another instance: afterwards nothing of it is there."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def written(organization: Organization, on: date) -> io.BytesIO:
    file = io.BytesIO()
    write_organization(organization, file, on)
    return file


def altered(file: io.BytesIO, part: str, change: Callable[[str], str], *, honest: bool = True) -> io.BytesIO:
    """The file with another content of one part, of which the manifest tells unless it is not ``honest``."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    parts[part] = change(parts[part])
    if honest and part != MANIFEST:
        manifest = json.loads(parts[MANIFEST])
        for told in manifest["parts"]:
            if told["name"] == part:
                told["sha256"] = hashlib.sha256(parts[part].encode()).hexdigest()
                told["bytes"], told["rows"] = len(parts[part].encode()), parts[part].count("\n")
        parts[MANIFEST] = json.dumps(manifest)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return made


def page(organization: Organization, name: str, *arguments: str) -> list[str]:
    """What a page says to an administrator."""
    client = Client()
    person = organization.members.filter(memberships__role=Role.ADMINISTRATOR).order_by("email")[0]
    client.force_login(person, backend=settings.AUTHENTICATION_BACKENDS[0])
    answer = client.get(reverse(name, args=[organization.slug, *arguments]))
    assert answer.status_code == 200
    main = answer.content.decode().partition("<main")[2].partition("</main>")[0]
    return re.sub(r"<[^>]*>", "\n", main).split()


def books_of(organization: Organization) -> dict[str, Any]:
    """All that is written down, mail aside, which stays where it was sent."""
    return {name: rows for name, rows in dump_books(organization).items() if name != "mails"}


def history(file: str, scenario: int) -> list[dict[str, Any]]:
    with gzip.open(DATA / f"{file}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [step for step in map(json.loads, lines) if step["scenario"] == scenario]


def rows_of(file: io.BytesIO, part: str) -> list[dict[str, Any]]:
    with zipfile.ZipFile(file) as archive:
        return [json.loads(line) for line in archive.read(part).splitlines()]


def without(row: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def digests_of_files(file: io.BytesIO) -> set[str]:
    """Of what systems sent and were given: no secrets."""
    parts = [f"data/hardware.{name}.jsonl" for name in ("Report", "HeldReport", "LicenseFile")]
    return {row["digest"] for part in parts for row in rows_of(file, part)}


@dataclass(frozen=True)
class Carried:
    """An organization's file, and what the portal said that wrote it."""

    file: io.BytesIO
    rows: dict[str, int]
    documents: list[bytes]
    books: dict[str, Any]
    # What System setup shows.
    systems: list[str]


@pytest.mark.slow
@pytest.mark.parametrize("scenario", range(4))
@pytest.mark.parametrize("name", ["scenarios", "scenarios-hardware"])
def test_a_played_history_stands_the_same_elsewhere(name: str, scenario: int, frozen_clock: FrozenClock) -> None:
    steps = history(name, scenario)
    # A week later, when redemptions are undone nowhere any more: only that can't be done elsewhere.
    on = date.fromisoformat(steps[-1]["on"]) + timedelta(days=8)
    with elsewhere():
        player = Player()
        for step in steps:
            player.play_step(step)
        [organization] = player.organizations.values()
        person = UserFactory.create(email="ada@example.com")
        add_member(organization=organization, user=person, role=Role.ADMINISTRATOR, actor=None, on=on)
        frozen_clock.move_to(on)
        file = written(organization, on)
        stood, said = player.stand(organization, on), books_of(organization)
        pages = [page(organization, name, *arguments) for name, *arguments in PAGES]
    assert not Organization.objects.exists()
    # Somebody was there before: ids are others.
    with clock.jumps_allowed():
        decoy = Books(create_organization(name="Other Port", actor=None, on=date(2027, 3, 1)))
        decoy.report(date(2027, 3, 1), system="Foreign Tower", core=3)
        decoy.redeem(date(2027, 3, 1), core=3)
    untouched = books_of(decoy.organization)
    imported = read_organization(file).organization
    assert Player().stand(imported, on) == stood
    assert books_of(imported) == said
    assert [page(imported, name, *arguments) for name, *arguments in PAGES] == pages
    assert verify_books().differences == []
    assert books_of(decoy.organization) == untouched


@pytest.fixture
def furnished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frozen_clock: FrozenClock) -> Carried:
    """An organization with something of every kind, carried into a portal where only another organization is."""
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path)
    carried = _made_once()
    with clock.jumps_allowed():
        decoy = Books(create_organization(name="Other Port", slug="other", actor=None, on=TODAY))
        decoy.report(TODAY, system="Foreign Tower", core=3)
        decoy.redeem(TODAY, core=3)
    return carried


@cache
def _made_once() -> Carried:
    """What is made of it is rolled back, so that every test may have the same."""
    with elsewhere(), clock.jumps_allowed():
        ada = UserFactory.create(email="ada@example.com", first_name="Ada", last_name="Minister", language="sv")
        organization = create_organization(name="Harbour Cameras", slug="harbour", actor=ada, on=TODAY)
        leaving = UserFactory.create(email="leaving@example.com")
        member = add_member(organization=organization, user=leaving, role=Role.VIEWER, actor=ada, on=TODAY)
        leave_organization(membership=member, on=TODAY)
        books = Books(organization)
        furnish(books, TODAY, User.objects.create_superuser("staff@example.net", "a long staff password"))
        undo_redemption(redemption=books.redeem(TODAY, core=4), actor=ada, on=TODAY)
        books.release(TODAY, 1)
        books.unit(TODAY, "SN-3", core=1)
        books.report(TODAY, system="Hall", unit="SN-3", core=4)
        device = ListedDevice("00:40:8C:00:00:01", "P3265", "core-device")
        books.report(TODAY, system="Listed", core=1, device_list=[device])
        rows = {each.label: each.rows(organization, each.model).count() for each in KINDS}
        documents = [document_of(file) for file in LicenseFile.objects.all()]
        file = written(organization, TODAY)
        return Carried(
            file, rows, documents, books_of(organization), page(organization, "system_setup", "camera-station")
        )


def test_every_tenants_table_is_carried_or_left_behind_for_a_reason() -> None:
    tenants = {each.label for each in tenant_tables()}
    of_the_vendor = {"wallet.KeyBatch", "wallet.KeyBatchLine", "wallet.LicenseKey", "hardware.ManufacturedUnit"}
    carried = {each.label for each in KINDS} | {ORGANIZATION.label}
    assert not carried & LEFT_BEHIND.keys()
    assert (carried | LEFT_BEHIND.keys()) - of_the_vendor == tenants


def test_something_of_every_kind_is_the_same_elsewhere(furnished: Carried) -> None:
    imported = read_organization(furnished.file)
    organization = imported.organization
    assert imported.rows == furnished.rows
    assert all(furnished.rows.values()), [label for label, count in furnished.rows.items() if not count]
    assert {each.label: each.rows(organization, each.model).count() for each in KINDS} == furnished.rows
    assert books_of(organization) == furnished.books
    assert [document_of(file) for file in LicenseFile.objects.all()] == furnished.documents
    assert page(organization, "system_setup", "camera-station") == furnished.systems
    assert verify_books().differences == []


def test_carried_again_it_is_the_same_file_but_for_ids(furnished: Carried) -> None:
    """What was taken in says all that was written: no value is lost on the way."""
    organization = read_organization(furnished.file).organization
    again = written(organization, TODAY)
    for kind in (ORGANIZATION, *KINDS):
        before, after = rows_of(furnished.file, kind.part), rows_of(again, kind.part)
        numbers = {each.name for each in kind.fields() if each.is_relation} | {"id", "payload"}
        # Ended on the way, since the secret that it would open stayed behind.
        numbers |= {"expires_at"} if kind.model in (Invitation, RegistrationCode) else set()
        assert [without(row, numbers) for row in after] == [without(row, numbers) for row in before], kind.label


def test_history_names_the_same_people(furnished: Carried) -> None:
    organization = read_organization(furnished.file).organization
    left = Record.objects.get(organization=organization, action=Action.MEMBER_LEFT)
    assert User.objects.get(pk=left.payload["member"]).email == "leaving@example.com"
    assert str(left.payload["member"]) in left.search_text.split()
    invited = Record.objects.get(organization=organization, action=Action.MEMBER_INVITED)
    assert Invitation.objects.get(pk=invited.payload["invitation"]).email == "new@example.com"


class TestSecrets:
    def test_none_is_in_the_file(self, furnished: Carried) -> None:
        with zipfile.ZipFile(furnished.file) as archive:
            text = "".join(archive.read(name).decode() for name in archive.namelist())
        for word in ("digest", "pepper_id", "proof_key", "password", "sealed"):
            told = set(re.findall(rf'"{word}":"[^"]*"', text))
            of_files = {f'"digest":"{found}"' for found in digests_of_files(furnished.file)}
            assert told <= of_files, word

    def test_what_they_opened_is_closed_here(self, furnished: Carried, today: date) -> None:
        organization = read_organization(furnished.file).organization
        now = clock.real_now()
        assert not RegistrationCode.objects.filter(organization=organization, expires_at__gt=now).exists()
        assert not Invitation.objects.filter(organization=organization, expires_at__gt=now).exists()
        [unit] = ManufacturedUnit.objects.filter(serial="SN-2")
        assert not is_oak_of("OAK of SN-2", unit.oak_digest, unit.pepper_id)

    def test_a_redeemed_key_is_history_and_can_be_neither_redeemed_nor_undone(
        self, furnished: Carried, today: date
    ) -> None:
        organization = read_organization(furnished.file).organization
        redemption = Redemption.objects.filter(organization=organization, undone_on=None).order_by("pk")[0]
        assert isinstance(undo_of(redemption, today).refused, UndoElsewhere)
        with pytest.raises(UndoElsewhere):
            undo_redemption(redemption=redemption, actor=None, on=today)
        call_command("peppers")

    def test_a_new_person_has_no_password_and_gets_one_by_mail(self, furnished: Carried) -> None:
        organization = read_organization(furnished.file).organization
        person = organization.members.get()
        assert (person.email, str(person), person.language) == ("ada@example.com", "Ada Minister", "sv")
        assert not person.has_usable_password()
        staff = User.objects.get(email="staff@example.net")
        assert not staff.is_staff
        assert not staff.is_superuser

    def test_who_is_here_already_stays_as_they_are(self, furnished: Carried) -> None:
        here = UserFactory.create(email="ada@example.com", first_name="Other")
        organization = read_organization(furnished.file).organization
        assert organization.members.get() == here
        here.refresh_from_db()
        assert (here.first_name, here.has_usable_password()) == ("Other", True)


def test_a_unit_that_is_known_here_keeps_its_key(furnished: Carried) -> None:
    line = next(row for row in rows_of(furnished.file, CATALOGUE) if row["hardware_models"])
    Books(Organization.objects.get(slug="other")).make_unit("SN-2")
    known = ManufacturedUnit.objects.get(serial="SN-2")
    wanted = next(row["hardware_model"] for row in rows_of(furnished.file, UNITS) if row["serial"] == "SN-2")
    if known.hardware_model.code != wanted:
        pytest.fail(f"the unit is of {known.hardware_model.code}, the file has {line}")
    organization = read_organization(furnished.file).organization
    assert HardwareUnit.objects.get(organization=organization, serial="SN-2").made == known
    known.refresh_from_db()
    assert is_oak_of("OAK of SN-2", known.oak_digest, known.pepper_id)


def nothing_stays(file: io.BytesIO, sentence: str) -> None:
    """It is refused with that sentence, and nothing of it is here."""
    before = {model._meta.label: model._default_manager.count() for model in apps.get_models()}
    with pytest.raises(CarryRefused, match=sentence) as refused:
        read_organization(file)
    assert "Nothing was imported" in str(refused.value)
    assert {model._meta.label: model._default_manager.count() for model in apps.get_models()} == before


class TestRefusals:
    def test_an_organization_that_is_here(self, furnished: Carried) -> None:
        read_organization(furnished.file)
        nothing_stays(furnished.file, "There is an organization “harbour” here already")

    def test_a_system_that_is_another_organizations(self, furnished: Carried) -> None:
        here = System.objects.get(organization__slug="other")
        System.objects.filter(pk=here.pk).update(
            system_id=rows_of(furnished.file, "data/products.System.jsonl")[0]["system_id"]
        )
        nothing_stays(furnished.file, "belongs to another organization here")

    def test_a_unit_that_is_another_organizations(self, furnished: Carried) -> None:
        Books(Organization.objects.get(slug="other")).unit(TODAY, "SN-2")
        nothing_stays(furnished.file, "SN-2 belongs to another organization here")

    def test_other_license_types(self, furnished: Carried) -> None:
        LicenseType.objects.filter(code="universal-device").update(code="some-device")
        nothing_stays(furnished.file, "“camera-station” has other license types here")

    def test_books_that_do_not_add_up(self, furnished: Carried) -> None:
        more = altered(
            furnished.file, "data/wallet.Entry.jsonl", lambda text: re.sub(r'"quantity":9\b', '"quantity":10', text)
        )
        nothing_stays(more, "The books in the file do not add up: wallet_ledgeraccount")

    def test_a_license_file_that_was_changed(self, furnished: Carried) -> None:
        other = altered(
            furnished.file,
            "data/hardware.LicenseFile.jsonl",
            lambda text: text.replace('"document":"', '"document":" '),
        )
        nothing_stays(other, "is not what was given")

    def test_a_part_that_was_changed(self, furnished: Carried) -> None:
        other = altered(furnished.file, PEOPLE, lambda text: text.replace("Ada", "Eve"), honest=False)
        nothing_stays(other, "people.jsonl is not what the file's manifest says")

    @pytest.mark.parametrize(
        ("part", "old", "new", "sentence"),
        [
            (MANIFEST, '"version": 1', '"version": 2', "of version 2"),
            (MANIFEST, "license-manager/organization", "something", "something else"),
            (MANIFEST, '"name": "people.jsonl"', '"name": "persons.jsonl"', "names no people.jsonl"),
            (MANIFEST, "{", "[", "manifest can't be read"),
            (PEOPLE, "{", "[{", "no JSON"),
            (PEOPLE, '"email":"ada', '"email":"@', "not in its form"),
            ("data/wallet.Lot.jsonl", '"origin"', '"invented"', "which this portal does not know"),
            ("data/wallet.Lot.jsonl", '"account":', '"account":9', "does not hold it"),
            ("data/wallet.Lot.jsonl", '"entered_on":"2027', '"entered_on":"never', "not in its form"),
            ("data/wallet.Transfer.jsonl", '"sequence":2,', '"sequence":1,', "does not take the rows"),
        ],
    )
    def test_what_is_in_no_known_form(self, furnished: Carried, part: str, old: str, new: str, sentence: str) -> None:
        nothing_stays(altered(furnished.file, part, lambda text: text.replace(old, new)), sentence)

    @pytest.mark.parametrize("content", [b"", b"PK", b"{}", b"\0" * 100])
    def test_what_is_no_zip(self, content: bytes) -> None:
        nothing_stays(io.BytesIO(content), "is no zip")

    def test_a_zip_of_something_else(self) -> None:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("x", "y")
        nothing_stays(file, "holds no manifest.json")


def test_the_file_tells_what_is_in_it(furnished: Carried) -> None:
    with zipfile.ZipFile(furnished.file) as archive:
        manifest = json.loads(archive.read(MANIFEST))
        parts = {part["name"]: part for part in manifest["parts"]}
        for name, part in parts.items():
            content = archive.read(name)
            assert (part["bytes"], part["sha256"]) == (len(content), hashlib.sha256(content).hexdigest()), name
            assert part["rows"] in (None, content.count(b"\n")), name
    assert manifest["organization"] == {"slug": "harbour", "name": "Harbour Cameras"}
    assert {"csv/history.csv", "csv/entries.csv", "csv/members.csv", "csv/systems-camera-station.csv"} <= parts.keys()
    [key] = rows_of(furnished.file, KEYS)
    for document in furnished.documents:
        signed.check_signature(signed.read(document, typ=TYP, key_named_by="kid", exact=True), OKPKey.import_key(key))


def test_memory_does_not_grow_with_the_books(
    furnished: Carried, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_ROWS_AT_ONCE", 50)
    # Those are made as lists everywhere are.
    monkeypatch.setattr(writing, "_for_people", lambda *arguments: ())
    organization = read_organization(furnished.file).organization

    def needed(more: int) -> int:
        head = HistoryHead.objects.get(organization=organization)
        Record.objects.bulk_create(
            Record(
                organization=organization,
                sequence=head.last_sequence + number,
                action=Action.SYSTEM_RENAMED,
                payload={"system": "x" * 5000},
                happened_on=TODAY,
                written_at=clock.real_now(),
            )
            for number in range(1, more + 1)
        )
        HistoryHead.objects.filter(organization=organization).update(last_sequence=head.last_sequence + more)
        with (tmp_path / f"{more}.zip").open("wb") as file:
            tracemalloc.start()
            try:
                write_organization(organization, file, TODAY)
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    # All of the second's rows are 5 MB more.
    few, many = needed(200), needed(1000)
    assert many < few + 500_000


class TestTheButton:
    def test_a_worker_makes_the_file_and_history_tells_of_the_download(
        self, books: Books, administrator_client: Client, today: date
    ) -> None:
        books.report(today, core=3)
        asked = administrator_client.post(reverse("export_everything", args=["harbour"]))
        assert (asked.status_code, asked["Location"]) == (303, reverse("work", args=["harbour"]))
        with acting(Part.WEB):
            assert do_work() == 1
        order = WorkOrder.objects.get()
        assert order.done == order.total > 0
        answer = administrator_client.post(reverse("work_download", args=["harbour", order.pk]))
        with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:  # type: ignore[attr-defined]
            assert MANIFEST in archive.namelist()
        assert is_exported(books.organization)
        assert "Everything of the organization" in administrator_client.get(asked["Location"]).content.decode()

    def test_only_an_administrator_may(self, books: Books, manager_client: Client) -> None:
        assert manager_client.post(reverse("export_everything", args=["harbour"])).status_code == 403
        assert not WorkOrder.objects.exists()


class TestTheCommands:
    def test_there_and_back(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], frozen_clock: FrozenClock
    ) -> None:
        file = tmp_path / "harbour.zip"
        with elsewhere(), clock.jumps_allowed():
            organization = create_organization(name="Harbour", slug="harbour", actor=None, on=TODAY)
            Books(organization).report(TODAY, core=3)
            call_command("export_organization", "harbour", str(file))
            assert file.stat().st_mode & 0o777 == 0o600
            with pytest.raises(CommandError, match="exists already"):
                call_command("export_organization", "harbour", str(file))
        call_command("import_organization", str(file))
        assert "Harbour (harbour) is imported; its books add up." in capsys.readouterr().out
        with pytest.raises(CommandError, match=r"here already\. Nothing was imported"):
            call_command("import_organization", str(file))
        with pytest.raises(CommandError, match=r"There is no organization “nobody”"):
            call_command("export_organization", "nobody", str(tmp_path / "nobody.zip"))
        with pytest.raises(CommandError, match="can't be read"):
            call_command("import_organization", str(tmp_path / "nobody.zip"))

    def test_half_a_file_does_not_stay(self, tmp_path: Path, books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*arguments: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("licensemgr.portal.management.commands.export_organization.write_organization", fail)
        with pytest.raises(OSError, match="No space"):
            call_command("export_organization", "harbour", str(tmp_path / "x.zip"))
        assert list(tmp_path.iterdir()) == []
