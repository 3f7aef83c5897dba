"""Valid rows for tests, made through the services; licenses always arrive by redeeming."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import factory
from django.db.models import Sum

from hardware.catalogue import add_manufactured_unit, ensure_hardware_model
from hardware.ending import retire_unit
from hardware.expanding import expand_unit
from hardware.models import Expansion, HardwareUnit
from hardware.services import register_unit, remove_system, report_system
from history.models import Record
from licensemgr.core.models import OutboxMessage
from licensemgr.portal.playing import describe, ensure_catalogue
from organizations.books import settle
from organizations.models import Organization, User
from organizations.services import create_organization
from products.device_lists import ListedDevice
from products.models import LicenseKind, Product, RegisteredProduct, System, SystemSource
from subscriptions.models import Allocation, Release, Subscription, SubscriptionYear
from subscriptions.queries import ProductStanding, product_standing
from subscriptions.releasing import release_year
from subscriptions.services import allocate_licenses, start_subscription
from wallet.models import AccountCategory, Entry, LedgerAccount, Lot, Redemption, TransferReason
from wallet.services import issue_license_keys, redeem_license_key

PASSWORD = "correct horse battery staple"


class UserFactory(factory.django.DjangoModelFactory[User]):
    """A person with a proved address and the password ``PASSWORD``."""

    class Meta:
        model = User

    email = factory.Sequence(lambda number: f"person{number}@example.com")
    first_name = "Pat"
    last_name = factory.Sequence(lambda number: f"Person {number}")
    password = PASSWORD

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **kwargs: Any) -> User:
        return model_class.objects.create_user(*args, **kwargs)


class OrganizationFactory(factory.django.DjangoModelFactory[Organization]):
    """An organization, made by its service. ``administrator`` is a user or None."""

    class Meta:
        model = Organization

    name = factory.Sequence(lambda number: f"Organization {number}")
    time_zone = "UTC"
    on = date(2027, 3, 1)
    administrator = None

    @classmethod
    def _create(cls, model_class: type[Organization], *args: Any, **kwargs: Any) -> Organization:
        return create_organization(actor=kwargs.pop("administrator"), **kwargs)


def camera_station() -> Product:
    """Camera Station: core-device and universal-device in catalogue order, a trial of 30 days."""
    return ensure_catalogue()["camera-station"]


def audio_manager() -> Product:
    """Audio Manager: audio-device, no trial."""
    return ensure_catalogue()["audio-manager"]


# Short names of license types: ``core=3`` in a test is ``{"core-device": 3}`` in the services.
SHORT = {"core": "core-device", "universal": "universal-device", "audio": "audio-device"}


def by_code(short: Mapping[str, int]) -> dict[str, int]:
    """Quantities per license type code from quantities per short name."""
    return {SHORT.get(name, name.replace("_", "-")): quantity for name, quantity in short.items()}


def register(
    organization: Organization, product: Product, *, on: date, system: str = "Main", **devices: int
) -> RegisteredProduct:
    """Register ``product`` with one online system that has these devices."""
    report_system(
        organization=organization,
        product=product,
        system_id=Books(organization).system_id(system),
        name=system,
        devices=by_code(devices),
        source=SystemSource.ONLINE,
        actor=None,
        on=on,
    )
    return RegisteredProduct.objects.select_related("organization", "product").get(
        organization=organization, product=product
    )


def issue(product: Product, kind: str = LicenseKind.SUBSCRIPTION, **licenses: int) -> str:
    """One license key in clear."""
    [key] = issue_license_keys(product=product, kind=kind, licenses=by_code(licenses), count=1, actor=None)
    return key


def redeem(
    registered_product: RegisteredProduct,
    *,
    on: date,
    actor: User | None = None,
    kind: str = LicenseKind.SUBSCRIPTION,
    **licenses: int,
) -> Redemption:
    """Issue a key with these licenses and redeem it at once: ``redeem(product, on=today, core=10)``."""
    key = issue(registered_product.product, kind, **licenses)
    return redeem_license_key(registered_product=registered_product, license_key=key, actor=actor, on=on)


@dataclass
class Books:
    """Acts in one organization through the services, briefly, for histories that are worked out by hand."""

    organization: Organization
    product: str = "camera-station"
    products: Mapping[str, Product] = field(default_factory=ensure_catalogue)

    def registered(self, product: str | None = None) -> RegisteredProduct:
        """The registered product, fresh from the database."""
        return RegisteredProduct.objects.select_related("organization", "product").get(
            organization=self.organization, product__code=product or self.product
        )

    def report(
        self,
        on: date,
        *,
        product: str | None = None,
        system: str = "Main",
        source: SystemSource = SystemSource.ONLINE,
        unit: str = "",
        software_version: str = "",
        device_list: Sequence[ListedDevice] | None = None,
        **devices: int,
    ) -> System:
        """A system's whole report, which registers it and the product where they are new. ``unit`` is a serial number."""
        return report_system(
            organization=self.organization,
            product=self.products[product or self.product],
            system_id=self.system_id(system),
            name=system,
            devices=by_code(devices),
            source=source,
            actor=None,
            on=on,
            unit_serial=unit,
            software_version=software_version,
            device_list=device_list,
        )

    def system_id(self, system: str) -> uuid.UUID:
        """The system id that goes with a name in this organization."""
        return uuid.uuid5(uuid.NAMESPACE_URL, f"{self.organization.pk}/{system}")

    def remove(self, on: date, *, system: str = "Main") -> None:
        """Remove a system."""
        found = System.objects.get(organization=self.organization, system_id=self.system_id(system), removed_on=None)
        remove_system(system=found, actor=None, on=on)

    def make_unit(self, serial: str, *, product: str | None = None, **preloaded: int) -> str:
        """The vendor makes a hardware unit that comes with these licenses; returns its owner authentication key."""
        model = ensure_hardware_model(self.products[product or self.product], by_code(preloaded))
        oak = f"OAK of {serial}"
        add_manufactured_unit(serial=serial, hardware_model=model, oak=oak)
        return oak

    def unit(self, on: date, serial: str, *, product: str | None = None, **preloaded: int) -> HardwareUnit:
        """A hardware unit that comes with these licenses is made and registered."""
        oak = self.make_unit(serial, product=product, **preloaded)
        return register_unit(organization=self.organization, serial=serial, oak=oak, actor=None, on=on)

    def expand(self, on: date, unit: HardwareUnit, *, nonce: uuid.UUID | None = None, **licenses: int) -> Expansion:
        """Allocate expansion licenses from the wallet to a unit."""
        return expand_unit(unit=unit, quantities=by_code(licenses), nonce=nonce or uuid.uuid4(), actor=None, on=on)

    def retire(self, on: date, unit: HardwareUnit) -> HardwareUnit:
        """End a unit's life."""
        return retire_unit(unit=unit, actor=None, on=on)

    def start(self, on: date, *, product: str | None = None) -> Subscription:
        """Start the product's subscription."""
        return start_subscription(registered_product=self.registered(product), actor=None, on=on)

    def redeem(
        self, on: date, *, product: str | None = None, kind: str = LicenseKind.SUBSCRIPTION, **licenses: int
    ) -> Redemption:
        """Redeem a new key with these licenses."""
        return redeem(self.registered(product), on=on, actor=None, kind=kind, **licenses)

    def allocate(
        self,
        on: date,
        *years: Mapping[str, int],
        product: str | None = None,
        nonce: uuid.UUID | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> Allocation:
        """Confirm an allocation: the first mapping is for the current year, the next for the one after it."""
        return allocate_licenses(
            registered_product=self.registered(product),
            plan={offset: by_code(quantities) for offset, quantities in enumerate(years)},
            nonce=nonce or uuid.uuid4(),
            actor=None,
            on=on,
            facts=facts,
        )

    def release(
        self,
        on: date,
        number: int,
        *,
        product: str | None = None,
        nonce: uuid.UUID | None = None,
        facts: Mapping[str, Any] | None = None,
        accept_expiry: bool = False,
    ) -> Release:
        """Release the coming year of that number, counted from the anchor."""
        return release_year(
            registered_product=self.registered(product),
            number=number,
            nonce=nonce or uuid.uuid4(),
            accept_expiry=accept_expiry,
            actor=None,
            on=on,
            facts=facts,
        )

    def settle(self, on: date) -> int:
        """What the daily job does."""
        return settle(self.organization, on)

    def stand(self, on: date, *, product: str | None = None) -> ProductStanding:
        """How the product stands, as pages read it."""
        return product_standing(self.registered(product), on)

    def describe(self, on: date, *, product: str | None = None) -> dict[str, Any]:
        """How the product stands, in the form of the scenario files."""
        return describe(self.stand(on, product=product))


def dump_books(organization: Organization) -> dict[str, Any]:
    """All that is written down of an organization but row ids and the instants of writing, to compare two of them."""
    mine = Entry.objects.filter(organization=organization).select_related(
        "transfer", "from_account__license_type", "to_account"
    )
    return {
        "entries": [
            (
                entry.transfer.sequence,
                entry.transfer.reason,
                entry.transfer.happened_on,
                entry.from_account.license_type.code,
                entry.from_account.kind,
                entry.from_account.category,
                entry.to_account.category,
                entry.quantity,
            )
            for entry in mine.order_by("transfer__sequence", "pk")
        ],
        "records": [
            (
                record.sequence,
                record.action,
                record.happened_on,
                {key: value for key, value in record.payload.items() if key not in ("system_id", "key_tail")},
            )
            for record in Record.objects.filter(organization=organization).order_by("sequence")
        ],
        "lots": [
            (lot.entered_on, lot.expires_on, lot.origin, lot.account.license_type.code, lot.account.balance)
            for lot in Lot.objects.filter(organization=organization)
            .select_related("account__license_type")
            .order_by("pk")
        ],
        "years": list(
            SubscriptionYear.objects.filter(organization=organization)
            .order_by("subscription_id", "number")
            .values_list("subscription__registered_product__product__code", "number", "fully_licensed_on", "allowance")
        ),
        "mails": list(
            OutboxMessage.objects.filter(organization=organization)
            .order_by("pk")
            .values_list("recipient", "subject", "business_date")
        ),
    }


def check_conservation(organization: Organization) -> None:
    """Recompute every balance from the entries, and R23's two sums."""
    balances: Counter[int] = Counter()
    for source, target, quantity in Entry.objects.filter(organization=organization).values_list(
        "from_account", "to_account", "quantity"
    ):
        balances[source] -= quantity
        balances[target] += quantity
    sums: defaultdict[tuple[int, int, str], Counter[str]] = defaultdict(Counter)
    for account in LedgerAccount.objects.filter(organization=organization):
        assert account.balance == balances[account.pk], f"account {account.pk} differs from its entries"
        sums[account.registered_product_id, account.license_type_id, account.kind][account.category] += account.balance
    for found in sums.values():
        elsewhere = sum(
            found[category]
            for category in (
                AccountCategory.WALLET,
                AccountCategory.HELD,
                AccountCategory.EXPIRED,
                AccountCategory.ENDED,
                AccountCategory.TAKEN_BACK,
            )
        )
        assert -found[AccountCategory.ENTERED] == elsewhere
        given = -found[AccountCategory.DAYS_GIVEN]
        assert given == found[AccountCategory.DAYS_COMPENSATED] + found[AccountCategory.DAYS_CREDIT]
        assert found[AccountCategory.DAYS_COMPENSATED] % 365 == 0
        assert 0 <= found[AccountCategory.DAYS_CREDIT] < 365
    made_of_days = {
        (registered_product, license_type, kind): quantity
        for registered_product, license_type, kind, quantity in Entry.objects.filter(
            organization=organization,
            transfer__reason=TransferReason.COMPENSATED,
            to_account__category=AccountCategory.WALLET,
        )
        .values_list("to_account__registered_product", "to_account__license_type", "to_account__kind")
        .annotate(quantity=Sum("quantity"))
        .order_by()
    }
    for key, found in sums.items():
        assert made_of_days.get(key, 0) * 365 == found[AccountCategory.DAYS_COMPENSATED]
