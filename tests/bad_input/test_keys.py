"""License keys of any bytes (R21): never a 500, never a redemption, what was typed kept where it can be."""

import html
import re
import urllib.parse
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bad_input.conftest import Portal, refused, unchanged
from wallet.keycode import generate
from wallet.services import redeem_license_key

pytestmark = pytest.mark.django_db

NO_KEYS = [
    "",
    "   ",
    "-",
    "x",
    "0" * 25,
    "Z" * 25,
    "U" * 25,  # a letter that Crockford's base32 does not have
    "０" * 25,  # full-width digits
    "é" * 25,
    "ſ" * 25,  # becomes S in capitals
    "ß" * 13,  # becomes longer in capitals
    "ı" * 25,
    "0" * 10_000,
    "\u202e" + "0" * 25,
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "%00",
    "\\u0000",
    "😀" * 25,
]


def send(portal: Portal, key: str, token: str | None = None) -> Any:
    """Redeem as a person would."""
    return portal.post("redeem_license_key", {"license_key": key, "form_token": token or str(uuid.uuid4())})


@pytest.mark.parametrize("key", NO_KEYS, ids=lambda key: repr(key)[:20])
def test_what_is_no_key_is_refused_and_kept(portal: Portal, key: str) -> None:
    with unchanged():
        response = send(portal, key)
        assert "Nothing" in refused(response, 422)
    assert not key.strip() or html.escape(key) in response.content.decode()


@pytest.mark.slow
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(text=st.text(max_size=60) | st.text(alphabet="0123456789ABCDEFGHJKMNPQRSTVWXYZ- oil", min_size=20, max_size=32))
def test_any_text_is_refused(portal: Portal, text: str) -> None:
    response = send(portal, text)
    assert response.status_code in (400, 422, 429)
    assert portal.books.stand(portal.books.registered().registered_on).wallet["subscription"]["core-device"] == 30


@pytest.mark.slow
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(raw=st.binary(max_size=80))
def test_any_bytes_are_refused(portal: Portal, raw: bytes) -> None:
    """Percent-encoded, so also what is no UTF-8; and bare, as whatever form they make."""
    address = portal.url("redeem_license_key", "camera-station")
    form = "application/x-www-form-urlencoded"
    encoded = f"form_token={uuid.uuid4()}&license_key={urllib.parse.quote_from_bytes(raw)}"
    assert portal.client.post(address, encoded, content_type=form).status_code in (400, 422, 429)
    assert portal.client.post(address, b"license_key=" + raw, content_type=form).status_code in (400, 422, 429)


@pytest.mark.parametrize(
    "encoded", ["%ED%A0%80", "%00", "A%00B", "%FF%FE", "%C3%28", "%F0%9F%98", "%", "%zz", "%u0041"]
)
def test_lone_surrogates_nul_and_broken_utf_8_are_refused(portal: Portal, encoded: str) -> None:
    for body in (
        f"license_key={encoded}&form_token={uuid.uuid4()}",
        f"license_key=0&form_token={encoded}",
        f"{encoded}=1",
    ):
        with unchanged():
            response = portal.client.post(
                portal.url("redeem_license_key", "camera-station"),
                body,
                content_type="application/x-www-form-urlencoded",
            )
            refused(response, 400, 422)


@pytest.mark.parametrize("token", ["", "x", "0", "-1", "%", "00000000-0000-0000-0000-00000000000g", "a" * 5000])
def test_a_form_token_that_is_none_is_refused_and_the_key_stays_in_the_form(
    portal: Portal, new_key: Callable[[], str], token: str
) -> None:
    key = new_key()
    with unchanged():
        response = portal.post("redeem_license_key", {"license_key": key, "form_token": token})
        refused(response, 422)
    assert key in response.content.decode()


def test_a_form_token_used_for_another_key_redeems_the_new_key_and_a_used_key_stays_used(
    portal: Portal, new_key: Callable[[], str]
) -> None:
    """The token tells a repeated form from a second try of the same key; it never makes one key of two."""
    token, first, second = str(uuid.uuid4()), new_key(), new_key()
    assert send(portal, first, token).status_code == 303
    with unchanged():
        assert send(portal, first, token).status_code == 303
        assert "redeemed" in refused(send(portal, first), 422)
    assert send(portal, second, token).status_code in (303, 422)


def test_a_key_of_another_organization_an_unknown_one_and_its_token_get_the_same_answer(
    portal: Portal, new_key: Callable[[], str]
) -> None:
    theirs, token = new_key(), uuid.uuid4()
    redeem_license_key(
        registered_product=portal.other_books.registered(),
        license_key=theirs,
        actor=None,
        on=portal.books.registered().registered_on,
        form_token=token,
    )
    with unchanged():
        told = []
        for key in (theirs, generate("subscription")):
            response = send(portal, key, str(token))
            assert response.status_code == 422
            text = response.content.decode().replace(key, "KEY")
            told.append(re.sub(r'csrfmiddlewaretoken" value="[^"]*"', "", text))
        assert told[0] == told[1]


def test_wrong_tries_are_slowed_with_a_sentence(portal: Portal) -> None:
    with unchanged():
        statuses = [send(portal, generate("subscription")).status_code for _try in range(22)]
        assert set(statuses[:20]) == {422} and set(statuses[20:]) == {429}
        key = generate("subscription")
        response = send(portal, key)
        refused(response, 429)
        assert key in response.content.decode()


def test_a_key_sent_to_another_tenants_product_or_an_unregistered_one_is_not_found(
    portal: Portal, new_key: Callable[[], str]
) -> None:
    data = {"license_key": new_key(), "form_token": str(uuid.uuid4())}
    with unchanged():
        for slug, product in (
            (portal.other.slug, "camera-station"),
            ("nobody", "camera-station"),
            ("harbour", "audio-manager"),
        ):
            refused(portal.client.post(reverse("redeem_license_key", args=[slug, product]), data), 404)
