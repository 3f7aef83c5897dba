"""R33, worked out by hand: a redemption is undone up to its day + 7, whole, and its key is whole again."""

import uuid
from datetime import date

import pytest

from history.models import Record
from organizations.models import Organization, User
from tests.factories import Books, check_conservation, dump_books, issue, register
from wallet.errors import (
    KeyAlreadyRedeemed,
    KeyFormUsed,
    KeyTooLate,
    KeyUnknown,
    UndoIsOff,
    UndoNotWhole,
    UndoRefused,
    UndoTooLate,
)
from wallet.models import AccountCategory, LedgerAccount, LicenseKey, Lot, Policy, Redemption
from wallet.queries import recent_undos, undo_of
from wallet.services import issue_license_keys, redeem_license_key, undo_redemption

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)
# Redeemed on Monday 1 March 2027: 1 + 7 = 8 March is the last day, 9 March is too late.
LAST_DAY = date(2027, 3, 8)
TOO_LATE = date(2027, 3, 9)


@pytest.fixture
def camera(books: Books) -> Books:
    """Camera Station with 3 core devices, its subscription started on 1 March 2027."""
    books.report(START, core=3)
    books.start(START)
    return books


def undo(redemption: Redemption, on: date, actor: User | None = None) -> Redemption:
    """Undo it."""
    return undo_redemption(redemption=redemption, actor=actor, on=on)


def refused(books: Books, redemption: Redemption, on: date, error: type[UndoRefused]) -> UndoRefused:
    """Undoing is refused with ``error``, and the books are as before; the page knows it beforehand."""
    books.settle(on)
    before = dump_books(books.organization)
    with pytest.raises(error) as told:
        undo(redemption, on)
    assert dump_books(books.organization) == before
    assert "Nothing was changed" in told.value.sentence
    redemption.refresh_from_db()
    assert redemption.undone_on is None
    assert type(undo_of(redemption, on).refused) is error
    return told.value


def core_in_wallet(books: Books, on: date) -> int:
    """How many core licenses can be allocated."""
    return books.stand(on).wallet["subscription"]["core-device"]


class TestTheDays:
    @pytest.mark.parametrize("on", [START, LAST_DAY])
    def test_up_to_the_day_of_redeeming_plus_7_that_day_included(self, camera: Books, on: date) -> None:
        redemption = camera.redeem(START, core=10, universal=2)
        undone = undo(redemption, on)
        assert undone.undone_on == on
        assert dict(camera.stand(on).wallet["subscription"]) == {"core-device": 0, "universal-device": 0}
        check_conservation(camera.organization)

    def test_on_the_eighth_day_it_is_too_late(self, camera: Books) -> None:
        redemption = camera.redeem(START, core=10)
        told = refused(camera, redemption, TOO_LATE, UndoTooLate)
        assert "March 8, 2027" in told.sentence
        assert core_in_wallet(camera, TOO_LATE) == 10

    def test_the_days_are_counted_over_a_leap_day(self, camera: Books) -> None:
        # 25 February 2028 + 7: the 26th, 27th, 28th, 29th, 1st, 2nd, 3 March.
        redemption = camera.redeem(date(2028, 2, 25), core=1)
        refused(camera, redemption, date(2028, 3, 4), UndoTooLate)
        assert undo_of(redemption, START).last_on == date(2028, 3, 3)


class TestWhole:
    def test_one_license_that_is_allocated_is_enough_to_refuse(self, camera: Books) -> None:
        redemption = camera.redeem(START, core=4)
        camera.allocate(START, {"core": 3})
        told = refused(camera, redemption, START, UndoNotWhole)
        assert told.sentence.startswith("3 licenses of this key are no longer in the wallet")
        assert core_in_wallet(camera, START) == 1

    def test_released_again_it_can_be_undone(self, camera: Books) -> None:
        # 3 for the current year come from the older lot, 3 for the next year from the younger one.
        camera.redeem(START, core=3)
        younger = camera.redeem(date(2027, 3, 2), core=3)
        camera.allocate(date(2027, 3, 3), {"core": 3}, {"core": 3})
        refused(camera, younger, date(2027, 3, 4), UndoNotWhole)
        camera.release(date(2027, 3, 5), 1)
        undo(younger, date(2027, 3, 9))
        standing = camera.stand(date(2027, 3, 9))
        assert [year.allocated["core-device"] for year in standing.years] == [3, 0, 0, 0, 0, 0]
        assert standing.wallet["subscription"]["core-device"] == 0
        check_conservation(camera.organization)

    def test_every_type_of_the_key_counts(self, camera: Books) -> None:
        redemption = camera.redeem(START, core=3, universal=5)
        camera.allocate(START, {"core": 3})
        refused(camera, redemption, START, UndoNotWhole)

    def test_other_lots_stay_as_they_are(self, camera: Books) -> None:
        camera.redeem(START, core=5)
        mistaken = camera.redeem(START, core=7)
        undo(mistaken, START)
        assert [lot.account.balance for lot in Lot.objects.order_by("pk")] == [5, 0]
        taken = LedgerAccount.objects.get(category=AccountCategory.TAKEN_BACK)
        assert taken.balance == 7

    def test_licenses_that_are_tied_to_hardware_are_taken_back_alike(self, camera: Books) -> None:
        undo(camera.redeem(START, kind="hardware", core=2), START)
        assert camera.stand(START).wallet["hardware"]["core-device"] == 0
        check_conservation(camera.organization)


class TestOnce:
    def test_undone_twice_it_counts_once(self, camera: Books, administrator: User) -> None:
        redemption = camera.redeem(START, core=10)
        first = undo(redemption, START, administrator)
        # Even when the days are over: what is done needs no doing.
        second = undo(redemption, date(2027, 4, 1), administrator)
        assert (first.undone_on, second.undone_on) == (START, START)
        record = Record.objects.get(organization=camera.organization, action="wallet.redemption.undone")
        assert (record.actor, record.happened_on) == (administrator, START)
        assert record.payload["licenses"] == {"core-device": 10}
        assert record.payload["redeemed_on"] == "2027-03-01"
        check_conservation(camera.organization)


class TestTheKeyIsWholeAgain:
    def test_redeemed_again_it_starts_a_lot_of_its_own_with_its_own_five_years(self, camera: Books) -> None:
        key = issue(camera.products["camera-station"], core=10)
        first = redeem_license_key(registered_product=camera.registered(), license_key=key, actor=None, on=START)
        undo(first, LAST_DAY)
        again = date(2027, 6, 15)
        second = redeem_license_key(registered_product=camera.registered(), license_key=key, actor=None, on=again)
        assert second != first
        old, new = Lot.objects.order_by("pk")
        assert (old.entered_on, old.expires_on, old.account.balance) == (START, date(2032, 3, 1), 0)
        assert (new.entered_on, new.expires_on, new.account.balance) == (again, date(2032, 6, 15), 10)
        # Neither longer nor shorter: use by 14 June 2032, gone on the 15th.
        assert core_in_wallet(camera, date(2032, 6, 14)) == 10
        assert core_in_wallet(camera, date(2032, 6, 15)) == 0
        # The second redemption has seven days of its own.
        assert undo_of(second, again).last_on == date(2027, 6, 22)
        check_conservation(camera.organization)

    def test_another_organization_may_redeem_it_then(self, camera: Books, other_organization: Organization) -> None:
        product = camera.products["camera-station"]
        other = register(other_organization, product, on=START, system="Other", core=1)
        key = issue(product, core=10)
        mine = redeem_license_key(registered_product=camera.registered(), license_key=key, actor=None, on=START)
        with pytest.raises(KeyUnknown):
            redeem_license_key(registered_product=other, license_key=key, actor=None, on=START)
        undo(mine, START)
        redeem_license_key(registered_product=other, license_key=key, actor=None, on=START)
        assert Redemption.objects.get(undone_on=None).organization == other_organization
        with pytest.raises(KeyUnknown):
            redeem_license_key(registered_product=camera.registered(), license_key=key, actor=None, on=START)
        for organization in (camera.organization, other_organization):
            check_conservation(organization)

    def test_whose_redeem_by_is_over_stays_free_and_is_refused(self, camera: Books) -> None:
        [key] = issue_license_keys(
            product=camera.products["camera-station"],
            kind="subscription",
            licenses={"core-device": 2},
            count=1,
            redeem_by=date(2027, 3, 3),
            actor=None,
        )
        redeemed = redeem_license_key(
            registered_product=camera.registered(), license_key=key, actor=None, on=date(2027, 3, 3)
        )
        undo(redeemed, date(2027, 3, 4))
        with pytest.raises(KeyTooLate):
            redeem_license_key(registered_product=camera.registered(), license_key=key, actor=None, on=date(2027, 3, 4))
        assert not Redemption.objects.filter(undone_on=None).exists()

    def test_the_form_that_redeemed_it_does_not_redeem_it_again_when_it_is_sent_late(self, camera: Books) -> None:
        key, token = issue(camera.products["camera-station"], core=10), uuid.uuid4()

        def send(form_token: uuid.UUID) -> Redemption:
            return redeem_license_key(
                registered_product=camera.registered(), license_key=key, actor=None, on=START, form_token=form_token
            )

        undo(send(token), START)
        with pytest.raises(KeyFormUsed):
            send(token)
        send(uuid.uuid4())
        with pytest.raises(KeyAlreadyRedeemed):
            send(uuid.uuid4())
        assert LicenseKey.objects.count() == 1
        assert core_in_wallet(camera, START) == 10


class TestWhatStaffDecided:
    def test_switched_off(self, camera: Books) -> None:
        redemption = camera.redeem(START, core=1)
        Policy.objects.create(pk=1, undo_is_on=False)
        refused(camera, redemption, START, UndoIsOff)
        assert recent_undos(camera.registered(), START) == []

    def test_other_days(self, camera: Books) -> None:
        Policy.objects.create(pk=1, undo_days=0)
        first = camera.redeem(START, core=1)
        second = camera.redeem(START, core=1)
        undo(first, START)
        refused(camera, second, date(2027, 3, 2), UndoTooLate)
        Policy.objects.update(undo_days=30)
        # 1 March + 30 is 31 March.
        assert undo_of(second, START).last_on == date(2027, 3, 31)
        undo(second, date(2027, 3, 31))


def test_the_redemptions_on_offer_are_the_young_ones_that_count(camera: Books) -> None:
    old = camera.redeem(START, core=1)
    undone = camera.redeem(date(2027, 3, 2), core=2)
    undo(undone, date(2027, 3, 2))
    young = camera.redeem(date(2027, 3, 5), core=3)
    offered = {
        day: [found.redemption for found in recent_undos(camera.registered(), day)] for day in (LAST_DAY, TOO_LATE)
    }
    assert offered == {LAST_DAY: [young, old], TOO_LATE: [young]}
