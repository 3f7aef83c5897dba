"""Owner authentication keys: what is kept of them, and how a typed one is checked (R24)."""

import base64
import os

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from licensemgr.core.peppers import KeyedHash, is_hash_of, keyed_hash
from licensemgr.core.sealing import Purpose, seal, unseal


def normalize_serial(text: str) -> str:
    """A serial number as it is stored: capitals, without spaces."""
    return "".join(text.split()).upper()


def normalize_oak(text: str) -> str:
    """An owner authentication key as it is hashed: capitals, without spaces and hyphens."""
    return "".join(text.split()).replace("-", "").upper()


def oak_hash(oak: str) -> KeyedHash:
    """The keyed hash under which a key is stored from now on: tells whether a typed key is right, and lets nobody read it."""
    return keyed_hash(_oak_message(oak))


def is_oak_of(oak: str, oak_digest: str, pepper_id: str) -> bool:
    """Whether this is the key whose hash was stored, under whichever of the known peppers."""
    return is_hash_of(_oak_message(oak), oak_digest, pepper_id)


def _oak_message(oak: str) -> bytes:
    return b"oak:" + normalize_oak(oak).encode()


def proof_key(oak: str) -> bytes:
    """K = HKDF-SHA-256(OAK, "system file v1"): 32 bytes with which a system proves on which unit it is."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"system file v1").derive(normalize_oak(oak).encode())


def seal_proof_key(key: bytes, serial: str) -> bytes:
    """The proof key encrypted at rest, bound to its serial number."""
    return seal(key, purpose=Purpose.PROOF_KEYS, bound_to=serial)


def open_proof_key(sealed: bytes | memoryview, serial: str) -> bytes:
    """The proof key of a unit. Raises SealBroken."""
    return unseal(sealed, purpose=Purpose.PROOF_KEYS, bound_to=serial)


def seal_piece(piece: bytes, digest: str, number: int) -> bytes:
    """A piece of an uploaded file of units encrypted at rest, bound to the file (by its digest) and its place in it."""
    return seal(piece, purpose=Purpose.PIECES, bound_to=f"{digest}:{number}")


def open_piece(sealed: bytes | memoryview, digest: str, number: int) -> bytes:
    """The piece in clear. Raises SealBroken."""
    return unseal(sealed, purpose=Purpose.PIECES, bound_to=f"{digest}:{number}")


def invent_oak() -> str:
    """A new owner authentication key, for demonstrations and histories that are played: 100 random bits."""
    symbols = base64.b32encode(os.urandom(13)).decode().rstrip("=")[:20]
    return "-".join(symbols[start : start + 5] for start in range(0, 20, 5))
