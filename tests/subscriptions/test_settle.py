"""What becomes due by itself, and that a day on which nothing is due costs next to nothing (R3)."""

from datetime import date, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from subscriptions.models import Subscription
from tests.factories import Books, dump_books

pytestmark = pytest.mark.django_db
DAY = date(2027, 3, 1)


def next_due(books: Books) -> date | None:
    """The next date on which the daily job looks at the organization."""
    books.organization.refresh_from_db()
    return books.organization.next_due_on


def test_nothing_is_due_before_anything_was_started_or_redeemed(books: Books) -> None:
    books.report(DAY, core=1)
    assert next_due(books) is None


def test_the_nearest_of_renewal_expiry_and_reminder(books: Books) -> None:
    books.report(DAY, core=1)
    books.redeem(DAY, core=2)
    assert next_due(books) == date(
        2031, 9, 3
    )  # 180 days before the lot expires: 29 + 31 + 31 + 30 + 31 + 28 of September
    books.start(DAY)
    assert next_due(books) == date(2027, 3, 24)  # 7 days before the grace ends
    books.allocate(DAY, {"core": 1})
    books.report(date(2027, 5, 31), core=3)  # growth 2, allowance 1
    assert next_due(books) == date(2027, 6, 30)  # told again after a month
    books.settle(date(2027, 6, 30))
    assert next_due(books) == date(2027, 7, 31)
    books.report(date(2027, 7, 1), core=2)
    assert next_due(books) == date(2028, 1, 1)  # 60 days before the renewal date


def test_each_day_of_a_notice_is_waited_for_and_then_the_renewal(books: Books) -> None:
    books.report(DAY, core=1)
    books.start(DAY)
    waited = []
    for _stop in range(6):
        waited.append(next_due(books))
        books.settle(waited[-1] or DAY)
    assert waited == [
        date(2027, 3, 24),
        date(2027, 3, 30),
        date(2028, 1, 1),
        date(2028, 1, 31),
        date(2028, 3, 1),
        date(2028, 3, 24),
    ]


def test_a_day_on_which_there_is_nothing_to_tell_is_passed(books: Books) -> None:
    books.report(DAY, core=1)
    books.redeem(DAY, core=1)
    books.start(DAY)
    books.allocate(DAY, {"core": 1})
    assert next_due(books) == date(2027, 3, 24)
    assert books.settle(date(2027, 3, 24)) == 0
    assert next_due(books) == date(2027, 3, 30)


def test_of_several_lots_the_nearest_notice_or_expiry(books: Books) -> None:
    """Lots of 1 March and 1 May 2027: 180 days before 1 March 2032 is 3 September, before 1 May 2032 is 3 November 2031."""
    books.report(DAY, core=1)
    books.redeem(DAY, core=1)
    books.redeem(date(2027, 5, 1), core=1)
    waited = []
    for _stop in range(8):
        waited.append(next_due(books))
        books.settle(waited[-1] or DAY)
    assert waited == [
        date(2031, 9, 3),
        date(2031, 11, 3),
        date(2031, 12, 2),
        date(2032, 1, 31),
        date(2032, 2, 1),  # 90 days before 1 May
        date(2032, 3, 1),
        date(2032, 4, 1),
        date(2032, 5, 1),
    ]
    assert next_due(books) is None


def test_an_empty_lot_is_not_waited_for(books: Books) -> None:
    books.report(DAY, core=1)
    books.redeem(DAY, core=1)
    books.start(DAY)
    books.allocate(DAY, {"core": 1})
    books.settle(date(2032, 2, 29))
    assert next_due(books) == date(2032, 3, 1)  # a renewal; the lot that would expire on that day holds nothing
    assert books.settle(date(2032, 3, 1)) == 2  # the year that opens, and the administrator who is told
    assert "wallet.lot.expired" not in [action for _n, action, *_rest in dump_books(books.organization)["records"]]


def test_a_day_on_which_nothing_is_due_costs_few_queries(
    books: Books, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    books.report(DAY, core=1)
    books.start(DAY)
    with django_assert_max_num_queries(
        7
    ):  # a savepoint and its end, the organization, the clock's reading, two updates
        assert books.settle(DAY + timedelta(days=1)) == 0


def test_on_one_day_years_open_before_lots_expire_and_products_keep_their_order(books: Books) -> None:
    books.report(DAY, core=1)
    books.report(DAY, product="audio-manager", system="Audio", audio=1)
    books.redeem(DAY, core=3)
    books.redeem(DAY, product="audio-manager", audio=3)
    books.start(DAY, product="audio-manager")
    books.start(DAY)
    books.settle(date(2032, 3, 1))
    written = dump_books(books.organization)
    told = [(action, day) for _sequence, action, day, _payload in written["records"]]
    assert told[-4:] == [
        ("subscriptions.year.opened", date(2032, 3, 1)),
        ("subscriptions.year.opened", date(2032, 3, 1)),
        ("wallet.lot.expired", date(2032, 3, 1)),
        ("wallet.lot.expired", date(2032, 3, 1)),
    ]


def test_the_renewal_ends_an_exceeded_allowance(books: Books) -> None:
    """R12: growth is counted over the year, so from the renewal date nobody is on the list of exceeded allowances."""
    books.report(DAY, core=1)
    books.redeem(DAY, core=4)
    books.start(DAY)
    books.allocate(DAY, {"core": 1})
    books.report(date(2028, 2, 10), core=4)
    exceeded = Subscription.objects.filter(organization=books.organization, exceeded_since=date(2028, 2, 10))
    assert exceeded.exists()
    books.settle(date(2028, 3, 1))
    assert Subscription.objects.filter(organization=books.organization, exceeded_since=None).exists()
    books.report(date(2028, 3, 2), core=3)
    assert "subscriptions.allowance.kept_again" not in [
        action for _n, action, *_rest in dump_books(books.organization)["records"]
    ]
