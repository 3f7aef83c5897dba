"""An organization as a file, and from it into another instance: nothing but the ids is another there (R23, R30, R32)."""

import gzip
import hashlib
import io
import json
import re
import tracemalloc
import zipfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from joserfc.jwk import OKPKey

from hardware.issue_log import remember_numbers
from hardware.keys import is_oak_of
from hardware.license_files import TYP, document_of, issue_license_file
from hardware.models import HardwareUnit, LicenseFile, ManufacturedUnit, RegistrationCode
from history.models import Action, HistoryHead, Record
from licensemgr.core import clock, signed, signing_keys
from licensemgr.core.models import OutboxMessage
from licensemgr.core.tenancy import Part, acting
from licensemgr.core.tenancy.tables import tenant_tables
from licensemgr.portal.carrying import CATALOGUE, KEYS, MANIFEST, writing
from licensemgr.portal.carrying.kinds import KINDS, LEFT_BEHIND, ORGANIZATION
from licensemgr.portal.carrying.reading import read_organization
from licensemgr.portal.carrying.writing import write_organization
from licensemgr.portal.exporting import is_exported
from licensemgr.portal.playing import Player
from licensemgr.portal.verifying import verify_books
from organizations.models import Invitation, Organization, Role, User
from organizations.services import add_member, create_organization
from organizations.work_models import WorkOrder
from organizations.working import do_work
from products.models import System
from tests.conftest import TODAY, FrozenClock
from tests.factories import Books, UserFactory
from tests.portal.carried import FORGOTTEN, Carried, books_of, elsewhere, page, rows_of, written
from wallet.errors import UndoElsewhere
from wallet.models import Redemption
from wallet.queries import undo_of
from wallet.services import undo_redemption

pytestmark = pytest.mark.django_db
DATA = Path(__file__).parent.parent / "data"
UNITS = "data/hardware.ManufacturedUnit.jsonl"
NUMBERS = "data/hardware.ForgottenNumber.jsonl"
PAGES = (
    ("product_list",),
    ("history",),
    ("members",),
    *((name, "camera-station") for name in ("product_wallet", "product_licensing", "system_setup")),
)


def history(file: str, scenario: int) -> list[dict[str, Any]]:
    with gzip.open(DATA / f"{file}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [step for step in map(json.loads, lines) if step["scenario"] == scenario]


def without(row: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def without_part(file: io.BytesIO, name: str) -> io.BytesIO:
    """As a release wrote it that did not know the part."""
    made = io.BytesIO()
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(made, "w") as former:
        manifest = json.loads(archive.read(MANIFEST))
        manifest["parts"] = [part for part in manifest["parts"] if part["name"] != name]
        former.writestr(MANIFEST, json.dumps(manifest))
        for part in manifest["parts"]:
            former.writestr(part["name"], archive.read(part["name"]))
    return made


def digests_of_files(file: io.BytesIO) -> set[str]:
    """Of what systems sent and were given: no secrets."""
    parts = [f"data/hardware.{name}.jsonl" for name in ("Report", "HeldReport", "LicenseFile")]
    return {row["digest"] for part in parts for row in rows_of(file, part)}


@pytest.mark.slow
@pytest.mark.parametrize("scenario", range(2))
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


def test_every_tenants_table_is_carried_or_left_behind_for_a_reason() -> None:
    tenants = {each.label for each in tenant_tables()}
    of_the_vendor = {"wallet.KeyBatch", "wallet.KeyBatchLine", "wallet.LicenseKey", "hardware.ManufacturedUnit"}
    of_the_vendor |= {"hardware.ForgottenNumber"}
    carried = {each.label for each in KINDS} | {ORGANIZATION.label}
    assert not carried & LEFT_BEHIND.keys()
    assert (carried | LEFT_BEHIND.keys()) - of_the_vendor == tenants


def test_something_of_every_kind_is_the_same_elsewhere(carried: Carried) -> None:
    imported = read_organization(carried.file)
    organization = imported.organization
    assert imported.rows == carried.rows
    assert all(carried.rows.values()), [label for label, count in carried.rows.items() if not count]
    assert {each.label: each.rows(organization, each.model).count() for each in KINDS} == carried.rows
    assert books_of(organization) == carried.books
    assert [document_of(file) for file in LicenseFile.objects.all()] == carried.documents
    assert page(organization, "system_setup", "camera-station") == carried.systems
    assert verify_books().differences == []


def test_carried_again_it_is_the_same_file_but_for_ids(carried: Carried) -> None:
    """What was taken in says all that was written: no value is lost on the way."""
    organization = read_organization(carried.file).organization
    again = written(organization, TODAY)
    for kind in (ORGANIZATION, *KINDS):
        before, after = rows_of(carried.file, kind.part), rows_of(again, kind.part)
        numbers = {each.name for each in kind.fields() if each.is_relation} | {"id", "payload"}
        # Ended on the way, since the secret that it would open stayed behind.
        numbers |= {"expires_at"} if kind.model in (Invitation, RegistrationCode) else set()
        assert [without(row, numbers) for row in after] == [without(row, numbers) for row in before], kind.label


def test_history_names_the_same_people(carried: Carried) -> None:
    organization = read_organization(carried.file).organization
    left = Record.objects.get(organization=organization, action=Action.MEMBER_LEFT)
    assert User.objects.get(pk=left.payload["member"]).email == "leaving@example.com"
    assert str(left.payload["member"]) in left.search_text.split()
    invited = Record.objects.get(organization=organization, action=Action.MEMBER_INVITED)
    assert Invitation.objects.get(pk=invited.payload["invitation"]).email == "new@example.com"


class TestSecrets:
    def test_none_is_in_the_file(self, carried: Carried) -> None:
        with zipfile.ZipFile(carried.file) as archive:
            text = "".join(archive.read(name).decode() for name in archive.namelist())
        for word in ("digest", "pepper_id", "proof_key", "password", "sealed"):
            told = set(re.findall(rf'"{word}":"[^"]*"', text))
            of_files = {f'"digest":"{found}"' for found in digests_of_files(carried.file)}
            assert told <= of_files, word

    def test_what_they_opened_is_closed_here(self, carried: Carried, today: date) -> None:
        organization = read_organization(carried.file).organization
        now = clock.real_now()
        assert not RegistrationCode.objects.filter(organization=organization, expires_at__gt=now).exists()
        assert not Invitation.objects.filter(organization=organization, expires_at__gt=now).exists()
        [unit] = ManufacturedUnit.objects.filter(serial="SN-2")
        assert not is_oak_of("OAK of SN-2", unit.oak_digest, unit.pepper_id)

    def test_a_redeemed_key_is_history_and_can_be_neither_redeemed_nor_undone(
        self, carried: Carried, today: date
    ) -> None:
        organization = read_organization(carried.file).organization
        redemption = Redemption.objects.filter(organization=organization, undone_on=None).order_by("pk")[0]
        assert isinstance(undo_of(redemption, today).refused, UndoElsewhere)
        with pytest.raises(UndoElsewhere):
            undo_redemption(redemption=redemption, actor=None, on=today)
        call_command("peppers")

    def test_a_new_person_has_no_password_and_gets_one_by_mail(self, carried: Carried) -> None:
        organization = read_organization(carried.file).organization
        person = organization.members.get()
        assert (person.email, str(person), person.language) == ("ada@example.com", "Ada Minister", "sv")
        assert not person.has_usable_password()
        Client().post(reverse("account_reset_password"), {"email": person.email})
        assert "/accounts/password/reset/key/" in OutboxMessage.objects.get(recipient=person.email).body_text
        staff = User.objects.get(email="staff@example.net")
        assert not staff.is_staff
        assert not staff.is_superuser

    def test_who_is_here_already_stays_as_they_are(self, carried: Carried) -> None:
        here = UserFactory.create(email="ada@example.com", first_name="Other")
        organization = read_organization(carried.file).organization
        assert organization.members.get() == here
        here.refresh_from_db()
        assert (here.first_name, here.has_usable_password()) == ("Other", True)


def test_a_unit_that_is_known_here_keeps_its_key(carried: Carried) -> None:
    line = next(row for row in rows_of(carried.file, CATALOGUE) if row["hardware_models"])
    Books(Organization.objects.get(slug="other")).make_unit("SN-2")
    known = ManufacturedUnit.objects.get(serial="SN-2")
    wanted = next(row["hardware_model"] for row in rows_of(carried.file, UNITS) if row["serial"] == "SN-2")
    if known.hardware_model.code != wanted:
        pytest.fail(f"the unit is of {known.hardware_model.code}, the file has {line}")
    organization = read_organization(carried.file).organization
    assert HardwareUnit.objects.get(organization=organization, serial="SN-2").made == known
    known.refresh_from_db()
    assert is_oak_of("OAK of SN-2", known.oak_digest, known.pepper_id)


class TestForgottenNumbers:
    """Products refuse a license file with a lower number than the newest one that they used (R29)."""

    def next_file(self, organization: Organization) -> tuple[LicenseFile, LicenseFile]:
        """The newest license file that the books know, and the one after it."""
        signing_keys.rotate()
        known = LicenseFile.objects.filter(organization=organization).latest("sequence")
        return known, issue_license_file(system=known.system, actor=None, on=TODAY)

    def test_the_next_license_file_goes_on_from_them(self, carried: Carried) -> None:
        known, made = self.next_file(read_organization(carried.file).organization)
        assert made.sequence == known.sequence + FORGOTTEN + 1

    @pytest.mark.parametrize("more", [-1, 1])
    def test_the_higher_one_counts_where_one_is_kept_here(self, carried: Carried, more: int) -> None:
        [told] = rows_of(carried.file, NUMBERS)
        remember_numbers([{"system_id": told["system_id"], "sequence": told["number"] + more}])
        _known, made = self.next_file(read_organization(carried.file).organization)
        assert made.sequence == told["number"] + max(more, 0) + 1

    def test_other_organizations_numbers_stay(self, carried: Carried) -> None:
        organization = read_organization(carried.file).organization
        foreign = System.objects.get(organization__slug="other")
        remember_numbers([{"system_id": foreign.system_id, "sequence": 99}])
        [told] = rows_of(written(organization, TODAY), NUMBERS)
        assert told["system_id"] != str(foreign.system_id)

    def test_a_file_that_was_written_before_they_were_carried_is_taken_in(self, carried: Carried) -> None:
        known, made = self.next_file(read_organization(without_part(carried.file, NUMBERS)).organization)
        assert made.sequence == known.sequence + 1


def test_the_file_tells_what_is_in_it(carried: Carried) -> None:
    with zipfile.ZipFile(carried.file) as archive:
        manifest = json.loads(archive.read(MANIFEST))
        parts = {part["name"]: part for part in manifest["parts"]}
        for name, part in parts.items():
            content = archive.read(name)
            assert (part["bytes"], part["sha256"]) == (len(content), hashlib.sha256(content).hexdigest()), name
            assert part["rows"] in (None, content.count(b"\n")), name
    assert manifest["organization"] == {"slug": "harbour", "name": "Harbour Cameras"}
    assert {"csv/history.csv", "csv/entries.csv", "csv/members.csv", "csv/systems-camera-station.csv"} <= parts.keys()
    [key] = rows_of(carried.file, KEYS)
    for document in carried.documents:
        signed.check_signature(signed.read(document, typ=TYP, key_named_by="kid", exact=True), OKPKey.import_key(key))


def test_memory_does_not_grow_with_the_books(carried: Carried, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_ROWS_AT_ONCE", 50)
    # Those are made as lists everywhere are.
    monkeypatch.setattr(writing, "_for_people", lambda *arguments: ())
    organization = read_organization(carried.file).organization

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
