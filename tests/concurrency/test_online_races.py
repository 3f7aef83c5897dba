"""Races of systems that join by registration codes: one use for many, a code that is revoked, one report sent often (R5, R18)."""

from typing import Any

import pytest

from hardware import calling
from hardware.calling import Answer, report_online
from hardware.errors import NotRegistered
from hardware.models import RegistrationCode, Report, SystemIdentity
from hardware.registration_codes import revoke_code, usable_code
from history.models import Action, Record
from licensemgr.core import signing_keys
from licensemgr.portal.closing import close_organization
from licensemgr.portal.exporting import note_export
from licensemgr.portal.verifying import verify_books
from organizations.models import Organization, User
from products.models import System
from tests.api.calls import code_for
from tests.concurrency.racing import Gate, at_once, take_the_locks_out
from tests.factories import Books
from tests.hardware.offline import DAY, system_file, vessel

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def keys(tmp_path: Any, settings: Any) -> None:
    settings.ISSUE_LOG_DIR = tmp_path
    signing_keys.rotate()


def calling_with(document: bytes, code: str) -> Any:
    """A change: the report is sent by a call."""
    return lambda: report_online(document=document, code=code, address="192.0.2.1")


def joined(results: list[Any]) -> int:
    """How many were answered; all others were told that the code can't be used."""
    assert all(isinstance(result, (Answer, NotRegistered)) for result in results), results
    return sum(isinstance(result, Answer) for result in results)


def check(systems: int) -> None:
    """So many systems are there, each joined once, and the code was used as often."""
    assert System.objects.count() == systems
    assert SystemIdentity.objects.exclude(joined_by=None).count() == systems
    assert Record.objects.filter(action=Action.SYSTEM_JOINED).count() == systems
    assert RegistrationCode.objects.get().used == systems
    assert verify_books().differences == []


def test_without_the_lock_two_systems_both_find_the_last_use(
    books: Books, organization: Organization, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both pass the check and meet before the use is taken; then the row itself lets one of them have it."""
    code = code_for(organization, administrator)
    take_the_locks_out(monkeypatch)
    found = Gate(monkeypatch, calling, "use_code", waits_for=2)
    at_once([calling_with(system_file(vessel(name)), code) for name in ("One", "Two")])
    assert found.passed == 2
    assert RegistrationCode.objects.get().used <= 1


@pytest.mark.parametrize("uses", [1, 3])
def test_of_eight_systems_as_many_join_as_the_code_allows(
    books: Books, organization: Organization, administrator: User, uses: int
) -> None:
    code = code_for(organization, administrator, uses=uses)
    results = at_once([calling_with(system_file(vessel(f"System {number}")), code) for number in range(8)])
    assert joined(results) == uses
    check(uses)


@pytest.mark.parametrize("uses", [1, 8])
def test_a_systems_first_report_that_is_sent_eight_times_joins_once(
    books: Books, organization: Organization, administrator: User, uses: int
) -> None:
    """Everyone who sent it is answered alike: whoever comes late finds the system there, and needs no use of the code."""
    code, document = code_for(organization, administrator, uses=uses), system_file(vessel())
    results = at_once([calling_with(document, code)] * 8)
    assert joined(results) == 8
    assert {result.license_file for result in results} == {results[0].license_file}
    assert Report.objects.count() == 1
    check(1)


def test_whoever_looks_for_the_code_after_the_same_report_used_it_up_is_answered(
    books: Books, organization: Organization, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system is not known yet when the second call looks for it; its code is used up when that is looked at."""
    code, document = code_for(organization, administrator, uses=1), system_file(vessel())
    look_at_the_code, first = usable_code, calling_with(document, code)

    def late(text: str) -> RegistrationCode | None:
        monkeypatch.setattr(calling, "usable_code", look_at_the_code)
        first()
        return look_at_the_code(text)

    monkeypatch.setattr(calling, "usable_code", late)
    second = calling_with(document, code)()
    assert second.license_file == first().license_file
    check(1)


def test_a_code_that_is_revoked_while_systems_join(
    books: Books, organization: Organization, administrator: User
) -> None:
    text = code_for(organization, administrator, uses=9)
    code = RegistrationCode.objects.select_related("organization").get()
    revoke: Any = lambda: revoke_code(code=code, actor=administrator, on=DAY)  # noqa: E731 - a change of the race
    joins = [calling_with(system_file(vessel(f"System {number}")), text) for number in range(6)]
    *results, revoked = at_once([*joins, revoke])
    assert revoked.revoked_at is not None
    # Those that joined before the revocation are there; what History says of them is what there is.
    systems = joined(results)
    assert Record.objects.get(action=Action.CODE_REVOKED).payload["used"] == systems
    check(systems)
    with pytest.raises(NotRegistered):
        calling_with(system_file(vessel("Late")), text)()


@pytest.mark.parametrize("meanwhile", ["revoked", "closed"])
def test_nobody_joins_by_a_code_that_was_fine_when_it_was_looked_at(
    books: Books, organization: Organization, administrator: User, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    """The code is revoked, or its organization closed (R35), between the look and the use: the answer is the same."""
    text = code_for(organization, administrator)
    note_export(organization=organization, actor=administrator, on=DAY)
    look_at_the_code = usable_code

    def then_change(text: str) -> RegistrationCode | None:
        found = look_at_the_code(text)
        assert found is not None
        if meanwhile == "revoked":
            revoke_code(code=found, actor=administrator, on=DAY)
        else:
            close_organization(organization=organization, typed_name=organization.name, actor=administrator, on=DAY)
        return found

    monkeypatch.setattr(calling, "usable_code", then_change)
    with pytest.raises(NotRegistered):
        calling_with(system_file(vessel()), text)()
    check(0)
