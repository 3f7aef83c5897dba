"""The pace at which devices grow, and the day on which the growth allowance is passed at it (R12), worked out by hand."""

from datetime import date, timedelta

import pytest

from subscriptions.pace import Pace, allowance_passed_on, pace_since

ON = date(2027, 9, 1)
YEAR_END = date(2028, 2, 29)


def passed(
    changes: dict[str, int], *, days: int = 90, devices: dict[str, int], allocated: dict[str, int], allowance: int
) -> date | None:
    pace = Pace(ON - timedelta(days=days), ON, changes)
    return allowance_passed_on(
        list(devices), allocated=allocated, devices=devices, allowance=allowance, pace=pace, last=YEAR_END
    )


@pytest.mark.parametrize(
    ("year_first", "registered_on", "since"),
    [
        (date(2027, 3, 1), date(2025, 1, 1), date(2027, 6, 3)),
        (date(2027, 8, 1), date(2025, 1, 1), date(2027, 8, 1)),
        (date(2027, 3, 1), date(2027, 8, 20), date(2027, 8, 20)),
    ],
)
def test_the_pace_is_that_of_90_days_or_since_the_year_or_the_product_began(
    year_first: date, registered_on: date, since: date
) -> None:
    assert pace_since(ON, year_first, registered_on) == since


def test_one_device_more_every_ten_days() -> None:
    """10 licenses, allowance 10, 15 devices, 9 more in 90 days: the 21st device comes after 60 days, on 31 October."""
    assert passed({"core": 9}, devices={"core": 15}, allocated={"core": 10}, allowance=10) == date(2027, 10, 31)


def test_an_allowance_that_is_just_used_up_is_not_passed() -> None:
    """20 devices are all that 10 licenses and an allowance of 10 let there be; the next comes in 10 days."""
    assert passed({"core": 9}, devices={"core": 20}, allocated={"core": 10}, allowance=10) == date(2027, 9, 11)
    assert passed({"core": 0}, devices={"core": 20}, allocated={"core": 10}, allowance=10) is None


def test_more_than_the_allowance_is_passed_today() -> None:
    """R12: 10 allocated and 25 devices: 5 are missing."""
    assert passed({"core": 0}, devices={"core": 25}, allocated={"core": 10}, allowance=10) == ON


def test_the_last_day_of_the_year_counts_and_the_one_after_it_does_not() -> None:
    """181 days are left: in 180 days the 11th device comes on 28 February, in 182 it would on 1 March."""
    assert (YEAR_END - ON).days == 181
    at_a_pace_of = {"devices": {"core": 10}, "allocated": {"core": 5}, "allowance": 5}
    assert passed({"core": 1}, days=180, **at_a_pace_of) == date(2028, 2, 28)  # type: ignore[arg-type]
    assert passed({"core": 1}, days=181, **at_a_pace_of) == YEAR_END  # type: ignore[arg-type]
    assert passed({"core": 1}, days=182, **at_a_pace_of) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [0, -9])
def test_devices_that_do_not_grow_pass_nothing(change: int) -> None:
    assert passed({"core": change}, devices={"core": 15}, allocated={"core": 10}, allowance=10) is None


def test_each_type_goes_on_at_its_own_pace_and_none_serves_for_another() -> None:
    """Core grows by 1 in 10 days from 10 of 10, universal shrinks from 4 of 10: what it leaves free helps core in nothing."""
    devices, allocated = {"core": 10, "universal": 4}, {"core": 10, "universal": 10}
    assert passed({"core": 9, "universal": -9}, devices=devices, allocated=allocated, allowance=3) == date(2027, 10, 11)


def test_a_pace_of_no_days_goes_nowhere() -> None:
    pace = Pace(ON, ON, {"core": 5})
    assert pace.devices_after({"core": 7}, 30) == {"core": 7}
    assert passed({"core": 5}, days=0, devices={"core": 15}, allocated={"core": 10}, allowance=10) is None


def test_devices_are_whole_and_never_fewer_than_none() -> None:
    pace = Pace(ON - timedelta(days=90), ON, {"core": 5, "universal": -90})
    assert pace.devices_after({"core": 7, "universal": 3}, 17) == {"core": 7, "universal": 0}
    assert pace.devices_after({"core": 7, "universal": 3}, 18) == {"core": 8, "universal": 0}
    assert pace.net == -85
