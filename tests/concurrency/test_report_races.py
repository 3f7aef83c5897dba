"""Races of calls: reports of one system at once, one report many times at once, many systems with one code (R18, R28)."""

from typing import Any

import pytest
from django.conf import settings

from hardware import reports
from hardware.calling import report_online
from hardware.errors import NotRegistered, ReportOutOfOrder
from hardware.models import LicenseFile, RegistrationCode, Report, SystemIdentity
from history.models import Action, Record
from licensemgr.core import signing_keys
from licensemgr.core.errors import TooManyCalls
from licensemgr.portal.simulating import SimulatedSystem
from licensemgr.portal.verifying import verify_books
from organizations.models import Organization, User
from products.models import DeviceCount, System
from tests.api.calls import code_for
from tests.concurrency.racing import Gate, at_once, take_the_locks_out
from tests.factories import Books
from tests.hardware.offline import system_file, vessel

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def keys(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path)
    signing_keys.rotate()


def calling(document: bytes, code: str = "") -> Any:
    """A system's call."""
    return lambda: report_online(document=document, code=code, address="192.0.2.1")


@pytest.fixture
def known(books: Books, organization: Organization, administrator: User) -> SimulatedSystem:
    """A system that joined by its report of sequence 1."""
    system = vessel()
    calling(system_file(system), code_for(organization, administrator))()
    return system


def counted() -> int:
    return DeviceCount.objects.get(until_on=None, license_type__code="core-device").quantity


def test_sixteen_reports_of_one_system_are_accepted_in_their_order(known: SimulatedSystem) -> None:
    """Half of them change the number of devices, half say what the one before said."""
    documents = [system_file(known, core=3 + number // 2, sequence=number + 2) for number in range(16)]
    results = at_once([calling(document) for document in documents])
    assert all(not isinstance(result, Exception) or isinstance(result, ReportOutOfOrder) for result in results)
    accepted = list(Report.objects.order_by("pk").values_list("sequence", flat=True))
    assert accepted == sorted(set(accepted))
    # The highest is refused by none, so it is there, and what it says is what counts.
    assert accepted[-1] == 17
    assert counted() == 10
    refused = [number + 2 for number, result in enumerate(results) if isinstance(result, ReportOutOfOrder)]
    assert sorted([1, *refused]) == sorted({1, *range(2, 18)} - set(accepted[1:]))
    assert not verify_books().differences


def test_without_the_lock_an_older_report_is_accepted_after_a_newer_one(
    known: SimulatedSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [system_file(known, sequence=number) for number in (2, 3)]
    # Both say nothing new: that way has no further lock, either.
    take_the_locks_out(monkeypatch)
    checked = Gate(monkeypatch, reports, "_tells_nothing_new", waits_for=2)
    at_once([calling(document) for document in documents])
    assert checked.passed == 2


def test_one_report_sent_sixteen_times_at_once_counts_once(known: SimulatedSystem) -> None:
    for core in (3, 8):  # nothing new, and something new
        document = system_file(known, core=core)
        results = at_once([calling(document)] * 16)
        assert not [result for result in results if isinstance(result, Exception)]
        assert len({result.license_file for result in results}) == 1
        assert counted() == core
    assert Report.objects.count() == 3
    assert LicenseFile.objects.count() == 2
    # What comes after one was taken is a report that was sent before, which is no call of the system's own.
    assert 3 <= SystemIdentity.objects.get().calls <= 33
    assert Record.objects.filter(action=Action.SYSTEM_REPORTED).count() == 1


def test_a_first_report_sent_eight_times_at_once_joins_once(
    books: Books, organization: Organization, administrator: User
) -> None:
    code = code_for(organization, administrator, uses=8)
    results = at_once([calling(system_file(vessel()), code)] * 8)
    assert len({result.license_file for result in results}) == 1
    assert (System.objects.count(), Report.objects.count(), RegistrationCode.objects.get().used) == (1, 1, 1)
    assert Record.objects.filter(action=Action.SYSTEM_JOINED).count() == 1


def test_eight_systems_with_a_code_for_three(books: Books, organization: Organization, administrator: User) -> None:
    code = code_for(organization, administrator, uses=3)
    results = at_once([calling(system_file(vessel()), code) for _number in range(8)])
    assert sum(isinstance(result, NotRegistered) for result in results) == 5
    assert (System.objects.count(), RegistrationCode.objects.get().used) == (3, 3)
    assert not verify_books().differences
    assert Record.objects.filter(action=Action.SYSTEM_JOINED).count() == 3


def test_calls_at_once_are_counted_one_by_one(known: SimulatedSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of sixteen calls at once as many are answered as are still free in the hour; the one that joined counts, too."""
    monkeypatch.setattr(settings, "API_CALLS_PER_HOUR", 6)
    results = at_once([calling(system_file(known)) for _number in range(16)])
    assert sum(not isinstance(result, TooManyCalls) for result in results) == 5
    assert SystemIdentity.objects.get().calls == 6
