"""What the load reads of the page after an upload is what the page says: of a file at which the database had no room left, too."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client

from hardware import reports
from hardware.models import Report
from hardware.placing import place_system
from licensemgr.core import signing_keys
from organizations.models import Organization
from products.models import System
from tests.factories import Books
from tests.hardware.offline import staged, system_file, vessel
from tests.rig.load import accepted

pytestmark = pytest.mark.django_db


def test_a_file_for_which_the_database_had_no_room_is_not_acknowledged_though_the_answer_is_a_redirect(
    manager_client: Client, organization: Organization, books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(system: System, *args: Any) -> Any:
        if system.name == "Green":
            raise OperationalError("could not extend file: No space left on device")
        return place_system(system, *args)

    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path)
    signing_keys.rotate()
    address = staged(manager_client, organization.slug, *(system_file(vessel(name)) for name in ("Red", "Green")))
    with monkeypatch.context() as broken:
        broken.setattr(reports, "place_system", fails)
        answer = manager_client.post(address)
    assert answer.status_code == 303
    assert accepted(manager_client.get(answer["Location"]).content.decode()) == (True, False)
    assert list(Report.objects.values_list("system__name", flat=True)) == ["Red"]
    answer = manager_client.post(address)
    assert accepted(manager_client.get(answer["Location"]).content.decode()) == (True, True)
