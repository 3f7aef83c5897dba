"""Races, with real threads: each first shows that it happens with the locks taken out, then that it does not with them.

"Happens" means that two changes come to stand behind one check at one moment, each believing that it is alone. What then
stops the second is the last line of defence (constraints and conditional updates on PostgreSQL, the write lock on
SQLite), and those tests say so too.
"""

import uuid
from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError

from history.models import Record
from organizations.books import settle
from organizations.models import Organization
from subscriptions import services as subscription_services
from subscriptions import settle as subscription_settle
from subscriptions.errors import NeedNotMatched
from subscriptions.models import Allocation, SubscriptionYear
from tests.concurrency.racing import Gate, at_once, take_the_locks_out
from tests.factories import Books, OrganizationFactory, check_conservation, issue, register
from wallet import services as wallet_services
from wallet.errors import KeyUnknown, NotEnoughLicenses
from wallet.models import Lot, Redemption
from wallet.services import redeem_license_key

pytestmark = pytest.mark.django_db(transaction=True)
DAY = date(2027, 3, 1)
# What stops a change that came behind a check together with another one.
STOPPED = (IntegrityError, OperationalError, NotEnoughLicenses)


def successes(results: list[Any]) -> list[Any]:
    """The results that are no exceptions."""
    return [result for result in results if not isinstance(result, Exception)]


class TestTheLastLicense:
    @pytest.fixture
    def one_left(self, books: Books) -> Books:
        books.report(DAY, core=1)
        books.start(DAY)
        books.redeem(DAY, core=1)
        return books

    def test_without_the_lock_two_take_it_for_theirs(self, one_left: Books, monkeypatch: pytest.MonkeyPatch) -> None:
        take_the_locks_out(monkeypatch)
        checked = Gate(monkeypatch, subscription_services, "_move_to_years", waits_for=2)
        results = at_once([lambda: one_left.allocate(DAY, {"core": 1})] * 2)
        assert checked.passed == 2
        assert len(successes(results)) == 1
        assert all(isinstance(result, STOPPED) for result in results if isinstance(result, Exception))

    def test_wanted_by_16_at_once_one_gets_it(self, one_left: Books, monkeypatch: pytest.MonkeyPatch) -> None:
        checked = Gate(monkeypatch, subscription_services, "_move_to_years")
        results = at_once([lambda: one_left.allocate(DAY, {"core": 1})] * 16)
        assert checked.passed == 1
        assert len(successes(results)) == 1
        # The others read what the first one wrote: the year misses nothing any more.
        assert sum(isinstance(result, NeedNotMatched) for result in results) == 15
        standing = one_left.stand(DAY)
        assert standing.years[0].allocated["core-device"] == 1
        assert standing.wallet["subscription"]["core-device"] == 0
        check_conservation(one_left.organization)

    def test_wanted_for_two_products_years_by_16_the_wallet_never_falls_below_zero(self, one_left: Books) -> None:
        # 4 licenses and two years that want 3 each: whoever comes second finds too few or the year filled.
        one_left.report(DAY, core=3)
        one_left.redeem(DAY, core=3)
        results = at_once(
            [lambda: one_left.allocate(DAY, {"core": 3}), lambda: one_left.allocate(DAY, {"core": 3}, {"core": 3})] * 8
        )
        assert len(successes(results)) == 1
        assert one_left.stand(DAY).wallet["subscription"]["core-device"] == 1
        check_conservation(one_left.organization)


class TestOneKeyInTwoOrganizations:
    def _redeemers(self, books: Books, count: int) -> list[Any]:
        key = issue(books.products["camera-station"], core=5)
        registered = [
            register(OrganizationFactory.create(), books.products["camera-station"], on=DAY, core=1)
            for _n in range(count)
        ]
        return [
            lambda registered_product=registered_product: redeem_license_key(
                registered_product=registered_product, license_key=key, actor=None, on=DAY
            )
            for registered_product in registered
        ]

    def test_without_the_lock_both_find_it_free(self, books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
        redeemers = self._redeemers(books, 2)
        take_the_locks_out(monkeypatch)
        checked = Gate(monkeypatch, wallet_services, "_redeem", waits_for=2)
        results = at_once(redeemers)
        assert checked.passed == 2
        # The constraint on the key lets one through all the same.
        assert len(successes(results)) == 1
        assert Redemption.objects.count() == 1

    @pytest.mark.parametrize("count", [2, 8])
    def test_one_gets_it_and_the_others_learn_nothing(
        self, books: Books, monkeypatch: pytest.MonkeyPatch, count: int
    ) -> None:
        redeemers = self._redeemers(books, count)
        checked = Gate(monkeypatch, wallet_services, "_redeem")
        results = at_once(redeemers)
        assert checked.passed == 1
        assert len(successes(results)) == 1
        assert sum(isinstance(result, KeyUnknown) for result in results) == count - 1
        assert Redemption.objects.count() == 1
        assert Lot.objects.count() == 1
        for organization in Organization.objects.all():
            check_conservation(organization)


class TestOneConfirmationSentManyTimes:
    @pytest.fixture
    def plenty(self, books: Books) -> Books:
        books.report(DAY, core=2)
        books.start(DAY)
        books.redeem(DAY, core=60)
        return books

    def test_without_the_lock_it_is_taken_for_new_twice(self, plenty: Books, monkeypatch: pytest.MonkeyPatch) -> None:
        take_the_locks_out(monkeypatch)
        nonce = uuid.uuid4()
        checked = Gate(monkeypatch, subscription_services, "_move_to_years", waits_for=2)
        results = at_once([lambda: plenty.allocate(DAY, {"core": 2}, nonce=nonce)] * 2)
        assert checked.passed == 2
        assert len(successes(results)) == 1
        assert all(isinstance(result, STOPPED) for result in results if isinstance(result, Exception))

    def test_sent_20_times_it_counts_once_and_all_get_the_same_answer(
        self, plenty: Books, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        nonce = uuid.uuid4()
        checked = Gate(monkeypatch, subscription_services, "_move_to_years")
        results = at_once([lambda: plenty.allocate(DAY, {"core": 2}, nonce=nonce)] * 20)
        assert checked.passed == 1
        assert {result.pk for result in results} == {Allocation.objects.get().pk}
        standing = plenty.stand(DAY)
        assert standing.years[0].allocated["core-device"] == 2
        assert standing.wallet["subscription"]["core-device"] == 58
        assert Record.objects.filter(action="subscriptions.licenses.allocated").count() == 1
        check_conservation(plenty.organization)


class TestSettleBesideAnAllocation:
    RENEWAL = date(2028, 3, 1)

    @pytest.fixture
    def before_renewal(self, books: Books) -> Books:
        books.report(DAY, core=2)
        books.start(DAY)
        books.redeem(DAY, core=10)
        books.allocate(DAY, {"core": 2})
        books.settle(date(2028, 2, 28))
        # Another organization has reached that day, so that the shared reading of the clock is no meeting point.
        other = OrganizationFactory.create()
        register(other, books.products["camera-station"], on=self.RENEWAL)
        return books

    def _both(self, books: Books) -> list[Any]:
        return at_once(
            [
                lambda: settle(books.organization, self.RENEWAL),
                lambda: books.allocate(self.RENEWAL, {"core": 2}),
            ]
        )

    def test_without_the_lock_both_open_the_year(self, before_renewal: Books, monkeypatch: pytest.MonkeyPatch) -> None:
        take_the_locks_out(monkeypatch)
        opened = Gate(monkeypatch, subscription_settle, "open_year", waits_for=2)
        self._both(before_renewal)
        assert opened.passed == 2

    def test_the_year_is_opened_once_and_then_licensed(
        self, before_renewal: Books, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened = Gate(monkeypatch, subscription_settle, "open_year")
        results = self._both(before_renewal)
        assert successes(results) == results
        assert opened.passed == 1
        year = SubscriptionYear.objects.get(organization=before_renewal.organization, number=1)
        assert (year.fully_licensed_on, year.allowance) == (self.RENEWAL, 2)
        actions = list(
            Record.objects.filter(organization=before_renewal.organization, happened_on=self.RENEWAL)
            .order_by("sequence")
            .values_list("action", flat=True)
        )
        assert actions == [
            "subscriptions.year.opened",
            "subscriptions.licenses.allocated",
            "subscriptions.year.fully_licensed",
        ]
        check_conservation(before_renewal.organization)
