"""What becomes of license keys, told to those above who want to know: ``settings.LICENSE_KEY_LISTENERS``.

A listener is called in the transaction of the change and with its keys, all of one batch. So what it writes is there exactly
when the change is.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Literal

from django.conf import settings
from django.utils.module_loading import import_string

from wallet.models import LicenseKey

KeyChange = Literal["redeemed", "undone", "revoked"]
Listener = Callable[[KeyChange, Sequence[LicenseKey]], None]


@cache
def _listeners() -> tuple[Listener, ...]:
    return tuple(import_string(name) for name in settings.LICENSE_KEY_LISTENERS)


def tell(change: KeyChange, keys: Sequence[LicenseKey]) -> None:
    """Tell every listener what became of ``keys``, which are of one batch."""
    for listener in _listeners() if keys else ():
        listener(change, keys)
