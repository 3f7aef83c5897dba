"""Every test of the API has a signing key, and an issue log of its own."""

from pathlib import Path

import pytest
from django.conf import settings

from licensemgr.core import signing_keys


@pytest.fixture(autouse=True)
def _signing_key(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path)
    signing_keys.rotate()
