"""Every test of the API has a signing key, an issue log of its own, and answers that the OpenAPI document knows."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import Resolver404, resolve

from licensemgr.api.kinds import KINDS
from licensemgr.api.site import document
from licensemgr.core import signing_keys

PATHS: dict[str, dict[str, Any]] = document()["paths"]


@pytest.fixture(autouse=True)
def _signing_key(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path)
    signing_keys.rotate()


@pytest.fixture(autouse=True)
def _documented(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test asks of the API: status and type of the answer stand in its document, and a problem's kind in its table."""
    send = Client.request

    def checked(self: Client, **request: Any) -> Any:
        answer = send(self, **request)
        operation = _operation(str(request.get("PATH_INFO", "")), str(request.get("REQUEST_METHOD", "GET")))
        if operation is not None and not answer.streaming:
            found = operation["responses"].get(str(answer.status_code))
            assert found is not None, f"{answer.status_code} of {operation['operationId']} is not in the document"
            assert answer["Content-Type"].split(";")[0] in found["content"], answer["Content-Type"]
        if answer.get("Content-Type") == "application/problem+json" and answer.content:
            kind = answer.json()["type"].removeprefix("urn:license-manager:problem:")
            assert KINDS[kind][0] == answer.status_code, kind
        return answer

    monkeypatch.setattr(Client, "request", checked)


def _operation(path: str, method: str) -> dict[str, Any] | None:
    try:
        route = "/" + resolve(path).route
    except Resolver404:
        return None
    found: dict[str, Any] | None = PATHS.get(route.replace("<uuid:", "{").replace(">", "}"), {}).get(method.lower())
    return found
