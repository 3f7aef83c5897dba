"""Confirm takes each uploaded file by itself, and the page after it tells what became of each (R18, R28)."""

import logging
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from hardware import reports, staging
from hardware.models import HeldReport, Report, StagedFile
from hardware.placing import place_system
from hardware.reports import accept_report
from hardware.services import remove_system
from licensemgr.core import clock, signing_keys
from licensemgr.core.models import ClockReading
from licensemgr.portal.verifying import verify_books
from organizations.models import Organization
from products.models import System
from tests.factories import Books
from tests.hardware.offline import DAY, staged, system_file, vessel

pytestmark = pytest.mark.django_db
SLUG = "harbour"


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, books: Books) -> None:
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path)
    signing_keys.rotate()


def text(answer: Any) -> str:
    # Without the links of numbers that tell where they come from.
    return " ".join(re.sub(r'<a class="why"[^>]*>(.*?)</a>', r"\1", answer.content.decode()).split())


def accepted() -> list[str]:
    return list(Report.objects.order_by("pk").values_list("system__name", flat=True))


def confirmed(client: Client, address: str, **form: Any) -> str:
    """The page after Confirm."""
    answer = client.post(address, form)
    assert answer.status_code == 303
    return text(client.get(answer["Location"]))


@pytest.fixture
def address(manager_client: Client, organization: Organization) -> str:
    """The page before Confirm of an upload of three new systems."""
    return staged(manager_client, SLUG, *(system_file(vessel(name)) for name in ("Red", "Green", "Blue")))


def test_a_file_at_which_the_portal_fails_leaves_the_others_alone_and_is_confirmed_again(
    manager_client: Client, address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(system: System, *args: Any) -> Any:
        if system.name == "Green":
            raise ZeroDivisionError
        return place_system(system, *args)

    with monkeypatch.context() as broken, caplog.at_level(logging.ERROR):
        broken.setattr(reports, "place_system", fails)
        after = confirmed(manager_client, address)
    assert accepted() == ["Red", "Blue"]
    # It failed after its devices were written: nothing of that is left.
    assert sorted(System.objects.values_list("name", flat=True)) == ["Blue", "Red"]
    assert "ZeroDivisionError" in caplog.text
    for words in ("2 systems are up to date", "1 of these files was not taken yet", "The portal failed at this file"):
        assert words in after
    assert verify_books().differences == []
    after = confirmed(manager_client, address)
    assert "3 systems are up to date" in after
    assert "The portal failed" not in after
    assert accepted() == ["Red", "Blue", "Green"]
    assert verify_books().differences == []


def test_a_clock_that_jumped_at_confirm_leaves_the_files_to_be_confirmed_again(
    manager_client: Client, books: Books, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R3: what the machine's clock says is no fault of the files."""
    seen = clock.today(books.organization) - timedelta(days=settings.SETTLE_MAX_DAYS + 1)
    ClockReading.objects.update_or_create(pk=1, defaults={"latest": seen})
    Organization.objects.update(settled_through=None)
    monkeypatch.setattr(settings, "PRODUCTION", True)
    token = clock._jumps_allowed.set(False)
    try:
        after = confirmed(manager_client, address)
        assert accepted() == []
        for words in ("3 of these files were not taken yet", "Waits to be confirmed", "days after the last date seen"):
            assert words in after
        assert "Not accepted" not in after
        assert verify_books().differences == []
        assert "Confirm takes 3 files into the books" in text(manager_client.get(address))
    finally:
        clock._jumps_allowed.reset(token)
    ClockReading.objects.update(latest=clock.today(books.organization))
    after = confirmed(manager_client, address)
    assert "3 systems are up to date" in after
    assert "days after the last date seen" not in after
    assert accepted() == ["Red", "Green", "Blue"]


def test_a_file_that_is_refused_in_the_middle_says_why(
    manager_client: Client, other_organization: Organization, organization: Organization
) -> None:
    systems = [vessel(name) for name in ("Red", "Green", "Blue")]
    address = staged(manager_client, SLUG, *map(system_file, systems))
    elsewhere = Books(other_organization)
    elsewhere.report(DAY, system="Green", core=1)
    System.objects.filter(organization=other_organization).update(system_id=systems[1].system_id)
    after = confirmed(manager_client, address)
    assert accepted() == ["Red", "Blue"]
    for words in ("2 systems are up to date", "Not accepted", "Check the id in the software itself"):
        assert words in after
    assert "wait to be confirmed" not in after


def test_the_page_tells_of_each_file_by_its_name(manager_client: Client, organization: Organization) -> None:
    original = vessel("Vessel")
    manager_client.post(staged(manager_client, SLUG, system_file(original)))
    copy = system_file(vessel("Vessel", system_id=original.system_id))
    address = staged(manager_client, SLUG, system_file(vessel("Red")), b"{}", copy)
    assert text(manager_client.get(f"{address}done/")).count("Waits to be confirmed") == 2
    after = confirmed(manager_client, address)
    told = after[after.index("What became of each file") :]
    places = [told.index(words) for words in ("file-1.json", "Accepted", "Red", "file-2.json", "Not accepted")]
    places += [told.index(words) for words in ("file-3.json", "For an administrator")]
    assert places == sorted(places)
    HeldReport.objects.update(decision="refused")
    assert "An administrator refused its key" in text(manager_client.get(f"{address}done/"))


def test_a_system_that_grew_too_far_is_told_what_is_missing(
    manager_client: Client, books: Books, organization: Organization
) -> None:
    """R12: 10 allocated and 25 devices: 5 are missing beyond the allowance, and the system stays licensed."""
    system = vessel()
    confirmed(manager_client, staged(manager_client, SLUG, system_file(system, core=10)))
    books.start(DAY)
    books.redeem(DAY, core=12)
    books.allocate(DAY, {"core": 10})
    after = confirmed(manager_client, staged(manager_client, SLUG, system_file(system, core=20)))
    assert "Nothing is missing: the system is licensed." in after
    after = confirmed(manager_client, staged(manager_client, SLUG, system_file(system, core=25)))
    assert "Growth allowance exceeded" in after
    assert "Nothing is missing" not in after
    assert "until it is licensed" not in after
    assert (
        "Buy and redeem 3 more licenses (Core device: 3). Then allocate the 5 licenses that are missing, to keep to the "
        "growth allowance." in after
    )
    # It still gets its license file.
    assert "Carry the license file back to the system:" in after


def test_a_system_without_devices_beside_hardware_misses_nothing(
    manager_client: Client, books: Books, organization: Organization
) -> None:
    books.unit(DAY, "AB-1", core=8)
    books.report(DAY, system="Recorder", unit="AB-1", core=5)
    after = confirmed(manager_client, staged(manager_client, SLUG, system_file(vessel(), core=0)))
    assert "Nothing is missing." in after
    assert "This system has no devices that need a license." in after
    for words in ("the system is licensed", "Still to do", "The trial ended"):
        assert words not in after


def test_the_need_before_confirm_is_that_of_after_where_a_proof_ties_other_systems_too(
    manager_client: Client, books: Books, organization: Organization
) -> None:
    """R24, R25: the unit that the file registers licenses whoever said before that they are on it, too."""
    oak = books.make_unit("AB-1", core=20)
    books.report(DAY, system="First", unit="AB-1", core=4)
    books.report(DAY, system="Second", unit="AB-1", core=3, universal=1)
    books.report(DAY, system="Office", core=2)
    # On the same serial number, and of a product for which the unit is not made.
    books.report(DAY, system="Audio", unit="AB-1", product="audio-manager", audio=1)
    system = vessel("Third", serial="AB-1", oak="wrong")
    confirmed(manager_client, staged(manager_client, SLUG, system_file(system, core=6)))
    assert books.stand(DAY).devices == {"core-device": 15, "universal-device": 1}
    system.oak = oak
    address = staged(manager_client, SLUG, system_file(system, core=6))
    shown = text(manager_client.get(address))
    assert "15 → 2" in shown
    assert "1 → 0" in shown
    confirmed(manager_client, address)
    assert books.stand(DAY).devices == {"core-device": 2, "universal-device": 0}


def test_what_was_taken_is_not_taken_again_on_the_way_back(manager_client: Client, address: str) -> None:
    confirmed(manager_client, address)
    system = System.objects.get(name="Green")
    remove_system(system=system, actor=None, on=DAY)
    assert "There is nothing to confirm" in text(manager_client.get(address))
    assert "2 systems are up to date" in confirmed(manager_client, address)
    assert not System.objects.filter(name="Green", removed_on=None).exists()
    assert Report.objects.count() == 3


def test_a_file_whose_hour_ends_on_the_way_is_left(
    manager_client: Client, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def accept_and_expire(**arguments: Any) -> Any:
        # The rest expires, and the next upload empties it.
        late = StagedFile.objects.get(number=1).uploaded_at - timedelta(minutes=1)
        StagedFile.objects.filter(number__gt=1).update(expires_at=late, packed=b"")
        return accept_report(**arguments)

    monkeypatch.setattr(staging, "accept_report", accept_and_expire)
    after = confirmed(manager_client, address)
    assert accepted() == ["Red"]
    assert after.count("waited for more than an hour and was not taken") == 2
    assert "wait to be confirmed" not in after
