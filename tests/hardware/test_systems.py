"""A system: its page, its devices, its name, the unit on which it is, its removal (R5, R25)."""

import re
import uuid
from datetime import date

import pytest
from django.test import Client

from history.models import Action, Record
from organizations.models import Organization
from products.device_lists import ListedDevice
from products.models import System, SystemSource
from subscriptions.rules import Status
from tests.conftest import FrozenClock
from tests.factories import Books

pytestmark = pytest.mark.django_db

START = date(2027, 3, 1)
SETUP = "/o/harbour/products/camera-station/systems/"
# The forms of a system.
PAGES = ("devices", "rename", "move", "remove")


@pytest.fixture
def manual(books: Books) -> System:
    return books.report(START, system="Head office", source=SystemSource.MANUAL, core=10, universal=2)


def url_of(system: System, page: str) -> str:
    return f"{SETUP}{system.system_id}/{page}/"


def a_form(core: str = "12", universal: str = "2") -> dict[str, str]:
    return {"devices_core-device": core, "devices_universal-device": universal}


def test_devices_of_a_system_entered_by_hand_are_edited(
    manager_client: Client, manual: System, books: Books, frozen_clock: FrozenClock
) -> None:
    url = url_of(manual, "devices")
    assert 'value="10"' in manager_client.get(url).content.decode()
    response = manager_client.post(url, a_form())
    assert (response.status_code, response["Location"]) == (303, f"{SETUP}{manual.system_id}/")
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


@pytest.mark.parametrize("typed", ["-1", "1.5", "1" + "0" * 30, "", "ten", "1０"])
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
    page = viewer_client.get(f"{SETUP}{manual.system_id}/").content.decode()
    assert "Head office" in page
    for words in ("Remove system", "Edit devices", "Rename system", "Move to hardware"):
        assert words not in page
    for name in PAGES:
        assert viewer_client.get(url_of(manual, name)).status_code == 403
        assert viewer_client.post(url_of(manual, name), a_form()).status_code == 403
    manual.refresh_from_db()
    assert (manual.removed_on, manual.name) == (None, "Head office")


def test_another_tenants_system_is_404(
    manager_client: Client, other_organization: Organization, manual: System
) -> None:
    theirs = Books(other_organization).report(START, system="Theirs", core=1)
    for system_id in (theirs.system_id, uuid.uuid4()):
        assert manager_client.get(f"{SETUP}{system_id}/").status_code == 404
        for name in PAGES:
            assert manager_client.get(f"{SETUP}{system_id}/{name}/").status_code == 404
            assert manager_client.post(f"{SETUP}{system_id}/{name}/", a_form()).status_code == 404
    theirs.refresh_from_db()
    assert (theirs.removed_on, theirs.name) == (None, "Theirs")


def page_of(client: Client, system: System, query: str = "", **headers: str) -> str:
    response = client.get(f"{SETUP}{system.system_id}/{query}", headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def table(page: str, title: str) -> list[list[str]]:
    """The rows of the table in the section of that title, as texts."""
    [section] = re.findall(
        rf'<section class="panel"[^>]*aria-labelledby="{title}-title">.*?</section>', page, re.DOTALL
    )
    found = [
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        for row in re.findall(r"<tr.*?</tr>", section, re.DOTALL)
    ]
    return [[" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in row] for row in found][1:]


def test_a_tied_system_shows_its_unit_and_what_it_lacks(
    manager_client: Client, viewer_client: Client, books: Books
) -> None:
    """R25: two systems on a unit of 8 core: 6 and 5 devices lack 3."""
    unit = books.unit(START, "R1", core=8)
    books.report(START, system="Other", unit="R1", core=5)
    gate = books.report(START, system="Gate", unit="R1", core=6, software_version="6.2.1")
    page = page_of(manager_client, gate)
    assert table(page, "licenses") == [["Core device", "6", "11", "8", "3"], ["Universal device", "0", "0", "0", "0"]]
    for words in (
        "Expansion licenses needed",
        "Its unit lacks Core device: 3.",
        "6.2.1",
        "R1",
        "The hardware unit alone",
    ):
        assert words in page
    expand = f"/o/harbour/products/camera-station/units/{unit.pk}/expand/"
    assert f'href="{expand}"' in page
    assert expand not in page_of(viewer_client, gate)
    books.retire(START, unit)
    page = page_of(manager_client, gate)
    assert table(page, "licenses") == [["Core device", "6"], ["Universal device", "0"]]
    assert "retired or replaced" in page
    assert expand not in page


def test_devices_are_listed_a_page_at_a_time_and_searched(manager_client: Client, books: Books) -> None:
    listed = [
        ListedDevice(f"cam-{number:05}", "Q1700" if number % 2 else "P3245", "core-device") for number in range(10_000)
    ]
    system = books.report(START, core=10_000, device_list=listed)
    page = page_of(manager_client, system)
    shown = table(page, "devices")
    assert [row[0] for row in shown] == [f"cam-{number:05}" for number in range(100)]
    assert shown[1] == ["cam-00001", "Q1700", "Core device"]
    assert "10,000 devices, listed on March 1, 2027" in page
    assert "Page 1 of 100" in page
    assert table(page_of(manager_client, system, "?page=100"), "devices")[-1][0] == "cam-09999"
    found = table(page_of(manager_client, system, "?search=q1700+0777", **{"HX-Request": "true"}), "devices")
    # 07770 to 07779 and 00777, of which the odd ones are Q1700.
    assert [row[0] for row in found] == ["cam-00777", *(f"cam-0777{digit}" for digit in (1, 3, 5, 7, 9))]
    assert "No device matches." in page_of(manager_client, system, "?search=nothing")
    for number in ("0", "x", "-1", "1e9", "9" * 5000, "１"):
        assert len(table(page_of(manager_client, system, f"?page={number}"), "devices")) == 100
    # A report that tells numbers only says nothing of the devices any more.
    books.report(START, core=10_000)
    assert "and not which" in page_of(manager_client, system)


def test_what_it_reported_when_is_dated_and_says_what_licensed_it(manager_client: Client, books: Books) -> None:
    """R5, R25: devices count for the subscription until the unit is registered on 7 March."""
    system = books.report(START, unit="R1", core=2)
    books.report(date(2027, 3, 4), unit="R1", core=5, universal=1)
    books.unit(date(2027, 3, 7), "R1", core=9)
    books.report(date(2027, 3, 9), unit="R1", core=5)
    assert table(page_of(manager_client, system), "changes") == [
        ["March 9, 2027", "5", "0", "5", "its hardware unit"],
        ["March 7, 2027", "5", "1", "6", "its hardware unit"],
        ["March 4, 2027", "5", "1", "6", "the subscription"],
        ["March 1, 2027", "2", "0", "2", "the subscription"],
    ]
    for day in range(10, 24):
        books.report(date(2027, 3, day), unit="R1", core=day)
    page = page_of(manager_client, system)
    assert len(table(page, "changes")) == 12
    before = re.search(r"\?before=([0-9-]+)#changes", page)
    assert before is not None
    older = table(page_of(manager_client, system, f"?before={before[1]}"), "changes")
    assert [row[0] for row in older] == [f"March {day}, 2027" for day in (11, 10, 9, 7, 4, 1)]
    for nonsense in ("x", "2027-02-30", "9" * 50, "2027-03-01 12:00"):
        assert len(table(page_of(manager_client, system, f"?before={nonsense}"), "changes")) == 12


def test_a_system_gets_another_name(manager_client: Client, manual: System) -> None:
    url = url_of(manual, "rename")
    assert 'value="Head office"' in manager_client.get(url).content.decode()
    for typed in ("", "   ", "x" * 121):
        response = manager_client.post(url, {"name": typed})
        assert response.status_code == 422
        assert f'value="{typed}"' in response.content.decode() or not typed
    response = manager_client.post(url, {"name": "  North   gate "}, follow=True)
    assert response.redirect_chain == [(f"{SETUP}{manual.system_id}/", 303)]
    assert "The system is called North gate now." in response.content.decode()
    record = Record.objects.get(action=Action.SYSTEM_RENAMED)
    assert (record.payload["before"], record.payload["system"]) == ("Head office", "North gate")


def test_a_system_entered_by_hand_is_moved_onto_a_unit_and_off_it(
    manager_client: Client, books: Books, manual: System, other_organization: Organization
) -> None:
    """R25: on a unit that holds a license its devices add nothing to the subscription; off it they count again."""
    books.unit(START, "R1", core=1)
    books.retire(START, books.unit(START, "OLD", core=1))
    books.unit(START, "AUDIO", product="audio-manager", audio=1)
    Books(other_organization).unit(START, "THEIRS", core=1)
    url = url_of(manual, "move")
    assert '<option value="R1">' in manager_client.get(url).content.decode()
    for typed in ("OLD", "AUDIO", "THEIRS", "nothing", "x" * 65, "é\u202e😀"):
        response = manager_client.post(url, {"serial": typed})
        assert response.status_code == 422, typed
        assert typed in response.content.decode()
    assert books.stand(START).devices == {"core-device": 10, "universal-device": 2}
    response = manager_client.post(url, {"serial": " r1 "}, follow=True)
    assert "Head office is on hardware unit R1 now." in response.content.decode()
    assert books.stand(START).devices == {"core-device": 0, "universal-device": 0}
    assert "Core device: 9" in page_of(manager_client, manual)
    # Editing the devices leaves it there.
    manager_client.post(url_of(manual, "devices"), a_form(core="4"))
    assert books.stand(START).devices["core-device"] == 0
    assert manager_client.post(url, {"serial": ""}).status_code == 303
    assert books.stand(START).devices == {"core-device": 4, "universal-device": 2}


def test_the_page_says_what_leaving_a_tied_unit_does(manager_client: Client, books: Books, manual: System) -> None:
    """R25: said only where the system is on such a unit."""
    words = "its devices count for the subscription from today on"
    books.unit(START, "R1", core=1)
    books.unit(START, "BARE")
    url = url_of(manual, "move")
    for serial, is_said in (("", False), ("BARE", False), ("R1", True)):
        manager_client.post(url, {"serial": serial})
        assert (words in manager_client.get(url).content.decode()) is is_said, serial


def test_onto_a_unit_whose_life_is_over_no_system_is_moved(
    manager_client: Client, books: Books, manual: System
) -> None:
    books.retire(START, books.unit(START, "OLD", core=1))
    page = manager_client.post(url_of(manual, "move"), {"serial": "old"}).content.decode()
    assert "Unit OLD was retired or replaced on March 1, 2027. Nothing was changed. Choose a unit" in page
    assert '<option value="OLD">' not in page
    page = manager_client.post(url_of(manual, "move"), {"serial": "nothing"}).content.decode()
    assert "Nothing was changed. Compare it with the label, or register the unit first." in page


def test_a_system_that_reports_itself_is_not_moved(manager_client: Client, books: Books, manual: System) -> None:
    books.unit(START, "R1", core=1)
    books.report(START, system="Head office", core=3)
    assert "tells by itself" in manager_client.get(url_of(manual, "move")).content.decode()
    response = manager_client.post(url_of(manual, "move"), {"serial": "R1"})
    assert response.status_code == 422
    assert "reports its unit by itself. Nothing was changed. Look for it in System setup" in response.content.decode()
    assert books.stand(START).devices["core-device"] == 3


def test_a_removed_system_has_no_page_and_leaves_its_unit(manager_client: Client, books: Books) -> None:
    unit = books.unit(START, "R1", core=2)
    gate = books.report(START, system="Gate", unit="R1", core=6)
    books.remove(START, system="Gate")
    assert manager_client.get(f"{SETUP}{gate.system_id}/").status_code == 404
    assert books.stand(START).status == Status.HARDWARE
    page = manager_client.get(f"/o/harbour/products/camera-station/units/{unit.pk}/").content.decode()
    assert "Not installed yet" in page
