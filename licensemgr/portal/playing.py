"""Plays dated actions in the form of the scenario files through the services, and says how things then stand."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from hardware.catalogue import add_manufactured_unit, ensure_hardware_model
from hardware.expanding import expand_unit
from hardware.keys import invent_oak, normalize_serial
from hardware.models import HardwareUnit
from hardware.services import register_unit, report_system
from licensemgr.core import clock
from licensemgr.core.calendar import LAST_DATE
from licensemgr.core.errors import Refused
from organizations.models import Organization
from organizations.services import create_organization
from products.models import LicenseType, Product, RegisteredProduct, SystemSource
from subscriptions.queries import ProductStanding, standings
from subscriptions.rules import Status
from subscriptions.services import allocate_licenses, start_subscription
from wallet.errors import EmptyKey, ProductNotRegistered
from wallet.services import issue_license_keys, redeem_license_key

# The catalogue that the scenarios are played with: code, name, trial days, license types in catalogue order.
CATALOGUE = (
    (
        "camera-station",
        "Camera Station",
        30,
        (("core-device", "Core device"), ("universal-device", "Universal device")),
    ),
    ("audio-manager", "Audio Manager", 0, (("audio-device", "Audio device"),)),
)


class NotPlayable(Exception):
    """A step that is not in the form of the scenario files."""


def ensure_catalogue() -> dict[str, Product]:
    """The products of the scenarios, made where they are missing."""
    products: dict[str, Product] = {}
    for code, name, trial_days, types in CATALOGUE:
        product, _created = Product.objects.get_or_create(code=code, defaults={"name": name, "trial_days": trial_days})
        for position, (type_code, type_name) in enumerate(types):
            LicenseType.objects.get_or_create(
                product=product, code=type_code, defaults={"name": type_name, "position": position}
            )
        products[code] = product
    return products


@dataclass
class Player:
    """Plays steps, each ``scenario`` into a new organization of its own."""

    products: Mapping[str, Product] = field(default_factory=ensure_catalogue)
    organizations: dict[Any, Organization] = field(default_factory=dict)

    def play(self, steps: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """For each step: what was refused (a code, or None), and how each product then stands."""
        with clock.jumps_allowed():
            for step in steps:
                yield self.play_step(step)

    def play_step(self, step: Mapping[str, Any]) -> dict[str, Any]:
        """Play one step. Raises NotPlayable when it is not in the form of the scenario files."""
        try:
            on = date.fromisoformat(step["on"])
            if on > LAST_DATE:
                raise ValueError(f"the calendar ends on {LAST_DATE}")
            product = self.products[step["product"]]
            action = {
                "report": self._report,
                "start": self._start,
                "redeem": self._redeem,
                "allocate": self._allocate,
                "unit": self._unit,
                "expand": self._expand,
            }[step["action"]]
        except (KeyError, TypeError, ValueError) as error:
            raise NotPlayable(f"This step can't be played: {dict(step)!r} ({error!r}).") from error
        organization = self._organization(step["scenario"], on)
        refused: str | None = None
        try:
            action(organization, product, on, step)
        except Refused as error:
            refused = error.code
        organization.refresh_from_db()
        return {
            "scenario": step["scenario"],
            "on": step["on"],
            "action": step["action"],
            "refused": refused,
            "then": self.stand(organization, on),
        }

    def _organization(self, scenario: Any, on: date) -> Organization:
        if scenario not in self.organizations:
            self.organizations[scenario] = create_organization(name=f"Scenario {scenario}", actor=None, on=on)
        return self.organizations[scenario]

    def _registered(self, organization: Organization, product: Product) -> RegisteredProduct | None:
        return (
            RegisteredProduct.objects.filter(organization=organization, product=product)
            .select_related("product", "organization")
            .first()
        )

    def _report(self, organization: Organization, product: Product, on: date, step: Mapping[str, Any]) -> None:
        report_system(
            organization=organization,
            product=product,
            system_id=uuid.uuid5(uuid.NAMESPACE_URL, f"{organization.pk}/{step['system']}"),
            name=step["system"],
            devices=step["devices"],
            source=SystemSource.ONLINE,
            actor=None,
            on=on,
            unit_serial=self._serial(organization, step["unit"]) if step.get("unit") is not None else "",
        )

    def _serial(self, organization: Organization, name: str) -> str:
        """The serial number that goes with a name in this organization."""
        return normalize_serial(f"{organization.pk}-{name}")

    def _unit(self, organization: Organization, product: Product, on: date, step: Mapping[str, Any]) -> None:
        serial, oak = self._serial(organization, step["serial"]), invent_oak()
        model = ensure_hardware_model(product, step["preloaded"])
        add_manufactured_unit(serial=serial, hardware_model=model, oak=oak)
        register_unit(organization=organization, serial=serial, oak=oak, actor=None, on=on)

    def _expand(self, organization: Organization, product: Product, on: date, step: Mapping[str, Any]) -> None:
        unit = HardwareUnit.objects.select_related("organization").get(
            organization=organization, serial=self._serial(organization, step["serial"])
        )
        expand_unit(unit=unit, quantities=step["lines"], nonce=uuid.uuid4(), actor=None, on=on)

    def _start(self, organization: Organization, product: Product, on: date, step: Mapping[str, Any]) -> None:
        registered_product = self._registered(organization, product)
        if registered_product is None:
            raise _StartRefused
        start_subscription(registered_product=registered_product, actor=None, on=on)

    def _redeem(self, organization: Organization, product: Product, on: date, step: Mapping[str, Any]) -> None:
        registered_product = self._registered(organization, product)
        if registered_product is None:
            raise ProductNotRegistered
        if not any(step["lines"].values()):
            raise EmptyKey
        [key] = issue_license_keys(product=product, kind=step["kind"], licenses=step["lines"], count=1, actor=None)
        redeem_license_key(registered_product=registered_product, license_key=key, actor=None, on=on)

    def _allocate(self, organization: Organization, product: Product, on: date, step: Mapping[str, Any]) -> None:
        registered_product = self._registered(organization, product)
        if registered_product is None:
            raise _NotStarted
        try:
            plan = {int(offset): dict(quantities) for offset, quantities in step["plan"].items()}
        except (AttributeError, TypeError, ValueError) as error:
            raise NotPlayable(f"This plan can't be played: {step['plan']!r}.") from error
        allocate_licenses(registered_product=registered_product, plan=plan, nonce=uuid.uuid4(), actor=None, on=on)

    def stand(self, organization: Organization, on: date) -> dict[str, Any]:
        """How each product of the catalogue stands, from the very queries that the pages use."""
        registered = {standing.product.code: standing for standing in standings(organization, on)}
        return {
            code: describe(registered[code]) if code in registered else _unregistered(product)
            for code, product in self.products.items()
        }


class _StartRefused(Refused):
    code = "start"

    def __init__(self) -> None:
        super().__init__("The product is not registered.")


class _NotStarted(Refused):
    code = "not started"

    def __init__(self) -> None:
        super().__init__("The product is not registered.")


def describe(standing: ProductStanding) -> dict[str, Any]:
    """A product's standing in the form of the scenario files' ``then``."""
    then: dict[str, Any] = {
        "status": str(standing.status),
        "wallet": {kind: dict(quantities) for kind, quantities in standing.wallet.items()},
        "credit_days": dict(standing.credit_days),
    }
    if standing.grace_last_day is not None:
        then["grace_last_day"] = standing.grace_last_day.isoformat()
        then["years"] = [
            {
                "first": year.year.first.isoformat(),
                "last": year.year.last.isoformat(),
                "allocated": dict(year.allocated),
                "missing": dict(year.missing),
            }
            for year in standing.years
        ]
    return then


def _unregistered(product: Product) -> dict[str, Any]:
    codes = [license_type.code for license_type in product.license_types.all()]
    return {
        "status": str(Status.UNREGISTERED),
        "wallet": {kind: dict.fromkeys(codes, 0) for kind in ("subscription", "hardware")},
        "credit_days": dict.fromkeys(codes, 0),
    }
