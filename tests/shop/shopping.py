"""What tests of the vendor's shop share: tokens, orders, calls by a token."""

import json
import uuid
from typing import Any

from django.test import Client

from licensemgr.shop.models import Scope, ShopToken
from licensemgr.shop.orders import IssuedBatch, issue_for_order
from licensemgr.shop.tokens import MadeToken, make_token
from organizations.models import User
from products.models import Product

KEYS = "/api/v1/orders/keys"
ALL = tuple(Scope.values)


def token_for(staff: User, *scopes: str, days: int = 30) -> MadeToken:
    """A token that may do what the scopes say; everything without."""
    return make_token(name="Web shop", scopes=scopes or ALL, days=days, actor=staff, form_token=uuid.uuid4())


def issue_line(token: ShopToken, product: Product, order: str = "PO-1", line: str = "1", **changed: Any) -> IssuedBatch:
    """Three keys of ten core licenses each for a line."""
    options: dict[str, Any] = {"kind": "subscription", "licenses": {"core-device": 10}, "count": 3} | changed
    return issue_for_order(order=order, line=line, product=product.code, token=token, **options)


def wanted(**changed: Any) -> dict[str, Any]:
    """The body that issues three keys of ten core licenses each."""
    body = {
        "order": "PO-1",
        "line": "1",
        "product": "camera-station",
        "kind": "subscription",
        "licenses": {"core-device": 10},
        "count": 3,
    } | changed
    return {name: value for name, value in body.items() if value is not None}


def post(token: str, body: Any, path: str = "", *, content_type: str = "application/json") -> Any:
    """Send a body, as JSON unless it is bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Client().post(KEYS + path, data, content_type=content_type, headers=headers)


def get(token: str, **query: str) -> Any:
    """Ask the state of an order's keys."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Client().get(KEYS, query, headers=headers)
