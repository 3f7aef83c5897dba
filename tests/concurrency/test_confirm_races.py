"""Uploaded system files, each accepted in a transaction of its own: killed on the way, twice at once, roles that end (R28, R31)."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client

from hardware import checking, staging
from hardware.models import Report, StagedFile
from hardware.reports import accept_report
from hardware.services import remove_system
from history.models import Action, Record
from licensemgr.core import signing_keys
from licensemgr.portal.verifying import verify_books
from organizations import services
from organizations.books import changing
from organizations.models import Membership, Organization, Role, User
from organizations.services import change_role, remove_member
from products.errors import SystemGone
from products.models import System
from tests.concurrency.killed_confirm import GONE
from tests.concurrency.racing import Gate, at_once, take_the_locks_out
from tests.factories import Books
from tests.hardware.offline import DAY, send, staged, system_file, vessel
from tests.hardware.unit_data import database_url

pytestmark = pytest.mark.django_db(transaction=True)
SLUG = "harbour"


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, books: Books) -> None:
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path)
    signing_keys.rotate()


@pytest.fixture
def files() -> list[bytes]:
    """Files of three new systems."""
    return [system_file(vessel(name)) for name in ("Red", "Green", "Blue")]


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def browser_of(client: Client) -> Client:
    """Another window of the same browser."""
    other = Client()
    other.cookies[settings.SESSION_COOKIE_NAME] = client.cookies[settings.SESSION_COOKIE_NAME].value
    return other


def accepted() -> list[str]:
    """The names of the systems of which a report was accepted."""
    return list(Report.objects.order_by("pk").values_list("system__name", flat=True))


def second_time(monkeypatch: pytest.MonkeyPatch, module: object, name: str, act: Callable[[], object]) -> None:
    """Let ``act`` happen before the function is called for the second time."""
    original = getattr(module, name)
    calls: list[None] = []

    def call(*args: Any, **kwargs: Any) -> Any:
        calls.append(None)
        if len(calls) == 2:
            act()
        return original(*args, **kwargs)

    monkeypatch.setattr(module, name, call)


@pytest.mark.slow
@pytest.mark.parametrize("point", ["between", "within"])
def test_a_killed_process_leaves_what_it_took_and_the_rest_to_be_confirmed(
    manager_client: Client, organization: Organization, files: list[bytes], point: str
) -> None:
    address = staged(manager_client, SLUG, *files)
    session = manager_client.cookies[settings.SESSION_COOKIE_NAME].value
    killed = subprocess.run(
        [sys.executable, "-m", "tests.concurrency.killed_confirm", point, address, session],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": database_url()},
        check=False,
    )
    assert killed.returncode == GONE
    assert accepted() == ["Red"]
    assert [staged_file.is_taken for staged_file in StagedFile.objects.order_by("number")] == [True, False, False]
    assert Record.objects.filter(action=Action.SYSTEM_ADDED).count() == System.objects.count() == 1
    assert verify_books().differences == []
    after = text(manager_client.get(f"{address}done/"))
    for words in ("1 system is up to date", "2 of these files were not taken yet and wait to be confirmed"):
        assert words in after
    assert text(manager_client.get(address)).count("Confirmed before") == 1
    after = text(manager_client.get(manager_client.post(address)["Location"]))
    assert "3 systems are up to date" in after
    assert "wait to be confirmed" not in after
    assert accepted() == ["Red", "Green", "Blue"]
    assert verify_books().differences == []


class TestConfirmedTwiceAtOnce:
    def test_without_the_locks_both_find_it_waiting(
        self, manager_client: Client, organization: Organization, files: list[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        address = staged(manager_client, SLUG, files[0])
        windows = [browser_of(manager_client) for _n in range(2)]
        take_the_locks_out(monkeypatch)
        found = Gate(monkeypatch, staging, "accept_report", waits_for=2)
        at_once([partial(window.post, address) for window in windows])
        assert found.passed == 2

    def test_each_file_is_accepted_once(
        self, manager_client: Client, organization: Organization, files: list[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        address = staged(manager_client, SLUG, *files)
        windows = [browser_of(manager_client) for _n in range(4)]
        found = Gate(monkeypatch, staging, "accept_report")
        answers = at_once([partial(window.post, address) for window in windows])
        assert [answer["Location"] for answer in answers] == [f"{address}done/"] * 4
        assert found.passed == 3
        assert accepted() == ["Red", "Green", "Blue"]
        assert Record.objects.filter(action=Action.SYSTEM_ADDED).count() == 3
        assert "3 systems are up to date" in text(manager_client.get(f"{address}done/"))
        assert verify_books().differences == []


def test_of_two_uploads_of_one_system_one_is_accepted_and_the_other_says_why_not(
    manager_client: Client, administrator_client: Client, organization: Organization
) -> None:
    system = vessel()
    manager_client.post(staged(manager_client, SLUG, system_file(system)))
    addresses = {
        client: staged(client, SLUG, system_file(system, core=core, sequence=2))
        for client, core in ((manager_client, 4), (administrator_client, 5))
    }
    at_once([partial(client.post, address) for client, address in addresses.items()])
    assert list(Report.objects.order_by("pk").values_list("sequence", flat=True)) == [1, 2]
    pages = [text(client.get(f"{address}done/")) for client, address in addresses.items()]
    assert sum("one with 2 was accepted already" in page for page in pages) == 1
    assert sum("1 system is up to date" in page for page in pages) == 1
    assert verify_books().differences == []


def test_an_upload_against_a_removal_leaves_a_system_or_none(
    manager_client: Client, organization: Organization, files: list[bytes]
) -> None:
    system_of_file = vessel()
    manager_client.post(staged(manager_client, SLUG, system_file(system_of_file)))
    system = System.objects.get()
    address = staged(manager_client, SLUG, files[0], system_file(system_of_file, core=9), files[1])
    results = at_once([lambda: manager_client.post(address), lambda: remove_system(system=system, actor=None, on=DAY)])
    assert not isinstance(results[1], Exception) or isinstance(results[1], SystemGone)
    assert accepted() == ["Vessel", "Red", "Vessel", "Green"]
    # First the file, then the removal: none is left. The other way round the file registers the system anew.
    came_after = Report.objects.filter(system__name="Vessel").latest("pk").system_id != system.pk
    assert System.objects.filter(name="Vessel", removed_on=None).count() == came_after
    # Taken is taken: on the way back, Confirm does not bring the system in again.
    manager_client.post(address)
    assert System.objects.filter(name="Vessel", removed_on=None).count() == came_after
    assert verify_books().differences == []


class TestARoleThatEnds:
    """Each of the transactions is let in by itself."""

    @pytest.mark.parametrize(("ends", "status"), [("removed", 404), ("viewer", 403)])
    def test_between_two_files_the_rest_is_not_taken(
        self,
        manager_client: Client,
        organization: Organization,
        manager: User,
        files: list[bytes],
        monkeypatch: pytest.MonkeyPatch,
        ends: str,
        status: int,
    ) -> None:
        address = staged(manager_client, SLUG, *files)
        second_time(monkeypatch, staging, "_read", lambda: self._end(manager, ends))
        assert manager_client.post(address).status_code == status
        assert accepted() == ["Red"]
        assert [staged_file.is_taken for staged_file in StagedFile.objects.order_by("number")] == [True, False, False]
        assert manager_client.get(f"{address}done/").status_code == status
        assert verify_books().differences == []

    @pytest.mark.parametrize(("ends", "status"), [("removed", 404), ("viewer", 403)])
    def test_while_an_upload_is_checked_nothing_is_kept_of_it(
        self,
        manager_client: Client,
        organization: Organization,
        manager: User,
        files: list[bytes],
        monkeypatch: pytest.MonkeyPatch,
        ends: str,
        status: int,
    ) -> None:
        second_time(monkeypatch, checking, "read_system_file", lambda: self._end(manager, ends))
        assert send(manager_client, SLUG, *files).status_code == status
        assert not StagedFile.objects.exists()

    def test_an_administrator_who_becomes_a_manager_accepts_no_further_backup(
        self,
        administrator_client: Client,
        organization: Organization,
        administrator: User,
        manager: User,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        systems = [vessel("Red"), vessel("Green")]
        older = [system_file(system, core=1) for system in systems]
        administrator_client.post(
            staged(administrator_client, SLUG, *(system_file(system, core=2) for system in systems))
        )
        address = staged(administrator_client, SLUG, *older)
        Membership.objects.filter(user=manager).update(role=Role.ADMINISTRATOR)
        second_time(monkeypatch, staging, "_read", lambda: self._end(administrator, "manager"))
        after = administrator_client.get(administrator_client.post(address, {"restored": ["1", "2"]})["Location"])
        assert list(Report.objects.filter(is_restored=True).values_list("system__name", flat=True)) == ["Red"]
        assert "one with 2 was accepted already" in text(after)

    def _end(self, user: User, ends: str) -> None:
        membership = Membership.objects.select_related("organization").get(user=user)
        if ends == "removed":
            remove_member(membership=membership, actor=None, on=DAY)
        else:
            change_role(membership=membership, role=Role(ends), actor=None, on=DAY)

    def test_without_the_locks_it_ends_while_a_file_is_taken(
        self,
        manager_client: Client,
        organization: Organization,
        manager: User,
        files: list[bytes],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        address = staged(manager_client, SLUG, files[0])
        take_the_locks_out(monkeypatch)
        taken = Gate(monkeypatch, staging, "accept_report", waits_for=2)
        ended = Gate(monkeypatch, services, "_end_membership", meets=taken)
        at_once([lambda: manager_client.post(address), lambda: self._end(manager, "removed")])
        assert (taken.passed, ended.passed) == (1, 1)

    def test_once_the_role_was_read_none_changes_before_the_file_is_taken(
        self, manager_client: Client, organization: Organization, files: list[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def change_without_waiting() -> None:
            with connection.cursor() as cursor:
                cursor.execute(
                    "PRAGMA busy_timeout = 0" if connection.vendor == "sqlite" else "SET lock_timeout = '1ms'"
                )
            with changing(organization, DAY):
                pass

        def take(**arguments: Any) -> Any:
            tries.extend(at_once([change_without_waiting]))
            return accept_report(**arguments)

        tries: list[Any] = []
        address = staged(manager_client, SLUG, files[0])
        monkeypatch.setattr(staging, "accept_report", take)
        manager_client.post(address)
        [stopped] = tries
        assert isinstance(stopped, OperationalError)
        assert accepted() == ["Red"]

    def test_whatever_a_person_takes_comes_before_the_end_on_history(
        self, manager_client: Client, organization: Organization, manager: User, files: list[bytes]
    ) -> None:
        address = staged(manager_client, SLUG, *files, *(system_file(vessel(f"More {n}")) for n in range(5)))
        answer, _none = at_once([lambda: manager_client.post(address), lambda: self._end(manager, "removed")])
        assert answer.status_code in (303, 404)
        [end] = Record.objects.filter(action=Action.MEMBER_REMOVED)
        acts = Record.objects.filter(actor=manager)
        assert not acts.filter(pk__gt=end.pk).exists()
        assert Report.objects.count() == System.objects.count() == acts.filter(action=Action.SYSTEM_ADDED).count()
        assert StagedFile.objects.filter(confirmed_at=None).count() == 8 - Report.objects.count()
        assert verify_books().differences == []


class TestNobodyWaitsForWhatIsChecked:
    """While files are read, others change the books: no transaction is open that writes."""

    @pytest.fixture
    def changes(self, organization: Organization) -> Callable[[], None]:
        """Somebody else's change, that is to be through before this returns."""

        def change() -> None:
            with changing(organization, DAY):
                pass

        def changes() -> None:
            assert at_once([change]) == [None]

        return changes

    def test_while_an_upload_is_checked(
        self,
        manager_client: Client,
        organization: Organization,
        files: list[bytes],
        changes: Callable[[], None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        second_time(monkeypatch, checking, "read_system_file", changes)
        staged(manager_client, SLUG, *files)
        assert StagedFile.objects.count() == 3

    def test_while_confirmed_files_are_read(
        self,
        manager_client: Client,
        organization: Organization,
        files: list[bytes],
        changes: Callable[[], None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        address = staged(manager_client, SLUG, *files)
        second_time(monkeypatch, staging, "read_system_file", changes)
        assert manager_client.post(address).status_code == 303
        assert accepted() == ["Red", "Green", "Blue"]
