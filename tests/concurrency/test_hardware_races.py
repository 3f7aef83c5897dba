"""Races of hardware, with real threads: each first shows that it happens with the locks taken out (R18, R24, R26, R27).

"Happens" means, as in `test_races`, that two changes come to stand behind one check at one moment.
"""

import uuid
from datetime import date
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError

from hardware import ending, expanding, services
from hardware.errors import UnitEnded, UnitRegisteredHere, UnitUnknown
from hardware.expansion_errors import TooFewToExpand
from hardware.models import Expansion, HardwareUnit
from hardware.queries import licenses_of
from hardware.services import register_unit
from history.models import Action, Record
from licensemgr.portal.verifying import verify_books
from organizations.models import Organization
from products.models import LicenseKind, RegisteredProduct
from tests.concurrency.racing import Gate, at_once, take_the_locks_out
from tests.factories import Books, OrganizationFactory, check_conservation, register
from wallet.models import Transfer, TransferReason

pytestmark = pytest.mark.django_db(transaction=True)
DAY = date(2027, 3, 1)
# What stops a change that came behind a check together with another one.
STOPPED = (IntegrityError, OperationalError, UnitUnknown, UnitEnded, TooFewToExpand)


def successes(results: list[Any]) -> list[Any]:
    """The results that are no exceptions."""
    return [result for result in results if not isinstance(result, Exception)]


def nothing_is_wrong() -> None:
    """The books of all organizations can be recomputed from their entries."""
    for organization in Organization.objects.all():
        check_conservation(organization)
    assert verify_books().differences == []


class TestOneSerialNumber:
    def _registering(self, organizations: list[Organization], oak: str) -> list[Any]:
        return [
            partial(register_unit, organization=organization, serial="SN-1", oak=oak, actor=None, on=DAY)
            for organization in organizations
        ]

    def test_without_the_lock_two_organizations_find_it_free(
        self, books: Books, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        oak = books.make_unit("SN-1", core=8)
        organizations = [books.organization, OrganizationFactory.create()]
        for organization in organizations:
            # Their books are settled up to the day, so that nobody writes before the check.
            register(organization, books.products["camera-station"], on=DAY)
        take_the_locks_out(monkeypatch)
        checked = Gate(monkeypatch, services, "register_made_unit", waits_for=2)
        results = at_once(self._registering(organizations, oak))
        assert checked.passed == 2
        # The constraint on the unit that was made lets one through all the same.
        assert len(successes(results)) == 1
        assert all(isinstance(result, STOPPED) for result in results if isinstance(result, Exception))
        assert HardwareUnit.objects.count() == 1

    def test_in_two_organizations_one_gets_it_and_the_others_learn_nothing(self, books: Books) -> None:
        oak = books.make_unit("SN-1", core=8)
        others = [OrganizationFactory.create() for _number in range(5)]
        results = at_once(self._registering([books.organization, *others], oak))
        assert len(successes(results)) == 1
        assert sum(isinstance(result, UnitUnknown) for result in results) == 5
        # Nothing of the product stays with who did not get it.
        assert RegisteredProduct.objects.get().organization_id == HardwareUnit.objects.get().organization_id
        assert Transfer.objects.filter(reason=TransferReason.PRELOADED).count() == 1
        nothing_is_wrong()

    def test_in_one_organization_it_is_registered_once(self, books: Books) -> None:
        oak = books.make_unit("SN-1", core=8)
        results = at_once(self._registering([books.organization] * 6, oak))
        assert len(successes(results)) == 1
        assert sum(isinstance(result, UnitRegisteredHere) for result in results) == 5
        unit = HardwareUnit.objects.get()
        assert licenses_of([unit])[unit.pk] == {"core-device": 8}
        assert Record.objects.filter(action=Action.UNIT_REGISTERED).count() == 1
        nothing_is_wrong()


class TestTheLastLicense:
    @pytest.fixture
    def units(self, books: Books) -> list[HardwareUnit]:
        """Two units that lack one license each, and one license in the wallet."""
        units = [books.unit(DAY, f"SN-{number}", core=1) for number in range(2)]
        for unit in units:
            books.report(DAY, system=unit.serial, unit=unit.serial, core=2)
        books.redeem(DAY, kind=LicenseKind.HARDWARE, core=1)
        return units

    def test_without_the_lock_two_take_it_for_theirs(
        self, books: Books, units: list[HardwareUnit], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take_the_locks_out(monkeypatch)
        checked = Gate(monkeypatch, expanding, "_expand", waits_for=2)
        results = at_once([partial(books.expand, DAY, unit, core=1) for unit in units])
        assert checked.passed == 2
        assert len(successes(results)) == 1
        assert all(isinstance(result, STOPPED) for result in results if isinstance(result, Exception))

    def test_wanted_by_12_at_once_one_gets_it(
        self, books: Books, units: list[HardwareUnit], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        checked = Gate(monkeypatch, expanding, "_expand")
        results = at_once([partial(books.expand, DAY, unit, core=1) for unit in units * 6])
        assert checked.passed == 1
        assert len(successes(results)) == 1
        assert sum(isinstance(result, TooFewToExpand) for result in results) == 11
        assert books.stand(DAY).wallet[LicenseKind.HARDWARE]["core-device"] == 0
        assert len(books.stand(DAY).units.lacks) == 1
        nothing_is_wrong()

    def test_one_confirmation_sent_12_times_counts_once(self, books: Books, units: list[HardwareUnit]) -> None:
        books.redeem(DAY, kind=LicenseKind.HARDWARE, core=20)
        nonce = uuid.uuid4()
        results = at_once([lambda: books.expand(DAY, units[0], nonce=nonce, core=1)] * 12)
        assert {result.pk for result in results} == {Expansion.objects.get().pk}
        assert books.stand(DAY).wallet[LicenseKind.HARDWARE]["core-device"] == 20
        nothing_is_wrong()


class TestRetireAgainstExpand:
    @pytest.fixture
    def unit(self, books: Books) -> HardwareUnit:
        """A unit of 2 licenses for 3 devices; the wallet holds 5."""
        unit = books.unit(DAY, "SN-1", core=2)
        books.report(DAY, system="A", unit="SN-1", core=3)
        books.redeem(DAY, kind=LicenseKind.HARDWARE, core=5)
        return unit

    def test_without_the_lock_an_expansion_finds_a_unit_that_is_ending(
        self, books: Books, unit: HardwareUnit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take_the_locks_out(monkeypatch)
        retiring = Gate(monkeypatch, ending, "held_accounts", waits_for=2)
        monkeypatch.setattr(expanding, "_expand", _meeting(retiring, expanding._expand))
        results = at_once([lambda: books.retire(DAY, unit), lambda: books.expand(DAY, unit, core=1)])
        # Both had looked: the unit was active for both.
        assert retiring.passed == 2
        assert not any(isinstance(result, UnitEnded) for result in results)

    @pytest.mark.parametrize("first", ["retire", "expand"])
    def test_whoever_is_first_is_seen_by_the_other(self, books: Books, unit: HardwareUnit, first: str) -> None:
        """However they fall, the unit has ended, holds nothing, and no license is lost but by its end."""
        changes: list[Any] = [lambda: books.retire(DAY, unit), *[lambda: books.expand(DAY, unit, core=1)] * 4]
        results = at_once(changes if first == "retire" else changes[::-1])
        done = len([result for result in successes(results) if isinstance(result, Expansion)])
        assert sum(isinstance(result, UnitEnded) for result in results) == 4 - done
        unit.refresh_from_db()
        assert unit.ended_on == DAY
        assert licenses_of([unit])[unit.pk] == {"core-device": 0}
        standing = books.stand(DAY)
        assert standing.wallet[LicenseKind.HARDWARE]["core-device"] == 5 - done
        assert standing.devices["core-device"] == 3
        nothing_is_wrong()


def _meeting(gate: Gate, original: Any) -> Any:
    """The original, entered only when the gate's other visitor is there."""

    def go(*args: Any) -> Any:
        gate.visit()
        return original(*args)

    return go
