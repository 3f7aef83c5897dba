"""The catalogue in the admin site: what is in use keeps its meaning (R12), and every refusal is a sentence."""

from datetime import date

import pytest
from django.test import Client

from products.models import DeviceCount, LicenseType, Product, RegisteredProduct
from tests.admin_pages import address, inline, said
from tests.factories import Books, issue
from wallet.models import KeyBatchLine

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)


def form(product: Product, types: dict[str, dict[str, object]] | None = None, **changed: object) -> dict[str, str]:
    """What the product's page sends: the product with changes, its types with changes per code, and new types."""
    stored = list(product.license_types.order_by("position", "pk"))
    types = types or {}
    rows: list[dict[str, object]] = [
        {"id": each.pk, "product": product.pk, "code": each.code, "name": each.name, "position": each.position}
        | types.get(each.code, {})
        for each in stored
    ]
    rows += [{"product": product.pk} | values for code, values in types.items() if code.startswith("+")]
    own = {"code": product.code, "name": product.name, "trial_days": product.trial_days} | changed
    return {name: str(value) for name, value in own.items()} | inline("license_types", rows, stored=len(stored))


def snapshot() -> list[object]:
    """The whole catalogue."""
    return [*Product.objects.order_by("pk").values(), *LicenseType.objects.order_by("pk").values()]


def test_a_product_is_made_with_its_license_types(staff_client: Client, db: None) -> None:
    new = {"code": "door-station", "name": "Door Station", "trial_days": "30"}
    page = staff_client.post(
        address(Product, "add"), new | inline("license_types", [{"code": "door", "name": "Door", "position": 0}])
    )
    assert page.status_code == 302
    product = Product.objects.get(code="door-station")
    assert (product.trial_days, [each.code for each in product.license_types.all()]) == (30, ["door"])
    for wrong in ({"code": "Door Station"}, {"code": "door-station"}, {"name": ""}, {"trial_days": "-1"}):
        answer = staff_client.post(
            address(Product, "add"), new | {"code": "other"} | wrong | inline("license_types", [])
        )
        assert "Please correct the error" in said(answer)
    assert Product.objects.count() == 1


def test_a_type_in_use_keeps_code_name_and_position_and_stays(books: Books, staff_client: Client) -> None:
    """Each of the three uses by itself: devices counted, a key batch that names the type, a ledger account."""
    product = books.products["camera-station"]
    page = address(Product, "change", product.pk)
    issue(product, core=1)
    for code in ("core-device", "universal-device"):
        if code == "universal-device":
            books.report(START, core=1)
        before = snapshot()
        name = product.license_types.get(code=code).name
        for changed in ({"code": "other"}, {"name": "Other"}, {"position": 9}):
            answer = staff_client.post(page, form(product, {code: {**changed}}))
            assert answer.status_code == 200, "the page is shown again"
            assert f"{name} is in use, so its code, name and catalogue order stay. Nothing was changed." in said(answer)
            assert snapshot() == before
        answer = staff_client.post(page, form(product, {code: {"DELETE": "on"}}))
        assert f"{name} is in use and can't be deleted. Nothing was changed." in said(answer)
        assert snapshot() == before
    text = staff_client.get(page).content.decode()
    assert "it keeps its meaning" in text
    assert 'type="checkbox" name="license_types-0-DELETE"' not in text


def test_a_ledger_account_alone_is_a_use(books: Books, staff_client: Client) -> None:
    books.report(START, core=1)
    books.redeem(START, core=1)
    product = books.products["camera-station"]
    core = product.license_types.get(code="core-device")
    # As if devices and keys had never named it.
    DeviceCount.objects.all().delete()
    KeyBatchLine.objects.all().delete()
    answer = staff_client.post(address(Product, "change", product.pk), form(product, {core.code: {"name": "Other"}}))
    assert "is in use" in said(answer)


def test_a_type_that_nobody_uses_can_be_changed_and_deleted_and_others_can_come(
    staff_client: Client, camera_station: Product
) -> None:
    page = address(Product, "change", camera_station.pk)
    new = {"code": "door", "name": "Door", "position": 7}
    changed = {"code": "core", "name": "Core", "position": 3}
    sent = form(camera_station, {"core-device": changed, "universal-device": {"DELETE": "on"}, "+": new})
    assert staff_client.post(page, sent).status_code == 302
    assert list(camera_station.license_types.values_list("code", "name", "position")) == [
        ("core", "Core", 3),
        ("door", "Door", 7),
    ]
    # A type may come to a product that is in use, too.
    issue(camera_station, door=1)
    sent = form(camera_station, {"+": {"code": "late", "name": "Late", "position": 8}})
    assert staff_client.post(page, sent).status_code == 302
    assert camera_station.license_types.filter(code="late").exists()


def test_a_product_in_use_keeps_its_code_and_stays(books: Books, staff_client: Client) -> None:
    product = books.products["camera-station"]
    page, delete = address(Product, "change", product.pk), address(Product, "delete", product.pk)
    # Its code is free as long as nobody uses the product.
    assert staff_client.post(page, form(product, code="camera-station-2")).status_code == 302
    assert staff_client.post(page, form(product, code="camera-station")).status_code == 302
    books.report(START, core=1)
    before = snapshot()
    answer = staff_client.post(page, form(product, code="other"))
    assert "Camera Station is in use, so its code stays. Nothing was changed." in said(answer)
    for method in (staff_client.get, staff_client.post):
        answer = method(delete, {"post": "yes"})
        assert answer.status_code == 302
        assert "Camera Station is in use and can't be deleted. Nothing was changed." in said(answer)
    staff_client.post(
        address(Product, "changelist"), {"action": "delete_selected", "_selected_action": [product.pk], "post": "yes"}
    )
    assert snapshot() == before
    # Its name is no part of its meaning.
    assert staff_client.post(page, form(product, name="Camera Station Pro")).status_code == 302


def test_a_product_that_nobody_uses_is_deleted_with_its_types(
    staff_client: Client, camera_station: Product, audio_manager: Product
) -> None:
    delete = address(Product, "delete", audio_manager.pk)
    assert "Audio Manager: Audio device" in said(staff_client.get(delete))
    assert staff_client.post(delete, {"post": "yes"}).status_code == 302
    assert [product.code for product in Product.objects.all()] == ["camera-station"]
    assert not LicenseType.objects.filter(product_id=audio_manager.pk).exists()
    assert staff_client.post(address(Product, "delete", "999"), {"post": "yes"}).status_code == 302


def test_a_new_trial_length_counts_for_later_registrations_only(
    books: Books, staff_client: Client, other_organization: object
) -> None:
    books.report(START, core=1)
    product = books.products["camera-station"]
    page = address(Product, "change", product.pk)
    assert "A change counts for later registrations only" in said(staff_client.get(page))
    assert staff_client.post(page, form(product, trial_days=60)).status_code == 302
    assert RegisteredProduct.objects.get().trial_last_on == date(2027, 3, 31)
    Books(other_organization).report(START, core=1)  # type: ignore[arg-type]  # a fixture of the organization
    assert RegisteredProduct.objects.exclude(organization=books.organization).get().trial_last_on == date(2027, 4, 30)
