"""Checking a key before it is redeemed, the organization's name for many licenses, and refused tries (R21)."""

import logging
import re
import uuid
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from licensemgr.core import clock
from organizations.models import Organization, User
from tests.bad_input.conftest import unchanged
from tests.conftest import FrozenClock
from tests.factories import Books, issue, register
from wallet import keycode
from wallet.models import Redemption, RefusedTries
from wallet.services import issue_license_keys, redeem_license_key, revoke_license_key

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)


@pytest.fixture
def registered(books: Books) -> Books:
    """Camera Station is registered; Audio Manager is not."""
    cache.clear()
    books.report(START, core=10, universal=4)
    return books


def wallet_of(organization: Organization, product: str = "camera-station") -> str:
    """The address of a Product wallet."""
    return reverse("product_wallet", args=[organization.slug, product])


def send(
    client: Client, organization: Organization, stem: str, key: str, *, name: str | None = None, **more: Any
) -> Any:
    """Send the form by the button that redeems or the one that checks."""
    data = {"license_key": key, "form_token": more.pop("token", None) or str(uuid.uuid4())}
    if name is not None:
        data["organization_name"] = name
    return client.post(reverse(stem, args=[organization.slug, "camera-station"]), data, **more)


def check(client: Client, organization: Organization, key: str, **more: Any) -> Any:
    """Send the form by “Check license key”."""
    return send(client, organization, "check_license_key", key, **more)


def redeem(client: Client, organization: Organization, key: str, **more: Any) -> Any:
    """Send the form by “Redeem license key”."""
    return send(client, organization, "redeem_license_key", key, **more)


def words(response: Any) -> str:
    """The page's text, without markup."""
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


class TestChecking:
    def test_it_says_what_the_key_carries_changes_nothing_and_keeps_what_was_typed(
        self, registered: Books, manager_client: Client, organization: Organization
    ) -> None:
        [key] = issue_license_keys(
            product=registered.products["camera-station"],
            kind="hardware",
            licenses={"core-device": 12, "universal-device": 1},
            count=1,
            redeem_by=date(2027, 12, 31),
            actor=None,
        )
        token = str(uuid.uuid4())
        with unchanged():
            response = check(manager_client, organization, key.lower(), token=token)
        assert response.status_code == 200
        text = words(response)
        assert "Product Camera Station Kind Tied to hardware" in text
        assert "Core device 12 licenses Universal device 1 license Redeem by Dec. 31, 2027" in text
        assert "This license key fits this Product wallet. Nothing has been redeemed yet." in text
        assert "no way of transferring" in text
        # What was typed stays, under the same form's token, and redeeming is one click further.
        assert f'value="{key.lower()}"' in response.content.decode()
        assert f'value="{token}"' in response.content.decode()
        assert redeem(manager_client, organization, key.lower(), token=token).status_code == 303

    def test_it_is_the_second_button_of_the_form_so_that_enter_redeems(
        self, registered: Books, manager_client: Client, organization: Organization
    ) -> None:
        text = manager_client.get(wallet_of(organization)).content.decode()
        form = re.search(r'<form class="form stack".*?</form>', text, re.DOTALL)
        assert form
        buttons = re.findall(r"<button[^>]*>", form[0])
        assert "formaction" not in buttons[0]
        assert f'formaction="{reverse("check_license_key", args=[organization.slug, "camera-station"])}"' in buttons[1]

    def test_a_key_of_another_product_names_it_with_the_way_to_its_wallet(
        self, registered: Books, manager_client: Client, organization: Organization
    ) -> None:
        key = issue(registered.products["audio-manager"], audio=1)
        response = check(manager_client, organization, key)
        assert "is for Audio Manager, which is not registered to Harbour Cameras" in words(response)
        assert wallet_of(organization, "audio-manager") not in response.content.decode()
        registered.report(START, product="audio-manager", system="Audio", audio=1)
        response = check(manager_client, organization, key)
        assert "is for Audio Manager, so it does not fit this wallet" in words(response)
        assert f'href="{wallet_of(organization, "audio-manager")}"' in response.content.decode()

    def test_a_key_whose_redeem_by_is_over_says_so(
        self, registered: Books, manager_client: Client, organization: Organization, frozen_clock: FrozenClock
    ) -> None:
        [key] = issue_license_keys(
            product=registered.products["camera-station"],
            kind="subscription",
            licenses={"core-device": 1},
            count=1,
            redeem_by=START,
            actor=None,
        )
        assert "fits this Product wallet" in words(check(manager_client, organization, key))
        frozen_clock.move_to(START + timedelta(days=1))
        assert "could be redeemed until March 1, 2027" in words(check(manager_client, organization, key))
        refused = redeem(manager_client, organization, key)
        assert refused.status_code == 422
        assert "could be redeemed until March 1, 2027. Nothing was changed. Ask the reseller" in words(refused)

    def test_what_redeeming_refuses_checking_refuses_with_the_same_sentence(
        self, registered: Books, manager_client: Client, organization: Organization, other_organization: Organization
    ) -> None:
        product = registered.products["camera-station"]
        revoked, mine, theirs = (issue(product, core=1) for _key in range(3))
        revoke_license_key(license_key=revoked, reason="returned")
        redeem_license_key(registered_product=registered.registered(), license_key=mine, actor=None, on=START)
        other = register(other_organization, product, on=START, system="Other", core=1)
        redeem_license_key(registered_product=other, license_key=theirs, actor=None, on=START)
        unknown = keycode.generate("subscription")
        told = {}
        for typed in ("", "ABC", unknown, revoked, mine, theirs):
            sentences = []
            for ask in (check, redeem):
                with unchanged():
                    response = ask(manager_client, organization, typed)
                assert response.status_code == 422
                sentences += re.findall(r'class="field__error">.*?<span>(.*?)</span>', response.content.decode())
            assert len(sentences) == 2
            assert sentences[0] == sentences[1]
            told[typed] = sentences[0]
        # Others' keys tell nothing, here neither.
        assert told[theirs] == told[unknown]

    def test_htmx_gets_the_form_alone(
        self, registered: Books, manager_client: Client, organization: Organization
    ) -> None:
        key = issue(registered.products["camera-station"], core=1)
        response = check(manager_client, organization, key, headers={"HX-Request": "true"})
        text = response.content.decode().strip()
        assert response.status_code == 200
        assert text.startswith('<section class="panel" id="redeem-license-key"')
        assert "data-focus" in text

    def test_a_viewer_and_a_stranger_check_nothing(
        self, registered: Books, viewer_client: Client, outsider_client: Client, organization: Organization
    ) -> None:
        key = issue(registered.products["camera-station"], core=1)
        assert check(viewer_client, organization, key).status_code == 403
        assert check(outsider_client, organization, key).status_code == 404
        assert not RefusedTries.objects.exists()

    def test_the_key_stands_in_no_address_and_in_no_log(
        self,
        registered: Books,
        manager_client: Client,
        organization: Organization,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        keys = [keycode.generate("subscription"), issue(registered.products["camera-station"], core=1)]
        for ask in (check, redeem):
            for key in keys:
                response = ask(manager_client, organization, key)
                assert key not in response.headers.get("Location", "")
        # An error of the portal itself is reported without the key, too.
        monkeypatch.setattr("wallet.views._what_was_added", lambda redemption: 1 / 0)
        manager_client.raise_request_exception = False
        assert (
            redeem(manager_client, organization, issue(registered.products["camera-station"], core=1)).status_code
            == 500
        )
        for key in keys:
            for part in (key, key.replace("-", ""), key[:17]):
                assert part not in caplog.text
        assert manager_client.get(reverse("check_license_key", args=[organization.slug, "camera-station"]))[
            "Location"
        ] == wallet_of(organization)


class TestTheNameOfTheOrganization:
    @pytest.fixture
    def big(self, registered: Books) -> str:
        """A key with 100 licenses over its types."""
        return issue(registered.products["camera-station"], core=99, universal=1)

    def test_below_100_nothing_is_asked(
        self, registered: Books, manager_client: Client, organization: Organization
    ) -> None:
        key = issue(registered.products["camera-station"], core=98, universal=1)
        assert redeem(manager_client, organization, key).status_code == 303

    def test_from_100_on_the_page_shows_what_it_carries_and_asks_for_the_name(
        self, registered: Books, manager_client: Client, organization: Organization, big: str
    ) -> None:
        with unchanged():
            response = redeem(manager_client, organization, big)
        assert response.status_code == 200
        text = words(response)
        assert "What this license key carries" in text
        assert "Core device 99 licenses Universal device 1 license" in text
        assert "100 licenses will belong to Harbour Cameras , and there is no way of moving them" in text
        assert "no way of transferring" in text
        assert 'name="organization_name"' in response.content.decode()
        assert "Type the name as it stands above" in text
        # The key that was shown is the one that is redeemed.
        assert re.search(rf'<input[^>]*value="{big}"[^>]*readonly', response.content.decode())

    def test_the_name_redeems_whatever_its_case_and_the_spaces_around_it(
        self, registered: Books, manager_client: Client, organization: Organization, big: str
    ) -> None:
        for typed in ("", "   ", "Harbour", "Harbour Camera", "Other Port", "harbour_cameras"):
            with unchanged():
                response = redeem(manager_client, organization, big, name=typed)
            assert response.status_code == 422
            assert "Nothing was changed. To redeem it, type the name of the organization: Harbour Cameras." in words(
                response
            )
            assert 'name="organization_name"' in response.content.decode()
        response = redeem(manager_client, organization, big, name="  hARBOUR  cameras\t")
        assert (response.status_code, response["Location"]) == (303, wallet_of(organization))
        assert registered.stand(START).wallet["subscription"] == {"core-device": 99, "universal-device": 1}

    def test_a_name_with_accents_and_markup_is_compared_as_it_reads(
        self, registered: Books, manager_client: Client, organization: Organization, big: str
    ) -> None:
        Organization.objects.filter(pk=organization.pk).update(name="Café <b>Größe</b>")
        response = redeem(manager_client, organization, big)
        assert "<b>Größe" not in response.content.decode()
        assert redeem(manager_client, organization, big, name="cafe\u0301 <B>GRÖSSE</B>").status_code == 303

    def test_a_double_click_and_a_page_gone_back_to_count_once(
        self, registered: Books, manager_client: Client, organization: Organization, big: str
    ) -> None:
        token = str(uuid.uuid4())
        assert redeem(manager_client, organization, big, token=token).status_code == 200
        for _time in range(2):
            assert redeem(manager_client, organization, big, name="Harbour Cameras", token=token).status_code == 303
        # Back at the first page, and once more.
        assert redeem(manager_client, organization, big, token=token).status_code == 303
        assert Redemption.objects.count() == 1

    def test_checked_before_it_says_that_the_name_will_be_asked_for(
        self, registered: Books, manager_client: Client, organization: Organization, big: str
    ) -> None:
        assert "you will be asked for the organization's name" in words(
            check(manager_client, organization, big)
        ).replace("&#x27;", "'")

    def test_a_key_that_is_refused_is_refused_before_the_name_is_asked_for(
        self, registered: Books, manager_client: Client, organization: Organization, big: str
    ) -> None:
        revoke_license_key(license_key=big, reason="returned")
        response = redeem(manager_client, organization, big)
        assert "revoked by the vendor" in words(response)
        assert 'name="organization_name"' not in response.content.decode()


class TestRefusedTries:
    """What staff see of them; whatever becomes of the request, it stays written."""

    @pytest.fixture(autouse=True)
    def _three(self, settings: Any) -> None:
        settings.LICENSE_KEY_TRIES_PER_HOUR = 3

    def test_unknown_keys_and_what_the_limit_refuses_are_counted_for_both_buttons(
        self, registered: Books, manager_client: Client, manager: User, organization: Organization
    ) -> None:
        for ask in (check, redeem, check):
            assert ask(manager_client, organization, keycode.generate("subscription")).status_code == 422
        for ask in (check, redeem):
            response = ask(manager_client, organization, issue(registered.products["camera-station"], core=1))
            assert response.status_code == 429
            assert 0 < int(response["Retry-After"]) <= 3600
        row = RefusedTries.objects.get()
        assert (row.user, row.organization, row.address) == (manager, organization, "127.0.0.1")
        assert (row.unknown, row.limited) == (3, 2)
        assert row.hour == clock.real_now().replace(minute=0, second=0, microsecond=0)
        assert not Redemption.objects.exists()

    def test_mistyped_and_known_keys_are_not_counted(
        self, registered: Books, manager_client: Client, organization: Organization
    ) -> None:
        revoked = issue(registered.products["camera-station"], core=1)
        revoke_license_key(license_key=revoked, reason="returned")
        for typed in (
            "",
            "AAAAA-AAAAA-AAAAA-AAAAA-AAAAA",
            revoked,
            issue(registered.products["audio-manager"], audio=1),
        ):
            for ask in (check, redeem):
                ask(manager_client, organization, typed)
        assert not RefusedTries.objects.exists()

    def test_a_row_for_each_person_address_and_hour(
        self,
        registered: Books,
        manager_client: Client,
        administrator_client: Client,
        organization: Organization,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        unknown = keycode.generate("subscription")
        check(manager_client, organization, unknown)
        check(manager_client, organization, unknown, REMOTE_ADDR="192.0.2.7")
        # Of IPv6 a subscriber has a whole /64 network.
        check(administrator_client, organization, unknown, REMOTE_ADDR="2001:db8::1")
        check(administrator_client, organization, unknown, REMOTE_ADDR="2001:db8::ffff")
        later = clock.real_now() + timedelta(hours=1)
        monkeypatch.setattr(clock, "real_now", lambda: later)
        check(administrator_client, organization, unknown, REMOTE_ADDR="2001:db8::1")
        rows = RefusedTries.objects.order_by("pk").values_list("user__email", "address", "unknown")
        assert list(rows) == [
            ("manager@example.com", "127.0.0.1", 1),
            ("manager@example.com", "192.0.2.7", 1),
            ("administrator@example.com", "2001:db8::", 2),
            ("administrator@example.com", "2001:db8::", 1),
        ]

    def test_no_column_could_hold_a_key(self) -> None:
        texts = [field for field in RefusedTries._meta.get_fields() if getattr(field, "max_length", None)]
        assert [(field.name, getattr(field, "max_length", 0)) for field in texts] == [("address", 45)]
