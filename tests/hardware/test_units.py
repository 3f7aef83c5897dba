"""Registering hardware, a unit's page, the end of its life (R24, R25, R27)."""

import html
import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client

from hardware.catalogue import add_manufactured_unit, ensure_hardware_model
from hardware.ending import preview_retirement, replace_unit
from hardware.models import HardwareUnit
from hardware.views import units
from history.models import Action, Record
from organizations.models import Organization, User
from products.models import LicenseKind, Product, RegisteredProduct, SystemSource
from subscriptions.rules import Status
from tests.factories import Books, check_conservation

pytestmark = pytest.mark.django_db

START = date(2027, 3, 1)
REGISTER = "/o/harbour/hardware/register/"
PRODUCT = "/o/harbour/products/camera-station/"


def text_of(response: Any) -> str:
    """The text of the page's main part, or of the fragment."""
    body = response.content.decode()
    main = re.search(r"<main.*?</main>", body, re.DOTALL)
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", main[0] if main else body).split()))


def pair(serial: str, oak: str) -> dict[str, str]:
    return {"serial": serial, "owner_authentication_key": oak}


def unit_url(unit: HardwareUnit, page: str = "") -> str:
    return f"{PRODUCT}units/{unit.pk}/{page}"


# --- registering ---


def test_registering_activates_the_preloaded_licenses_and_shows_them(manager_client: Client, books: Books) -> None:
    """R24, R5: the unit registers its product too, and its licenses are active in the same step."""
    oak = books.make_unit("SN-7001", core=8, universal=2)
    page = text_of(manager_client.get(REGISTER))
    assert page.index("no way of transferring licenses between organizations") < page.index("Serial number")
    response = manager_client.post(REGISTER, pair(" sn-7001 ", oak.lower().replace(" ", "-")), follow=True)
    unit = HardwareUnit.objects.get()
    assert response.redirect_chain == [(unit_url(unit), 303)]
    page = text_of(response)
    assert "its 10 preloaded licenses are active (Core device: 8, Universal device: 2)" in page
    assert "Not installed yet" in page
    assert books.stand(START).status == Status.HARDWARE
    assert Record.objects.filter(action=Action.UNIT_REGISTERED).count() == 1
    check_conservation(books.organization)


def test_registering_twice_does_no_harm_and_leads_to_the_unit(manager_client: Client, books: Books) -> None:
    oak = books.make_unit("SN-1", core=8)
    first = manager_client.post(REGISTER, pair("SN-1", oak))
    again = manager_client.post(REGISTER, pair("SN-1", oak), follow=True)
    assert again.redirect_chain == [(first["Location"], 303)]
    assert "Your organization already registered this unit on March 1, 2027. Nothing was changed." in text_of(again)
    assert HardwareUnit.objects.count() == 1


def test_one_and_the_same_answer_whatever_is_wrong(
    manager_client: Client, books: Books, other_organization: Organization
) -> None:
    """R24: a wrong pair, an unknown serial number and a unit registered elsewhere; with the key of another unit, too."""
    oak = books.make_unit("MINE", core=1)
    Books(other_organization).unit(START, "THEIRS", core=1)
    Books(other_organization).make_unit("FREE", core=1)
    answers = set()
    for serial, key in (
        ("MINE", "wrong"),
        ("UNKNOWN", oak),
        ("THEIRS", "OAK of THEIRS"),
        ("THEIRS", "wrong"),
        ("MINE", "OAK of FREE"),
    ):
        response = manager_client.post(REGISTER, pair(serial, key))
        assert response.status_code == 422
        body = response.content.decode()
        assert f'value="{serial}"' in body and f'value="{key}"' in body
        body = re.sub(r"csrfmiddlewaretoken\" value=\"[^\"]*\"", "", body)
        answers.add(body.replace(f'value="{serial}"', "").replace(f'value="{key}"', ""))
    assert len(answers) == 1
    assert "don't go together, or the unit is not free. Nothing was changed." in html.unescape(answers.pop())
    assert not RegisteredProduct.objects.filter(organization=books.organization).exists()


def test_wrong_tries_are_limited_by_themselves(manager_client: Client, books: Books, settings: LazySettings) -> None:
    """R24: after as many wrong tries as license keys have, none is looked up; license keys are tried as before."""
    settings.LICENSE_KEY_TRIES_PER_HOUR = 4
    cache.clear()
    oak = books.make_unit("SN-1", core=1)
    for _time in range(3):
        assert manager_client.post(REGISTER, pair("SN-1", "wrong")).status_code == 422
    # A right pair costs no try.
    assert manager_client.post(REGISTER, pair("SN-1", oak)).status_code == 303
    assert manager_client.post(REGISTER, pair("SN-1", oak)).status_code == 303
    assert manager_client.post(REGISTER, pair("SN-1", "wrong")).status_code == 422
    limited = manager_client.post(REGISTER, pair("SN-1", oak))
    assert limited.status_code == 429
    assert int(limited["Retry-After"]) >= 60
    assert "Too many wrong pairs" in text_of(limited)
    wallet = manager_client.get(f"{PRODUCT}wallet/")
    token = re.search(r'name="form_token" value="([^"]+)"', wallet.content.decode())
    assert token
    key = {"license_key": "00000-00000-00000-00000-00000", "form_token": token[1]}
    assert manager_client.post(f"{PRODUCT}wallet/redeem/", key).status_code == 422


def test_a_serial_number_of_any_bytes_is_only_unknown(manager_client: Client, books: Books) -> None:
    for typed in ("'", "%", "\\", "😀", "a/b", "‮", "<script>", "１", "x" * 64, "..", "é\u0301"):
        response = manager_client.post(REGISTER, pair(typed, typed))
        assert response.status_code == 422, typed
        assert "is not free" in text_of(response)
    for serial, oak in (("", ""), ("   ", "x"), ("x", "   "), ("x" * 201, "x"), ("x", "x" * 401)):
        response = manager_client.post(REGISTER, pair(serial, oak))
        assert response.status_code == 422
        assert "is not free" not in text_of(response)
        assert "Nothing was changed." in text_of(response)
    # A unit can have such a serial number, and its page is found all the same.
    oak = books.make_unit("A/B ?#%2F", core=1)
    response = manager_client.post(REGISTER, pair("a/b ?#%2f", oak), follow=True)
    assert response.status_code == 200
    assert "Hardware unit A/B?#%2F" in text_of(response)


def test_the_longest_serial_number_and_key_are_registered_however_they_are_typed(
    manager_client: Client, books: Books, camera_station: Product
) -> None:
    """R24: what a file of units can bring, with the blanks and hyphens of people: they do not count."""
    serial, oak = "S1" * 32, "0123456789ABCDEF" * 8
    model = ensure_hardware_model(camera_station, {"core-device": 1})
    add_manufactured_unit(serial=serial, hardware_model=model, oak=oak)
    typed_serial = " ".join(serial) + " "
    typed_oak = " -".join(oak)
    assert (len(typed_serial), len(typed_oak)) == (128, 382)
    response = manager_client.post(REGISTER, pair(typed_serial, typed_oak), follow=True)
    assert response.status_code == 200
    unit = HardwareUnit.objects.get()
    assert unit.serial == serial
    gate = books.report(START, system="Gate", source=SystemSource.MANUAL, core=1)
    moved = manager_client.post(f"{PRODUCT}systems/{gate.system_id}/move/", {"serial": typed_serial})
    assert moved.status_code == 303
    assert books.stand(START).devices["core-device"] == 0


# --- the page ---


def test_a_unit_shows_licenses_systems_expansions_and_what_it_lacks(
    manager_client: Client, viewer_client: Client, books: Books, manager: User
) -> None:
    unit = books.unit(START, "SN-1", core=8)
    books.report(START, system="Gate", unit="SN-1", core=9)
    books.report(START, system="Tower", unit="SN-1", core=4, universal=1)
    page = text_of(manager_client.get(unit_url(unit)))
    assert "This unit lacks expansion licenses: Core device: 5, Universal device: 1." in page
    assert "Core device 8 13 5" in page
    assert "Universal device 0 1 1" in page
    assert "Gate" in page and "Tower" in page
    # The wallet lacks one type, then none: what to do is said accordingly (R26).
    books.redeem(START, kind=LicenseKind.HARDWARE, core=9)
    assert "Redeem an expansion license key" in text_of(manager_client.get(unit_url(unit)))
    books.redeem(START, kind=LicenseKind.HARDWARE, universal=1)
    page = text_of(manager_client.get(unit_url(unit)))
    assert "The Product wallet holds enough of them" in page
    assert "Redeem an expansion license key" not in page
    books.expand(START, unit, core=5, universal=1)
    page = text_of(manager_client.get(unit_url(unit)))
    assert "Core device 13 13 0" in page
    assert "March 1, 2027 Core device: 5, Universal device: 1" in page
    assert "Licensed" in page
    body = manager_client.get(unit_url(unit)).content.decode()
    assert "/expand/" in body and "/retire/" not in body
    assert "/expand/" not in viewer_client.get(unit_url(unit)).content.decode()


def test_a_replaced_unit_and_its_successor_name_each_other(
    administrator_client: Client, books: Books, staff: User
) -> None:
    old = books.unit(START, "OLD", core=8)
    books.report(START, system="Gate", unit="OLD", core=8)
    books.make_unit("NEW", core=99)
    made = replace_unit(old_unit=old, new_serial="new", reason="burnt", actor=staff, on=START)
    page = administrator_client.get(unit_url(old))
    assert f'href="{unit_url(made.new_unit)}"' in page.content.decode()
    assert "The vendor replaced this unit on March 1, 2027." in text_of(page)
    assert "Reason: burnt" in text_of(page)
    page = administrator_client.get(unit_url(made.new_unit))
    assert f'href="{unit_url(old)}"' in page.content.decode()
    # The licenses moved; what comes preloaded on the new one was not added (R27).
    assert "Core device 8 8 0" in text_of(page)
    for action in ("expand", "retire"):
        response = administrator_client.get(unit_url(old, f"{action}/"), follow=True)
        assert response.redirect_chain == [(unit_url(old), 303)]
        assert "was retired or replaced on March 1, 2027" in text_of(response)


def test_units_of_other_products_and_tenants_are_404(
    administrator_client: Client, books: Books, other_organization: Organization
) -> None:
    mine = books.unit(START, "AUDIO", product="audio-manager", audio=1)
    books.report(START, core=1)
    theirs = Books(other_organization).unit(START, "THEIRS", core=1)
    for pk in (mine.pk, theirs.pk, 0, 10**30, "9" * 5000):
        for page in ("", "expand/", "retire/"):
            assert administrator_client.get(f"{PRODUCT}units/{pk}/{page}").status_code == 404
        for page in ("expand/", "expand/confirm/", "retire/"):
            assert administrator_client.post(f"{PRODUCT}units/{pk}/{page}", {"serial": "THEIRS"}).status_code == 404
    theirs.refresh_from_db()
    assert theirs.ended_on is None


# --- retiring ---


def test_retiring_says_before_what_the_subscription_will_then_need_and_does_it(
    administrator_client: Client, books: Books
) -> None:
    """R27: 6 devices on the unit begin to count; the trial of 30 days from 1 March is then what licenses them."""
    unit = books.unit(START, "SN-1", core=8, universal=1)
    books.report(START, system="Gate", unit="SN-1", core=6)
    page = text_of(administrator_client.get(unit_url(unit, "retire/")))
    for words in (
        "Harbour Cameras",
        "Licenses that end with it Core device: 8, Universal device: 1",
        "Devices that count for the subscription from today on Core device: 6",
        "“Trial” instead of “Licensed by hardware”",
        "The last day of the trial is March 31, 2027",
        "Licenses needed with today's devices Core device: 6",
    ):
        assert words in page, words
    for typed in ("", "SN-2", "６", "x" * 65):
        response = administrator_client.post(unit_url(unit, "retire/"), {"serial": typed})
        assert response.status_code == 422
        assert "Nothing" in text_of(response) or len(typed) > 64
        assert f'value="{typed}"' in response.content.decode() or not typed
    unit.refresh_from_db()
    assert unit.ended_on is None
    response = administrator_client.post(unit_url(unit, "retire/"), {"serial": " sn-1"}, follow=True)
    assert response.redirect_chain == [(unit_url(unit), 303)]
    page = text_of(response)
    assert "Hardware unit SN-1 is retired." in page
    assert "This unit was retired on March 1, 2027." in page
    standing = books.stand(START)
    assert (standing.status, standing.devices["core-device"]) == (Status.TRIAL, 6)
    # A double click finds it done.
    again = administrator_client.post(unit_url(unit, "retire/"), {"serial": "SN-1"}, follow=True)
    assert "was retired or replaced on March 1, 2027. Nothing was changed." in text_of(again)
    assert Record.objects.filter(action=Action.UNIT_RETIRED).count() == 1
    check_conservation(books.organization)


def test_a_unit_that_was_retired_since_the_page_looked_is_shown_as_ended(
    administrator_client: Client, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other tab's change falls between the look and the change: no preview of what can't end twice, and no 500."""
    unit = books.unit(START, "SN-1", core=8)
    before = HardwareUnit.objects.select_related("registered_product__product", "organization").get(pk=unit.pk)
    books.retire(START, unit)
    monkeypatch.setattr(units, "unit_or_404", lambda *_arguments: before)
    response = administrator_client.post(unit_url(unit, "retire/"), {"serial": "SN-1"})
    assert (response.status_code, response["Location"]) == (303, unit_url(unit))
    monkeypatch.undo()
    page = text_of(administrator_client.get(unit_url(unit)))
    assert "Unit SN-1 was retired or replaced on March 1, 2027. Nothing was changed." in page
    assert Record.objects.filter(action=Action.UNIT_RETIRED).count() == 1


def test_the_preview_is_what_then_stands(books: Books) -> None:
    """R27, R12: 10 allocated, growth 10 free: 10 + 25 devices leave 15 missing."""
    books.report(START, core=10)
    books.start(START)
    books.redeem(START, core=10)
    books.allocate(START, {"core": 10})
    unit = books.unit(START, "SN-1", core=30)
    books.report(START, system="Gate", unit="SN-1", core=25)
    preview = preview_retirement(unit, START)
    assert preview.before.status == Status.LICENSED
    assert preview.counting == {"core-device": 25, "universal-device": 0}
    books.retire(START, unit)
    now = books.stand(START)
    # Since when the allowance is exceeded is noted by the change itself.
    assert replace(preview.after, exceeded_since=START) == now
    assert (now.status, now.years[0].missing["core-device"]) == (Status.GROWTH_EXCEEDED, 15)
    # A unit that licenses nothing changes nothing for the subscription.
    empty = books.unit(START, "SN-2")
    books.report(START, system="Tower", unit="SN-2", core=1)
    preview = preview_retirement(empty, START)
    assert preview.counting == {}
    assert preview.after.devices == preview.before.devices


def test_the_preview_on_a_renewal_date_before_any_job_ran_is_what_then_stands(books: Books) -> None:
    """R11: the year that began today is fully licensed by what was allocated ahead, before the unit is retired."""
    renewal = date(2028, 3, 1)
    books.report(START, core=4)
    books.start(START)
    books.redeem(START, core=8)
    books.allocate(START, {"core": 4}, {"core": 4})
    unit = books.unit(START, "R1", core=3)
    books.report(START, system="Vault", unit="R1", core=3)
    preview = preview_retirement(unit, renewal).after
    books.retire(renewal, unit)
    after = books.stand(renewal)
    assert (preview.status, preview.years, preview.devices) == (after.status, after.years, after.devices)
    assert after.status == Status.LICENSED


def test_only_an_administrator_retires(manager_client: Client, books: Books) -> None:
    unit = books.unit(START, "SN-1", core=8)
    assert manager_client.get(unit_url(unit, "retire/")).status_code == 403
    assert manager_client.post(unit_url(unit, "retire/"), {"serial": "SN-1"}).status_code == 403
    unit.refresh_from_db()
    assert unit.ended_on is None


# --- what the product says ---


def test_product_overview_and_list_name_the_units(manager_client: Client, books: Books) -> None:
    """R14a: licensed by hardware says which units, expansion licenses needed says which unit lacks what."""
    unit = books.unit(START, "SN-1", core=8)
    books.unit(START, "SN-2", core=8)
    books.report(START, system="Gate", unit="SN-1", core=8)
    page = text_of(manager_client.get(PRODUCT))
    assert (
        "Hardware units SN-1, SN-2 license the systems on them for their lifetime, as far as they hold licenses."
        in page
    )
    assert "Nothing to do: hardware units license every system of this product." in page
    page = text_of(manager_client.get("/o/harbour/"))
    assert "Licensed by hardware" in page
    assert "Units: SN-1, SN-2" in page
    books.report(START, system="Gate", unit="SN-1", core=11, universal=1)
    books.redeem(START, kind=LicenseKind.HARDWARE, core=2)
    page = text_of(manager_client.get(PRODUCT))
    assert "Hardware unit SN-1 (Core device: 3, Universal device: 1) lacks expansion licenses." in page
    assert "Buy and redeem 2 more expansion licenses (Core device: 1, Universal device: 1). Then allocate the 4" in page
    assert "Lacking: SN-1 (Core device: 3, Universal device: 1)" in text_of(manager_client.get("/o/harbour/"))
    books.redeem(START, kind=LicenseKind.HARDWARE, core=1, universal=1)
    response = manager_client.get(PRODUCT)
    assert "Allocate the 4 expansion licenses that hardware unit SN-1 lacks" in text_of(response)
    # The step leads to the unit.
    assert f'href="{unit_url(unit)}">Hardware unit SN-1' in response.content.decode()


def test_of_a_unit_that_holds_no_licenses_product_overview_does_not_say_that_it_holds_enough(
    manager_client: Client, books: Books
) -> None:
    """R25: it licenses nothing, and the devices on it count for the subscription."""
    books.unit(START, "BARE")
    books.report(START, system="Gate", unit="BARE", core=3)
    page = text_of(manager_client.get(PRODUCT))
    assert "Every hardware unit holds" not in page
    assert "Systems on a unit that holds none count for the subscription." in page


def test_of_units_on_which_no_system_is_product_overview_says_only_what_is_so(
    manager_client: Client, books: Books
) -> None:
    """R14a: one that holds no licenses licenses nothing yet."""
    books.unit(START, "BARE")
    page = text_of(manager_client.get(PRODUCT))
    assert "BARE licenses the systems on it for its lifetime, as far as it holds licenses." in page
    assert "No system has reported from it yet." in page
    books.unit(START, "SN-1", core=8)
    assert "No system has reported from them yet." in text_of(manager_client.get(PRODUCT))


def test_beside_a_subscription_the_unit_that_lacks_is_named_too(manager_client: Client, books: Books) -> None:
    books.report(START, system="Office", source=SystemSource.MANUAL, core=1)
    books.start(START)
    books.redeem(START, core=1)
    books.allocate(START, {"core": 1})
    for number in range(5):
        books.unit(START, f"SN-{number}", core=1)
        books.report(START, system=f"Gate {number}", unit=f"SN-{number}", core=2)
    page = text_of(manager_client.get(PRODUCT))
    assert "Licensed until" in page
    assert "SN-2 (Core device: 1) and 2 more." in page
    assert "Hardware lacks licenses: SN-0 (Core device: 1)" in text_of(manager_client.get("/o/harbour/"))
    assert "Then allocate the 1 license that hardware unit SN-0 lacks" in page
