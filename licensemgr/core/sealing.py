"""What is kept only encrypted: AES-256-GCM under ENCRYPTION_SECRET, a key of its own for every purpose.

What was sealed under one of ENCRYPTION_SECRET_FALLBACKS opens, too, so that the secret can be changed: ``sealed_anew`` brings
it under the new one (`licensemgr.portal.renewing`).
"""

import hashlib
import os
from enum import StrEnum
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_NONCE_BYTES = 12


class Purpose(StrEnum):
    """For what something is sealed; it never opens for anything else. The words are part of what is stored."""

    SIGNING_KEYS = "signing keys"
    WEBHOOKS = "webhook"
    # With which a system proves on which unit it is.
    PROOF_KEYS = "proof keys"
    # Of uploaded files of units, which have owner authentication keys.
    PIECES = "pieces of files"


class SealBroken(Exception):
    """What was sealed can't be opened: another secret, another purpose, or altered."""


@lru_cache(maxsize=64)
def _cipher(secret: str, purpose: Purpose) -> AESGCM:
    return AESGCM(hashlib.sha256(f"{purpose}:{secret}".encode()).digest())


def seal(data: bytes, *, purpose: Purpose, bound_to: str) -> bytes:
    """``data`` encrypted; it opens only for the same purpose and for what it is bound to (a serial number, a key's id)."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + _cipher(settings.ENCRYPTION_SECRET, purpose).encrypt(nonce, data, bound_to.encode())


def unseal(sealed: bytes | memoryview, *, purpose: Purpose, bound_to: str) -> bytes:
    """What was sealed, under the secret or a former one. Raises SealBroken."""
    return _opened(bytes(sealed), purpose, bound_to)[0]


def sealed_anew(sealed: bytes | memoryview, *, purpose: Purpose, bound_to: str) -> bytes | None:
    """The same under the secret of now; None where it is under that already. Raises SealBroken."""
    data, secret = _opened(bytes(sealed), purpose, bound_to)
    if secret == settings.ENCRYPTION_SECRET:
        return None
    return seal(data, purpose=purpose, bound_to=bound_to)


def _opened(sealed: bytes, purpose: Purpose, bound_to: str) -> tuple[bytes, str]:
    """What was sealed, and the secret under which it was. Raises SealBroken."""
    for secret in (settings.ENCRYPTION_SECRET, *settings.ENCRYPTION_SECRET_FALLBACKS):
        try:
            opened = _cipher(secret, purpose).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to.encode())
        except (InvalidTag, ValueError):
            continue
        return opened, secret
    raise SealBroken(purpose)
