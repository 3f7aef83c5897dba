"""What is kept only encrypted: AES-256-GCM under ENCRYPTION_SECRET, a key of its own for every purpose."""

import hashlib
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_NONCE_BYTES = 12


class SealBroken(Exception):
    """What was sealed can't be opened: another secret, another purpose, or altered."""


@lru_cache(maxsize=16)
def _cipher(secret: str, purpose: str) -> AESGCM:
    return AESGCM(hashlib.sha256(f"{purpose}:{secret}".encode()).digest())


def seal(data: bytes, *, purpose: str, bound_to: str) -> bytes:
    """``data`` encrypted; it opens only for the same purpose and for what it is bound to (a serial number, a key's id)."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + _cipher(settings.ENCRYPTION_SECRET, purpose).encrypt(nonce, data, bound_to.encode())


def unseal(sealed: bytes | memoryview, *, purpose: str, bound_to: str) -> bytes:
    """What was sealed. Raises SealBroken."""
    sealed = bytes(sealed)
    try:
        return _cipher(settings.ENCRYPTION_SECRET, purpose).decrypt(
            sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to.encode()
        )
    except (InvalidTag, ValueError) as error:
        raise SealBroken(purpose) from error
