"""The geometry of pictures, with numbers worked out by hand."""

from datetime import date

import pytest

from licensemgr.core.drawing import Across, Span, Step, height_of, percent, pixels, steps, ticks, value_on, with_room


def test_a_scale_tells_places_in_percent_of_the_width() -> None:
    across = Across(0, 8)
    assert [across.at(value) for value in (0, 1, 2, 8)] == ["0%", "12.5%", "25%", "100%"]
    assert across.span(2, 6) == Span("25%", "50%")


def test_what_lies_outside_a_scale_is_put_on_its_edge() -> None:
    across = Across(10, 20)
    assert (across.at(0), across.at(25)) == ("0%", "100%")
    assert across.span(0, 15) == Span("0%", "50%")


def test_a_mirrored_scale_begins_on_the_right() -> None:
    across = Across(0, 8, mirrored=True)
    assert [across.at(value) for value in (0, 2, 8)] == ["100%", "75%", "0%"]
    assert across.span(0, 2) == Span("75%", "25%")


def test_a_scale_without_length_has_one_place() -> None:
    assert Across(3, 3).at(3) == "0%"


def test_a_scale_of_days_reaches_to_the_evening_of_the_last() -> None:
    """Of ten days the sixth begins in the middle; the last alone is a tenth."""
    across = Across.of_days(date(2027, 3, 1), date(2027, 3, 10))
    assert across.on(date(2027, 3, 1)) == "0%"
    assert across.on(date(2027, 3, 6)) == "50%"
    assert across.days(date(2027, 3, 10), date(2027, 3, 10)) == Span("90%", "10%")


def test_numbers_are_written_as_svg_reads_them() -> None:
    assert [percent(share) for share in (0, 33.3333, 100.0, 0.004)] == ["0%", "33.33%", "100%", "0%"]
    assert [pixels(value) for value in (0.0, 12.25, 170.0)] == ["0", "12.2", "170"]


@pytest.mark.parametrize(
    ("value", "most", "height"), [(0, 10, 0), (5, 10, 50), (10, 10, 100), (12, 10, 100), (1, 100_000, 1), (5, 0, 0)]
)
def test_whatever_is_there_is_a_pixel_high_at_least(value: int, most: int, height: float) -> None:
    assert height_of(value, most, 100) == height


@pytest.mark.parametrize(
    ("most", "numbers"),
    [
        (1, (0, 1)),
        (4, (0, 1, 2, 3, 4)),
        (5, (0, 2, 4, 6)),
        (13, (0, 5, 10, 15)),
        (216, (0, 100, 200, 300)),
        (2000, (0, 500, 1000, 1500, 2000)),
        (100_000, (0, 50_000, 100_000)),
    ],
)
def test_lines_of_the_grid_are_round_and_reach_above_all(most: int, numbers: tuple[int, ...]) -> None:
    assert ticks(most) == numbers
    assert numbers[-1] >= most


def test_changes_become_stretches_that_meet() -> None:
    changes = [(date(2027, 3, 1), 4), (date(2027, 3, 5), 6), (date(2027, 3, 9), 6)]
    assert steps(changes, date(2027, 3, 12)) == (
        Step(date(2027, 3, 1), date(2027, 3, 4), 4),
        Step(date(2027, 3, 5), date(2027, 3, 12), 6),
    )


def test_of_one_day_the_last_value_holds_and_later_days_are_left_out() -> None:
    changes = [(date(2027, 3, 1), 4), (date(2027, 3, 1), 5), (date(2027, 4, 1), 9)]
    assert steps(changes, date(2027, 3, 31)) == (Step(date(2027, 3, 1), date(2027, 3, 31), 5),)
    assert steps([], date(2027, 3, 31)) == ()


def test_the_value_of_a_day() -> None:
    changes = [(date(2027, 3, 1), 4), (date(2027, 3, 5), 6)]
    days = (date(2027, 2, 28), date(2027, 3, 1), date(2027, 3, 4), date(2027, 3, 5), date(2028, 1, 1))
    assert [value_on(changes, day) for day in days] == [0, 4, 4, 6, 6]


def test_labels_that_are_too_near_the_last_one_are_left_out() -> None:
    assert with_room([10, 15, 21, 40], 10) == [True, False, True, True]
    assert with_room([90, 82, 70], 10) == [True, False, True]
    assert with_room([], 10) == []
