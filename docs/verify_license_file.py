"""Verifies a license file (version 1) the way a product should; copy it into your product.

    python verify_license_file.py LICENSE-FILE JWKS-FILE --system UUID --key THUMBPRINT --highest-sequence N --highest-seen TIME

Needs Python 3.11, joserfc, and time zone data: the machine's, or the package tzdata. JWKS-FILE holds the keys that the product
trusts: those of the portal's /.well-known/jwks.json, and later the `next_keys` of license files that were verified. Prints what is
granted, or why the file is refused (exit code 1).
"""

import argparse
import json
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

MEMBERS, INSTANT = ("payload", "protected", "signature"), "%Y-%m-%dT%H:%M:%SZ"
UNREADABLE = (ValueError, KeyError, TypeError, RecursionError)  # what reading bytes of anybody can raise


class Refused(Exception):
    """The file must not be used; the text says why."""


def verify(document, trusted, *, system_id, key, now, highest_sequence=0, highest_seen=""):
    """The payload of a license file that may be used; raises Refused.

    ``trusted`` is a list of public JWKs. ``key`` is the thumbprint of the system's own key. ``highest_sequence`` is that of the
    newest file which the system has used, ``highest_seen`` the latest time that it has seen (as 2027-03-01T12:00:00Z).
    """
    payload, stamp = read_signed(document, trusted), now.strftime(INSTANT)
    if payload["system_id"] != system_id:
        raise Refused("The file is for another system.")
    if payload["key"] != key:
        raise Refused("The file is for another installation of this system.")
    if payload["sequence"] < highest_sequence:
        raise Refused("A newer license file was used already.")
    if stamp < highest_seen:
        raise Refused(f"The clock of this system was turned back: it has seen {highest_seen}.")
    if stamp > payload["expires_at"]:
        raise Refused(f"The file expired at {payload['expires_at']}: fetch a newer one from the portal.")
    local_day(payload, now)
    return payload


def read_signed(document, trusted):
    """What the portal signed, whatever system it is for; raises Refused."""
    try:
        members = json.loads(document)
        outer = json.dumps({name: members[name] for name in MEMBERS}, separators=(",", ":")).encode() + b"\n"
        parts = {name: urlsafe_b64decode(members[name] + "=" * (-len(members[name]) % 4)) for name in MEMBERS}
        header = json.loads(parts["protected"])
        is_canonical = all(urlsafe_b64encode(parts[name]).decode().rstrip("=") == members[name] for name in MEMBERS)
    except UNREADABLE as error:
        raise Refused("This is no license file, or it was altered: it can't be read.") from error
    # Byte for byte: nothing outside of what is signed could have been altered either.
    if document != outer or not is_canonical:
        raise Refused("The file was altered: its outer form is not the one in which it was written.")
    if not isinstance(header, dict) or set(header) != {"alg", "kid", "typ"} or header["typ"] != "license-file-v1":
        raise Refused("The file is no license file of version 1.")
    keys = [jwk for jwk in trusted if jwk.get("crv") == "Ed25519" and jwk.get("kid") == header["kid"]]
    if not keys:
        raise Refused("The file is signed by a key that this system does not trust.")
    try:
        # The one algorithm, whatever the file says.
        return json.loads(jws.deserialize_json(members, OKPKey.import_key(keys[0]), algorithms=["Ed25519"]).payload)
    except (JoseError, *UNREADABLE) as error:
        raise Refused("The signature is not right: the file was altered, or another key signed it.") from error


def local_day(payload, now):
    """The calendar day (as 2027-03-01) in the time zone by whose days the file counts; raises Refused where that is not known."""
    try:
        return now.astimezone(ZoneInfo(payload["time_zone"])).date().isoformat()
    except (OSError, *UNREADABLE) as error:
        raise Refused("This system does not know the file's time zone: update its time zone data.") from error


def licensed(payload, now):
    """Per license type: (kind, quantity, growth, last day or None, whether only the grace period still covers it), at a time."""
    found, today = {}, local_day(payload, now)
    for grant in payload["grants"]:
        last = grant["to"] or "9999-12-31"
        if grant["from"] <= today <= (grant["grace_to"] or last):
            day = grant["grace_to"] if today > last else grant["to"]
            found[grant["type"]] = (grant["kind"], grant["quantity"], grant["growth"], day, today > last)
    return found


def main():
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("license_file", type=Path)
    parser.add_argument("jwks_file", type=Path)
    parser.add_argument("--system", required=True, metavar="UUID", help="the system's id")
    parser.add_argument("--key", required=True, metavar="THUMBPRINT", help="RFC 7638 thumbprint of its own key")
    parser.add_argument("--highest-sequence", type=int, default=0, metavar="N", help="of the files used so far")
    parser.add_argument("--highest-seen", default="", metavar="TIME", help="the latest time that it has seen")
    parser.add_argument("--now", default=datetime.now(UTC).strftime(INSTANT), metavar="TIME", help="not the clock's")
    args = parser.parse_args()
    now = datetime.strptime(args.now, INSTANT).replace(tzinfo=UTC)
    document, trusted = args.license_file.read_bytes(), json.loads(args.jwks_file.read_bytes())["keys"]
    kept = {"highest_sequence": args.highest_sequence, "highest_seen": args.highest_seen}
    try:
        payload = verify(document, trusted, system_id=args.system, key=args.key, now=now, **kept)
    except Refused as refused:
        sys.exit(f"Refused. {refused}")
    print(f"Accepted: license file {payload['sequence']} of {payload['organization']}, {payload['status']}.")
    for code, (kind, quantity, growth, last, in_grace) in licensed(payload, now).items():
        until = f"until {last}" + (", in the grace period" if in_grace else "") if last else "without end"
        print(f"{code}: {quantity} by {kind}, {growth} more may be added, {until}")


if __name__ == "__main__":
    main()
