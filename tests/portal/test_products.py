"""The Product list, Register product and Upload system file."""

import re
import uuid
from datetime import date

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from hardware.services import report_system
from organizations.models import Organization
from products.models import DeviceCount, LicenseType, Product, RegisteredProduct, System, SystemSource
from tests.conftest import FrozenClock
from tests.factories import Books

pytestmark = pytest.mark.django_db

START = date(2027, 3, 1)
LIST = "/o/harbour/"
REGISTER = "/o/harbour/products/register/"


def text_of(client: Client, url: str = LIST) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def names(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="[^"]*">([^<]*)</a>', page)


@pytest.fixture
def two_products(books: Books) -> Books:
    """Camera Station started with 12 devices and 3 licenses in the wallet; Audio Manager not started."""
    books.report(START, core=10, universal=2)
    books.start(START)
    books.redeem(START, core=3)
    books.report(START, product="audio-manager", system="Loudspeakers", audio=40)
    return books


# --- Product list ---


def test_an_organization_without_products_is_told_its_first_step(manager_client: Client, viewer_client: Client) -> None:
    page = text_of(manager_client)
    assert "Register your first product" in page
    assert f'href="{REGISTER}"' in page
    page = text_of(viewer_client)
    assert "A manager or an administrator of the organization can register one." in page
    assert f'href="{REGISTER}"' not in page


def test_it_shows_how_each_product_stands(manager_client: Client, two_products: Books) -> None:
    page = text_of(manager_client)
    assert names(page) == ["Audio Manager", "Camera Station"]
    for words in (
        "Subscription has started",
        "Grace period ends",
        "March 31, 2027",
        "30 days left",
        "12 missing",
        "Subscription not started",
        "Register product",
        "Upload system file",
        "Where to buy licenses",
    ):
        assert words in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?search=audio", ["Audio Manager"]),
        ("?search=STATION+camera", ["Camera Station"]),
        ("?search=zzz", []),
        ("?status=started", ["Camera Station"]),
        ("?status=licensed", []),
        ("?status=nonsense", ["Audio Manager", "Camera Station"]),
        ("?sort=-name", ["Camera Station", "Audio Manager"]),
        ("?sort=need", ["Camera Station", "Audio Manager"]),
        ("?sort=-need", ["Audio Manager", "Camera Station"]),
        ("?sort=-subscription", ["Camera Station", "Audio Manager"]),
        ("?sort=next", ["Camera Station", "Audio Manager"]),
        ("?sort=status", ["Camera Station", "Audio Manager"]),
        ("?sort=password", ["Audio Manager", "Camera Station"]),
    ],
)
def test_search_filter_and_sort_stand_in_the_url(
    manager_client: Client, two_products: Books, query: str, found: list[str]
) -> None:
    assert names(text_of(manager_client, LIST + query)) == found


def test_htmx_gets_the_rows_alone(manager_client: Client, two_products: Books) -> None:
    response = manager_client.get(f"{LIST}?search=audio", headers={"HX-Request": "true"})
    page = response.content.decode()
    assert "HX-Request" in response["Vary"]
    assert names(page) == ["Audio Manager"]
    assert "<html" not in page
    boosted = manager_client.get(LIST, headers={"HX-Request": "true", "HX-Boosted": "true"})
    assert "<html" in boosted.content.decode()


def test_the_number_of_queries_does_not_grow_with_the_products(
    manager_client: Client, organization: Organization, frozen_clock: FrozenClock
) -> None:
    def add(number: int) -> None:
        product = Product.objects.create(code=f"product-{number}", name=f"Product {number}", trial_days=30)
        LicenseType.objects.create(product=product, code="device", name="Device")
        report_system(
            organization=organization,
            product=product,
            system_id=uuid.uuid4(),
            devices={"device": number},
            source=SystemSource.ONLINE,
            actor=None,
            on=frozen_clock.today,
        )

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            text_of(manager_client)
        return len(queries)

    add(1)
    one = count()
    for number in range(2, 13):
        add(number)
    assert len(names(text_of(manager_client))) == 12
    assert count() == one


def test_a_stranger_gets_404(outsider_client: Client) -> None:
    for url in (LIST, REGISTER, "/o/harbour/upload/", "/o/no-such-organization/"):
        assert outsider_client.get(url).status_code == 404


# --- Register product ---


def a_form(**changes: str) -> dict[str, str]:
    return {
        "product": "camera-station",
        "system_name": "Head office",
        "devices_core-device": "10",
        "devices_universal-device": "0",
        "system_id": "",
        "new_system_id": "0d6ab0d5-6c4b-4a0c-8b6d-0f9f4b1f3b11",
        **changes,
    }


def test_it_is_done_in_two_steps_without_javascript(
    manager_client: Client, camera_station: Product, audio_manager: Product
) -> None:
    page = text_of(manager_client, REGISTER)
    assert '<option value="camera-station">Camera Station</option>' in page
    page = text_of(manager_client, f"{REGISTER}?product=audio-manager")
    assert "Audio device" in page
    assert "Core device" not in page
    assert "Harbour Cameras" in page
    assert "no way of transferring licenses between organizations" in page


def test_it_registers_the_product_with_its_first_system(
    manager_client: Client, organization: Organization, camera_station: Product
) -> None:
    """R5, R6: registered on the day, with the trial of that day."""
    response = manager_client.post(REGISTER, a_form())
    assert (response.status_code, response["Location"]) == (303, "/o/harbour/products/camera-station/")
    system = System.objects.get()
    assert (system.organization, system.name, system.source) == (organization, "Head office", SystemSource.MANUAL)
    assert RegisteredProduct.objects.get().trial_last_on == date(2027, 3, 31)
    quantities = DeviceCount.objects.values_list("license_type__code", "quantity")
    assert dict(quantities) == {"core-device": 10, "universal-device": 0}


def test_a_double_click_registers_once(manager_client: Client, camera_station: Product) -> None:
    for _click in range(2):
        assert manager_client.post(REGISTER, a_form()).status_code == 303
    assert System.objects.count() == 1


def test_the_back_button_does_not_overwrite_the_first_system(manager_client: Client, camera_station: Product) -> None:
    manager_client.post(REGISTER, a_form())
    response = manager_client.post(REGISTER, a_form(system_name="Warehouse"))
    assert response.status_code == 422
    assert "This form was sent before: it added Head office." in response.content.decode()
    assert System.objects.get().name == "Head office"


def test_a_typed_system_id_of_the_same_organization_is_refused(manager_client: Client, books: Books) -> None:
    system = books.report(START, core=3)
    response = manager_client.post(REGISTER, a_form(system_id=str(system.system_id)))
    assert response.status_code == 422
    assert "This system id is registered here already, as Main." in response.content.decode()


def test_another_organizations_system_id_is_refused_and_tells_nothing(
    manager_client: Client, other_organization: Organization, books: Books
) -> None:
    """R5."""
    theirs = Books(other_organization).report(START, system="Secret harbour", core=1)
    response = manager_client.post(REGISTER, a_form(system_id=str(theirs.system_id)))
    page = response.content.decode()
    assert response.status_code == 422
    assert "This system id can&#x27;t be registered here. Nothing was changed." in page
    assert "Secret harbour" not in page
    assert "Other Port" not in page
    assert System.objects.count() == 1


@pytest.mark.parametrize(
    "typed", ["-1", "1.5", "1,5", "1" + "0" * 30, "9" * 5000, "", "ten", "1０", "1e3", "½", "1000001", "<b>", "NaN"]
)
def test_bad_quantities_are_422_and_stay_typed(manager_client: Client, camera_station: Product, typed: str) -> None:
    response = manager_client.post(REGISTER, a_form(**{"devices_core-device": typed}))
    page = response.content.decode()
    assert response.status_code == 422
    assert "Nothing has been changed" in page
    assert "Head office" in page
    if typed and typed != "<b>":
        assert f'value="{typed}"' in page
    assert not System.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"system_name": ""},
        {"system_name": "x" * 121},
        {"system_id": "not a system id"},
        {"new_system_id": "forged"},
        {"product": "no-such-product"},
        {"product": ""},
    ],
)
def test_other_bad_input_is_422(manager_client: Client, camera_station: Product, changes: dict[str, str]) -> None:
    assert manager_client.post(REGISTER, a_form(**changes)).status_code == 422
    assert not System.objects.exists()


def test_text_that_no_database_holds_is_400(manager_client: Client, camera_station: Product) -> None:
    assert manager_client.post(REGISTER, a_form(system_name="a\0b")).status_code == 400


def test_htmx_gets_the_form_back_and_is_sent_on_after_success(manager_client: Client, camera_station: Product) -> None:
    headers = {"HX-Request": "true"}
    refused = manager_client.post(REGISTER, a_form(system_name=""), headers=headers)
    assert refused.status_code == 422
    assert refused.content.decode().lstrip().startswith('<section id="register"')
    done = manager_client.post(REGISTER, a_form(), headers=headers)
    assert done["HX-Redirect"] == "/o/harbour/products/camera-station/"


def test_a_viewer_registers_nothing(viewer_client: Client, camera_station: Product) -> None:
    assert viewer_client.get(REGISTER).status_code == 403
    assert viewer_client.post(REGISTER, a_form()).status_code == 403
    assert not System.objects.exists()
