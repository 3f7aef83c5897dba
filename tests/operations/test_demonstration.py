"""The demonstration's data shows every row of R14a, whatever day it is made on."""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.db.models import Sum

from hardware.contact import count_contacts
from hardware.models import HardwareUnit
from hardware.queries import licenses_of, waiting_units
from hardware.services import register_unit
from licensemgr.portal import demonstration
from licensemgr.portal.demonstrating.stories import CAMERA, RECORDER
from licensemgr.portal.demonstrating.trying import HARDWARE_HEADING
from licensemgr.portal.verifying import verify_books
from organizations.models import Membership, Organization
from products.models import DeviceCount, LicenseKind, RegisteredProduct
from subscriptions.queries import standings
from subscriptions.rules import Status
from wallet import keycode
from wallet.models import LicenseKey, Lot, Transfer, TransferReason
from wallet.services import redeem_license_key

pytestmark = pytest.mark.django_db

SHOWN = set(Status) - {Status.UNREGISTERED}


@pytest.mark.slow
@pytest.mark.parametrize("today", [date(2026, 11, 25), date(2028, 2, 29), date(2027, 3, 12)])
def test_it_shows_every_status_on_books_that_verify(today: date) -> None:
    organizations = demonstration.seed_demonstration(today=today)
    shown = {standing.status for organization in organizations.values() for standing in standings(organization, today)}
    assert shown == SHOWN
    assert {organization.settled_through for organization in organizations.values()} == {today}
    assert len({organization.time_zone for organization in organizations.values()}) >= 3
    assert verify_books().differences == []


def test_it_has_something_of_everything_and_what_to_try(tmp_path: Path) -> None:
    """Made once for all that is asked of it: to make it takes seconds."""
    today = date(2026, 11, 25)
    keys_file = tmp_path / "var" / "demo-keys.txt"
    organizations = demonstration.seed_demonstration(today=today, keys_file=keys_file)
    _has_lots_of_all_ages(today)
    counts = count_contacts(organizations[demonstration.HARBOUR])
    assert sorted((each.heard, each.silent) for each in counts.values()) == [(0, 1), (1, 0)]
    _has_units_in_every_state(organizations, today)
    assert keys_file.stat().st_mode & 0o077 == 0
    _can_be_tried(organizations, keys_file.read_text(), today)


def _has_lots_of_all_ages(today: date) -> None:
    ages = Counter(lot.entered_on.year for lot in Lot.objects.all())
    assert len(ages) >= 5
    assert Lot.objects.filter(account__balance__gt=0, expires_on__lte=today + timedelta(days=365)).exists()
    assert Transfer.objects.filter(reason=TransferReason.EXPIRED).exists()
    assert Transfer.objects.filter(reason=TransferReason.COMPENSATED).exists()
    devices = DeviceCount.objects.filter(until_on=None).aggregate(total=Sum("quantity"))["total"]
    assert 200 <= devices <= 999
    in_three = Membership.objects.filter(user__email="alex@example.com").exclude(organization__slug="solvik-museum")
    assert len({membership.role for membership in in_three}) == 3


def _can_be_tried(organizations: dict[str, Organization], text: str, today: date) -> None:
    """The keys and the hardware of the file are free, and can be redeemed and registered."""
    written, hardware = text.split(HARDWARE_HEADING)
    keys = [line.strip() for line in written.splitlines() if line.startswith("  ")]
    kinds = Counter(keycode.parse(key).kind for key in keys)
    assert kinds[keycode.Kind.SUBSCRIPTION] >= 8
    assert kinds[keycode.Kind.HARDWARE] >= 4
    assert LicenseKey.objects.filter(redemptions=None).count() == len(keys)
    camera = RegisteredProduct.objects.select_related("organization").get(
        organization=organizations[demonstration.HARBOUR], product__code=CAMERA
    )
    redemption = redeem_license_key(registered_product=camera, license_key=keys[0], actor=None, on=today)
    assert redemption.license_key.batch.kind == LicenseKind.SUBSCRIPTION
    pairs = [line.split() for line in hardware.splitlines() if line.startswith("  ")]
    assert len(pairs) >= 4
    serial, oak = pairs[-1]
    harbour = organizations[demonstration.HARBOUR]
    unit = register_unit(organization=harbour, serial=serial, oak=oak, actor=None, on=today)
    assert licenses_of([unit])[unit.pk] == {"camera-channel": 16, "analytics-channel": 2}


def _has_units_in_every_state(organizations: dict[str, Organization], today: date) -> None:
    harbour = organizations[demonstration.HARBOUR]
    shown = {standing.product.code: standing for standing in standings(harbour, today)}
    # Expanded and enough, and not installed yet; one that lacks licenses which the wallet holds, beside a subscription.
    assert len(shown[RECORDER].units.serials) == 2
    camera = shown[CAMERA]
    assert (camera.status, camera.units.lacks[0].lacks) == (Status.LICENSED, {"core-device": 3})
    assert camera.wallet[LicenseKind.HARDWARE]["core-device"] >= 3
    waiting = waiting_units(shown[RECORDER].registered_product)
    assert waiting.count() == 1
    assert HardwareUnit.objects.filter(organization=harbour).exclude(ended_on=None).count() == 1
    schools = organizations[demonstration.SCHOOLS]
    [lacking] = [s for s in standings(schools, today) if s.status == Status.EXPANSION_NEEDED]
    assert lacking.units.lacks[0].lacks == {"camera-channel": 3, "analytics-channel": 1}
