"""System setup: the systems, their devices, removing them."""

import re
import uuid
from datetime import date

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from organizations.models import Organization
from products.models import System, SystemSource
from tests.conftest import FrozenClock
from tests.factories import Books

pytestmark = pytest.mark.django_db

START = date(2027, 3, 1)
SETUP = "/o/harbour/products/camera-station/systems/"


@pytest.fixture
def manual(books: Books) -> System:
    return books.report(START, system="Head office", source=SystemSource.MANUAL, core=10, universal=2)


def url_of(system: System, page: str) -> str:
    return f"{SETUP}{system.system_id}/{page}/"


def a_form(core: str = "12", universal: str = "2") -> dict[str, str]:
    return {"devices_core-device": core, "devices_universal-device": universal}


def shown(page: str) -> list[str]:
    return re.findall(r'<th scope="row">([^<]*)<span', page)


def test_it_shows_each_system_with_its_devices(manager_client: Client, manual: System, books: Books) -> None:
    books.report(START, system="Annex", core=1)
    page = manager_client.get(SETUP).content.decode()
    assert shown(page) == ["Annex", "Head office"]
    assert "Entered by hand" in page
    assert "Online" in page
    assert page.count("Edit devices") == 1
    assert url_of(manual, "remove") in page


def test_fifty_a_page_and_search(manager_client: Client, books: Books, manual: System) -> None:
    for number in range(60):
        books.report(START, system=f"Site {number:02}", core=1)
    page = manager_client.get(SETUP).content.decode()
    assert len(shown(page)) == 50
    after = re.search(r'href="\?after=([^"]+)"', page)
    assert after is not None
    second = shown(manager_client.get(f"{SETUP}?after={after[1]}").content.decode())
    assert len(second) == 11
    assert not set(second) & set(shown(page))
    assert shown(manager_client.get(f"{SETUP}?search=site+07").content.decode()) == ["Site 07"]
    assert shown(manager_client.get(f"{SETUP}?search={manual.system_id}").content.decode()) == ["Head office"]
    assert "No system matches" in manager_client.get(f"{SETUP}?search=zzz").content.decode()
    for cursor in ("nonsense", str(uuid.uuid4())):
        assert len(shown(manager_client.get(f"{SETUP}?after={cursor}").content.decode())) == 50


def test_the_number_of_queries_does_not_grow_with_the_systems(
    manager_client: Client, manual: System, books: Books
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert manager_client.get(SETUP).status_code == 200
        return len(queries)

    one = count()
    for number in range(11):
        books.report(START, system=f"Site {number:02}", core=1)
    assert count() == one


def test_devices_of_a_system_entered_by_hand_are_edited(
    manager_client: Client, manual: System, books: Books, frozen_clock: FrozenClock
) -> None:
    url = url_of(manual, "devices")
    assert 'value="10"' in manager_client.get(url).content.decode()
    response = manager_client.post(url, a_form())
    assert (response.status_code, response["Location"]) == (303, SETUP)
    assert books.stand(frozen_clock.today).devices == {"core-device": 12, "universal-device": 2}
    assert System.objects.get().name == "Head office"


def test_a_system_that_reports_itself_is_not_edited(manager_client: Client, manual: System, books: Books) -> None:
    """R5: by hand only until that system itself reports."""
    books.report(START, system="Head office", core=3)
    url = url_of(manual, "devices")
    page = manager_client.get(url).content.decode()
    assert "reports its devices itself" in page
    assert "Save devices" not in page
    response = manager_client.post(url, a_form())
    assert response.status_code == 422
    assert "reports its devices itself" in response.content.decode()
    assert books.stand(START).devices["core-device"] == 3


@pytest.mark.parametrize("typed", ["-1", "1.5", "1" + "0" * 30, "", "ten", "１０"])
def test_bad_quantities_change_nothing(manager_client: Client, manual: System, books: Books, typed: str) -> None:
    response = manager_client.post(url_of(manual, "devices"), a_form(core=typed))
    assert response.status_code == 422
    assert f'value="{typed}"' in response.content.decode() or not typed
    assert books.stand(START).devices["core-device"] == 10


def test_removing_is_confirmed_first_and_happens_once(manager_client: Client, manual: System, books: Books) -> None:
    url = url_of(manual, "remove")
    page = manager_client.get(url).content.decode()
    assert "Remove Head office?" in page
    assert "Harbour Cameras" in page
    assert System.objects.get().removed_on is None
    assert manager_client.post(url).status_code == 303
    assert System.objects.get().removed_on == START
    assert books.stand(START).devices == {"core-device": 0, "universal-device": 0}
    again = manager_client.post(url, follow=True)
    assert again.redirect_chain == [(SETUP, 303)]
    assert "removed already" in again.content.decode()
    assert manager_client.get(url).status_code == 303
    assert manager_client.post(url_of(manual, "devices"), a_form()).status_code == 404


def test_a_viewer_looks_only(viewer_client: Client, manual: System) -> None:
    page = viewer_client.get(SETUP).content.decode()
    assert shown(page) == ["Head office"]
    assert "Remove system" not in page
    for name in ("devices", "remove"):
        assert viewer_client.get(url_of(manual, name)).status_code == 403
        assert viewer_client.post(url_of(manual, name), a_form()).status_code == 403
    assert System.objects.get().removed_on is None


def test_another_tenants_system_is_404(
    manager_client: Client, other_organization: Organization, manual: System
) -> None:
    theirs = Books(other_organization).report(START, system="Theirs", core=1)
    for name in ("devices", "remove"):
        assert manager_client.get(url_of(theirs, name)).status_code == 404
        assert manager_client.post(url_of(theirs, name), a_form()).status_code == 404
        assert manager_client.get(f"{SETUP}{uuid.uuid4()}/{name}/").status_code == 404
    theirs.refresh_from_db()
    assert theirs.removed_on is None
    assert shown(manager_client.get(f"{SETUP}?search=Theirs").content.decode()) == []
