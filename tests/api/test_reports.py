"""Reports by a call: joining by a code, the license file as the answer, what is refused (R28, R29)."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client

from hardware.license_files import verify_license_file
from hardware.models import HeldReport, RegistrationCode, Report, SystemIdentity
from hardware.reports import decide_identity
from history.models import Action, Record
from licensemgr.core import clock
from licensemgr.portal.simulating import SimulatedSystem
from licensemgr.portal.verifying import verify_books
from organizations.models import Organization, User
from products.models import System, SystemSource
from tests.api.calls import code_for, get_license, license_url, post_report, request_proof
from tests.conftest import FrozenClock
from tests.factories import Books
from tests.hardware.offline import system_file, vessel

pytestmark = pytest.mark.django_db


def refused(answer: object, status: int, kind: str) -> str:
    """The sentence of a problem of that type."""
    assert answer.status_code == status, answer.content  # type: ignore[attr-defined]
    assert answer["Content-Type"] == "application/problem+json"  # type: ignore[index]
    problem = answer.json()  # type: ignore[attr-defined]
    assert problem["type"] == f"urn:license-manager:problem:{kind}"
    assert problem["status"] == status
    return str(problem["detail"])


def test_a_system_joins_by_a_code_and_gets_its_license_file(
    books: Books, organization: Organization, administrator: User
) -> None:
    system = vessel()
    answer = post_report(system_file(system), code_for(organization, administrator))
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "application/jose+json"
    verified = verify_license_file(answer.content, clock.now())
    assert verified.is_in_books
    assert verified.payload["system_id"] == str(system.system_id)
    assert verified.payload["need"]["core-device"] == 3
    known = System.objects.get(system_id=system.system_id)
    assert (known.organization, known.source) == (organization, SystemSource.ONLINE)
    identity = SystemIdentity.objects.get(system=known)
    assert identity.joined_by == RegistrationCode.objects.get()
    assert identity.joined_by.used == 1
    assert identity.heard_at == clock.now()
    joined = Record.objects.get(action=Action.SYSTEM_JOINED)
    assert joined.actor is None
    assert joined.payload["code_tail"] == identity.joined_by.tail
    assert not verify_books().differences


def test_the_same_report_again_counts_once_and_needs_no_second_use(
    books: Books, organization: Organization, administrator: User
) -> None:
    system, code = vessel(), code_for(organization, administrator)
    document = system_file(system)
    first, second = post_report(document, code), post_report(document, code)
    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    assert Report.objects.count() == 1
    assert RegistrationCode.objects.get().used == 1


def test_a_code_that_is_wrong_used_over_or_revoked_gets_one_answer(
    books: Books, organization: Organization, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = code_for(organization, administrator)
    assert post_report(system_file(vessel()), used).status_code == 200
    over, revoked = code_for(organization, administrator), code_for(organization, administrator)
    RegistrationCode.objects.filter(tail=over[-5:]).update(expires_at=clock.real_now() - timedelta(seconds=1))
    RegistrationCode.objects.filter(tail=revoked[-5:]).update(revoked_at=clock.real_now())
    answers = [post_report(system_file(vessel()), code) for code in ("", "WRONG", used, over, revoked)]
    assert {refused(answer, 401, "registration-needed") for answer in answers} == {answers[0].json()["detail"]}
    assert System.objects.count() == 1
    assert not verify_books().differences


def test_a_report_that_is_refused_uses_up_no_code(
    books: Books, organization: Organization, administrator: User
) -> None:
    code = code_for(organization, administrator)
    refused(post_report(system_file(vessel(product="no-such-product")), code), 422, "system-file")
    assert RegistrationCode.objects.get().used == 0
    assert not System.objects.exists()


def test_another_key_is_held_and_told_on_history_once(
    books: Books, organization: Organization, administrator: User
) -> None:
    system = vessel()
    assert post_report(system_file(system), code_for(organization, administrator)).status_code == 200
    copy = SimulatedSystem("Copy", "camera-station", system_id=system.system_id)
    for number in (1, 2, 3):
        answer = post_report(system_file(copy, core=9, sequence=number))
        assert answer.status_code == 202
        assert answer.json()["status"] == "held"
    assert HeldReport.objects.count() == 1
    assert Record.objects.filter(action=Action.IDENTITY_HELD).count() == 1
    assert Report.objects.count() == 1


def test_a_new_license_file_is_made_for_a_new_key_that_was_accepted(
    books: Books, organization: Organization, administrator: User
) -> None:
    """The same devices, so the same grants: only the key tells that the file of before is of no use any more."""
    system = vessel()
    first = post_report(system_file(system), code_for(organization, administrator))
    renewed = SimulatedSystem("Vessel", "camera-station", system_id=system.system_id)
    assert post_report(system_file(renewed)).status_code == 202
    decide_identity(held=HeldReport.objects.get(), accept=True, actor=administrator, on=clock.today(organization))
    answer = get_license(renewed)
    assert answer.status_code == 200
    payloads = [verify_license_file(each.content, clock.now()).payload for each in (first, answer)]
    assert payloads[0]["grants"] == payloads[1]["grants"]
    assert [payload["key"] for payload in payloads] == [system.key.thumbprint(), renewed.key.thumbprint()]
    assert get_license(renewed).content == answer.content


def test_the_latest_license_is_given_to_a_signed_request(
    books: Books, organization: Organization, administrator: User, frozen_clock: FrozenClock
) -> None:
    system = vessel()
    first = post_report(system_file(system), code_for(organization, administrator))
    again = get_license(system)
    assert (again.status_code, again.content) == (200, first.content)
    for changed in (
        {"method": "POST"},
        {"url": "http://elsewhere.example/api/v1/x"},
        {"nonce": "short"},
        {"time": "yesterday"},
    ):
        refused(get_license(system, **changed), 401, "proof-refused")
    refused(get_license(vessel()), 401, "proof-refused")
    late = (clock.real_now() - timedelta(minutes=5, seconds=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    answer = get_license(system, time=late)
    refused(answer, 401, "clock-off")
    assert answer.json()["server_time"] == clock.real_now().strftime("%Y-%m-%dT%H:%M:%SZ")
    once = {"nonce": "a" * 20}
    assert get_license(system, **once).status_code == 200
    refused(get_license(system, **once), 401, "proof-refused")


def test_calls_of_one_system_are_limited(
    books: Books, organization: Organization, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "API_CALLS_PER_HOUR", 3)
    system, other = vessel(), vessel("Other")
    code = code_for(organization, administrator, uses=2)
    assert post_report(system_file(system), code).status_code == 200
    assert post_report(system_file(other), code).status_code == 200
    assert [get_license(system).status_code for _number in range(3)] == [200, 200, 429]
    answer = post_report(system_file(system))
    refused(answer, 429, "too-many-calls")
    assert 3500 < int(answer["Retry-After"]) <= 3601
    assert get_license(other).status_code == 200


def test_calls_that_nothing_proves_are_limited_and_proved_ones_are_not(
    books: Books, organization: Organization, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "API_UNPROVED_CALLS_PER_HOUR", 3)
    system = vessel()
    assert post_report(system_file(system), code_for(organization, administrator)).status_code == 200
    statuses = [post_report(system_file(vessel())).status_code for _number in range(4)]
    assert statuses == [401, 401, 401, 429]
    assert post_report(system_file(system)).status_code == 200


def test_the_system_of_another_organization_is_as_unknown_as_one_that_does_not_exist(
    books: Books,
    organization: Organization,
    administrator: User,
    other_organization: Organization,
    outsider: User,
) -> None:
    mine, theirs, nobodys = vessel("Mine"), vessel("Theirs"), vessel("Nobody's")
    assert post_report(system_file(mine), code_for(organization, administrator)).status_code == 200
    assert post_report(system_file(theirs), code_for(other_organization, outsider)).status_code == 200
    owner = get_license(theirs)
    assert owner.status_code == 200
    told = []
    for other in (theirs, nobodys):
        # The request is signed as it has to be, by a key that the portal knows: of another system.
        url = license_url(other)
        proof = request_proof(mine, f"http://testserver{url}", clock.real_now())
        answer = Client().get(url, headers={"System-Proof": proof})
        told.append((refused(answer, 401, "proof-refused"), sorted(answer.headers)))
    assert told[0] == told[1]
    # Their id under my key is held for them to decide; nothing of theirs changes, and nothing comes to me.
    copy = SimulatedSystem("Mine", "camera-station", key=mine.key, system_id=theirs.system_id)
    answer = post_report(system_file(copy, core=9))
    assert (answer.status_code, answer.json()["status"]) == (202, "held")
    assert get_license(theirs).content == owner.content
    assert [system.organization for system in System.objects.filter(name="Theirs")] == [other_organization]
