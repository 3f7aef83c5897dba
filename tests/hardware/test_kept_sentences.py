"""Why something was refused is kept once and read by each person in the own language (R28)."""

from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import translation

from hardware.models import StagedFile, UnitImport
from licensemgr.core import signing_keys
from organizations.accounts import choose_language
from organizations.models import User
from tests.factories import Books, UserFactory
from tests.hardware.offline import staged, system_file, vessel
from tests.hardware.unit_data import unit_models

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, books: Books) -> None:
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path)
    signing_keys.rotate()


def test_an_upload_reads_in_the_language_that_was_chosen_meanwhile(manager: User, manager_client: Client) -> None:
    choose_language(user=manager, language="sv")
    page = staged(manager_client, "harbour", system_file(vessel("Vessel")), system_file(vessel("Ship"), core=3)[:-9])
    assert "är inte JSON" in manager_client.get(page).content.decode()
    row = StagedFile.objects.exclude(refusal="").get()
    for language, words in (("en", "is not JSON"), ("de", "ist kein JSON"), ("ar", "JSON")):
        choose_language(user=manager, language=language)
        assert words in manager_client.get(page).content.decode(), language
        with translation.override(language):
            assert words in StagedFile.objects.get(pk=row.pk).refusal
    # What comes of Confirm is kept in the same way.
    choose_language(user=manager, language="sv")
    manager_client.post(page, {"confirm": "yes"})
    choose_language(user=manager, language="en")
    assert "is not JSON" in manager_client.get(page).content.decode()


def test_refused_rows_of_units_read_in_the_language_of_whoever_looks(tmp_path: Path, client: Client) -> None:
    unit_models()
    path = tmp_path / "units.csv"
    path.write_text("serial,model,oak\nSN-1,no-such-model,0123-4567-89AB-CDEF\n", encoding="utf-8")
    with translation.override("de"), pytest.raises(SystemExit):
        call_command("import_units", str(path))
    assert UnitImport.objects.get().refused == 1
    staff = UserFactory.create(is_staff=True, is_superuser=True)
    client.force_login(staff)
    url = reverse("admin:hardware_unitimport_change", args=[UnitImport.objects.get().pk])
    for language, words in (("sv", "finns inte i katalogen"), ("en", "is not in the catalogue")):
        choose_language(user=staff, language=language)
        assert f"“no-such-model” {words}" in client.get(url).content.decode().replace("”no-such", "“no-such"), language
