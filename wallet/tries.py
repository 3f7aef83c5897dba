"""Trying a license key: limited, and what was refused counted for staff, hour by hour. The key itself is never kept."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta

from django.db.models import F

from licensemgr.core import clock
from licensemgr.core.places import counted_address
from wallet.checking import parse_license_key
from wallet.errors import KeyUnknown, TooManyTries
from wallet.limits import Trier, counting_wrong_tries
from wallet.models import RefusedTries

# For so long staff can see who tried keys that are not known.
TRIES_KEPT = timedelta(days=90)


@contextlib.contextmanager
def trying_a_key(trier: Trier, license_key: str) -> Iterator[None]:
    """Within this a key is redeemed or checked. What comes out of it as unknown, or is refused by the limit, is counted.

    The count is written in the transaction around, so whoever answers the refusal has to let that one commit. Raises
    EmptyKey and KeyMistyped, which count nothing; and TooManyTries, before anything is looked up, when the person or the
    address has no tries left.
    """
    parse_license_key(license_key)
    try:
        with counting_wrong_tries(trier):
            yield
    except KeyUnknown:
        _count(trier, "unknown")
        raise
    except TooManyTries:
        _count(trier, "limited")
        raise


def _count(trier: Trier, column: str) -> None:
    """One more in the row of this person, organization, address and hour. Parallel tries each count."""
    row, _created = RefusedTries.objects.get_or_create(
        user_id=trier.person_id,
        organization_id=trier.organization_id,
        address=counted_address(trier.address),
        hour=clock.real_now().replace(minute=0, second=0, microsecond=0),
    )
    RefusedTries.objects.filter(pk=row.pk).update(**{column: F(column) + 1})


def forget_old_tries() -> None:
    """Delete what was counted longer than TRIES_KEPT ago: it names people and the addresses from which they came."""
    RefusedTries.objects.filter(hour__lt=clock.real_now() - TRIES_KEPT).delete()
