"""The kinds of work that a worker does: the organization's export, zips of license files, lists as XLSX."""

import io
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from hardware.models import LicenseFile
from hardware.views import license_files
from history.models import Action, Record
from licensemgr.core import signing_keys
from licensemgr.core.models import SigningKey
from licensemgr.portal.closing import NotExported, close_organization
from licensemgr.portal.exporting import export_zip, is_exported, rows_to_export
from licensemgr.portal.views import organization as views
from licensemgr.portal.work import KINDS
from organizations import working
from organizations.models import Organization, User
from organizations.work import order_work
from organizations.work_models import WorkOrder, WorkState
from organizations.working import do_work
from tests.factories import Books
from tests.hardware.offline import staged, system_file, vessel

pytestmark = pytest.mark.django_db


@pytest.fixture
def lived(books: Books, today: date) -> Books:
    """An organization in which something happened."""
    books.report(today, core=10)
    books.start(today)
    books.redeem(today, core=15)
    books.allocate(today, {"core": 10})
    return books


def fetch(client: Client, order: WorkOrder) -> zipfile.ZipFile:
    answer = client.post(reverse("work_download", args=["harbour", order.pk]))
    assert answer.status_code == 200
    return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))  # type: ignore[attr-defined]


class TestTheExport:
    @pytest.fixture
    def order(self, lived: Books, administrator_client: Client, monkeypatch: pytest.MonkeyPatch) -> WorkOrder:
        """One of an organization that counts as large, ordered by the same button."""
        monkeypatch.setattr(views, "MOST_ROWS_AT_ONCE", 3)
        answer = administrator_client.post(reverse("export_organization", args=["harbour"]))
        assert (answer.status_code, answer["Location"]) == (303, reverse("work", args=["harbour"]))
        return WorkOrder.objects.get()

    def test_it_holds_what_the_one_that_is_sent_at_once_holds(
        self, order: WorkOrder, administrator_client: Client, organization: Organization
    ) -> None:
        assert do_work() == 1
        with zipfile.ZipFile(io.BytesIO(b"".join(export_zip(organization)))) as at_once:
            found = fetch(administrator_client, order)
            assert found.namelist() == at_once.namelist()
            for name in ("history.csv", "entries.csv", "registration-codes.csv"):
                assert found.read(name) == at_once.read(name)

    def test_its_progress_counts_the_rows(
        self, order: WorkOrder, organization: Organization, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("licensemgr.portal.exporting._LINES_TOLD", 1)
        monkeypatch.setattr(working, "TOLD_EVERY", 0)
        total = rows_to_export(organization)
        told: list[tuple[int, int]] = []
        original = working._Told.__call__

        def call(self: Any, done: int, total: int) -> None:
            told.append((done, total))
            original(self, done, total)

        monkeypatch.setattr(working._Told, "__call__", call)
        do_work()
        # Settling may have written more.
        assert told[0][0] == 0
        assert told == sorted(told)
        assert len(told) > total
        assert told[-1] == (total, total)

    def test_only_fetching_it_counts_as_downloaded_and_only_with_what_it_holds(
        self,
        order: WorkOrder,
        lived: Books,
        administrator_client: Client,
        administrator: User,
        organization: Organization,
        today: date,
    ) -> None:
        do_work()
        assert not is_exported(organization)
        with pytest.raises(NotExported):
            close_organization(organization=organization, typed_name=organization.name, actor=administrator, on=today)
        fetch(administrator_client, order)
        [noted] = Record.objects.filter(action=Action.ORGANIZATION_EXPORTED)
        assert noted.actor == administrator
        assert is_exported(organization)
        # What happens after the file was made is not in it, whenever it is fetched.
        lived.redeem(today, core=1)
        fetch(administrator_client, order)
        assert not is_exported(organization)

    def test_few_rows_are_sent_at_once(self, lived: Books, administrator_client: Client) -> None:
        answer = administrator_client.post(reverse("export_organization", args=["harbour"]))
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
        assert not WorkOrder.objects.exists()

    def test_history_says_what_was_downloaded(self, order: WorkOrder, administrator_client: Client) -> None:
        do_work()
        fetch(administrator_client, order)
        shown = administrator_client.get(reverse("history", args=["harbour"])).content.decode()
        assert "History and entries were downloaded." in shown


class TestZipsOfLicenseFiles:
    @pytest.fixture(autouse=True)
    def keys(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, books: Books) -> None:
        monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path)
        signing_keys.rotate()
        monkeypatch.setattr(license_files, "MOST_AT_ONCE", 1)

    @pytest.fixture
    def batch(self, manager_client: Client) -> str:
        """The page of an upload of three systems that was confirmed."""
        address = staged(manager_client, "harbour", *(system_file(vessel(name)) for name in ("Red", "Green", "Blue")))
        manager_client.post(address)
        return address

    def test_many_are_made_by_a_worker_with_one_step_for_each(self, batch: str, manager_client: Client) -> None:
        answer = manager_client.post(reverse("all_license_files", args=["harbour"]))
        assert (answer.status_code, answer["Location"]) == (303, reverse("work", args=["harbour"]))
        assert not LicenseFile.objects.exists()
        assert do_work() == 1
        order = WorkOrder.objects.get()
        assert (order.done, order.total) == (3, 3)
        assert sorted(fetch(manager_client, order).namelist()) == [
            "license-blue-1.json",
            "license-green-1.json",
            "license-red-1.json",
        ]
        shown = manager_client.get(reverse("work", args=["harbour"])).content.decode()
        assert "License files of all offline systems" in shown

    def test_those_of_one_upload(self, batch: str, manager_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        manager_client.post(staged(manager_client, "harbour", system_file(vessel("Other"))))
        assert manager_client.post(f"{batch}license-files.zip").status_code == 303
        assert do_work() == 1
        assert len(fetch(manager_client, WorkOrder.objects.get()).namelist()) == 3

    def test_made_again_it_gives_the_same_license_files(self, batch: str, manager_client: Client) -> None:
        contents = []
        for _time in range(2):
            manager_client.post(reverse("all_license_files", args=["harbour"]))
            do_work()
            order = WorkOrder.objects.order_by("pk").last()
            assert order is not None
            archive = fetch(manager_client, order)
            contents.append({name: archive.read(name) for name in archive.namelist()})
        assert contents[0] == contents[1]
        assert LicenseFile.objects.count() == 3

    def test_where_nothing_can_be_signed_any_more_the_order_says_so(self, batch: str, manager_client: Client) -> None:
        manager_client.post(reverse("all_license_files", args=["harbour"]))
        SigningKey.objects.all().delete()
        assert do_work() == 0
        order = WorkOrder.objects.get()
        assert order.state == WorkState.FAILED
        assert "can't be signed at the moment" in order.sentence

    def test_one_alone_is_sent_at_once(self, manager_client: Client) -> None:
        manager_client.post(staged(manager_client, "harbour", system_file(vessel("Red"))))
        assert manager_client.post(reverse("all_license_files", args=["harbour"])).status_code == 200
        assert not WorkOrder.objects.exists()


def test_a_list_that_there_is_no_more_still_has_its_row(
    organization: Organization, viewer: User, viewer_client: Client, today: date
) -> None:
    arguments = {"list": "members", "query": ""}
    order_work(organization=organization, person=viewer, kind="list_xlsx", arguments=arguments, on=today)
    assert "XLSX: Members" in viewer_client.get(reverse("work", args=["harbour"])).content.decode()
    WorkOrder.objects.update(arguments={"list": "no-such", "query": ""})
    assert "A list as XLSX" in viewer_client.get(reverse("work", args=["harbour"])).content.decode()


def test_every_kind_has_a_title_and_words_for_how_far_it_is(
    organization: Organization, administrator: User, today: date
) -> None:
    for name, kind in KINDS.items():
        order = WorkOrder(
            organization=organization, person=administrator, kind=name, arguments={"list": "systems"}, on=today
        )
        assert kind.title(order)
        assert kind.file_name(order).endswith((".zip", ".xlsx"))
        assert kind.words(3000, 20412).startswith("3,000 of 20,412 ")
        assert kind.words(0, 1) in ("0 of 1 row", "0 of 1 system")
