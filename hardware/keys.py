"""Owner authentication keys: what is kept of them, and how a typed one is checked (R24)."""

import base64
import hashlib
import hmac
import os
from functools import cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_NONCE_BYTES = 12


def normalize_serial(text: str) -> str:
    """A serial number as it is stored: capitals, without spaces."""
    return "".join(text.split()).upper()


def normalize_oak(text: str) -> str:
    """An owner authentication key as it is hashed: capitals, without spaces and hyphens."""
    return "".join(text.split()).replace("-", "").upper()


def oak_digest(oak: str) -> str:
    """HMAC-SHA-256 of the key under the pepper: tells whether a typed key is right, and lets nobody read it."""
    return hmac.new(
        settings.LICENSE_KEY_PEPPER.encode(), b"oak:" + normalize_oak(oak).encode(), hashlib.sha256
    ).hexdigest()


def proof_key(oak: str) -> bytes:
    """K = HKDF-SHA-256(OAK, "system file v1"): 32 bytes with which a system proves on which unit it is."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"system file v1").derive(normalize_oak(oak).encode())


@cache
def _cipher(purpose: bytes) -> AESGCM:
    return AESGCM(hashlib.sha256(purpose + b":" + settings.UNIT_KEY_SECRET.encode()).digest())


def _seal(purpose: bytes, clear: bytes, bound_to: str) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + _cipher(purpose).encrypt(nonce, clear, bound_to.encode())


def _open(purpose: bytes, sealed: bytes | memoryview, bound_to: str) -> bytes:
    sealed = bytes(sealed)
    return _cipher(purpose).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to.encode())


def seal_proof_key(key: bytes, serial: str) -> bytes:
    """The proof key encrypted at rest, bound to its serial number."""
    return _seal(b"proof keys", key, serial)


def open_proof_key(sealed: bytes | memoryview, serial: str) -> bytes:
    """The proof key of a unit. Raises cryptography's InvalidTag when it was sealed under another secret or serial."""
    return _open(b"proof keys", sealed, serial)


def seal_piece(piece: bytes, digest: str, number: int) -> bytes:
    """A piece of an uploaded file of units encrypted at rest, bound to the file (by its digest) and its place in it."""
    return _seal(b"pieces of files", piece, f"{digest}:{number}")


def open_piece(sealed: bytes | memoryview, digest: str, number: int) -> bytes:
    """The piece in clear. Raises cryptography's InvalidTag when it was sealed under another secret or as another piece."""
    return _open(b"pieces of files", sealed, f"{digest}:{number}")


def invent_oak() -> str:
    """A new owner authentication key, for demonstrations and histories that are played: 100 random bits."""
    symbols = base64.b32encode(os.urandom(13)).decode().rstrip("=")[:20]
    return "-".join(symbols[start : start + 5] for start in range(0, 20, 5))
