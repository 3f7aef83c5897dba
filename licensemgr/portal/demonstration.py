"""The demonstration's data: several years of four organizations, told through the services, dated from today backwards."""

import contextlib
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from allauth.account.models import EmailAddress

from hardware.license_files import issue_license_file
from hardware.reports import accept_report
from hardware.services import report_system
from hardware.system_files import read_system_file
from licensemgr.core import clock, signing_keys
from licensemgr.core.calendar import anniversary
from licensemgr.portal.playing import ensure_catalogue
from licensemgr.portal.simulating import SimulatedSystem
from organizations import books
from organizations.models import Organization, Role, User
from organizations.services import add_member, create_organization
from products.models import LicenseKind, LicenseType, Product, RegisteredProduct, SystemSource
from products.services import remove_system
from subscriptions.queries import product_standing
from subscriptions.services import allocate_licenses, start_subscription
from wallet.services import issue_license_keys, redeem_license_key

PASSWORD = "license-manager-demo"  # noqa: S105 - the demonstration prints it

CAMERA, AUDIO, ACCESS, SITE = "camera-station", "audio-manager", "access-manager", "site-monitor"
# Beside the catalogue of the played histories: code, name, trial days, license types in catalogue order.
MORE_PRODUCTS = (
    (ACCESS, "Access Manager", 30, (("door-controller", "Door controller"), ("intercom", "Intercom"))),
    (SITE, "Site Monitor", 14, (("site-device", "Site device"),)),
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

    Between them they show every row of R14a but the two of hardware. The signing keys of license files are made too. With
    ``keys_file``, keys for trying are written there.
    """
    if not signing_keys.public_keys():
        signing_keys.rotate()
    products = _catalogue()
    people = {person.email: _make_person(person) for person in PEOPLE}
    organizations: dict[str, Organization] = {}
    with clock.jumps_allowed(), _quiet():
        for slug, tell in ((HARBOUR, _harbour), (SCHOOLS, _schools), (HOTELS, _hotels), (MUSEUM, _museum)):
            story = tell(today)
            organization = _create(slug, people, story.first_day)
            actor = next(people[person.email] for person in PEOPLE[1:] if slug in person.roles)
            story.play(_Teller(organization, products, actor))
            books.settle(organization, today)
            organization.refresh_from_db()
            organizations[slug] = organization
        if keys_file is not None:
            _write_keys(keys_file, products)
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
    return products


def _make_person(person: Person) -> User:
    user = User.objects.create_user(
        person.email,
        PASSWORD,
        first_name=person.name[0],
        last_name=person.name[1],
        is_staff=person.staff,
        is_superuser=person.staff,
    )
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def _create(slug: str, people: Mapping[str, User], on: date) -> Organization:
    name, country, time_zone = ORGANIZATIONS[slug]
    organization = create_organization(name=name, slug=slug, country=country, time_zone=time_zone, actor=None, on=on)
    for person in PEOPLE:
        if slug in person.roles:
            add_member(organization=organization, user=people[person.email], role=person.roles[slug], actor=None, on=on)
    return organization


@dataclass
class _Teller:
    """Does in one organization what a story tells, through the services."""

    organization: Organization
    products: Mapping[str, Product]
    actor: User

    def registered(self, product: str) -> RegisteredProduct:
        return RegisteredProduct.objects.select_related("product", "organization").get(
            organization=self.organization, product__code=product
        )

    def system_id(self, system: str) -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_DNS, f"{system}.{self.organization.slug}.example.com")


Step = Callable[[_Teller, date], None]


@dataclass
class _Story:
    """Dated steps of one organization, in any order."""

    steps: list[tuple[date, Step]] = field(default_factory=list)
    first_day: date = date.max

    def at(self, on: date, *steps: Step) -> None:
        self.first_day = min(self.first_day, on)
        self.steps += [(on, step) for step in steps]

    def play(self, teller: _Teller) -> None:
        for on, step in sorted(self.steps, key=lambda dated: dated[0]):
            step(teller, on)


def _report(product: str, system: str, source: SystemSource = SystemSource.ONLINE, **devices: int) -> Step:
    """The system reports its devices; the first report registers it (R5)."""

    def step(teller: _Teller, on: date) -> None:
        report_system(
            organization=teller.organization,
            product=teller.products[product],
            system_id=teller.system_id(system),
            name=system,
            devices={code.replace("_", "-"): quantity for code, quantity in devices.items()},
            source=source,
            actor=teller.actor if source == SystemSource.MANUAL else None,
            on=on,
        )

    return step


def _upload(product: str, system: str, **devices: int) -> Step:
    """A system without a connection is registered by its system file (R28), and given a license file (R29)."""

    def step(teller: _Teller, on: date) -> None:
        simulated = SimulatedSystem(system, product, system_id=teller.system_id(system))
        counts = {code.replace("_", "-"): quantity for code, quantity in devices.items()}
        document = simulated.system_file(at=datetime.combine(on, time(12), UTC), counts=counts)
        report = accept_report(
            organization=teller.organization,
            file=read_system_file(document),
            document=document,
            source=SystemSource.OFFLINE,
            actor=teller.actor,
            on=on,
        )
        issue_license_file(system=report.system, actor=teller.actor, on=on)

    return step


def _remove(product: str, system: str) -> Step:
    def step(teller: _Teller, on: date) -> None:
        found = teller.registered(product).systems.get(system_id=teller.system_id(system), removed_on=None)
        remove_system(system=found, actor=teller.actor, on=on)

    return step


def _redeem(product: str, order: str, kind: str = LicenseKind.SUBSCRIPTION, **licenses: int) -> Step:
    """A key is bought and redeemed (R21)."""

    def step(teller: _Teller, on: date) -> None:
        [key] = issue_license_keys(
            product=teller.products[product],
            kind=kind,
            licenses={code.replace("_", "-"): quantity for code, quantity in licenses.items()},
            count=1,
            order_reference=order,
            actor=None,
        )
        redeem_license_key(registered_product=teller.registered(product), license_key=key, actor=teller.actor, on=on)

    return step


def _start(product: str) -> Step:
    def step(teller: _Teller, on: date) -> None:
        start_subscription(registered_product=teller.registered(product), actor=teller.actor, on=on)

    return step


def _allocate(product: str, *offsets: int) -> Step:
    """What the years at ``offsets`` from the current one are missing is allocated (R16)."""

    def step(teller: _Teller, on: date) -> None:
        registered_product = teller.registered(product)
        books.settle(teller.organization, on)
        registered_product.organization.refresh_from_db()
        standing = product_standing(registered_product, on)
        plan = {offset: standing.years[offset].missing for offset in offsets}
        allocate_licenses(
            registered_product=registered_product, plan=plan, nonce=uuid.uuid4(), actor=teller.actor, on=on
        )

    return step


def _days(count: int) -> timedelta:
    return timedelta(days=count)


def _years(first_day_of_current_year: date, ended: int) -> list[date]:
    """The anchor, and each renewal date up to the current year's first day, after ``ended`` whole years."""
    anchor = anniversary(first_day_of_current_year, -ended)
    return [anniversary(anchor, number) for number in range(ended + 1)]


def _harbour(today: date) -> _Story:
    """Licensed with growth, an exceeded allowance, a start ten days ago, a running trial."""
    story = _Story()
    first, second, third, fourth = _years(today - _days(120), 3)
    story.at(first - _days(20), _report(CAMERA, "Terminal north", core_device=40, universal_device=8))
    story.at(first - _days(2), _redeem(CAMERA, "PO-1041", core_device=60, universal_device=12))
    story.at(first, _start(CAMERA))
    story.at(first + _days(5), _allocate(CAMERA, 0))
    story.at(first + _days(100), _report(CAMERA, "Terminal south", core_device=24, universal_device=6))
    story.at(second - _days(10), _redeem(CAMERA, "PO-1187", core_device=150, universal_device=30))
    story.at(second + _days(7), _allocate(CAMERA, 0))
    story.at(second + _days(200), _report(CAMERA, "Container yard", core_device=30))
    story.at(third - _days(30), _redeem(CAMERA, "PO-1302", core_device=200, universal_device=40))
    story.at(third + _days(3), _allocate(CAMERA, 0))
    story.at(third + _days(40), _redeem(CAMERA, "PO-1319", LicenseKind.HARDWARE, core_device=16))
    story.at(fourth - _days(15), _allocate(CAMERA, 1))
    story.at(fourth + _days(60), _report(CAMERA, "Quay 7", core_device=12))

    by_hand = SystemSource.MANUAL
    story.at(first + _days(60), _report(AUDIO, "Public address", by_hand, audio_device=10))
    story.at(first + _days(70), _start(AUDIO))
    story.at(first + _days(75), _redeem(AUDIO, "PO-1066", audio_device=10))
    # After the grace period, so that days are given back (R19).
    story.at(first + _days(150), _allocate(AUDIO, 0))
    story.at(second + _days(5), _redeem(AUDIO, "PO-1201", audio_device=10), _allocate(AUDIO, 0))
    story.at(third + _days(8), _redeem(AUDIO, "PO-1310", audio_device=20), _allocate(AUDIO, 0))
    story.at(fourth + _days(10), _allocate(AUDIO, 0))
    story.at(fourth + _days(100), _report(AUDIO, "Public address", by_hand, audio_device=25))

    story.at(today - _days(25), _report(ACCESS, "Gatehouse", door_controller=8, intercom=2))
    story.at(today - _days(10), _start(ACCESS))
    story.at(today - _days(9), _redeem(ACCESS, "PO-1455", door_controller=5))
    story.at(today - _days(5), _report(SITE, "Yard monitor", by_hand, site_device=6))
    story.at(today - _days(3), _upload(SITE, "Tugboat", site_device=2))
    return story


def _schools(today: date) -> _Story:
    """Renewed twelve days ago: renewal grace, nothing needed, licensed ahead; and a trial that ended."""
    story = _Story()
    first, second, _third = _years(today - _days(12), 2)
    story.at(first - _days(25), _report(CAMERA, "High school", core_device=40, universal_device=12))
    story.at(first - _days(24), _report(CAMERA, "Middle school", core_device=20, universal_device=8))
    story.at(first - _days(3), _redeem(CAMERA, "ACS-2201", core_device=100, universal_device=40))
    story.at(first, _start(CAMERA))
    story.at(first + _days(10), _allocate(CAMERA, 0))
    story.at(second - _days(5), _redeem(CAMERA, "ACS-2310", core_device=60, universal_device=20))
    story.at(second + _days(12), _allocate(CAMERA, 0))

    story.at(first + _days(40), _report(AUDIO, "Bells", SystemSource.MANUAL, audio_device=6))
    story.at(first + _days(45), _start(AUDIO), _redeem(AUDIO, "ACS-2217", audio_device=12))
    story.at(first + _days(50), _allocate(AUDIO, 0))
    story.at(second + _days(20), _allocate(AUDIO, 0))
    story.at(second + _days(300), _remove(AUDIO, "Bells"))

    story.at(second + _days(30), _report(ACCESS, "District office", door_controller=16, intercom=4))
    story.at(second + _days(40), _start(ACCESS), _redeem(ACCESS, "ACS-2344", door_controller=40, intercom=10))
    story.at(second + _days(45), _allocate(ACCESS, 0))
    story.at(second + _days(330), _allocate(ACCESS, 1))

    story.at(today - _days(60), _report(SITE, "Bus depot", site_device=5))
    return story


def _hotels(today: date) -> _Story:
    """Not licensed since the last renewal, licensed three years ahead, not started; stored licenses of all ages."""
    story = _Story()
    first, second, third, fourth, fifth = _years(today - _days(200), 4)
    story.at(first - _days(400), _report(CAMERA, "Minato Tower", core_device=20, universal_device=10))
    # What is left of these has expired (R22).
    story.at(first - _days(300), _redeem(CAMERA, "MH-0007", core_device=90, universal_device=10))
    story.at(first, _start(CAMERA))
    story.at(first + _days(3), _allocate(CAMERA, 0))
    # What is left of these expires within a year.
    story.at(first + _days(100), _redeem(CAMERA, "MH-0031", core_device=30, universal_device=60))
    story.at(second + _days(4), _allocate(CAMERA, 0))
    story.at(third + _days(9), _allocate(CAMERA, 0))
    story.at(fourth + _days(28), _allocate(CAMERA, 0))
    story.at(fourth + _days(250), _report(CAMERA, "Bay Annex", core_device=6))

    story.at(third + _days(10), _report(ACCESS, "Guest floors", door_controller=12, intercom=2))
    story.at(third + _days(15), _redeem(ACCESS, "MH-0052", door_controller=60, intercom=6))
    story.at(third + _days(20), _start(ACCESS))
    story.at(third + _days(25), _allocate(ACCESS, 0, 1, 2))
    story.at(fifth + _days(50), _report(ACCESS, "Guest floors", door_controller=15, intercom=2))

    story.at(today - _days(90), _report(AUDIO, "Lobby music", audio_device=14))
    return story


def _museum(today: date) -> _Story:
    """Has no product yet: sees what its first step is."""
    return _Story(first_day=today - _days(1))


# Product, kind, licenses per key, how many keys.
_KEYS: Sequence[tuple[str, str, Mapping[str, int], int]] = (
    (CAMERA, LicenseKind.SUBSCRIPTION, {"core-device": 10, "universal-device": 2}, 4),
    (CAMERA, LicenseKind.SUBSCRIPTION, {"core-device": 50, "universal-device": 10}, 4),
    (CAMERA, LicenseKind.HARDWARE, {"core-device": 8}, 2),
    (AUDIO, LicenseKind.SUBSCRIPTION, {"audio-device": 10}, 4),
    (AUDIO, LicenseKind.HARDWARE, {"audio-device": 4}, 2),
    (ACCESS, LicenseKind.SUBSCRIPTION, {"door-controller": 10, "intercom": 2}, 4),
    (ACCESS, LicenseKind.HARDWARE, {"door-controller": 4}, 2),
    (SITE, LicenseKind.SUBSCRIPTION, {"site-device": 10}, 4),
    (SITE, LicenseKind.HARDWARE, {"site-device": 2}, 2),
)


def _write_keys(path: Path, products: Mapping[str, Product]) -> None:
    """Issue keys for trying and write them down in clear: for the demonstration only."""
    lines = ["License keys of the demonstration that nobody has redeemed. Each can be redeemed once.", ""]
    for code, kind, licenses, count in _KEYS:
        carried = ", ".join(f"{quantity} {type_code}" for type_code, quantity in licenses.items())
        lines.append(f"{products[code].name}, {kind}: each carries {carried}")
        keys = issue_license_keys(
            product=products[code],
            kind=kind,
            licenses=licenses,
            count=count,
            order_reference="Demonstration",
            actor=None,
        )
        lines += [*(f"  {key}" for key in keys), ""]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text("\n".join(lines), encoding="utf-8")
