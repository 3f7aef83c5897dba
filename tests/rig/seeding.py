"""What there is before the load: made by ``manage.py shell``, whose role owns the tables; printed as JSON."""

import json
import uuid
from typing import Any

from django.test import Client

from hardware.registration_codes import make_code
from hardware.services import report_system
from licensemgr.core import clock, signing_keys
from licensemgr.core.tenancy import acting_for
from licensemgr.portal.playing import ensure_catalogue
from organizations.models import Organization, Role, User
from organizations.services import add_member, create_organization
from products.models import LicenseKind, Product, RegisteredProduct, SystemSource
from subscriptions.services import start_subscription
from wallet.services import issue_license_keys

CUSTOMERS, CROWDS, CROWD = 8, 4, 16
LICENSES, KEYS, SINGLE_KEYS = 20, 2500, 200
CODES = {"camera-station": "core-device", "audio-manager": "audio-device"}


def session_of(person: User) -> str:
    """A session of somebody who signed in."""
    client = Client()
    client.force_login(person)
    return client.cookies["sessionid"].value


def seed() -> None:
    """Customers with an administrator and a manager, crowds of people in one organization, license keys."""
    products = ensure_catalogue()
    signing_keys.rotate()
    people = [_person(f"crowd{number}") for number in range(CROWD)]
    print(
        json.dumps(
            {
                "customers": [_customer(number, products) for number in range(CUSTOMERS)],
                "crowds": [_crowd(number, products, people) for number in range(CROWDS)],
                "crowd": [session_of(person) for person in people],
                "keys": {"camera-station": _issue(products["camera-station"], LICENSES, KEYS)},
                "single_keys": {code: _issue(product, 1, SINGLE_KEYS) for code, product in products.items()},
            }
        )
    )


def _person(name: str) -> User:
    return User.objects.create_user(f"{name}@example.com")


def _customer(number: int, products: dict[str, Product]) -> dict[str, Any]:
    administrator, manager = _person(f"administrator{number}"), _person(f"manager{number}")
    organization = _organization(f"Customer {number}", administrator, products)
    with acting_for(organization.pk):
        on = clock.today(organization)
        add_member(organization=organization, user=manager, role=Role.MANAGER, actor=administrator, on=on)
        made = make_code(
            organization=organization,
            label="Load",
            uses=1000,
            days=30,
            actor=administrator,
            on=on,
            form_token=uuid.uuid4(),
        )
    return {
        "pk": organization.pk,
        "slug": organization.slug,
        "code": made.code,
        "administrator": session_of(administrator),
        "manager": session_of(manager),
        "manager_pk": manager.pk,
    }


def _crowd(number: int, products: dict[str, Product], people: list[User]) -> dict[str, Any]:
    organization = _organization(f"Crowd {number}", people[0], products)
    with acting_for(organization.pk):
        on = clock.today(organization)
        for person in people[1:]:
            add_member(organization=organization, user=person, role=Role.MANAGER, actor=people[0], on=on)
    return {"slug": organization.slug}


def _organization(name: str, administrator: User, products: dict[str, Product]) -> Organization:
    """One device of each product, whose subscription has started."""
    organization = create_organization(name=name, actor=administrator, on=clock.real_now().date())
    with acting_for(organization.pk):
        on = clock.today(organization)
        for code, product in products.items():
            report_system(
                organization=organization,
                product=product,
                system_id=uuid.uuid4(),
                name="First",
                devices={CODES[code]: 1},
                source=SystemSource.MANUAL,
                actor=administrator,
                on=on,
            )
            registered = RegisteredProduct.objects.get(organization=organization, product=product)
            start_subscription(registered_product=registered, actor=administrator, on=on)
    return organization


def _issue(product: Product, licenses: int, count: int) -> list[str]:
    return issue_license_keys(
        product=product,
        kind=LicenseKind.SUBSCRIPTION,
        licenses={CODES[product.code]: licenses},
        count=count,
        actor=None,
    )
