"""Staff make and revoke tokens of the vendor's shop, and look at the lines of its orders."""

import uuid
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from licensemgr.shop import orders
from licensemgr.shop.models import OrderLine, Scope, ShopToken
from licensemgr.shop.tokens import token_in_force
from organizations.models import User
from products.models import Product
from tests.admin_pages import address, said, staff_person, token_in
from tests.conftest import FrozenClock
from tests.shop.shopping import issue_line, token_for
from wallet.models import KeyBatch, LicenseKey

pytestmark = pytest.mark.django_db
ADD = "/admin/shop/shoptoken/add/"


def form(client: Client, **changed: object) -> dict[str, Any]:
    """What a person sends from the form."""
    return {
        "name": "Web shop",
        "scopes": ["keys:issue", "keys:read"],
        "days": "30",
        "form_token": token_in(client.get(ADD)),
    } | changed


def shown(response: Any) -> str:
    """The token on the page that shows it."""
    assert response.status_code == 200, said(response)
    assert "no-store" in response["Cache-Control"]
    secret: str = response.context["secret"]
    assert secret in response.content.decode()
    return secret


def revoke_page(token: ShopToken) -> str:
    """Where it is revoked."""
    return reverse("admin:shop_shoptoken_revoke", args=[token.pk])


def test_a_token_is_shown_once_and_the_log_names_who_made_it(staff_client: Client, staff: User) -> None:
    sent = form(staff_client)
    token = shown(staff_client.post(ADD, sent))
    row = ShopToken.objects.get()
    assert token_in_force(token) == row
    assert (row.made_by, row.scopes, row.name) == (staff, ["keys:issue", "keys:read"], "Web shop")
    entry = LogEntry.objects.get()
    assert (entry.user, entry.change_message) == (staff, "May: keys:issue, keys:read")
    assert token[:-5] not in entry.object_repr
    for page in (address(ShopToken, "changelist"), address(ShopToken, "change", row.pk), "/admin/core/", "/admin/"):
        assert token not in staff_client.get(page).content.decode()
    again = staff_client.post(ADD, sent)
    assert again["Location"] == address(ShopToken, "changelist")
    assert "a token is shown only once" in said(again)
    assert ShopToken.objects.count() == 1


def test_what_makes_no_sense_keeps_what_was_typed(staff_client: Client) -> None:
    for changed, sentence in (
        ({"name": "  "}, "This field is required"),
        ({"name": "x" * 121}, "at most 120 characters"),
        ({"scopes": []}, "This field is required"),
        ({"scopes": ["keys:all"]}, "Select a valid choice"),
        ({"days": "0"}, "greater than or equal to 1"),
        ({"days": "9" * 5000}, "Enter a whole number"),
        ({"form_token": "x"}, "Nothing was changed"),
    ):
        answer = staff_client.post(ADD, form(staff_client) | changed)
        assert answer.status_code == 422, changed
        assert sentence in said(answer)
        assert "name" in changed or 'value="Web shop"' in answer.content.decode()
    assert not ShopToken.objects.exists()


def test_a_token_is_revoked_after_a_confirmation(staff_client: Client, staff: User) -> None:
    token = token_for(staff)
    assert revoke_page(token.row) in staff_client.get(address(ShopToken, "change", token.row.pk)).content.decode()
    assert "Calls by it are refused at once" in said(staff_client.get(revoke_page(token.row)))
    assert token_in_force(token.token)
    text = said(staff_client.post(revoke_page(token.row)))
    assert "was revoked." in text and "revoked on" in text
    assert token_in_force(token.token) is None
    assert LogEntry.objects.get().change_message == "Revoked."
    assert "was revoked before" in said(staff_client.post(revoke_page(token.row)))
    assert LogEntry.objects.count() == 1
    assert revoke_page(token.row) not in staff_client.get(address(ShopToken, "change", token.row.pk)).content.decode()


def test_who_may_not_make_or_revoke_does_not(staff: User) -> None:
    token = token_for(staff).row
    _person, client = staff_person("shop.view_shoptoken")
    assert client.get(address(ShopToken, "change", token.pk)).status_code == 200
    assert client.get(ADD).status_code == client.post(ADD).status_code == 403
    assert client.get(revoke_page(token)).status_code == client.post(revoke_page(token)).status_code == 403
    token.refresh_from_db()
    assert token.revoked_at is None
    _person, maker = staff_person("shop.add_shoptoken", email="maker@example.net")
    shown(maker.post(ADD, form(maker)))
    assert maker.post(revoke_page(token)).status_code == 403
    _person, nobody = staff_person(email="nobody@example.net")
    assert nobody.get(address(ShopToken, "changelist")).status_code == 403
    assert nobody.get(address(OrderLine, "changelist")).status_code == 403


def test_what_does_not_exist_is_not_found(staff_client: Client) -> None:
    for pk in ("999", "x", "9" * 30, str(uuid.uuid4())):
        assert staff_client.post(f"/admin/shop/shoptoken/{pk}/revoke/").status_code == 404


def test_order_lines_are_looked_at_with_ways_to_their_batches(
    staff_client: Client, staff: User, camera_station: Product, frozen_clock: FrozenClock
) -> None:
    token = token_for(staff, Scope.ISSUE).row
    issue_line(token, camera_station, order="=PO-7", line="<b>")
    orders.replace(order="=PO-7", line="<b>", reason="lost", token=token)
    line = OrderLine.objects.get()
    listed = said(staff_client.get(address(OrderLine, "changelist")))
    assert "=PO-7 / <b>" in listed and "Camera Station 2" in listed
    page = staff_client.get(address(OrderLine, "change", line.pk)).content.decode()
    for batch in KeyBatch.objects.all():
        assert f'href="{address(KeyBatch, "change", batch.pk)}"' in page
        keys = f"{address(LicenseKey, 'changelist')}?batch__id__exact={batch.pk}"
        assert keys in page
        assert staff_client.get(keys).status_code == 200
    for page in (address(OrderLine, "add"), address(OrderLine, "delete", line.pk)):
        assert staff_client.post(page).status_code == 403
