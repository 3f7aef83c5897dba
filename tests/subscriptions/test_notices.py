"""When people are told of grace periods, renewals and growth, in which words, and when no more (R3, R9, R12)."""

from datetime import date, time

import pytest
from django.conf import settings

from licensemgr.core.mail import send_outbox
from licensemgr.core.models import OutboxMessage
from licensemgr.portal.closing import close_organization
from licensemgr.portal.daily import run_daily
from licensemgr.portal.exporting import note_export
from organizations.books import settle
from organizations.models import Membership, Role, User
from organizations.services import change_role, choose_notices, create_organization, remove_member
from subscriptions.notices import next_told_on
from tests.conftest import FrozenClock
from tests.factories import Books, dump_books

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)
AUDIO = "audio-manager"


def planned_for(books: Books, *, product: str | None = None) -> list[tuple[date, str]]:
    """What was written of the product, to each who is told: when, and of what."""
    written = OutboxMessage.objects.filter(organization=books.organization).order_by("business_date", "pk")
    registered = str(books.registered(product).pk)
    told = [(row.business_date, row.reason.split(":")) for row in written if row.reason.split(":")[2] == registered]
    return [(day, what) for day, (_kind, what, *_rest) in told]


def waiting(books: Books) -> list[tuple[str, str]]:
    """What is still to be sent: of what, and to whom."""
    due = OutboxMessage.objects.filter(organization=books.organization, sent_at=None, last_error="").order_by("pk")
    return [(row.reason.split(":")[1], row.recipient) for row in due]


def message(books: Books, on: date, what: str) -> OutboxMessage:
    """The one message of that day that tells of that."""
    return OutboxMessage.objects.get(organization=books.organization, business_date=on, reason__contains=f":{what}:")


class TestGraceOpened:
    def test_on_the_day_of_the_start(self, books: Books) -> None:
        """Grace of 1 March ends on the 31st; 24 March takes over what this one says."""
        books.report(START, core=10, universal=2)
        books.redeem(START, core=4)
        books.start(START)
        assert planned_for(books) == [(START, "grace-opened")]
        told = message(books, START, "grace-opened")
        assert told.subject == "Camera Station: grace period until March 31, 2027 – Harbour Cameras"
        assert told.useful_until == date(2027, 3, 23)
        for said in (
            "The subscription of Camera Station in Harbour Cameras started on March 1, 2027",
            "12 licenses are missing for the year from March 1, 2027 to Feb. 29, 2028",
            "- Core device | Missing: 10 | In the wallet: 4",
            "- Universal device | Missing: 2 | In the wallet: 0",
            "Buy and redeem 8 more licenses (Core device: 6, Universal device: 2)",
            f"{settings.PORTAL_URL}/o/harbour/products/camera-station/wallet/",
            f"{settings.PORTAL_URL}/where-to-buy/?organization=harbour&product=camera-station",
            f"{settings.PORTAL_URL}/o/harbour/members/",
        ):
            assert said in told.body_text, said

    def test_not_where_nothing_is_missing_and_on_that_day_where_something_comes_to_be(self, books: Books) -> None:
        books.report(START, core=0)
        books.start(START)
        assert planned_for(books) == []
        books.report(START, core=3)
        books.report(START, core=4)
        assert planned_for(books) == [(START, "grace-opened")]
        books.report(date(2027, 3, 2), core=5)
        assert planned_for(books) == [(START, "grace-opened")]

    def test_what_is_allocated_at_once_is_not_sent(self, books: Books) -> None:
        books.report(START, core=10)
        books.redeem(START, core=10)
        books.start(START)
        assert waiting(books) == [("grace-opened", "administrator@example.com")]
        books.allocate(START, {"core": 10})
        assert waiting(books) == []

    def test_on_a_renewal_date_where_too_little_was_allocated_ahead(self, books: Books) -> None:
        """2 allocated ahead, 5 devices: 3 are missing from 1 March 2028 on."""
        books.report(START, core=2)
        books.redeem(START, core=4)
        books.start(START)
        books.allocate(START, {"core": 2}, {"core": 2})
        books.report(date(2028, 2, 1), core=4)
        books.settle(date(2028, 3, 1))
        assert planned_for(books)[-1] == (date(2028, 3, 1), "grace-opened")
        told = message(books, date(2028, 3, 1), "grace-opened")
        assert "A new subscription year of Camera Station in Harbour Cameras began on March 1, 2028." in told.body_text
        assert "- Core device | Missing: 2 | In the wallet: 0" in told.body_text

    def test_not_on_a_renewal_date_that_is_licensed_or_needs_nothing(self, books: Books) -> None:
        books.report(START, core=2)
        books.redeem(START, core=4)
        books.start(START)
        books.allocate(START, {"core": 2}, {"core": 2})
        books.settle(date(2028, 4, 1))
        assert [told for told in planned_for(books) if told[0] > START] == []
        books.remove(date(2028, 4, 2))
        books.settle(date(2031, 4, 2))
        assert [told for told in planned_for(books) if told[0] > START] == []


class TestGraceEnds:
    def test_7_days_before_and_the_day_before(self, books: Books) -> None:
        books.report(START, core=1)
        books.start(START)
        books.settle(date(2027, 4, 10))
        days = (date(2027, 3, 24), date(2027, 3, 30))
        assert planned_for(books)[1:] == [(day, "grace-ends") for day in days]
        first, last = (message(books, day, "grace-ends") for day in days)
        assert (first.useful_until, last.useful_until) == (date(2027, 3, 29), date(2027, 3, 31))
        assert "Time left: 7 days left on March 24, 2027" in first.body_text
        assert "Time left: 1 day left on March 30, 2027" in last.body_text
        assert "not licensed from April 1, 2027 on" in last.body_text
        assert first.subject != last.subject

    def test_none_after_it_is_solved(self, books: Books) -> None:
        """Solved on 24 March, the day of the first notice, which is not sent any more; on the 30th there is nothing."""
        books.report(START, core=1)
        books.redeem(START, core=1)
        books.start(START)
        books.settle(date(2027, 3, 23))
        assert len(planned_for(books)) == 1
        books.allocate(date(2027, 3, 24), {"core": 1})
        books.settle(date(2027, 4, 10))
        assert planned_for(books) == [(START, "grace-opened"), (date(2027, 3, 24), "grace-ends")]
        assert waiting(books) == []

    def test_growth_in_a_licensed_year_is_no_grace(self, books: Books) -> None:
        """Licensed on 2 March; 3 devices exceed the allowance of 1 within the days of grace, which no longer matters."""
        books.report(START, core=1)
        books.redeem(START, core=1)
        books.start(START)
        books.allocate(date(2027, 3, 2), {"core": 1})
        books.report(date(2027, 3, 20), core=3)
        books.settle(date(2027, 4, 10))
        assert planned_for(books) == [(START, "grace-opened"), (date(2027, 3, 20), "allowance-exceeded")]

    def test_devices_that_go_away_solve_it_and_new_ones_bring_it_back(self, books: Books) -> None:
        books.report(START, core=1)
        books.start(START)
        books.report(date(2027, 3, 5), core=0)
        books.settle(date(2027, 3, 24))
        books.report(date(2027, 3, 29), core=1)
        books.settle(date(2027, 4, 10))
        assert planned_for(books) == [(START, "grace-opened"), (date(2027, 3, 30), "grace-ends")]

    def test_a_first_grace_within_the_year_has_an_end(self, books: Books) -> None:
        """R9: 30 January 2028 + 30 days is 29 February, the year's last day: 22 and 28 February; the next from 1 March."""
        _audio_starts(books, date(2028, 1, 30))
        assert planned_for(books, product=AUDIO) == [
            (date(2028, 1, 30), "grace-opened"),
            (date(2028, 1, 31), "renewal"),
            (date(2028, 2, 22), "grace-ends"),
            (date(2028, 2, 28), "grace-ends"),
            (date(2028, 3, 1), "grace-opened"),
            (date(2028, 3, 24), "grace-ends"),
            (date(2028, 3, 30), "grace-ends"),
        ]

    def test_a_first_grace_that_the_years_end_cuts_short_has_none(self, books: Books) -> None:
        """R9: 31 January + 30 days would be 1 March; the grace ends with the year, and the next year's takes over."""
        _audio_starts(books, date(2028, 1, 31))
        assert planned_for(books, product=AUDIO) == [
            (date(2028, 1, 31), "grace-opened"),
            (date(2028, 3, 1), "grace-opened"),
            (date(2028, 3, 24), "grace-ends"),
            (date(2028, 3, 30), "grace-ends"),
        ]
        told = message(books, date(2028, 1, 31), "grace-opened")
        assert told.useful_until == date(2028, 2, 29)
        assert told.subject == "Audio Manager: grace period until March 31, 2028 – Harbour Cameras"
        assert "This subscription year ends on Feb. 29, 2028, and its grace period with it" in told.body_text
        assert "Allocate the licenses that are missing by March 31, 2028" in told.body_text


def _audio_starts(books: Books, on: date) -> None:
    """Audio Manager joins a year that began on 1 March 2027; settled until its next grace is over."""
    books.report(START, core=0)
    books.start(START)
    books.report(on, product=AUDIO, system="Audio", audio=2)
    books.start(on, product=AUDIO)
    books.settle(date(2028, 4, 2))


class TestRenewal:
    def _licensed(self, books: Books, start: date = START) -> None:
        books.report(start, core=2)
        books.redeem(start, core=3)
        books.start(start)
        books.allocate(start, {"core": 2})

    def test_60_and_30_days_before_with_what_the_next_year_misses(self, books: Books) -> None:
        self._licensed(books)
        books.settle(date(2028, 2, 29))
        days = (date(2028, 1, 1), date(2028, 1, 31))
        assert planned_for(books)[1:] == [(day, "renewal") for day in days]
        first, second = (message(books, day, "renewal") for day in days)
        assert (first.useful_until, second.useful_until) == (date(2028, 1, 30), date(2028, 2, 29))
        assert first.subject == "Camera Station: the next subscription year begins on March 1, 2028 – Harbour Cameras"
        assert "2 licenses are missing for the year from March 1, 2028 to Feb. 28, 2029" in first.body_text
        assert "- Core device | Missing: 2 | In the wallet: 1" in first.body_text
        assert "Last day of the grace period that then follows: March 31, 2028" in first.body_text
        assert "current year" not in first.body_text

    def test_of_29_february(self, books: Books) -> None:
        """R4: anchor 2028-02-29. Of 2029-02-28: 30 December, 29 January. Of 2032-02-29: 31 December, 30 January."""
        self._licensed(books, date(2028, 2, 29))
        books.settle(date(2032, 2, 28))
        days = [day for day, what in planned_for(books) if what == "renewal"]
        assert days[:2] == [date(2028, 12, 30), date(2029, 1, 29)]
        assert days[-2:] == [date(2031, 12, 31), date(2032, 1, 30)]

    def test_none_once_it_is_allocated(self, books: Books) -> None:
        self._licensed(books)
        books.settle(date(2028, 1, 1))
        books.redeem(date(2028, 1, 2), core=1)
        assert waiting(books) == [("renewal", "administrator@example.com")]
        books.allocate(date(2028, 1, 2), {}, {"core": 2})
        assert waiting(books) == []
        books.settle(date(2028, 4, 1))
        assert planned_for(books)[1:] == [(date(2028, 1, 1), "renewal")]

    def test_it_says_what_the_current_year_misses_first(self, books: Books) -> None:
        """R15: a year is allocated only when those before it miss nothing."""
        books.report(START, core=2)
        books.start(START)
        books.settle(date(2028, 1, 1))
        told = message(books, date(2028, 1, 1), "renewal")
        assert "The current year, until Feb. 29, 2028, is missing 2 licenses too" in told.body_text

    def test_a_product_that_starts_within_the_60_days_gets_the_second_one(self, books: Books) -> None:
        """Also one that starts on the very 60th day: that day was over when it did."""
        books.report(START, core=0)
        books.start(START)
        books.report(START, product=AUDIO, system="Audio", audio=1)
        books.start(date(2028, 1, 1), product=AUDIO)
        books.settle(date(2028, 2, 29))
        days = [day for day, what in planned_for(books, product=AUDIO) if what == "renewal"]
        assert days == [date(2028, 1, 31)]

    def test_each_product_is_told_of_by_itself_in_the_order_of_their_starts(self, books: Books) -> None:
        self._licensed(books)
        books.report(START, product=AUDIO, system="Audio", audio=1)
        books.start(date(2027, 6, 1), product=AUDIO)
        books.settle(date(2028, 1, 1))
        told = OutboxMessage.objects.filter(business_date=date(2028, 1, 1)).order_by("pk")
        assert [row.subject.split(":")[0] for row in told] == ["Camera Station", "Audio Manager"]


class TestExceeded:
    def _exceeded(self, books: Books) -> None:
        """1 allocated, an allowance of 1, 4 devices on 10 December 2027: 2 are missing."""
        books.report(START, core=1)
        books.redeem(START, core=2)
        books.start(START)
        books.allocate(START, {"core": 1})
        books.report(date(2027, 12, 10), core=4)

    def test_in_words(self, books: Books) -> None:
        self._exceeded(books)
        told = message(books, date(2027, 12, 10), "allowance-exceeded")
        assert told.useful_until is None
        for said in (
            "Harbour Cameras has grown beyond the annual growth allowance for Camera Station.",
            "Exceeded since: Dec. 10, 2027",
            "Growth allowance of the year: 1",
            "- Core device | Missing: 2 | In the wallet: 1",
            "it cannot be switched off",
        ):
            assert said in told.body_text, said
        assert "/members/" not in told.body_text
        books.settle(date(2028, 2, 29))
        reminders = [message(books, day, "allowance-still-exceeded") for day in (date(2028, 1, 10), date(2028, 2, 10))]
        assert [row.useful_until for row in reminders] == [date(2028, 2, 9), date(2028, 2, 29)]
        assert "Exceeded since: Dec. 10, 2027" in reminders[0].body_text

    def test_the_first_is_sent_although_it_was_solved_the_reminders_are_not(self, books: Books) -> None:
        """R12: every administrator is told that it happened."""
        self._exceeded(books)
        books.report(date(2028, 1, 12), core=2)
        assert [what for what, _to in waiting(books) if what != "renewal"] == ["allowance-exceeded"]
        assert (date(2028, 1, 10), "allowance-still-exceeded") in planned_for(books)

    def test_on_the_renewal_date_the_books_come_first(self, books: Books) -> None:
        """Exceeded on 10 December, next told on 10 March; from the renewal of 1 March on it is grace that is told of."""
        self._exceeded(books)
        books.settle(date(2028, 3, 10))
        assert [told for told in planned_for(books) if told[0] >= date(2028, 2, 10)] == [
            (date(2028, 2, 10), "allowance-still-exceeded"),
            (date(2028, 3, 1), "grace-opened"),
        ]


class TestNobodyElse:
    """A grace notice waits to be sent; each of these lets it go to nobody."""

    @pytest.fixture
    def told(self, books: Books, manager: User, viewer: User) -> Books:
        books.report(START, core=1)
        books.start(START)
        assert {to for _what, to in waiting(books)} == {"administrator@example.com", "manager@example.com"}
        return books

    def _membership(self, books: Books, user: User) -> Membership:
        return Membership.objects.select_related("organization").get(organization=books.organization, user=user)

    def test_switched_off(self, told: Books, manager: User, administrator: User) -> None:
        choose_notices(membership=self._membership(told, manager), wants_notices=False)
        assert waiting(told) == [("grace-opened", "administrator@example.com")]
        choose_notices(membership=self._membership(told, administrator), wants_notices=False)
        told.settle(date(2027, 4, 1))
        assert waiting(told) == []
        assert len(planned_for(told)) == 2

    def test_a_viewer_now(self, told: Books, manager: User) -> None:
        change_role(membership=self._membership(told, manager), role=Role.VIEWER, actor=None, on=START)
        assert waiting(told) == [("grace-opened", "administrator@example.com")]
        told.settle(date(2027, 4, 1))
        assert {to for _what, to in waiting(told)} == {"administrator@example.com"}

    def test_removed(self, told: Books, manager: User) -> None:
        remove_member(membership=self._membership(told, manager), actor=None, on=START)
        assert waiting(told) == [("grace-opened", "administrator@example.com")]
        told.settle(date(2027, 4, 1))
        assert {to for _what, to in waiting(told)} == {"administrator@example.com"}

    def test_a_closed_organization(self, told: Books, administrator: User) -> None:
        note_export(organization=told.organization, actor=administrator, on=START)
        close_organization(
            organization=told.organization, typed_name="Harbour Cameras", actor=administrator, on=date(2027, 3, 24)
        )
        assert waiting(told) == []
        assert told.settle(date(2027, 4, 1)) == 0
        assert len(planned_for(told)) == 4


class TestDays:
    def test_what_is_stale_by_the_organizations_own_clock_is_not_sent(self, frozen_clock: FrozenClock) -> None:
        """Grace ends on 31 March. At 11:30 UTC of that day it is 1 April at UTC+14 and 31 March, 00:30, at UTC-11."""
        administrator = User.objects.create_user("far@example.com", "a long password")
        for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
            organization = create_organization(name=zone, time_zone=zone, actor=administrator, on=START)
            books = Books(organization)
            books.report(START, core=1)
            books.start(START)
        frozen_clock.move_to(date(2027, 3, 31), time(11, 30))
        run_daily()
        assert send_outbox() == 1
        sent = OutboxMessage.objects.exclude(sent_at=None).get()
        assert "about to end" in sent.subject and "Pago" in sent.subject
        assert OutboxMessage.objects.filter(last_error__startswith="Not sent: it was of use until").count() == 5

    def test_it_is_told_on_the_organizations_own_day(self, frozen_clock: FrozenClock, administrator: User) -> None:
        organization = create_organization(name="East", time_zone="Pacific/Kiritimati", actor=administrator, on=START)
        books = Books(organization)
        books.report(START, core=1)
        books.start(START)
        frozen_clock.move_to(date(2027, 3, 23), time(9, 59))
        assert run_daily().written == 0
        frozen_clock.move_to(date(2027, 3, 23), time(10, 0))
        assert run_daily().written == 1
        assert planned_for(books)[1:] == [(date(2027, 3, 24), "grace-ends")]

    def test_settled_twice_or_late_it_is_written_once_with_its_own_date(self, books: Books) -> None:
        books.report(START, core=1)
        books.start(START)
        assert settle(books.organization, date(2027, 3, 27)) == 1
        assert settle(books.organization, date(2027, 3, 27)) == 0
        assert planned_for(books) == [(START, "grace-opened"), (date(2027, 3, 24), "grace-ends")]
        assert [row[2] for row in dump_books(books.organization)["mails"]] == [START, date(2027, 3, 24)]

    def test_what_is_told_next(self, books: Books) -> None:
        books.report(START, core=1)
        assert next_told_on(books.stand(START)) is None
        books.start(START)
        assert next_told_on(books.stand(START)) == date(2027, 3, 24)
        books.redeem(START, core=1)
        books.allocate(START, {"core": 1})
        assert next_told_on(books.stand(START)) == date(2028, 1, 1)
        books.report(date(2027, 4, 5), core=9)
        assert next_told_on(books.stand(date(2027, 4, 5))) == date(2027, 5, 5)
        books.report(date(2027, 4, 6), core=0)
        assert next_told_on(books.stand(date(2027, 4, 6))) is None
