"""R7 to R14a: starting, grace, fully licensed, growth, coming years, status."""

from datetime import date

import pytest
from django.db.models import QuerySet

from history.models import Record
from licensemgr.core.models import OutboxMessage
from organizations.models import Organization, Role, User
from organizations.services import add_member
from subscriptions import rules
from subscriptions.errors import AlreadyStarted
from subscriptions.models import SubscriptionPeriod, SubscriptionYear
from subscriptions.notices import months_after
from tests.factories import Books, UserFactory, check_conservation

pytestmark = pytest.mark.django_db


def status(books: Books, on: date, product: str | None = None) -> str:
    """The product's status on a date."""
    return str(books.stand(on, product=product).status)


def missing(books: Books, on: date, offset: int = 0) -> dict[str, int]:
    """What a year is missing on a date."""
    return dict(books.stand(on).years[offset].missing)


def exceeded_told(organization: Organization) -> QuerySet[OutboxMessage]:
    """The mails that tell of an exceeded allowance: the ones that nobody can switch off."""
    return OutboxMessage.objects.filter(organization=organization, reason__startswith="alert:")


class TestR7Start:
    def test_it_is_done_once(self, books: Books) -> None:
        books.report(date(2027, 3, 1), core=1)
        books.start(date(2027, 3, 2))
        with pytest.raises(AlreadyStarted):
            books.start(date(2027, 3, 2))
        with pytest.raises(AlreadyStarted):
            books.start(date(2029, 3, 2))

    def test_nothing_later_moves_the_anchor(self, books: Books) -> None:
        books.report(date(2027, 3, 1), core=1)
        books.report(date(2027, 3, 1), product="audio-manager", system="Audio", audio=1)
        books.start(date(2027, 3, 2))
        books.start(date(2027, 9, 9), product="audio-manager")
        books.redeem(date(2029, 1, 1), core=1)
        books.allocate(date(2029, 1, 1), {"core": 1})  # after a lapse of more than a year
        assert SubscriptionPeriod.objects.get(organization=books.organization).anchor_on == date(2027, 3, 2)
        assert books.describe(date(2029, 1, 1))["years"][0]["first"] == "2028-03-02"


class TestR8FirstYear:
    def test_a_product_started_later_joins_the_running_year(self, books: Books) -> None:
        books.report(date(2027, 3, 1), core=1)
        books.report(date(2027, 3, 1), product="audio-manager", system="Audio", audio=1)
        books.start(date(2027, 3, 1))
        books.start(date(2027, 9, 9), product="audio-manager")
        standing = books.stand(date(2027, 9, 9), product="audio-manager")
        assert (standing.years[0].year.first, standing.years[0].year.last) == (date(2027, 3, 1), date(2028, 2, 29))
        assert standing.years[0].covered_from == date(2027, 9, 9)
        assert standing.years[1].covered_from == date(2028, 3, 1)


class TestR9Grace:
    @pytest.mark.parametrize(
        ("start", "last_day", "day_after"),
        [
            # 2027-03-01 + 30 days: the 31st of March.
            (date(2027, 3, 1), date(2027, 3, 31), date(2027, 4, 1)),
            # 2028-02-29 + 30: one day to 1 March, 29 more to the 30th.
            (date(2028, 2, 29), date(2028, 3, 30), date(2028, 3, 31)),
            # 2027-01-30 + 30: 1 day to the 31st, 28 of February, 1 of March.
            (date(2027, 1, 30), date(2027, 3, 1), date(2027, 3, 2)),
            # 2028-01-30 + 30: 1 day to the 31st, 29 of February.
            (date(2028, 1, 30), date(2028, 2, 29), date(2028, 3, 1)),
        ],
    )
    def test_day_30_is_included_and_day_31_is_not(
        self, books: Books, start: date, last_day: date, day_after: date
    ) -> None:
        books.report(start, core=1)
        books.start(start)
        assert books.stand(start).grace_last_day == last_day
        assert status(books, start) == "started"
        assert status(books, last_day) == "started"
        assert status(books, day_after) == "unlicensed"

    def test_it_opens_again_on_every_renewal_date(self, books: Books) -> None:
        # Anchor 29 February 2028: renewal on 2029-02-28, whose grace ends on 28 + 30 = 30 March (1 day to 1 March, 29 more).
        books.report(date(2028, 2, 29), core=1)
        books.start(date(2028, 2, 29))
        assert status(books, date(2029, 2, 27)) == "unlicensed"
        assert status(books, date(2029, 2, 28)) == "renewal_grace"
        assert books.stand(date(2029, 2, 28)).grace_last_day == date(2029, 3, 30)
        assert status(books, date(2029, 3, 30)) == "renewal_grace"
        assert status(books, date(2029, 3, 31)) == "unlicensed"
        # 2032-02-29 again: to 30 March.
        assert status(books, date(2032, 2, 28)) == "unlicensed"
        assert books.stand(date(2032, 2, 29)).grace_last_day == date(2032, 3, 30)
        assert status(books, date(2032, 3, 31)) == "unlicensed"

    def test_a_short_first_grace_ends_with_the_year_and_the_next_takes_over(self, books: Books) -> None:
        # Year 2027-03-01 to 2028-02-29. Audio starts 19 days before its last day, on 2028-02-10.
        books.report(date(2027, 3, 1), core=1)
        books.report(date(2027, 3, 1), product="audio-manager", system="Audio", audio=2)
        books.start(date(2027, 3, 1))
        books.start(date(2028, 2, 10), product="audio-manager")
        assert status(books, date(2028, 2, 29), "audio-manager") == "started"
        assert status(books, date(2028, 3, 1), "audio-manager") == "renewal_grace"
        # The next year's grace: 2028-03-01 + 30 = 2028-03-31. The first would have ended on 2028-03-11.
        assert books.stand(date(2028, 3, 1), product="audio-manager").grace_last_day == date(2028, 3, 31)
        assert status(books, date(2028, 3, 31), "audio-manager") == "renewal_grace"
        assert status(books, date(2028, 4, 1), "audio-manager") == "unlicensed"

    def test_the_few_days_so_covered_are_never_paid(self, books: Books) -> None:
        books.report(date(2027, 3, 1), core=1)
        books.report(date(2027, 3, 1), product="audio-manager", system="Audio", audio=2)
        books.start(date(2027, 3, 1))
        books.start(date(2028, 2, 10), product="audio-manager")
        books.redeem(date(2028, 3, 5), product="audio-manager", audio=2)
        books.allocate(date(2028, 3, 5), {"audio": 2}, product="audio-manager")
        standing = books.stand(date(2028, 3, 5), product="audio-manager")
        assert standing.years[0].year.first == date(2028, 3, 1)
        assert (str(standing.status), standing.years[0].allocated) == ("licensed", {"audio-device": 2})


class TestR10BeforeLicensing:
    def test_the_need_is_todays_devices(self, books: Books) -> None:
        books.report(date(2027, 3, 1), core=4, universal=2)
        books.start(date(2027, 3, 1))
        for count in (4, 9, 1, 0):
            books.report(date(2027, 5, 1), core=count, universal=2)
            assert missing(books, date(2027, 5, 1)) == {"core-device": count, "universal-device": 2}


class TestR11FullyLicensed:
    def _year(self, books: Books, number: int = 0) -> SubscriptionYear:
        return SubscriptionYear.objects.get(organization=books.organization, number=number)

    def test_by_allocating(self, books: Books) -> None:
        books.report(date(2027, 3, 1), core=3)
        books.start(date(2027, 3, 1))
        books.redeem(date(2027, 3, 9), core=3)
        books.allocate(date(2027, 3, 9), {"core": 3})
        assert (self._year(books).fully_licensed_on, self._year(books).allowance) == (date(2027, 3, 9), 3)
        assert status(books, date(2027, 3, 9)) == "licensed"

    def test_because_devices_went_away(self, books: Books) -> None:
        # Fully allocated for 3 of 4 types' devices: only possible where the need grew between, before licensing.
        # Here the year is never full until the universal device goes away: none can be allocated apart (R16),
        # so the year after is used: 2 allocated ahead, 5 devices on the renewal date, 2 from 2028-05-05 on.
        books.report(date(2027, 3, 1), core=2)
        books.start(date(2027, 3, 1))
        books.redeem(date(2027, 3, 1), core=4)
        books.allocate(date(2027, 3, 1), {"core": 2}, {"core": 2})
        books.report(date(2028, 2, 1), core=5)
        assert status(books, date(2028, 3, 1)) == "renewal_grace"
        assert missing(books, date(2028, 3, 1)) == {"core-device": 3, "universal-device": 0}
        assert status(books, date(2028, 5, 4)) == "unlicensed"
        books.report(date(2028, 5, 5), core=2)
        assert status(books, date(2028, 5, 5)) == "licensed"
        assert (self._year(books, 1).fully_licensed_on, self._year(books, 1).allowance) == (date(2028, 5, 5), 2)
        # From then on it stays so: 4 devices are 2 allocated and 2 of growth.
        books.report(date(2028, 5, 6), core=4)
        assert status(books, date(2028, 5, 6)) == "licensed"

    def test_because_a_system_was_removed(self, books: Books) -> None:
        books.report(date(2027, 3, 1), core=2)
        books.start(date(2027, 3, 1))
        books.redeem(date(2027, 3, 1), core=4)
        books.allocate(date(2027, 3, 1), {"core": 2}, {"core": 2})
        books.report(date(2028, 2, 1), system="Annex", core=1)
        assert status(books, date(2028, 4, 1)) == "unlicensed"
        books.remove(date(2028, 4, 2), system="Annex")
        assert status(books, date(2028, 4, 2)) == "licensed"

    def test_on_the_renewal_date_from_what_was_allocated_ahead(self, books: Books) -> None:
        books.report(date(2027, 3, 1), core=2)
        books.start(date(2027, 3, 1))
        books.redeem(date(2027, 3, 1), core=4)
        books.allocate(date(2027, 3, 1), {"core": 2}, {"core": 2})
        assert status(books, date(2028, 3, 1)) == "licensed"
        books.settle(date(2028, 6, 1))
        assert (self._year(books, 1).fully_licensed_on, self._year(books, 1).allowance) == (date(2028, 3, 1), 2)

    def test_before_any_change_of_the_renewal_date(self, books: Books) -> None:
        # On 2028-03-01 a report of 4 devices comes: the year was licensed with 2 that morning, so 2 are growth.
        books.report(date(2027, 3, 1), core=2)
        books.start(date(2027, 3, 1))
        books.redeem(date(2027, 3, 1), core=4)
        books.allocate(date(2027, 3, 1), {"core": 2}, {"core": 2})
        books.report(date(2028, 3, 1), core=4)
        assert status(books, date(2028, 3, 1)) == "licensed"
        assert missing(books, date(2028, 3, 1)) == {"core-device": 0, "universal-device": 0}

    def test_not_without_a_single_license(self, books: Books) -> None:
        books.report(date(2027, 3, 1))
        books.start(date(2027, 3, 1))
        assert self._year(books).fully_licensed_on is None
        assert status(books, date(2027, 3, 31)) == "started"
        assert status(books, date(2027, 4, 1)) == "no_need"
        assert status(books, date(2028, 3, 1)) == "no_need"

    def test_every_type_has_to_be_covered(self) -> None:
        assert rules.is_fully_licensed({"a": 2, "b": 1}, {"a": 2, "b": 1})
        assert not rules.is_fully_licensed({"a": 9, "b": 0}, {"a": 2, "b": 1})
        assert not rules.is_fully_licensed({}, {})


class TestR12Growth:
    def _licensed(self, books: Books, core: int, universal: int, redeem_core: int, redeem_universal: int) -> None:
        books.report(date(2027, 3, 1), core=core, universal=universal)
        books.start(date(2027, 3, 1))
        books.redeem(date(2027, 3, 1), core=redeem_core, universal=redeem_universal)
        books.allocate(date(2027, 3, 1), {"core": core, "universal": universal})

    def test_10_allocated_and_25_devices_miss_5_and_with_these_allocated_growth_is_10(self, books: Books) -> None:
        self._licensed(books, 10, 0, 20, 0)
        books.report(date(2027, 6, 1), core=20)  # growth 10, allowance 10
        assert status(books, date(2027, 6, 1)) == "licensed"
        books.report(date(2027, 6, 2), core=25)  # growth 15
        assert status(books, date(2027, 6, 2)) == "growth_exceeded"
        assert missing(books, date(2027, 6, 2)) == {"core-device": 5, "universal-device": 0}
        # The current need is what is allocated and what the allowance does not reach.
        assert books.stand(date(2027, 6, 2)).years[0].need == {"core-device": 15, "universal-device": 0}
        books.allocate(date(2027, 6, 2), {"core": 5})  # growth 25 - 15 = 10, the allowance still 10
        standing = books.stand(date(2027, 6, 2))
        assert (str(standing.status), standing.years[0].allowance) == ("licensed", 10)
        books.report(
            date(2027, 6, 3), core=26
        )  # growth 11: one more than the allowance, which 5 later licenses did not raise
        assert missing(books, date(2027, 6, 3)) == {"core-device": 1, "universal-device": 0}

    def test_the_allowance_is_spent_in_catalogue_order(self, books: Books) -> None:
        # 4 + 6 allocated: allowance 10. Growth 8 and 5: all 8 of core are free, then 2 of universal; 3 are missing.
        self._licensed(books, 4, 6, 4, 6)
        books.report(date(2027, 6, 1), core=12, universal=11)
        assert missing(books, date(2027, 6, 1)) == {"core-device": 0, "universal-device": 3}
        # Growth 12 and 1: 10 of core are free; 2 and 1 are missing.
        books.report(date(2027, 6, 2), core=16, universal=7)
        assert missing(books, date(2027, 6, 2)) == {"core-device": 2, "universal-device": 1}

    def test_fewer_devices_of_one_type_make_no_room_for_another(self, books: Books) -> None:
        # Allowance 10. Universal falls to 0, core grows by 11: growth is counted per type, never below 0, so 1 is missing.
        self._licensed(books, 4, 6, 4, 6)
        books.report(date(2027, 6, 1), core=15, universal=0)
        assert missing(books, date(2027, 6, 1)) == {"core-device": 1, "universal-device": 0}

    def test_it_is_counted_over_the_subscription_year(self, books: Books) -> None:
        # Growth in February is asked for in March, when the next year begins with nothing allocated.
        self._licensed(books, 10, 0, 10, 0)
        books.report(date(2028, 2, 28), core=20)
        assert status(books, date(2028, 2, 29)) == "licensed"
        assert status(books, date(2028, 3, 1)) == "renewal_grace"
        assert missing(books, date(2028, 3, 1)) == {"core-device": 20, "universal-device": 0}

    def test_each_product_by_itself(self, books: Books) -> None:
        self._licensed(books, 10, 0, 10, 0)
        books.report(date(2027, 3, 1), product="audio-manager", system="Audio", audio=1)
        books.start(date(2027, 3, 1), product="audio-manager")
        books.redeem(date(2027, 3, 1), product="audio-manager", audio=1)
        books.allocate(date(2027, 3, 1), {"audio": 1}, product="audio-manager")
        books.report(date(2027, 4, 1), product="audio-manager", system="Audio", audio=3)
        standing = books.stand(date(2027, 4, 1), product="audio-manager")
        assert (str(standing.status), dict(standing.years[0].missing)) == ("growth_exceeded", {"audio-device": 1})
        assert status(books, date(2027, 4, 1)) == "licensed"

    def test_every_administrator_is_told_on_the_day_and_monthly_while_it_lasts(
        self, books: Books, administrator: User, manager: User, organization: Organization
    ) -> None:
        second = UserFactory.create(email="second@example.com")
        add_member(organization=organization, user=second, role=Role.ADMINISTRATOR, actor=None, on=date(2027, 3, 1))
        self._licensed(books, 1, 0, 1, 0)
        books.report(date(2027, 8, 31), core=4)  # growth 3, allowance 1
        books.report(date(2027, 9, 15), core=5)  # exceeded still: not told again before its month is over
        books.settle(date(2027, 12, 1))
        books.report(date(2027, 12, 24), core=2)  # growth 1: kept again
        books.settle(date(2028, 2, 15))
        mails = exceeded_told(organization).order_by("business_date", "recipient")
        expected_days = [date(2027, 8, 31), date(2027, 9, 30), date(2027, 10, 31), date(2027, 11, 30)]
        assert list(mails.values_list("business_date", "recipient")) == [
            (day, recipient) for day in expected_days for recipient in (administrator.email, second.email)
        ]
        told = Record.objects.filter(organization=organization, action__contains="allowance").order_by("sequence")
        assert list(told.values_list("action", flat=True)) == [
            "subscriptions.allowance.exceeded",
            "subscriptions.allowance.kept_again",
        ]

    def test_nobody_is_told_of_it_in_the_next_year(self, books: Books, organization: Organization) -> None:
        # Exceeded on 2028-02-10; the year ends on 2028-02-29, before a month is over.
        self._licensed(books, 1, 0, 1, 0)
        books.report(date(2028, 2, 10), core=4)
        books.settle(date(2028, 12, 1))
        days = exceeded_told(organization).values_list("business_date", flat=True)
        assert list(days) == [date(2028, 2, 10)]

    def test_a_month_later_than_the_31st_is_the_last_of_the_month(self) -> None:
        assert months_after(date(2027, 10, 31), 1) == date(2027, 11, 30)
        assert months_after(date(2027, 10, 31), 4) == date(2028, 2, 29)
        assert months_after(date(2027, 10, 31), 5) == date(2028, 3, 31)
        assert months_after(date(2027, 12, 15), 12) == date(2028, 12, 15)


class TestR13And14ComingYearsAndDevicesThatGoAway:
    def test_a_coming_year_needs_todays_devices_growth_included(self, books: Books) -> None:
        books.report(date(2027, 3, 1), core=10)
        books.start(date(2027, 3, 1))
        books.redeem(date(2027, 3, 1), core=25)
        books.allocate(date(2027, 3, 1), {"core": 10})
        books.report(date(2027, 4, 1), core=15)
        assert [missing(books, date(2027, 4, 1), offset)["core-device"] for offset in range(6)] == [0] + [15] * 5
        books.allocate(date(2027, 4, 1), {}, {"core": 15})
        books.report(date(2027, 5, 1), core=18)
        assert [missing(books, date(2027, 5, 1), offset)["core-device"] for offset in range(6)] == [
            0,
            3,
            18,
            18,
            18,
            18,
        ]

    def test_fewer_devices_lower_the_need_never_what_is_allocated(self, books: Books) -> None:
        books.report(date(2027, 3, 1), core=4)
        books.start(date(2027, 3, 1))
        books.redeem(date(2027, 3, 1), core=8)
        books.allocate(date(2027, 3, 1), {"core": 4}, {"core": 4})
        books.report(date(2027, 4, 1), core=1)
        years = books.stand(date(2027, 4, 1)).years
        assert [year.allocated["core-device"] for year in years[:3]] == [4, 4, 0]
        assert [year.missing["core-device"] for year in years[:3]] == [0, 0, 1]

    def test_a_license_of_one_type_never_serves_for_another(self, books: Books) -> None:
        books.report(date(2027, 3, 1), core=4)
        books.start(date(2027, 3, 1))
        books.redeem(date(2027, 3, 1), core=8)
        books.allocate(date(2027, 3, 1), {"core": 4}, {"core": 4})
        books.report(date(2027, 4, 1), core=0, universal=1)
        assert missing(books, date(2027, 4, 1), 1) == {"core-device": 0, "universal-device": 1}


class TestR14aStatus:
    def test_a_row_after_another(self, books: Books) -> None:
        seen: list[tuple[str, str]] = []

        def see(on: date) -> None:
            seen.append((on.isoformat(), status(books, on)))

        books.report(date(2027, 1, 1), core=2)
        see(date(2027, 1, 31))  # 1 + 30: the trial's last day
        see(date(2027, 2, 1))
        books.start(date(2027, 3, 1))
        see(date(2027, 3, 1))
        books.redeem(date(2027, 3, 2), core=2)
        books.allocate(date(2027, 3, 2), {"core": 2})
        see(date(2027, 3, 2))
        books.report(date(2027, 3, 3), core=5)
        see(date(2027, 3, 3))  # growth 3, allowance 2
        see(date(2028, 3, 1))
        see(date(2028, 3, 31))
        see(date(2028, 4, 1))
        books.report(date(2028, 4, 2), core=0)
        see(date(2028, 4, 2))
        assert seen == [
            ("2027-01-31", "trial"),
            ("2027-02-01", "trial_ended"),
            ("2027-03-01", "started"),
            ("2027-03-02", "licensed"),
            ("2027-03-03", "growth_exceeded"),
            ("2028-03-01", "renewal_grace"),
            ("2028-03-31", "renewal_grace"),
            ("2028-04-01", "unlicensed"),
            ("2028-04-02", "no_need"),
        ]
        check_conservation(books.organization)
