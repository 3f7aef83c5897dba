"""R3: ten simulated years, settled daily or with gaps, write down the same things with the same dates."""

import random
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from organizations.books import settle
from organizations.models import Organization, User
from tests.factories import Books, OrganizationFactory, check_conservation, dump_books

FIRST = date(2026, 2, 27)
DAYS = 3653


def _history() -> dict[int, list[Callable[[Books, date], object]]]:
    """What people do, by the day's number: a life of two products over ten years."""

    def after(years: int, days: int = 0) -> int:
        return (date(FIRST.year + years, FIRST.month, FIRST.day) - FIRST).days + days

    history: dict[int, list[Callable[[Books, date], object]]] = {}

    def do(day: int, *verbs: Callable[[Books, date], object]) -> None:
        history.setdefault(day, []).extend(verbs)

    do(0, lambda b, on: b.report(on, core=4, universal=2), lambda b, on: b.redeem(on, core=40, universal=9))
    do(2, lambda b, on: b.start(on))  # the anchor: 1 March 2026
    do(9, lambda b, on: b.allocate(on, {"core": 4, "universal": 2}, {"core": 4, "universal": 2}))
    do(100, lambda b, on: b.report(on, product="audio-manager", system="Audio", audio=3))
    do(340, lambda b, on: b.start(on, product="audio-manager"))
    do(341, lambda b, on: b.redeem(on, product="audio-manager", audio=11))
    # Growth far beyond the allowance, from the 31st of a month on: told monthly until the year ends.
    do(after(1, 185), lambda b, on: b.report(on, core=13, universal=2))
    do(after(2, 40), lambda b, on: b.allocate(on, {"core": 13, "universal": 2}, product="camera-station"))
    do(after(2, 41), lambda b, on: b.allocate(on, {"audio": 3}, product="audio-manager"))
    do(after(2, 50), lambda b, on: b.report(on, product="audio-manager", system="Audio", audio=7))
    do(after(2, 200), lambda b, on: b.report(on, product="audio-manager", system="Audio", audio=6))
    do(after(3, 2), lambda b, on: b.report(on, core=20))  # on the renewal date itself
    do(after(3, 90), lambda b, on: b.remove(on, system="Main"))
    do(after(4), lambda b, on: b.report(on, core=2, system="New"))
    # The lot of FIRST expires on 27 February 2031; another comes on the very day.
    do(after(5), lambda b, on: b.redeem(on, core=6))
    do(after(6, 300), lambda b, on: b.allocate(on, {"core": 2}, {"core": 2}, {"core": 2}))
    do(after(9, 20), lambda b, on: b.report(on, core=0, system="New"))
    return history


def _live(organization: Organization, settles_on: Callable[[int], bool]) -> dict[str, object]:
    books = Books(organization)
    history = _history()
    for number in range(DAYS):
        on = FIRST + timedelta(days=number)
        if settles_on(number):
            settle(organization, on)
        for verb in history.get(number, ()):
            verb(books, on)
    settle(organization, FIRST + timedelta(days=DAYS))
    check_conservation(organization)
    return dump_books(organization)


@pytest.mark.slow
@pytest.mark.django_db
def test_daily_runs_and_runs_with_gaps_write_down_the_same(administrator: User) -> None:
    def new() -> Organization:
        return OrganizationFactory.create(name="Ten Years", administrator=administrator, on=FIRST)

    chance = random.Random(20260227)
    gaps = {number for number in range(DAYS) if chance.random() < 0.02}
    daily = _live(new(), lambda number: True)
    assert _live(new(), lambda number: number in gaps) == daily
    assert _live(new(), lambda number: number % 10 == 0) == daily
    assert _live(new(), lambda number: False) == daily
    # It was a life in which something happened.
    assert len(daily["entries"]) > 15  # type: ignore[arg-type]
    actions = {record[1] for record in daily["records"]}  # type: ignore[attr-defined]
    assert {
        "subscriptions.year.opened",
        "subscriptions.year.fully_licensed",
        "subscriptions.allowance.exceeded",
        "subscriptions.allowance.kept_again",
        "wallet.lot.expired",
        "wallet.licenses.compensated",
    } <= actions
    told = [day for _recipient, _subject, day in daily["mails"]]  # type: ignore[attr-defined]
    assert len(told) > 8
