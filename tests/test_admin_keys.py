"""Staff issue license keys, get them once, revoke what is unredeemed, and see where the rest went (R21)."""

import csv
import io
import uuid
from datetime import date, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.db import models
from django.test import Client

from organizations.models import User
from products.models import Product, Reseller, ResellerKind
from tests.admin_pages import address, said, staff_person, token_in
from tests.conftest import FrozenClock
from tests.factories import Books, issue
from wallet.models import KeyBatch, LicenseKey
from wallet.services import redeem_license_key, revoke_license_key, undo_redemption

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)


def page(product: Product) -> str:
    """The form that issues keys of a product."""
    return f"{address(KeyBatch, 'add')}?product_code={product.code}"


def form(client: Client, product: Product, **changed: object) -> dict[str, str]:
    """What a person sends from that form."""
    values: dict[str, object] = {
        "kind": "subscription",
        "licenses-core-device": 10,
        "licenses-universal-device": "",
        "count": 3,
        "order_reference": "=PO-7",
        "redeem_by": "2027-12-31",
        "form_token": token_in(client.get(page(product))),
    } | changed
    return {name: str(value) for name, value in values.items()}


def keys_in(response: Any) -> list[list[str]]:
    """The rows of the file that was downloaded."""
    assert response.status_code == 200, said(response)
    assert response.streaming
    text = b"".join(response.streaming_content).decode()
    return list(csv.reader(io.StringIO(text)))


@pytest.fixture
def reseller(db: None) -> Reseller:
    """Somebody who sells keys."""
    return Reseller.objects.create(name="Nord Säkerhet", kind=ResellerKind.RESELLER, city="Lund", country="SE")


@pytest.fixture
def batch(camera_station: Product, staff_client: Client, frozen_clock: FrozenClock) -> tuple[KeyBatch, list[str]]:
    """Three keys of ten core licenses each, in clear, as staff got them."""
    rows = keys_in(staff_client.post(page(camera_station), form(staff_client, camera_station)))
    return KeyBatch.objects.get(), [row[0] for row in rows[1:]]


class TestIssuing:
    def test_the_product_is_chosen_first(self, staff_client: Client, camera_station: Product) -> None:
        assert "Camera Station" in said(staff_client.get(address(KeyBatch, "add")))
        answer = staff_client.get(address(KeyBatch, "add"), {"product": camera_station.pk})
        assert answer["Location"] == page(camera_station)
        text = said(staff_client.get(page(camera_station)))
        assert "Core device per key" in text and "Universal device per key" in text
        assert "Audio device per key" not in text
        assert staff_client.get(address(KeyBatch, "add"), {"product": "999"}).status_code == 422

    def test_the_keys_come_once_as_a_file_that_runs_nothing(
        self, staff_client: Client, staff: User, camera_station: Product, reseller: Reseller, frozen_clock: FrozenClock
    ) -> None:
        response = staff_client.post(page(camera_station), form(staff_client, camera_station, reseller=reseller.pk))
        assert "no-store" in response["Cache-Control"]
        assert response["Content-Type"] == "text/csv; charset=utf-8"
        assert response["Content-Disposition"] == 'attachment; filename="license-keys-camera-station-po-7.csv"'
        head, *rows = keys_in(response)
        assert head == ["License key", "Product", "Kind", "Core device", "Order reference", "Reseller", "Redeem by"]
        assert len({row[0] for row in rows}) == 3
        for row in rows:
            # A reference that a spreadsheet would run begins with an apostrophe.
            assert row[1:] == [
                "Camera Station",
                "subscription",
                "10",
                "'=PO-7",
                "Nord Säkerhet, Lund",
                "2027-12-31",
            ]
        made = KeyBatch.objects.get()
        assert (made.issued_by, made.reseller, made.redeem_by) == (staff, reseller, date(2027, 12, 31))
        assert LogEntry.objects.get().user == staff
        assert LogEntry.objects.get().change_message == "Issued 3 keys."

    def test_nothing_clear_is_kept_anywhere(self, batch: tuple[KeyBatch, list[str]], staff_client: Client) -> None:
        """Every text in every table is looked through, sessions and the log among them."""
        symbols = [key.replace("-", "") for key in batch[1]]
        for model in apps.get_models():
            fields = [each.attname for each in model._meta.concrete_fields if not isinstance(each, models.BinaryField)]
            for values in model._base_manager.values_list(*fields):
                text = " ".join(map(str, values)).replace("-", "")
                # The last five symbols are kept, by which a key is found.
                assert not [key for key in symbols if key[:20] in text or key[10:] in text], model
        page_of_batch = staff_client.get(address(KeyBatch, "change", batch[0].pk)).content.decode()
        assert not [key for key in batch[1] if key in page_of_batch]

    def test_the_same_form_sent_twice_makes_one_batch_and_says_what_to_do(
        self, staff_client: Client, camera_station: Product, frozen_clock: FrozenClock
    ) -> None:
        sent = form(staff_client, camera_station)
        keys_in(staff_client.post(page(camera_station), sent))
        again = staff_client.post(page(camera_station), sent)
        assert again["Location"] == address(KeyBatch, "change", KeyBatch.objects.get().pk)
        text = said(again)
        assert "This page already gave its license keys once, as batch Camera Station =PO-7" in text
        assert "revoke what is unredeemed of that batch and issue a new one" in text
        assert LicenseKey.objects.count() == 3
        keys_in(staff_client.post(page(camera_station), form(staff_client, camera_station)))
        assert KeyBatch.objects.count() == 2

    def test_what_makes_no_sense_is_told_and_nothing_is_issued(
        self, staff_client: Client, camera_station: Product, frozen_clock: FrozenClock
    ) -> None:
        for changed, sentence in (
            ({"licenses-core-device": "0"}, "A license key carries at least one license. No key was issued."),
            ({"licenses-core-device": "-1"}, "greater than or equal to 0"),
            ({"licenses-core-device": "9" * 5000}, "Enter a whole number"),
            ({"count": "0"}, "greater than or equal to 1"),
            ({"count": "10001"}, "less than or equal to 10000"),
            ({"kind": "forever"}, "Select a valid choice"),
            ({"order_reference": "x" * 81}, "at most 80 characters"),
            ({"redeem_by": "2027-02-28"}, "This day is over. No key was issued"),
            ({"redeem_by": "2027-02-30"}, "Enter a valid date"),
            ({"form_token": "x"}, "Nothing was changed."),
        ):
            answer = staff_client.post(page(camera_station), form(staff_client, camera_station) | changed)
            assert answer.status_code == 422, changed
            assert sentence in said(answer)
            # What was typed is kept.
            assert 'value="=PO-7"' in answer.content.decode() or "order_reference" in changed
        assert not KeyBatch.objects.exists()

    def test_the_last_day_to_redeem_may_be_today(
        self, staff_client: Client, camera_station: Product, frozen_clock: FrozenClock
    ) -> None:
        keys_in(staff_client.post(page(camera_station), form(staff_client, camera_station, redeem_by="2027-03-01")))
        frozen_clock.move_to(date(2027, 3, 2))
        text = said(staff_client.get(address(LicenseKey, "changelist"), {"state": "too_late"}))
        assert "3 license keys" in text


class TestRevoking:
    def test_what_is_unredeemed_is_revoked_and_the_rest_says_where_it_went(
        self,
        batch: tuple[KeyBatch, list[str]],
        staff_client: Client,
        staff: User,
        books: Books,
        administrator: User,
    ) -> None:
        made, keys = batch
        books.report(START, core=1)
        registered = books.registered()
        redeem_license_key(registered_product=registered, license_key=keys[0], actor=administrator, on=START)
        revoke = f"{address(KeyBatch, 'change', made.pk).removesuffix('change/')}revoke/"
        assert revoke in staff_client.get(address(KeyBatch, "change", made.pk)).content.decode()
        where = f"…{keys[0][-5:]} Harbour Cameras March 1, 2027 Ada Minister"
        text = said(staff_client.get(revoke))
        assert "Unredeemed, to be revoked 2" in text and where in text
        refused = staff_client.post(revoke, {"reason": "  "})
        assert refused.status_code == 422
        assert not LicenseKey.objects.filter(revoked_at__isnull=False).exists()
        text = said(staff_client.post(revoke, {"reason": "Order cancelled"}))
        assert "2 keys were revoked. 1 was redeemed before and stays" in text
        assert {
            (key.revoked_by, key.revoked_reason) for key in LicenseKey.objects.filter(revoked_at__isnull=False)
        } == {(staff, "Order cancelled")}
        assert LicenseKey.objects.filter(revoked_at=None).get().tail == keys[0][-5:]
        assert "Order cancelled" in LogEntry.objects.first().change_message  # type: ignore[union-attr]
        again = staff_client.post(revoke, {"reason": "Once more"})
        assert again.status_code == 422
        assert "Every key of this batch was redeemed or revoked before. Nothing was changed" in said(again)
        assert not LicenseKey.objects.filter(revoked_reason="Once more").exists()

    def test_a_redeemed_key_can_not_be_revoked_and_says_where_it_went(
        self, batch: tuple[KeyBatch, list[str]], staff_client: Client, books: Books, administrator: User
    ) -> None:
        books.report(START, core=1)
        redemption = redeem_license_key(
            registered_product=books.registered(), license_key=batch[1][0], actor=administrator, on=START
        )
        key = redemption.license_key
        here = address(LicenseKey, "change", key.pk)
        where = "redeemed by Harbour Cameras on March 1, 2027 (Ada Minister)"
        assert where in said(staff_client.get(here))
        assert "revoke/" not in staff_client.get(here).content.decode()
        answer = staff_client.post(here.removesuffix("change/") + "revoke/", {"reason": "x"})
        assert answer.status_code == 422
        assert f"This key can't be revoked: it was {where}. Nothing was changed." in said(answer)
        # Once the redemption is undone the key is whole again (R33), and can be revoked; its page tells both.
        undo_redemption(redemption=redemption, actor=administrator, on=START)
        assert f"{where}, undone on March 1, 2027 (Ada Minister)" in said(staff_client.get(here))
        assert "was revoked." in said(staff_client.post(here.removesuffix("change/") + "revoke/", {"reason": "x"}))
        key.refresh_from_db()
        assert key.revoked_reason == "x"

    def test_keys_are_listed_by_state(
        self, batch: tuple[KeyBatch, list[str]], staff_client: Client, books: Books, frozen_clock: FrozenClock
    ) -> None:
        books.report(START, core=1)
        redeem_license_key(registered_product=books.registered(), license_key=batch[1][0], actor=None, on=START)
        revoke_license_key(license_key=batch[1][1], reason="lost")

        def tails(state: str) -> set[str]:
            rows = staff_client.get(address(LicenseKey, "changelist"), {"state": state}).context["cl"].result_list
            return {row.tail for row in rows}

        assert (tails("redeemed"), tails("revoked")) == ({batch[1][0][-5:]}, {batch[1][1][-5:]})
        assert (tails("free"), tails("too_late")) == ({batch[1][2][-5:]}, set())
        # Day by day: on the last one a key is still free.
        frozen_clock.move_to(date(2027, 12, 31))
        assert tails("free") == {batch[1][2][-5:]}
        frozen_clock.move_to(date(2027, 12, 31) + timedelta(days=1))
        assert (tails("free"), tails("too_late")) == (set(), {batch[1][2][-5:]})
        row = staff_client.get(address(KeyBatch, "changelist")).context["cl"].result_list[0]
        assert (row.keys_total, row.keys_redeemed, row.keys_revoked) == (3, 1, 1)


def test_who_may_not_issue_or_revoke_does_not(batch: tuple[KeyBatch, list[str]], camera_station: Product) -> None:
    _person, client = staff_person("wallet.view_keybatch", "wallet.view_licensekey")
    key = LicenseKey.objects.all()[0]
    assert client.get(page(camera_station)).status_code == 403
    assert client.post(page(camera_station), {"form_token": uuid.uuid4()}).status_code == 403
    for row in (batch[0], key):
        here = address(type(row), "change", row.pk)
        assert client.get(here).status_code == 200
        assert "revoke/" not in client.get(here).content.decode()
        assert client.post(here.removesuffix("change/") + "revoke/", {"reason": "x"}).status_code == 403
    assert not LicenseKey.objects.filter(revoked_at__isnull=False).exists()
    _person, clerk = staff_person("wallet.add_keybatch", email="issuer@example.net")
    keys_in(clerk.post(page(camera_station), form(clerk, camera_station)))


def test_what_does_not_exist_is_not_found(staff_client: Client, camera_station: Product) -> None:
    issue(camera_station, core=1)
    for model in (KeyBatch, LicenseKey):
        for pk in ("999", "x", "9" * 30):
            gone = address(model, "change", pk).removesuffix("change/") + "revoke/"
            assert staff_client.post(gone, {"reason": "x"}).status_code == 404
