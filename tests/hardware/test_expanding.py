"""Allocating expansion licenses to a unit: amounts, summary, confirmation (R17, R18, R20, R26, R14b)."""

import re
import uuid
from datetime import date
from typing import Any

import pytest
from django.test import Client

from hardware.expanding import expansion_ground, preview_expansion
from hardware.expansion_errors import ExpansionUsed
from hardware.forms import seal_expansion
from hardware.models import Expansion, HardwareUnit
from organizations.models import Organization
from products.models import LicenseKind
from tests.conftest import FrozenClock
from tests.factories import Books, check_conservation
from tests.hardware.test_units import text_of, unit_url

pytestmark = pytest.mark.django_db

START = date(2027, 3, 1)
LICENSED = "Your product is now licensed."


@pytest.fixture
def unit(books: Books) -> HardwareUnit:
    """A unit of 8 core for 11 core and 1 universal on it; the wallet holds 9 core and 2 universal tied licenses."""
    unit = books.unit(START, "SN-1", core=8)
    books.report(START, system="Gate", unit="SN-1", core=11, universal=1)
    books.redeem(START, kind=LicenseKind.HARDWARE, core=9, universal=2)
    # Licenses of the other kind are nothing for hardware (R17).
    books.redeem(START, core=500)
    return unit


def amounts(core: str = "3", universal: str = "1") -> dict[str, str]:
    return {"licenses-core-device": core, "licenses-universal-device": universal}


def send(client: Client, unit: HardwareUnit, **typed: str) -> Any:
    return client.post(unit_url(unit, "expand/"), amounts(**typed))


def sealed(response: Any) -> dict[str, str]:
    """The confirmation that a summary carries."""
    assert response.status_code in (200, 409)
    found = re.search(r'name="confirmation" value="([^"]+)"', response.content.decode())
    assert found
    return {"confirmation": found[1]}


def confirm(client: Client, unit: HardwareUnit, data: dict[str, str], **options: Any) -> Any:
    return client.post(unit_url(unit, "expand/confirm/"), data, **options)


def typed(response: Any) -> dict[str, str]:
    """What stands in the fields."""
    return dict(re.findall(r'name="licenses-([a-z-]+)"(?: value="([^"]*)")?', response.content.decode()))


def test_what_the_unit_lacks_is_filled_in_and_the_wallet_shown(manager_client: Client, unit: HardwareUnit) -> None:
    response = manager_client.get(unit_url(unit, "expand/"))
    assert typed(response) == {"core-device": "3", "universal-device": "1"}
    body, page = response.content.decode(), text_of(response)
    assert re.findall(r'data-wallet-have="(\d+)"', body) == ["9", "2"]
    assert "Harbour Cameras" in page
    assert "To hardware unit SN-1, on which Gate is." in page
    assert "stay on it for its lifetime and never come back" in page


def test_licenses_that_expired_are_not_in_the_wallet_though_nobody_wrote_it_down(
    manager_client: Client, unit: HardwareUnit, frozen_clock: FrozenClock
) -> None:
    """R2, R22: entered on 1 March 2027, usable until 29 February 2032."""
    for day, have in ((date(2032, 2, 29), ["9", "2"]), (date(2032, 3, 1), ["0", "0"])):
        frozen_clock.move_to(day)
        body = manager_client.get(unit_url(unit, "expand/")).content.decode()
        assert re.findall(r'data-wallet-have="(\d+)"', body) == have


def test_a_summary_then_the_confirmation_and_the_product_is_licensed(
    manager_client: Client, unit: HardwareUnit, books: Books
) -> None:
    """R26, R14b: the unit lacks nothing after it."""
    summary = send(manager_client, unit)
    page = text_of(summary)
    assert "4 expansion licenses of Camera Station are allocated to hardware unit SN-1" in page
    assert "for the lifetime of this unit" in page
    assert "Harbour Cameras" in page
    assert "Core device 3 11 11 6 9 now" in page
    assert "more than the unit lacks" not in page
    assert not Expansion.objects.exists()
    response = confirm(manager_client, unit, sealed(summary), follow=True)
    assert response.redirect_chain == [(unit_url(unit), 303)]
    page = text_of(response)
    assert "4 expansion licenses were allocated to hardware unit SN-1." in page
    assert LICENSED in page
    assert books.stand(START).wallet[LicenseKind.HARDWARE] == {"core-device": 6, "universal-device": 1}
    check_conservation(books.organization)


def test_fewer_than_it_lacks_are_allocated_and_what_it_still_lacks_is_said(
    manager_client: Client, unit: HardwareUnit
) -> None:
    summary = send(manager_client, unit, core="2", universal="")
    assert "The unit then still lacks: Core device: 1, Universal device: 1." in text_of(summary)
    page = text_of(confirm(manager_client, unit, sealed(summary), follow=True))
    assert LICENSED not in page
    assert "The unit still lacks expansion licenses: Core device: 1, Universal device: 1." in page


def test_more_than_is_short_is_warned_of_and_possible(manager_client: Client, unit: HardwareUnit) -> None:
    """R26: any number that the wallet holds."""
    summary = send(manager_client, unit, core="9", universal="1")
    assert "Core device: 6 licenses more than the unit lacks." in text_of(summary)
    assert LICENSED in text_of(confirm(manager_client, unit, sealed(summary), follow=True))
    assert Expansion.objects.get().quantities == {"core-device": 9, "universal-device": 1}


@pytest.mark.parametrize("value", ["-1", "1.5", "1e3", "1" + "0" * 30, "ten", "3３", "9" * 5000, "+1", "0x1"])
def test_what_is_no_number_is_refused_and_kept(manager_client: Client, unit: HardwareUnit, value: str) -> None:
    response = send(manager_client, unit, core=value)
    assert response.status_code == 422
    assert typed(response)["core-device"] == value
    assert "Nothing was allocated" in text_of(response)


def test_nothing_too_much_and_foreign_types_are_refused(manager_client: Client, unit: HardwareUnit) -> None:
    for data, words in (
        (amounts("", ""), "No number of licenses was entered."),
        (amounts("0", "00"), "No number of licenses was entered."),
        (amounts("10", "5"), "4 licenses tied to hardware too few (Core device: 1, Universal device: 3)"),
        (amounts() | {"licenses-audio-device": "1"}, "A license type was entered that this product does not have."),
    ):
        response = manager_client.post(unit_url(unit, "expand/"), data)
        assert response.status_code == 422
        assert words in text_of(response)
        assert typed(response)["core-device"] == data["licenses-core-device"]
    assert not Expansion.objects.exists()


def test_sent_twice_it_counts_once(manager_client: Client, unit: HardwareUnit, books: Books) -> None:
    """R18: the same answer, and one expansion; the same nonce with other content is refused."""
    data = sealed(send(manager_client, unit))
    first, again = (confirm(manager_client, unit, data, follow=True) for _time in range(2))
    assert first.redirect_chain == again.redirect_chain
    expansion = Expansion.objects.get()
    with pytest.raises(ExpansionUsed):
        books.expand(START, unit, nonce=expansion.nonce, core=1)
    assert manager_client.get(unit_url(unit, "expand/confirm/"))["Location"] == unit_url(unit, "expand/")


def test_what_changed_since_is_said_and_the_new_amounts_are_filled_in(
    manager_client: Client, unit: HardwareUnit, books: Books, frozen_clock: FrozenClock
) -> None:
    """R20: more devices, other licenses, other lots, another day; nothing happens, and the page is shown anew."""
    data = sealed(send(manager_client, unit, core="3", universal="2"))
    books.report(START, system="Gate", unit="SN-1", core=12, universal=1)
    response = confirm(manager_client, unit, data)
    assert response.status_code == 409
    page = text_of(response)
    assert "The devices on the hardware unit changed." in page
    # 3 was what it lacked and is 4 now; 2 was one more than it lacked, and stays what was wanted.
    assert "6 expansion licenses" in page
    assert not Expansion.objects.exists()
    data = sealed(response)
    books.redeem(START, kind=LicenseKind.HARDWARE, core=1)
    response = confirm(manager_client, unit, data)
    assert "The licenses in the product wallet changed." in text_of(response)
    data = sealed(response)
    books.expand(START, unit, core=4)
    response = confirm(manager_client, unit, data)
    assert "The licenses of the hardware unit changed." in text_of(response)
    data = sealed(response)
    frozen_clock.move_to(date(2027, 3, 2))
    response = confirm(manager_client, unit, data)
    assert "Today is March 2, 2027 now." in text_of(response)
    assert Expansion.objects.count() == 1
    assert LICENSED in text_of(confirm(manager_client, unit, sealed(response), follow=True))


def test_a_changed_wallet_that_no_longer_suffices_leads_back_to_the_amounts(
    manager_client: Client, unit: HardwareUnit, books: Books
) -> None:
    data = sealed(send(manager_client, unit, core="9", universal="1"))
    books.expand(START, books.unit(START, "SN-2"), core=5)
    response = confirm(manager_client, unit, data)
    assert response.status_code == 409
    assert typed(response) == {"core-device": "9", "universal-device": "1"}
    assert "too few (Core device: 5)" in text_of(response)


def test_forged_and_foreign_confirmations_are_refused(
    manager_client: Client, unit: HardwareUnit, books: Books, other_organization: Organization
) -> None:
    theirs = Books(other_organization)
    foreign = theirs.unit(START, "THEIRS", core=1)
    theirs.redeem(START, kind=LicenseKind.HARDWARE, core=9)
    other = books.unit(START, "SN-2", core=1)
    confirmations = [
        seal_expansion(preview_expansion(expansion_ground(found, START), {"core-device": 1}))
        for found in (foreign, other)
    ]
    good = sealed(send(manager_client, unit))["confirmation"]
    allocation = manager_client.post("/o/harbour/products/camera-station/licensing/", {})
    for text in ("", "x", good[:-1], good[1:], "e30:x:y", str(uuid.uuid4()), "é", *confirmations):
        response = confirm(manager_client, unit, {"confirmation": text})
        assert response.status_code == 422, text
        assert "This confirmation can't be read. Nothing was allocated." in text_of(response)
    assert allocation.status_code == 422
    assert not Expansion.objects.exists()


def test_a_unit_that_ended_meanwhile_is_shown_instead(manager_client: Client, unit: HardwareUnit, books: Books) -> None:
    data = sealed(send(manager_client, unit))
    books.retire(START, unit)
    for response in (
        confirm(manager_client, unit, data, follow=True),
        manager_client.get(unit_url(unit, "expand/"), follow=True),
        manager_client.post(unit_url(unit, "expand/"), amounts(), follow=True),
    ):
        assert response.redirect_chain == [(unit_url(unit), 303)]
        assert "Unit SN-1 was retired or replaced on March 1, 2027. Nothing was changed." in text_of(response)
    assert not Expansion.objects.exists()


def test_a_confirmation_sent_again_after_the_unit_was_retired_says_only_that(
    manager_client: Client, unit: HardwareUnit, books: Books
) -> None:
    """R14b, R27: nothing is licensed by it any more."""
    summary = sealed(send(manager_client, unit))
    assert LICENSED in text_of(confirm(manager_client, unit, summary, follow=True))
    books.retire(START, unit)
    page = text_of(confirm(manager_client, unit, summary, follow=True))
    assert LICENSED not in page
    assert "Unit SN-1 was retired or replaced on March 1, 2027. Nothing was changed." in page
    assert Expansion.objects.count() == 1


def test_a_unit_without_licenses_begins_to_license_its_systems(manager_client: Client, books: Books) -> None:
    """R25: until then its devices count for the subscription, and from then on they don't."""
    unit = books.unit(START, "BARE")
    books.report(START, system="Gate", unit="BARE", core=2)
    books.redeem(START, kind=LicenseKind.HARDWARE, core=2)
    assert books.stand(START).devices["core-device"] == 2
    response = manager_client.get(unit_url(unit, "expand/"))
    assert typed(response)["core-device"] == "2"
    assert "The unit holds no licenses yet." in text_of(response)
    summary = send(manager_client, unit, core="2", universal="")
    assert "more than the unit lacks" not in text_of(summary)
    assert LICENSED in text_of(confirm(manager_client, unit, sealed(summary), follow=True))
    assert books.stand(START).devices["core-device"] == 0


def test_a_viewer_may_not(viewer_client: Client, unit: HardwareUnit) -> None:
    assert viewer_client.get(unit_url(unit, "expand/")).status_code == 403
    assert send(viewer_client, unit).status_code == 403
    assert confirm(viewer_client, unit, {"confirmation": "x"}).status_code == 403
    assert not Expansion.objects.exists()


def test_the_wallet_tells_the_kinds_apart_and_leads_to_system_setup(manager_client: Client, unit: HardwareUnit) -> None:
    """R17: licenses of one kind are nothing for the other."""
    response = manager_client.get("/o/harbour/products/camera-station/wallet/")
    page = text_of(response)
    assert "Core device, subscription 500" in page
    assert "Core device, tied to hardware 9 for hardware units" in page
    assert "Licenses tied to hardware are allocated to one hardware unit, for its lifetime" in page
    # What comes preloaded on a unit was never in the wallet.
    assert "License key redeemed" in page and "Preloaded" not in page
    assert response.content.decode().count('href="/o/harbour/products/camera-station/systems/"') >= 2
