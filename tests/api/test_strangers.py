"""What a stranger reaches by knowing a system's id, public key or an old report: nothing, and never at the system's cost."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.conf import settings

from hardware import calling
from hardware.forgetting import REPORTS_KEPT, forget_old_reports
from hardware.models import HeldReport, RegistrationCode, Report
from hardware.reports import decide_identity
from hardware.services import remove_system
from history.models import Action, Record
from licensemgr.core import clock
from licensemgr.portal.simulating import SimulatedSystem
from licensemgr.portal.verifying import verify_books
from organizations.models import Organization, User
from products.models import System
from tests.api.calls import code_for, get_license, post_report
from tests.api.test_reports import refused
from tests.conftest import FrozenClock
from tests.factories import Books
from tests.hardware.offline import system_file, vessel

pytestmark = pytest.mark.django_db
DAY = date(2027, 3, 1)


@pytest.fixture
def system(books: Books, organization: Organization, administrator: User) -> SimulatedSystem:
    """A system that joined."""
    joined = vessel()
    assert post_report(system_file(joined), code_for(organization, administrator)).status_code == 200
    return joined


def stranger(system: SimulatedSystem, **options: Any) -> SimulatedSystem:
    """Somebody who knows the system's id."""
    return SimulatedSystem("Stranger", options.pop("product", "camera-station"), system_id=system.system_id, **options)


@pytest.mark.parametrize("who", ["itself", "stranger"])
def test_a_system_that_is_removed_at_this_moment_does_not_come_back(
    system: SimulatedSystem, administrator: User, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    accept: Callable[..., Any] = calling._accept

    def late(*arguments: Any) -> Any:
        monkeypatch.setattr(calling, "_accept", accept)
        remove_system(system=System.objects.get(), actor=administrator, on=DAY)
        return accept(*arguments)

    monkeypatch.setattr(calling, "_accept", late)
    sender = system if who == "itself" else stranger(system)
    refused(post_report(system_file(sender, core=7)), 401, "registration-needed")
    assert System.objects.get().removed_on == DAY
    assert RegistrationCode.objects.get().used == 1
    assert not verify_books().differences


def test_a_system_that_is_removed_before_its_answer_is_told_so(
    system: SimulatedSystem, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer: Callable[[System], Any] = calling._license_of

    def late(found: System) -> Any:
        remove_system(system=System.objects.get(), actor=administrator, on=DAY)
        return answer(found)

    monkeypatch.setattr(calling, "_license_of", late)
    refused(post_report(system_file(system, core=7)), 401, "registration-needed")


def test_a_report_under_the_key_of_before_gives_no_license_file(
    system: SimulatedSystem, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = system_file(system, core=4)
    assert post_report(old).status_code == 200
    post_report(system_file(stranger(system)))
    decide_identity(held=HeldReport.objects.get(), accept=True, actor=administrator, on=DAY)
    monkeypatch.setattr(settings, "API_UNPROVED_CALLS_PER_HOUR", 4)
    statuses = [post_report(old).status_code for _number in range(5)]
    # One place of the network is the report's that asked.
    assert statuses == [403, 403, 403, 429, 429]


def test_the_product_of_a_system_is_not_told_to_a_stranger(
    system: SimulatedSystem, books: Books, organization: Organization
) -> None:
    answer = post_report(system_file(stranger(system, product="audio-manager"), core=1))
    sentence = refused(answer, 422, "system-file")
    assert "Camera" not in sentence
    assert organization.name not in sentence
    assert not HeldReport.objects.exists()


@pytest.mark.parametrize("how", ["wrong signature", "wrong content"])
def test_whoever_knows_a_public_key_has_the_places_of_its_network_only(
    system: SimulatedSystem, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(settings, "API_UNPROVED_CALLS_PER_HOUR", 3)
    good = json.loads(system_file(system))
    if how == "wrong signature":
        bad = json.dumps(good | {"signature": "A" * 86}).encode()
    else:
        bad = system.sign({"nothing": "of a report"})
    assert [post_report(bad).status_code for _number in range(5)] == [422, 422, 422, 429, 429]
    # The system itself is not held up.
    assert post_report(json.dumps(good).encode()).status_code == 200


def test_a_stranger_does_not_push_away_what_an_administrator_has_to_decide(
    system: SimulatedSystem, administrator: User
) -> None:
    anew = stranger(system)
    assert post_report(system_file(anew, core=5)).status_code == 202
    asked = HeldReport.objects.get()
    others = [stranger(system), stranger(system)]
    for number in range(6):
        assert post_report(system_file(others[number % 2], core=9)).status_code == 202
        assert post_report(system_file(anew, core=6)).status_code == 202
    # The question is the same one, about the newest report of the same key; and it is on History once.
    held = HeldReport.objects.get()
    assert (held.pk, held.thumbprint) == (asked.pk, anew.key.thumbprint())
    assert held.digest != asked.digest
    assert Record.objects.filter(action=Action.IDENTITY_HELD).count() == 1
    decide_identity(held=held, accept=True, actor=administrator, on=DAY)
    assert post_report(system_file(anew, core=6)).status_code == 200
    assert not verify_books().differences


def test_reports_that_are_sent_again_by_anybody_leave_the_system_its_calls(
    system: SimulatedSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "API_CALLS_PER_HOUR", 3)
    monkeypatch.setattr(calling, "REPLAYS_PER_HOUR", 3)
    known = system_file(system, core=4)
    assert post_report(known).status_code == 200
    assert [post_report(known).status_code for _number in range(5)] == [200, 200, 200, 429, 429]
    assert post_report(system_file(system, core=5)).status_code == 200


def test_one_report_in_another_outer_form_is_the_same_report(system: SimulatedSystem) -> None:
    document = system_file(system, core=4)
    first = post_report(document)
    again = post_report(json.dumps(json.loads(document), indent=2).encode())
    assert (again.status_code, again.content) == (200, first.content)
    assert Report.objects.count() == 2


def test_whoevers_clock_is_wrong_learns_the_time_whatever_its_network_did(
    system: SimulatedSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "API_UNPROVED_CALLS_PER_HOUR", 1)
    assert [get_license(vessel()).status_code for _number in range(2)] == [401, 429]
    late = (clock.real_now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    refused(get_license(system, time=late), 401, "clock-off")
    assert get_license(system).status_code == 200


def test_old_reports_are_forgotten_but_the_latest_of_each_system(
    system: SimulatedSystem, frozen_clock: FrozenClock
) -> None:
    first = system_file(system, core=4)
    for _hour in range(3):
        assert post_report(system_file(system, core=4)).status_code == 200
    frozen_clock.move_to(DAY + REPORTS_KEPT)
    assert forget_old_reports() == 0
    frozen_clock.move_to(DAY + REPORTS_KEPT + timedelta(days=1))
    assert forget_old_reports() == 3
    assert Report.objects.get().sequence == system.sequence
    # What was forgotten is still older than what is known.
    refused(post_report(first), 409, "older-sequence")
    assert forget_old_reports() == 0
    assert not verify_books().differences
