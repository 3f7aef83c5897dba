"""License keys for order lines: issued once, told by states, replaced and revoked while nobody redeemed them (R21, R33)."""

from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from history.models import Record
from licensemgr.portal.verifying import verify_books
from licensemgr.shop import orders
from licensemgr.shop.errors import (
    KeysNotRevoked,
    LineIssued,
    LineReplaced,
    NothingToReplace,
    OrderNotUnderstood,
    OrderTooLarge,
    OrderUnknown,
)
from licensemgr.shop.models import OrderLine, OrderLineBatch, ShopToken
from organizations.models import User
from products.models import Product, Reseller, ResellerKind
from tests.conftest import FrozenClock
from tests.factories import Books
from tests.shop.shopping import issue_line, token_for
from wallet.errors import KeyRevoked
from wallet.models import KeyBatch, LicenseKey, Redemption
from wallet.services import redeem_license_key, undo_redemption

pytestmark = pytest.mark.django_db
DAY = date(2027, 3, 1)


@pytest.fixture
def token(staff: User) -> ShopToken:
    """A token that may do everything."""
    return token_for(staff).row


@pytest.fixture
def shop(books: Books, token: ShopToken) -> "Shop":
    """The shop, and an organization that redeems what it sells."""
    books.report(DAY, core=1)
    return Shop(books, token)


class Shop:
    """Orders, and what the organization does with the keys."""

    def __init__(self, books: Books, token: ShopToken) -> None:
        self.books, self.token = books, token
        self.product: Product = books.products["camera-station"]

    def issue(self, order: str = "PO-1", line: str = "1", **changed: Any) -> orders.IssuedBatch:
        return issue_line(self.token, self.product, order, line, **changed)

    def redeem(self, key: orders.IssuedKey) -> Redemption:
        return redeem_license_key(registered_product=self.books.registered(), license_key=key.key, actor=None, on=DAY)

    def replace(self, line: str = "1", **changed: Any) -> orders.IssuedBatch:
        return orders.replace(order="PO-1", line=line, reason="mail lost", token=self.token, **changed)

    def revoke(self, line: str = "1", **changed: Any) -> tuple[orders.ToldLine, int]:
        return orders.revoke(order="PO-1", line=line, reason="cancelled", token=self.token, **changed)

    def states(self, line: str = "1") -> list[tuple[int, str]]:
        """Of each key of the line the number of its batch, and its state."""
        [told] = orders.state(order="PO-1", line=line)
        return [(key.batch, key.state) for key in told.keys]


class TestIssuing:
    def test_the_keys_are_given_and_work(self, shop: Shop, token: ShopToken) -> None:
        reseller = Reseller.objects.create(name="Nord", kind=ResellerKind.RESELLER, city="Lund", country="SE")
        issued = shop.issue(
            licenses={"core-device": 10, "universal-device": 0},
            reseller=orders.ResellerName("Nord", "Lund", "SE"),
            redeem_by=DAY,
        )
        assert len({key.key for key in issued.keys}) == 3
        batch = KeyBatch.objects.get()
        assert (batch.order_reference, batch.reseller, batch.redeem_by, batch.issued_by) == (
            "PO-1",
            reseller,
            DAY,
            None,
        )
        assert OrderLineBatch.objects.get().issued_by == token
        redemption = shop.redeem(issued.keys[1])
        assert redemption.license_key_id == issued.keys[1].id
        assert redemption.license_key.tail == issued.keys[1].tail == issued.keys[1].key[-5:]
        assert shop.books.stand(DAY).wallet["subscription"]["core-device"] == 10
        assert shop.states() == [(1, "free"), (1, "redeemed"), (1, "free")]

    def test_a_repeat_gives_states_and_nothing_new_whatever_it_asks(self, shop: Shop) -> None:
        issued = shop.issue()
        shop.redeem(issued.keys[0])
        for changed in ({}, {"count": 500}, {"licenses": {"no-such-type": 1}}):
            with pytest.raises(LineIssued) as refused:
                shop.issue(**changed)
            assert [(key.id, key.tail, key.state) for key in refused.value.keys] == [
                (key.id, key.tail, "redeemed" if key is issued.keys[0] else "free") for key in issued.keys
            ]
        assert LicenseKey.objects.count() == 3
        assert len(shop.issue(line="2").keys) == len(shop.issue(order="PO-2").keys) == 3

    @pytest.mark.parametrize(
        "changed",
        [
            {"licenses": {"audio-device": 1}},
            {"licenses": {"core-device": 0}},
            {"licenses": {}},
            {"licenses": {"core-device": 1_000_001}},
            {"kind": "forever"},
            {"count": 0},
            {"count": 1001},
            {"redeem_by": date(2027, 2, 28)},
            {"reseller": orders.ResellerName("Nobody", "Lund", "SE")},
        ],
    )
    def test_what_makes_no_sense_leaves_the_line_for_another_try(self, shop: Shop, changed: dict[str, Any]) -> None:
        with pytest.raises(OrderNotUnderstood, match="No key was issued"):
            shop.issue(**changed)
        assert not OrderLine.objects.exists()
        assert not KeyBatch.objects.exists()
        assert len(shop.issue().keys) == 3

    def test_an_unknown_product_is_refused(self, token: ShopToken, camera_station: Product) -> None:
        with pytest.raises(OrderNotUnderstood, match="no product “other”"):
            issue_line(token, Product(code="other"))


class TestReplacing:
    def test_unredeemed_keys_are_revoked_and_as_many_issued_that_carry_the_same(self, shop: Shop) -> None:
        reseller = Reseller.objects.create(name="Nord", kind=ResellerKind.RESELLER, city="Lund", country="SE")
        first = shop.issue(
            kind="hardware",
            licenses={"core-device": 4, "universal-device": 2},
            reseller=orders.ResellerName("Nord", "Lund", "SE"),
            redeem_by=date(2028, 1, 31),
        )
        shop.redeem(first.keys[2])
        second = shop.replace()
        assert (second.number, len(second.keys)) == (2, 2)
        assert not {key.key for key in first.keys} & {key.key for key in second.keys}
        old, new = KeyBatch.objects.order_by("pk")
        for name in ("product", "kind", "order_reference", "reseller", "redeem_by"):
            assert getattr(old, name) == getattr(new, name)
        assert new.reseller == reseller
        assert {each.license_type.code: each.quantity for each in new.lines.all()} == {
            "core-device": 4,
            "universal-device": 2,
        }
        assert shop.states() == [(1, "revoked"), (1, "revoked"), (1, "redeemed"), (2, "free"), (2, "free")]
        with pytest.raises(KeyRevoked):
            shop.redeem(first.keys[0])
        shop.redeem(second.keys[0])
        assert shop.states()[3:] == [(2, "redeemed"), (2, "free")]
        assert not verify_books().differences

    def test_who_revoked_is_told_by_the_tokens_name(self, shop: Shop, token: ShopToken) -> None:
        shop.issue(count=1)
        orders.replace(order="PO-1", line="1", reason=" mail\n lost " + "x" * 300, token=token)
        key = LicenseKey.objects.order_by("pk")[0]
        assert key.revoked_by is None
        assert key.revoked_reason.startswith("mail lost xxx")
        assert key.revoked_reason.endswith(f"(Web shop …{token.tail})")

    def test_a_redemption_that_was_undone_is_replaced_too(self, shop: Shop) -> None:
        first = shop.issue()
        redemption = shop.redeem(first.keys[0])
        shop.replace()
        undo_redemption(redemption=redemption, actor=None, on=DAY)
        assert [state for _batch, state in shop.states()] == ["free", "revoked", "revoked", "free", "free"]
        assert len(shop.replace().keys) == 3

    def test_nothing_left_changes_nothing(self, shop: Shop, frozen_clock: FrozenClock) -> None:
        for key in shop.issue(count=2).keys:
            shop.redeem(key)
        with pytest.raises(NothingToReplace) as refused:
            shop.replace()
        assert [key.state for key in refused.value.keys] == ["redeemed", "redeemed"]
        shop.issue(line="2", redeem_by=DAY)
        frozen_clock.move_to(date(2027, 3, 2))
        with pytest.raises(NothingToReplace) as refused:
            shop.replace(line="2")
        assert [key.state for key in refused.value.keys] == ["too_late"] * 3
        assert not LicenseKey.objects.filter(revoked_at__isnull=False).exists()
        assert KeyBatch.objects.count() == 2

    def test_a_batch_that_is_named_is_replaced_once(self, shop: Shop) -> None:
        shop.issue()
        assert shop.replace(batch=1).number == 2
        with pytest.raises(LineReplaced) as refused:
            shop.replace(batch=1)
        assert [(key.batch, key.state) for key in refused.value.keys] == [(1, "revoked")] * 3 + [(2, "free")] * 3
        with pytest.raises(LineReplaced):
            shop.replace(batch=3)
        assert shop.replace(batch=2).number == 3

    def test_a_failure_while_issuing_revokes_nothing(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        shop.issue()

        def fails(**_options: object) -> None:
            raise OSError("the machine stops")

        monkeypatch.setattr(orders, "issue_license_keys", fails)
        with pytest.raises(OSError, match="the machine stops"):
            shop.replace()
        assert shop.states() == [(1, "free")] * 3

    def test_a_line_does_not_grow_for_ever(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(orders, "MAXIMUM_KEYS_OF_LINE", 6)
        shop.issue()
        shop.replace()
        with pytest.raises(OrderTooLarge):
            shop.replace()
        assert [state for _batch, state in shop.states()] == ["revoked"] * 3 + ["free"] * 3


class TestRevoking:
    def test_without_ids_what_is_unredeemed_is_revoked(self, shop: Shop) -> None:
        issued = shop.issue()
        shop.redeem(issued.keys[0])
        told, number = shop.revoke()
        assert number == 2
        assert [key.state for key in told.keys] == ["redeemed", "revoked", "revoked"]
        with pytest.raises(KeysNotRevoked) as refused:
            shop.revoke()
        assert [key.state for key in refused.value.keys] == ["redeemed", "revoked", "revoked"]

    def test_with_ids_all_or_none(self, shop: Shop) -> None:
        issued, other = shop.issue(), shop.issue(line="2")
        shop.redeem(issued.keys[0])
        ids = [key.id for key in issued.keys]
        with pytest.raises(KeysNotRevoked) as refused:
            shop.revoke(ids=ids[:2])
        assert [(key.id, key.state) for key in refused.value.keys] == [(ids[0], "redeemed")]
        with pytest.raises(KeysNotRevoked, match="2 of the ids are no keys of this order line") as refused:
            shop.revoke(ids=[ids[1], other.keys[0].id, 2**53 - 1])
        assert refused.value.keys == []
        assert not LicenseKey.objects.filter(revoked_at__isnull=False).exists()
        told, number = shop.revoke(ids=[ids[2], ids[2]])
        assert number == 1
        assert [key.state for key in told.keys] == ["redeemed", "free", "revoked"]
        assert shop.states("2") == [(1, "free")] * 3

    def test_what_is_too_late_can_be_revoked(self, shop: Shop, frozen_clock: FrozenClock) -> None:
        shop.issue(redeem_by=DAY)
        frozen_clock.move_to(date(2027, 3, 2))
        assert shop.states() == [(1, "too_late")] * 3
        assert shop.revoke()[1] == 3

    def test_history_of_no_organization_tells_of_it(self, shop: Shop) -> None:
        before = Record.objects.count()
        shop.issue()
        shop.replace()
        shop.revoke()
        assert Record.objects.count() == before


def test_the_state_of_an_order_is_told_line_by_line(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.issue(line="b")
    shop.issue(line="a", licenses={"universal-device": 7}, count=1)
    shop.issue(order="PO-2")
    told = orders.state(order="PO-1")
    assert [(each.line.line, len(each.keys)) for each in told] == [("b", 3), ("a", 1)]
    for unknown in ({"order": "PO-3"}, {"order": "PO-1", "line": "c"}, {"order": "po-1"}):
        with pytest.raises(OrderUnknown):
            orders.state(**unknown)
    for verb in (shop.replace, shop.revoke):
        with pytest.raises(OrderUnknown):
            verb(line="c")
    monkeypatch.setattr(orders, "MAXIMUM_KEYS_TOLD", 3)
    with pytest.raises(OrderTooLarge, match="one line at a time"):
        orders.state(order="PO-1")
    assert len(orders.state(order="PO-1", line="b")) == 1


def test_an_order_of_many_lines_takes_as_many_queries_as_of_one(shop: Shop) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            orders.state(order="PO-1")
        return len(captured)

    shop.issue()
    one = queries()
    for number in range(2, 8):
        shop.issue(line=str(number))
        shop.replace(line=str(number))
    assert queries() == one


def test_keys_that_staff_issued_are_no_orders_of_the_shop(shop: Shop) -> None:
    KeyBatch.objects.create(
        product=shop.product, kind="subscription", order_reference="PO-9", issued_at="2027-03-01T00:00:00Z"
    )
    with pytest.raises(OrderUnknown):
        orders.state(order="PO-9")
