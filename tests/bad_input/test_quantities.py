"""Quantities that are none: a sentence with 422, what was typed kept, the books unchanged (R16, R18)."""

import html
import unicodedata
import uuid
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardware.forms import DevicesField
from products.models import DeviceCount
from subscriptions.forms import QuantityField
from tests.bad_input.conftest import Portal, refused, unchanged

pytestmark = pytest.mark.django_db

NO_QUANTITIES = [
    "-1",
    "-10",
    "+10",
    "10.0",
    "0.5",
    "1,5",
    "1e3",
    "0x10",
    "1_0",
    "ten",
    "NaN",
    "Infinity",
    str(10**30),
    "9" * 5000,
    "1０",  # digits of two scripts: full-width ones alone are what Japanese keyboards write, and count
    "١0",  # likewise Arabic-Indic ones
    "²",
    "Ⅹ",
    "10\u200b",
    "--",
    "<b>10</b>",
    "10; DROP TABLE x",
    "{{ 10 }}",
    "\u202e01",
]


def is_kept(value: str, page: str) -> bool:
    """Whether a field of the page still holds what was typed; an empty one has no value at all."""
    return not value or f'value="{html.escape(value)}"' in page


@pytest.mark.parametrize("value", [*NO_QUANTITIES, "1\t0", "1\n0"], ids=lambda value: repr(value)[:20])
def test_product_licensing_refuses_it_and_keeps_it(portal: Portal, value: str) -> None:
    with unchanged():
        response = portal.summary(core=value)
        told = refused(response, 422)
    assert "Nothing" in told
    assert is_kept(value, response.content.decode())


@pytest.mark.parametrize("value", NO_QUANTITIES, ids=lambda value: repr(value)[:20])
def test_a_systems_devices_refuse_it_and_keep_it(portal: Portal, value: str) -> None:
    with unchanged():
        response = portal.post(
            "edit_devices", {"devices_core-device": value, "devices_universal-device": "7"}, portal.system.system_id
        )
        refused(response, 422)
    page = response.content.decode()
    assert is_kept(value, page) and is_kept("7", page)


@pytest.mark.parametrize("value", ["", " ", *NO_QUANTITIES], ids=lambda value: repr(value)[:20])
def test_registering_refuses_it_and_keeps_everything(portal: Portal, value: str) -> None:
    with unchanged():
        response = portal.client.post(
            portal.url("register_product"),
            {
                "product": "audio-manager",
                "system_name": "Lobby & <Bar>",
                "new_system_id": str(uuid.uuid4()),
                "devices_audio-device": value,
            },
        )
        refused(response, 422)
    page = response.content.decode()
    assert is_kept(value, page) and is_kept("Lobby & <Bar>", page)


def test_nothing_entered_is_refused(portal: Portal) -> None:
    with unchanged():
        assert "Nothing was entered" in refused(portal.summary(core="", universal=" "), 422)
        assert "Nothing was entered" in refused(portal.post("product_licensing", {}), 422)
        assert "Nothing was entered" in refused(portal.summary(core="0", universal="00"), 422)


def test_devices_left_empty_are_refused(portal: Portal) -> None:
    with unchanged():
        response = portal.post("edit_devices", {"devices_core-device": ""}, portal.system.system_id)
        assert "0 if there are none" in refused(response, 422)


@pytest.mark.parametrize("value", [" 10 ", "010", "0000000010"[-9:]])
def test_spaces_around_and_leading_zeros_are_harmless(portal: Portal, value: str) -> None:
    with unchanged():
        assert portal.summary(core=value).status_code == 200


@pytest.mark.parametrize("value", ["１０", "١٠", "۱۰", "१०"])
def test_digits_of_any_script_count_by_their_value(portal: Portal, value: str) -> None:
    with unchanged():
        assert portal.summary(core=value).status_code == 200
    devices = {"devices_core-device": value, "devices_universal-device": "7"}
    assert portal.post("edit_devices", devices, portal.system.system_id).status_code == 303
    counts = DeviceCount.objects.filter(system=portal.system, until_on=None, license_type__code="core-device")
    assert [count.quantity for count in counts] == [10]


@pytest.mark.parametrize(
    ("core", "universal", "what"), [("11", "4", "too many"), ("9", "4", "short"), ("999999999", "4", "too many")]
)
def test_a_number_that_does_not_match_says_by_how_much(portal: Portal, core: str, universal: str, what: str) -> None:
    with unchanged():
        response = portal.summary(core=core, universal=universal)
        assert what in refused(response, 422)
    assert is_kept(core, response.content.decode())


@pytest.mark.parametrize(
    "name", ["y6-core-device", "y99-core-device", "y0-audio-device", "y0-nothing", "y00-core-device", "y0-" + "x" * 300]
)
def test_a_year_or_type_that_is_not_on_offer_is_refused(portal: Portal, name: str) -> None:
    with unchanged():
        response = portal.post("product_licensing", {"y0-core-device": "10", "y0-universal-device": "4", name: "1"})
        assert "not on offer" in refused(response, 422)


def test_a_field_that_is_sent_twice_is_one_value_and_never_their_sum(portal: Portal) -> None:
    with unchanged():
        response = portal.post("product_licensing", {"y0-core-device": ["5", "10"], "y0-universal-device": ["4", "4"]})
        assert response.status_code == 200
        refused(portal.post("product_licensing", {"y0-core-device": ["10", "5"], "y0-universal-device": "4"}), 422)


def clean(field: Any, text: str) -> int | None:
    """What a field makes of a text; None where it refuses it."""
    try:
        return int(field.clean(text))
    except ValidationError:
        return None


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.text(max_size=40)
    | st.integers().map(str)
    | st.floats().map(str)
    | st.text(alphabet="0123456789 -+.,٣３", max_size=12)
)
def test_of_any_text_a_field_makes_a_number_in_range_or_a_sentence(text: str) -> None:
    licenses, devices = clean(QuantityField(), text), clean(DevicesField(), text)
    assert licenses is None or 0 <= licenses <= 999_999_999
    assert devices is None or 0 <= devices <= 1_000_000
    # Digits of one script count by their value; of two scripts they are no number.
    zeros = {
        ord(letter) - unicodedata.decimal(letter) for letter in text if unicodedata.decimal(letter, None) is not None
    }
    assert len(zeros) <= 1 or (licenses is None and devices is None)
    assert licenses in (None, 0) or zeros
    assert devices is None or (text.isprintable() or any(letter.isspace() for letter in text))
