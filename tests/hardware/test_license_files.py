"""System files in, license files out, at the level of the services (R24, R28, R29)."""

import time
from datetime import UTC, date, datetime, timedelta

import pytest
from django.conf import settings

from hardware.catalogue import add_manufactured_unit, ensure_hardware_model
from hardware.errors import IdentityChanged, LicenseFileRefused, ReportOutOfOrder
from hardware.license_files import (
    document_of,
    granted_to,
    is_stale,
    issue_license_file,
    latest_license_file,
    verify_license_file,
)
from hardware.models import HardwareUnit, HeldReport, LicenseFile, Report
from hardware.reports import accept_report, decide_identity, preview_report
from hardware.system_files import read_system_file
from history.models import Action, Record
from licensemgr.core import signing_keys
from licensemgr.portal.simulating import SimulatedSystem
from licensemgr.portal.verifying import verify_books
from organizations.models import Organization, User
from products.models import LicenseBasis, Product, System, SystemSource
from tests.conftest import FrozenClock
from tests.factories import Books

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)


@pytest.fixture(autouse=True)
def keys(tmp_path, monkeypatch, frozen_clock: FrozenClock) -> None:
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path)
    signing_keys.rotate()


def take(organization: Organization, document: bytes, on: date = START, **options) -> Report | HeldReport:
    """Read and accept a file."""
    return accept_report(
        organization=organization,
        file=read_system_file(document),
        document=document,
        source=SystemSource.OFFLINE,
        actor=None,
        on=on,
        **options,
    )


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def issue(report: Report | HeldReport, on: date) -> LicenseFile:
    return issue_license_file(system=report.system, actor=None, on=on)


def test_the_whole_circle_of_a_subscription(
    books: Books, organization: Organization, camera_station: Product, frozen_clock: FrozenClock
) -> None:
    offline = SimulatedSystem("Vessel", "camera-station")
    report = take(organization, offline.system_file(at=at(START), counts={"core-device": 10}))
    # Registered on 1 March 2027 with a trial of 30 days: its last day is 31 March.
    file = issue(report, START)
    verified = verify_license_file(document_of(file), at(START))
    assert verified.is_in_books
    assert [(g["kind"], g["type"], g["quantity"], g["to"]) for g in verified.payload["grants"]] == [
        ("trial", "core-device", 10, "2027-03-31"),
        ("trial", "universal-device", 0, "2027-03-31"),
    ]
    books.start(START)
    assert is_stale(file, granted_to(report.system, START))
    # Grace: 1 March + 30.
    assert issue(report, START).grants[0]["to"] == "2027-03-31"
    books.redeem(START, core=30)
    books.allocate(START, {"core": 10}, {"core": 10})
    [core, _universal] = issue(report, START).grants
    # Two years allocated: until 28 February 2029, then a grace until 1 March + 30.
    assert (core["kind"], core["quantity"], core["growth"], core["from"]) == ("subscription", 10, 10, "2027-03-01")
    assert (core["to"], core["grace_to"]) == ("2029-02-28", "2029-03-31")
    # Growth of 4 devices: 6 are left of the allowance of 10.
    grown = take(organization, offline.system_file(at=at(START), counts={"core-device": 14}))
    [core, _universal] = issue(grown, START).grants
    assert (core["quantity"], core["growth"], core["to"]) == (14, 6, "2028-02-29")
    verified_books = verify_books()
    assert verified_books.differences == []


def test_nothing_is_granted_once_grace_is_over(
    books: Books, organization: Organization, frozen_clock: FrozenClock
) -> None:
    offline = SimulatedSystem("Vessel", "audio-manager")
    report = take(organization, offline.system_file(at=at(START), counts={"audio-device": 3}))
    with pytest.raises(LicenseFileRefused, match="Start your subscription"):
        issue(report, START)
    books.start(START, product="audio-manager")
    assert issue(report, date(2027, 3, 31)).grants[0]["to"] == "2027-03-31"
    with pytest.raises(LicenseFileRefused, match="March 31, 2027"):
        issue(report, date(2027, 4, 1))


def test_a_right_proof_registers_the_unit_and_its_licenses_have_no_end(
    organization: Organization, camera_station: Product
) -> None:
    model = ensure_hardware_model(camera_station, {"core-device": 8})
    add_manufactured_unit(serial="AB-1", hardware_model=model, oak="oak-1")
    offline = SimulatedSystem("On a unit", "camera-station", serial="AB-1", oak="wrong")
    report = take(organization, offline.system_file(at=at(START), counts={"core-device": 5}))
    assert not HardwareUnit.objects.exists()
    assert System.objects.get().license_basis == LicenseBasis.SUBSCRIPTION
    offline.oak = "oak-1"
    report = take(organization, offline.system_file(at=at(START), counts={"core-device": 5}))
    assert HardwareUnit.objects.get().serial == "AB-1"
    assert System.objects.get().license_basis == LicenseBasis.HARDWARE
    [grant] = issue(report, START).grants
    assert (grant["kind"], grant["quantity"], grant["to"], grant["serial"]) == ("hardware", 8, None, "AB-1")
    report = take(organization, offline.system_file(at=at(START), counts={"core-device": 9}))
    with pytest.raises(LicenseFileRefused, match="lacks expansion licenses"):
        issue(report, START)
    assert verify_books().differences == []


def test_order_repetition_and_restoring(
    organization: Organization, camera_station: Product, administrator: User
) -> None:
    offline = SimulatedSystem("Vessel", "camera-station")
    first = offline.system_file(at=at(START), counts={"core-device": 1})
    second = offline.system_file(at=at(START), counts={"core-device": 2})
    take(organization, second)
    with pytest.raises(ReportOutOfOrder):
        take(organization, first)
    with pytest.raises(ReportOutOfOrder):
        take(organization, offline.system_file(at=at(START), counts={"core-device": 5}, sequence=2))
    again = take(organization, second)
    assert Report.objects.count() == 1
    assert again.pk == Report.objects.get().pk
    restored = take(organization, first, as_restored=True)
    assert isinstance(restored, Report)
    assert restored.is_restored
    third = offline.system_file(at=at(START), counts={"core-device": 3}, sequence=2)
    accepted = take(organization, third)
    assert isinstance(accepted, Report)
    assert not accepted.is_restored


def test_another_key_is_held_until_an_administrator_decides(
    organization: Organization, camera_station: Product, administrator: User
) -> None:
    offline = SimulatedSystem("Vessel", "camera-station")
    take(organization, offline.system_file(at=at(START), counts={"core-device": 1}))
    copy = SimulatedSystem("Vessel", "camera-station", system_id=offline.system_id)
    document = copy.system_file(at=at(START), counts={"core-device": 7})
    preview = preview_report(organization, read_system_file(document))
    assert isinstance(preview.refused, IdentityChanged)
    held = take(organization, document)
    assert isinstance(held, HeldReport)
    assert Report.objects.count() == 1
    decide_identity(held=held, accept=True, actor=administrator, on=START)
    assert Report.objects.count() == 2
    assert isinstance(take(organization, offline.system_file(at=at(START), counts={"core-device": 1})), HeldReport)


def test_what_an_administrator_decided_first_counts(
    organization: Organization, camera_station: Product, administrator: User
) -> None:
    offline = SimulatedSystem("Vessel", "camera-station")
    take(organization, offline.system_file(at=at(START), counts={"core-device": 1}))
    copy = SimulatedSystem("Vessel", "camera-station", system_id=offline.system_id)
    held = take(organization, copy.system_file(at=at(START), counts={"core-device": 7}))
    assert isinstance(held, HeldReport)
    for accept in (False, True, False):
        decided = decide_identity(held=held, accept=accept, actor=administrator, on=START)
        assert decided.decision == HeldReport.Decision.REFUSED
    assert Record.objects.filter(action__in=(Action.IDENTITY_ACCEPTED, Action.IDENTITY_REFUSED)).count() == 1
    assert Report.objects.count() == 1


def test_former_files_stay_verifiable_after_a_rotation(organization: Organization, camera_station: Product) -> None:
    offline = SimulatedSystem("Vessel", "camera-station")
    report = take(organization, offline.system_file(at=at(START), counts={"core-device": 1}))
    file = issue(report, START)
    announced = verify_license_file(document_of(file), at(START)).payload["next_keys"]
    signing_keys.rotate()
    newer = issue(report, START)
    assert newer.sequence == 2
    assert [newer.kid] == [key["kid"] for key in announced]
    assert verify_license_file(document_of(file), at(START)).is_superseded
    assert verify_license_file(document_of(newer), at(START) + timedelta(days=401)).is_expired
    assert latest_license_file(report.system) == newer


@pytest.mark.slow
def test_a_hundred_thousand_devices_are_read_checked_compared_and_stored(
    organization: Organization, camera_station: Product
) -> None:
    offline = SimulatedSystem("Large", "camera-station")
    devices = [(f"device-{number}", "M1065", "core-device") for number in range(100_000)]
    first = offline.system_file(at=at(START), devices=devices)
    second = offline.system_file(at=at(START), devices=[*devices[1:], ("new", "M1065", "core-device")])
    begun = time.monotonic()
    take(organization, first)
    preview = preview_report(organization, read_system_file(second))
    take(organization, second)
    print("seconds for two files:", time.monotonic() - begun, len(first))
    assert (preview.added, preview.removed) == (("new",), ("device-0",))
