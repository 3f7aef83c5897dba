"""Races of undoing and releasing (R33, R34): whole or not at all, and once; each first shown with the locks taken out."""

import uuid
from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError

from history.models import Record
from organizations.books import settle
from organizations.errors import DateGoesBack
from organizations.models import Organization
from subscriptions import releasing
from subscriptions import services as subscription_services
from subscriptions import settle as subscription_settle
from subscriptions.errors import NothingToRelease, YearHasBegun
from subscriptions.models import Allocation, Release
from tests.concurrency.racing import Gate, at_once, take_the_locks_out
from tests.factories import Books, OrganizationFactory, check_conservation, issue, register
from wallet import ledger, services
from wallet.errors import KeyUnknown, NotEnoughLicenses, UndoNotWhole
from wallet.models import Lot, Redemption, Transfer
from wallet.services import redeem_license_key, undo_redemption

pytestmark = pytest.mark.django_db(transaction=True)
DAY = date(2027, 3, 1)
# What stops a change that came behind a check together with another one.
STOPPED = (IntegrityError, OperationalError, NotEnoughLicenses)


def successes(results: list[Any]) -> list[Any]:
    """The results that are no exceptions."""
    return [result for result in results if not isinstance(result, Exception)]


@pytest.fixture
def one_lot(books: Books) -> tuple[Books, Redemption]:
    """3 core devices, started, and the 3 licenses of one key in the wallet."""
    books.report(DAY, core=3)
    books.start(DAY)
    return books, books.redeem(DAY, core=3)


class TestUndoAgainstAllocate:
    def test_without_the_lock_both_take_the_lot_for_whole(
        self, one_lot: tuple[Books, Redemption], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        books, redemption = one_lot
        take_the_locks_out(monkeypatch)
        taken = Gate(monkeypatch, ledger, "single_account", waits_for=2)
        moved = Gate(monkeypatch, subscription_services, "_move_to_years", meets=taken)
        results = at_once(
            [
                lambda: undo_redemption(redemption=redemption, actor=None, on=DAY),
                lambda: books.allocate(DAY, {"core": 3}),
            ]
        )
        assert (taken.passed, moved.passed) == (1, 1)
        assert len(successes(results)) == 1
        assert all(isinstance(result, STOPPED) for result in results if isinstance(result, Exception))
        check_conservation(books.organization)

    def test_one_gets_the_lot_whole_and_the_other_is_told(self, one_lot: tuple[Books, Redemption]) -> None:
        books, redemption = one_lot
        results = at_once(
            [
                lambda: undo_redemption(redemption=redemption, actor=None, on=DAY),
                lambda: books.allocate(DAY, {"core": 3}),
            ]
            * 6
        )
        undone = Redemption.objects.get().undone_on is not None
        # Undone: all six undos got the same answer. Else the first allocation got the lot; the year then misses nothing.
        assert len(successes(results)) == (6 if undone else 1)
        for result in results[::2]:
            assert isinstance(result, Redemption if undone else UndoNotWhole)
        assert Allocation.objects.count() == (0 if undone else 1)
        assert Transfer.objects.count() == 2
        assert Lot.objects.get().account.balance == 0
        check_conservation(books.organization)


class TestUndoTwice:
    def test_without_the_lock_both_find_it_redeemed(
        self, one_lot: tuple[Books, Redemption], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        books, redemption = one_lot
        take_the_locks_out(monkeypatch)
        taken = Gate(monkeypatch, ledger, "single_account", waits_for=2)
        results = at_once([lambda: undo_redemption(redemption=redemption, actor=None, on=DAY)] * 2)
        assert taken.passed == 2
        assert len(successes(results)) == 1
        check_conservation(books.organization)

    def test_sent_16_times_it_counts_once_and_all_get_the_same_answer(self, one_lot: tuple[Books, Redemption]) -> None:
        books, redemption = one_lot
        results = at_once([lambda: undo_redemption(redemption=redemption, actor=None, on=DAY)] * 16)
        assert {(result.pk, result.undone_on) for result in results} == {(redemption.pk, DAY)}
        assert Record.objects.filter(action="wallet.redemption.undone").count() == 1
        assert Transfer.objects.filter(reason="undone").count() == 1
        check_conservation(books.organization)


class TestUndoAgainstRedeemingElsewhere:
    def _race(self, books: Books) -> tuple[Redemption, list[Any]]:
        product = books.products["camera-station"]
        books.report(DAY, core=1)
        key = issue(product, core=5)
        mine = redeem_license_key(registered_product=books.registered(), license_key=key, actor=None, on=DAY)
        others = [register(OrganizationFactory.create(), product, on=DAY, core=1) for _number in range(3)]
        redeemers = [
            lambda other=other: redeem_license_key(registered_product=other, license_key=key, actor=None, on=DAY)
            for other in [*others, books.registered()]
        ]
        return mine, [lambda: undo_redemption(redemption=mine, actor=None, on=DAY), *redeemers]

    def test_without_the_lock_two_redeem_what_was_undone(self, books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
        mine, changes = self._race(books)
        undo_redemption(redemption=mine, actor=None, on=DAY)
        take_the_locks_out(monkeypatch)
        checked = Gate(monkeypatch, services, "_redeem", waits_for=2)
        results = at_once(changes[1:3])
        assert checked.passed == 2
        # The constraint on the key lets one through all the same.
        assert len(successes(results)) == 1
        assert Redemption.objects.filter(undone_on=None).count() == 1

    def test_the_key_is_never_redeemed_twice_at_a_time(self, books: Books) -> None:
        mine, changes = self._race(books)
        results = at_once(changes)
        mine.refresh_from_db()
        assert mine.undone_on == DAY
        redeemed = successes(results[1:])
        # Whoever came before the undo found the key taken.
        assert len(redeemed) <= 1
        assert all(isinstance(result, KeyUnknown) for result in results[1:4] if isinstance(result, Exception))
        assert list(Redemption.objects.filter(undone_on=None)) == redeemed
        for organization in Organization.objects.all():
            check_conservation(organization)


@pytest.fixture
def ahead(books: Books) -> Books:
    """The day before the renewal; the current year and the one after it are allocated, from one lot of 6."""
    books.report(DAY, core=3)
    books.start(DAY)
    books.redeem(DAY, core=6)
    books.allocate(DAY, {"core": 3}, {"core": 3})
    books.settle(date(2028, 2, 29))
    return books


class TestReleaseAgainstTheYearBeginning:
    LAST_DAY = date(2028, 2, 29)
    RENEWAL = date(2028, 3, 1)

    @pytest.fixture(autouse=True)
    def _another_organization_is_there_already(self, books: Books) -> None:
        # So that the shared reading of the clock is no meeting point.
        register(OrganizationFactory.create(), books.products["camera-station"], on=self.RENEWAL)

    def test_without_the_lock_the_year_begins_while_it_is_released(
        self, ahead: Books, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take_the_locks_out(monkeypatch)
        released = Gate(monkeypatch, releasing, "_release", waits_for=2)
        opened = Gate(monkeypatch, subscription_settle, "open_year", meets=released)
        at_once([lambda: ahead.release(self.LAST_DAY, 1), lambda: settle(ahead.organization, self.RENEWAL)])
        assert (released.passed, opened.passed) == (1, 1)

    def test_either_the_year_begins_with_its_licenses_or_they_are_back_before(self, ahead: Books) -> None:
        results = at_once(
            [lambda: ahead.release(self.LAST_DAY, 1), lambda: settle(ahead.organization, self.RENEWAL)] * 4
        )
        released = Release.objects.count() == 1
        refused = (NothingToRelease, DateGoesBack) if released else (DateGoesBack,)
        assert all(isinstance(result, refused) for result in results[::2] if isinstance(result, Exception))
        assert sum(isinstance(result, Release) for result in results) == released
        ahead.settle(self.RENEWAL)
        standing = ahead.stand(self.RENEWAL)
        assert standing.years[0].allocated_total == (0 if released else 3)
        assert standing.status == ("renewal_grace" if released else "licensed")
        assert standing.wallet["subscription"]["core-device"] == (3 if released else 0)
        told = list(
            Record.objects.filter(organization=ahead.organization, sequence__gt=7).values_list("action", flat=True)
        )
        assert ("subscriptions.year.released" in told) is released
        with pytest.raises(YearHasBegun):
            ahead.release(self.RENEWAL, 1)
        check_conservation(ahead.organization)


class TestReleaseTwice:
    DAY = date(2028, 2, 29)

    def test_without_the_lock_both_find_it_allocated(self, ahead: Books, monkeypatch: pytest.MonkeyPatch) -> None:
        take_the_locks_out(monkeypatch)
        checked = Gate(monkeypatch, releasing, "_release", waits_for=2)
        results = at_once([lambda: ahead.release(self.DAY, 1)] * 2)
        assert checked.passed == 2
        assert len(successes(results)) == 1
        assert all(isinstance(result, STOPPED) for result in results if isinstance(result, Exception))
        check_conservation(ahead.organization)

    def test_one_confirmation_counts_once_and_all_get_the_same_answer(
        self, ahead: Books, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        nonce = uuid.uuid4()
        checked = Gate(monkeypatch, releasing, "_release")
        results = at_once([lambda: ahead.release(self.DAY, 1, nonce=nonce)] * 12)
        assert checked.passed == 1
        assert {result.pk for result in results} == {Release.objects.get().pk}
        check_conservation(ahead.organization)

    def test_of_two_confirmations_one_counts_and_the_other_is_told(
        self, ahead: Books, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        checked = Gate(monkeypatch, releasing, "_release")
        results = at_once([lambda: ahead.release(self.DAY, 1)] * 8)
        assert checked.passed == 1
        assert sum(isinstance(result, NothingToRelease) for result in results) == 7
        assert ahead.stand(self.DAY).wallet["subscription"]["core-device"] == 3
        check_conservation(ahead.organization)
