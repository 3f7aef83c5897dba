"""Proofs in system files are tried as rarely as typed pairs, and the limit tells nothing of a unit (R24)."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from hardware.models import HardwareUnit, Report, StagedFile
from licensemgr.core import signing_keys
from organizations.models import Organization, User
from tests.api.calls import code_for, post_report
from tests.conftest import FrozenClock
from tests.factories import Books
from tests.hardware.offline import DAY, staged, system_file, vessel

pytestmark = pytest.mark.django_db
SLUG = "harbour"
LIMIT = 4


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, settings: LazySettings, frozen_clock: FrozenClock) -> None:
    settings.ISSUE_LOG_DIR = tmp_path
    settings.LICENSE_KEY_TRIES_PER_HOUR = LIMIT
    signing_keys.rotate()
    cache.clear()


def guesses(serial: str, count: int) -> list[bytes]:
    """Files that claim to be on a unit, each with another key."""
    return [system_file(vessel(f"V{number}", serial=serial, oak=f"guess {number}")) for number in range(count)]


def refusals() -> list[str]:
    """Why each file of the last upload was refused, in order."""
    batch = StagedFile.objects.order_by("-pk").values_list("batch", flat=True)[0]
    return list(StagedFile.objects.filter(batch=batch).order_by("number").values_list("refusal", flat=True))


def register(client: Client, serial: str, oak: str) -> Any:
    return client.post(reverse("register_hardware", args=[SLUG]), {"serial": serial, "owner_authentication_key": oak})


def test_guesses_in_one_upload_are_limited_with_typed_pairs(
    manager_client: Client, administrator_client: Client, books: Books
) -> None:
    oak = books.make_unit("SN-1", core=8)
    manager_client.get(staged(manager_client, SLUG, *guesses("SN-1", LIMIT + 3)))
    told = refusals()
    assert told[:LIMIT] == [""] * LIMIT
    assert {re.sub(r"\d+", "N", each) for each in told[LIMIT:]} == {
        "Too many files or pairs that do not prove a hardware unit were tried, so this one was not looked at. Nothing was "
        "changed by it. Upload it again in N minutes."
    }
    # Nothing of what was refused is kept, and a right one is not looked at either, in a file or typed.
    assert not any(StagedFile.objects.exclude(refusal="").values_list("packed", flat=True))
    right = vessel("Right", serial="SN-1", oak=oak)
    staged(manager_client, SLUG, system_file(right))
    assert refusals() != [""]
    assert register(manager_client, "SN-1", oak).status_code == 429
    # What claims no unit is taken, and so is whatever another person sends.
    staged(manager_client, SLUG, system_file(vessel("No unit")), system_file(vessel("No proof", serial="SN-1")))
    assert refusals() == ["", ""]
    administrator_client.post(staged(administrator_client, SLUG, system_file(right)))
    assert HardwareUnit.objects.get().serial == "SN-1"
    # The organization's own unit needs no proof any more.
    manager_client.post(staged(manager_client, SLUG, *guesses("SN-1", LIMIT)))
    assert refusals() == [""] * LIMIT
    assert Report.objects.count() == LIMIT + 1


def test_typed_pairs_count_for_files_too(manager_client: Client, books: Books) -> None:
    oak = books.make_unit("SN-1", core=8)
    for _time in range(LIMIT):
        assert register(manager_client, "SN-1", "wrong").status_code == 422
    staged(manager_client, SLUG, system_file(vessel(serial="SN-1", oak=oak)))
    assert "was not looked at" in refusals()[0]


@pytest.mark.parametrize("serial", ["FREE", "NOBODY", "THEIRS"])
def test_the_limit_does_not_tell_whether_a_unit_exists(
    serial: str, manager_client: Client, books: Books, other_organization: Organization
) -> None:
    books.make_unit("FREE", core=8)
    Books(other_organization).unit(DAY, "THEIRS", core=8)
    staged(manager_client, SLUG, *guesses(serial, LIMIT + 1))
    assert [bool(each) for each in refusals()] == [False] * LIMIT + [True]


def test_right_proofs_are_not_counted(manager_client: Client, books: Books) -> None:
    systems = [
        vessel(f"V{number}", serial=f"SN-{number}", oak=books.make_unit(f"SN-{number}", core=8))
        for number in range(LIMIT + 3)
    ]
    manager_client.post(staged(manager_client, SLUG, *map(system_file, systems)))
    assert HardwareUnit.objects.count() == LIMIT + 3


def test_guesses_by_calls_are_limited_per_system(
    books: Books, organization: Organization, administrator: User, frozen_clock: FrozenClock
) -> None:
    oak, code = books.make_unit("SN-1", core=8), code_for(organization, administrator, uses=2)
    system, other = vessel(serial="SN-1"), vessel("Other", serial="SN-2", oak="wrong")
    assert post_report(system_file(other), code).status_code == 200
    for number in range(LIMIT):
        system.oak = f"guess {number}"
        assert post_report(system_file(system), code).status_code == 200
    system.oak = oak
    answer = post_report(system_file(system))
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 3000
    assert answer.json()["type"] == "urn:license-manager:problem:too-many-calls"
    assert not HardwareUnit.objects.exists()
    assert post_report(system_file(other)).status_code == 200
    # Without a proof its report is taken; and after the hour the right one registers the unit, however often it is sent.
    system.oak = ""
    assert post_report(system_file(system)).status_code == 200
    cache.clear()
    system.oak = oak
    assert [post_report(system_file(system)).status_code for _time in range(LIMIT + 2)] == [200] * (LIMIT + 2)
    assert HardwareUnit.objects.get().serial == "SN-1"


def test_a_code_does_not_help_to_guess(books: Books, organization: Organization, administrator: User) -> None:
    """The first report of a system is counted, too, and one that is refused uses up no code."""
    system, code = vessel(serial="SN-1", oak="wrong"), code_for(organization, administrator)
    for number in range(LIMIT):
        cache.set(f"hardware-unit-tries:system:{system.system_id}:{number}", 9e9, timeout=timedelta(hours=1).seconds)
    assert post_report(system_file(system), code).status_code == 429
    assert not Report.objects.exists()
