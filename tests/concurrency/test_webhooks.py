"""Several workers at one delivery, a replay against them, and one form sent many times at once."""

import threading
import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from licensemgr.shop import sending
from licensemgr.shop.endpoints import (
    EndpointMadeBefore,
    GivenSecret,
    SecretRenewedBefore,
    make_endpoint,
    renew_secret,
    secret_mark,
    secret_of,
)
from licensemgr.shop.events import write_test
from licensemgr.shop.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookKind
from licensemgr.shop.posting import Answer
from licensemgr.shop.sending import send_webhooks
from organizations.models import User
from tests.concurrency.racing import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def making(staff: User, name: str = "Shop", token: uuid.UUID | None = None) -> GivenSecret:
    """A webhook."""
    return make_endpoint(
        name=name,
        url="https://shop.test/",
        kinds=[WebhookKind.REDEEMED],
        actor=staff,
        form_token=token or uuid.uuid4(),
    )


class Shop:
    """What the shop gets, by id. ``meeting`` holds each request until so many are under way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, meeting: int = 0) -> None:
        self.got: Counter[str] = Counter()
        self._count = threading.Lock()
        self._meeting = threading.Barrier(meeting) if meeting else None
        monkeypatch.setattr(sending, "post", self._post)

    def _post(self, target: Any, body: bytes, headers: dict[str, str], **options: Any) -> Answer:
        with self._count:
            self.got[headers["webhook-id"]] += 1
        if self._meeting is not None:
            self._meeting.wait(timeout=15)
        return Answer(200, "", 5)


def test_without_the_claim_two_workers_send_one_delivery(staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(monkeypatch, meeting=2)
    write_test(making(staff).endpoint)
    # A claim that is over before it begins, whichever of them read the clock first.
    monkeypatch.setattr(sending, "CLAIMED_FOR", timedelta(minutes=-1))
    # Else each of them would find it again and again.
    monkeypatch.setattr(sending, "TRIES_A_RUN", 1)
    at_once([send_webhooks] * 2)
    assert list(shop.got.values()) == [2]


def test_each_delivery_is_sent_by_one_of_four_workers(staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(monkeypatch)
    for name in ("One", "Other"):
        endpoint = making(staff, name).endpoint
        for _number in range(10):
            write_test(endpoint)
    results = at_once([send_webhooks] * 4)
    assert sum(results) == 20
    assert (len(shop.got), set(shop.got.values())) == (20, {1})
    assert WebhookDelivery.objects.filter(state="delivered", claimed_until=None, attempts=1).count() == 20
    assert WebhookAttempt.objects.count() == 20


def test_one_form_sent_many_times_makes_one_webhook(staff: User) -> None:
    token = uuid.uuid4()
    results = at_once([lambda: making(staff, token=token)] * 6)
    assert WebhookEndpoint.objects.count() == 1
    assert sum(isinstance(result, GivenSecret) for result in results) == 1
    assert sum(isinstance(result, EndpointMadeBefore) for result in results) == 5


def test_of_many_new_secrets_the_one_that_was_shown_counts(staff: User) -> None:
    endpoint = making(staff).endpoint
    mark = secret_mark(endpoint)
    results = at_once([lambda: renew_secret(endpoint=endpoint, replacing=mark)] * 6)
    [given] = [result for result in results if isinstance(result, GivenSecret)]
    assert sum(isinstance(result, SecretRenewedBefore) for result in results) == 5
    endpoint.refresh_from_db()
    assert secret_of(endpoint) == secret_of(given.endpoint)
