"""The rules' functions on plain values, each worked out by hand: no database, so that a thousand breakages can be tried on them.

`make proof PARTS=mutants` breaks each line of every rules.py, and what `PURE` names of the allocation, and runs these.
"""

from datetime import date

import pytest

from hardware import rules as hardware
from subscriptions import rules
from subscriptions.allocation import clean_plan, describe_changes, fingerprint
from subscriptions.rules import Mismatch, Status, UnitsState, Year, YearState, year_at
from wallet import rules as wallet
from wallet.rules import LotStock, Taking

DAY = date(2027, 3, 1)
TYPES = ("core", "universal")


class TestYears:
    def test_a_year_is_named_by_its_number_first_and_last_day(self) -> None:
        assert year_at(DAY, 0) == Year(0, DAY, date(2028, 2, 29))
        assert year_at(DAY, 2) == Year(2, date(2029, 3, 1), date(2030, 2, 28))

    def test_the_current_one_changes_on_the_anniversary(self) -> None:
        assert rules.current_year(DAY, date(2028, 2, 29)) == year_at(DAY, 0)
        assert rules.current_year(DAY, date(2028, 3, 1)) == year_at(DAY, 1)

    def test_six_are_on_offer_the_current_one_first(self) -> None:
        assert rules.years_on_offer(DAY, date(2028, 3, 1)) == tuple(year_at(DAY, number) for number in range(1, 7))

    def test_grace_is_30_days_after_what_opens_the_year(self) -> None:
        year = year_at(DAY, 0)
        assert rules.covered_from(year, DAY) == DAY
        assert rules.grace_last_day(year, DAY) == date(2027, 3, 31)
        assert rules.covered_from(year, date(2027, 5, 10)) == date(2027, 5, 10)
        assert rules.grace_last_day(year, date(2027, 5, 10)) == date(2027, 6, 9)


class TestNeed:
    def test_fully_licensed_is_every_type_and_at_least_one_license(self) -> None:
        assert rules.is_fully_licensed({"core": 3}, {"core": 3, "universal": 0})
        assert rules.is_fully_licensed({"core": 1}, {})
        assert rules.is_fully_licensed({"core": 4, "universal": 1}, {"core": 3, "universal": 1})
        assert not rules.is_fully_licensed({"core": 3}, {"core": 4})
        assert not rules.is_fully_licensed({"core": 9}, {"universal": 1})
        assert not rules.is_fully_licensed({"core": 0}, {"core": 0})
        assert not rules.is_fully_licensed({}, {})

    def test_growth_is_what_is_beyond_per_type_and_never_below_zero(self) -> None:
        grown = rules.growth(TYPES, {"core": 3, "universal": 5}, {"core": 7, "universal": 2})
        assert grown == {"core": 4, "universal": 0}
        assert rules.growth(TYPES, {}, {"universal": 1}) == {"core": 0, "universal": 1}

    def test_without_an_allowance_all_of_it_is_missing(self) -> None:
        assert rules.missing(TYPES, {"core": 1}, {"core": 3, "universal": 2}) == {"core": 2, "universal": 2}

    def test_an_allowance_is_spent_in_catalogue_order(self) -> None:
        devices = {"core": 4, "universal": 6}
        # Growth 4 - 2 = 2 and 6 - 3 = 3.
        allocated = {"core": 2, "universal": 3}
        assert rules.missing(TYPES, allocated, devices, 0) == {"core": 2, "universal": 3}
        assert rules.missing(TYPES, allocated, devices, 1) == {"core": 1, "universal": 3}
        assert rules.missing(TYPES, allocated, devices, 4) == {"core": 0, "universal": 1}
        assert rules.missing(TYPES, allocated, devices, 9) == {"core": 0, "universal": 0}
        assert rules.missing(TYPES[::-1], allocated, devices, 4) == {"universal": 0, "core": 1}


class TestCompensation:
    def test_within_grace_the_whole_year_is_covered(self) -> None:
        # 2025-03-01 to 2026-02-28 is 365 days.
        year = year_at(date(2025, 3, 1), 0)
        found = rules.compensate(quantity=2, year=year, started_on=year.first, on=date(2025, 3, 31), credit=7)
        assert found == rules.Compensation(date(2025, 3, 1), 365, 0, 0, 7)

    def test_after_it_each_license_gives_back_the_days_that_are_over(self) -> None:
        # From 2025-04-01 334 days are left, 31 come back of each; 31 x 12 = 372 and 358 of before are 730: two licenses.
        year = year_at(date(2025, 3, 1), 0)
        found = rules.compensate(quantity=12, year=year, started_on=year.first, on=date(2025, 4, 1), credit=358)
        assert found == rules.Compensation(date(2025, 4, 1), 334, 372, 2, 0)
        found = rules.compensate(quantity=12, year=year, started_on=year.first, on=date(2025, 4, 1), credit=357)
        assert (found.licenses, found.credit_after) == (1, 364)

    def test_of_a_year_of_366_days_nothing_is_taken(self) -> None:
        year = year_at(DAY, 0)
        found = rules.compensate(quantity=3, year=year, started_on=DAY, on=DAY, credit=0)
        assert found == rules.Compensation(DAY, 366, 0, 0, 0)


def state(*, number: int = 1, started: date = DAY, full: bool = False, missing: int = 0) -> YearState:
    return YearState(year_at(DAY, number), started, full, missing)


class TestStatus:
    """R14a, row by row. Year 1 is 2028-03-01 to 2029-02-28, its grace ends on 2028-03-31."""

    @pytest.mark.parametrize(
        ("units", "found"),
        [
            (UnitsState(active=1), Status.HARDWARE),
            (UnitsState(active=2, is_lacking=True), Status.EXPANSION_NEEDED),
            (UnitsState(active=1, counting_devices=1), Status.TRIAL),
            (UnitsState(active=1, counting_devices=1, is_lacking=True), Status.TRIAL),
            (UnitsState(), Status.TRIAL),
            (UnitsState(is_lacking=True), Status.TRIAL),
        ],
    )
    def test_before_the_start_units_come_first(self, units: UnitsState, found: Status) -> None:
        assert rules.status(on=DAY, current=None, trial_last_on=DAY, units=units) == found

    def test_a_trial_lasts_through_its_last_day(self) -> None:
        last = date(2027, 3, 31)
        assert rules.status(on=last, current=None, trial_last_on=last) == Status.TRIAL
        assert rules.status(on=date(2027, 4, 1), current=None, trial_last_on=last) == Status.TRIAL_ENDED
        assert rules.status(on=last, current=None, trial_last_on=None) == Status.NOT_STARTED

    @pytest.mark.parametrize(
        ("on", "current", "found"),
        [
            (date(2028, 6, 1), state(full=True), Status.LICENSED),
            (date(2028, 6, 1), state(full=True, missing=1), Status.GROWTH_EXCEEDED),
            # In the year in which it started, until the end of grace.
            (date(2027, 3, 31), state(number=0, missing=3), Status.STARTED),
            (date(2027, 3, 31), state(number=0), Status.STARTED),
            (date(2027, 4, 1), state(number=0, missing=3), Status.UNLICENSED),
            (date(2027, 4, 1), state(number=0), Status.NO_NEED),
            (date(2027, 6, 9), state(number=0, started=date(2027, 5, 10), missing=1), Status.STARTED),
            (date(2027, 6, 10), state(number=0, started=date(2027, 5, 10), missing=1), Status.UNLICENSED),
            # In a year after it.
            (date(2028, 3, 31), state(missing=1), Status.RENEWAL_GRACE),
            (date(2028, 4, 1), state(missing=1), Status.UNLICENSED),
            (date(2028, 3, 31), state(), Status.NO_NEED),
            (date(2028, 4, 1), state(), Status.NO_NEED),
            # On the very first day of a year.
            (date(2028, 3, 1), state(started=date(2028, 3, 1), missing=1), Status.STARTED),
        ],
    )
    def test_of_a_started_product(self, on: date, current: YearState, found: Status) -> None:
        # Units and trial say nothing any more.
        units = UnitsState(active=1)
        assert rules.status(on=on, current=current, trial_last_on=date(2030, 1, 1), units=units) == found


class TestPlan:
    def test_what_is_entered_is_what_is_missing(self) -> None:
        missing = {0: {"core": 2, "universal": 1}, 1: {"core": 2, "universal": 0}}
        assert rules.check_plan(TYPES, {0: {"core": 2, "universal": 1}}, missing) == ([], [])
        assert rules.check_plan(TYPES, {0: {"core": 2, "universal": 1}, 1: {"core": 2}}, missing) == ([], [])
        mismatches, gaps = rules.check_plan(TYPES, {1: {"core": 3}, 0: {"core": 1}}, missing)
        assert mismatches == [Mismatch(0, "core", 1, 2), Mismatch(0, "universal", 0, 1), Mismatch(1, "core", 3, 2)]
        assert [mismatch.over for mismatch in mismatches] == [-1, -1, 1]
        assert gaps == []

    def test_a_type_that_nobody_needs_is_over(self) -> None:
        assert rules.check_plan(TYPES, {0: {"universal": 1}}, {0: {}}) == ([Mismatch(0, "universal", 1, 0)], [])

    def test_earlier_years_that_miss_something_come_first(self) -> None:
        missing = {2: {"core": 1}, 0: {"core": 1, "universal": 0}, 1: {"core": 0}, 3: {"core": 1}}
        assert rules.check_plan(TYPES, {2: {"core": 1}}, missing) == ([], [0])
        assert rules.check_plan(TYPES, {3: {"core": 1}}, missing) == ([], [0, 2])
        assert rules.check_plan(TYPES, {0: {"core": 1}, 2: {"core": 1}}, missing) == ([], [])
        assert rules.check_plan(TYPES, {}, missing) == ([], [])

    def test_what_is_zero_does_not_belong_to_it(self) -> None:
        plan = {1: {"core": 0}, 2: {"core": 1, "universal": 0}, 0: {"universal": 3}}
        assert list(clean_plan(plan).items()) == [(0, {"universal": 3}), (2, {"core": 1})]


class TestWallet:
    def test_a_lot_is_kept_for_five_years(self) -> None:
        assert wallet.expires_on(DAY) == date(2032, 3, 1)
        assert wallet.expires_on(date(2028, 2, 29)) == date(2033, 2, 28)
        assert wallet.use_by(date(2032, 3, 1)) == date(2032, 2, 29)

    def test_the_earliest_expiry_first_then_the_older_lot(self) -> None:
        late = LotStock(1, 11, 5, date(2030, 1, 1))
        soon, sooner = LotStock(3, 13, 2, date(2029, 1, 1)), LotStock(2, 12, 2, date(2029, 1, 1))
        assert wallet.take([late, soon, sooner], 3, DAY) == ([Taking(sooner, 2), Taking(soon, 1)], 0)
        assert wallet.take([late, soon, sooner], 4, DAY) == ([Taking(sooner, 2), Taking(soon, 2)], 0)
        assert wallet.take([late, soon, sooner], 10, DAY) == (
            [Taking(sooner, 2), Taking(soon, 2), Taking(late, 5)],
            1,
        )
        assert wallet.take([late], 0, DAY) == ([], 0)

    def test_what_expired_or_is_empty_gives_nothing(self) -> None:
        gone, empty = LotStock(1, 11, 5, DAY), LotStock(2, 12, 0, date(2028, 1, 1))
        last, one = LotStock(3, 13, 1, date(2027, 3, 2)), LotStock(4, 14, 1, date(2029, 1, 1))
        assert wallet.take([gone, empty, last, one], 3, DAY) == ([Taking(last, 1), Taking(one, 1)], 1)


class TestUnits:
    def test_one_license_ties(self) -> None:
        assert hardware.is_tied({"core": 1})
        assert hardware.is_tied({"core": 0, "universal": 2})
        assert not hardware.is_tied({"core": 0})

    def test_what_is_lacking_and_what_is_too_many(self) -> None:
        assert hardware.lacking({"core": 2, "audio": 1}, {"core": 3, "audio": 1, "universal": 1}) == {
            "core": 1,
            "universal": 1,
        }
        assert hardware.lacking({"core": 3}, {"core": 2, "universal": 0}) == {}
        assert hardware.too_many({"core": 3, "audio": 1, "universal": 1}, {"core": 2, "audio": 1}) == {
            "core": 1,
            "universal": 1,
        }
        assert hardware.too_many({"core": 1, "universal": 0}, {"core": 2}) == {}


class TestWhatWasShown:
    FACTS = {"date": "2027-03-01", "need": [1], "missing": [1], "lots": {"core": []}, "credit": {"core": 3}}

    @pytest.mark.parametrize(
        ("fact", "value", "sentence"),
        [
            ("date", "2027-03-02", "Today is March 2, 2027 now."),
            ("need", [2], "The current need changed."),
            ("missing", [2], "What the years are missing changed."),
            ("lots", {"core": [1]}, "The licenses in the product wallet changed."),
            ("credit", {"core": 4}, "The credit days changed."),
        ],
    )
    def test_each_fact_that_differs_is_told(self, fact: str, value: object, sentence: str) -> None:
        now = {**self.FACTS, fact: value}
        assert describe_changes(self.FACTS, now) == [sentence]
        assert describe_changes({}, self.FACTS)[1:] != []
        assert fingerprint(now) != fingerprint(self.FACTS)

    def test_what_is_the_same_in_another_order_is_no_change(self) -> None:
        turned = dict(reversed(self.FACTS.items()))
        assert describe_changes(self.FACTS, turned) == []
        assert fingerprint(turned) == fingerprint(self.FACTS)
