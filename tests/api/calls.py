"""What tests of the API share: codes, reports and signed requests of systems that are online."""

import base64
import json
import uuid
from datetime import datetime
from typing import Any

from django.test import Client
from joserfc import jws

from hardware.registration_codes import make_code
from licensemgr.core import clock
from licensemgr.portal.simulating import SimulatedSystem
from organizations.models import Organization, User

REPORTS = "/api/v1/reports"
DOCUMENT = "application/jose+json"


def code_for(organization: Organization, actor: User, uses: int = 1, days: int = 7) -> str:
    """A registration code in clear."""
    return make_code(
        organization=organization,
        label="Site",
        uses=uses,
        days=days,
        actor=actor,
        on=clock.today(organization),
        form_token=uuid.uuid4(),
    ).code


def post_report(document: bytes, code: str = "", client: Client | None = None) -> Any:
    """Send a report, with the code where there is one."""
    headers = {"Registration-Code": code} if code else {}
    return (client or Client()).post(REPORTS, document, content_type=DOCUMENT, headers=headers)


def license_url(system: SimulatedSystem) -> str:
    """Where the system gets its latest license file."""
    return f"/api/v1/systems/{system.system_id}/license"


def request_proof(system: SimulatedSystem, address: str, at: datetime, **changed: str) -> str:
    """What proves that the system makes a request: a compact JWS under its key."""
    payload = {
        "method": "GET",
        "url": address,
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "nonce": base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="),
        **changed,
    }
    header = {"alg": "Ed25519", "typ": "system-request-v1", "kid": system.key.thumbprint()}
    return jws.serialize_compact(header, json.dumps(payload).encode(), system.key, algorithms=["Ed25519"])


def get_license(system: SimulatedSystem, **changed: str) -> Any:
    """Ask for the latest license file by a signed request."""
    path = license_url(system)
    proof = request_proof(system, f"http://testserver{path}", clock.real_now(), **changed)
    return Client().get(path, headers={"System-Proof": proof})
