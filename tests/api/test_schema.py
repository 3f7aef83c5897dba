"""What the OpenAPI document allows, and what it does not, is sent to the API: only documented answers come back."""

import os
from typing import Any

import pytest
import schemathesis
from django.conf import settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from licensemgr.api.site import document
from licensemgr.wsgi import application
from tests.factories import Books

pytestmark = pytest.mark.django_db
EXAMPLES = 2000 if os.environ.get("PROOF") else 60
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
)
sampled = hypothesis_settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=not os.environ.get("PROOF"),
)

schema = schemathesis.openapi.from_dict(document())
schema.app = application


@pytest.fixture(autouse=True)
def _no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits have tests of their own; here they would refuse what is to be looked at."""
    monkeypatch.setattr(settings, "API_CALLS_PER_HOUR", 1_000_000)


@schema.parametrize()
@sampled
def test_only_documented_answers_come_back(case: Any, books: Books) -> None:
    case.call_and_validate(checks=CHECKS)
