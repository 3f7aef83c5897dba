"""Races of the vendor's shop, with real threads: one line issued once, replacing and revoking against redeeming (R18, R21).

Where a lock keeps two apart, it is first shown that without it they come to stand behind one check at one moment.
"""

from collections import Counter
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models import Count

from licensemgr.core.errors import TooManyCalls
from licensemgr.portal.verifying import verify_books
from licensemgr.shop import orders
from licensemgr.shop.errors import KeysNotRevoked, LineIssued, LineReplaced, NothingToReplace
from licensemgr.shop.models import OrderLine, OrderLineBatch, ShopToken
from licensemgr.shop.tokens import use_token
from organizations.models import User
from tests.concurrency.racing import Gate, at_once, take_the_locks_out
from tests.factories import Books
from tests.shop.shopping import issue_line, token_for
from wallet import revoking, services
from wallet.errors import KeyRevoked
from wallet.models import KeyBatch, LicenseKey, Redemption
from wallet.services import redeem_license_key

pytestmark = pytest.mark.django_db(transaction=True)
DAY = date(2027, 3, 1)
LINE: dict[str, Any] = {"order": "PO-1", "line": "1"}


@pytest.fixture
def token(staff: User, books: Books) -> ShopToken:
    """A token that may do everything; the books of an organization that redeems are settled up to the day."""
    books.report(DAY, core=1)
    return token_for(staff).row


def successes(results: list[Any]) -> list[Any]:
    """The results that are no exceptions."""
    return [result for result in results if not isinstance(result, Exception)]


def states() -> Counter[str]:
    """How many keys of the line are in which state."""
    [told] = orders.state(**LINE)
    return Counter(key.state for key in told.keys)


def redeeming(books: Books, key: str) -> Callable[[], Redemption]:
    """Redeems the key."""
    return partial(redeem_license_key, registered_product=books.registered(), license_key=key, actor=None, on=DAY)


def replacing(token: ShopToken, **options: Any) -> Callable[[], orders.IssuedBatch]:
    """Replaces the line's keys."""
    return partial(orders.replace, **LINE, reason="lost", token=token, **options)


class TestOneLine:
    def test_issued_by_8_callers_at_once_it_has_one_batch(self, books: Books, token: ShopToken) -> None:
        issuing = partial(issue_line, token, books.products["camera-station"])
        results = at_once([issuing] * 8)
        [issued] = successes(results)
        refused = [result for result in results if isinstance(result, LineIssued)]
        assert len(refused) == 7
        for each in refused:
            assert [(key.id, key.tail, key.state) for key in each.keys] == [
                (key.id, key.tail, "free") for key in issued.keys
            ]
        assert OrderLine.objects.count() == KeyBatch.objects.count() == 1
        assert LicenseKey.objects.count() == 3

    def test_8_lines_of_one_order_do_not_stand_in_one_anothers_way(self, books: Books, token: ShopToken) -> None:
        product = books.products["camera-station"]
        results = at_once([partial(issue_line, token, product, line=str(number)) for number in range(8)])
        assert len(successes(results)) == 8
        assert LicenseKey.objects.count() == 24


class TestReplacingTwice:
    def test_without_the_lock_two_stand_behind_one_check_and_the_constraint_lets_one_through(
        self, books: Books, token: ShopToken, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        issue_line(token, books.products["camera-station"])
        take_the_locks_out(monkeypatch)
        checked = Gate(monkeypatch, orders, "revoke_those_unredeemed", waits_for=2)
        results = at_once([replacing(token)] * 2)
        assert checked.passed == 2
        assert len(successes(results)) == 1
        assert all(
            isinstance(result, (OperationalError, LineReplaced, NothingToReplace))
            for result in results
            if isinstance(result, Exception)
        )
        assert states() == {"free": 3, "revoked": 3}

    def test_the_batch_that_is_named_is_replaced_once(self, books: Books, token: ShopToken) -> None:
        issue_line(token, books.products["camera-station"])
        results = at_once([replacing(token, batch=1)] * 6)
        assert len(successes(results)) == 1
        assert sum(isinstance(result, LineReplaced) for result in results) == 5
        assert states() == {"free": 3, "revoked": 3}

    def test_without_a_batch_each_replaces_what_the_one_before_issued(self, books: Books, token: ShopToken) -> None:
        issue_line(token, books.products["camera-station"])
        results = at_once([replacing(token)] * 4)
        assert sorted(each.number for each in successes(results)) == [2, 3, 4, 5]
        assert states() == {"free": 3, "revoked": 12}
        twice = OrderLineBatch.objects.values("number").annotate(times=Count("pk")).filter(times__gt=1)
        assert not twice


class TestAgainstRedeeming:
    @pytest.mark.parametrize("verb", ["replace", "revoke"])
    def test_without_the_lock_both_stand_behind_their_checks(
        self, books: Books, token: ShopToken, monkeypatch: pytest.MonkeyPatch, verb: str
    ) -> None:
        key = issue_line(token, books.products["camera-station"]).keys[0]
        take_the_locks_out(monkeypatch)
        redeemed = Gate(monkeypatch, services, "_redeem", waits_for=2)
        revoked = Gate(monkeypatch, revoking, "_mark_revoked", meets=redeemed)
        at_once([redeeming(books, key.key), partial(getattr(orders, verb), **LINE, reason="lost", token=token)])
        assert (redeemed.passed, revoked.passed) == (1, 1)

    def test_replacing_and_redeeming_leave_as_many_keys_as_were_sold(self, books: Books, token: ShopToken) -> None:
        issued = issue_line(token, books.products["camera-station"], count=6)
        for number, key in enumerate(issued.keys[:3]):
            redeemed, replaced = at_once([redeeming(books, key.key), replacing(token)])
            assert isinstance(replaced, orders.IssuedBatch)
            assert isinstance(redeemed, (Redemption, KeyRevoked))
            count = states()
            assert count["free"] + count["redeemed"] == 6, number
            assert count["free"] == len(replaced.keys)
        assert not Redemption.objects.filter(license_key__revoked_at__isnull=False).exists()
        assert not verify_books().differences

    def test_a_key_is_redeemed_or_revoked_and_never_both(self, books: Books, token: ShopToken) -> None:
        issued = issue_line(token, books.products["camera-station"], count=8)
        for key in issued.keys[:4]:
            revoking_it = partial(orders.revoke, **LINE, reason="cancelled", token=token, ids=[key.id])
            results = at_once([redeeming(books, key.key), revoking_it])
            redeemed, revoked = results
            assert isinstance(redeemed, KeyRevoked) != isinstance(revoked, KeysNotRevoked)
            assert len(successes(results)) == 1
        # The whole line at once with four redemptions: each key has one end.
        last = [redeeming(books, key.key) for key in issued.keys[4:]]
        results = at_once([partial(orders.revoke, **LINE, reason="cancelled", token=token), *last])
        assert states()["free"] == 0
        assert not Redemption.objects.filter(license_key__revoked_at__isnull=False).exists()
        assert Redemption.objects.count() == states()["redeemed"]
        assert not verify_books().differences


def test_of_12_calls_at_once_no_more_pass_than_a_token_may_make(
    token: ShopToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.conf.settings.SHOP_CALLS_PER_HOUR", 5)
    results = at_once([partial(use_token, token)] * 12)
    assert len(successes(results)) == 5
    assert sum(isinstance(result, TooManyCalls) for result in results) == 7
