"""R34, worked out by hand: a coming year is returned whole, from the last one backwards, to the lots that it came from."""

import uuid
from collections.abc import Mapping
from datetime import date

import pytest

from history.models import Record
from organizations.errors import DateGoesBack
from organizations.models import User
from subscriptions.errors import (
    ConfirmationUsed,
    ExpiryNotAccepted,
    LaterYearFirst,
    NothingToRelease,
    NotStarted,
    ReleaseChanged,
    ReleaseIsOff,
    ReleaseRefused,
    YearHasBegun,
)
from subscriptions.models import Release
from subscriptions.queries import product_standing
from subscriptions.releasing import preview_release, releasable_year, release_year
from tests.factories import Books, by_code, check_conservation, dump_books
from wallet.models import AccountCategory, LedgerAccount, Lot, Policy

pytestmark = pytest.mark.django_db
# Year 0: 1 March 2027 to 29 February 2028. Year 1: 1 March 2028 to 28 February 2029. Year 2 begins on 1 March 2029.
START = date(2027, 3, 1)
LAST_DAY = date(2028, 2, 29)
YEAR_1 = date(2028, 3, 1)


@pytest.fixture
def ahead(books: Books) -> Books:
    """3 core and 1 universal device, started on 1 March 2027; years 0, 1 and 2 are allocated, from two redemptions.

    Of core there are 4 from 1 March and 8 from 1 April, of universal 5 from 1 March: year 0 takes 3 core of the elder
    lot, year 1 the last one and 2 of the younger, year 2 another 3 of it.
    """
    books.report(START, core=3, universal=1)
    books.start(START)
    books.redeem(START, core=4, universal=5)
    books.redeem(date(2027, 4, 1), core=8)
    books.allocate(date(2027, 4, 1), *[{"core": 3, "universal": 1}] * 3)
    return books


def lots(books: Books) -> dict[tuple[str, date], int]:
    """What each lot holds, by type and use-by, without the empty ones."""
    return {
        (lot.account.license_type.code, lot.expires_on): lot.account.balance
        for lot in Lot.objects.filter(organization=books.organization, account__balance__gt=0)
    }


def allocated(books: Books, on: date) -> list[int]:
    """The licenses allocated to the years on offer."""
    return [year.allocated_total for year in books.stand(on).years]


def refused(books: Books, on: date, number: int, error: type[ReleaseRefused]) -> ReleaseRefused:
    """Releasing is refused with ``error`` and leaves the books alone; the preview knows it."""
    before = dump_books(books.organization)
    with pytest.raises(error) as told:
        books.release(on, number)
    assert dump_books(books.organization) == before
    with pytest.raises(error):
        preview_release(books.stand(on), number)
    assert "Nothing was changed" in told.value.sentence
    return told.value


ELDER, YOUNGER = date(2032, 3, 1), date(2032, 4, 1)


class TestWholeAndBackwards:
    def test_a_year_goes_back_to_the_very_lots_with_their_dates(self, ahead: Books) -> None:
        assert lots(ahead) == {("core-device", YOUNGER): 3, ("universal-device", ELDER): 2}
        ahead.release(date(2027, 5, 1), 2)
        assert lots(ahead) == {("core-device", YOUNGER): 6, ("universal-device", ELDER): 3}
        ahead.release(date(2027, 5, 2), 1)
        # One of year 1's core licenses came from the elder lot and goes back to it.
        assert lots(ahead) == {("core-device", ELDER): 1, ("core-device", YOUNGER): 8, ("universal-device", ELDER): 4}
        assert allocated(ahead, date(2027, 5, 2)) == [4, 0, 0, 0, 0, 0]
        check_conservation(ahead.organization)

    def test_the_wallet_is_per_lot_exactly_as_before_the_allocation(self, books: Books) -> None:
        books.report(START, core=3, universal=2)
        books.start(START)
        for day in (START, date(2027, 3, 5), date(2027, 3, 9)):
            books.redeem(day, core=5, universal=3)
        books.allocate(date(2027, 3, 10), {"core": 3, "universal": 2})
        before = lots(books)
        books.allocate(date(2027, 3, 11), {}, {"core": 3, "universal": 2}, {"core": 3, "universal": 2})
        assert lots(books) != before
        for number in (2, 1):
            books.release(date(2027, 3, 12), number)
        assert lots(books) == before
        check_conservation(books.organization)

    def test_what_was_allocated_in_several_steps_goes_back_at_once(self, books: Books) -> None:
        books.report(START, core=1)
        books.start(START)
        books.redeem(START, core=10)
        books.allocate(START, {"core": 1}, {"core": 1})
        # The second device is within the allowance of the current year, and needs one license more in the next.
        books.report(START, core=2)
        books.allocate(START, {}, {"core": 1})
        assert lots(books) == {("core-device", ELDER): 7}
        books.release(START, 1)
        assert lots(books) == {("core-device", ELDER): 9}

    def test_the_last_allocated_year_comes_first_and_is_named(self, ahead: Books) -> None:
        told = refused(ahead, date(2027, 5, 1), 1, LaterYearFirst)
        assert "March 1, 2029 to Feb. 28, 2030" in told.sentence
        found = releasable_year(ahead.stand(date(2027, 5, 1)))
        assert found is not None
        assert (found.year.year.number, found.last_on) == (2, date(2029, 2, 28))

    def test_a_year_to_which_nothing_is_allocated_has_nothing_to_return(self, ahead: Books) -> None:
        for number in (3, 5, 6, 10**9):
            refused(ahead, date(2027, 5, 1), number, NothingToRelease)

    def test_released_it_can_be_allocated_anew_and_released_again(self, ahead: Books) -> None:
        for _time in range(2):
            ahead.release(date(2027, 5, 1), 2)
            ahead.allocate(date(2027, 5, 1), {}, {}, {"core": 3, "universal": 1})
        assert allocated(ahead, date(2027, 5, 1)) == [4, 4, 4, 0, 0, 0]
        check_conservation(ahead.organization)

    def test_history_tells_the_year_the_licenses_and_who(self, ahead: Books, administrator: User) -> None:
        release_year(
            registered_product=ahead.registered(),
            number=2,
            nonce=uuid.uuid4(),
            accept_expiry=False,
            actor=administrator,
            on=date(2027, 5, 1),
        )
        record = Record.objects.get(organization=ahead.organization, action="subscriptions.year.released")
        assert (record.actor, record.happened_on) == (administrator, date(2027, 5, 1))
        assert record.payload == {
            "first_day": "2029-03-01",
            "last_day": "2030-02-28",
            "licenses": {"core-device": 3, "universal-device": 1},
        }


class TestUntilTheYearBegins:
    def test_the_day_before_it_begins_is_the_last(self, ahead: Books) -> None:
        ahead.release(date(2028, 2, 28), 2)
        found = releasable_year(ahead.stand(LAST_DAY))
        assert found is not None
        assert (found.year.year.number, found.last_on) == (1, LAST_DAY)
        ahead.release(LAST_DAY, 1)
        assert allocated(ahead, LAST_DAY) == [4, 0, 0, 0, 0, 0]
        # The year then begins without licenses.
        ahead.settle(YEAR_1)
        assert ahead.stand(YEAR_1).status == "renewal_grace"

    @pytest.mark.parametrize("is_settled", [True, False], ids=["settled", "not settled"])
    def test_on_its_first_day_it_is_used(self, ahead: Books, is_settled: bool) -> None:
        ahead.release(LAST_DAY, 2)
        if is_settled:
            ahead.settle(YEAR_1)
        told = refused(ahead, YEAR_1, 1, YearHasBegun)
        assert "March 1, 2028" in told.sentence
        assert ahead.stand(YEAR_1).status == "licensed"
        assert releasable_year(ahead.stand(YEAR_1)) is None

    def test_a_year_that_is_over_says_so(self, ahead: Books) -> None:
        assert "March 1, 2027" in refused(ahead, date(2029, 3, 1), 0, YearHasBegun).sentence
        assert "March 1, 2028" in refused(ahead, date(2029, 3, 1), 1, YearHasBegun).sentence

    def test_a_date_that_is_settled_beyond_is_refused(self, ahead: Books) -> None:
        ahead.settle(YEAR_1)
        with pytest.raises(DateGoesBack):
            ahead.release(LAST_DAY, 1)

    def test_before_the_start_there_is_no_year(self, books: Books) -> None:
        books.report(START, core=1)
        with pytest.raises(NotStarted):
            books.release(START, 1)
        assert releasable_year(books.stand(START)) is None


class TestNothingIsCompensated:
    def test_the_credit_and_the_days_stay(self, books: Books) -> None:
        books.report(START, core=10)
        books.start(START)
        books.redeem(START, core=20)
        # 1 December: 91 of the year's 366 days are left, so 274 of each license's 365: 2740 = 7 x 365 + 185.
        on = date(2027, 12, 1)
        books.allocate(on, {"core": 10}, {"core": 10})

        def days() -> Mapping[str, int]:
            return dict(LedgerAccount.objects.filter(unit="day").values_list("category", "balance"))

        assert days() == {"days_given": -2740, "days_credit": 185, "days_compensated": 2555}
        books.release(on, 1)
        assert days() == {"days_given": -2740, "days_credit": 185, "days_compensated": 2555}
        assert lots(books) == {("core-device", ELDER): 10, ("core-device", date(2032, 12, 1)): 7}
        assert not Record.objects.filter(action="wallet.licenses.compensated", sequence__gt=8).exists()
        check_conservation(books.organization)


class TestLotsOlderThanFiveYears:
    """3 core devices. Lot A of 1 March 2027 holds 19 and expires on 1 March 2032, lot B of 1 March 2028 holds 9.

    Year 0 takes 3 of A. On 1 March 2028 the years 1 to 6 are allocated: 15 of A for the years 1 to 5, and for year 6,
    which begins on 1 March 2033, the last one of A and 2 of B.
    """

    AFTER = date(2032, 6, 1)

    @pytest.fixture
    def old(self, books: Books) -> Books:
        books.report(START, core=3)
        books.start(START)
        books.redeem(START, core=19)
        books.allocate(START, {"core": 3})
        books.redeem(YEAR_1, core=9)
        books.allocate(YEAR_1, *[{"core": 3}] * 6)
        return books

    def test_while_the_lot_is_young_enough_nothing_expires(self, old: Books) -> None:
        on = date(2032, 2, 29)
        assert preview_release(old.stand(on), 6).expiring_total == 0
        old.release(on, 6)
        assert lots(old) == {("core-device", ELDER): 1, ("core-device", date(2033, 3, 1)): 9}

    def test_what_would_expire_at_once_is_shown_and_needs_a_tick(self, old: Books) -> None:
        preview = preview_release(old.stand(self.AFTER), 6)
        assert [(r.lot.expires_on, r.quantity, r.expires_at_once) for r in preview.returns] == [
            (ELDER, 1, True),
            (date(2033, 3, 1), 2, False),
        ]
        before = dump_books(old.organization)
        with pytest.raises(ExpiryNotAccepted) as told:
            old.release(self.AFTER, 6)
        assert told.value.sentence.startswith("1 license would expire at once. Nothing was changed.")
        assert dump_books(old.organization) == before

    def test_ticked_it_expires_on_that_day_and_lives_no_longer(self, old: Books) -> None:
        old.release(self.AFTER, 6, accept_expiry=True)
        assert lots(old) == {("core-device", date(2033, 3, 1)): 9}
        assert LedgerAccount.objects.get(category=AccountCategory.EXPIRED).balance == 1
        record = Record.objects.get(action="wallet.lot.expired")
        assert (record.happened_on, record.payload["licenses"], record.payload["entered_on"]) == (
            self.AFTER,
            {"core-device": 1},
            "2027-03-01",
        )
        assert old.stand(self.AFTER).wallet["subscription"]["core-device"] == 9
        # Nothing is left for the daily job to let expire a second time.
        old.settle(date(2032, 6, 2))
        assert Record.objects.filter(action="wallet.lot.expired").count() == 1
        check_conservation(old.organization)


class TestOnceAndAsShown:
    def test_the_same_nonce_counts_once_even_after_the_year_is_allocated_anew(self, ahead: Books) -> None:
        on, nonce = date(2027, 5, 1), uuid.uuid4()
        first = ahead.release(on, 2, nonce=nonce)
        assert ahead.release(on, 2, nonce=nonce) == first
        ahead.allocate(on, {}, {}, {"core": 3, "universal": 1})
        assert ahead.release(on, 2, nonce=nonce) == first
        assert allocated(ahead, on) == [4, 4, 4, 0, 0, 0]
        assert Release.objects.count() == 1

    def test_the_same_nonce_for_another_year_is_refused(self, ahead: Books) -> None:
        nonce = uuid.uuid4()
        ahead.release(date(2027, 5, 1), 2, nonce=nonce)
        with pytest.raises(ConfirmationUsed):
            ahead.release(date(2027, 5, 1), 1, nonce=nonce)

    def test_what_was_shown_is_what_is_done(self, ahead: Books) -> None:
        on = date(2027, 5, 1)
        facts = preview_release(ahead.stand(on), 2).facts()
        later = date(2027, 5, 2)
        with pytest.raises(ReleaseChanged) as told:
            ahead.release(later, 2, facts=facts)
        assert told.value.changes == ["Today is May 2, 2027 now."]
        facts = preview_release(ahead.stand(later), 2).facts()
        # One more device, and one more license allocated to the year.
        ahead.report(later, core=4, universal=1)
        ahead.allocate(later, {}, {"core": 1}, {"core": 1})
        with pytest.raises(ReleaseChanged) as told:
            ahead.release(later, 2, facts=facts)
        assert told.value.changes == ["What is allocated to the year changed."]
        ahead.release(later, 2, facts=preview_release(ahead.stand(later), 2).facts())
        assert allocated(ahead, later) == [4, 5, 0, 0, 0, 0]


class TestWhatStaffDecided:
    def test_switched_off(self, ahead: Books) -> None:
        Policy.objects.create(pk=1, release_is_on=False)
        refused(ahead, date(2027, 5, 1), 2, ReleaseIsOff)
        assert releasable_year(ahead.stand(date(2027, 5, 1))) is None

    def test_other_days(self, ahead: Books) -> None:
        Policy.objects.create(pk=1, release_ends_days_before=30)
        ahead.release(date(2027, 5, 1), 2)
        # 1 March 2028 less 30 days is 31 January 2028: the 30th is the last day.
        found = releasable_year(ahead.stand(date(2028, 1, 30)))
        assert found is not None
        assert found.last_on == date(2028, 1, 30)
        told = refused(ahead, date(2028, 1, 31), 1, YearHasBegun)
        assert "could be released before Jan. 31, 2028" in told.sentence
        ahead.release(date(2028, 1, 30), 1)


def test_another_product_is_left_alone(ahead: Books) -> None:
    ahead.report(START.replace(month=4), product="audio-manager", system="Audio", audio=2)
    on = date(2027, 5, 1)
    ahead.start(on, product="audio-manager")
    ahead.redeem(on, product="audio-manager", audio=10)
    ahead.allocate(on, {"audio": 2}, {"audio": 2}, product="audio-manager")
    ahead.release(on, 1, product="audio-manager")
    assert allocated(ahead, on) == [4, 4, 4, 0, 0, 0]
    audio = product_standing(ahead.registered("audio-manager"), on)
    # 10 less the 2 of the current year; its 2 x 60 days are given back, too few for a license.
    assert audio.wallet["subscription"] == by_code({"audio": 8})
    check_conservation(ahead.organization)
