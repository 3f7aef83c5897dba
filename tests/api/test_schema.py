"""What the OpenAPI document allows, and what it does not, is sent to the API: only documented answers come back."""

import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from licensemgr.api.site import document
from licensemgr.shop.models import Scope
from licensemgr.shop.tokens import make_token
from licensemgr.wsgi import application
from organizations.models import User
from tests.factories import Books

pytestmark = pytest.mark.django_db
EXAMPLES = 3000 if os.environ.get("PROOF") else 60
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]

schema = schemathesis.openapi.from_dict(document())
schema.app = application


@pytest.fixture(autouse=True)
def _unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits have tests of their own; here they would refuse what is to be looked at."""
    for name in ("API_CALLS_PER_HOUR", "SHOP_CALLS_PER_HOUR"):
        monkeypatch.setattr(settings, name, 10**6)
    monkeypatch.setattr("hardware.calling.take_unproved_place", lambda address: "place")
    monkeypatch.setattr("licensemgr.api.doors.take_unproved_place", lambda address: "place")


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """The test's transaction is the requests', as Django's own test client has it."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def token(staff: User) -> str:
    """A token that may do everything."""
    return make_token(name="Shop", scopes=list(Scope), days=1, actor=staff, form_token=uuid.uuid4()).token


@schema.parametrize()
@hypothesis_settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize="PROOF" not in os.environ
)
def test_only_documented_answers_come_back(case: Any, books: Books, token: str) -> None:
    # Of what is drawn some has a header of its own, which has to be refused.
    headers = {} if "Authorization" in (case.headers or {}) else {"Authorization": f"Bearer {token}"}
    case.call_and_validate(headers=headers, checks=CHECKS)
