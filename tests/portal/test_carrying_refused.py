"""Files that are not taken in: whatever is wrong, nothing of them stays, and a sentence says what it is."""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable

import pytest
from django.apps import apps

from licensemgr.portal.carrying import MANIFEST, PEOPLE
from licensemgr.portal.carrying.kinds import CarryRefused
from licensemgr.portal.carrying.reading import read_organization
from organizations.models import Organization
from products.models import LicenseType, System
from tests.conftest import TODAY
from tests.factories import Books
from tests.portal.carried import Carried, rows_of

pytestmark = pytest.mark.django_db
NUMBERS = "data/hardware.ForgottenNumber.jsonl"


def altered(file: io.BytesIO, part: str, change: Callable[[str], str], *, honest: bool = True) -> io.BytesIO:
    """The file with another content of one part, of which the manifest tells unless it is not ``honest``."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    parts[part] = change(parts[part])
    if honest and part != MANIFEST:
        manifest = json.loads(parts[MANIFEST])
        for told in manifest["parts"]:
            if told["name"] == part:
                told["sha256"] = hashlib.sha256(parts[part].encode()).hexdigest()
                told["bytes"], told["rows"] = len(parts[part].encode()), parts[part].count("\n")
        parts[MANIFEST] = json.dumps(manifest)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return made


def nothing_stays(file: io.BytesIO, sentence: str) -> None:
    """It is refused with that sentence, and nothing of it is here."""
    before = {model._meta.label: model._default_manager.count() for model in apps.get_models()}
    with pytest.raises(CarryRefused, match=sentence) as refused:
        read_organization(file)
    assert "Nothing was imported" in str(refused.value)
    assert {model._meta.label: model._default_manager.count() for model in apps.get_models()} == before


class TestRefusals:
    def test_an_organization_that_is_here(self, carried: Carried) -> None:
        read_organization(carried.file)
        nothing_stays(carried.file, "There is an organization “harbour” here already")

    def test_a_number_of_a_system_that_is_not_in_the_file(self, carried: Carried) -> None:
        here = System.objects.get(organization__slug="other")
        [told] = rows_of(carried.file, NUMBERS)
        nothing_stays(
            altered(carried.file, NUMBERS, lambda text: text.replace(told["system_id"], str(here.system_id))),
            f"The file names {here.system_id} of products.System and does not hold it",
        )

    def test_a_system_that_is_another_organizations(self, carried: Carried) -> None:
        here = System.objects.get(organization__slug="other")
        System.objects.filter(pk=here.pk).update(
            system_id=rows_of(carried.file, "data/products.System.jsonl")[0]["system_id"]
        )
        nothing_stays(carried.file, "belongs to another organization here")

    def test_a_unit_that_is_another_organizations(self, carried: Carried) -> None:
        Books(Organization.objects.get(slug="other")).unit(TODAY, "SN-2")
        nothing_stays(carried.file, "SN-2 belongs to another organization here")

    def test_other_license_types(self, carried: Carried) -> None:
        LicenseType.objects.filter(code="universal-device").update(code="some-device")
        nothing_stays(carried.file, "“camera-station” has other license types here")

    def test_books_that_do_not_add_up(self, carried: Carried) -> None:
        more = altered(
            carried.file, "data/wallet.Entry.jsonl", lambda text: re.sub(r'"quantity":9\b', '"quantity":10', text)
        )
        nothing_stays(more, "The books in the file do not add up: wallet_ledgeraccount")

    def test_a_license_file_that_was_changed(self, carried: Carried) -> None:
        other = altered(
            carried.file,
            "data/hardware.LicenseFile.jsonl",
            lambda text: text.replace('"document":"', '"document":" '),
        )
        nothing_stays(other, "is not what was given")

    def test_a_part_that_was_changed(self, carried: Carried) -> None:
        other = altered(carried.file, PEOPLE, lambda text: text.replace("Ada", "Eve"), honest=False)
        nothing_stays(other, "people.jsonl is not what the file's manifest says")

    @pytest.mark.parametrize(
        ("part", "old", "new", "sentence"),
        [
            (MANIFEST, '"version": 1', '"version": 2', "of version 2"),
            (MANIFEST, "license-manager/organization", "something", "something else"),
            (MANIFEST, '"name": "people.jsonl"', '"name": "persons.jsonl"', "names no people.jsonl"),
            (MANIFEST, "{", "[", "manifest can't be read"),
            (PEOPLE, "{", "[{", "no JSON"),
            (PEOPLE, '"email":"ada', '"email":"@', "not in its form"),
            ("data/wallet.Lot.jsonl", '"origin"', '"invented"', "which this portal does not know"),
            ("data/wallet.Lot.jsonl", '"account":', '"account":9', "does not hold it"),
            ("data/wallet.Lot.jsonl", '"entered_on":"2027', '"entered_on":"never', "not in its form"),
            ("data/wallet.Transfer.jsonl", '"sequence":2,', '"sequence":1,', "does not take the rows"),
        ],
    )
    def test_what_is_in_no_known_form(self, carried: Carried, part: str, old: str, new: str, sentence: str) -> None:
        nothing_stays(altered(carried.file, part, lambda text: text.replace(old, new)), sentence)

    @pytest.mark.parametrize("content", [b"", b"PK", b"{}", b"\0" * 100])
    def test_what_is_no_zip(self, content: bytes) -> None:
        nothing_stays(io.BytesIO(content), "is no zip")

    def test_a_zip_of_something_else(self) -> None:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("x", "y")
        nothing_stays(file, "holds no manifest.json")
