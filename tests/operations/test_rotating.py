"""Secrets are changed without downtime: what was made under the former one goes on, and tells by which it was made."""

import hashlib
from io import StringIO

import pytest
from django.core import signing
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from hardware.models import ManufacturedUnit
from hardware.services import register_unit
from licensemgr.core import peppers, signing_keys
from organizations.models import Organization, User
from products.models import Product, RegisteredProduct
from tests import factories
from tests.conftest import FrozenClock
from wallet.errors import KeyUnknown
from wallet.models import LicenseKey, Redemption
from wallet.services import redeem_license_key, revoke_license_key

pytestmark = pytest.mark.django_db

NEW = "a-new-secret-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEF"


def test_an_id_tells_peppers_apart_and_nothing_of_them(settings: Settings) -> None:
    settings.LICENSE_KEY_PEPPER, settings.LICENSE_KEY_PEPPER_FALLBACKS = NEW, ["former"]
    now, former = peppers.keyed_hashes(b"message")
    assert now == peppers.keyed_hash(b"message")
    assert len({now.pepper_id, former.pepper_id}) == 2
    assert now.pepper_id == hashlib.sha256(b"license-manager pepper:" + NEW.encode()).hexdigest()[:8]
    assert peppers.is_hash_of(b"message", former.digest, former.pepper_id)
    assert peppers.is_hash_of(b"message", former.digest, "")
    assert not peppers.is_hash_of(b"message", former.digest, now.pepper_id)
    assert not peppers.is_hash_of(b"another", former.digest, "")


@pytest.fixture
def registered(organization: Organization, camera_station: Product, frozen_clock: FrozenClock) -> RegisteredProduct:
    return factories.register(organization, camera_station, on=frozen_clock.today, core=2)


def change_pepper(settings: Settings, *, keep_former: bool) -> None:
    former = settings.LICENSE_KEY_PEPPER
    settings.LICENSE_KEY_PEPPER = NEW
    settings.LICENSE_KEY_PEPPER_FALLBACKS = [former] if keep_former else []


def test_keys_of_a_former_pepper_are_redeemed_and_new_ones_know_the_new(
    registered: RegisteredProduct, settings: Settings, frozen_clock: FrozenClock
) -> None:
    before = factories.issue(registered.product, core=2)
    old_id = peppers.pepper_id(settings.LICENSE_KEY_PEPPER)
    change_pepper(settings, keep_former=True)
    after = factories.issue(registered.product, core=3)
    assert list(LicenseKey.objects.order_by("pk").values_list("pepper_id", flat=True)) == [
        old_id,
        peppers.pepper_id(NEW),
    ]
    for key in (before, after):
        redeem_license_key(registered_product=registered, license_key=key, actor=None, on=frozen_clock.today)
    assert Redemption.objects.count() == 2
    last = factories.issue(registered.product, core=1)
    change_pepper(settings, keep_former=True)
    assert revoke_license_key(license_key=last, reason="lost").revoked_at is not None


def test_without_the_former_pepper_its_keys_are_unknown_and_the_command_says_so(
    registered: RegisteredProduct, settings: Settings, frozen_clock: FrozenClock
) -> None:
    before = factories.issue(registered.product, core=2)
    old_id = peppers.pepper_id(settings.LICENSE_KEY_PEPPER)
    change_pepper(settings, keep_former=True)
    out = StringIO()
    call_command("peppers", stdout=out)
    assert f"{old_id} former: 1 license keys, 0 hardware units" in out.getvalue()
    settings.LICENSE_KEY_PEPPER_FALLBACKS = []
    with pytest.raises(KeyUnknown):
        redeem_license_key(registered_product=registered, license_key=before, actor=None, on=frozen_clock.today)
    with pytest.raises(CommandError, match=old_id):
        call_command("peppers", stdout=StringIO())


def test_keys_of_before_there_were_ids_are_found(
    registered: RegisteredProduct, settings: Settings, frozen_clock: FrozenClock
) -> None:
    key = factories.issue(registered.product, core=2)
    LicenseKey.objects.update(pepper_id="")
    change_pepper(settings, keep_former=True)
    out = StringIO()
    call_command("peppers", stdout=out)
    assert "(no id) any: 1 license keys" in out.getvalue()
    redeem_license_key(registered_product=registered, license_key=key, actor=None, on=frozen_clock.today)
    assert Redemption.objects.count() == 1


def test_units_of_a_former_pepper_are_registered(
    books: factories.Books, organization: Organization, settings: Settings, frozen_clock: FrozenClock
) -> None:
    oak = books.make_unit("UNIT1", core=1)
    change_pepper(settings, keep_former=True)
    unit = register_unit(organization=organization, serial="UNIT1", oak=oak, actor=None, on=frozen_clock.today)
    assert unit.made.pepper_id != peppers.pepper_id(NEW)
    books.make_unit("UNIT2", core=1)
    assert ManufacturedUnit.objects.get(serial="UNIT2").pepper_id == peppers.pepper_id(NEW)


def test_sessions_and_signatures_of_a_former_secret_key_go_on(administrator: User, settings: Settings) -> None:
    client = Client()
    client.force_login(administrator)
    signed = signing.dumps({"plan": 1})
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = NEW
    assert client.get("/").status_code == 200
    assert signing.loads(signed) == {"plan": 1}
    # The session was signed anew: from here on it needs the former key no more.
    settings.SECRET_KEY_FALLBACKS = []
    assert client.get("/").status_code == 200
    with pytest.raises(signing.BadSignature):
        signing.loads(signed)


def test_without_the_former_secret_key_people_sign_in_again(administrator: User, settings: Settings) -> None:
    client = Client()
    client.force_login(administrator)
    settings.SECRET_KEY = NEW
    assert client.get("/").status_code == 302


def test_at_no_moment_of_a_rotation_is_there_no_key_or_one_that_was_not_announced(anonymous_client: Client) -> None:
    signing_keys.rotate()
    for _time in range(3):
        announced = {key["kid"] for key in anonymous_client.get("/.well-known/jwks.json").json()["keys"]}
        signing_keys.rotate()
        kid, _key = signing_keys.current_key()
        assert kid in announced
        now = {key["kid"] for key in anonymous_client.get("/.well-known/jwks.json").json()["keys"]}
        # Nobody who fetched the keys before has to fetch them again, and nothing that was signed is forgotten.
        assert announced < now
