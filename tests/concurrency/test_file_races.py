"""Races of system files: two for one system, one system in two organizations, upload against removal (R5, R18, R28)."""

from typing import Any

import pytest

from hardware import reports
from hardware.errors import ReportOutOfOrder
from hardware.license_files import issue_license_file
from hardware.models import LicenseFile, Report
from hardware.reports import accept_report
from hardware.services import remove_system
from hardware.system_files import read_system_file
from licensemgr.core import signing_keys
from licensemgr.portal.simulating import SimulatedSystem
from licensemgr.portal.verifying import verify_books
from organizations.models import Organization
from products.errors import SystemGone, SystemIdTaken
from products.models import System, SystemSource
from tests.concurrency.racing import Gate, at_once, take_the_locks_out
from tests.factories import Books, OrganizationFactory
from tests.hardware.offline import DAY, system_file, vessel

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def keys(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.ISSUE_LOG_DIR = tmp_path
    signing_keys.rotate()


def taking(organization: Organization, document: bytes) -> Any:
    """A change that accepts a file."""
    return lambda: accept_report(
        organization=organization,
        file=read_system_file(document),
        document=document,
        source=SystemSource.OFFLINE,
        actor=None,
        on=DAY,
    )


def successes(results: list[Any]) -> list[Any]:
    return [result for result in results if not isinstance(result, Exception)]


@pytest.fixture
def known(books: Books, organization: Organization) -> SimulatedSystem:
    """A system whose first file, of sequence 1, was accepted."""
    system = vessel()
    taking(organization, system_file(system))()
    return system


def test_without_the_lock_two_files_of_one_sequence_both_pass_the_check(
    organization: Organization, known: SimulatedSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [system_file(known, core=number, sequence=2) for number in (4, 5)]
    take_the_locks_out(monkeypatch)
    checked = Gate(monkeypatch, reports, "_accept", waits_for=2)
    at_once([taking(organization, document) for document in files])
    assert checked.passed == 2


def test_of_two_files_of_one_sequence_one_wins(
    organization: Organization, known: SimulatedSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [system_file(known, core=number, sequence=2) for number in (4, 5, 6, 7)]
    checked = Gate(monkeypatch, reports, "_accept")
    results = at_once([taking(organization, document) for document in files * 2])
    # The winner's own file, sent twice, counts once.
    assert len(successes(results)) == 2
    assert checked.passed == 1
    assert sum(isinstance(result, ReportOutOfOrder) for result in results) == 6
    assert list(Report.objects.order_by("pk").values_list("sequence", flat=True)) == [1, 2]
    assert verify_books().differences == []


def test_a_new_system_in_two_organizations_is_one_organizations(books: Books, organization: Organization) -> None:
    document = system_file(vessel())
    results = at_once([taking(OrganizationFactory.create(), document) for _n in range(4)])
    assert len(successes(results)) == 1
    assert sum(isinstance(result, SystemIdTaken) for result in results) == 3
    assert System.objects.count() == 1


def test_an_upload_against_a_removal_leaves_a_system_or_none(
    organization: Organization, known: SimulatedSystem
) -> None:
    system = System.objects.get()
    document = system_file(known, core=9)
    remove: Any = lambda: remove_system(system=system, actor=None, on=DAY)  # noqa: E731 - a change of the race
    results = at_once([taking(organization, document), remove])
    assert all(not isinstance(result, Exception) or isinstance(result, SystemGone) for result in results)
    # First the upload, then the removal: none is left. The other way round the file registers the system anew.
    assert System.objects.filter(removed_on=None).count() == (Report.objects.latest("pk").system_id != system.pk)
    assert verify_books().differences == []


def test_a_license_file_that_is_asked_for_by_many_is_given_once(known: SimulatedSystem) -> None:
    system = System.objects.select_related("organization").get()
    results = at_once([lambda: issue_license_file(system=system, actor=None, on=DAY)] * 6)
    assert {result.pk for result in results} == {LicenseFile.objects.get().pk}
