"""The steps of which a demonstration's story is made: each does one thing on its date, through the services."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from hardware.calling import join_by_code
from hardware.catalogue import add_manufactured_unit
from hardware.ending import retire_unit
from hardware.expanding import expand_unit
from hardware.keys import invent_oak
from hardware.license_files import issue_license_file
from hardware.models import HardwareModel, HardwareUnit, RegistrationCode, SystemIdentity
from hardware.registration_codes import make_code
from hardware.reports import accept_report
from hardware.services import register_unit, remove_system, report_system
from hardware.system_files import read_system_file
from licensemgr.core import clock
from licensemgr.portal.simulating import SimulatedSystem
from organizations import books
from organizations.models import Organization, User
from products.device_lists import ListedDevice
from products.models import LicenseKind, Product, RegisteredProduct, SystemSource
from subscriptions.queries import product_standing
from subscriptions.services import allocate_licenses, start_subscription
from wallet.services import issue_license_keys, redeem_license_key


@dataclass
class Teller:
    """Does in one organization what a story tells, through the services."""

    organization: Organization
    products: Mapping[str, Product]
    actor: User

    def registered(self, product: str) -> RegisteredProduct:
        """The registered product, fresh from the database."""
        return RegisteredProduct.objects.select_related("product", "organization").get(
            organization=self.organization, product__code=product
        )

    def system_id(self, system: str) -> uuid.UUID:
        """The system id that goes with a name in this organization."""
        return uuid.uuid5(uuid.NAMESPACE_DNS, f"{system}.{self.organization.slug}.example.com")


Step = Callable[[Teller, date], None]


@dataclass
class Story:
    """Dated steps of one organization, in any order."""

    steps: list[tuple[date, Step]] = field(default_factory=list)
    first_day: date = date.max

    def at(self, on: date, *steps: Step) -> None:
        """On that date these steps are taken, one after the other."""
        self.first_day = min(self.first_day, on)
        self.steps += [(on, step) for step in steps]

    def play(self, teller: Teller) -> None:
        """Take all steps in the order of their dates."""
        for on, step in sorted(self.steps, key=lambda dated: dated[0]):
            step(teller, on)


def upload(product: str, system: str, **devices: int) -> Step:
    """A system without a connection is registered by its system file (R28), and given a license file (R29)."""

    def step(teller: Teller, on: date) -> None:
        simulated = SimulatedSystem(system, product, system_id=teller.system_id(system))
        counts = {code.replace("_", "-"): quantity for code, quantity in devices.items()}
        document = simulated.system_file(at=datetime.combine(on, time(12), UTC), counts=counts)
        taken = accept_report(
            organization=teller.organization,
            file=read_system_file(document),
            document=document,
            source=SystemSource.OFFLINE,
            actor=teller.actor,
            on=on,
        )
        issue_license_file(system=taken.system, actor=teller.actor, on=on)

    return step


def join(product: str, system: str, *, silent_for: timedelta, **devices: int) -> Step:
    """A system that is online joins by a registration code, and made its last call so long before the story is told."""

    def step(teller: Teller, on: date) -> None:
        simulated = SimulatedSystem(system, product, system_id=teller.system_id(system))
        noon = datetime.combine(on, time(12), UTC)
        counts = {code.replace("_", "-"): quantity for code, quantity in devices.items()}
        document = simulated.system_file(at=noon, counts=counts)
        made = make_code(
            organization=teller.organization,
            label=system,
            uses=1,
            days=30,
            actor=teller.actor,
            on=on,
            form_token=uuid.uuid4(),
        )
        join_by_code(code=made.row, file=read_system_file(document), document=document, on=on)
        # The services write these instants by the clock, which a story that is told afterwards can't turn.
        RegistrationCode.objects.filter(pk=made.row.pk).update(made_at=noon, expires_at=noon + timedelta(days=30))
        SystemIdentity.objects.filter(joined_by=made.row).update(heard_at=clock.now() - silent_for)

    return step


def report(
    product: str,
    system: str,
    source: SystemSource = SystemSource.ONLINE,
    unit: str = "",
    devices_listed: bool = False,
    version: str = "",
    **devices: int,
) -> Step:
    """The system reports its devices and the unit on which it is; the first report registers it (R5)."""
    quantities = {code.replace("_", "-"): quantity for code, quantity in devices.items()}

    def step(teller: Teller, on: date) -> None:
        report_system(
            organization=teller.organization,
            product=teller.products[product],
            system_id=teller.system_id(system),
            name=system,
            devices=quantities,
            source=source,
            actor=teller.actor if source == SystemSource.MANUAL else None,
            on=on,
            unit_serial=unit,
            software_version=version,
            device_list=_listed(quantities) if devices_listed else None,
        )

    return step


_DEVICE_MODELS = ("Q1700 Camera", "P3245 Dome", "M3086 Mini dome", "Q6135 PTZ")


def _listed(quantities: Mapping[str, int]) -> list[ListedDevice]:
    """Made-up devices, as many of each type."""
    return [
        ListedDevice(f"{code}-{number:03}", _DEVICE_MODELS[number % len(_DEVICE_MODELS)], code)
        for code, quantity in quantities.items()
        for number in range(1, quantity + 1)
    ]


def unit(model: str, serial: str) -> Step:
    """A hardware unit is made and registered: what comes preloaded on it is active at once (R24)."""

    def step(teller: Teller, on: date) -> None:
        oak = invent_oak()
        add_manufactured_unit(serial=serial, hardware_model=HardwareModel.objects.get(code=model), oak=oak)
        register_unit(organization=teller.organization, serial=serial, oak=oak, actor=teller.actor, on=on)

    return step


def expand(serial: str, **licenses: int) -> Step:
    """Expansion licenses are allocated to a unit (R26)."""

    def step(teller: Teller, on: date) -> None:
        unit = HardwareUnit.objects.select_related("organization").get(organization=teller.organization, serial=serial)
        quantities = {code.replace("_", "-"): quantity for code, quantity in licenses.items()}
        expand_unit(unit=unit, quantities=quantities, nonce=uuid.uuid4(), actor=teller.actor, on=on)

    return step


def retire(serial: str) -> Step:
    """The life of a unit ends (R27)."""

    def step(teller: Teller, on: date) -> None:
        unit = HardwareUnit.objects.select_related("organization").get(organization=teller.organization, serial=serial)
        retire_unit(unit=unit, actor=teller.actor, on=on)

    return step


def remove(product: str, system: str) -> Step:
    """The system is removed (R5)."""

    def step(teller: Teller, on: date) -> None:
        found = teller.registered(product).systems.get(system_id=teller.system_id(system), removed_on=None)
        remove_system(system=found, actor=teller.actor, on=on)

    return step


def redeem(product: str, order: str, kind: str = LicenseKind.SUBSCRIPTION, **licenses: int) -> Step:
    """A key is bought and redeemed (R21)."""

    def step(teller: Teller, on: date) -> None:
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


def start(product: str) -> Step:
    """The subscription is started (R7)."""

    def step(teller: Teller, on: date) -> None:
        start_subscription(registered_product=teller.registered(product), actor=teller.actor, on=on)

    return step


def allocate(product: str, *offsets: int) -> Step:
    """What the years at ``offsets`` from the current one are missing is allocated (R16)."""

    def step(teller: Teller, on: date) -> None:
        registered_product = teller.registered(product)
        books.settle(teller.organization, on)
        registered_product.organization.refresh_from_db()
        standing = product_standing(registered_product, on)
        plan = {offset: standing.years[offset].missing for offset in offsets}
        allocate_licenses(
            registered_product=registered_product, plan=plan, nonce=uuid.uuid4(), actor=teller.actor, on=on
        )

    return step
