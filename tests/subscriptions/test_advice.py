"""What each status says and what to do about it (R14a), from histories worked out by hand."""

from datetime import date, timedelta

import pytest

from products.models import LicenseKind
from subscriptions import advice, years_shown
from subscriptions.rules import Status
from subscriptions.status_words import status_words
from tests.factories import Books

pytestmark = pytest.mark.django_db

START = date(2027, 3, 1)
YEAR_END = date(2028, 2, 29)
GRACE = date(2027, 3, 31)


def say(books: Books, on: date, product: str | None = None) -> str:
    return " ".join(status_words(books.stand(on, product=product)).sentences)


def step(books: Books, on: date, product: str | None = None) -> advice.NextStep:
    return advice.next_step(books.stand(on, product=product))


def licensed(books: Books, *, core: int = 10, universal: int = 2) -> None:
    """Started on 1 March 2027 and fully licensed on the same day."""
    books.report(START, core=core, universal=universal)
    books.start(START)
    books.redeem(START, core=core, universal=universal)
    books.allocate(START, {"core": core, "universal": universal})


def test_every_status_has_words() -> None:
    assert set(advice.STATUS_LABELS) == set(Status)
    assert advice.status_label(Status.STARTED) == "Subscription has started"


def test_a_trial_names_its_last_day_and_how_to_start(books: Books) -> None:
    """R6: 30 days from 1 March 2027, the last day is 31 March."""
    books.report(START, core=1)
    assert say(books, START) == "The last day of the trial is March 31, 2027, 30 days left."
    assert say(books, GRACE) == "The last day of the trial is March 31, 2027, today is the last day."
    assert step(books, START).url_name == "start_subscription"
    assert "by March 31, 2027" in step(books, START).sentence
    assert "today" in step(books, GRACE).sentence
    upcoming = advice.upcoming(books.stand(START))
    assert (upcoming.text, upcoming.on) == ("Trial ends", GRACE)


def test_an_ended_trial_and_a_product_without_trial_say_how_to_start(books: Books) -> None:
    books.report(START, core=1)
    books.report(START, product="audio-manager", system="Loudspeakers", audio=1)
    ended = GRACE + timedelta(days=1)
    assert books.stand(ended).status == Status.TRIAL_ENDED
    assert say(books, ended).startswith("The trial ended on March 31, 2027.")
    assert "Start your subscription" in say(books, START, "audio-manager")
    for product, on in ((None, ended), ("audio-manager", START)):
        assert step(books, on, product).url_name == "start_subscription"
        assert advice.upcoming(books.stand(on, product=product)).on is None


def test_started_says_the_end_of_grace_and_what_is_missing(books: Books) -> None:
    """R9: grace of 1 March ends 31 March; days left 30 on the opening day, 0 reads "today is the last day"."""
    books.report(START, core=10, universal=2)
    books.start(START)
    assert say(books, START) == (
        "Grace period ends March 31, 2027, 30 days left. 12 licenses are missing (Core device: 10, Universal "
        "device: 2)."
    )
    assert "1 day left" in say(books, GRACE - timedelta(days=1))
    assert "today is the last day" in say(books, GRACE)


def test_started_asks_for_what_the_wallet_lacks_per_type(books: Books) -> None:
    """R14: a license of one type never serves for another, so 50 core do not help 2 universal."""
    books.report(START, core=10, universal=2)
    books.start(START)
    books.redeem(START, core=50, universal=1)
    todo = step(books, START)
    assert todo.url_name == "product_wallet"
    assert todo.sentence == (
        "Buy and redeem 1 more license (Universal device: 1). Then allocate the 12 licenses that are missing, by March 31, 2027, "
        "the last day "
        "of grace."
    )
    books.redeem(START, universal=1)
    todo = step(books, START)
    assert (todo.url_name, todo.by) == ("product_licensing", GRACE)
    assert "Allocate the 12 licenses that are missing" in todo.sentence


def test_licenses_tied_to_hardware_do_not_count_for_the_subscription(books: Books) -> None:
    books.report(START, core=1)
    books.start(START)
    books.redeem(START, kind=LicenseKind.HARDWARE, core=5)
    assert step(books, START).url_name == "product_wallet"


def test_started_without_devices_has_nothing_to_do(books: Books) -> None:
    books.report(START, core=0)
    books.start(START)
    assert books.stand(START).status == Status.STARTED
    assert step(books, START).sentence.startswith("Nothing to do")
    after = GRACE + timedelta(days=1)
    assert books.stand(after).status == Status.NO_NEED
    assert say(books, after) == "Nothing is missing. Devices that are added need licenses at once."
    assert step(books, after).sentence.startswith("Nothing to do")


def test_a_grace_over_the_years_end_names_the_one_that_takes_over(books: Books) -> None:
    """R9: started on 20 February 2028, the year ends on the 29th; the next grace is until 31 March."""
    books.report(START, core=1)
    books.start(START)
    late = date(2028, 2, 20)
    books.report(late, product="audio-manager", system="Loudspeakers", audio=3)
    books.start(late, product="audio-manager")
    assert say(books, late, "audio-manager").startswith(
        "Grace period ends March 21, 2028, 30 days left. The next year begins before, on March 1, 2028, with a grace "
        "period of its own until March 31, 2028."
    )


def test_licensed_says_until_when_and_what_the_next_year_needs(books: Books) -> None:
    licensed(books)
    assert say(books, START) == (
        "Licensed until Feb. 29, 2028. The next year, from March 1, 2028, needs 12 licenses (Core device: 10, "
        "Universal "
        "device: 2); still missing: 12."
    )
    todo = step(books, START)
    assert (todo.url_name, todo.by, todo.tone) == ("product_wallet", date(2028, 3, 31), "success")
    books.redeem(START, core=10, universal=2)
    assert step(books, START).url_name == "product_licensing"
    books.allocate(START, {}, {"core": 10, "universal": 2})
    assert say(books, START).startswith("Licensed until Feb. 28, 2029.")
    assert "from March 1, 2029" in step(books, START).sentence


def test_licenses_that_expire_before_the_grace_ends_are_wanted_earlier(books: Books) -> None:
    """R22: a lot of 10 March 2022 can be used until 9 March 2027, within the grace that ends on 31 March."""
    early = date(2022, 3, 10)
    books.report(early, core=10)
    books.redeem(early, core=10)
    books.start(START)
    todo = step(books, START)
    assert todo.by == date(2027, 3, 9)
    assert "by March 9, 2027, before licenses in the wallet expire" in todo.sentence
    later = date(2027, 3, 10)
    assert step(books, later).sentence.startswith("Buy and redeem 10 more licenses")


def test_growth_exceeded_says_how_many_per_type(books: Books) -> None:
    """R12: 10 allocated and 25 devices: 5 are missing."""
    licensed(books, core=10, universal=0)
    later = date(2027, 6, 1)
    books.report(later, core=25)
    assert books.stand(later).status == Status.GROWTH_EXCEEDED
    assert say(books, later).startswith("5 licenses are missing (Core device: 5). The product stays licensed")
    assert "growth allowance of 10" in say(books, later)
    todo = step(books, later)
    assert todo.by is None
    assert "to keep to the growth allowance" in todo.sentence


def test_renewal_grace_and_not_licensed(books: Books) -> None:
    licensed(books)
    renewal = date(2028, 3, 1)
    assert books.stand(renewal).status == Status.RENEWAL_GRACE
    assert say(books, renewal).startswith("Grace period ends March 31, 2028, 30 days left. 12 licenses are missing")
    assert step(books, renewal).by == date(2028, 3, 31)


def test_not_licensed_says_what_coming_back_costs(books: Books) -> None:
    """R19: on 1 June 2027 a license covers 274 days to 29 February 2028 and gives back 91; 12 give 1092 = 2 "
    "× 365 + 362.

    Per type: 10 core give 910 = 2 × 365 + 180; 2 universal give 182.
    """
    books.report(START, core=10, universal=2)
    books.start(START)
    on = date(2027, 6, 1)
    assert books.stand(on).status == Status.UNLICENSED
    assert say(books, on) == (
        "The grace period ended March 31, 2027. 12 licenses are missing (Core device: 10, Universal device: "
        "2). Coming back "
        "today costs 12 licenses. That covers June 1, 2027 to Feb. 29, 2028, 274 days. For the time already over 1,092 "
        "license days are given back. With the credit so far they make 2 new licenses in the wallet (Core "
        "device: 2). The "
        "credit days are then Core device: 180, Universal device: 182."
    )
    assert step(books, on).tone == "danger"
    assert "to be licensed again" in step(books, on).sentence
    # The promise is what the service then does.
    books.redeem(on, core=10, universal=2)
    books.allocate(on, {"core": 10, "universal": 2})
    standing = books.stand(on)
    assert standing.wallet[LicenseKind.SUBSCRIPTION] == {"core-device": 2, "universal-device": 0}
    assert standing.credit_days == {"core-device": 180, "universal-device": 182}


def test_the_timeline_shows_six_years_and_where_today_lies(books: Books) -> None:
    licensed(books)
    segments = years_shown.timeline(books.stand(date(2027, 9, 1)))
    assert [segment.state for segment in segments] == ["licensed", "open", "open", "open", "open", "open"]
    assert segments[0].current
    assert segments[0].end == YEAR_END
    assert segments[1].detail == "12 of 12 missing"


def test_the_timeline_of_a_trial(books: Books) -> None:
    books.report(START, core=1)
    [segment] = years_shown.timeline(books.stand(START))
    assert (segment.state, segment.start, segment.end) == ("trial", START, GRACE)
    books.report(START, product="audio-manager", system="Loudspeakers", audio=1)
    assert years_shown.timeline(books.stand(START, product="audio-manager")) == ()


def test_the_next_change_is_the_day_after_a_last_day(books: Books) -> None:
    books.report(START, core=10)
    assert advice.next_change_on(books.stand(START)) == date(2027, 4, 1)
    books.start(START)
    assert advice.next_change_on(books.stand(START)) == date(2027, 4, 1)
    books.redeem(START, core=30)
    books.allocate(START, {"core": 10})
    assert advice.next_change_on(books.stand(START)) == date(2028, 3, 1)
    # R22, R4: the 20 licenses left in the wallet expire five years after they entered, which is a renewal date too.
    assert advice.next_change_on(books.stand(date(2032, 2, 29))) == date(2032, 3, 1)


def test_the_dates_that_a_start_sets() -> None:
    first = years_shown.dates_after_start(None, date(2028, 2, 29))
    assert first.is_first
    assert (first.anchor_on, first.renewal_on, first.grace_last_day) == (
        date(2028, 2, 29),
        date(2029, 2, 28),
        date(2028, 3, 30),
    )
    later = years_shown.dates_after_start(START, date(2028, 2, 20))
    assert not later.is_first
    assert (later.year.first, later.covered_from, later.renewal_on) == (START, date(2028, 2, 20), date(2028, 3, 1))
    assert later.next_grace_last_day == date(2028, 3, 31)


def test_a_first_grace_that_reaches_the_years_end_renews_next(books: Books) -> None:
    """R9: on 20 February 2028 the grace of 30 days reaches 21 March, and the next year's takes over on 1 March."""
    licensed(books)
    late = date(2028, 2, 20)
    books.report(late, product="audio-manager", system="Audio", audio=4)
    books.start(late, product="audio-manager")
    upcoming = advice.upcoming(books.stand(late, product="audio-manager"))
    assert (upcoming.text, upcoming.on) == ("Subscription year renews", date(2028, 3, 1))
