"""What the vendor's shop may do by the API, what it ordered, and what it is told."""

from licensemgr.shop.models.orders import OrderLine, OrderLineBatch
from licensemgr.shop.models.tokens import Scope, ShopToken
from licensemgr.shop.models.webhooks import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookKind,
)

__all__ = [
    "OrderLine",
    "OrderLineBatch",
    "Scope",
    "ShopToken",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
    "WebhookKind",
]
