"""Reports a system's devices online and keeps its license file. Needs what verify_license_file.py needs.

    python online_client.py FOLDER https://licenses.example.com --product CODE --devices core-device=12 [--code REGISTRATION-CODE]

Copy both into your product: by that one a license file is checked before it is used. FOLDER keeps the system's key and state.
Run it when devices changed, and once an hour at a minute of the system's own (see online.md).
"""

import argparse
import http.client
import json
import os
import random
import sys
import time
import urllib.parse
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import verify_license_file as verifier
from joserfc import jws
from joserfc.jwk import OKPKey

INSTANT, LOOPBACK = "%Y-%m-%dT%H:%M:%SZ", ("localhost", "127.0.0.1", "::1")
TAKEN = ("application/jose+json", "application/json", "application/jwk-set+json")
AGAIN_LATER = (429, 500, 502, 503, 504)
LONGEST_WAIT = 300  # seconds between two tries; what asks for more is left to the next hour
LARGEST_ANSWER = 32 * 1024 * 1024


class Refused(Exception):
    """The portal refused the call. Decide by `kind`; the text is a sentence for people."""

    def __init__(self, kind, sentence, server_time=""):
        super().__init__(sentence)
        self.kind, self.server_time = kind, server_time


class NotAnswered(Exception):
    """The portal could not be reached or did not take the call now. Go on as before and try again in an hour."""


class Answer(NamedTuple):
    """A license file that is still to be checked; or None, and why."""

    license_file: bytes | None
    status: str = ""  # of the product; "held" while an administrator decides about the system's new key
    sentence: str = ""


class Portal:
    """The calls. `clock_off` is how far the portal's clock is ahead of this one, as far as it is known."""

    def __init__(self, url, key, tries=6, pause=time.sleep):
        self.url = urllib.parse.urlsplit(url.rstrip("/"))
        if self.url.scheme != "https" and (self.url.scheme, self.url.hostname in LOOPBACK) != ("http", True):
            raise ValueError(f"{url} is no https address. Plain http is for this machine itself only.")
        self.key, self.tries, self.pause, self.clock_off = key, tries, pause, timedelta()

    def report(self, document, code=""):
        """Send a system file. The very same one may be sent again: it counts once."""
        headers = {"Content-Type": "application/jose+json"} | ({"Registration-Code": code} if code else {})
        return self._answer(self._call("POST", "/api/v1/reports", lambda: headers, document))

    def license(self, system_id):
        """The newest license file. Where this clock is wrong, the request is signed with the portal's time; the clock stays."""
        path = f"/api/v1/systems/{system_id}/license"
        try:
            return self._answer(self._call("GET", path, lambda: self._proof(path)))
        except Refused as refused:
            if refused.kind != "clock-off":
                raise
            self.clock_off = datetime.strptime(refused.server_time, INSTANT).replace(tzinfo=UTC) - datetime.now(UTC)
        return self._answer(self._call("GET", path, lambda: self._proof(path)))

    def keys(self):
        """The portal's public keys, for a product that ships without them: trusted as far as the connection is."""
        return json.loads(self._call("GET", "/.well-known/jwks.json", dict)[2])["keys"]

    def _proof(self, path):
        """Every try is signed anew: a nonce counts once."""
        at = (datetime.now(UTC) + self.clock_off).strftime(INSTANT)
        said = {"method": "GET", "url": self.url.geturl() + path, "time": at, "nonce": uuid.uuid4().hex}
        header = {"alg": "Ed25519", "typ": "system-request-v1", "kid": self.key.thumbprint()}
        return {"System-Proof": jws.serialize_compact(header, json.dumps(said), self.key, algorithms=["Ed25519"])}

    def _answer(self, came):
        status, kind, content = came
        if status == 200 and kind == "application/jose+json":
            return Answer(content)
        return Answer(None, **json.loads(content))

    def _call(self, method, path, headers, body=None):
        for number in range(1, self.tries + 1):
            # Longer every time, and never at the same moment as others that lost the same portal.
            wait, why = min(LONGEST_WAIT, 2**number) * random.uniform(0.5, 1), ""  # noqa: S311 - spreads calls, no secret
            try:
                status, kind, after, content = self._once(method, path, headers(), body)
            except (OSError, http.client.HTTPException) as error:
                why = f"The portal could not be reached ({error or type(error).__name__})."
            else:
                if status in (200, 202) and kind in TAKEN:
                    return status, kind, content
                problem = json.loads(content) if kind == "application/problem+json" else {}
                why = problem.get("detail", f"The portal answered with {status}.")
                if status not in AGAIN_LATER:  # also where it sends elsewhere (3xx): that is not followed
                    name = problem.get("type", "").removeprefix("urn:license-manager:problem:")
                    raise Refused(name or f"http-{status}", why, problem.get("server_time", ""))
                wait = max(wait, int(after) if after.isdecimal() else 0)
            if number == self.tries or wait > LONGEST_WAIT:
                raise NotAnswered(why)
            self.pause(wait)

    def _once(self, method, path, headers, body):
        made = http.client.HTTPSConnection if self.url.scheme == "https" else http.client.HTTPConnection
        connection = made(self.url.hostname, self.url.port, timeout=30)
        try:
            connection.request(method, self.url.path + path, body, headers)
            came = connection.getresponse()
            kind = came.headers.get_content_type()
            return came.status, kind, came.headers.get("Retry-After", ""), came.read(LARGEST_ANSWER)
        finally:
            connection.close()


def keep(path, content):
    """Write a file whole or not at all, for this user alone."""
    new = path.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def deliver(folder, portal, make, code=""):
    """Send what `make` writes, after what was sent before and not answered: that goes again as it was."""
    waiting = folder / "unanswered.json"
    for is_new in (False, True):
        if is_new:
            keep(waiting, make())
        elif not waiting.exists():
            continue
        try:
            answer = portal.report(waiting.read_bytes(), code)
        except Refused as refused:
            if refused.kind != "registration-needed":
                waiting.unlink()
            if is_new or waiting.exists():
                raise
        else:
            waiting.unlink()
    return answer


def written(state, counts, now):
    """The next system file of formats.md. Keep the state before it is sent: a sequence number is never used twice."""
    state["sequence"] += 1
    state["highest_seen"] = max(state["highest_seen"], now)
    system = {name: state[name] for name in ("name", "product", "version", "time_zone")} | {"id": state["system_id"]}
    clock = {"now": now, "highest_seen": state["highest_seen"]}
    said = {"request_id": str(uuid.uuid4()), "issued_at": now, "sequence": state["sequence"], "system": system}
    said |= {"clock": clock, "intent": "license", "counts": counts}
    if state["license_file"]:
        said["license_file"] = dict(zip(("id", "sequence"), state["license_file"], strict=True))
    key = OKPKey.import_key(state["key"])
    header = {
        "alg": "Ed25519",
        "typ": "system-description-v1",
        "jwk": {n: state["key"][n] for n in ("kty", "crv", "x")},
    }
    made = jws.serialize_json({"protected": header}, json.dumps(said), key, algorithms=["Ed25519"])
    return json.dumps({name: made[name] for name in verifier.MEMBERS}).encode()


def main():
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("portal", help="its address, with https")
    parser.add_argument("--name", default="System")
    parser.add_argument("--product", default="camera-station", metavar="CODE")
    parser.add_argument("--devices", action="append", default=[], metavar="TYPE=N")
    parser.add_argument("--code", default="", help="the registration code, to join an organization")
    parser.add_argument("--refresh", action="store_true", help="fetch the newest license file, report nothing")
    args = parser.parse_args()
    args.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = args.folder / "system.json"
    if not path.exists():
        new = {"name": args.name, "product": args.product, "version": "1.0", "time_zone": "UTC", "sequence": 0}
        new |= {"key": OKPKey.generate_key("Ed25519").as_dict(private=True), "system_id": str(uuid.uuid4())}
        keep(path, json.dumps(new | {"highest_seen": "", "license_file": None, "trusted": []}).encode())
    state = json.loads(path.read_bytes())
    portal, now = Portal(args.portal, OKPKey.import_key(state["key"])), datetime.now(UTC)

    def make():
        counts = {code: int(number) for code, _sign, number in (each.partition("=") for each in args.devices)}
        document = written(state, counts, now.strftime(INSTANT))
        keep(path, json.dumps(state).encode())
        return document

    try:
        state["trusted"] = state["trusted"] or portal.keys()
        ask = portal.license if args.refresh else lambda system_id: deliver(args.folder, portal, make, args.code)
        answer = ask(state["system_id"])
        if answer.license_file is None:
            sys.exit(f"No license file now ({answer.status}). {answer.sentence}")
        used = {"highest_sequence": (state["license_file"] or ("", 0))[1], "highest_seen": state["highest_seen"]}
        who = {"system_id": state["system_id"], "key": portal.key.thumbprint()}
        payload = verifier.verify(answer.license_file, state["trusted"], now=now, **who, **used)
    except (Refused, NotAnswered, verifier.Refused) as error:
        sys.exit(f"The license file of before stays in use. {error}")
    keep(args.folder / "license.json", answer.license_file)
    known = {jwk["kid"] for jwk in state["trusted"]}
    state["trusted"] += [jwk for jwk in payload["next_keys"] if jwk["kid"] not in known]
    state["license_file"], state["highest_seen"] = (payload["file_id"], payload["sequence"]), now.strftime(INSTANT)
    keep(path, json.dumps(state).encode())
    if abs(portal.clock_off) > timedelta(minutes=5):
        print(f"The clock of this system is wrong: the portal's is ahead by {portal.clock_off}. It was not changed.")
    print(f"License file {payload['sequence']} of {payload['organization']}, {payload['status']}.")
    for code, (kind, quantity, growth, last, _grace) in verifier.licensed(payload, now).items():
        print(f"{code}: {quantity} by {kind}, {growth} more may be added, until {last or 'without end'}")


if __name__ == "__main__":
    main()
