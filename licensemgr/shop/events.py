"""What the shop is told about license keys, written in the transaction in which it happens."""

import uuid
from collections.abc import Iterator, Sequence

from licensemgr.core import clock
from licensemgr.shop.models import OrderLineBatch, WebhookDelivery, WebhookEndpoint, WebhookEvent, WebhookKind
from wallet.key_changes import KeyChange
from wallet.models import LicenseKey

KINDS: dict[KeyChange, WebhookKind] = {
    "redeemed": WebhookKind.REDEEMED,
    "undone": WebhookKind.UNDONE,
    "revoked": WebhookKind.REVOKED,
}
# One event tells of at most so many keys; a batch that is revoked whole makes several.
KEYS_PER_EVENT = 500


def key_changed(change: KeyChange, keys: Sequence[LicenseKey]) -> None:
    """Write an event, and a delivery for every endpoint that wants it; nothing where none does.

    Whose wallet a key went into is not told: the shop learns what became of its order, and nothing about an organization.
    """
    kind = KINDS[change]
    endpoints = [each for each in WebhookEndpoint.objects.filter(is_on=True) if kind in each.kinds]
    if not endpoints:
        return
    now = clock.real_now()
    for some in _portions(keys):
        event_id = uuid.uuid4()
        event = WebhookEvent.objects.create(
            event_id=event_id, kind=kind, happened_at=now, payload=_payload(event_id, kind, some)
        )
        WebhookDelivery.objects.bulk_create(
            WebhookDelivery(endpoint=endpoint, event=event, next_attempt_at=now) for endpoint in endpoints
        )


def _portions(keys: Sequence[LicenseKey]) -> Iterator[Sequence[LicenseKey]]:
    for start in range(0, len(keys), KEYS_PER_EVENT):
        yield keys[start : start + KEYS_PER_EVENT]


def _payload(event_id: uuid.UUID, kind: WebhookKind, keys: Sequence[LicenseKey]) -> dict[str, object]:
    batch = keys[0].batch
    ordered = OrderLineBatch.objects.select_related("order_line").filter(batch=batch).first()
    return {
        "id": str(event_id),
        "type": kind.value,
        "timestamp": clock.real_now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "data": {
            "order": batch.order_reference,
            # Null for keys that staff issued by hand.
            "line": ordered.order_line.line if ordered else None,
            "product": batch.product.code,
            "keys": [{"id": key.pk, "tail": key.tail} for key in keys],
        },
    }
