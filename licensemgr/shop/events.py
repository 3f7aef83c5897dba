"""What the shop is told about license keys, written in the transaction in which it happens."""

import uuid
from collections.abc import Iterator, Mapping, Sequence

from django.db import transaction

from licensemgr.core import clock
from licensemgr.shop.endpoints import EndpointIsOff
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
    """Write an event, and a delivery for every webhook that wants it; nothing where none does.

    Whose wallet a key went into is not told: the shop learns what became of its order, and nothing about an organization.
    """
    kind = KINDS[change]
    endpoints = [each for each in WebhookEndpoint.objects.filter(is_on=True) if kind in each.kinds]
    if not endpoints:
        return
    for some in _portions(keys):
        _write(kind, _told_of(some), endpoints)


def write_test(endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Write an event that tells of nothing, for this webhook alone; returns its delivery. Raises EndpointIsOff."""
    if not endpoint.is_on:
        raise EndpointIsOff(endpoint)
    with transaction.atomic():
        [delivery] = _write(WebhookKind.TEST, {}, [endpoint])
    return delivery


def _write(
    kind: WebhookKind, data: Mapping[str, object], endpoints: Sequence[WebhookEndpoint]
) -> list[WebhookDelivery]:
    now, event_id = clock.real_now(), uuid.uuid4()
    event = WebhookEvent.objects.create(
        event_id=event_id,
        kind=kind,
        happened_at=now,
        payload={
            "id": str(event_id),
            "type": kind.value,
            "timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "data": data,
        },
    )
    return WebhookDelivery.objects.bulk_create(
        WebhookDelivery(endpoint=endpoint, event=event, next_attempt_at=now) for endpoint in endpoints
    )


def _portions(keys: Sequence[LicenseKey]) -> Iterator[Sequence[LicenseKey]]:
    for start in range(0, len(keys), KEYS_PER_EVENT):
        yield keys[start : start + KEYS_PER_EVENT]


def _told_of(keys: Sequence[LicenseKey]) -> dict[str, object]:
    batch = keys[0].batch
    ordered = OrderLineBatch.objects.select_related("order_line").filter(batch=batch).first()
    return {
        "order": batch.order_reference,
        # Null for keys that staff issued by hand.
        "line": ordered.order_line.line if ordered else None,
        "product": batch.product.code,
        "keys": [{"id": key.pk, "tail": key.tail} for key in keys],
    }
