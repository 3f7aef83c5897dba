"""Hardware in the admin site: models can be changed as long as nothing hangs on them, all else is looked at."""

import io
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from hardware.catalogue import add_manufactured_unit, save_hardware_model, serial_begins_with
from hardware.ending import replace_unit
from hardware.errors import HardwareModelInUse
from hardware.models import (
    Expansion,
    HardwareModel,
    HardwareUnit,
    ManufacturedUnit,
    Placement,
    PreloadedLicense,
    Replacement,
    UnitHolding,
    UnitImport,
)
from hardware.services import register_unit
from organizations.models import Organization, User
from products.models import LicenseKind, Product
from tests.factories import Books
from tests.hardware.unit_data import oak_of, unit_models, write_unit_file

pytestmark = pytest.mark.django_db


def address(model: Any, page: str, *args: Any) -> str:
    """The address of an admin page."""
    return reverse(f"admin:hardware_{model._meta.model_name}_{page}", args=args)


def model_form(model: HardwareModel | None, product: Product, *lines: tuple[str, str], **fields: str) -> dict[str, str]:
    """The form of a model; ``lines`` are its preloaded licenses as (license type code, quantity), those it has first."""
    had = list(model.preloaded.order_by("pk")) if model else []
    form = {"product": str(product.pk), "code": "unit-1", "name": "Unit 1"} | fields
    form |= {"preloaded-TOTAL_FORMS": str(len(lines)), "preloaded-INITIAL_FORMS": str(len(had))}
    form |= {"preloaded-MIN_NUM_FORMS": "0", "preloaded-MAX_NUM_FORMS": "1000"}
    kinds = {kind.code: kind for other in Product.objects.all() for kind in other.license_types.all()}
    for number, (code, quantity) in enumerate(lines):
        form |= {f"preloaded-{number}-license_type": str(kinds[code].pk), f"preloaded-{number}-quantity": quantity}
        if number < len(had):
            form |= {f"preloaded-{number}-id": str(had[number].pk), f"preloaded-{number}-hardware_model": str(model.pk)}  # type: ignore[union-attr]
    return form


def preloaded(model: HardwareModel) -> dict[str, int]:
    """What comes on each unit."""
    return dict(PreloadedLicense.objects.filter(hardware_model=model).values_list("license_type__code", "quantity"))


def made(model: HardwareModel, *serials: str) -> None:
    """Units of a model; the owner authentication key of each is that of 1."""
    for serial in serials:
        add_manufactured_unit(serial=serial, hardware_model=model, oak=oak_of(1))


def taken_in(folder: Path, rows: int) -> None:
    """The command takes in a file of so many units."""
    write_unit_file(folder / "units.csv", rows)
    call_command("import_units", str(folder / "units.csv"), stdout=io.StringIO())


@pytest.fixture
def lived(books: Books, staff: User, today: date, tmp_path: Path) -> None:
    """Every table of hardware holds something."""
    taken_in(tmp_path, 2)
    unit = books.unit(today, "UNIT1", core=4)
    books.redeem(today, kind=LicenseKind.HARDWARE, core=3)
    books.expand(today, unit, core=3)
    books.report(today, unit="UNIT1", core=2)
    books.make_unit("UNIT2", core=4)
    replace_unit(old_unit=unit, new_serial="UNIT2", reason="repair", actor=staff, on=today)


def test_a_model_is_made_with_its_preloaded_licenses(
    staff_client: Client, camera_station: Product, audio_manager: Product
) -> None:
    form = model_form(None, camera_station, ("core-device", "16"), ("universal-device", "4"))
    assert staff_client.post(address(HardwareModel, "add"), form).status_code == 302
    model = HardwareModel.objects.get(code="unit-1")
    assert (model.product, model.name) == (camera_station, "Unit 1")
    assert preloaded(model) == {"core-device": 16, "universal-device": 4}
    listed = staff_client.get(address(HardwareModel, "changelist")).content.decode()
    assert "16 Core device, 4 Universal device" in listed
    # Licenses of another product's type, none at all, twice the same type, a code that is taken.
    for number, (bad, sentence) in enumerate(
        (
            ((("audio-device", "1"),), "belongs to another product than the model"),
            ((("core-device", "0"),), "greater than or equal to 1"),
            ((("core-device", "1000001"),), "less than or equal to 1000000"),
            ((("core-device", "1"), ("core-device", "2")), "duplicate"),
        )
    ):
        answer = staff_client.post(
            address(HardwareModel, "add"), model_form(None, camera_station, *bad, code=f"other-{number}")
        )
        assert sentence in answer.content.decode()
    assert "already exists" in staff_client.post(address(HardwareModel, "add"), form).content.decode()
    assert HardwareModel.objects.count() == 1


def test_a_model_with_registered_units_keeps_product_and_code_and_new_numbers_are_for_later_units(
    staff_client: Client, camera_station: Product, audio_manager: Product, organization: Organization, today: date
) -> None:
    staff_client.post(address(HardwareModel, "add"), model_form(None, camera_station, ("core-device", "16")))
    model = HardwareModel.objects.get()
    made(model, "UNIT1", "UNIT2")
    page = address(HardwareModel, "change", model.pk)
    # Made, and none of them registered: all of it can be put right.
    staff_client.post(page, model_form(model, camera_station, ("core-device", "8"), code="unit-one"))
    model.refresh_from_db()
    assert (model.code, preloaded(model)) == ("unit-one", {"core-device": 8})

    first = register_unit(organization=organization, serial="UNIT1", oak=oak_of(1), actor=None, on=today)
    form = model_form(model, audio_manager, ("core-device", "5"), code="unit-two", name="Unit One")
    assert staff_client.post(page, form).status_code == 302
    model.refresh_from_db()
    assert (model.product, model.code, model.name) == (camera_station, "unit-one", "Unit One")
    second = register_unit(organization=organization, serial="UNIT2", oak=oak_of(1), actor=None, on=today)
    balances = UnitHolding.objects.order_by("unit").values_list("unit", "account__balance")
    assert list(balances) == [(first.pk, 8), (second.pk, 5)]
    shown = staff_client.get(page).content.decode()
    assert "counts for units that are registered later" in shown
    assert 'name="code"' not in shown
    # The service stands behind the page, for whoever had it open when the first unit was registered.
    model.code = "unit-three"
    with pytest.raises(HardwareModelInUse, match="so its product and code stay"):
        save_hardware_model(model)
    model.refresh_from_db()
    assert model.code == "unit-one"
    assert staff_client.post(address(HardwareModel, "delete", model.pk), {"post": "yes"}).status_code == 403


def test_units_are_listed_by_serial_number_and_never_counted(
    staff_client: Client, organization: Organization, today: date, tmp_path: Path
) -> None:
    taken_in(tmp_path, 260)
    made(unit_models()[0], "AAA1", "AAB1", "AAB2", "AB_1", "ABX1")
    register_unit(organization=organization, serial="AAB1", oak=oak_of(1), actor=None, on=today)
    ended = register_unit(organization=organization, serial="AAB2", oak=oak_of(1), actor=None, on=today)
    HardwareUnit.objects.filter(pk=ended.pk).update(ended_on=today)

    def listed(query: str) -> tuple[list[str], str]:
        with CaptureQueriesContext(connection) as queries:
            page = staff_client.get(address(ManufacturedUnit, "changelist") + query)
        assert page.status_code == 200
        text = page.content.decode()
        assert not [each for each in queries if each["sql"].upper().startswith("SELECT COUNT(")]
        assert len(queries) <= 6
        return re.findall(r'<th class="field-serial"><a [^>]+>([^<]+)</a>', text), text

    found, query = [], ""
    for _page in range(6):
        serials, text = listed(query)
        found += serials
        assert ("First page" in text) == bool(query)
        query = "".join(re.findall(r'<a rel="next" href="([^"]+)"', text)).replace("&amp;", "&")
    assert not query
    assert found == sorted(ManufacturedUnit.objects.values_list("serial", flat=True))

    assert listed("?q=aab")[0] == ["AAB1", "AAB2"]
    assert listed("?q=AB_")[0] == ["AB_1"]
    assert listed("?q=%25")[0] == []
    assert listed("?q=B8A44F&after=B8A44F")[0] == found[5:55]
    assert 'name="after"' not in listed("?q=B8A44F&after=B8A44F")[1]
    text = re.sub(r"<[^>]+>", " ", listed("?q=AA")[1])
    assert "free" in text
    assert "registered by Harbour Cameras on March 1, 2027" in text
    assert "ended on March 1, 2027; registered by Harbour Cameras" in text


def test_a_search_by_serial_number_uses_its_index(db: None) -> None:
    search = ManufacturedUnit.objects.filter(serial_begins_with("B8A4")).order_by("serial")[:51]
    if connection.vendor == "sqlite":
        assert "(serial>? AND serial<?)" in search.explain()
        return
    with connection.cursor() as cursor:
        # PostgreSQL reads a table as empty as this one whole, unless it is told not to.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
    plan = search.explain()
    # One index gives the range and its order: nothing is sorted, and nothing outside of the range is looked at.
    assert re.search(r"Index Cond: .*serial.* >= .* AND .*serial.* < ", plan)
    assert "Sort" not in plan


def test_nothing_of_an_owner_authentication_key_is_shown(staff_client: Client, db: None) -> None:
    made(unit_models()[0], "UNIT1")
    unit = ManufacturedUnit.objects.get()
    for page in (address(ManufacturedUnit, "changelist"), address(ManufacturedUnit, "change", unit.pk)):
        text = staff_client.get(page).content.decode()
        assert "UNIT1" in text
        assert unit.oak_digest not in text
        assert "proof" not in text.lower()
        assert "memory at" not in text


@pytest.mark.parametrize(
    "model",
    [ManufacturedUnit, HardwareUnit, UnitHolding, Placement, Expansion, Replacement, UnitImport],
    ids=lambda model: model.__name__,
)
def test_all_else_is_looked_at_and_never_changed(staff_client: Client, lived: None, model: Any) -> None:
    row = model.objects.order_by("pk").first()
    assert staff_client.get(address(model, "changelist")).status_code == 200
    assert staff_client.get(address(model, "changelist"), {"q": "UNIT"}).status_code == 200
    assert staff_client.get(address(model, "change", row.pk)).status_code == 200
    before = list(model.objects.order_by("pk").values())
    for page, args in (("add", ()), ("change", (row.pk,)), ("delete", (row.pk,))):
        assert staff_client.post(address(model, page, *args), {"post": "yes"}).status_code == 403
    assert list(model.objects.order_by("pk").values()) == before
    assert model in admin.site._registry
