"""How an organization's products stand on a date: what every page, command and job reads (R2)."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property

from django.db.models import Count, Sum

from organizations.models import Organization
from products.models import DeviceCount, LicenseBasis, LicenseKind, LicenseType, Product, RegisteredProduct, System
from subscriptions import rules
from subscriptions.models import Subscription, SubscriptionYear, YearHolding
from subscriptions.rules import Status, Year
from subscriptions.units import UnitStanding, unit_standings
from wallet.models import AccountCategory, LedgerAccount, Lot
from wallet.rules import LotStock


@dataclass(frozen=True)
class YearStanding:
    """How one subscription year of a product stands. Quantities are per license type code."""

    offset: int
    year: Year
    covered_from: date
    allocated: Mapping[str, int]
    need: Mapping[str, int]
    missing: Mapping[str, int]
    # Only for the current year, once it is fully licensed.
    fully_licensed_on: date | None = None
    allowance: int | None = None

    @property
    def missing_total(self) -> int:
        return sum(self.missing.values())

    @property
    def allocated_total(self) -> int:
        return sum(self.allocated.values())

    @property
    def need_total(self) -> int:
        return sum(self.need.values())


@dataclass(frozen=True)
class ProductStanding:
    """How a registered product stands on a date. Quantities are per license type code, in catalogue order."""

    registered_product: RegisteredProduct
    on: date
    types: tuple[LicenseType, ...]
    devices: Mapping[str, int]
    systems: int
    # Licenses that can be used today, by kind and type (R17, R22).
    wallet: Mapping[str, Mapping[str, int]]
    # The lots of subscription licenses by type, those expired left out.
    stock: Mapping[str, tuple[LotStock, ...]]
    credit_days: Mapping[str, int]
    status: Status
    anchor_on: date | None = None
    started_on: date | None = None
    subscription_id: int | None = None
    # Since when the growth allowance is known to be exceeded (R12).
    exceeded_since: date | None = None
    years: tuple[YearStanding, ...] = field(default=())
    # The hardware units that are registered and not retired, and what tied systems lack (R25).
    units: UnitStanding = field(default=UnitStanding())

    @property
    def product(self) -> Product:
        return self.registered_product.product

    @property
    def trial_last_on(self) -> date | None:
        return self.registered_product.trial_last_on

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(license_type.code for license_type in self.types)

    @property
    def current(self) -> YearStanding | None:
        return self.years[0] if self.years else None

    @property
    def next_year(self) -> YearStanding | None:
        return self.years[1] if self.years else None

    @cached_property
    def grace_last_day(self) -> date | None:
        """The last day of the current year's grace period (R9); None before the start."""
        if self.current is None or self.started_on is None:
            return None
        return rules.grace_last_day(self.current.year, self.started_on)

    @property
    def in_grace(self) -> bool:
        return self.grace_last_day is not None and self.on <= self.grace_last_day

    @property
    def is_licensed(self) -> bool:
        return self.status in (Status.LICENSED, Status.HARDWARE)

    @property
    def licensed_until(self) -> date | None:
        """The last day of the last year in a row, from the current one, that misses nothing; None when there is none."""
        last: date | None = None
        for year in self.years:
            if year.missing_total or not (year.allocated_total or year.need_total == 0):
                break
            last = year.year.last
        return last

    def wallet_total(self, kind: str) -> int:
        return sum(self.wallet[kind].values())


def standings(
    organization: Organization, on: date, registered_products: Iterable[RegisteredProduct] | None = None
) -> list[ProductStanding]:
    """How the organization's registered products stand on ``on``, in a number of queries that does not grow with them.

    Follows from the books and the date alone: what no job has written down yet is derived here (R2).
    """
    if registered_products is None:
        registered_products = organization.registered_products.select_related("product")
    chosen = list(registered_products)
    stand = outlook(organization, chosen)
    return [stand(registered_product, on) for registered_product in chosen]


Outlook = Callable[[RegisteredProduct, date], ProductStanding]


def outlook(organization: Organization, registered_products: Iterable[RegisteredProduct]) -> Outlook:
    """How each of the products stands on any date from now on, if nobody changes anything before (R2).

    The books are read once, for all of them and for all dates.
    """
    chosen = list(registered_products)
    ids = [registered_product.pk for registered_product in chosen]
    books = _read_books(organization, ids, [registered_product.product_id for registered_product in chosen])
    return lambda registered_product, on: _stand(organization, registered_product, on, books)


def product_standing(registered_product: RegisteredProduct, on: date) -> ProductStanding:
    """How one registered product stands on ``on``."""
    return standings(registered_product.organization, on, [registered_product])[0]


def standing_after(standing: ProductStanding, more_devices: Mapping[str, int], units: UnitStanding) -> ProductStanding:
    """How a product would stand on the same date if ``more_devices`` counted beside those that do, and it had ``units``.

    What a page says before a change is confirmed that lets devices count for the subscription (R27).
    """
    registered_product = standing.registered_product
    key, organization = registered_product.pk, registered_product.organization
    books = _read_books(organization, [key], [registered_product.product_id])
    devices = {(key, code): standing.devices[code] + more_devices.get(code, 0) for code in standing.codes}
    books = replace(books, devices=devices, units={key: units})
    current = standing.current
    if standing.subscription_id is not None and current is not None and current.fully_licensed_on is not None:
        # Also where nobody has written it down yet: on its first day a year is looked at before any change (R11).
        year = SubscriptionYear(
            number=current.year.number,
            fully_licensed_on=current.fully_licensed_on,
            allowance=current.allowance,
        )
        books = replace(books, years={**books.years, (standing.subscription_id, year.number): year})
    return _stand(organization, registered_product, standing.on, books)


def _allocated_by_year(organization: Organization) -> dict[tuple[int, int], dict[str, int]]:
    """What is allocated, per type code, by (subscription, year number)."""
    allocated: defaultdict[tuple[int, int], dict[str, int]] = defaultdict(dict)
    holdings = YearHolding.objects.filter(organization=organization).values_list(
        "year__subscription", "year__number", "license_type__code", "account__balance"
    )
    for subscription_id, number, code, balance in holdings:
        allocated[subscription_id, number][code] = balance
    return dict(allocated)


@dataclass(frozen=True)
class _Books:
    types: Mapping[int, tuple[LicenseType, ...]]
    devices: Mapping[tuple[int, str], int]
    systems: Mapping[int, int]
    anchor_on: date | None
    subscriptions: Mapping[int, Subscription]
    years: Mapping[tuple[int, int], SubscriptionYear]
    allocated: Mapping[tuple[int, int], dict[str, int]]
    lots: Mapping[int, list[Lot]]
    credit: Mapping[tuple[int, str], int]
    units: Mapping[int, UnitStanding]


def _read_books(organization: Organization, ids: list[int], product_ids: list[int]) -> _Books:
    types: defaultdict[int, list[LicenseType]] = defaultdict(list)
    for license_type in LicenseType.objects.filter(product_id__in=product_ids).order_by("position", "pk"):
        types[license_type.product_id].append(license_type)
    counts = (
        DeviceCount.objects.filter(
            organization=organization,
            until_on=None,
            system__registered_product__in=ids,
            system__removed_on=None,
            license_basis=LicenseBasis.SUBSCRIPTION,
        )
        .values_list("system__registered_product", "license_type__code")
        .annotate(total=Sum("quantity"))
    )
    systems = (
        System.objects.filter(organization=organization, registered_product__in=ids, removed_on=None)
        .values_list("registered_product")
        .annotate(total=Count("pk"))
    )
    subscriptions = {
        subscription.registered_product_id: subscription
        for subscription in Subscription.objects.filter(
            organization=organization, registered_product__in=ids
        ).select_related("organization__subscription_period")
    }
    anchors = {found.organization.subscription_period.anchor_on for found in subscriptions.values()}
    lots: defaultdict[int, list[Lot]] = defaultdict(list)
    for lot in (
        Lot.objects.filter(organization=organization, registered_product__in=ids, account__balance__gt=0)
        .select_related("account__license_type")
        .order_by("expires_on", "pk")
    ):
        lots[lot.registered_product_id].append(lot)
    years: dict[tuple[int, int], SubscriptionYear] = {}
    allocated: dict[tuple[int, int], dict[str, int]] = {}
    if subscriptions:
        started = [found.pk for found in subscriptions.values()]
        for year in SubscriptionYear.objects.filter(organization=organization, subscription__in=started):
            years[year.subscription_id, year.number] = year
        allocated = _allocated_by_year(organization)
    credit = LedgerAccount.objects.filter(
        organization=organization, registered_product__in=ids, category=AccountCategory.DAYS_CREDIT
    ).values_list("registered_product", "license_type__code", "balance")
    return _Books(
        types={product_id: tuple(found) for product_id, found in types.items()},
        devices={(registered, code): total for registered, code, total in counts},
        systems=dict(systems),
        anchor_on=anchors.pop() if anchors else None,
        subscriptions=subscriptions,
        years=years,
        allocated=allocated,
        lots=lots,
        credit={(registered, code): balance for registered, code, balance in credit},
        units=unit_standings(organization, ids),
    )


def _stand(
    organization: Organization, registered_product: RegisteredProduct, on: date, books: _Books
) -> ProductStanding:
    key = registered_product.pk
    types = books.types.get(registered_product.product_id, ())
    codes = [license_type.code for license_type in types]
    devices = {code: books.devices.get((key, code), 0) for code in codes}
    units = books.units.get(key, UnitStanding())
    usable = [lot for lot in books.lots.get(key, ()) if not lot.is_expired(on)]
    wallet = {str(kind): dict.fromkeys(codes, 0) for kind in LicenseKind.values}
    stock: dict[str, list[LotStock]] = {code: [] for code in codes}
    for lot in usable:
        account = lot.account
        wallet[account.kind][account.license_type.code] += account.balance
        if account.kind == LicenseKind.SUBSCRIPTION:
            stock[account.license_type.code].append(LotStock(lot.pk, account.pk, account.balance, lot.expires_on))
    subscription = books.subscriptions.get(key)
    years: tuple[YearStanding, ...] = ()
    state: rules.YearState | None = None
    if subscription is not None and books.anchor_on is not None:
        years = tuple(
            _stand_year(organization, books, subscription, offset, year, codes, devices)
            for offset, year in enumerate(rules.years_on_offer(books.anchor_on, on))
        )
        state = rules.YearState(
            year=years[0].year,
            started_on=subscription.started_on,
            fully_licensed=years[0].fully_licensed_on is not None,
            missing_total=years[0].missing_total,
        )
    return ProductStanding(
        registered_product=registered_product,
        on=on,
        types=types,
        devices=devices,
        systems=books.systems.get(key, 0),
        wallet=wallet,
        stock={code: tuple(found) for code, found in stock.items()},
        credit_days={code: books.credit.get((key, code), 0) for code in codes},
        status=rules.status(
            on=on,
            current=state,
            trial_last_on=registered_product.trial_last_on,
            units=rules.UnitsState(
                active=units.active, counting_devices=sum(devices.values()), is_lacking=bool(units.lacking)
            ),
        ),
        anchor_on=books.anchor_on if subscription else None,
        started_on=subscription.started_on if subscription else None,
        subscription_id=subscription.pk if subscription else None,
        exceeded_since=subscription.exceeded_since if subscription else None,
        years=years,
        units=units,
    )


def _stand_year(
    organization: Organization,
    books: _Books,
    subscription: Subscription,
    offset: int,
    year: Year,
    codes: list[str],
    devices: Mapping[str, int],
) -> YearStanding:
    held = books.allocated.get((subscription.pk, year.number), {})
    allocated = {code: held.get(code, 0) for code in codes}
    fully_licensed_on: date | None = None
    allowance: int | None = None
    if offset == 0:
        written = books.years.get((subscription.pk, year.number))
        if written is not None and written.fully_licensed_on is not None:
            fully_licensed_on, allowance = written.fully_licensed_on, written.allowance
        elif (
            organization.settled_through is None or organization.settled_through < year.first
        ) and rules.is_fully_licensed(allocated, devices):
            # The year began and nobody has written it down yet: it did so with what stands in the books (R2, R11).
            fully_licensed_on, allowance = year.first, sum(allocated.values())
    missing = rules.missing(codes, allocated, devices, allowance)
    need = {code: allocated[code] + missing[code] for code in codes} if fully_licensed_on else dict(devices)
    return YearStanding(
        offset=offset,
        year=year,
        covered_from=rules.covered_from(year, subscription.started_on),
        allocated=allocated,
        need=need,
        missing=missing,
        fully_licensed_on=fully_licensed_on,
        allowance=allowance,
    )
