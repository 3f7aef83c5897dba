"""What a confirmation would do, worked out by hand on a standing that is in no database (R15 to R20)."""

from dataclasses import replace
from datetime import date

import pytest

from products.models import LicenseType, RegisteredProduct
from subscriptions.allocation import Plan, YearAllocation, facts_shown, preview_allocation
from subscriptions.errors import NeedNotMatched, NotStarted, YearsNotOffered
from subscriptions.queries import ProductStanding, YearStanding
from subscriptions.rules import Compensation, Mismatch, Status, year_at
from wallet.errors import NotEnoughLicenses
from wallet.rules import LotStock, Taking

# Year 0 is 2025-03-01 to 2026-02-28, its grace ends on 2025-03-31; on 2025-04-01 31 of its 365 days are over.
ANCHOR = date(2025, 3, 1)
AFTER_GRACE = date(2025, 4, 1)
SOON, LATE = LotStock(1, 11, 3, date(2026, 1, 1)), LotStock(2, 12, 4, date(2027, 1, 1))
OTHER = LotStock(3, 13, 2, date(2027, 1, 1))


def standing(*missing: dict[str, int], on: date = AFTER_GRACE) -> ProductStanding:
    """A started product of two types, whose years miss this; 7 core licenses in two lots, 2 universal ones in one."""
    years = [
        YearStanding(
            offset=offset,
            year=year_at(ANCHOR, offset),
            covered_from=year_at(ANCHOR, offset).first,
            allocated={},
            need={"core": 9, "universal": offset},
            missing=lacks,
        )
        for offset, lacks in enumerate(missing)
    ]
    return ProductStanding(
        registered_product=RegisteredProduct(),
        on=on,
        types=(LicenseType(code="core"), LicenseType(code="universal")),
        devices={},
        systems=1,
        wallet={},
        stock={"core": (LATE, SOON), "universal": (OTHER,)},
        credit_days={"core": 340, "universal": 5},
        status=Status.UNLICENSED,
        anchor_on=ANCHOR,
        started_on=ANCHOR,
        years=tuple(years),
    )


TWO_YEARS = standing({"core": 2, "universal": 1}, {"core": 3, "universal": 0})


def refused(where: ProductStanding, plan: Plan) -> str:
    """The sentence by which the plan is refused as one that is not on offer."""
    with pytest.raises(YearsNotOffered) as refusal:
        preview_allocation(where, plan)
    return refusal.value.sentence


def test_two_years_are_filled_from_the_earliest_lots_and_days_come_back_of_the_first() -> None:
    plan = {1: {"core": 3, "universal": 0}, 0: {"core": 2, "universal": 1}}
    found = preview_allocation(TWO_YEARS, plan)
    assert found.standing is TWO_YEARS
    assert found.plan == {0: {"core": 2, "universal": 1}, 1: {"core": 3}}
    # What the first year leaves of the first lot is 1, so that the second one takes 1 and 2.
    left = replace(SOON, quantity=1)
    assert found.years == (
        YearAllocation(
            TWO_YEARS.years[0],
            {"core": 2, "universal": 1},
            {"core": (Taking(SOON, 2),), "universal": (Taking(OTHER, 1),)},
        ),
        YearAllocation(TWO_YEARS.years[1], {"core": 3}, {"core": (Taking(left, 1), Taking(LATE, 2))}),
    )
    assert found.wallet_left == {"core": 2, "universal": 1}
    # 340 + 2 x 31 = 402 = 1 license and 37 days; 5 + 31 = 36. Nothing for the coming year.
    assert found.compensation == {
        "core": Compensation(AFTER_GRACE, 334, 62, 1, 37),
        "universal": Compensation(AFTER_GRACE, 334, 31, 0, 36),
    }
    assert (found.total, found.licenses_given_back) == (6, 1)


def test_for_a_coming_year_alone_nothing_comes_back() -> None:
    found = preview_allocation(standing({"core": 0}, {"core": 3}), {1: {"core": 3}})
    assert (found.compensation, found.licenses_given_back, found.total) == ({}, 0, 3)
    assert [each.standing.offset for each in found.years] == [1]


def test_before_the_start_there_is_nothing_to_allocate_to() -> None:
    with pytest.raises(NotStarted):
        preview_allocation(replace(TWO_YEARS, started_on=None), {0: {"core": 2, "universal": 1}})


def test_what_is_not_on_offer_is_refused_with_its_reason() -> None:
    entered = "Nothing was entered, so nothing was allocated. Enter the licenses that match the Current need."
    assert refused(TWO_YEARS, {}) == refused(TWO_YEARS, {0: {"core": 0}}) == entered
    years = "Only the current year and the five after it can be allocated. Nothing was allocated."
    assert refused(TWO_YEARS, {2: {"core": 1}}) == refused(TWO_YEARS, {0: {"core": 2}, -1: {"core": 1}}) == years
    types = "A license type or quantity was entered that this product does not have. Nothing was allocated."
    assert refused(TWO_YEARS, {0: {"core": 2, "audio": 1}}) == types
    assert refused(TWO_YEARS, {0: {"core": -1, "universal": 1}}) == types


def test_what_is_not_missing_and_what_comes_first_are_named() -> None:
    with pytest.raises(NeedNotMatched) as refusal:
        preview_allocation(TWO_YEARS, {1: {"core": 4}})
    assert (refusal.value.mismatches, refusal.value.gaps) == ([Mismatch(1, "core", 4, 3)], [0])
    assert "2026" in refusal.value.sentence and "2025" in refusal.value.sentence
    with pytest.raises(NeedNotMatched) as refusal:
        preview_allocation(TWO_YEARS, {1: {"core": 3}})
    assert (refusal.value.mismatches, refusal.value.gaps) == ([], [0])


def test_what_the_wallet_lacks_is_added_up_over_the_years() -> None:
    many = standing({"core": 9, "universal": 2}, {"core": 1, "universal": 1})
    with pytest.raises(NotEnoughLicenses) as refusal:
        preview_allocation(many, {0: {"core": 9, "universal": 2}, 1: {"core": 1, "universal": 1}})
    assert refusal.value.short == {"core": 3, "universal": 1}


def test_a_lot_that_expires_today_is_not_taken() -> None:
    today = standing({"core": 5}, on=date(2026, 1, 1))
    with pytest.raises(NotEnoughLicenses) as refusal:
        preview_allocation(today, {0: {"core": 5}})
    assert refusal.value.short == {"core": 1}


def test_what_a_page_shows_is_all_on_which_it_rests() -> None:
    assert facts_shown(TWO_YEARS) == {
        "date": "2025-04-01",
        "need": [{"core": 9, "universal": 0}, {"core": 9, "universal": 1}],
        "missing": [{"core": 2, "universal": 1}, {"core": 3, "universal": 0}],
        "lots": {
            "core": [[2, 4, "2027-01-01"], [1, 3, "2026-01-01"]],
            "universal": [[3, 2, "2027-01-01"]],
        },
        "credit": {"core": 340, "universal": 5},
    }
