"""Worked examples of hardware: registering (R24), tied systems (R25), expansion (R26), end of life (R27); R5, R12, R14a."""

import uuid
from datetime import date

import pytest

from hardware.ending import replace_unit
from hardware.errors import ReplacementRefused, UnitEnded, UnitRegisteredHere, UnitUnknown
from hardware.expanding import expand_unit
from hardware.expansion_errors import ExpansionNotUnderstood, NothingToExpand, TooFewToExpand
from hardware.models import Expansion, HardwareUnit, UnitHolding
from hardware.queries import unit_states
from hardware.rules import is_tied
from hardware.services import move_system, register_unit
from licensemgr.portal.verifying import verify_books
from organizations.models import Organization, User
from products.models import DeviceCount, LicenseBasis, LicenseKind, RegisteredProduct, SystemSource
from subscriptions.rules import Status
from tests.factories import Books, by_code, check_conservation
from wallet.models import Lot, TransferReason

pytestmark = pytest.mark.django_db

DAY = date(2027, 3, 1)
LATER = date(2027, 3, 10)


@pytest.fixture(autouse=True)
def _books_verify(books: Books) -> object:
    """After each example the books of all organizations can be recomputed from their entries (R23)."""
    yield
    for organization in Organization.objects.all():
        check_conservation(organization)
    assert verify_books().differences == []


def licenses(unit: HardwareUnit) -> dict[str, int]:
    """What the unit holds, without the zeros."""
    [state] = unit_states(unit.organization, [unit])
    return {code: quantity for code, quantity in state.licenses.items() if quantity}


def lacks(books: Books, on: date = DAY) -> dict[str, dict[str, int]]:
    """What each unit of Camera Station lacks, as the product's standing tells it."""
    return {lack.serial: dict(lack.lacks) for lack in books.stand(on).units.lacks}


def status(books: Books, on: date = DAY, product: str | None = None) -> Status:
    return books.stand(on, product=product).status


class TestR24Registering:
    def test_preloaded_licenses_are_active_at_once_and_never_in_the_wallet(self, books: Books) -> None:
        unit = books.unit(DAY, "SN-1", core=8, universal=2)
        assert licenses(unit) == by_code({"core": 8, "universal": 2})
        assert books.stand(DAY).wallet[LicenseKind.HARDWARE] == by_code({"core": 0, "universal": 0})
        assert not Lot.objects.exists()
        [made] = books.registered().transfers.all()
        assert (made.reason, made.happened_on) == (TransferReason.PRELOADED, DAY)

    def test_it_registers_the_product_with_its_trial(self, books: Books) -> None:
        """R5, R6: the product is registered when a unit made for it is; 1 March + 30 days is 31 March."""
        books.unit(DAY, "SN-1", core=8)
        registered = books.registered()
        assert (registered.registered_on, registered.trial_last_on) == (DAY, date(2027, 3, 31))
        # Licensed by hardware comes before the trial (R14a).
        assert status(books) == Status.HARDWARE

    def test_one_refusal_for_all_that_is_wrong_and_another_for_ones_own(
        self, books: Books, other_organization: Organization
    ) -> None:
        oak = books.make_unit("SN-1", core=8)
        theirs = Books(other_organization).unit(DAY, "SN-2", core=1)
        sentences = set()
        for serial, key in (("SN-1", "wrong"), ("SN-9", oak), ("SN-2", "OAK of SN-2"), ("SN-2", oak)):
            with pytest.raises(UnitUnknown) as refused:
                register_unit(organization=books.organization, serial=serial, oak=key, actor=None, on=DAY)
            sentences.add(refused.value.sentence)
        assert len(sentences) == 1
        assert not RegisteredProduct.objects.filter(organization=books.organization).exists()
        register_unit(organization=books.organization, serial=" sn-1", oak=oak.lower(), actor=None, on=DAY)
        with pytest.raises(UnitRegisteredHere, match="March 1, 2027"):
            register_unit(organization=books.organization, serial="SN-1", oak=oak, actor=None, on=LATER)
        # Who does not have its key is not told that it is registered here.
        with pytest.raises(UnitUnknown):
            register_unit(organization=books.organization, serial="SN-1", oak="wrong", actor=None, on=LATER)
        assert theirs.organization == other_organization

    def test_a_unit_that_ended_can_not_be_registered_again_by_anybody(
        self, books: Books, other_organization: Organization
    ) -> None:
        unit = books.unit(DAY, "SN-1", core=8)
        books.retire(DAY, unit)
        with pytest.raises(UnitRegisteredHere):
            register_unit(organization=books.organization, serial="SN-1", oak="OAK of SN-1", actor=None, on=DAY)
        with pytest.raises(UnitUnknown):
            register_unit(organization=other_organization, serial="SN-1", oak="OAK of SN-1", actor=None, on=DAY)


class TestR25TiedSystems:
    def test_it_is_licensed_by_its_unit_alone_and_adds_nothing_to_the_need(self, books: Books) -> None:
        """8 core licenses, systems of 5 and 6 devices on the unit: 11 - 8 = 3 lacking. The 4 elsewhere count."""
        books.unit(DAY, "SN-1", core=8)
        books.report(DAY, system="A", unit="SN-1", core=5)
        books.report(DAY, system="B", unit="SN-1", core=6)
        books.report(DAY, system="C", core=4)
        books.start(DAY)
        standing = books.stand(DAY)
        assert standing.devices == by_code({"core": 4, "universal": 0})
        assert standing.years[0].missing == by_code({"core": 4, "universal": 0})
        assert lacks(books) == {"SN-1": {"core-device": 3}}

    def test_one_license_of_whichever_type_ties_and_no_type_serves_for_another(self, books: Books) -> None:
        """R14: 9 universal licenses are nothing for 2 core devices, and tie the system all the same."""
        books.unit(DAY, "SN-1", universal=9)
        books.report(DAY, system="A", unit="SN-1", core=2, universal=1)
        assert books.stand(DAY).devices == by_code({"core": 0, "universal": 0})
        assert lacks(books) == {"SN-1": {"core-device": 2}}
        assert status(books) == Status.EXPANSION_NEEDED

    def test_a_unit_without_licenses_ties_nothing(self, books: Books) -> None:
        books.unit(DAY, "SN-1")
        books.report(DAY, system="A", unit="SN-1", core=2)
        assert books.stand(DAY).devices["core-device"] == 2
        assert lacks(books) == {}
        assert status(books) == Status.TRIAL

    def test_licenses_that_are_zero_of_every_type_tie_nothing_and_one_ties(self) -> None:
        """What a unit holds is kept per type: an account that is empty is no license."""
        assert not is_tied({})
        assert not is_tied(by_code({"core": 0, "universal": 0}))
        assert is_tied(by_code({"core": 0, "universal": 1}))

    def test_a_unit_of_another_product_ties_nothing(self, books: Books) -> None:
        books.unit(DAY, "SN-1", product="audio-manager", audio=9)
        books.report(DAY, system="A", unit="SN-1", core=2)
        assert books.stand(DAY).devices["core-device"] == 2
        assert status(books, product="audio-manager") == Status.HARDWARE

    def test_a_report_tells_the_whole_of_a_system_its_unit_or_none(self, books: Books) -> None:
        """R5: a report without a unit takes the system off it."""
        books.unit(DAY, "SN-1", core=2)
        books.report(DAY, system="A", unit="SN-1", core=2)
        assert books.stand(DAY).devices["core-device"] == 0
        books.report(LATER, system="A", core=2)
        assert books.stand(LATER).devices["core-device"] == 2

    def test_a_unit_that_is_registered_later_counts_from_that_day(self, books: Books) -> None:
        """R5: remembered until then; the counts are dated by what licensed them."""
        books.report(DAY, system="A", unit="sn-1", core=2)
        assert books.stand(DAY).devices["core-device"] == 2
        books.unit(LATER, "SN-1", core=2)
        assert books.stand(LATER).devices["core-device"] == 0
        rows = DeviceCount.objects.filter(license_type__code="core-device").order_by("from_on")
        assert list(rows.values_list("from_on", "until_on", "quantity", "license_basis")) == [
            (DAY, LATER, 2, LicenseBasis.SUBSCRIPTION),
            (LATER, None, 2, LicenseBasis.HARDWARE),
        ]

    def test_another_organizations_unit_is_none(self, books: Books, other_organization: Organization) -> None:
        Books(other_organization).unit(DAY, "SN-1", core=9)
        books.report(DAY, system="A", unit="SN-1", core=2)
        assert books.stand(DAY).devices["core-device"] == 2
        assert Books(other_organization).stand(DAY).units.lacks == ()

    def test_moving_a_system_by_hand_on_and_off(self, books: Books) -> None:
        unit = books.unit(DAY, "SN-1", core=2)
        system = books.report(DAY, system="A", source=SystemSource.MANUAL, core=3)
        move_system(system=system, unit=unit, actor=None, on=DAY)
        assert (books.stand(DAY).devices["core-device"], lacks(books)) == (0, {"SN-1": {"core-device": 1}})
        move_system(system=system, unit=None, actor=None, on=LATER)
        assert (books.stand(LATER).devices["core-device"], lacks(books, LATER)) == (3, {})

    @pytest.fixture
    def renewed(self, books: Books) -> Books:
        """Both years hold 10 core licenses; on the renewal date, 1 March 2028, 14 devices count."""
        books.report(DAY, system="A", core=10)
        books.start(DAY)
        books.redeem(DAY, core=20)
        books.allocate(DAY, {"core": 10}, {"core": 10})
        books.report(date(2027, 9, 1), system="B", core=4)
        books.settle(date(2028, 3, 1))
        return books

    def test_going_onto_hardware_can_make_a_year_fully_licensed(self, renewed: Books) -> None:
        """R11: 10 held and 14 devices is renewal grace; with 4 of them tied it is licensed, its allowance 10 (R12)."""
        on = date(2028, 3, 2)
        assert status(renewed, on) == Status.RENEWAL_GRACE
        renewed.unit(on, "SN-1", core=1)
        renewed.report(on, system="B", unit="SN-1", core=4)
        year = renewed.stand(on).years[0]
        assert (status(renewed, on), year.fully_licensed_on, year.allowance) == (Status.LICENSED, on, 10)
        assert lacks(renewed, on) == {"SN-1": {"core-device": 3}}

    def test_growth_counts_what_is_not_tied(self, renewed: Books) -> None:
        """R12: 14 allocated and 29 devices: growth 15, allowance 14, so 1 is missing; with 15 of them tied none is."""
        on = date(2028, 3, 2)
        renewed.redeem(on, core=4)
        renewed.allocate(on, {"core": 4})
        renewed.report(on, system="C", core=15)
        standing = renewed.stand(on)
        assert (standing.status, standing.years[0].missing["core-device"]) == (Status.GROWTH_EXCEEDED, 1)
        renewed.unit(on, "SN-1", core=20)
        renewed.report(on, system="C", unit="SN-1", core=15)
        assert status(renewed, on) == Status.LICENSED


class TestR26Expansion:
    @pytest.fixture
    def unit(self, books: Books) -> HardwareUnit:
        """8 core for 11 core and 1 universal on it; 4 core expire on 1 March 2032, 5 core and 3 universal on the 10th."""
        unit = books.unit(DAY, "SN-1", core=8)
        books.report(DAY, system="A", unit="SN-1", core=11, universal=1)
        books.redeem(DAY, kind=LicenseKind.HARDWARE, core=4)
        books.redeem(LATER, kind=LicenseKind.HARDWARE, core=5, universal=3)
        return unit

    def test_the_earliest_expiry_is_taken_first_for_the_lifetime(self, books: Books, unit: HardwareUnit) -> None:
        """R17: of 6 core, 4 from the older lot and 2 from the younger one."""
        books.expand(LATER, unit, core=6, universal=1)
        assert licenses(unit) == by_code({"core": 14, "universal": 1})
        left = dict(
            Lot.objects.filter(account__license_type__code="core-device").values_list("entered_on", "account__balance")
        )
        assert left == {DAY: 0, LATER: 3}
        # Five years later what is left in the wallet expires, and the unit keeps what it holds.
        books.settle(date(2032, 3, 10))
        assert licenses(unit) == by_code({"core": 14, "universal": 1})
        assert books.stand(date(2032, 3, 10)).wallet[LicenseKind.HARDWARE] == by_code({"core": 0, "universal": 0})

    def test_any_number_that_the_wallet_holds_is_possible(self, books: Books, unit: HardwareUnit) -> None:
        books.expand(LATER, unit, core=1)
        assert lacks(books, LATER) == {"SN-1": {"core-device": 2, "universal-device": 1}}
        books.expand(LATER, unit, core=8, universal=3)
        assert lacks(books, LATER) == {}
        assert status(books, LATER) == Status.HARDWARE

    def test_refusals_change_nothing(self, books: Books, unit: HardwareUnit) -> None:
        books.redeem(LATER, core=50, universal=50)
        for quantities, refusal in (
            ({}, NothingToExpand),
            ({"core": 0}, NothingToExpand),
            ({"core": -1}, ExpansionNotUnderstood),
            ({"audio": 1}, ExpansionNotUnderstood),
            ({"core": 10**30}, TooFewToExpand),
            ({"core": 1, "universal": 4}, TooFewToExpand),
        ):
            with pytest.raises(refusal):
                expand_unit(unit=unit, quantities=by_code(quantities), nonce=uuid.uuid4(), actor=None, on=LATER)
        with pytest.raises(TooFewToExpand) as refused:
            books.expand(LATER, unit, core=11, universal=4)
        assert refused.value.short == {"Core device": 2, "Universal device": 1}
        assert licenses(unit) == by_code({"core": 8})
        # On the day on which the older lot expires its 4 can no longer be allocated (R22).
        with pytest.raises(TooFewToExpand):
            books.expand(date(2032, 3, 1), unit, core=6)
        books.expand(date(2032, 3, 1), unit, core=5)

    def test_the_same_confirmation_counts_once(self, books: Books, unit: HardwareUnit) -> None:
        nonce = uuid.uuid4()
        first = books.expand(LATER, unit, nonce=nonce, core=2)
        assert books.expand(LATER, unit, nonce=nonce, core=2) == first
        assert Expansion.objects.count() == 1

    def test_the_first_license_begins_to_tie(self, books: Books) -> None:
        """R25: until then the devices count."""
        bare = books.unit(DAY, "SN-1")
        books.report(DAY, system="A", unit="SN-1", core=3)
        books.redeem(DAY, kind=LicenseKind.HARDWARE, core=1)
        assert books.stand(DAY).devices["core-device"] == 3
        books.expand(LATER, bare, core=1)
        assert books.stand(LATER).devices["core-device"] == 0
        assert lacks(books, LATER) == {"SN-1": {"core-device": 2}}


class TestR27EndOfLife:
    def test_retiring_ends_the_licenses_and_the_devices_count_from_that_day(self, books: Books) -> None:
        unit = books.unit(DAY, "SN-1", core=8)
        books.report(DAY, system="A", unit="SN-1", core=6)
        books.start(DAY)
        assert books.stand(DAY).years[0].missing_total == 0
        books.retire(LATER, unit)
        standing = books.stand(LATER)
        assert (standing.devices["core-device"], standing.years[0].missing["core-device"]) == (6, 6)
        assert licenses(unit) == {}
        assert standing.wallet[LicenseKind.HARDWARE]["core-device"] == 0
        rows = DeviceCount.objects.filter(license_type__code="core-device").order_by("from_on")
        assert list(rows.values_list("from_on", "until_on", "license_basis")) == [
            (DAY, LATER, LicenseBasis.HARDWARE),
            (LATER, None, LicenseBasis.SUBSCRIPTION),
        ]
        for change in (
            lambda: books.retire(LATER, unit),
            lambda: books.expand(LATER, unit, core=1),
        ):
            with pytest.raises(UnitEnded):
                change()

    def test_a_report_that_names_a_retired_unit_counts(self, books: Books) -> None:
        books.retire(DAY, books.unit(DAY, "SN-1", core=8))
        books.report(DAY, system="A", unit="SN-1", core=6)
        assert books.stand(DAY).devices["core-device"] == 6

    def test_replacing_moves_licenses_and_systems_once(self, books: Books, staff: User) -> None:
        """8 preloaded and 3 of an expansion move; the 99 preloaded on the new one are not added."""
        unit = books.unit(DAY, "OLD", core=8)
        books.report(DAY, system="A", unit="OLD", core=11)
        books.redeem(DAY, kind=LicenseKind.HARDWARE, core=3)
        books.expand(DAY, unit, core=3)
        books.make_unit("NEW", core=99)
        made = replace_unit(old_unit=unit, new_serial="new", reason="burnt", actor=staff, on=LATER)
        assert (licenses(unit), licenses(made.new_unit)) == ({}, by_code({"core": 11}))
        assert books.stand(LATER).units.serials == ("NEW",)
        assert status(books, LATER) == Status.HARDWARE
        with pytest.raises(UnitEnded):
            replace_unit(old_unit=unit, new_serial="new", reason="again", actor=staff, on=LATER)
        # The system's own next report names the new one.
        books.report(LATER, system="A", unit="NEW", core=12)
        assert lacks(books, LATER) == {"NEW": {"core-device": 1}}

    def test_what_can_not_replace(self, books: Books, staff: User, other_organization: Organization) -> None:
        unit = books.unit(DAY, "OLD", core=8)
        books.make_unit("AUDIO", product="audio-manager", audio=1)
        books.make_unit("FREE", core=1)
        Books(other_organization).unit(DAY, "THEIRS", core=1)
        for serial, reason in (("NONE", "x"), ("AUDIO", "x"), ("THEIRS", "x"), ("OLD", "x"), ("FREE", " ")):
            with pytest.raises(ReplacementRefused, match=r"Nothing was changed\. (Enter|Compare|Choose) "):
                replace_unit(old_unit=unit, new_serial=serial, reason=reason, actor=staff, on=DAY)
        assert licenses(unit) == by_code({"core": 8})
        assert UnitHolding.objects.count() == 2


class TestR14aRowsOfHardware:
    def test_the_first_that_holds(self, books: Books) -> None:
        """No subscription, units and no devices that count: by hardware, or expansion licenses needed; else the trial."""
        unit = books.unit(DAY, "SN-1", core=8)
        assert status(books) == Status.HARDWARE
        books.report(DAY, system="A", unit="SN-1", core=8)
        assert status(books) == Status.HARDWARE
        books.report(DAY, system="A", unit="SN-1", core=9)
        assert status(books) == Status.EXPANSION_NEEDED
        # A device that counts, be it one, brings the rows below.
        books.report(DAY, system="B", universal=1)
        assert status(books) == Status.TRIAL
        assert status(books, date(2027, 4, 1)) == Status.TRIAL_ENDED
        books.report(DAY, system="B", universal=0)
        assert status(books) == Status.EXPANSION_NEEDED
        # Rows of the subscription come before those of hardware, lacking or not.
        books.start(DAY)
        assert status(books) == Status.STARTED
        assert lacks(books) == {"SN-1": {"core-device": 1}}
        # With the last unit's end the rows of hardware are over, here for a product without a trial.
        audio = books.unit(DAY, "SN-2", product="audio-manager", audio=1)
        assert status(books, product="audio-manager") == Status.HARDWARE
        books.retire(DAY, audio)
        assert status(books, product="audio-manager") == Status.NOT_STARTED
        assert unit.is_active

    def test_with_no_need_left_a_started_product_says_so(self, books: Books) -> None:
        books.report(DAY, system="A", core=2)
        books.start(DAY)
        after_grace = date(2027, 4, 1)
        assert status(books, after_grace) == Status.UNLICENSED
        books.unit(after_grace, "SN-1", core=2)
        books.report(after_grace, system="A", unit="SN-1", core=2)
        assert status(books, after_grace) == Status.NO_NEED
