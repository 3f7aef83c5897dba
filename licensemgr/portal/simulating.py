"""The reference client: a system in the field that writes system files, and keeps and checks license files.

It checks by the published verifier, docs/verify_license_file.py, and by keys that it keeps itself: nothing of the portal's books.
Where it is online, it calls by the published client, docs/online_client.py.
"""

import base64
import hashlib
import hmac
import importlib.util
import json
import sys
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from joserfc.jwk import OKPKey

from hardware.keys import proof_key
from hardware.system_files import TYP
from licensemgr.core import signed

_INSTANT = "%Y-%m-%dT%H:%M:%SZ"


@cache
def published_verifier() -> Any:
    """docs/verify_license_file.py, which products copy: the one implementation of how a product checks a license file."""
    return _published("verify_license_file")


@cache
def published_client() -> Any:
    """docs/online_client.py, which products copy: the one implementation of how a system calls the portal."""
    # It stands beside the verifier and imports it by its name.
    sys.modules.setdefault("verify_license_file", published_verifier())
    return _published("online_client")


def _published(name: str) -> Any:
    path = settings.BASE_DIR / "docs" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # noqa: S101 - a path that ends in .py always has both
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class FileRefused(Exception):
    """The system must not use the license file; the text says why."""


@dataclass
class SimulatedSystem:
    """What a system keeps between its files: its key and id, its sequence number, the highest time that it saw."""

    name: str
    product: str
    key: OKPKey = field(default_factory=lambda: OKPKey.generate_key("Ed25519"))
    system_id: uuid.UUID = field(default_factory=uuid.uuid4)
    version: str = "1.0"
    time_zone: str = "UTC"
    sequence: int = 0
    highest_seen: str = ""
    serial: str = ""
    oak: str = ""
    # The id and sequence number of the license file that it runs on.
    license_file: tuple[str, int] | None = None
    # The portal's public keys (JWK) that it trusts.
    trusted: list[dict[str, Any]] = field(default_factory=list)

    def system_file(
        self,
        *,
        at: datetime,
        counts: Mapping[str, int] | None = None,
        devices: Sequence[tuple[str, str, str]] | None = None,
        intent: str = "license",
        sequence: int | None = None,
    ) -> bytes:
        """A system description file with these devices: counts per license type code, or (id, model, type) one by one."""
        self.sequence = self.sequence + 1 if sequence is None else sequence
        now = at.strftime(_INSTANT)
        self.highest_seen = max(self.highest_seen, now)
        request_id = uuid.uuid4()
        payload: dict[str, Any] = {
            "request_id": str(request_id),
            "issued_at": now,
            "sequence": self.sequence,
            "system": {
                "id": str(self.system_id),
                "name": self.name,
                "product": self.product,
                "version": self.version,
                "time_zone": self.time_zone,
            },
            "clock": {"now": now, "highest_seen": self.highest_seen},
            "intent": intent,
        }
        if self.serial:
            payload["hardware"] = {"serial": self.serial, "model": "simulated"}
            if self.oak:
                message = f"{request_id}{self.system_id}{self.serial}".encode()
                proof = hmac.new(proof_key(self.oak), message, hashlib.sha256).digest()
                payload["hardware"]["proof"] = base64.urlsafe_b64encode(proof).rstrip(b"=").decode()
        if devices is not None:
            payload["devices"] = [{"id": device, "model": model, "type": kind} for device, model, kind in devices]
        else:
            payload["counts"] = dict(counts or {})
        if self.license_file is not None:
            payload["license_file"] = {"id": self.license_file[0], "sequence": self.license_file[1]}
        return self.sign(payload)

    def sign(self, payload: Mapping[str, Any]) -> bytes:
        """Any payload, signed by the system's key as a system description."""
        public = self.key.as_dict(private=False)
        return signed.sign(payload, typ=TYP, key=self.key, jwk={name: public[name] for name in ("kty", "crv", "x")})

    def trust(self, keys: Iterable[Mapping[str, Any]]) -> None:
        """Trust these public keys of the portal from now on, beside those it trusts already."""
        known = {jwk.get("kid") for jwk in self.trusted}
        self.trusted += [dict(jwk) for jwk in keys if jwk.get("kid") not in known]

    def take_license_file(self, document: bytes, *, at: datetime) -> Mapping[str, Any]:
        """Check a license file as a product does and run on it from now on; returns its payload.

        The next keys that it announces are trusted from then on. Raises FileRefused; then nothing has changed.
        """
        verifier = published_verifier()
        try:
            payload: Mapping[str, Any] = verifier.verify(
                document,
                self.trusted,
                system_id=str(self.system_id),
                key=self.key.thumbprint(),
                now=at,
                highest_sequence=self.license_file[1] if self.license_file else 0,
                highest_seen=self.highest_seen,
            )
        except verifier.Refused as error:
            raise FileRefused(str(error)) from error
        self.license_file = (payload["file_id"], payload["sequence"])
        self.highest_seen = at.strftime(_INSTANT)
        self.trust(payload["next_keys"])
        return payload

    def save(self, path: Path) -> None:
        """Keep the system in a file, its private key with it: whole or not at all, for this user alone."""
        kept = {
            "name": self.name,
            "product": self.product,
            "key": dict(self.key.as_dict(private=True)),
            "system_id": str(self.system_id),
            "version": self.version,
            "time_zone": self.time_zone,
            "sequence": self.sequence,
            "highest_seen": self.highest_seen,
            "serial": self.serial,
            "oak": self.oak,
            "license_file": self.license_file,
            "trusted": self.trusted,
        }
        published_client().keep(path, json.dumps(kept, indent=1).encode())

    @classmethod
    def load(cls, path: Path) -> "SimulatedSystem":
        """The system that was kept in a file. Raises OSError, ValueError, KeyError or TypeError for any other file."""
        kept = json.loads(path.read_text(encoding="utf-8"))
        kept["key"] = OKPKey.import_key(kept["key"])
        kept["system_id"] = uuid.UUID(kept["system_id"])
        kept["license_file"] = tuple(kept["license_file"]) if kept["license_file"] else None
        return cls(**kept)
