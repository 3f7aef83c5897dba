"""Events of license keys: written in the transaction in which the keys change, for the webhooks that want them."""

from datetime import date
from typing import Any

import pytest
from django.db import transaction

from licensemgr.shop import events
from licensemgr.shop.endpoints import EndpointIsOff, turn_endpoint
from licensemgr.shop.models import OrderLine, OrderLineBatch, Scope, ShopToken, WebhookDelivery, WebhookEvent
from organizations.models import User
from tests.factories import Books, issue
from tests.shop.conftest import Making
from wallet.errors import KeyNotRevoked
from wallet.models import KeyBatch, LicenseKey, Redemption
from wallet.revoking import revoke_key, revoke_unredeemed
from wallet.services import issue_license_keys, redeem_license_key, revoke_license_key, undo_redemption

pytestmark = pytest.mark.django_db
DAY = date(2027, 3, 1)


def told() -> list[tuple[str, int]]:
    """The events so far: of which type, and of how many keys."""
    payloads = WebhookEvent.objects.order_by("pk").values_list("payload", flat=True)
    return [(payload["type"], len(payload["data"].get("keys", ()))) for payload in payloads]


def batch_of(books: Books, count: int) -> KeyBatch:
    """A batch of so many keys."""
    issue_license_keys(
        product=books.products["camera-station"],
        kind="subscription",
        licenses={"core-device": 1},
        count=count,
        order_reference="PO-7",
        actor=None,
    )
    return KeyBatch.objects.latest("pk")


@pytest.fixture
def registered(books: Books) -> Any:
    """A registered product to redeem into."""
    books.report(DAY, core=1)
    return books.registered()


class TestWhatIsTold:
    def test_a_key_redeemed_and_undone_and_redeemed_and_one_revoked(
        self, make: Making, books: Books, registered: Any
    ) -> None:
        make()
        key, other = (issue(books.products["camera-station"], core=2) for _number in range(2))
        redemption = redeem_license_key(registered_product=registered, license_key=key, actor=None, on=DAY)
        undo_redemption(redemption=redemption, actor=None, on=DAY)
        redeem_license_key(registered_product=registered, license_key=key, actor=None, on=DAY)
        revoke_license_key(license_key=other, reason="lost")
        assert told() == [("keys.redeemed", 1), ("keys.undone", 1), ("keys.redeemed", 1), ("keys.revoked", 1)]
        row = LicenseKey.objects.get(tail=key[-5:])
        for event in WebhookEvent.objects.order_by("pk")[:3]:
            assert event.payload["data"]["keys"] == [{"id": row.pk, "tail": key[-5:]}]

    def test_what_is_done_twice_is_told_once(self, make: Making, books: Books, registered: Any) -> None:
        make()
        key = issue(books.products["camera-station"], core=2)
        redemption = redeem_license_key(registered_product=registered, license_key=key, actor=None, on=DAY)
        for _time in range(2):
            undo_redemption(redemption=redemption, actor=None, on=DAY)
        revoke_license_key(license_key=key, reason="lost")
        with pytest.raises(KeyNotRevoked):
            revoke_license_key(license_key=key, reason="lost")
        assert told() == [("keys.redeemed", 1), ("keys.undone", 1), ("keys.revoked", 1)]

    def test_a_batch_in_portions(self, make: Making, books: Books) -> None:
        make()
        batch = batch_of(books, 1001)
        revoke_unredeemed(batch=batch, reason="returned", actor=None)
        assert told() == [("keys.revoked", 500), ("keys.revoked", 500), ("keys.revoked", 1)]
        ids = [key["id"] for event in WebhookEvent.objects.all() for key in event.payload["data"]["keys"]]
        assert sorted(ids) == sorted(batch.keys.values_list("pk", flat=True))

    def test_of_a_batch_the_keys_that_were_revoked(self, make: Making, books: Books, registered: Any) -> None:
        batch = batch_of(books, 3)
        revoke_key(key=batch.keys.order_by("pk")[0], reason="lost", actor=None)
        make()
        revoke_unredeemed(batch=batch, reason="returned", actor=None)
        assert told() == [("keys.revoked", 2)]

    def test_order_line_and_product_and_nothing_about_an_organization(
        self, make: Making, books: Books, registered: Any, staff: User
    ) -> None:
        make()
        token = ShopToken.objects.create(
            name="Shop",
            digest="0" * 64,
            tail="AAAAA",
            scopes=[Scope.ISSUE],
            made_by=staff,
            made_at="2027-03-01T00:00Z",
            expires_at="2028-03-01T00:00Z",
            form_token="7f6d7c1e-0000-4000-8000-000000000000",
        )
        [key] = issue_license_keys(
            product=books.products["camera-station"],
            kind="subscription",
            licenses={"core-device": 1},
            count=1,
            order_reference="PO-9",
            actor=None,
        )
        line = OrderLine.objects.create(order_reference="PO-9", line="2", made_at="2027-03-01T00:00Z")
        OrderLineBatch.objects.create(order_line=line, batch=KeyBatch.objects.get(), number=1, issued_by=token)
        redeem_license_key(registered_product=registered, license_key=key, actor=None, on=DAY)
        event = WebhookEvent.objects.get()
        assert set(event.payload) == {"id", "type", "timestamp", "data"}
        assert event.payload["id"] == str(event.event_id)
        assert event.payload["data"] == {
            "order": "PO-9",
            "line": "2",
            "product": "camera-station",
            "keys": [{"id": LicenseKey.objects.get().pk, "tail": key[-5:]}],
        }

    def test_keys_that_staff_issued_have_no_line(self, make: Making, books: Books) -> None:
        make()
        revoke_unredeemed(batch=batch_of(books, 1), reason="returned", actor=None)
        data = WebhookEvent.objects.get().payload["data"]
        assert (data["order"], data["line"]) == ("PO-7", None)


class TestWhoIsTold:
    def test_each_webhook_of_what_it_wants(self, make: Making, books: Books, registered: Any) -> None:
        make("All")
        make("Revoked", kinds=["keys.revoked"])
        make("Undone", kinds=["keys.undone"])
        books.redeem(DAY, core=1)
        revoke_unredeemed(batch=batch_of(books, 1), reason="returned", actor=None)
        deliveries = WebhookDelivery.objects.order_by("endpoint__name", "pk")
        assert list(deliveries.values_list("endpoint__name", "event__kind")) == [
            ("All", "keys.redeemed"),
            ("All", "keys.revoked"),
            ("Revoked", "keys.revoked"),
        ]
        assert len(told()) == 2

    def test_nobody_is_told_nothing_is_written(self, make: Making, books: Books, registered: Any) -> None:
        books.redeem(DAY, core=1)
        make("Undone", kinds=["keys.undone"])
        turn_endpoint(make("Off").endpoint, on=False)
        books.redeem(DAY, core=1)
        assert (told(), WebhookDelivery.objects.count()) == ([], 0)

    def test_a_test_goes_to_one_webhook_that_is_on(self, make: Making) -> None:
        make("Other")
        endpoint = make(kinds=["keys.undone"]).endpoint
        delivery = events.write_test(endpoint)
        assert (delivery.endpoint, WebhookDelivery.objects.get()) == (endpoint, delivery)
        assert told() == [("webhook.test", 0)]
        with pytest.raises(EndpointIsOff):
            events.write_test(turn_endpoint(endpoint, on=False))
        assert len(told()) == 1


class TestTheTransaction:
    def test_what_is_rolled_back_is_not_told(self, make: Making, books: Books, registered: Any) -> None:
        make()
        with transaction.atomic():
            books.redeem(DAY, core=1)
            assert told() == [("keys.redeemed", 1)]
            transaction.set_rollback(True)
        assert (told(), WebhookDelivery.objects.count()) == ([], 0)

    def test_nor_happens_what_can_not_be_told(
        self, make: Making, books: Books, registered: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make()

        def fails(*args: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(events, "_told_of", fails)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            books.redeem(DAY, core=1)
        assert (told(), Redemption.objects.count()) == ([], 0)
