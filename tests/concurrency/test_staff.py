"""Races of what staff do: revoking against redeeming, one form sent twice, corrections of one wallet."""

import uuid
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import pytest

from organizations.models import User
from tests.concurrency.racing import Gate, at_once, take_the_locks_out
from tests.factories import Books, check_conservation
from wallet import revoking
from wallet import services as wallet_services
from wallet.corrections import correct_wallet
from wallet.errors import CorrectionRefused, KeyNotRevoked, KeyRevoked, KeysGivenBefore
from wallet.models import Correction, KeyBatch, LicenseKey, Redemption
from wallet.revoking import revoke_key, revoke_unredeemed
from wallet.services import issue_license_keys, redeem_license_key

pytestmark = pytest.mark.django_db(transaction=True)
DAY = date(2027, 3, 1)


@pytest.fixture
def issued(books: Books) -> list[str]:
    """Eight keys of one batch, for a product that is registered."""
    books.report(DAY, core=1)
    product = books.products["camera-station"]
    return issue_license_keys(product=product, kind="subscription", licenses={"core-device": 1}, count=8, actor=None)


def redeeming(books: Books, key: str) -> Callable[[], Any]:
    return lambda: redeem_license_key(registered_product=books.registered(), license_key=key, actor=None, on=DAY)


class TestRevokingAgainstRedeeming:
    def test_without_the_lock_both_believe_that_the_key_is_theirs(
        self, books: Books, issued: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take_the_locks_out(monkeypatch)
        redeemed = Gate(monkeypatch, wallet_services, "_redeem", waits_for=2)
        revoked = Gate(monkeypatch, revoking, "_mark_revoked", meets=redeemed)
        key = LicenseKey.objects.get(tail=issued[0][-5:])
        at_once([redeeming(books, issued[0]), lambda: revoke_key(key=key, reason="x", actor=None)])
        assert (redeemed.passed, revoked.passed) == (1, 1)

    def test_no_key_is_redeemed_and_revoked(self, books: Books, issued: list[str]) -> None:
        batch = KeyBatch.objects.get()
        keys = {key.tail: key for key in LicenseKey.objects.all()}
        changes = [redeeming(books, key) for key in issued]
        changes += [lambda: revoke_unredeemed(batch=batch, reason="all", actor=None)] * 2
        changes += [partial(revoke_key, key=keys[text[-5:]], reason="one", actor=None) for text in issued]
        results = at_once(changes)
        faults = [each for each in results if isinstance(each, Exception)]
        assert all(isinstance(each, (KeyNotRevoked, KeyRevoked)) for each in faults), faults
        redeemed = set(Redemption.objects.values_list("license_key", flat=True))
        revoked = set(LicenseKey.objects.filter(revoked_at__isnull=False).values_list("pk", flat=True))
        assert not redeemed & revoked
        assert len(redeemed | revoked) == len(issued)
        check_conservation(books.organization)


def test_one_form_sent_twice_at_once_gives_its_keys_once(books: Books) -> None:
    token = uuid.uuid4()

    def issue() -> list[str]:
        return issue_license_keys(
            product=books.products["camera-station"],
            kind="subscription",
            licenses={"core-device": 1},
            count=3,
            actor=None,
            form_token=token,
        )

    results = at_once([issue] * 6)
    assert [type(each) for each in results if isinstance(each, Exception)] == [KeysGivenBefore] * 5
    assert (KeyBatch.objects.count(), LicenseKey.objects.count()) == (1, 3)


def test_a_correction_sent_twice_counts_once_and_none_takes_more_than_there_is(books: Books, staff: User) -> None:
    books.report(DAY, core=1)
    books.redeem(DAY, core=10)
    same = uuid.uuid4()

    def take_four(token: uuid.UUID) -> Correction:
        return correct_wallet(
            registered_product=books.registered(),
            license_type=books.products["camera-station"].license_types.get(code="core-device"),
            kind="subscription",
            change=-4,
            reason="x",
            form_token=token,
            actor=staff,
            on=DAY,
        )

    results = at_once([lambda: take_four(same)] * 4 + [lambda: take_four(uuid.uuid4()) for _number in range(3)])
    refused = [each for each in results if isinstance(each, Exception)]
    assert all(isinstance(each, CorrectionRefused) for each in refused), refused
    # Ten licenses give four twice.
    assert Correction.objects.count() == 2
    assert books.stand(DAY).wallet["subscription"]["core-device"] == 2
    check_conservation(books.organization)
