"""A small version of the load that tests/bench/online_systems.py measures: 40 systems report at once to the real server."""

import os
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from tests.bench.online_systems import measure


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_forty_systems_at_once(tmp_path: Path) -> None:
    """Every report is there once, every answer right, the server's memory bounded, the books agree."""
    name = str(connection.settings_dict["NAME"])
    url = f"sqlite:///{name}"
    if connection.vendor == "postgresql":
        url = f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{name}"
    own = {"MODE": "test", "DATABASE_URL": url, "VAR_DIR": str(tmp_path), "ISSUE_LOG_DIR": str(settings.ISSUE_LOG_DIR)}
    lines = measure(40, 20, {**os.environ, **own}, tmp_path)
    print("\n".join(lines))
    assert lines[-1] == "reports there: 160, each once; answers right: 120; the books agree"
