"""Downloading all of an organization, and closing it: nobody enters any more, the books stay (R21, R23, R30, R35)."""

import csv
import hashlib
import io
import tracemalloc
import zipfile
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from hardware.services import report_system
from history.models import Action, Record
from licensemgr.core.lists import file_head
from licensemgr.core.models import OutboxMessage
from licensemgr.portal import exporting
from licensemgr.portal.closing import NameNotTyped, NotExported, close_organization
from licensemgr.portal.daily import run_daily
from licensemgr.portal.exporting import ENTRY_COLUMNS, export_zip, is_exported, last_record, note_export
from licensemgr.portal.history_lines import HISTORY_COLUMNS
from licensemgr.portal.verifying import verify_books
from organizations.books import settle
from organizations.errors import NotAdministrator, OrganizationClosed
from organizations.invitations import invite_member
from organizations.models import Invitation, Membership, Organization, Role, SavedView, User
from organizations.services import leave_organization
from organizations.support import open_support_view
from products.models import DeviceCount, Product, System, SystemSource
from tests.conftest import FrozenClock
from tests.factories import Books, dump_books, issue, register
from wallet.errors import KeyUnknown
from wallet.models import Entry
from wallet.services import redeem_license_key

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)
NAME = "Harbour Cameras"


@pytest.fixture
def lived(books: Books) -> Books:
    """An organization with two systems, a subscription year that is licensed, and 5 licenses in the wallet."""
    books.report(START, core=10, universal=4)
    books.report(START, system="=HYPERLINK(1)", core=0)
    books.start(START)
    books.redeem(START, core=15, universal=4)
    books.allocate(START, {"core": 10, "universal": 4})
    return books


def url(name: str) -> str:
    """The address of a page of ``organization``."""
    return reverse(name, args=["harbour"])


def export(client: Client) -> dict[str, str]:
    """The files of the zip that an administrator downloads."""
    answer = client.post(url("export_organization"))
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:  # type: ignore[attr-defined]
        assert archive.testzip() is None
        return {name: archive.read(name).decode("utf-8-sig") for name in archive.namelist()}


def rows(text: str) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    return list(csv.DictReader(io.StringIO(text)))


class TestTheDownload:
    def test_history_and_entries_and_what_their_columns_mean(
        self, lived: Books, administrator_client: Client, administrator: User, organization: Organization
    ) -> None:
        files = export(administrator_client)
        assert list(files) == ["README.txt", "history.csv", "entries.csv", "registration-codes.csv"]
        for column in map(str, (*file_head(HISTORY_COLUMNS), *ENTRY_COLUMNS)):
            assert f"  {column}: " in files["README.txt"]
        history = rows(files["history.csv"])
        assert [int(row["Number"]) for row in history] == list(range(len(history), 0, -1))
        assert history[0]["What happened"] == "History and entries were downloaded."
        assert history[0]["Person"] == str(administrator)
        # A name that a spreadsheet would take for a formula is told within a sentence; a cell of its own is made safe.
        assert any("=HYPERLINK(1)" in row["What happened"] for row in history)
        entries = rows(files["entries.csv"])
        assert len(entries) == Entry.objects.filter(organization=organization).count() == 4
        assert entries[0] | {"Written at": ""} == {
            "Transfer": "1",
            "Date": "2027-03-01",
            "Written at": "",
            "Person": "License Manager",
            "E-mail address": "",
            "Reason": "License key redeemed",
            "Product": "Camera Station",
            "Product code": "camera-station",
            "License type": "Core device",
            "License type code": "core-device",
            "Kind": "Subscription",
            "Unit": "licenses",
            "From": "Entered",
            "To": "In the wallet",
            "Quantity": "15",
            "Lot entered on": "2027-03-01",
            "Lot expires on": "2032-03-01",
            "Subscription year from": "",
        }
        assert entries[2]["To"] == "Allocated"
        assert entries[2]["Subscription year from"] == "2027-03-01"

    def test_every_balance_can_be_recomputed_from_it(self, lived: Books, administrator_client: Client) -> None:
        held: dict[tuple[str, str], int] = {}
        for row in rows(export(administrator_client)["entries.csv"]):
            for end, sign in (("From", -1), ("To", 1)):
                key = (row["License type code"], row[end])
                held[key] = held.get(key, 0) + sign * int(row["Quantity"])
        assert held["core-device", "In the wallet"] == 5
        assert held["core-device", "Allocated"] == 10
        assert held["core-device", "Entered"] == -15

    def test_cells_are_safe_and_nothing_of_others_is_in_it(
        self, lived: Books, administrator: User, administrator_client: Client, other_organization: Organization
    ) -> None:
        register(other_organization, lived.products["camera-station"], on=START, system="Elsewhere", core=1)
        User.objects.filter(pk=administrator.pk).update(first_name="=cmd|' /C calc'!A0", last_name="")
        files = export(administrator_client)
        assert rows(files["history.csv"])[0]["Person"] == "'=cmd|' /C calc'!A0"
        assert "Elsewhere" not in files["history.csv"]

    def test_it_is_made_in_pieces_and_in_chunks_that_memory_holds(
        self, lived: Books, organization: Organization, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = b"".join(export_zip(organization))
        monkeypatch.setattr(exporting, "_TRANSFERS_PER_CHUNK", 1)
        monkeypatch.setattr(exporting, "_PIECE_BYTES", 100)
        pieces = list(export_zip(organization))
        assert len(pieces) > 1
        contents = [zipfile.ZipFile(io.BytesIO(data)).read("entries.csv") for data in (whole, b"".join(pieces))]
        assert contents[0] == contents[1]
        # Megabytes that can't be made smaller take no more than a piece and what the compression holds.
        monkeypatch.setattr(exporting, "_PIECE_BYTES", 64 * 1024)
        lines = (hashlib.sha512(str(number).encode()).hexdigest() for number in range(60_000))
        monkeypatch.setattr(exporting, "files_for_people", lambda organization: [("big.csv", lines)])
        tracemalloc.start()
        try:
            assert sum(map(len, export_zip(organization))) > 4_000_000
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()

    def test_only_an_administrator_downloads(self, lived: Books, manager_client: Client) -> None:
        assert manager_client.post(url("export_organization")).status_code == 403
        assert not Record.objects.filter(action=Action.ORGANIZATION_EXPORTED).exists()

    def test_any_change_since_asks_for_it_anew(self, lived: Books, administrator: User) -> None:
        organization = lived.organization
        assert not is_exported(organization)
        note_export(organization=organization, actor=administrator, on=START)
        note_export(organization=organization, actor=administrator, on=START)
        assert is_exported(organization)
        lived.report(START, core=11, universal=4)
        assert not is_exported(organization)

    def test_what_happens_in_another_organization_does_not(
        self, lived: Books, administrator: User, other_organization: Organization
    ) -> None:
        note_export(organization=lived.organization, actor=administrator, on=START)
        elsewhere = Books(other_organization)
        while last_record(other_organization) <= last_record(lived.organization):
            elsewhere.report(START, core=last_record(other_organization))
        assert is_exported(lived.organization)


class TestClosing:
    @pytest.fixture
    def exported(self, lived: Books, administrator: User) -> Books:
        invite_member(
            organization=lived.organization, email="c@example.com", role=Role.VIEWER, actor=administrator, on=START
        )
        note_export(organization=lived.organization, actor=administrator, on=START)
        return lived

    @pytest.fixture
    def closed(self, exported: Books, administrator: User) -> Books:
        close_organization(organization=exported.organization, typed_name=NAME, actor=administrator, on=START)
        exported.organization.refresh_from_db()
        return exported

    def test_it_needs_the_download_and_the_name(
        self, lived: Books, administrator_client: Client, organization: Organization
    ) -> None:
        page = administrator_client.get(url("close_organization")).content.decode()
        assert "have to be downloaded, after the last change" in page
        answer = administrator_client.post(url("close_organization"), {"name": NAME})
        assert answer.status_code == 422
        assert "have to be downloaded after the last change, and they were not" in answer.content.decode()
        export(administrator_client)
        assert "Downloaded, and nothing has happened since." in (
            administrator_client.get(url("close_organization")).content.decode()
        )
        for typed in ("", "Harbour", "Other Port"):
            answer = administrator_client.post(url("close_organization"), {"name": typed})
            assert answer.status_code == 422
            assert "Nothing was changed." in answer.content.decode()
        organization.refresh_from_db()
        assert organization.closed_on is None
        answer = administrator_client.post(url("close_organization"), {"name": " harbour  CAMERAS "}, follow=True)
        assert answer.redirect_chain == [("/", 303)]
        page = answer.content.decode()
        assert "Harbour Cameras is closed." in page
        assert "/o/harbour/" not in page

    def test_what_becomes_true_while_it_is_closed_has_to_be_downloaded_too(
        self, exported: Books, administrator: User, frozen_clock: FrozenClock
    ) -> None:
        renewal = date(2028, 3, 1)
        with pytest.raises(NotExported):
            close_organization(organization=exported.organization, typed_name=NAME, actor=administrator, on=renewal)
        note_export(organization=exported.organization, actor=administrator, on=renewal)
        close_organization(organization=exported.organization, typed_name=NAME, actor=administrator, on=renewal)
        assert Record.objects.filter(action=Action.YEAR_OPENED).count() == 1

    def test_it_refuses_who_is_no_administrator_and_another_name(self, exported: Books, manager: User) -> None:
        note_export(organization=exported.organization, actor=None, on=START)
        with pytest.raises(NotAdministrator):
            close_organization(organization=exported.organization, typed_name=NAME, actor=manager, on=START)
        with pytest.raises(NameNotTyped):
            close_organization(organization=exported.organization, typed_name="Harbor", actor=None, on=START)

    def test_only_an_administrator_finds_the_page(self, exported: Books, manager_client: Client) -> None:
        assert manager_client.get(url("close_organization")).status_code == 403
        assert manager_client.post(url("close_organization"), {"name": NAME}).status_code == 403
        exported.organization.refresh_from_db()
        assert exported.organization.closed_on is None

    def test_nobody_enters_and_the_invitations_work_no_more(
        self, closed: Books, administrator_client: Client, administrator: User
    ) -> None:
        for name in ("product_list", "members", "history", "close_organization"):
            assert administrator_client.get(url(name)).status_code == 404
        for name in ("close_organization", "export_organization", "leave_organization"):
            assert administrator_client.post(url(name), {"name": NAME}).status_code == 404
        assert NAME not in administrator_client.get("/").content.decode()
        assert Invitation.objects.get().revoked_at is not None
        with pytest.raises(OrganizationClosed):
            invite_member(
                organization=closed.organization, email="d@example.com", role=Role.VIEWER, actor=None, on=START
            )

    def test_systems_are_removed_on_that_day_and_their_ids_are_free(
        self, exported: Books, administrator: User, other_organization: Organization
    ) -> None:
        later = START + timedelta(days=5)
        note_export(organization=exported.organization, actor=administrator, on=later)
        close_organization(organization=exported.organization, typed_name=NAME, actor=administrator, on=later)
        assert set(System.objects.values_list("removed_on", flat=True)) == {later}
        assert set(DeviceCount.objects.values_list("from_on", "until_on")) == {(START, later)}
        removed = Record.objects.filter(action=Action.SYSTEM_REMOVED)
        assert {record.payload["system"] for record in removed} == {"Main", "=HYPERLINK(1)"}
        report_system(
            organization=other_organization,
            product=exported.products["camera-station"],
            system_id=exported.system_id("Main"),
            devices={"core-device": 1},
            source=SystemSource.ONLINE,
            actor=None,
            on=later,
        )
        assert System.objects.filter(removed_on=None).get().organization == other_organization

    def test_nothing_settles_and_nobody_is_mailed_any_more_and_the_books_verify(
        self, closed: Books, organization: Organization, frozen_clock: FrozenClock
    ) -> None:
        before, mails = dump_books(organization), OutboxMessage.objects.count()
        assert closed.organization.next_due_on is None
        for year in (2028, 2032, 2033):
            frozen_clock.move_to(date(year, 3, 2))
            assert run_daily().settled == 0
            assert settle(organization, frozen_clock.today) == 0
        assert dump_books(organization) == before
        organization.refresh_from_db()
        assert organization.settled_through == START
        assert OutboxMessage.objects.count() == mails
        assert verify_books().differences == []
        with pytest.raises(OrganizationClosed):
            closed.report(frozen_clock.today, core=1)
        Organization.objects.filter(pk=organization.pk).update(next_due_on=date(2040, 1, 1))
        assert "it is closed, and next_due_on is 2040-01-01" in verify_books().differences[0]

    def test_the_views_that_its_members_saved_are_gone(self, exported: Books, administrator: User) -> None:
        SavedView.objects.create(organization=exported.organization, user=administrator, list_name="history", name="x")
        close_organization(organization=exported.organization, typed_name=NAME, actor=administrator, on=START)
        assert not SavedView.objects.exists()

    def test_its_keys_stay_redeemed(
        self, lived: Books, administrator: User, other_organization: Organization, camera_station: Product
    ) -> None:
        organization, key = lived.organization, issue(camera_station, core=1)
        redeem_license_key(registered_product=lived.registered(), license_key=key, actor=None, on=START)
        elsewhere = register(other_organization, camera_station, on=START, core=1)
        note_export(organization=organization, actor=administrator, on=START)
        close_organization(organization=organization, typed_name=NAME, actor=administrator, on=START)
        with pytest.raises(KeyUnknown):
            redeem_license_key(registered_product=elsewhere, license_key=key, actor=None, on=START)

    def test_closing_twice_changes_nothing_and_its_last_member_can_leave(
        self, closed: Books, administrator: User, organization: Organization
    ) -> None:
        before = dump_books(organization)
        close_organization(organization=organization, typed_name="", actor=None, on=START + timedelta(days=1))
        assert dump_books(organization) == before
        organization.refresh_from_db()
        assert organization.closed_on == START
        leave_organization(membership=Membership.objects.get(user=administrator), on=START)
        assert not organization.memberships.exists()

    def test_staff_still_look_at_its_books(self, closed: Books, staff: User, staff_client: Client) -> None:
        open_support_view(organization=closed.organization, user=staff, reason="A question", on=START)
        for name in ("product_list", "history", "members"):
            assert staff_client.get(url(name)).status_code == 200
        assert "The organization was closed." in staff_client.get(url("history")).content.decode()
        for name in ("leave_organization", "choose_notices"):
            assert staff_client.post(url(name)).status_code == 403
        assert staff_client.post(url("export_organization")).status_code == 403


def test_many_systems_are_removed_in_one_change(
    books: Books, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from organizations import books as one_way

    for number in range(5):
        books.report(START, system=f"System {number}", core=1)
    note_export(organization=books.organization, actor=administrator, on=START)
    looks: list[Any] = []
    monkeypatch.setattr(one_way, "_after_change", lambda: (lambda organization, on: looks.append(on),))
    close_organization(organization=books.organization, typed_name=NAME, actor=administrator, on=START)
    assert looks == [START]
