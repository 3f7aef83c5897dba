"""How often the API may be called: what proves itself, by a counter on its own row; what nothing proves, per network."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Q, QuerySet

from licensemgr.core import clock
from licensemgr.core.errors import TooManyCalls
from licensemgr.core.models import Caller
from licensemgr.core.places import Places, counted_address

WINDOW = timedelta(hours=1)
# Of calls at one moment one may have read the clock a little before another that began the window; and machines differ a little.
# A window that begins later than that was begun by a clock that was set back since.
_APART = timedelta(minutes=1)


def take_unproved_place(address: str) -> str:
    """One of the calls that a network may make without proof, to be given back once there is one. Raises TooManyCalls."""
    places = Places(f"unproved-calls:{counted_address(address)}", settings.API_UNPROVED_CALLS_PER_HOUR, WINDOW)
    place = places.take()
    if place is None:
        raise TooManyCalls(places.seconds_until_free())
    return place


def count_call(caller: Caller, limit: int, **also: object) -> None:
    """Count a call of ``caller``, a row, within a window that its first call begins; and write ``also`` into that row.

    Raises TooManyCalls above ``limit``; then nothing is written.
    """
    row: QuerySet[Any] = type(caller)._base_manager.filter(pk=caller.pk)
    begun = caller.calls_from
    now = clock.real_now()
    # Only where the window seems to be over: on SQLite a statement takes the one write lock though it changes nothing.
    if begun is None or not now - WINDOW < begun <= now + _APART:
        is_over = Q(calls_from=None) | Q(calls_from__lte=now - WINDOW) | Q(calls_from__gt=now + _APART)
        if row.filter(is_over).update(calls_from=now, calls=1, **also):
            return
    if row.filter(calls__lt=limit).update(calls=F("calls") + 1, **also):
        return
    began = row.values_list("calls_from", flat=True).get() or now
    raise TooManyCalls(max(1, int((began + WINDOW - now).total_seconds()) + 1))
