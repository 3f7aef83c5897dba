"""The days of a license file are those of the organization's own time zone, wherever the system is (R1, R29, R35)."""

import zoneinfo
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from hardware.catalogue import add_manufactured_unit, ensure_hardware_model
from hardware.license_files import TYP, document_of, issue_license_file, latest_license_file
from hardware.license_listing import license_file_states
from hardware.models import LicenseFile
from hardware.reports import accept_report
from hardware.system_files import read_system_file
from licensemgr.core import clock, signed, signing_keys
from licensemgr.core.triggers import is_append_only
from licensemgr.portal.simulating import FileRefused, SimulatedSystem, published_verifier
from organizations.models import Organization
from organizations.services import change_organization
from products.models import Product, System, SystemSource
from tests.conftest import FrozenClock

pytestmark = pytest.mark.django_db


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


class InTheField:
    """A system of an organization somewhere, and the time at which everything happens."""

    def __init__(self, organization: Organization, frozen_clock: FrozenClock) -> None:
        self.organization, self.clock = organization, frozen_clock
        self.simulated = SimulatedSystem("Vessel", "camera-station")
        self.simulated.trust(signing_keys.public_keys())

    def report(self, at: datetime) -> System:
        """Carry a system file to the portal."""
        self.clock.instant = at
        document = self.simulated.system_file(at=at, counts={"core-device": 3})
        taken = accept_report(
            organization=self.organization,
            file=read_system_file(document),
            document=document,
            source=SystemSource.OFFLINE,
            actor=None,
            on=clock.today(self.organization),
        )
        return taken.system

    def fetch(self, at: datetime) -> dict[str, Any]:
        """Carry a license file back: its payload, as the published verifier took it."""
        self.clock.instant = at
        system = System.objects.get(system_id=self.simulated.system_id)
        file = issue_license_file(system=system, actor=None, on=clock.today(self.organization))
        return dict(self.simulated.take_license_file(document_of(file), at=at))

    def stale(self, at: datetime) -> str:
        """Why the portal's pages ask for a newer file."""
        self.clock.instant = at
        self.organization.refresh_from_db()
        system = System.objects.get(system_id=self.simulated.system_id)
        return license_file_states(self.organization, [system], clock.today(self.organization))[system.pk].stale

    def moves_to(self, zone: str) -> None:
        """The administrator chooses another time zone, which counts from the next day."""
        of = self.organization
        on = clock.today(of)
        change_organization(organization=of, name=of.name, country=of.country, time_zone=zone, actor=None, on=on)
        of.refresh_from_db()


@pytest.fixture
def field(
    organization: Organization,
    camera_station: Product,
    frozen_clock: FrozenClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> InTheField:
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path)
    signing_keys.rotate()
    return InTheField(organization, frozen_clock)


def lives_in(organization: Organization, zone: str) -> None:
    Organization.objects.update(time_zone=zone)
    organization.refresh_from_db()


# When a trial begins on 1 March 2027, and the last second of its last day, 31 March: worked out by hand.
DAYS = {
    # Eight in the morning of 1 March is the last hour of 28 February in UTC. No daylight saving time.
    "Asia/Tokyo": (utc(2027, 2, 28, 23), utc(2027, 3, 31, 14, 59, 59), utc(2027, 3, 31, 15)),
    # Ten hours behind.
    "Pacific/Honolulu": (utc(2027, 3, 1, 18), utc(2027, 4, 1, 9, 59, 59), utc(2027, 4, 1, 10)),
    # Daylight saving time begins on 14 March: seven hours behind from then on, not eight.
    "America/Los_Angeles": (utc(2027, 3, 1, 16), utc(2027, 4, 1, 6, 59, 59), utc(2027, 4, 1, 7)),
    "UTC": (utc(2027, 3, 1, 8), utc(2027, 3, 31, 23, 59, 59), utc(2027, 4, 1)),
}


@pytest.mark.parametrize("zone", DAYS)
def test_it_is_licensed_from_the_first_hour_to_the_last_of_the_days_there(
    zone: str, field: InTheField, organization: Organization
) -> None:
    first, last, after = DAYS[zone]
    lives_in(organization, zone)
    field.report(first)
    payload = field.fetch(first)
    assert payload["time_zone"] == zone
    assert {(grant["from"], grant["to"]) for grant in payload["grants"]} == {("2027-03-01", "2027-03-31")}
    licensed = published_verifier().licensed
    assert licensed(payload, first)["core-device"] == ("trial", 3, 0, "2027-03-31", False)
    assert licensed(payload, last)["core-device"] == ("trial", 3, 0, "2027-03-31", False)
    assert licensed(payload, after) == {}
    # The portal's own books end the trial at the same moment.
    field.clock.instant = last
    assert clock.today(organization).isoformat() == "2027-03-31"
    field.clock.instant = after
    assert clock.today(organization).isoformat() == "2027-04-01"


def test_the_reference_client_counts_by_the_same_days(
    field: InTheField, organization: Organization, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lives_in(organization, "Asia/Tokyo")
    first, last, after = DAYS["Asia/Tokyo"]
    field.report(first)
    folder, file = tmp_path / "vessel", tmp_path / "file.json"
    field.fetch(first)
    file.write_bytes(document_of(LicenseFile.objects.get()))
    folder.mkdir()
    field.simulated.save(folder / "system.json")
    said = []
    for now in (first, last, after):
        call_command("simulate_system", str(folder), "--license-file", str(file), "--now", f"{now:%Y-%m-%dT%H:%M:%SZ}")
        said.append(capsys.readouterr().out.splitlines()[1:])
    assert said[0][0] == said[1][0] == "core-device: 3 by trial, 0 more may be added, until 2027-03-31"
    assert said[2] == ["On 2027-04-01 it grants nothing."]


def test_where_the_zone_is_not_known_the_file_is_refused_and_no_day_is_guessed(
    field: InTheField, organization: Organization, tmp_path: Path
) -> None:
    first = DAYS["UTC"][0]
    field.report(first)
    payload = field.fetch(first)
    verifier = published_verifier()
    # A zone that is newer than the machine, no name at all, a file of before it was named, and what is no name.
    for damaged in ({"time_zone": "Mars/Olympus"}, {"time_zone": ""}, {"time_zone": "../UTC"}, {"time_zone": None}):
        with pytest.raises(verifier.Refused, match="does not know the file's time zone: update its time zone data"):
            verifier.licensed(payload | damaged, first)
    del payload["time_zone"]
    with pytest.raises(verifier.Refused, match="does not know the file's time zone"):
        verifier.licensed(payload, first)
    # Before the file is used, not after: the one before stays in use.
    kept = field.simulated.license_file
    lives_in(organization, "Asia/Tokyo")
    system = System.objects.get()
    newer = document_of(issue_license_file(system=system, actor=None, on=clock.today(organization)))
    with pytest.MonkeyPatch.context() as patched:

        def unknown(name: str) -> Any:
            raise zoneinfo.ZoneInfoNotFoundError(name)

        patched.setattr(verifier, "ZoneInfo", unknown)
        with pytest.raises(FileRefused, match="does not know the file's time zone"):
            field.simulated.take_license_file(newer, at=first)
        assert field.simulated.license_file == kept
        (tmp_path / "newer.json").write_bytes(newer)
        field.simulated.save(tmp_path / "system.json")
        with pytest.raises(CommandError, match=r"The license file is refused\. This system does not know"):
            call_command("simulate_system", str(tmp_path), "--license-file", str(tmp_path / "newer.json"))
    assert field.simulated.take_license_file(newer, at=first)["sequence"] == 2


def test_another_zone_makes_a_file_stale_from_the_day_on_from_which_it_counts(
    field: InTheField, organization: Organization
) -> None:
    field.report(utc(2027, 3, 1, 12))
    first = field.fetch(utc(2027, 3, 1, 12))
    field.moves_to("America/Los_Angeles")
    # UTC counts until its day ends: the file is what a new one would be.
    assert field.stale(utc(2027, 3, 1, 23, 59, 59)) == ""
    assert field.fetch(utc(2027, 3, 1, 23, 59, 59))["sequence"] == 1
    assert field.stale(utc(2027, 3, 2)) == "its days are those of the time zone America/Los_Angeles now"
    second = field.fetch(utc(2027, 3, 2, 12))
    assert (second["sequence"], second["time_zone"], second["grants"]) == (2, "America/Los_Angeles", first["grants"])
    assert field.stale(utc(2027, 3, 2, 12)) == ""
    # Chosen and taken back on one day: nothing changed.
    field.moves_to("Asia/Tokyo")
    field.moves_to("America/Los_Angeles")
    assert field.stale(utc(2027, 3, 4, 12)) == ""
    assert field.fetch(utc(2027, 3, 4, 12))["sequence"] == 2


def test_what_has_no_last_day_is_the_same_in_every_zone(
    field: InTheField, organization: Organization, camera_station: Product
) -> None:
    model = ensure_hardware_model(camera_station, {"core-device": 8})
    add_manufactured_unit(serial="AB-1", hardware_model=model, oak="AAAAA-BBBBB")
    field.simulated.serial, field.simulated.oak = "AB-1", "AAAAA-BBBBB"
    field.report(utc(2027, 3, 1, 12))
    payload = field.fetch(utc(2027, 3, 1, 12))
    assert payload["grants"][0]["to"] is None
    field.moves_to("Asia/Tokyo")
    assert field.stale(utc(2027, 3, 3, 12)) == ""
    assert field.fetch(utc(2027, 3, 3, 12))["sequence"] == 1
    assert published_verifier().licensed(payload, utc(2040, 1, 1))["core-device"][:2] == ("hardware", 8)


def test_a_file_of_before_the_zone_was_named_is_stale_and_can_still_be_verified(
    field: InTheField, organization: Organization, monkeypatch: pytest.MonkeyPatch, anonymous_client: Client
) -> None:
    system = field.report(utc(2027, 3, 1, 12))
    create = LicenseFile.objects.create
    with monkeypatch.context() as patched:
        patched.setattr(LicenseFile.objects, "create", lambda **row: create(**row | {"time_zone": None}))
        field.fetch(utc(2027, 3, 1, 12))
    assert field.stale(utc(2027, 3, 1, 12)) == "its days are those of the time zone UTC now"
    assert field.fetch(utc(2027, 3, 1, 12))["sequence"] == 2
    newest = latest_license_file(system)
    assert newest is not None
    assert newest.time_zone == "UTC"
    # The table is still one to which is only added.
    assert is_append_only(connection, "hardware_licensefile")
    payload = dict(signed.read(document_of(newest), typ=TYP, key_named_by="kid", exact=True).payload)
    del payload["time_zone"]
    kid, key = signing_keys.current_key()
    former = signed.sign(payload, typ=TYP, key=key, kid=kid)
    answer = anonymous_client.post(reverse("verify"), {"text": former.decode()})
    assert answer.status_code == 200
    assert "This license file is valid" in answer.content.decode()


def test_the_public_page_shows_whose_days_they_are(
    field: InTheField, organization: Organization, anonymous_client: Client
) -> None:
    lives_in(organization, "Asia/Tokyo")
    field.report(DAYS["Asia/Tokyo"][0])
    field.fetch(DAYS["Asia/Tokyo"][0])
    answer = anonymous_client.post(reverse("verify"), {"text": document_of(LicenseFile.objects.get()).decode()})
    assert '<dt>Days are those of the time zone</dt><dd class="break">Asia/Tokyo</dd>' in answer.content.decode()
