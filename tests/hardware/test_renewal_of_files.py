"""License files through three simulated years, and in every status; every date was worked out by hand (R9, R12, R29)."""

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from hardware.catalogue import add_manufactured_unit, ensure_hardware_model
from hardware.errors import LicenseFileRefused
from hardware.expanding import expand_unit
from hardware.license_files import document_of, issue_license_file
from hardware.models import HardwareUnit
from hardware.reports import accept_report
from hardware.system_files import read_system_file
from licensemgr.core import signing_keys
from licensemgr.portal.simulating import FileRefused, SimulatedSystem, published_verifier
from licensemgr.portal.verifying import verify_books
from products.models import LicenseKind, System, SystemSource
from subscriptions.rules import Status
from tests.conftest import FrozenClock
from tests.factories import Books

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)


@pytest.fixture(autouse=True)
def _keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frozen_clock: FrozenClock) -> None:
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path)
    signing_keys.rotate()


class InTheField:
    """A system without a connection and the person who carries its files, on a day that moves on."""

    def __init__(self, books: Books, clock: FrozenClock, **about: Any) -> None:
        self.books, self.clock = books, clock
        self.simulated = SimulatedSystem(**{"name": "Vessel", "product": "camera-station"} | about)
        self.simulated.trust(signing_keys.public_keys())
        self.last = b""

    def noon(self, on: date) -> datetime:
        self.clock.move_to(on)
        return datetime(on.year, on.month, on.day, 12, tzinfo=UTC)

    def report(self, on: date, **counts: int) -> System:
        """Carry a system file to the portal."""
        codes = {name.replace("_", "-"): number for name, number in counts.items()}
        document = self.simulated.system_file(at=self.noon(on), counts=codes)
        accept_report(
            organization=self.books.organization,
            file=read_system_file(document),
            document=document,
            source=SystemSource.OFFLINE,
            actor=None,
            on=on,
        )
        return self.system

    @property
    def system(self) -> System:
        return System.objects.select_related("registered_product__product").get(system_id=self.simulated.system_id)

    def fetch(self, on: date) -> tuple[str, str, int, int, str, str | None, str | None]:
        """Carry a license file back; what the independent verifier finds in it of the first license type."""
        now = self.noon(on)
        self.last = document_of(issue_license_file(system=self.system, actor=None, on=on))
        payload = self.simulated.take_license_file(self.last, at=now)
        grant = payload["grants"][0]
        assert published_verifier().licensed(payload, now)[grant["type"]][:3] == (
            grant["kind"],
            grant["quantity"],
            grant["growth"],
        )
        names = ("kind", "quantity", "growth", "from", "to", "grace_to")
        return (payload["status"], *(grant[name] for name in names))

    def says_of_last(self, on: date) -> dict[str, Any]:
        """What the file that it has still grants on a day, by the independent verifier."""
        now = self.noon(on)
        payload = self.simulated.take_license_file(self.last, at=now)
        return dict(published_verifier().licensed(payload, now))

    def is_refused(self, on: date, match: str) -> None:
        """The portal gives no file."""
        self.noon(on)
        with pytest.raises(LicenseFileRefused, match=match):
            issue_license_file(system=self.system, actor=None, on=on)


def add_unit(books: Books, serial: str, **preloaded: int) -> None:
    codes = {name.replace("_", "-"): number for name, number in preloaded.items()}
    model = ensure_hardware_model(books.products["camera-station"], codes)
    add_manufactured_unit(serial=serial, hardware_model=model, oak="AAAAA-BBBBB")


def test_three_years_of_growth_renewal_and_expiry(books: Books, frozen_clock: FrozenClock) -> None:
    vessel = InTheField(books, frozen_clock)
    vessel.report(START, core_device=10)
    assert vessel.fetch(START) == ("trial", "trial", 10, 0, "2027-03-01", "2027-03-31", None)
    # Started on 10 March: year 1 runs to 9 March 2028, its grace to 10 March + 30.
    books.start(date(2027, 3, 10))
    assert vessel.fetch(date(2027, 3, 10)) == ("started", "subscription", 10, 0, "2027-03-10", "2027-04-09", None)
    books.redeem(date(2027, 3, 20), core=40)
    books.allocate(date(2027, 3, 20), {"core": 10})
    first_year = ("2027-03-10", "2028-03-09", "2028-04-09")
    assert vessel.fetch(date(2027, 3, 20)) == ("licensed", "subscription", 10, 10, *first_year)
    # 6 more of the allowance of 10; then 15, of which 5 are beyond it: still every device, and no growth.
    vessel.report(date(2027, 8, 1), core_device=16)
    assert vessel.fetch(date(2027, 8, 1)) == ("licensed", "subscription", 16, 4, *first_year)
    vessel.report(date(2027, 9, 1), core_device=25)
    assert vessel.fetch(date(2027, 9, 1)) == ("growth_exceeded", "subscription", 25, 0, *first_year)
    # 5 allocated: growth 10 is the allowance. 177 days are left: 5 × 188 days come back, 2 licenses and 210 days.
    books.allocate(date(2027, 9, 15), {"core": 5})
    assert vessel.fetch(date(2027, 9, 15)) == ("licensed", "subscription", 25, 0, *first_year)
    books.allocate(date(2027, 12, 1), {}, {"core": 25})
    two_years = ("2027-03-10", "2029-03-09", "2029-04-09")
    assert vessel.fetch(date(2027, 12, 1)) == ("licensed", "subscription", 25, 0, *two_years)
    # The renewal: fully licensed on its first day, with an allowance of its own.
    second_year = ("2028-03-10", "2029-03-09", "2029-04-09")
    assert vessel.fetch(date(2028, 3, 10)) == ("licensed", "subscription", 25, 25, *second_year)
    vessel.report(date(2028, 12, 1), core_device=24)
    assert vessel.fetch(date(2028, 12, 1)) == ("licensed", "subscription", 24, 25, *second_year)
    # Nobody allocated year 3: what the system has covers the last day, then grace, then nothing.
    assert vessel.says_of_last(date(2029, 3, 9))["core-device"][3:] == ("2029-03-09", False)
    assert vessel.says_of_last(date(2029, 3, 10))["core-device"][3:] == ("2029-04-09", True)
    in_grace = ("renewal_grace", "subscription", 24, 0, "2029-03-10", "2029-04-09", None)
    assert vessel.fetch(date(2029, 3, 10)) == in_grace
    assert vessel.fetch(date(2029, 4, 9)) == in_grace
    vessel.is_refused(date(2029, 4, 10), "April 9, 2029, and licenses are missing")
    assert vessel.says_of_last(date(2029, 4, 10)) == {}
    # Late, with 2 + 24 in the wallet; and on a key that the last file announced.
    announced = signing_keys.next_public_keys()[0]["kid"]
    assert signing_keys.rotate().kid == announced
    books.redeem(date(2029, 4, 20), core=24)
    books.allocate(date(2029, 4, 20), {"core": 24})
    third_year = ("2029-03-10", "2030-03-09", "2030-04-09")
    assert vessel.fetch(date(2029, 4, 20)) == ("licensed", "subscription", 24, 24, *third_year)
    # The file's own 400 days end on 25 May 2030, whatever it grants.
    assert vessel.fetch(date(2030, 3, 10))[4:] == ("2030-03-10", "2030-04-09", None)
    vessel.is_refused(date(2030, 4, 10), "April 9, 2030")
    assert vessel.says_of_last(date(2030, 4, 10)) == {}
    with pytest.raises(FileRefused, match="expired at 2031-04-14T12:00:00Z"):
        vessel.says_of_last(date(2031, 4, 15))
    assert verify_books().differences == []


def test_a_tied_system_needs_no_subscription_in_all_that_time(books: Books, frozen_clock: FrozenClock) -> None:
    add_unit(books, "AB-1", core_device=8)
    tied = InTheField(books, frozen_clock, name="Recorder", serial="AB-1", oak="aaaaabbbbb")
    tied.report(START, core_device=5)
    assert tied.fetch(START) == ("hardware", "hardware", 8, 0, "2027-03-01", None, None)
    other = InTheField(books, frozen_clock, name="Vessel")
    other.report(date(2027, 3, 2), core_device=3)
    books.start(date(2027, 3, 2))
    other.is_refused(date(2027, 4, 2), "April 1, 2027")
    # While the product is not licensed, and years later: the unit's licenses have no end.
    for on in (date(2027, 4, 2), date(2028, 2, 29), date(2030, 3, 1)):
        assert tied.fetch(on) == ("hardware", "hardware", 8, 0, "2027-03-01", None, None)
    tied.report(date(2030, 3, 1), core_device=9)
    tied.is_refused(date(2030, 3, 1), r"AB-1 lacks expansion licenses \(Core device: 1\)")
    books.redeem(date(2030, 3, 2), kind=LicenseKind.HARDWARE, core=1)
    unit = HardwareUnit.objects.get()
    expand_unit(unit=unit, quantities={"core-device": 1}, nonce=uuid.uuid4(), actor=None, on=date(2030, 3, 2))
    assert tied.fetch(date(2030, 3, 2)) == ("hardware", "hardware", 9, 0, "2027-03-01", None, None)


def test_a_file_is_given_again_until_half_of_its_own_time_is_over(books: Books, frozen_clock: FrozenClock) -> None:
    """Else a tied system, whose grants never change, would get its expired file again and again."""
    add_unit(books, "AB-1", core_device=8)
    tied = InTheField(books, frozen_clock, serial="AB-1", oak="aaaaabbbbb")
    tied.report(START, core_device=5)
    tied.fetch(START)
    first = tied.last
    # 200 of its 400 days.
    tied.fetch(date(2027, 9, 17))
    assert tied.last == first
    tied.fetch(date(2027, 9, 18))
    assert tied.last != first


Table = dict[str, tuple[Callable[[Books, InTheField], None], date, tuple[Any, ...] | str]]


def nothing(books: Books, vessel: InTheField) -> None:
    """Only the report of 1 March."""


def started(books: Books, vessel: InTheField) -> None:
    books.start(START)


def started_without_devices(books: Books, vessel: InTheField) -> None:
    books.start(START)
    vessel.report(date(2027, 3, 2))


def licensed(books: Books, vessel: InTheField) -> None:
    books.start(START)
    books.redeem(START, core=20)
    books.allocate(START, {"core": 10})


def grown_too_far(books: Books, vessel: InTheField) -> None:
    licensed(books, vessel)
    vessel.report(date(2027, 6, 1), core_device=21)


def on_a_unit(books: Books, vessel: InTheField) -> None:
    add_unit(books, "AB-1", core_device=10)
    vessel.simulated.serial, vessel.simulated.oak = "AB-1", "AAAAABBBBB"
    vessel.report(date(2027, 3, 2), core_device=10)


def on_a_unit_that_lacks(books: Books, vessel: InTheField) -> None:
    on_a_unit(books, vessel)
    vessel.report(date(2027, 3, 3), core_device=11, universal_device=2)


def on_a_unit_beside_one_that_lacks(books: Books, vessel: InTheField) -> None:
    """The product needs expansion licenses, and this system's own unit suffices."""
    on_a_unit(books, vessel)
    add_unit(books, "AB-2", core_device=10)
    lacking = InTheField(books, vessel.clock, name="Second", serial="AB-2", oak="AAAAABBBBB")
    lacking.report(date(2027, 3, 3), core_device=30)


def off_a_unit_without_devices(books: Books, vessel: InTheField) -> None:
    """Another system keeps the product licensed by hardware, in the middle of the trial."""
    add_unit(books, "AB-2", core_device=10)
    second = InTheField(books, vessel.clock, name="Second", serial="AB-2", oak="AAAAABBBBB")
    second.report(date(2027, 3, 2), core_device=3)
    vessel.report(date(2027, 3, 2))


def off_a_unit_beside_one_that_lacks(books: Books, vessel: InTheField) -> None:
    off_a_unit_without_devices(books, vessel)
    books.report(date(2027, 3, 3), system="Third", unit="AB-2", core=8)


# By hand, for ten devices reported on 1 March 2027; a subscription that starts that day ends its years on the last of February.
TABLE: Table = {
    "trial, its last day": (nothing, date(2027, 3, 31), (Status.TRIAL, "trial", 10, 0, "2027-03-31", None)),
    "trial ended": (
        nothing,
        date(2027, 4, 1),
        "The trial ended on March 31, 2027, and there is no subscription. Start it",
    ),
    "started, last day of grace": (
        *(started, date(2027, 3, 31)),
        (Status.STARTED, "subscription", 10, 0, "2027-03-31", None),
    ),
    "unlicensed": (started, date(2027, 4, 1), "The grace period ended on March 31, 2027, and licenses are missing"),
    # Six years miss nothing: to the end of February 2033, and the grace of the seventh.
    "no licenses needed": (
        *(started_without_devices, date(2027, 4, 1)),
        (Status.NO_NEED, "subscription", 0, 0, "2033-02-28", "2033-03-31"),
    ),
    "licensed": (licensed, date(2027, 5, 1), (Status.LICENSED, "subscription", 10, 10, "2028-02-29", "2028-03-31")),
    "growth exceeded": (
        *(grown_too_far, date(2027, 6, 1)),
        (Status.GROWTH_EXCEEDED, "subscription", 21, 0, "2028-02-29", "2028-03-31"),
    ),
    "renewal grace, its last day": (
        *(licensed, date(2028, 3, 31)),
        (Status.RENEWAL_GRACE, "subscription", 10, 0, "2028-03-31", None),
    ),
    "unlicensed in a later year": (licensed, date(2028, 4, 1), "The grace period ended on March 31, 2028"),
    "hardware": (on_a_unit, date(2031, 1, 1), (Status.HARDWARE, "hardware", 10, 0, None, None)),
    "expansion needed": (
        *(on_a_unit_that_lacks, date(2027, 3, 3)),
        r"Hardware unit AB-1 lacks expansion licenses \(Core device: 1, Universal device: 2\)",
    ),
    "expansion needed by another unit": (
        *(on_a_unit_beside_one_that_lacks, date(2027, 3, 3)),
        (Status.EXPANSION_NEEDED, "hardware", 10, 0, None, None),
    ),
    "hardware, and no devices": (
        *(off_a_unit_without_devices, date(2027, 3, 2)),
        "^This system has no devices that need a license.$",
    ),
    "expansion needed, and no devices": (
        *(off_a_unit_beside_one_that_lacks, date(2027, 3, 3)),
        "^This system has no devices that need a license.$",
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_every_status_gives_a_file_or_a_sentence(name: str, books: Books, frozen_clock: FrozenClock) -> None:
    act, on, expected = TABLE[name]
    vessel = InTheField(books, frozen_clock)
    vessel.report(START, core_device=10)
    act(books, vessel)
    if isinstance(expected, str):
        vessel.is_refused(on, expected)
        return
    status, *grant = expected
    found = vessel.fetch(on)
    assert books.stand(on).status == status
    assert found[0] == ("hardware" if found[1] == "hardware" else status)
    assert [*found[1:4], *found[5:]] == grant


def test_a_product_without_a_trial_that_was_not_started(books: Books, frozen_clock: FrozenClock) -> None:
    vessel = InTheField(books, frozen_clock, product="audio-manager")
    vessel.report(START, audio_device=1)
    assert books.stand(START, product="audio-manager").status == Status.NOT_STARTED
    vessel.is_refused(START, "There is no trial and no subscription. Start your subscription")
