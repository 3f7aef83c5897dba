"""A report that changes a system's hardware unit is told on History, once (R25, R32)."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from hardware.models import HardwareUnit
from hardware.reports import accept_report
from hardware.services import move_system
from hardware.system_files import read_system_file
from history.models import Action, Record
from history.sentences import Names, sentence
from licensemgr.core import signing_keys
from licensemgr.portal.simulating import SimulatedSystem
from organizations.models import Organization, User
from products.models import System, SystemSource
from subscriptions.rules import Status
from tests.api.calls import code_for, post_report
from tests.conftest import FrozenClock
from tests.factories import Books
from tests.hardware.offline import DAY, staged, system_file, vessel

pytestmark = pytest.mark.django_db
Tell = Callable[[], list[tuple[str, str]]]


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frozen_clock: FrozenClock) -> None:
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path)
    signing_keys.rotate()


@pytest.fixture
def told(organization: Organization) -> Tell:
    """Every move on History: what it says, and who did it."""

    def moves() -> list[tuple[str, str]]:
        found = Record.objects.filter(organization=organization, action=Action.SYSTEM_MOVED).order_by("sequence")
        return [(sentence(record, Names()), record.actor.email if record.actor else "") for record in found]

    return moves


def take(books: Books, system: SimulatedSystem, actor: User | None = None) -> None:
    """Accept the system's next file."""
    document = system_file(system, core=5)
    accept_report(
        organization=books.organization,
        file=read_system_file(document),
        document=document,
        source=SystemSource.OFFLINE,
        actor=actor,
        on=DAY,
    )


def test_a_file_that_takes_a_system_off_its_unit_with_the_same_devices(
    books: Books, told: Tell, manager_client: Client, manager: User
) -> None:
    system = vessel("Recorder", serial="AB-1", oak=books.make_unit("AB-1", core=8))
    manager_client.post(staged(manager_client, "harbour", system_file(system, core=5)))
    # Where it is from the beginning is no move.
    assert told() == []
    assert books.stand(DAY).status == Status.HARDWARE
    system.serial = ""
    manager_client.post(staged(manager_client, "harbour", system_file(system, core=5)))
    assert books.stand(DAY).status == Status.TRIAL
    assert books.stand(DAY).devices["core-device"] == 5
    off = ("System Recorder is on no hardware unit any more.", manager.email)
    assert told() == [off]
    system.serial = "AB-2"
    take(books, system)
    # What is said again moves nothing.
    take(books, system)
    assert told() == [off, ("System Recorder is on hardware unit AB-2 now.", "")]


def test_a_call_that_says_nothing_new_but_another_unit(
    books: Books, told: Tell, organization: Organization, administrator: User
) -> None:
    books.unit(DAY, "AB-1", core=8)
    system = vessel("Recorder", serial="AB-1")
    assert post_report(system_file(system, core=5), code_for(organization, administrator)).status_code == 200
    assert post_report(system_file(system, core=5)).status_code == 200
    assert told() == []
    system.serial = "AB-9"
    assert post_report(system_file(system, core=5)).status_code == 200
    assert books.stand(DAY).devices["core-device"] == 5
    system.serial = ""
    assert post_report(system_file(system, core=5)).status_code == 200
    assert told() == [
        ("System Recorder is on hardware unit AB-9 now.", ""),
        ("System Recorder is on no hardware unit any more.", ""),
    ]


def test_other_reports_and_moves_by_hand(books: Books, told: Tell, manager: User) -> None:
    books.unit(DAY, "AB-1", core=8)
    books.report(DAY, system="Gate", source=SystemSource.MANUAL, unit="AB-1", core=1)
    assert told() == []
    books.report(DAY, system="Gate", source=SystemSource.MANUAL, core=1)
    assert told() == [("System Gate is on no hardware unit any more.", "")]
    for _twice in range(2):
        move_system(system=System.objects.get(), unit=HardwareUnit.objects.get(), actor=manager, on=DAY)
    assert told()[1:] == [("System Gate is on hardware unit AB-1 now.", manager.email)]
    # One that was removed and is registered anew is a new one.
    books.remove(DAY, system="Gate")
    books.report(DAY, system="Gate", unit="AB-1", core=1)
    assert len(told()) == 2
