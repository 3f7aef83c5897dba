"""Bodies that nobody should upload, without end: mutations of good system files at four levels, and noise. Seeded."""

import base64
import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from licensemgr.core import signed
from licensemgr.portal.simulating import SimulatedSystem

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
# Values that readers of JSON have stumbled over.
HOSTILE: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**53, 2**63, 10**16, 1.5, "", " ", "\0", "\ud800", "\u202e", "x" * 5000, "a\nb", "é" * 120),
    *([], {}, [[]], [None], {"a": 1}, {"": ""}, "9999-99-99T99:99:99Z", "2027-02-30T00:00:00Z", "0000-00-00T00:00:00Z"),
    *("../../etc/passwd", "Europe/Zürich", "<script>", "' OR 1=1 --", "%s%n", "core-device", "no-such-type", 1_000_001),
    *("00000000-0000-0000-0000-000000000000", "5F0D7A52-6D3C-4E0E-9D2B-0A4F5F3F2B11", "A" * 43, "license", "refresh"),
)
# Texts that have their place somewhere in a file.
PLAUSIBLE = (
    *("Vessel 2", "camera-station", "audio-manager", "no-such-type", "universal-device", "Europe/Zurich", "device-1"),
    *("2027-02-28T12:00:00Z", "5f0d7a52-6d3c-4e0e-9d2b-0a4f5f3f2b11", "license", "AB-2"),
)
RAW = (
    b"NaN",
    b"-Infinity",
    b"1e400",
    b"9" * 5000,
    b"[" * 2000,
    b'{"a":' * 700,
    b'"\\ud83d"',
    b'"\\u0000"',
    b"\xff",
    b"\x00",
)


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Mutator:
    """Makes bodies from a seed: the same seed, the same kinds of mutation at the same places."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.system = SimulatedSystem("Vessel", "camera-station", serial="AB-1", oak="AAAAA")
        devices = [(f"device-{number}", "M", "core-device") for number in range(5)]
        self.good = [
            self.system.system_file(at=NOON, devices=devices),
            self.system.system_file(at=NOON, counts={"core-device": 3, "universal-device": 1}),
        ]
        self.system.license_file = ("5f0d7a52-6d3c-4e0e-9d2b-0a4f5f3f2b11", 1)
        self.good.append(self.system.system_file(at=NOON, counts={}, intent="refresh"))
        self.levels: tuple[Callable[[], bytes], ...] = (
            *(self.bytes_of_a_file, self.parts, self.signed_bytes, self.header, self.fields, self.fields, self.noise),
        )

    def bodies(self, number: int) -> Iterator[bytes]:
        """So many bodies, the levels by turns."""
        for count in range(number):
            yield self.levels[count % len(self.levels)]()

    def alter(self, data: bytes) -> bytes:
        """One to three places overwritten, taken out, put in or doubled; or the end cut off."""
        for _time in range(self.random.randint(1, 3)):
            place, length = self.random.randrange(len(data) + 1), self.random.choice((1, 1, 1, 4, 40))
            rest = data[place:]
            data = self.random.choice(
                (
                    data[:place] + self.random.randbytes(length) + rest[length:],
                    data[:place] + rest[length:],
                    data[:place] + self.random.choice(RAW) + rest,
                    data[:place] + rest[:length] + rest,
                    data[:place],
                )
            )
        return data

    def members(self) -> dict[str, str]:
        return dict(json.loads(self.random.choice(self.good)))

    def bytes_of_a_file(self) -> bytes:
        """The file as it lies on the disk."""
        return self.alter(self.random.choice(self.good))

    def parts(self) -> bytes:
        """What the base64 text of one member holds; the signature stays that of before."""
        members = self.members()
        name = self.random.choice(sorted(members))
        members[name] = encode(self.alter(decode(members[name]))) + self.random.choice(("", "", "=", "\n", "A"))
        return json.dumps(members).encode()

    def signed_bytes(self) -> bytes:
        """A payload that is no JSON any more, or another, and signed all the same."""
        return self._sign_raw(self.alter(decode(self.members()["payload"])), {})

    def header(self) -> bytes:
        """A header that says something else, and a signature that fits where the algorithm is the right one."""
        change = {self.random.choice(("alg", "typ", "jwk", "kid", "crit", "b64", "x")): self.random.choice(HOSTILE)}
        if self.random.random() < 0.3:
            jwk = dict(self.system.key.as_dict(private=self.random.random() < 0.3))
            change = {"jwk": jwk | {self.random.choice(("x", "crv", "kty", "y")): self.random.choice(HOSTILE)}}
        return self._sign_raw(decode(self.members()["payload"]), change)

    def _sign_raw(self, payload: bytes, change: dict[str, Any]) -> bytes:
        public = self.system.key.as_dict(private=False)
        jwk = {name: public[name] for name in ("kty", "crv", "x")}
        header = {"alg": "Ed25519", "typ": "system-description-v1", "jwk": jwk} | change
        protected = encode(json.dumps(header).encode())
        key = self.system.key.private_key
        assert key is not None
        signature = key.sign(f"{protected}.{encode(payload)}".encode())  # type: ignore[union-attr]
        return json.dumps({"payload": encode(payload), "protected": protected, "signature": encode(signature)}).encode()

    def fields(self) -> bytes:
        """One or two values of the payload changed, taken out or put in."""
        payload = json.loads(decode(self.members()["payload"]))
        for _time in range(self.random.randint(1, 2)):
            place: Any = payload
            while True:
                inner = [value for value in _values(place) if isinstance(value, dict | list) and value]
                if not inner or self.random.random() < 0.5:
                    break
                place = self.random.choice(inner)
            name = self.random.choice([*(place if isinstance(place, dict) else range(len(place)))])
            value = self.value(place[name], payload)
            if isinstance(place, dict) and self.random.random() < 0.2:
                place.pop(name)
            elif isinstance(place, dict) and self.random.random() < 0.1:
                place[self.random.choice(("extra", "counts", "devices", "\0", "hardware"))] = value
            else:
                place[name] = value
        return self._sign_raw(json.dumps(payload).encode(), {})

    def value(self, former: Any, payload: Any) -> Any:
        """Something plausible in place of a text or a number in half of the cases, else something hostile or misplaced."""
        if self.random.random() < 0.5 and type(former) in (int, str):
            return self.random.choice(PLAUSIBLE) if isinstance(former, str) else self.random.randint(0, 2_000_000)
        return json.loads(json.dumps(self.random.choice((*HOSTILE, *_values(payload)))))

    def noise(self) -> bytes:
        """Nothing that anybody wrote on purpose."""
        length = self.random.choice((0, 1, 5, 100, 2000))
        return self.random.choice(
            (
                self.random.randbytes(length),
                self.random.choice(RAW) * self.random.randint(1, 3),
                json.dumps(self.random.choice(HOSTILE)).encode(),
                json.dumps(dict.fromkeys(("payload", "protected", "signature"), self.random.choice(HOSTILE))).encode(),
                signed.sign({}, typ="license-file-v1", key=self.system.key, kid="x"),
                b"\xef\xbb\xbf" + self.random.choice(self.good),
            )
        )


def _values(place: Any) -> list[Any]:
    return list(place.values()) if isinstance(place, dict) else list(place)
