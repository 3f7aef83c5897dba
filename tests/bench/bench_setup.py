"""How long the pages take that show an organization with 50 systems, and with 5,000 of them: as quick, if they are right.

Run by ``make bench``; prints times and asserts nothing but that each page answers, since times depend on the machine. That
the number of queries does not grow is asserted in tests/hardware/test_setup.py.
"""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from unittest.mock import patch

import pytest
from django.db import connection
from django.template.base import Template
from django.test import Client
from django.test.utils import CaptureQueriesContext

from hardware.models import HardwareUnit, LackingUnit, ManufacturedUnit, Placement, UnitHolding
from organizations.models import Organization
from products.models import DeviceCount, LicenseBasis, LicenseKind, RegisteredProduct, System, SystemSource
from tests.factories import Books
from tests.hardware.unit_data import unit_models
from wallet.models import AccountCategory, AccountUnit, LedgerAccount

ROUNDS = 15
FEW, MANY = 50, 5000
START = date(2027, 3, 1)
PRODUCT = "/o/harbour/products/camera-station/"
PAGES = {
    "System setup": f"{PRODUCT}systems/",
    "System setup, those that lack licenses": f"{PRODUCT}systems/?state=lacking",
    "System setup, by devices": f"{PRODUCT}systems/?sort=-devices-core-device",
    "System setup, after the first row": f"{PRODUCT}systems/?after={{first}}",
    "A system": f"{PRODUCT}systems/{{first}}/",
    "Product overview": PRODUCT,
    "Product licensing": f"{PRODUCT}licensing/",
    "Product list": "/o/harbour/",
    "My systems": "/",
}
# What is made: whether each system is on a unit of its own, and of how many units one lacks a license.
ARRANGEMENTS = {"no units": (False, 0), "a unit each, one in 50 lacks": (True, 50), "a unit each, all lack": (True, 1)}


@pytest.mark.django_db
@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_few_and_many_systems(
    arrangement: str, manager_client: Client, books: Books, capsys: pytest.CaptureFixture[str]
) -> None:
    """Print the times in milliseconds and the numbers of queries, page by page."""
    with_units, one_in = ARRANGEMENTS[arrangement]
    books.report(START, system="First", core=1)
    registered = books.registered()
    taken: dict[int, dict[str, tuple[float, int]]] = {}
    made = 0
    for total in (FEW, MANY):
        make_systems(registered, range(made, total), with_units=with_units, one_in=one_in)
        made = total
        if connection.vendor == "postgresql":
            # As autovacuum does soon after; SQLite has no such thing.
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
        taken[total] = {
            name: measure(manager_client, address.format(first=system_id(registered.organization, 0)))
            for name, address in PAGES.items()
        }
    with capsys.disabled():
        print(f"\n{arrangement}, {connection.vendor} (best of {ROUNDS}): {FEW} / {MANY} systems")
        for name in PAGES:
            (few, queries), (many, more) = taken[FEW][name], taken[MANY][name]
            print(f"  {name:40}{few:8.1f} ms /{many:8.1f} ms   {queries} / {more} queries")


@contextmanager
def rendered_as_for_people() -> Iterator[None]:
    """Without the copy of the context that the tests' client keeps of each template, hundreds of them on a page."""
    with patch.object(Template, "_render", lambda template, context: template.nodelist.render(context)):
        yield


def measure(client: Client, address: str) -> tuple[float, int]:
    """The shortest time of a page in milliseconds, and its number of queries: what else the machine does only adds to it."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
        number = len(queries)
    taken = []
    with rendered_as_for_people():
        for _round in range(ROUNDS):
            begun = time.perf_counter()
            client.get(address)
            taken.append((time.perf_counter() - begun) * 1000)
    return min(taken), number


def system_id(organization: Organization, number: int) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{organization.pk}/{number}")


def make_systems(registered: RegisteredProduct, numbers: range, *, with_units: bool, one_in: int) -> None:
    """Rows as the services leave them, all at once: what is measured is reading them."""
    organization = registered.organization
    basis = LicenseBasis.HARDWARE if with_units else LicenseBasis.SUBSCRIPTION
    systems = System.objects.bulk_create(
        System(
            organization=organization,
            registered_product=registered,
            system_id=system_id(organization, number),
            name=f"Site {number:05}",
            source=SystemSource.ONLINE,
            license_basis=basis,
            license_basis_since=START,
            added_on=START,
            last_reported_on=START,
        )
        for number in numbers
    )
    core, universal = registered.product.license_types.order_by("position")
    DeviceCount.objects.bulk_create(
        DeviceCount(
            organization=organization,
            system=system,
            license_type=kind,
            quantity=quantity,
            license_basis=basis,
            from_on=START,
        )
        for system in systems
        for kind, quantity in ((core, 4), (universal, 1))
    )
    if not with_units:
        return
    model, _plain = unit_models()
    made = ManufacturedUnit.objects.bulk_create(
        ManufacturedUnit(serial=f"B8A44F{number:08X}", hardware_model=model, oak_digest="", proof_key=b"")
        for number in numbers
    )
    units = HardwareUnit.objects.bulk_create(
        HardwareUnit(
            organization=organization,
            registered_product=registered,
            made=unit,
            serial=unit.serial,
            registered_on=START,
            has_systems=True,
        )
        for unit in made
    )
    Placement.objects.bulk_create(
        Placement(organization=organization, system=system, serial=unit.serial, from_on=START)
        for system, unit in zip(systems, units, strict=True)
    )
    for kind, needed in ((core, 4), (universal, 1)):
        accounts = LedgerAccount.objects.bulk_create(
            LedgerAccount(
                organization=organization,
                registered_product=registered,
                license_type=kind,
                kind=LicenseKind.HARDWARE,
                unit=AccountUnit.LICENSE,
                category=AccountCategory.HELD,
                balance=needed - 1 if kind == core and number % one_in == 0 else needed,
            )
            for number in numbers
        )
        UnitHolding.objects.bulk_create(
            UnitHolding(organization=organization, unit=unit, license_type=kind, account=account)
            for unit, account in zip(units, accounts, strict=True)
        )
    LackingUnit.objects.bulk_create(
        LackingUnit(
            organization=organization,
            registered_product=registered,
            unit=unit,
            serial=unit.serial,
            lacks={"core-device": 1},
        )
        for number, unit in zip(numbers, units, strict=True)
        if number % one_in == 0
    )
