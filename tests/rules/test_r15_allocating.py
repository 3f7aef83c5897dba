"""R15 to R20: what can be allocated, from which lots, once, what comes back, and that it is what was shown."""

import uuid
from collections.abc import Callable
from datetime import date

import pytest

from history.models import Action, Record
from subscriptions.allocation import facts_shown, preview_allocation
from subscriptions.errors import ConfirmationChanged, ConfirmationUsed, NeedNotMatched, NotStarted, YearsNotOffered
from subscriptions.models import Allocation
from subscriptions.rules import compensate, year_at
from tests.factories import Books, check_conservation, dump_books
from wallet.errors import NotEnoughLicenses
from wallet.models import Lot, Transfer, TransferReason

pytestmark = pytest.mark.django_db
DAY = date(2025, 3, 1)  # its year has 365 days: to 2026-02-28


def begin(books: Books, *, core: int = 2, universal: int = 0, redeem: int = 20) -> None:
    """A started product with these devices and ``redeem`` licenses of each type in the wallet."""
    books.report(DAY, core=core, universal=universal)
    books.start(DAY)
    books.redeem(DAY, core=redeem, universal=redeem)


def refuse(books: Books, error: type[Exception], *years: dict[str, int], on: date = DAY) -> Exception:
    """Confirm what has to be refused with ``error`` and change nothing."""
    before = dump_books(books.organization)
    with pytest.raises(error) as refused:
        books.allocate(on, *years)
    assert dump_books(books.organization) == before
    return refused.value


class TestR15YearsOnOffer:
    def test_the_current_and_the_five_after_it(self, books: Books) -> None:
        begin(books)
        assert [year.year.first.year for year in books.stand(DAY).years] == [2025, 2026, 2027, 2028, 2029, 2030]
        refuse(books, YearsNotOffered, *[{"core": 2}] * 7)
        books.allocate(DAY, *[{"core": 2}] * 6)
        assert [year.missing_total for year in books.stand(DAY).years] == [0] * 6

    def test_nothing_entered_is_refused(self, books: Books) -> None:
        begin(books)
        refuse(books, YearsNotOffered)
        refuse(books, YearsNotOffered, {}, {"core": 0})

    def test_a_gap_is_refused_and_named(self, books: Books) -> None:
        begin(books)
        refused = refuse(books, NeedNotMatched, {}, {"core": 2})
        assert isinstance(refused, NeedNotMatched)
        assert (refused.gaps, refused.mismatches) == ([0], [])
        refused = refuse(books, NeedNotMatched, {"core": 2}, {}, {"core": 2})
        assert isinstance(refused, NeedNotMatched)
        assert refused.gaps == [1]

    def test_a_year_before_that_misses_nothing_is_no_gap(self, books: Books) -> None:
        begin(books)
        books.allocate(DAY, {"core": 2})
        books.allocate(DAY, {}, {"core": 2})
        assert [year.allocated_total for year in books.stand(DAY).years] == [2, 2, 0, 0, 0, 0]

    def test_an_earlier_year_that_misses_some_since_has_to_be_filled_first(self, books: Books) -> None:
        begin(books)
        books.allocate(DAY, {"core": 2}, {"core": 2})
        books.report(DAY, core=3)  # growth of 1 in the current year is allowed; the next one misses 1
        refuse(books, NeedNotMatched, {}, {}, {"core": 3})
        books.allocate(DAY, {}, {"core": 1}, {"core": 3})

    def test_not_before_the_start(self, books: Books) -> None:
        books.report(DAY, core=2)
        refuse(books, NotStarted, {"core": 2})


class TestR16MatchTheNeed:
    @pytest.mark.parametrize(("entered", "over"), [(1, -1), (3, 1), (10**30, 10**30 - 2)])
    def test_short_and_over_are_refused_with_the_difference(self, books: Books, entered: int, over: int) -> None:
        begin(books)
        refused = refuse(books, NeedNotMatched, {"core": entered})
        assert isinstance(refused, NeedNotMatched)
        assert [(m.number, m.code, m.over) for m in refused.mismatches] == [(0, "core-device", over)]
        assert f"{abs(over):,}" in refused.sentence

    def test_a_type_that_is_left_out_is_short(self, books: Books) -> None:
        begin(books, universal=4)
        refused = refuse(books, NeedNotMatched, {"core": 2})
        assert isinstance(refused, NeedNotMatched)
        assert [(m.code, m.over) for m in refused.mismatches] == [("universal-device", -4)]

    def test_a_type_that_is_not_needed_is_over(self, books: Books) -> None:
        begin(books)
        refuse(books, NeedNotMatched, {"core": 2, "universal": 1})

    def test_every_wrong_year_is_named(self, books: Books) -> None:
        begin(books)
        refused = refuse(books, NeedNotMatched, {"core": 1}, {"core": 3})
        assert isinstance(refused, NeedNotMatched)
        assert [(m.number, m.over) for m in refused.mismatches] == [(0, -1), (1, 1)]

    @pytest.mark.parametrize("quantity", [-1, -2, -(10**30)])
    def test_negative_quantities_are_refused(self, books: Books, quantity: int) -> None:
        begin(books)
        refuse(books, YearsNotOffered, {"core": quantity})

    def test_a_type_of_another_product_is_refused(self, books: Books) -> None:
        begin(books)
        refuse(books, YearsNotOffered, {"core": 2, "audio": 1})

    def test_a_year_that_misses_nothing_takes_nothing(self, books: Books) -> None:
        begin(books)
        books.allocate(DAY, {"core": 2})
        refuse(books, NeedNotMatched, {"core": 1})


class TestR17FromTheWallet:
    def lots(self, books: Books) -> list[tuple[date, int]]:
        found = Lot.objects.filter(organization=books.organization, account__license_type__code="core-device")
        return [
            (lot.expires_on, lot.account.balance)
            for lot in found.select_related("account").order_by("expires_on", "pk")
        ]

    def test_the_earliest_expiry_first_and_the_nearest_year_first(self, books: Books) -> None:
        # Lots of 3 (2028-01-01), 2 (2029-01-01), 5 (2029-06-01); started with 4 devices.
        books.report(date(2023, 1, 1), core=4)
        books.redeem(date(2023, 1, 1), core=3)
        books.redeem(date(2024, 1, 1), core=2)
        books.redeem(date(2024, 6, 1), core=5)
        books.start(DAY)
        preview = preview_allocation(books.stand(DAY), {0: {"core-device": 4}, 1: {"core-device": 4}})
        taken = [
            [(taking.lot.expires_on, taking.quantity) for taking in year.takings["core-device"]]
            for year in preview.years
        ]
        assert taken == [
            [(date(2028, 1, 1), 3), (date(2029, 1, 1), 1)],
            [(date(2029, 1, 1), 1), (date(2029, 6, 1), 3)],
        ]
        books.allocate(DAY, {"core": 4}, {"core": 4})
        assert self.lots(books) == [(date(2028, 1, 1), 0), (date(2029, 1, 1), 0), (date(2029, 6, 1), 2)]

    def test_a_lot_that_expires_today_is_not_taken(self, books: Books) -> None:
        books.report(date(2023, 1, 1), core=1)
        books.redeem(date(2023, 1, 1), core=1)
        books.start(date(2027, 3, 1))
        refuse(books, NotEnoughLicenses, {"core": 1}, on=date(2028, 1, 1))

    def test_on_the_day_before_it_is(self, books: Books) -> None:
        books.report(date(2023, 1, 1), core=1)
        books.redeem(date(2023, 1, 1), core=1)
        books.start(date(2027, 3, 1))
        books.allocate(date(2027, 12, 31), {"core": 1})

    def test_what_is_missing_is_told(self, books: Books) -> None:
        begin(books, core=4, redeem=6)
        refused = refuse(books, NotEnoughLicenses, {"core": 4}, {"core": 4})
        assert isinstance(refused, NotEnoughLicenses)
        assert refused.short == {"core-device": 2}

    def test_licenses_for_hardware_are_not_taken(self, books: Books) -> None:
        books.report(DAY, core=1)
        books.start(DAY)
        books.redeem(DAY, kind="hardware", core=5)
        refuse(books, NotEnoughLicenses, {"core": 1})

    def test_what_the_same_confirmation_gives_back_is_not_in_the_wallet_yet(self, books: Books) -> None:
        # On 2026-02-27 the year's last two days are left: 363 days come back of each of 3, 1089 = 2 x 365 + 359.
        begin(books, core=3, redeem=5)
        refuse(books, NotEnoughLicenses, {"core": 3}, {"core": 3}, on=date(2026, 2, 27))
        books.allocate(date(2026, 2, 27), {"core": 3})
        standing = books.stand(date(2026, 2, 27))
        assert (standing.wallet["subscription"]["core-device"], standing.credit_days["core-device"]) == (4, 359)
        books.allocate(date(2026, 2, 27), {}, {"core": 3})


class TestR18AllOrNothing:
    def test_the_same_confirmation_twice_counts_once(self, books: Books) -> None:
        begin(books)
        nonce = uuid.uuid4()
        first = books.allocate(DAY, {"core": 2}, nonce=nonce)
        before = dump_books(books.organization)
        assert books.allocate(DAY, {"core": 2}, nonce=nonce) == first
        assert dump_books(books.organization) == before

    def test_also_on_a_later_day_and_in_a_later_year(self, books: Books) -> None:
        begin(books)
        nonce = uuid.uuid4()
        first = books.allocate(DAY, {"core": 2}, nonce=nonce)
        assert books.allocate(date(2025, 3, 2), {"core": 2}, nonce=nonce) == first
        assert books.allocate(date(2026, 3, 2), {"core": 2}, nonce=nonce) == first
        assert Allocation.objects.count() == 1

    def test_one_name_for_two_confirmations_is_refused(self, books: Books) -> None:
        begin(books)
        nonce = uuid.uuid4()
        books.allocate(DAY, {"core": 2}, nonce=nonce)
        before = dump_books(books.organization)
        with pytest.raises(ConfirmationUsed):
            books.allocate(DAY, {}, {"core": 2}, nonce=nonce)
        assert dump_books(books.organization) == before

    def test_if_the_second_year_is_wrong_the_first_is_not_allocated(self, books: Books) -> None:
        begin(books)
        refuse(books, NeedNotMatched, {"core": 2}, {"core": 1})
        assert books.stand(DAY).years[0].allocated_total == 0


class TestR19Compensation:
    @pytest.mark.parametrize(
        ("start", "on", "first_day", "days_used", "days_each"),
        [
            # Within grace: from the year's first day, 365 of 365 days, so nothing comes back.
            (DAY, DAY, DAY, 365, 0),
            (DAY, date(2025, 3, 31), DAY, 365, 0),
            # The day after grace: 2025-04-01 to 2026-02-28 is 365 - 31 = 334 days, 31 come back.
            (DAY, date(2025, 4, 1), date(2025, 4, 1), 334, 31),
            # 2025-09-01: 30 + 31 + 30 + 31 + 31 + 28 = 181, 184 come back.
            (DAY, date(2025, 9, 1), date(2025, 9, 1), 181, 184),
            # The last day: one day is used.
            (DAY, date(2026, 2, 28), date(2026, 2, 28), 1, 364),
            # A product that started on 2025-05-10: 22 + 30 + 31 + 31 + 30 + 31 + 30 + 31 + 31 + 28 = 295 within its grace,
            # which ends on 2025-06-09 (21 days to the 31st, 9 more).
            (date(2025, 5, 10), date(2025, 6, 9), date(2025, 5, 10), 295, 70),
            # A day later: 21 + 31 + 31 + 30 + 31 + 30 + 31 + 31 + 28 = 264.
            (date(2025, 5, 10), date(2025, 6, 10), date(2025, 6, 10), 264, 101),
        ],
    )
    def test_the_days_that_each_license_gives_back(
        self, start: date, on: date, first_day: date, days_used: int, days_each: int
    ) -> None:
        found = compensate(quantity=1, year=year_at(DAY, 0), started_on=start, on=on, credit=0)
        assert (found.covered_from, found.days_used_each, found.days_given) == (first_day, days_used, days_each)

    def test_a_year_of_366_days_gives_back_nothing_and_takes_nothing(self) -> None:
        # 2027-03-01 to 2028-02-29.
        leap = year_at(date(2027, 3, 1), 0)
        found = compensate(quantity=7, year=leap, started_on=leap.first, on=leap.first, credit=10)
        assert (found.days_used_each, found.days_given, found.licenses, found.credit_after) == (366, 0, 0, 10)
        # A day after its grace: 2027-04-01 on, 366 - 31 = 335 days, 30 come back.
        assert compensate(quantity=1, year=leap, started_on=leap.first, on=date(2027, 4, 1), credit=0).days_given == 30

    def test_the_year_before_a_leap_day_anchor(self) -> None:
        # Anchor 2028-02-29, year 3: 2031-02-28 to 2032-02-28, 366 days. On 2032-02-28 one day is used.
        year = year_at(date(2028, 2, 29), 3)
        assert (
            compensate(quantity=2, year=year, started_on=date(2028, 2, 29), on=date(2032, 2, 28), credit=0).days_given
            == 728
        )
        # Its grace ends on 2031-03-30, 366 - 31 = 335 days are left on 2031-03-31.
        found = compensate(quantity=2, year=year, started_on=date(2028, 2, 29), on=date(2031, 3, 30), credit=0)
        assert found.days_given == 0
        found = compensate(quantity=2, year=year, started_on=date(2028, 2, 29), on=date(2031, 3, 31), credit=0)
        assert (found.days_used_each, found.days_given) == (335, 60)

    def test_where_no_day_comes_back_nothing_is_given_and_nothing_told(self, books: Books) -> None:
        """The last day of grace is 2025-03-31: each license covers the whole year. A day later 31 days come back of each."""
        begin(books, core=2)
        told = Record.objects.filter(organization=books.organization, action=Action.LICENSES_COMPENSATED)
        within = books.allocate(date(2025, 3, 31), {"core": 2})
        assert (within.compensation, told.count()) == (None, 0)
        assert not Transfer.objects.filter(reason=TransferReason.COMPENSATED).exists()
        # Growth 3, allowance 2: 1 is missing.
        books.report(date(2025, 4, 1), core=5)
        after = books.allocate(date(2025, 4, 1), {"core": 1})
        assert after.compensation is not None
        assert [record.payload["days"] for record in told] == [{"core-device": 31}]

    def test_every_365_become_a_license_and_the_rest_is_carried_on(self, books: Books) -> None:
        # 2025-09-01: 2 x 184 = 368 = 1 license and 3 days.
        begin(books, core=2, redeem=2)
        books.allocate(date(2025, 9, 1), {"core": 2})
        standing = books.stand(date(2025, 9, 1))
        assert (standing.wallet["subscription"]["core-device"], standing.credit_days["core-device"]) == (1, 3)
        lot = Lot.objects.get(organization=books.organization, origin="compensated")
        assert (lot.entered_on, lot.expires_on) == (date(2025, 9, 1), date(2030, 9, 1))
        # Year 2026-03-01 to 2027-02-28; on 2026-10-01 31 + 30 + 31 + 31 + 28 = 151 days are left, 214 come back of each.
        # 3 + 2 x 214 = 431 = 1 license and 66 days.
        books.redeem(date(2026, 10, 1), core=1)
        books.allocate(date(2026, 10, 1), {"core": 2})
        standing = books.stand(date(2026, 10, 1))
        assert (standing.wallet["subscription"]["core-device"], standing.credit_days["core-device"]) == (1, 66)
        check_conservation(books.organization)

    def test_credit_never_expires(self, books: Books) -> None:
        begin(books, core=1, redeem=1)
        books.allocate(date(2025, 9, 1), {"core": 1})
        books.settle(date(2041, 1, 1))
        assert books.stand(date(2041, 1, 1)).credit_days["core-device"] == 184

    def test_within_grace_also_when_the_year_was_fully_licensed_already(self, books: Books) -> None:
        # 1 allocated of 1; 3 devices on 2025-03-20: growth 2, allowance 1, 1 missing. Covered from the first day: 0 back.
        begin(books, core=1, redeem=5)
        books.allocate(DAY, {"core": 1})
        books.report(date(2025, 3, 20), core=3)
        books.allocate(date(2025, 3, 31), {"core": 1})
        assert books.stand(date(2025, 3, 31)).credit_days["core-device"] == 0
        # 2025-06-01 to 2026-02-28: 30 + 31 + 31 + 30 + 31 + 30 + 31 + 31 + 28 = 273; 92 come back.
        books.report(date(2025, 6, 1), core=4)
        books.allocate(date(2025, 6, 1), {"core": 1})
        assert books.stand(date(2025, 6, 1)).credit_days["core-device"] == 92

    def test_in_a_later_years_grace_nothing_comes_back(self, books: Books) -> None:
        # The renewal date is 2026-03-01, the last day of its grace 2026-03-31; the year has 365 days.
        begin(books, core=1, redeem=5)
        books.allocate(date(2026, 3, 31), {"core": 1})
        assert books.stand(date(2026, 3, 31)).credit_days["core-device"] == 0

    def test_coming_years_give_back_nothing(self, books: Books) -> None:
        begin(books, core=1, redeem=6)
        books.allocate(date(2025, 9, 1), *[{"core": 1}] * 6)
        assert books.stand(date(2025, 9, 1)).credit_days["core-device"] == 184

    def test_days_are_kept_per_type(self, books: Books) -> None:
        # 2025-09-01: 1 x 184 of core; 2 x 184 = 1 license and 3 days of universal.
        begin(books, core=1, universal=2, redeem=2)
        books.allocate(date(2025, 9, 1), {"core": 1, "universal": 2})
        standing = books.stand(date(2025, 9, 1))
        assert dict(standing.credit_days) == {"core-device": 184, "universal-device": 3}
        assert dict(standing.wallet["subscription"]) == {"core-device": 1, "universal-device": 1}
        check_conservation(books.organization)

    def test_it_never_changes_the_dates_of_the_period(self, books: Books) -> None:
        begin(books)
        before = [year["first"] for year in books.describe(date(2025, 9, 1))["years"]]
        books.allocate(date(2025, 9, 1), {"core": 2})
        assert [year["first"] for year in books.describe(date(2025, 9, 1))["years"]] == before


class TestR20ShownBeforeConfirmed:
    def test_what_was_shown_is_what_is_confirmed(self, books: Books) -> None:
        begin(books)
        standing = books.stand(date(2025, 9, 1))
        preview = preview_allocation(standing, {0: {"core-device": 2}})
        books.allocate(date(2025, 9, 1), {"core": 2}, facts=facts_shown(standing))
        after = books.stand(date(2025, 9, 1))
        shown = preview.compensation["core-device"]
        assert after.wallet["subscription"]["core-device"] == preview.wallet_left["core-device"] + shown.licenses
        assert after.credit_days["core-device"] == shown.credit_after

    @pytest.mark.parametrize(
        "change",
        [
            lambda books: books.report(date(2025, 9, 1), core=3),
            lambda books: books.redeem(date(2025, 9, 1), core=1),
            lambda books: books.settle(date(2025, 9, 2)),
            lambda books: books.allocate(date(2025, 9, 1), {"core": 2}),
        ],
        ids=["need", "lots", "date", "missing and credit"],
    )
    def test_whatever_changed_since_stops_it(self, books: Books, change: Callable[[Books], object]) -> None:
        begin(books)
        facts = facts_shown(books.stand(date(2025, 9, 1)))
        change(books)
        books.organization.refresh_from_db()
        on = max(date(2025, 9, 1), books.organization.settled_through or DAY)
        before = dump_books(books.organization)
        with pytest.raises(ConfirmationChanged) as refused:
            books.allocate(on, {"core": 2}, facts=facts)
        assert refused.value.changes
        assert dump_books(books.organization) == before

    def test_what_happens_to_another_product_does_not(self, books: Books) -> None:
        begin(books)
        facts = facts_shown(books.stand(DAY))
        books.report(DAY, product="audio-manager", system="Audio", audio=9)
        books.redeem(DAY, product="audio-manager", audio=9)
        books.allocate(DAY, {"core": 2}, facts=facts)

    def test_nor_a_report_that_changes_nothing(self, books: Books) -> None:
        begin(books)
        facts = facts_shown(books.stand(DAY))
        books.report(DAY, core=2)
        books.allocate(DAY, {"core": 2}, facts=facts)
