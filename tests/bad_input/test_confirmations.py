"""Confirmations that are forged, altered, reused, of somebody else or of yesterday (R18, R20)."""

from datetime import date
from typing import Any

import pytest
from django.core import signing
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from organizations.models import Membership, Role
from organizations.services import add_member
from subscriptions.models import Allocation
from tests.bad_input.conftest import PRODUCT, START, Portal, confirmation_in, refused, unchanged
from tests.conftest import FrozenClock

pytestmark = pytest.mark.django_db
SALT = "subscriptions.confirmation"


def confirm(portal: Portal, confirmation: object, product: str = PRODUCT) -> Any:
    """Send a confirmation to a product of the administrator's organization."""
    address = portal.url("confirm_allocation", product)
    return portal.client.post(address, {} if confirmation is None else {"confirmation": confirmation})


@pytest.mark.parametrize(
    "forged",
    [
        None,
        "",
        "x",
        ":",
        "::",
        ":::",
        ".:.:.",
        "\u202e" * 50,
        "é:ü:ö",
        "x" * 100_000,
        pytest.param(signing.dumps({}), id="signed without a salt"),
        pytest.param(signing.dumps({"organization": 1}, salt="something else"), id="signed with another salt"),
        pytest.param(signing.dumps({"organization": 1}, key="another secret" * 5, salt=SALT), id="another secret"),
    ],
    # A signature holds the time: in an id, two workers that start in different seconds would collect different tests.
    ids=lambda value: repr(value)[:16],
)
def test_a_forged_one_is_refused(portal: Portal, forged: str | None) -> None:
    with unchanged():
        assert "can't be read" in refused(confirm(portal, forged), 422)


def test_one_altered_symbol_anywhere_is_refused(portal: Portal) -> None:
    sealed = portal.confirmation()
    with unchanged():
        for place in range(0, len(sealed) - 1, max(1, len(sealed) // 25)):
            symbol = "A" if sealed[place] != "A" else "B"
            refused(confirm(portal, sealed[:place] + symbol + sealed[place + 1 :]), 422)
        for altered in (sealed[:-1], sealed[1:], sealed + "A", sealed[:40], sealed * 2, sealed.swapcase()):
            refused(confirm(portal, altered), 422)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(text=st.text(max_size=80) | st.text(alphabet="abcXYZ0123456789:._-", max_size=80))
def test_any_text_is_refused(portal: Portal, text: str) -> None:
    assert confirm(portal, text).status_code in (400, 422)
    assert not Allocation.objects.exists()


def test_one_of_another_organization_or_product_is_refused(portal: Portal) -> None:
    portal.books.report(START, product="audio-manager", system="Audio", audio=1)
    portal.books.start(START, product="audio-manager")
    portal.books.redeem(START, product="audio-manager", audio=5)
    address = portal.url("product_licensing", "audio-manager")
    of_audio = confirmation_in(portal.client.post(address, {"y0-audio-device": "1"}))
    person = Membership.objects.get(organization=portal.organization, role=Role.ADMINISTRATOR).user
    add_member(organization=portal.other, user=person, role=Role.MANAGER, actor=None, on=START)
    theirs = reverse("product_licensing", args=[portal.other.slug, PRODUCT])
    of_other = confirmation_in(portal.client.post(theirs, {"y0-core-device": "10", "y0-universal-device": "4"}))
    mine = portal.confirmation()
    with unchanged():
        assert "can't be read" in refused(confirm(portal, of_audio), 422)
        assert "can't be read" in refused(confirm(portal, of_other), 422)
        assert "can't be read" in refused(confirm(portal, mine, "audio-manager"), 422)
        response = portal.client.post(
            reverse("confirm_allocation", args=[portal.other.slug, PRODUCT]), {"confirmation": mine}
        )
        assert "can't be read" in refused(response, 422)


def test_one_sent_twenty_times_counts_once(portal: Portal) -> None:
    sealed = portal.confirmation()
    assert confirm(portal, sealed).status_code == 303
    with unchanged():
        for _number in range(19):
            assert confirm(portal, sealed).status_code == 303
    assert Allocation.objects.count() == 1


def test_one_used_before_does_not_work_again_on_another_day(portal: Portal, frozen_clock: FrozenClock) -> None:
    sealed = portal.confirmation()
    assert confirm(portal, sealed).status_code == 303
    frozen_clock.move_to(date(2027, 3, 2))
    portal.books.settle(date(2027, 3, 2))
    with unchanged():
        response = confirm(portal, sealed)
        assert response.status_code == 303 or refused(response)
    assert Allocation.objects.count() == 1


def test_one_opened_yesterday_is_shown_anew_and_says_so(portal: Portal, frozen_clock: FrozenClock) -> None:
    sealed = portal.confirmation()
    frozen_clock.move_to(date(2027, 3, 2))
    portal.books.settle(date(2027, 3, 2))
    with unchanged():
        response = confirm(portal, sealed)
        told = refused(response, 409)
    assert "Today is March 2, 2027 now." in told and "nothing was allocated" in told
    assert confirm(portal, confirmation_in(response)).status_code == 303
    assert Allocation.objects.count() == 1


@pytest.mark.slow
def test_one_opened_a_year_or_a_lifetime_ago_is_never_a_500(portal: Portal, frozen_clock: FrozenClock) -> None:
    sealed = portal.confirmation()
    for day in (date(2028, 3, 1), date(2040, 1, 1), date(2400, 2, 29)):
        frozen_clock.move_to(day)
        portal.books.settle(day)
        with unchanged():
            refused(confirm(portal, sealed), 409, 422)


def test_one_whose_licenses_were_used_meanwhile_says_what_changed(portal: Portal) -> None:
    sealed = portal.confirmation()
    portal.books.report(START, system="More", core=25)
    with unchanged():
        told = refused(confirm(portal, sealed), 409)
    assert "The current need changed." in told
    # What is missing now (35) is more than the wallet holds (30): the page says that, too.
    assert "Confirm allocation" in told


def test_a_repeated_field_and_a_plan_beside_it_change_nothing(portal: Portal) -> None:
    """Only what was sealed counts; what else is sent is not looked at."""
    sealed = portal.confirmation()
    with unchanged():
        refused(portal.post("confirm_allocation", {"confirmation": [sealed, "x"]}), 422)
    response = portal.post(
        "confirm_allocation", {"confirmation": sealed, "plan": '{"0": {"core-device": 30}}', "y0-core-device": "30"}
    )
    assert response.status_code == 303
    assert portal.books.stand(START).years[0].allocated["core-device"] == 10
