"""R1 to R4: one clock, derived status, settling before a change, anniversaries."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from history.models import Record
from licensemgr.core import clock
from licensemgr.core.calendar import anniversary, years_since
from licensemgr.core.models import ClockReading
from organizations.books import changing
from organizations.errors import DateGoesBack
from organizations.models import Organization, User
from subscriptions.rules import current_year, year_at
from tests.conftest import FrozenClock
from tests.factories import Books, OrganizationFactory, check_conservation, dump_books
from wallet.models import Entry

pytestmark = pytest.mark.django_db


class TestR1OneClock:
    @pytest.mark.parametrize(
        ("instant", "time_zone", "expected"),
        [
            # 10:59 UTC is 23:59 of the day before at UTC-11; a minute later it is midnight there.
            (datetime(2027, 3, 1, 10, 59, tzinfo=UTC), "Pacific/Pago_Pago", date(2027, 2, 28)),
            (datetime(2027, 3, 1, 11, 0, tzinfo=UTC), "Pacific/Pago_Pago", date(2027, 3, 1)),
            # 09:59 UTC is 23:59 at UTC+14; a minute later the next day has begun there.
            (datetime(2027, 3, 1, 9, 59, tzinfo=UTC), "Pacific/Kiritimati", date(2027, 3, 1)),
            (datetime(2027, 3, 1, 10, 0, tzinfo=UTC), "Pacific/Kiritimati", date(2027, 3, 2)),
            # At 10:30 UTC three dates are in force at once.
            (datetime(2027, 3, 1, 10, 30, tzinfo=UTC), "Pacific/Pago_Pago", date(2027, 2, 28)),
            (datetime(2027, 3, 1, 10, 30, tzinfo=UTC), "UTC", date(2027, 3, 1)),
            (datetime(2027, 3, 1, 10, 30, tzinfo=UTC), "Pacific/Kiritimati", date(2027, 3, 2)),
            # 29 February 2028 begins in Kiritimati while it is 28 February in UTC.
            (datetime(2028, 2, 28, 10, 0, tzinfo=UTC), "Pacific/Kiritimati", date(2028, 2, 29)),
            # Half-hour zone, and summer time: 22:30 UTC is 00:30 in Berlin in July, 23:30 in January.
            (datetime(2027, 7, 1, 22, 30, tzinfo=UTC), "Europe/Berlin", date(2027, 7, 2)),
            (datetime(2027, 1, 1, 22, 30, tzinfo=UTC), "Europe/Berlin", date(2027, 1, 1)),
            (datetime(2027, 1, 1, 18, 30, tzinfo=UTC), "Asia/Kolkata", date(2027, 1, 2)),
        ],
    )
    def test_a_date_is_that_of_the_organizations_time_zone(
        self, instant: datetime, time_zone: str, expected: date
    ) -> None:
        assert clock.local_date(instant, time_zone) == expected

    def test_today_is_the_local_date_before_anything_was_settled(self, frozen_clock: FrozenClock) -> None:
        frozen_clock.instant = datetime(2027, 3, 1, 10, 30, tzinfo=UTC)
        assert clock.today(Organization(time_zone="Pacific/Pago_Pago")) == date(2027, 2, 28)

    def test_today_never_goes_back(self, frozen_clock: FrozenClock) -> None:
        organization = Organization(time_zone="Pacific/Pago_Pago", settled_through=date(2027, 3, 2))
        frozen_clock.instant = datetime(2027, 3, 1, 10, 30, tzinfo=UTC)
        assert clock.today(organization) == date(2027, 3, 2)
        frozen_clock.instant = datetime(2027, 3, 5, 10, 30, tzinfo=UTC)
        assert clock.today(organization) == date(2027, 3, 4)

    def test_a_change_before_the_last_day_settled_is_refused(self, books: Books) -> None:
        books.report(date(2027, 3, 2), core=1)
        with pytest.raises(DateGoesBack):
            books.report(date(2027, 3, 1), core=2)
        assert books.stand(date(2027, 3, 2)).devices["core-device"] == 1


class TestR2StatusIsDerived:
    def test_every_day_stands_the_same_with_the_jobs_off_and_on(self, books: Books) -> None:
        # From 2023-03-01 on: allocated for two years, so that the second is licensed from its first day; the third
        # opens a renewal grace; the lot that is left expires on 2028-03-01.
        books.report(date(2023, 3, 1), core=3, universal=1)
        books.start(date(2023, 3, 1))
        books.redeem(date(2023, 3, 1), core=8, universal=3)
        books.allocate(date(2023, 3, 1), {"core": 3, "universal": 1}, {"core": 3, "universal": 1})
        days = [
            date(2023, 3, 31),
            date(2024, 2, 29),
            date(2024, 3, 1),
            date(2025, 2, 28),
            date(2025, 3, 1),
            date(2025, 3, 31),
            date(2025, 4, 1),
            date(2028, 2, 29),
            date(2028, 3, 1),
            date(2030, 7, 1),
        ]
        off = [books.describe(day) for day in days]
        on = []
        for day in days:
            books.settle(day)
            books.organization.refresh_from_db()
            on.append(books.describe(day))
        assert off == on
        assert [then["status"] for then in off] == [
            "licensed",
            "licensed",
            "licensed",
            "licensed",
            "renewal_grace",
            "renewal_grace",
            "unlicensed",
            "unlicensed",
            "renewal_grace",
            "unlicensed",
        ]
        assert [then["wallet"]["subscription"]["core-device"] for then in off] == [2] * 8 + [0] * 2


class TestR3SettleBeforeChange:
    def _begin(self, books: Books) -> None:
        books.report(date(2027, 3, 1), core=2)
        books.start(date(2027, 3, 1))
        books.redeem(date(2027, 3, 1), core=5)
        books.allocate(date(2027, 3, 1), {"core": 2}, {"core": 2})

    def test_settling_twice_changes_nothing(self, books: Books) -> None:
        self._begin(books)
        assert books.settle(date(2028, 3, 1)) == 1  # the year 2028-03-01 opened
        before = dump_books(books.organization)
        assert books.settle(date(2028, 3, 1)) == 0
        assert books.settle(date(2028, 2, 1)) == 0
        assert dump_books(books.organization) == before

    def test_ten_missed_days_give_what_ten_daily_runs_give(self, books: Books, administrator: User) -> None:
        other = Books(OrganizationFactory.create(name="Harbour Cameras", administrator=administrator))
        for each in (books, other):
            self._begin(each)
        last_before = date(2032, 2, 25)
        for each in (books, other):
            each.settle(last_before)
        for ahead in range(1, 11):
            books.settle(last_before + timedelta(days=ahead))
        other.settle(last_before + timedelta(days=10))
        assert dump_books(books.organization) == dump_books(other.organization)
        # On 2032-03-01 two things became true: the year opened and the lot of 2027-03-01 expired with its last license.
        dates = [
            r.happened_on for r in Record.objects.filter(organization=other.organization).order_by("-sequence")[:2]
        ]
        assert dates == [date(2032, 3, 1), date(2032, 3, 1)]

    def test_a_change_writes_down_what_was_missed_each_with_its_own_date(self, books: Books) -> None:
        self._begin(books)
        books.report(date(2033, 7, 9), core=4)
        opened = Record.objects.filter(organization=books.organization, action="subscriptions.year.opened")
        assert [r.happened_on for r in opened.order_by("sequence")] == [date(year, 3, 1) for year in range(2028, 2034)]
        expired = Entry.objects.get(organization=books.organization, to_account__category="expired")
        assert (expired.transfer.happened_on, expired.quantity) == (date(2032, 3, 1), 1)
        full = Record.objects.filter(organization=books.organization, action="subscriptions.year.fully_licensed")
        assert [r.happened_on for r in full.order_by("sequence")] == [date(2027, 3, 1), date(2028, 3, 1)]
        check_conservation(books.organization)

    def test_a_refused_change_changes_nothing_not_even_what_was_due(self, books: Books) -> None:
        self._begin(books)
        before = dump_books(books.organization)
        with pytest.raises(RuntimeError), changing(books.organization, date(2030, 1, 1)):
            raise RuntimeError
        assert dump_books(books.organization) == before
        books.organization.refresh_from_db()
        assert books.organization.settled_through == date(2027, 3, 1)

    def test_in_production_a_clock_that_jumped_is_refused(self, books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
        books.report(date(2027, 3, 1), core=1)
        monkeypatch.setattr(settings, "PRODUCTION", True)
        # 2027-03-01 + 400 days = 2028-04-04 (365 days to 2028-02-29, 35 more: 1 of February's end, 31 of March, 3).
        assert date(2027, 3, 1) + timedelta(days=400) == date(2028, 4, 4)
        token = clock._jumps_allowed.set(False)
        try:
            with pytest.raises(clock.ClockJumped):
                books.report(date(2028, 4, 5), core=2)
            books.report(date(2028, 4, 4), core=2)
        finally:
            clock._jumps_allowed.reset(token)
        assert ClockReading.objects.get().latest == date(2028, 4, 4)


class TestR4Anniversaries:
    def test_29_february_is_always_counted_from_the_anchor(self) -> None:
        anchor = date(2028, 2, 29)
        firsts = [year_at(anchor, number).first for number in range(9)]
        assert firsts == [
            date(2028, 2, 29),
            date(2029, 2, 28),
            date(2030, 2, 28),
            date(2031, 2, 28),
            date(2032, 2, 29),
            date(2033, 2, 28),
            date(2034, 2, 28),
            date(2035, 2, 28),
            date(2036, 2, 29),
        ]
        # 2100 is no leap year.
        assert anniversary(anchor, 72) == date(2100, 2, 28)
        assert anniversary(anchor, 76) == date(2104, 2, 29)

    def test_a_year_ends_the_day_before_the_next_starts(self) -> None:
        anchor = date(2028, 2, 29)
        assert year_at(anchor, 0).last == date(2029, 2, 27)
        # The year before a leap day is one day longer: 2031-02-28 to 2032-02-28, 366 days.
        assert year_at(anchor, 3).last == date(2032, 2, 28)
        assert (year_at(anchor, 3).last - year_at(anchor, 3).first).days + 1 == 366

    @pytest.mark.parametrize(
        ("on", "number"),
        [
            (date(2029, 2, 27), 0),
            (date(2029, 2, 28), 1),
            (date(2032, 2, 28), 3),
            (date(2032, 2, 29), 4),
            (date(2033, 2, 27), 4),
            (date(2033, 2, 28), 5),
        ],
    )
    def test_the_year_in_which_a_day_lies(self, on: date, number: int) -> None:
        assert years_since(date(2028, 2, 29), on) == number

    @given(anchor=st.dates(date(2000, 1, 1), date(2400, 1, 1)), ahead=st.integers(0, 200_000))
    def test_every_day_lies_in_exactly_one_year(self, anchor: date, ahead: int) -> None:
        on = anchor + timedelta(days=ahead)
        year = current_year(anchor, on)
        assert year.first <= on <= year.last
        assert year_at(anchor, year.number + 1).first == year.last + timedelta(days=1)
        assert 365 <= (year.last - year.first).days + 1 <= 366

    def test_the_pages_say_these_dates(self, books: Books) -> None:
        books.report(date(2028, 2, 29), core=1)
        books.start(date(2028, 2, 29))
        years = books.describe(date(2028, 2, 29))["years"]
        assert [(year["first"], year["last"]) for year in years] == [
            ("2028-02-29", "2029-02-27"),
            ("2029-02-28", "2030-02-27"),
            ("2030-02-28", "2031-02-27"),
            ("2031-02-28", "2032-02-28"),
            ("2032-02-29", "2033-02-27"),
            ("2033-02-28", "2034-02-27"),
        ]
