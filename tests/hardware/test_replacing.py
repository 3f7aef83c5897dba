"""Staff let a unit take the place of another in the admin site (R27)."""

import html
import re
from datetime import date

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from hardware.models import HardwareUnit, Replacement
from history.models import Action, Record
from history.sentences import Names, sentence
from organizations.models import Organization, User
from tests.factories import Books, UserFactory, check_conservation

pytestmark = pytest.mark.django_db

START = date(2027, 3, 1)


@pytest.fixture
def broken(books: Books) -> HardwareUnit:
    """A unit of 8 core licenses with 10 devices on it, and what can take its place."""
    unit = books.unit(START, "OLD", core=8)
    books.report(START, system="Gate", unit="OLD", core=10)
    books.make_unit("NEW", core=50)
    return unit


def page_of(unit: HardwareUnit, name: str = "replace") -> str:
    return reverse(f"admin:hardware_hardwareunit_{name}", args=[unit.pk])


def text_of(content: bytes) -> str:
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", content.decode()).split()))


def test_the_licenses_move_once_and_both_units_and_history_say_so(
    broken: HardwareUnit, books: Books, staff_client: Client, staff: User
) -> None:
    assert f'href="{page_of(broken)}"' in staff_client.get(page_of(broken, "change")).content.decode()
    shown = text_of(staff_client.get(page_of(broken)).content)
    for words in ("Harbour Cameras", "Core device: 8", "Gate", "what comes preloaded on it is not added"):
        assert words in shown
    response = staff_client.post(page_of(broken), {"new_serial": " n e w" + " " * 60, "reason": "Power supply burnt."})
    made = Replacement.objects.select_related("new_unit").get()
    assert (response.status_code, response["Location"]) == (303, page_of(made.new_unit, "change"))
    assert (made.reason, made.replaced_by) == ("Power supply burnt.", staff)
    standing = books.stand(START)
    # 10 devices on a unit of the 8 licenses that moved.
    assert standing.units.serials == ("NEW",)
    assert standing.units.lacks[0].lacks == {"core-device": 2}
    told = sentence(Record.objects.get(action=Action.UNIT_REPLACED), Names())
    assert "OLD was replaced by NEW" in told and "Power supply burnt." in told
    check_conservation(books.organization)
    # A double click finds it done.
    again = staff_client.post(page_of(broken), {"new_serial": "new", "reason": "x"}, follow=True)
    assert "Unit OLD was retired or replaced on March 1, 2027. Nothing was changed." in text_of(again.content)
    assert page_of(broken) not in again.content.decode()
    assert Replacement.objects.count() == 1


def test_what_can_not_take_its_place_is_refused_and_kept(
    broken: HardwareUnit, books: Books, staff_client: Client, other_organization: Organization
) -> None:
    Books(other_organization).unit(START, "THEIRS", core=1)
    books.make_unit("AUDIO", product="audio-manager", audio=1)
    books.unit(START, "MINE", core=1)
    for serial, reason, words in (
        ("UNKNOWN", "burnt", "No unit with the serial number UNKNOWN was made for this product."),
        ("AUDIO", "burnt", "was made for this product"),
        ("THEIRS", "burnt", "is registered already"),
        ("MINE", "burnt", "is registered already"),
        ("OLD", "burnt", "is registered already"),
        ("NEW", "", "This field is required"),
        ("NEW", "   ", "This field is required"),
        ("", "burnt", "This field is required"),
        ("NEW", "x" * 301, "at most 300 characters"),
        ("N" * 201, "burnt", "at most 200 characters"),
    ):
        response = staff_client.post(page_of(broken), {"new_serial": serial, "reason": reason})
        assert response.status_code == 422
        assert words in text_of(response.content), serial
        assert f'value="{serial}"' in response.content.decode() or not serial
    broken.refresh_from_db()
    assert broken.is_active
    assert not Replacement.objects.exists()


def test_only_staff_who_may_replace(broken: HardwareUnit, administrator_client: Client) -> None:
    assert administrator_client.get(page_of(broken)).status_code == 302
    looking = UserFactory.create(is_staff=True)
    looking.user_permissions.add(Permission.objects.get(codename="view_hardwareunit"))
    client = Client()
    client.force_login(looking)
    assert page_of(broken) not in client.get(page_of(broken, "change")).content.decode()
    for answer in (client.get(page_of(broken)), client.post(page_of(broken), {"new_serial": "NEW", "reason": "x"})):
        assert answer.status_code == 403
    assert not Replacement.objects.exists()


def test_a_unit_that_is_not_there_is_404(broken: HardwareUnit, staff_client: Client) -> None:
    for pk in ("0", "x", "9" * 30, "1/2"):
        address = page_of(broken).replace(f"/{broken.pk}/", f"/{pk}/")
        assert staff_client.get(address).status_code == 404
