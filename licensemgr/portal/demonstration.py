"""The demonstration's data: several years of four organizations, told through the services, dated from today backwards."""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from hardware.models import HardwareModel, PreloadedLicense
from licensemgr.core import clock, signing_keys
from licensemgr.portal.demonstrating.steps import Teller
from licensemgr.portal.demonstrating.stories import ACCESS, CAMERA, RECORDER, SITE, harbour, hotels, museum, schools
from licensemgr.portal.demonstrating.trying import write_keys
from licensemgr.portal.playing import ensure_catalogue
from organizations import books
from organizations.models import Organization, Role, User
from organizations.services import add_member, create_organization
from products.models import LicenseType, Product
from products.reseller_files import import_resellers

# Made-up companies in some thirty countries, in the form in which staff import resellers.
RESELLERS_FILE = Path(__file__).parent / "demonstration_resellers.csv"
PASSWORD = "license-manager-demo"  # noqa: S105 - the demonstration prints it

# Beside the catalogue of the played histories: code, name, trial days, license types in catalogue order.
MORE_PRODUCTS = (
    (ACCESS, "Access Manager", 30, (("door-controller", "Door controller"), ("intercom", "Intercom"))),
    (SITE, "Site Monitor", 14, (("site-device", "Site device"),)),
    (
        RECORDER,
        "Recording Server",
        30,
        (("camera-channel", "Camera channel"), ("analytics-channel", "Analytics channel")),
    ),
)
# Code, name, product, what comes preloaded on each unit.
HARDWARE_MODELS: Sequence[tuple[str, str, str, Mapping[str, int]]] = (
    ("s1208-tower", "S1208 Tower", CAMERA, {"core-device": 8}),
    ("s1216-rack", "S1216 Rack", CAMERA, {"core-device": 16, "universal-device": 4}),
    ("r2108-appliance", "R2108 Appliance", RECORDER, {"camera-channel": 8}),
    ("r2116-appliance", "R2116 Appliance", RECORDER, {"camera-channel": 16, "analytics-channel": 2}),
)


@dataclass(frozen=True)
class Person:
    """Someone who can sign in to the demonstration."""

    email: str
    name: tuple[str, str]
    # Organization slug → role.
    roles: Mapping[str, Role]
    staff: bool = False

    @property
    def full_name(self) -> str:
        return " ".join(self.name)


HARBOUR, SCHOOLS, HOTELS, MUSEUM = "nordhamn-logistics", "ashford-schools", "minato-hotels", "solvik-museum"
# Slug → name, country, time zone. At noon UTC it is the same day in all of them.
ORGANIZATIONS = {
    HARBOUR: ("Nordhamn Logistics", "SE", "Europe/Stockholm"),
    SCHOOLS: ("Ashford County Schools", "US", "America/New_York"),
    HOTELS: ("Minato Hotels", "JP", "Asia/Tokyo"),
    MUSEUM: ("Solvik Museum", "NO", "Europe/Oslo"),
}
PEOPLE = (
    Person(
        "alex@example.com",
        ("Alex", "Morgan"),
        {HARBOUR: Role.ADMINISTRATOR, SCHOOLS: Role.MANAGER, HOTELS: Role.VIEWER, MUSEUM: Role.ADMINISTRATOR},
        staff=True,
    ),
    Person("ingrid@example.com", ("Ingrid", "Dahl"), {HARBOUR: Role.ADMINISTRATOR, MUSEUM: Role.MANAGER}),
    Person("oskar@example.com", ("Oskar", "Lind"), {HARBOUR: Role.VIEWER}),
    Person("denise@example.com", ("Denise", "Walker"), {SCHOOLS: Role.ADMINISTRATOR}),
    Person("hana@example.com", ("Hana", "Sato"), {HOTELS: Role.ADMINISTRATOR}),
    Person("kenji@example.com", ("Kenji", "Mori"), {HOTELS: Role.MANAGER}),
)


def is_seeded() -> bool:
    """Whether the demonstration's data is there."""
    return Organization.objects.exists()


def seed_demonstration(*, today: date, keys_file: Path | None = None) -> dict[str, Organization]:
    """Tell the histories of the demonstration's organizations up to ``today``; returns them by slug.

    Between them they show every row of R14a. The signing keys of license files are
    made too. With ``keys_file``, keys and hardware for trying are written there.
    """
    if not signing_keys.public_keys():
        signing_keys.rotate()
    products = _catalogue()
    import_resellers(content=RESELLERS_FILE.read_bytes(), actor=None)
    people = {person.email: _make_person(person) for person in PEOPLE}
    organizations: dict[str, Organization] = {}
    with clock.jumps_allowed(), _quiet():
        for slug, tell in ((HARBOUR, harbour), (SCHOOLS, schools), (HOTELS, hotels), (MUSEUM, museum)):
            story = tell(today)
            organization = _create(slug, people, story.first_day)
            actor = next(people[person.email] for person in PEOPLE[1:] if slug in person.roles)
            story.play(Teller(organization, products, actor))
            books.settle(organization, today)
            organization.refresh_from_db()
            organizations[slug] = organization
        if keys_file is not None:
            write_keys(keys_file, products)
    return organizations


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _catalogue() -> dict[str, Product]:
    products = ensure_catalogue()
    for code, name, trial_days, types in MORE_PRODUCTS:
        product, _made = Product.objects.get_or_create(code=code, defaults={"name": name, "trial_days": trial_days})
        for position, (type_code, type_name) in enumerate(types):
            LicenseType.objects.get_or_create(
                product=product, code=type_code, defaults={"name": type_name, "position": position}
            )
        products[code] = product
    for code, name, product_code, preloaded in HARDWARE_MODELS:
        model = HardwareModel.objects.create(code=code, name=name, product=products[product_code])
        by_code = {license_type.code: license_type for license_type in products[product_code].license_types.all()}
        PreloadedLicense.objects.bulk_create(
            PreloadedLicense(hardware_model=model, license_type=by_code[type_code], quantity=quantity)
            for type_code, quantity in preloaded.items()
        )
    return products


def _make_person(person: Person) -> User:
    return User.objects.create_user(
        person.email,
        PASSWORD,
        first_name=person.name[0],
        last_name=person.name[1],
        is_staff=person.staff,
        is_superuser=person.staff,
    )


def _create(slug: str, people: Mapping[str, User], on: date) -> Organization:
    name, country, time_zone = ORGANIZATIONS[slug]
    organization = create_organization(name=name, slug=slug, country=country, time_zone=time_zone, actor=None, on=on)
    for person in PEOPLE:
        if slug in person.roles:
            add_member(organization=organization, user=people[person.email], role=person.roles[slug], actor=None, on=on)
    return organization
