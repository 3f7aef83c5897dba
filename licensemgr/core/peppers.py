"""Keyed hashes under a pepper, of which each knows the pepper that made it, so that peppers can be changed.

A pepper's id is worked out from it: nobody has to name peppers, and 32 bits of a hash of 50 random characters tell nothing of
them. New hashes are made under settings.LICENSE_KEY_PEPPER; what was stored under one of LICENSE_KEY_PEPPER_FALLBACKS is found,
too. Rows that were written before there were ids have an empty one, and are tried under every pepper.
"""

import hashlib
import hmac
from dataclasses import dataclass

from django.conf import settings

ID_LENGTH = 8
# In the place of a pepper's id (which has hexadecimal digits alone): the secret is another instance's, and no hash of it is here.
IMPORTED = "imported"


@dataclass(frozen=True)
class KeyedHash:
    """HMAC-SHA-256 in hexadecimal, and the id of the pepper under which it was made."""

    digest: str
    pepper_id: str


def pepper_id(pepper: str) -> str:
    """The id of a pepper: 8 hexadecimal digits."""
    return hashlib.sha256(b"license-manager pepper:" + pepper.encode()).hexdigest()[:ID_LENGTH]


def known_peppers() -> list[str]:
    """The pepper under which hashes are made now, then the former ones."""
    return [settings.LICENSE_KEY_PEPPER, *settings.LICENSE_KEY_PEPPER_FALLBACKS]


def keyed_hash(message: bytes) -> KeyedHash:
    """The hash under which something is stored from now on."""
    return _hash(settings.LICENSE_KEY_PEPPER, message)


def keyed_hashes(message: bytes) -> list[KeyedHash]:
    """The hashes under which something may be stored already: one for each known pepper, the newest first."""
    return [_hash(pepper, message) for pepper in known_peppers()]


def is_hash_of(message: bytes, digest: str, stored_under: str) -> bool:
    """Whether ``digest``, made under the pepper of that id (empty: of any), is the message's."""
    fits = [
        hmac.compare_digest(found.digest, digest)
        for found in keyed_hashes(message)
        if stored_under in ("", found.pepper_id)
    ]
    return any(fits)


def _hash(pepper: str, message: bytes) -> KeyedHash:
    return KeyedHash(hmac.new(pepper.encode(), message, hashlib.sha256).hexdigest(), pepper_id(pepper))
