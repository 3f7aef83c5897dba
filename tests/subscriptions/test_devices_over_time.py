"""Devices and licenses day by day, against the growth allowance (R11, R12): histories worked out by hand."""

import uuid
from datetime import date, timedelta

import pytest

from subscriptions.devices_over_time import MOST_CHANGES, devices_over_time, system_over_time
from subscriptions.pictures import PLOT_HEIGHT, PLOT_TOP, Line, drawn_devices
from subscriptions.services import allocate_licenses
from tests.factories import Books

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)
YEAR_END = date(2028, 2, 29)


def licensed(books: Books) -> None:
    """10 core devices, fully licensed on 1 March 2027: the allowance is 10, 20 devices are possible."""
    books.report(START, core=10)
    books.start(START)
    books.redeem(START, core=30)
    books.allocate(START, {"core": 10})


def test_a_year_of_growth(books: Books) -> None:
    """On 1 September 4 devices more than on 3 June, 90 days before: the 21st comes in 113."""
    licensed(books)
    books.report(date(2027, 5, 1), core=12)
    books.report(date(2027, 7, 1), core=15)
    on = date(2027, 9, 1)
    books.report(on, system="Annex", core=1)
    found = devices_over_time(books.stand(on))
    assert (found.first, found.last) == (START, YEAR_END)
    assert found.devices == ((START, 10), (date(2027, 5, 1), 12), (date(2027, 7, 1), 15), (on, 16))
    assert found.allocated == ((START, 10),)
    assert (found.limit, found.limit_since, found.room) == (20, START, 4)
    assert (found.pace.since, found.pace.net) == (date(2027, 6, 3), 4)
    # 4 more in 90 days: 5 more than today's 16 after 112.5 days, rounded up to whole days.
    assert found.passed_on == on + timedelta(days=113)
    # 181 days are left: 8 devices more.
    assert found.expected == 24
    assert found.rows[-1] == (on, 16, 10)


def test_the_days_are_those_of_the_books_whenever_one_looks(books: Books) -> None:
    """Removed systems, systems that become tied to hardware, and licenses allocated later, each on its day."""
    licensed(books)
    books.report(date(2027, 4, 1), system="Annex", core=5)
    books.remove(date(2027, 5, 1), system="Annex")
    books.report(date(2027, 6, 1), core=24)
    books.allocate(date(2027, 6, 2), {"core": 4})
    unit = books.unit(date(2027, 7, 1), "SN-1", core=9)
    books.report(date(2027, 7, 2), system="Gate", unit=unit.serial, core=3)
    found = devices_over_time(books.stand(date(2027, 8, 1)))
    days = dict(found.devices)
    assert days == {START: 10, date(2027, 4, 1): 15, date(2027, 5, 1): 10, date(2027, 6, 1): 24}
    assert found.allocated == ((START, 10), (date(2027, 6, 2), 14))
    assert found.rows[-2:] == ((date(2027, 6, 1), 24, 10), (date(2027, 6, 2), 24, 14))
    for day in (date(2027, 3, 1), date(2027, 4, 30), date(2027, 5, 1), date(2027, 8, 1)):
        at = max(changed for changed in days if changed <= day)
        assert days[at] == {3: 10, 4: 15, 5: 10, 8: 24}[day.month]
    # Today's end is what the standing counts.
    assert found.devices_now == sum(books.stand(date(2027, 8, 1)).devices.values())
    # R12: the licenses allocated later lower the growth and don't raise the allowance: 24 devices are possible, all used.
    assert (found.limit, found.room, found.is_passed) == (24, 0, False)


def test_what_was_allocated_ahead_stands_on_the_first_day_of_the_year(books: Books) -> None:
    licensed(books)
    _allocate_next_year(books, date(2027, 10, 1))
    found = devices_over_time(books.stand(date(2028, 3, 5)))
    assert found.allocated == ((date(2028, 3, 1), 10),)
    assert found.devices[0] == (date(2028, 3, 1), 10)
    assert found.limit_since == date(2028, 3, 1)


def test_before_the_year_is_fully_licensed_there_is_no_limit(books: Books) -> None:
    books.report(START, core=10)
    books.start(START)
    found = devices_over_time(books.stand(START))
    assert (found.limit, found.room, found.passed_on) == (None, None, None)
    assert found.allocated == ((START, 0),)
    assert drawn_devices(found).limit is None


def test_a_product_without_a_subscription_has_devices_only(books: Books) -> None:
    books.report(START, core=3)
    books.report(START + timedelta(days=10), core=5)
    found = devices_over_time(books.stand(START + timedelta(days=20)))
    assert (found.first, found.last) == (START, START + timedelta(days=20))
    assert found.rows == ((START, 3, None), (START + timedelta(days=10), 5, None))
    # At most a year is shown; what counted at its beginning stands on its first day.
    later = devices_over_time(books.stand(START + timedelta(days=800)))
    assert later.devices == ((START + timedelta(days=435), 5),)


def test_hardware_alone_counts_nothing(books: Books) -> None:
    unit = books.unit(START, "SN-1", core=9)
    books.report(START, unit=unit.serial, core=3)
    found = devices_over_time(books.stand(START))
    assert (found.devices, found.devices_now, found.rows) == ((), 0, ())
    drawn = drawn_devices(found)
    assert (drawn.devices, drawn.areas, drawn.pace, drawn.passed) == ((), (), None, None)


def test_a_license_that_is_unused_lets_no_other_type_grow(books: Books) -> None:
    """10 core and 10 universal allocated, 10 and 6 devices: 20 more core devices use the allowance up, so 36 are possible."""
    books.report(START, core=10, universal=10)
    books.start(START)
    books.redeem(START, core=10, universal=10)
    books.allocate(START, {"core": 10, "universal": 10})
    books.report(date(2027, 4, 1), core=10, universal=6)
    found = devices_over_time(books.stand(date(2027, 4, 1)))
    assert (found.limit, found.room) == (36, 20)


def test_changes_of_every_day_are_told_week_by_week(books: Books) -> None:
    days = MOST_CHANGES + 1
    for number in range(days):
        books.report(START + timedelta(days=number), core=number + 1)
    on = START + timedelta(days=days - 1)
    found = devices_over_time(books.stand(on))
    assert found.is_weekly
    assert found.devices[0] == (START + timedelta(days=6), 7)
    assert found.devices[-1] == (on, days)
    assert len(found.devices) == -(-days // 7)


def test_a_system_s_own_devices(books: Books) -> None:
    system = books.report(START, core=3, universal=1)
    books.report(START, system="Other", core=50)
    books.report(START + timedelta(days=5), core=2, universal=4)
    found = system_over_time(system, START + timedelta(days=9))
    assert found.devices == ((START, 4), (START + timedelta(days=5), 6))
    assert found.has_changed
    assert not system_over_time(system, START).has_changed
    # Of a time longer than a year only the last year is shown.
    assert system_over_time(system, START + timedelta(days=400)).devices == ((START + timedelta(days=35), 6),)


def test_the_picture_of_a_year(books: Books) -> None:
    """A scale of 0 to 30 on 170 pixels; the year of 366 days, today its 185th."""
    licensed(books)
    on = date(2027, 9, 1)
    books.report(on, core=16)
    found = devices_over_time(books.stand(on))
    drawn = drawn_devices(found)
    bottom = PLOT_TOP + PLOT_HEIGHT
    assert [number for number, _y in drawn.grid] == [10, 20, 30]
    assert drawn.grid[-1][1] == str(PLOT_TOP)
    # 1 September begins after 184 of 366 days.
    assert drawn.devices[0].x2 == drawn.devices[1].x1 == "50.27%"
    assert drawn.today == "50.55%"
    assert drawn.limit is not None
    assert (drawn.limit.x1, drawn.limit.x2) == ("0%", "100%")
    assert float(drawn.limit.y1) == pytest.approx(bottom - PLOT_HEIGHT * 20 / 30, abs=0.1)
    assert drawn.passed is not None
    assert drawn.passed[1] == drawn.limit.y1
    mirrored = drawn_devices(found, mirrored=True)
    assert mirrored.today == "49.45%"
    assert (mirrored.start, mirrored.end) == ("100%", "0%")
    assert isinstance(mirrored.limit, Line)
    assert (mirrored.limit.x1, mirrored.limit.x2) == ("100%", "0%")


def _allocate_next_year(books: Books, on: date) -> None:
    """The current year misses nothing, so that the confirmation is of the next one alone (R16)."""
    allocate_licenses(
        registered_product=books.registered(),
        plan={1: {"core-device": 10}},
        nonce=uuid.uuid4(),
        actor=None,
        on=on,
        facts=None,
    )
