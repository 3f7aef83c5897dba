"""What tests of the portal have besides."""

from pathlib import Path

import pytest
from django.conf import settings

from licensemgr.core import clock
from organizations.services import create_organization
from tests.conftest import TODAY, FrozenClock
from tests.factories import Books, UserFactory
from tests.portal.carried import Carried, made_once


@pytest.fixture
def carried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frozen_clock: FrozenClock) -> Carried:
    """An organization with something of every kind, carried into a portal where only another organization is."""
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path)
    made = made_once()
    with clock.jumps_allowed():
        # Whose ids are those that the file has.
        decoy = Books(create_organization(name="Other Port", slug="other", actor=UserFactory.create(), on=TODAY))
        decoy.report(TODAY, system="Foreign Tower", core=3)
        decoy.redeem(TODAY, core=3)
    return made
