"""Writes the test vectors of format version 1 beside itself: python make_vectors.py (needs joserfc and cryptography).

Every key is made from a sentence in this file, and Ed25519 signs the same bytes always alike, so that each run writes the very
same files. THE KEYS ARE PUBLISHED: trust them in tests only.
"""

import base64
import hashlib
import hmac
import json
import uuid
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jws
from joserfc.jwk import OKPKey

HERE = Path(__file__).resolve().parent
SYSTEM = "5f0d7a52-6d3c-4e0e-9d2b-0a4f5f3f2b11"
OTHER_SYSTEM = "c2a7e6f4-1b1d-4a63-8a55-7f2f0f6f9c22"
SERIAL, OAK = "ACCC8E-TEST-01", "TESTS-ONLYA-BCDEF-23456"
NOW = "2027-06-01T12:00:00Z"


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_key(sentence: str) -> OKPKey:
    """The Ed25519 key whose 32 secret bytes are the SHA-256 of a sentence."""
    secret = hashlib.sha256(sentence.encode()).digest()
    public = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": encode(public), "d": encode(secret)})


PORTAL = make_key("license manager test vectors: the portal's key")
NEXT = make_key("license manager test vectors: the portal's next key")
STRANGER = make_key("license manager test vectors: a stranger's key")
INSTALLATION = make_key("license manager test vectors: the system's key")
REINSTALLED = make_key("license manager test vectors: the system's key after it was installed anew")


def public_jwk(key: OKPKey) -> dict[str, Any]:
    """The public key as the portal publishes it."""
    public = key.as_dict(private=False)
    return {"kty": "OKP", "crv": "Ed25519", "x": public["x"], "kid": key.thumbprint(), "use": "sig", "alg": "Ed25519"}


def sign(payload: dict[str, Any], header: dict[str, Any], key: OKPKey) -> bytes:
    """The payload as a signed document, byte for byte as the portal writes one."""
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    made = jws.serialize_json({"protected": {"alg": "Ed25519", **header}}, body, key, algorithms=["Ed25519"])
    return outer({name: made[name] for name in ("payload", "protected", "signature")})


def outer(members: dict[str, Any]) -> bytes:
    """The outer form of a signed document."""
    return json.dumps(members, separators=(",", ":")).encode() + b"\n"


def license_payload(**changes: Any) -> dict[str, Any]:
    """A license file of a fully licensed subscription, with the next year allocated, too."""
    core = {"kind": "subscription", "type": "core-device", "quantity": 10, "growth": 6, "from": "2027-03-01"}
    ends = {"to": "2029-02-28", "grace_to": "2029-03-31", "serial": None}
    return {
        "issuer": "https://portal.example.com",
        "instance": str(uuid.UUID(int=1)),
        "file_id": str(uuid.UUID(int=2)),
        "issued_at": "2027-05-31T09:30:00Z",
        "expires_at": "2028-07-04T09:30:00Z",
        "system_id": SYSTEM,
        "key": INSTALLATION.thumbprint(),
        "request_id": str(uuid.UUID(int=3)),
        "sequence": 7,
        "organization": "Hafen Zürich",
        "time_zone": "UTC",
        "product": {"code": "camera-station", "name": "Camera Station"},
        "status": "licensed",
        "grants": [core | ends, core | ends | {"type": "universal-device", "quantity": 0}],
        "need": {"core-device": 10, "universal-device": 0},
        "next_keys": [public_jwk(NEXT)],
    } | changes


def license_file(key: OKPKey = PORTAL, kid: str | None = None, **changes: Any) -> bytes:
    """A license file."""
    return sign(license_payload(**changes), {"typ": "license-file-v1", "kid": kid or key.thumbprint()}, key)


def with_public_key_as_secret(good: bytes) -> bytes:
    """The payload signed by HMAC under the published public key: a verifier that believes “alg” takes it."""
    payload = json.loads(good)["payload"]
    header = {"alg": "HS256", "typ": "license-file-v1", "kid": PORTAL.thumbprint()}
    protected = encode(json.dumps(header, separators=(",", ":")).encode())
    secret = base64.urlsafe_b64decode(PORTAL.as_dict(private=False)["x"] + "=")
    signature = hmac.new(secret, f"{protected}.{payload}".encode(), hashlib.sha256).digest()
    return outer({"payload": payload, "protected": protected, "signature": encode(signature)})


def without_signature(good: bytes) -> bytes:
    """The payload with “alg”: “none”."""
    header = {"alg": "none", "typ": "license-file-v1", "kid": PORTAL.thumbprint()}
    protected = encode(json.dumps(header, separators=(",", ":")).encode())
    return outer({"payload": json.loads(good)["payload"], "protected": protected, "signature": ""})


def system_file() -> bytes:
    """A system description with the proof of its hardware unit."""
    request_id = str(uuid.UUID(int=3))
    proof_key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"system file v1").derive(
        OAK.replace("-", "").encode()
    )
    proof = hmac.new(proof_key, f"{request_id}{SYSTEM}{SERIAL}".encode(), hashlib.sha256).digest()
    payload = {
        "request_id": request_id,
        "issued_at": "2027-05-31T08:00:00Z",
        "sequence": 12,
        "system": {
            "id": SYSTEM,
            "name": "Vessel",
            "product": "camera-station",
            "version": "6.2",
            "time_zone": "Europe/Zurich",
        },
        "hardware": {"serial": SERIAL, "model": "Recorder S12", "proof": encode(proof)},
        "devices": [{"id": f"device-{number:02}", "model": "Dome", "type": "core-device"} for number in range(10)],
        "license_file": {"id": str(uuid.UUID(int=9)), "sequence": 6},
        "clock": {"now": "2027-05-31T08:00:00Z", "highest_seen": "2027-05-31T08:00:00Z"},
        "intent": "license",
    }
    jwk = {name: INSTALLATION.as_dict(private=False)[name] for name in ("kty", "crv", "x")}
    return sign(payload, {"typ": "system-description-v1", "jwk": jwk}, INSTALLATION)


def main() -> None:
    """Write the keys and the files."""
    good = license_file()
    serial = {"growth": 0, "to": None, "grace_to": None, "serial": SERIAL}
    core = license_payload()["grants"][0]
    late = {"issued_at": "2028-06-30T10:00:00Z", "expires_at": "2029-08-04T10:00:00Z"}
    # In the middle of the payload: one character of the base64url text.
    place = len(good) // 2
    files = {
        "good.json": good,
        "tied.json": license_file(status="hardware", sequence=8, grants=[core | serial | {"kind": "hardware"}]),
        "late.json": license_file(**late, sequence=9),
        "tokyo.json": license_file(**late, sequence=10, time_zone="Asia/Tokyo"),
        "honolulu.json": license_file(**late, sequence=11, time_zone="Pacific/Honolulu"),
        "unknown-zone.json": license_file(sequence=12, time_zone="Atlantis/Poseidonis"),
        "altered-byte.json": good[:place] + (b"B" if good[place : place + 1] == b"A" else b"A") + good[place + 1 :],
        "altered-outside.json": good.replace(b'","', b'", "', 1),
        "wrong-key.json": license_file(STRANGER, kid=PORTAL.thumbprint()),
        "unknown-key.json": license_file(STRANGER),
        "public-key-as-secret.json": with_public_key_as_secret(good),
        "no-signature.json": without_signature(good),
        "system-file.json": system_file(),
    }
    for name, content in files.items():
        (HERE / name).write_bytes(content)
    keys = {"keys": [public_jwk(PORTAL)]}
    (HERE / "jwks.json").write_text(json.dumps(keys, indent=1) + "\n", encoding="utf-8")
    test_keys = {
        name: dict(key.as_dict(private=True)) | {"kid": key.thumbprint()}
        for name, key in (("portal", PORTAL), ("next", NEXT), ("stranger", STRANGER), ("system", INSTALLATION))
    }
    warning = {"WARNING": "Published keys, for tests only."}
    (HERE / "private-test-keys.json").write_text(json.dumps(warning | test_keys, indent=1) + "\n", encoding="utf-8")
    (HERE / "cases.json").write_text(json.dumps(cases(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def cases() -> list[dict[str, Any]]:
    """What a verifier is asked, and what it must say."""
    granted = [
        "Accepted: license file 7 of Hafen Zürich, licensed.",
        "core-device: 10 by subscription, 6 more may be added, until 2029-02-28",
        "universal-device: 0 by subscription, 6 more may be added, until 2029-02-28",
    ]
    late = [granted[0].replace("7", "9"), *granted[1:]]
    in_grace = [late[0], *(line.replace("02-28", "03-31, in the grace period") for line in late[1:])]
    grace = in_grace[1:]
    tokyo, honolulu = ([line.replace("file 7", f"file {number}") for line in granted] for number in (10, 11))
    tied = [
        "Accepted: license file 8 of Hafen Zürich, hardware.",
        "core-device: 10 by hardware, 0 more may be added, without end",
    ]
    altered = "Refused. The signature is not right: the file was altered, or another key signed it."
    of_another_kind = "Refused. The file is no license file of version 1."
    return [
        _case("good", "good.json", *granted),
        _case("same sequence again", "good.json", *granted, highest_sequence=7),
        _case("last day of the license", "late.json", *late, now="2029-02-28T23:59:59Z", highest_sequence=9),
        _case("in grace", "late.json", *in_grace, now="2029-03-31T23:59:59Z", highest_sequence=9),
        _case("after grace", "late.json", late[0], now="2029-04-01T00:00:00Z", highest_sequence=9),
        # 28 February 2029 is over in Tokyo at 15:00 UTC of that day, and in Honolulu at 10:00 UTC of the next.
        _case("last day in Tokyo", "tokyo.json", *tokyo, now="2029-02-28T14:59:59Z", highest_sequence=10),
        _case("day after in Tokyo", "tokyo.json", tokyo[0], *grace, now="2029-02-28T15:00:00Z", highest_sequence=10),
        _case("last day in Honolulu", "honolulu.json", *honolulu, now="2029-03-01T09:59:59Z", highest_sequence=11),
        _case(
            "day after in Honolulu",
            "honolulu.json",
            honolulu[0],
            *grace,
            now="2029-03-01T10:00:00Z",
            highest_sequence=11,
        ),
        _case(
            "unknown time zone",
            "unknown-zone.json",
            "Refused. This system does not know the file's time zone: update its time zone data.",
        ),
        _case("tied", "tied.json", *tied, highest_sequence=7),
        _case("altered byte", "altered-byte.json", altered),
        _case(
            "altered outside of what is signed",
            "altered-outside.json",
            "Refused. The file was altered: its outer form is not the one in which it was written.",
        ),
        _case("wrong key", "wrong-key.json", altered),
        _case(
            "unknown key", "unknown-key.json", "Refused. The file is signed by a key that this system does not trust."
        ),
        _case("public key used as a secret", "public-key-as-secret.json", altered),
        _case("no signature", "no-signature.json", altered),
        _case("another kind of document", "system-file.json", of_another_kind),
        _case(
            "expired",
            "good.json",
            "Refused. The file expired at 2028-07-04T09:30:00Z: fetch a newer one from the portal.",
            now="2028-07-04T09:30:01Z",
        ),
        _case("last second", "good.json", *granted, now="2028-07-04T09:30:00Z"),
        _case("older sequence", "good.json", "Refused. A newer license file was used already.", highest_sequence=8),
        _case("other system", "good.json", "Refused. The file is for another system.", system=OTHER_SYSTEM),
        _case(
            "other installation",
            "good.json",
            "Refused. The file is for another installation of this system.",
            key=REINSTALLED.thumbprint(),
        ),
        _case(
            "clock turned back",
            "good.json",
            "Refused. The clock of this system was turned back: it has seen 2027-06-01T12:00:01Z.",
            highest_seen="2027-06-01T12:00:01Z",
        ),
    ]


def _case(name: str, file: str, *says: str, **given: Any) -> dict[str, Any]:
    asked = {"now": NOW, "system": SYSTEM, "key": INSTALLATION.thumbprint(), "highest_sequence": 6} | given
    accepted = says[0].startswith("Accepted")
    return {"case": name, "file": file, **asked, "exit_code": 0 if accepted else 1, "says": list(says)}


if __name__ == "__main__":
    main()
