"""The only writer of History (R32)."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from django.db.models import F

from history.models import Action, HistoryHead, Record
from licensemgr.core import clock

if TYPE_CHECKING:
    from organizations.models import Organization, User
    from products.models import Product


def record(
    *,
    organization: "Organization",
    action: Action,
    actor: "User | None",
    on: date,
    product: "Product | None" = None,
    **payload: Any,
) -> Record:
    """Write one record at the end of the organization's History, in the caller's transaction.

    ``actor`` is None where the system itself did it; ``on`` is the date on which it became true. ``payload`` holds
    plain values only (text, whole numbers, lists and mappings of them; a date as ISO text).
    """
    return Record.objects.create(
        organization=organization,
        sequence=_next_sequence(organization),
        action=action,
        actor=actor,
        product=product,
        payload=payload,
        search_text=search_text_of(payload),
        happened_on=on,
        written_at=clock.real_now(),
    )


def _next_sequence(organization: "Organization") -> int:
    """The next number; the update locks the organization's row of it until the transaction ends."""
    head = HistoryHead.objects.filter(organization=organization)
    if not head.update(last_sequence=F("last_sequence") + 1):
        HistoryHead.objects.create(organization=organization, last_sequence=1)
        return 1
    return head.values_list("last_sequence", flat=True).get()


def search_text_of(payload: Mapping[str, Any]) -> str:
    """What the search looks through: all that a payload says."""
    return " ".join(_words(payload)).lower()


def _words(value: object) -> list[str]:
    if isinstance(value, Mapping):
        return [word for key, inner in value.items() for word in (str(key), *_words(inner))]
    if isinstance(value, (list, tuple)):
        return [word for inner in value for word in _words(inner)]
    return [str(value)]
