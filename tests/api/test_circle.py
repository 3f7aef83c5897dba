"""The whole circle of a system that is online, over three years; replayed, reordered, delayed reports; other tenants (R28, R29)."""

import os
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from hardware.models import LicenseFile, RegistrationCode, Report, SystemIdentity
from history.models import Action, Record
from licensemgr.core import clock, signing_keys
from licensemgr.core.models import SigningKey
from licensemgr.portal.simulating import published_verifier
from licensemgr.portal.verifying import verify_books
from organizations.models import Organization, User
from products.models import DeviceCount, DeviceList, System, SystemSource
from tests.api.calls import code_for, get_license, post_report
from tests.api.test_reports import refused
from tests.conftest import FrozenClock
from tests.factories import Books, dump_books
from tests.hardware.offline import staged, system_file, vessel, zip_of

pytestmark = pytest.mark.django_db
DAY = date(2027, 3, 1)


def confirm(client: Client, organization: Organization, document: bytes) -> None:
    """Upload a file by hand and confirm it."""
    address = staged(client, organization.slug, document)
    assert client.post(address).status_code == 303


class InTheField:
    """A system in the field: it reports by calls, and believes a license file only where the published verifier does."""

    def __init__(self, frozen_clock: FrozenClock) -> None:
        self.clock = frozen_clock
        self.system = vessel()
        self.system.trust(signing_keys.public_keys())

    def reports(self, on: date, code: str = "", **devices: int) -> Any:
        """The answer to its report of that day."""
        self.clock.move_to(on)
        counts = {f"{name}-device": quantity for name, quantity in devices.items()}
        return post_report(self.system.system_file(at=self.clock.instant, counts=counts), code)

    def licensed(self, on: date, code: str = "", **devices: int) -> tuple[str, Mapping[str, Any]]:
        """Status of the license file that answers its report, and what it grants that day, per type."""
        answer = self.reports(on, code, **devices)
        assert answer.status_code == 200, answer.content
        assert answer["Content-Type"] == "application/jose+json", answer.content
        payload = self.system.take_license_file(answer.content, at=self.clock.instant)
        assert payload["need"]["core-device"] == devices["core"]
        return payload["status"], published_verifier().licensed(payload, self.clock.instant)

    def standing(self, on: date, **devices: int) -> tuple[str, str]:
        """Status and sentence where there is no license file."""
        answer = self.reports(on, "", **devices)
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json"), answer.content
        return answer.json()["status"], answer.json()["sentence"]


@pytest.fixture
def field(frozen_clock: FrozenClock) -> InTheField:
    return InTheField(frozen_clock)


def test_the_circle_over_three_years(
    books: Books, organization: Organization, administrator: User, field: InTheField
) -> None:
    code = code_for(organization, administrator)
    until = "2027-03-31"
    assert field.licensed(DAY, code, core=10) == ("trial", {
        "core-device": ("trial", 10, 0, until, False), "universal-device": ("trial", 0, 0, until, False),
    })  # fmt: skip
    # The trial's last day, and the day after.
    assert field.licensed(date(2027, 3, 31), core=10)[0] == "trial"
    assert field.standing(date(2027, 4, 1), core=10) == (
        "trial_ended",
        "The trial ended on March 31, 2027, and there is no subscription. Start it in the Product overview.",
    )  # fmt: skip
    books.redeem(date(2027, 4, 1), core=40)
    books.start(date(2027, 4, 1))
    status, granted = field.licensed(date(2027, 4, 1), core=10)
    assert (status, granted["core-device"]) == ("started", ("subscription", 10, 0, "2027-05-01", False))
    books.allocate(date(2027, 4, 10), {"core": 10}, {"core": 10})
    status, granted = field.licensed(date(2027, 4, 10), core=10)
    assert (status, granted["core-device"]) == ("licensed", ("subscription", 10, 10, "2029-03-31", False))
    # Growth: within the allowance, then beyond it.
    status, granted = field.licensed(date(2027, 9, 1), core=15)
    assert (status, granted["core-device"]) == ("licensed", ("subscription", 15, 5, "2028-03-31", False))
    status, granted = field.licensed(date(2027, 9, 2), core=25)
    assert (status, granted["core-device"]) == ("growth_exceeded", ("subscription", 25, 0, "2028-03-31", False))
    assert field.licensed(date(2027, 9, 3), core=12)[0] == "licensed"
    # The renewal: what was allocated ahead is two too few.
    status, granted = field.licensed(date(2028, 4, 1), core=12)
    assert (status, granted["core-device"]) == ("renewal_grace", ("subscription", 12, 0, "2028-05-01", False))
    books.allocate(date(2028, 4, 20), {"core": 2})
    status, granted = field.licensed(date(2028, 4, 20), core=12)
    assert (status, granted["core-device"]) == ("licensed", ("subscription", 12, 12, "2029-03-31", False))
    kept = field.system.license_file
    # The third year begins and nothing is allocated: grace, then no license file.
    status, granted = field.licensed(date(2029, 5, 1), core=12)
    assert (status, granted["core-device"]) == ("renewal_grace", ("subscription", 12, 0, "2029-05-01", False))
    assert field.system.license_file != kept
    status, sentence = field.standing(date(2029, 5, 2), core=12)
    assert status == "unlicensed"
    assert "grace period ended on" in sentence and "Allocate them in Product licensing." in sentence
    assert field.standing(date(2030, 2, 28), core=12)[0] == "unlicensed"
    assert Report.objects.count() == 13
    assert not verify_books().differences


def test_an_hourly_report_with_nothing_new_changes_and_costs_nothing(
    books: Books, organization: Organization, administrator: User, field: InTheField, frozen_clock: FrozenClock
) -> None:
    """It writes its own row, leaves History and the books alone, and gets the same license file."""
    assert field.reports(DAY, code_for(organization, administrator), core=10).status_code == 200
    books.redeem(DAY, core=20)
    books.start(DAY)
    books.allocate(DAY, {"core": 10}, {"core": 10})
    first = field.reports(DAY, core=10).content
    before = dump_books(organization)
    for hour in range(1, 4):
        frozen_clock.instant += timedelta(hours=hour)
        with CaptureQueriesContext(connection) as queries:
            answer = post_report(field.system.system_file(at=frozen_clock.instant, counts={"core-device": 10}))
        assert answer.content == first
    print(f"an unchanged report: {len(queries)} queries")
    assert len(queries) <= 40
    assert dump_books(organization) == before
    assert (Report.objects.count(), LicenseFile.objects.count()) == (5, 2)
    assert SystemIdentity.objects.get().heard_at == frozen_clock.instant
    # On another day, too, it is written down until when it holds; and it settles what became true (R3).
    assert field.reports(date(2028, 3, 1), core=10).content != first
    assert System.objects.get().last_reported_on == date(2028, 3, 1)
    organization.refresh_from_db()
    assert organization.settled_through == date(2028, 3, 1)
    assert Record.objects.filter(action=Action.YEAR_FULLY_LICENSED).count() == 2


@pytest.mark.parametrize(
    "change",
    [
        {"counts": {"core-device": 4}},
        {"counts": {"core-device": 3, "universal-device": 1}},
        {"counts": {}},
        {"devices": [("a", "M", "core-device"), ("b", "M", "core-device"), ("d", "M", "core-device")]},
        {"devices": [("a", "M", "core-device"), ("b", "M", "core-device"), ("c", "N", "core-device")]},
    ],
)
def test_everything_that_is_new_is_taken(
    books: Books, organization: Organization, administrator: User, frozen_clock: FrozenClock, change: dict[str, Any]
) -> None:
    """After a report with a list of devices: other numbers, no list any more, another device, another model."""
    system = vessel()
    listed = [("a", "M", "core-device"), ("b", "M", "core-device"), ("c", "M", "core-device")]
    code = code_for(organization, administrator)
    for _time in range(2):
        post_report(system.system_file(at=frozen_clock.instant, devices=listed), code)
    packed = bytes(DeviceList.objects.get().packed)
    assert post_report(system.system_file(at=frozen_clock.instant, **change)).status_code == 200
    now = DeviceList.objects.first()
    assert now is None if "counts" in change else bytes(now.packed) != packed  # type: ignore[union-attr]
    counts = dict(DeviceCount.objects.filter(until_on=None).values_list("license_type__code", "quantity"))
    wanted = {"core-device": 3} if "devices" in change else change["counts"]
    assert {name: quantity for name, quantity in counts.items() if quantity} == wanted


def test_the_other_things_that_a_report_says_are_taken(
    books: Books, organization: Organization, administrator: User, frozen_clock: FrozenClock
) -> None:
    system = vessel()
    post_report(system_file(system), code_for(organization, administrator))
    # One after the other: each alone is something new.
    for name, value in (("name", "Ferry"), ("version", "2.0"), ("serial", "AB-7")):
        setattr(system, name, value)
        assert post_report(system_file(system)).status_code == 200
    known = System.objects.get()
    assert (known.name, known.software_version) == ("Ferry", "2.0")
    assert known.placements.get(until_on=None).serial == "AB-7"
    system.serial = ""
    assert post_report(system_file(system)).status_code == 200
    assert not known.placements.filter(until_on=None).exists()


def test_replayed_reordered_and_delayed(
    books: Books, organization: Organization, administrator: User, frozen_clock: FrozenClock
) -> None:
    system = vessel()
    first = system_file(system, core=3)
    post_report(first, code_for(organization, administrator))
    # Written long ago by a clock that stood still, and first to arrive now: its number is what counts.
    delayed = system.system_file(at=frozen_clock.instant - timedelta(days=90), counts={"core-device": 5})
    older = system_file(system, core=8, sequence=2)
    newer = system_file(system, core=7, sequence=9)
    assert post_report(delayed).status_code == 200
    answer = post_report(newer)
    assert answer.status_code == 200
    before, heard = dump_books(organization), SystemIdentity.objects.get().heard_at
    frozen_clock.instant += timedelta(minutes=10)
    assert "sequence number 2, and one with 9 was accepted already. Nothing was changed." in refused(
        post_report(older), 409, "older-sequence"
    )
    # What was sent before gets the license file of now, counts once, and is no sign of life.
    assert {post_report(document).content for document in (first, delayed, newer) * 2} == {answer.content}
    assert Report.objects.count() == 3
    assert dump_books(organization) == before
    # The system made four calls; what is sent again is counted elsewhere.
    assert SystemIdentity.objects.get().calls == 4
    assert heard is not None
    SystemIdentity.objects.update(heard_at=heard)
    post_report(newer)
    assert SystemIdentity.objects.get().heard_at == heard


def test_upload_and_call_are_one_way(
    books: Books,
    organization: Organization,
    other_organization: Organization,
    administrator: User,
    outsider: User,
    outsider_client: Client,
) -> None:
    """The same content by upload and by call leaves the same rows but for what tells the two apart."""

    def rows(of: Organization) -> Any:
        return (
            list(Report.objects.filter(organization=of).order_by("pk").values_list("sequence", "accepted_on", "is_restored")),
            list(System.objects.filter(organization=of).values_list("name", "software_version", "last_reported_on")),
            list(
                DeviceCount.objects.filter(organization=of)
                .order_by("pk")
                .values_list("license_type__code", "quantity", "license_basis", "from_on", "until_on")
            ),
            list(DeviceList.objects.filter(organization=of).values_list("total", "reported_on")),
            [
                (action, {k: v for k, v in payload.items() if k != "system_id"})
                for action, payload in Record.objects.filter(
                    organization=of, action__in=(Action.SYSTEM_ADDED, Action.SYSTEM_REPORTED, Action.PRODUCT_REGISTERED)
                )
                .order_by("pk")
                .values_list("action", "payload")
            ],
        )  # fmt: skip

    online, offline = vessel(), vessel()
    code = code_for(organization, administrator)
    for core in (3, 3, 5):
        assert post_report(system_file(online, core=core), code).status_code == 200
        confirm(outsider_client, other_organization, system_file(offline, core=core))
    assert rows(organization) == rows(other_organization)
    assert set(System.objects.values_list("source", flat=True)) == {SystemSource.ONLINE, SystemSource.OFFLINE}


def test_a_report_is_kept_where_no_license_file_can_be_given(
    books: Books, organization: Organization, administrator: User, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    system, code = vessel(), code_for(organization, administrator)
    kept = SigningKey.objects.get(state=SigningKey.State.CURRENT)
    SigningKey.objects.filter(pk=kept.pk).update(state=SigningKey.State.FORMER)
    document = system_file(system)
    answer = post_report(document, code)
    sentence = refused(answer, 503, "report-kept")
    assert sentence.startswith("The report was taken, but no license file can be given")
    assert answer["Retry-After"] == "60"
    assert (Report.objects.count(), RegistrationCode.objects.get().used) == (1, 1)
    refused(get_license(system), 503, "no-signing-key")
    SigningKey.objects.filter(pk=kept.pk).update(state=SigningKey.State.CURRENT)
    # The issue log is broken: the disk is full.
    fsync = os.fsync

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    assert refused(post_report(document), 503, "report-kept") == sentence
    assert not LicenseFile.objects.exists()
    monkeypatch.setattr(os, "fsync", fsync)
    assert post_report(document).status_code == 200
    assert (Report.objects.count(), LicenseFile.objects.count(), RegistrationCode.objects.get().used) == (1, 1, 1)


def test_a_product_that_the_catalogue_does_not_have(
    books: Books, organization: Organization, administrator: User
) -> None:
    system = vessel()
    post_report(system_file(system), code_for(organization, administrator))
    before = dump_books(organization)
    system.product = "no-such-product"
    sentence = refused(post_report(system_file(system)), 422, "system-file")
    assert sentence == "At system.product: this portal knows no product “no-such-product”. Nothing was changed."
    system.product = "audio-manager"
    refused(post_report(system.system_file(at=clock.now(), counts={})), 422, "system-of-another-product")
    system.product = "camera-station"
    refused(post_report(system.system_file(at=clock.now(), counts={"audio-device": 1})), 422, "license-type")
    refused(post_report(zip_of({"a.json": system_file(system)})), 422, "document-refused")
    assert dump_books(organization) == before


def test_midnight_comes_in_between(
    books: Books,
    organization: Organization,
    administrator: User,
    frozen_clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another call settles the new day after this one asked what day it is (R1): the call goes on, on the new day."""
    system = vessel()
    post_report(system_file(system), code_for(organization, administrator))
    document, today = system_file(system, core=4), clock.today
    asked: list[date] = []

    def at_midnight(of: Any) -> date:
        found = today(of)
        if not asked:
            asked.append(found)
            books.settle(found + timedelta(days=1))
        return found

    monkeypatch.setattr(clock, "today", at_midnight)
    assert post_report(document).status_code == 200
    assert Report.objects.latest("pk").accepted_on == DAY + timedelta(days=1)
