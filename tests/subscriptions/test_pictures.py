"""The timeline and the coverage matrix as drawn, and the pages that show the pictures."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from products.models import Product
from subscriptions.coverage import coverage
from subscriptions.pictures import coverage_row, drawn_timeline
from tests.conftest import FrozenClock
from tests.factories import Books

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)
OVERVIEW = "/o/harbour/products/camera-station/"


def test_a_row_of_coverage_has_six_cells_on_one_scale(books: Books) -> None:
    """10 of 10 allocated, then 4 of 10 in the wallet: cells of 15.42 % with gaps of 1.5 %."""
    books.report(START, core=10)
    books.start(START)
    books.redeem(START, core=14)
    books.allocate(START, {"core": 10})
    years = coverage(books.stand(START))[0].years
    cells = coverage_row(years)
    assert [cell.x for cell in cells] == ["0%", "16.92%", "33.83%", "50.75%", "67.67%", "84.58%"]
    assert cells[0].allocated == cells[0].whole
    assert (cells[0].in_wallet, cells[0].to_buy) == (None, None)
    second = cells[1]
    assert second.allocated is None
    assert second.in_wallet is not None
    assert second.to_buy is not None
    assert (second.in_wallet.width, second.to_buy.width) == ("6.17%", "9.25%")
    assert cells[-1].whole.x == "84.58%"
    mirrored = coverage_row(years, mirrored=True)
    assert (mirrored[0].x, mirrored[0].whole.x) == ("100%", "84.58%")


def test_a_row_without_any_need_is_empty(books: Books) -> None:
    books.report(START, core=0)
    books.start(START)
    for cell in coverage_row(coverage(books.stand(START))[0].years):
        assert (cell.allocated, cell.in_wallet, cell.to_buy) == (None, None, None)
    assert coverage_row(()) == ()


def test_the_timeline_of_a_started_product(books: Books) -> None:
    """R6, R9: trial from 1 March, started on 11 March: grace to 10 April, the renewals on 11 March of five years."""
    books.report(START, core=4)
    started = date(2027, 3, 11)
    books.start(started)
    books.redeem(started, core=5, universal=2)
    books.redeem(date(2027, 5, 2), core=1)
    on = date(2027, 9, 1)
    drawn = drawn_timeline(books.stand(on))
    assert drawn is not None
    trial, first, *coming = drawn.segments
    assert (trial.segment.state, trial.segment.start, trial.segment.end) == ("past", START, date(2027, 3, 10))
    assert (first.segment.start, first.grace_last_day, first.missing) == (started, date(2027, 4, 10), 4)
    assert [part.segment.start.year for part in coming] == [2028, 2029, 2030, 2031, 2032]
    assert [day for day, _x in drawn.renewals] == [date(year, 3, 11) for year in range(2028, 2033)]
    # Use by the day before five years are over (R22); the two lots of one day stand together.
    assert [(lot.on, lot.quantity) for lot in drawn.expiries] == [(date(2032, 3, 10), 7), (date(2032, 5, 1), 1)]
    # From 1 March 2027 to 10 March 2033 there are 2202 days; 1 September 2027 is the 185th, its noon after 184.5.
    assert drawn.today == "8.38%"
    assert (trial.x, trial.is_named, first.is_named) == ("0%", False, True)
    mirrored = drawn_timeline(books.stand(on), mirrored=True)
    assert mirrored is not None
    assert (mirrored.today, mirrored.segments[0].x) == ("91.62%", "100%")


def test_a_product_that_joins_is_drawn_from_the_day_from_which_it_is_covered(books: Books) -> None:
    """R8: the organization's year began on 1 March 2027; the second product started on 10 September."""
    books.report(START, core=4)
    books.start(START)
    joined = date(2027, 9, 10)
    books.report(joined, product="audio-manager", system="Audio", audio=2)
    books.start(joined, product="audio-manager")
    drawn = drawn_timeline(books.stand(joined, product="audio-manager"))
    assert drawn is not None
    first = drawn.segments[0]
    assert (first.segment.start, first.opens, first.x) == (START, joined, "0%")
    assert first.grace_last_day == date(2027, 10, 10)


def test_the_timeline_of_a_trial_and_of_nothing(books: Books) -> None:
    books.report(START, core=1)
    drawn = drawn_timeline(books.stand(START))
    assert drawn is not None
    [trial] = drawn.segments
    assert (trial.whole.x, trial.whole.width, trial.grace) == ("0%", "100%", None)
    # R6: 31 days, the last of them 31 March; noon of the first.
    assert drawn.today == "1.61%"
    assert (drawn.renewals, drawn.expiries) == ((), ())
    # A year after its end the trial is a twelfth of the line, and today at its end.
    late = drawn_timeline(books.stand(date(2028, 3, 1)))
    assert late is not None
    assert late.is_today_late
    assert late.segments[0].whole.width == "8.45%"
    books.report(START, product="audio-manager", system="Loudspeakers", audio=1)
    assert drawn_timeline(books.stand(START, product="audio-manager")) is None


def test_the_overview_says_when_the_allowance_is_passed(
    manager_client: Client, books: Books, frozen_clock: FrozenClock
) -> None:
    def text() -> str:
        return " ".join(manager_client.get(OVERVIEW).content.decode().split())

    books.report(START, core=10)
    books.start(START)
    assert "The growth allowance begins on the day on which the year is fully licensed." in text()
    assert "From tomorrow on, the pace" in text()
    books.redeem(START, core=10)
    books.allocate(START, {"core": 10})
    assert "The growth allowance leaves room for 10 more devices." in text()
    frozen_clock.move_to(date(2027, 3, 11))
    assert "Since March 1, 2027 the devices have not become more." in text()
    books.report(date(2027, 3, 11), core=11)
    # One in ten days: the tenth more comes after 100 days.
    assert "Since March 1, 2027 there is 1 device more." in text()
    assert "At this pace the growth allowance is passed on June 19, 2027." in text()
    frozen_clock.move_to(date(2027, 9, 1))
    books.report(date(2027, 9, 1), core=12)
    assert "At this pace the growth allowance is not passed before the year ends on Feb. 29, 2028." in text()
    books.report(date(2027, 9, 1), core=20)
    books.report(date(2027, 12, 30), core=20)
    frozen_clock.move_to(date(2027, 12, 30))
    assert "The growth allowance is used up: the next device needs a license at once." in text()
    books.report(date(2027, 12, 30), core=21)
    assert "The growth allowance is passed." in text()


def test_names_are_escaped_in_pictures(manager_client: Client, books: Books, camera_station: Product) -> None:
    books.report(START, core=2)
    books.start(START)
    books.redeem(START, core=2)
    Product.objects.filter(pk=camera_station.pk).update(name='A & "B" <i>')
    camera_station.license_types.filter(code="core-device").update(name="<b>Core</b> & 'more'")
    for page in (f"{OVERVIEW}licensing/", f"{OVERVIEW}wallet/", OVERVIEW, "/o/harbour/coverage/"):
        text = manager_client.get(page).content.decode()
        assert "<b>Core" not in text
        assert "<i>" not in text
        assert 'style="' not in text


def test_pages_ask_as_many_questions_of_the_database_whatever_they_draw(
    manager_client: Client, books: Books, frozen_clock: FrozenClock
) -> None:
    books.report(START, core=2)
    books.start(START)
    books.redeem(START, core=4)
    books.allocate(START, {"core": 2})
    pages = (OVERVIEW, f"{OVERVIEW}licensing/", f"{OVERVIEW}wallet/", "/o/harbour/coverage/")
    # On the day itself the guide says that the product is now licensed.
    frozen_clock.move_to(START + timedelta(days=1))
    before = [queries_of(manager_client, page) for page in pages]
    for number in range(12):
        day = START + timedelta(days=number + 1)
        frozen_clock.move_to(day)
        books.redeem(day, core=1)
        books.report(day, system=f"System {number}", core=number)
    books.report(day, product="audio-manager", system="Audio", audio=2)
    books.start(day, product="audio-manager")
    assert [queries_of(manager_client, page) for page in pages] == before
    assert before[0] <= 26


def queries_of(client: Client, page: str) -> int:
    """How many queries a page needs."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(page).status_code == 200
    return len(queries)
