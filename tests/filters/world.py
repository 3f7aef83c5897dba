"""An organization, its people, and resellers, in which every list has something for every filter, many of it alike."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from hardware.models import HardwareUnit, RegistrationCode, SystemIdentity
from licensemgr.core import clock
from organizations.models import Membership, Organization, Role, User
from products.device_lists import ListedDevice
from products.models import Product, RegisteredProduct, Reseller, ResellerKind, System, SystemSource
from tests.factories import Books, UserFactory

START = date(2027, 3, 1)
TODAY = START + timedelta(days=1)
PRODUCT = "camera-station"
# Written in the same order by every database: they begin with digits, and what is equal is so to the last letter.
_WORDS = ("gate", "pier", "Gate", "yard 100%", "a_b", "=1+1", "Älv", "kaj's", "東門")


@dataclass
class World:
    """What was made, as far as it is not read back from the tables."""

    books: Books
    person: User
    # Per serial number of a unit of the product, the licenses of each type that were given to it.
    licenses: dict[str, dict[str, int]]
    # The system that listed its devices, and these in its own order.
    lister: System
    devices: Sequence[ListedDevice]

    @property
    def organization(self) -> Organization:
        return self.books.organization


def name_of(random: Random) -> str:
    """A name of a few dozen that there are, so that some are alike."""
    number = random.randrange(30)
    return f"{number:02} {_WORDS[number % len(_WORDS)]}"


def make_world(books: Books, person: User, random: Random) -> World:
    """All of it; the current year is fully licensed, so that only units can lack licenses (R25)."""
    licenses = _units(books, random)
    devices = [
        ListedDevice(f"cam-{number % 60:02}{'x' * (number // 60)}", f"M{random.randrange(4)}", "core-device")
        for number in random.sample(range(90), 40)
    ]
    lister = books.report(START, system="Lister", device_list=devices, core=40)
    for number in range(16):
        _system(books, random, f"S{number}", unit=random.choice(("", "", *licenses, "SN-UNKNOWN")))
    for number in range(3):
        books.report(START, product="audio-manager", system=f"audio {number}", audio=number)
    for number in range(4):
        product = Product.objects.create(code=f"other-{number}", name=f"Other {random.choice('ab')}")
        RegisteredProduct.objects.create(
            organization=books.organization,
            product=product,
            registered_on=START,
            trial_last_on=random.choice((None, START, START - timedelta(days=1))),
        )
    books.start(START)
    books.redeem(START, core=900, universal=900)
    need = books.stand(START).devices
    books.allocate(START, {"core": need["core-device"], "universal": need["universal-device"]})
    for _time in range(4):
        books.redeem(START, kind=random.choice(("subscription", "hardware")), core=random.randrange(1, 9))
    _make_alike(books, random)
    # So the organization's today is the day after.
    books.redeem(TODAY, product="audio-manager", audio=3)
    _codes(books, person, random)
    _people(books, person, random)
    _resellers(books, random)
    return World(books, person, licenses, lister, devices)


def _units(books: Books, random: Random) -> dict[str, dict[str, int]]:
    licenses = {}
    for number in range(7):
        given: dict[str, Any] = {"core": random.randrange(0, 5), "universal": random.randrange(0, 2)}
        given = {name: quantity for name, quantity in given.items() if quantity} or {"core": 1}
        serial = f"SN-{random.randrange(10)}{number}"
        books.unit(START, serial, **given)
        licenses[serial] = given
    return licenses


def _system(books: Books, random: Random, name: str, *, unit: str) -> None:
    source = random.choice([SystemSource.MANUAL, SystemSource.OFFLINE, SystemSource.ONLINE, SystemSource.ONLINE])
    if source == SystemSource.MANUAL:
        unit = ""
    books.report(START, system=name, source=source, unit=unit, core=random.randrange(3), universal=random.randrange(2))


def _make_alike(books: Books, random: Random) -> None:
    """Names and dates that several have; who called when; a unit whose life ended; a system that went away."""
    for system in System.objects.filter(organization=books.organization, registered_product=books.registered()):
        System.objects.filter(pk=system.pk).update(
            name=name_of(random), last_reported_on=START - timedelta(days=random.randrange(4))
        )
        if system.source == SystemSource.ONLINE and random.random() < 0.7:
            heard = clock.now() - timedelta(hours=random.choice((1, 2, 500, 600)))
            key = uuid.uuid4().hex
            SystemIdentity.objects.create(
                organization=books.organization,
                system=system,
                public=key,
                thumbprint=key,
                bound_at=heard,
                heard_at=heard,
            )
    free = [unit for unit in HardwareUnit.objects.all() if not unit_is_used(unit)]
    if free:
        books.retire(START, free[0])
    books.remove(START, system="S3")


def unit_is_used(unit: HardwareUnit) -> bool:
    """Whether a system is on the unit."""
    return System.objects.filter(
        organization=unit.organization, removed_on=None, placements__serial=unit.serial, placements__until_on=None
    ).exists()


def _codes(books: Books, person: User, random: Random) -> None:
    """In every state, some in two at once; names, numbers and instants that several have; one of another organization."""
    now = clock.real_now()
    other = Organization.objects.create(name="Codes", slug="codes", settled_through=START, created_on=START)
    RegistrationCode.objects.bulk_create(
        RegistrationCode(
            organization=other if number == 7 else books.organization,
            label=name_of(random),
            digest=f"{number:064}",
            tail=f"{random.choice('ABC')}XY{number:02}",
            uses=3,
            used=random.choice((0, 1, 3)),
            made_by=person,
            made_at=now - timedelta(days=random.choice((3, 4))),
            expires_at=now + timedelta(days=random.choice((-1, 5, 6))),
            revoked_at=random.choice((None, None, now)),
            form_token=uuid.uuid4(),
        )
        for number in range(24)
    )


def _people(books: Books, person: User, random: Random) -> None:
    users = [
        UserFactory.create(
            email=f"p{number:02}@{random.choice(('north', 'South'))}.example",
            first_name=f"{random.randrange(5)} {random.choice(('ada', 'Ida'))}",
            last_name=random.choice(("Öst", "West", "")),
        )
        for number in range(9)
    ]
    Membership.objects.bulk_create(
        Membership(
            organization=books.organization,
            user=user,
            role=random.choice(Role.values),
            since=START - timedelta(days=random.randrange(3)),
        )
        for user in users
    )
    others = Organization.objects.bulk_create(
        Organization(
            name=f"{random.choice('ABC')} {random.choice(_WORDS)}",
            slug=f"other-{number}",
            settled_through=START,
            created_on=START,
        )
        for number in range(12)
    )
    Membership.objects.bulk_create(
        Membership(organization=other, user=person, role=random.choice(Role.values), since=START) for other in others
    )
    product = Product.objects.get(code=PRODUCT)
    registered = RegisteredProduct.objects.bulk_create(
        RegisteredProduct(organization=other, product=product, registered_on=START) for other in others[::2]
    )
    System.objects.bulk_create(
        System(
            organization_id=each.organization_id,
            registered_product=each,
            system_id=uuid.uuid4(),
            name="x",
            source=SystemSource.MANUAL,
            license_basis_since=START,
            added_on=START,
            last_reported_on=START,
        )
        for each in registered
        for _number in range(random.randrange(3))
    )


def _resellers(books: Books, random: Random) -> None:
    places = (
        ("Malmö", "SE", 55.61, 13.0),
        ("Lund", "SE", 55.7, 13.19),
        ("Oslo", "NO", 59.91, 10.75),
        ("Nowhere", "NO", None, None),
        ("Łódź", "PL", 51.77, 19.46),
    )
    names = [f"{word} {number}" for word in ("Nord", "nord", "Süd", "Kaj") for number in range(3)]
    several = random.sample([(name, place) for name in names for place in places], 24)
    for number, (name, (city, country, latitude, longitude)) in enumerate(several):
        reseller = Reseller.objects.create(
            name=name,
            kind=random.choice(ResellerKind.values),
            address=f"Pier {number}",
            city=city,
            country=country,
            latitude=latitude,
            longitude=longitude,
            is_listed=random.random() < 0.9,
        )
        reseller.products.set(random.sample(list(books.products.values()), random.choice((0, 0, 1, 2))))


def hours_since(heard: datetime) -> float:
    """How long ago an instant is, in hours, by the frozen clock."""
    return (clock.now() - heard).total_seconds() / 3600
