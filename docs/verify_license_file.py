"""Verifies a license file (version 1) the way a product should. Needs Python 3.11 and joserfc only; copy it into your product.

    python verify_license_file.py LICENSE-FILE JWKS-FILE --system UUID --key THUMBPRINT --highest-sequence N --highest-seen TIME

JWKS-FILE holds the keys that the product trusts: those of the portal's /.well-known/jwks.json, and later the `next_keys` of
license files that were verified. Prints what is granted, or why the file is refused (exit code 1).
"""

import argparse
import base64
import json
import sys
from datetime import UTC, date, datetime

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

MEMBERS = ("payload", "protected", "signature")


class Refused(Exception):
    """The file must not be used; the text says why."""


def verify(document, trusted, *, system_id, key, now, highest_sequence=0, highest_seen=""):
    """The payload of a license file that may be used.

    ``trusted`` is a list of public JWKs. ``key`` is the thumbprint of the system's own key. ``highest_sequence`` is that of the
    newest file which the system has used, ``highest_seen`` the latest time that it has seen (as 2027-03-01T12:00:00Z).
    """
    try:
        members = json.loads(document)
        outer = json.dumps({name: members[name] for name in MEMBERS}, separators=(",", ":")).encode() + b"\n"
    except (ValueError, KeyError, TypeError) as error:
        raise Refused("This is no license file.") from error
    # Byte for byte: nothing outside of what is signed could have been altered either.
    if document != outer or not all(is_canonical(members[name]) for name in MEMBERS):
        raise Refused("The file was altered: its outer form is not the one in which it was written.")
    keys = {jwk["kid"]: jwk for jwk in trusted if jwk.get("kty") == "OKP" and jwk.get("crv") == "Ed25519"}
    header = json.loads(decode(members["protected"]))
    if header.get("typ") != "license-file-v1":
        raise Refused("The file is no license file of version 1.")
    if header.get("kid") not in keys:
        raise Refused("The file is signed by a key that this system does not trust.")
    try:
        found = jws.deserialize_json(members, OKPKey.import_key(keys[header["kid"]]), algorithms=["Ed25519", "EdDSA"])
    except (JoseError, ValueError) as error:
        raise Refused("The signature is not right: the file was altered.") from error
    payload = json.loads(found.payload)
    if payload["system_id"] != system_id:
        raise Refused("The file is for another system.")
    if payload["key"] != key:
        raise Refused("The file is for another installation of this system.")
    if payload["sequence"] < highest_sequence:
        raise Refused("A newer license file was used already.")
    if (stamp := now.strftime("%Y-%m-%dT%H:%M:%SZ")) < highest_seen:
        raise Refused("The clock of this system was turned back.")
    if stamp > payload["expires_at"]:
        raise Refused("The file has expired: fetch a newer one from the portal.")
    return payload


def licensed(payload, today):
    """Per license type: (kind, quantity, growth, whether only the grace period still covers it), for the grants of today."""
    found = {}
    for grant in payload["grants"]:
        last = date.fromisoformat(grant["to"]) if grant["to"] else date.max
        grace = date.fromisoformat(grant["grace_to"]) if grant["grace_to"] else last
        if date.fromisoformat(grant["from"]) <= today <= max(last, grace):
            found[grant["type"]] = (grant["kind"], grant["quantity"], grant["growth"], today > last)
    return found


def decode(text):
    """Base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def is_canonical(text):
    """Whether the text is the only base64url form of what it holds."""
    try:
        return base64.urlsafe_b64encode(decode(text)).rstrip(b"=").decode() == text
    except (ValueError, TypeError):
        return False


def main():
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("license_file")
    parser.add_argument("jwks_file")
    parser.add_argument("--system", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--highest-sequence", type=int, default=0)
    parser.add_argument("--highest-seen", default="", metavar="TIME")
    parser.add_argument("--now", default=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    given = parser.parse_args()
    now = datetime.strptime(given.now, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    with open(given.license_file, "rb") as file, open(given.jwks_file, "rb") as keys:
        try:
            payload = verify(
                file.read(),
                json.load(keys)["keys"],
                system_id=given.system,
                key=given.key,
                now=now,
                highest_sequence=given.highest_sequence,
                highest_seen=given.highest_seen,
            )
        except Refused as error:
            sys.exit(f"Refused. {error}")
    for kind, (basis, quantity, growth, in_grace) in licensed(payload, now.date()).items():
        print(
            f"{kind}: {quantity} by {basis}, {growth} more may be added" + (", in the grace period" if in_grace else "")
        )


if __name__ == "__main__":
    main()
