"""How far the years on offer are covered: what they need, hold and miss, what the wallet could add, what expires in them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from products.models import LicenseKind, LicenseType
from subscriptions.queries import ProductStanding, YearStanding
from subscriptions.rules import Year
from wallet.rules import use_by


@dataclass(frozen=True)
class YearCoverage:
    """One year on offer of one license type, or of several together. All are numbers of licenses."""

    year: Year
    is_current: bool
    need: int
    allocated: int
    missing: int
    # Of what is missing, what the wallet holds today for it, the nearest year first (R17).
    in_wallet: int
    # Licenses in the wallet that have to be used by a day of this year (R22).
    expiring: int

    @property
    def to_buy(self) -> int:
        """What is missing, and is not in the wallet either."""
        return self.missing - self.in_wallet

    def plus(self, other: "YearCoverage") -> "YearCoverage":
        """The same year of both together."""
        return replace(
            self,
            need=self.need + other.need,
            allocated=self.allocated + other.allocated,
            missing=self.missing + other.missing,
            in_wallet=self.in_wallet + other.in_wallet,
            expiring=self.expiring + other.expiring,
        )


@dataclass(frozen=True)
class TypeCoverage:
    """The years on offer of one license type (R15)."""

    license_type: LicenseType
    years: tuple[YearCoverage, ...]


def coverage(standing: ProductStanding) -> tuple[TypeCoverage, ...]:
    """The years on offer of each license type; nothing before the subscription has started."""
    if not standing.years:
        return ()
    return tuple(TypeCoverage(kind, _years(standing, kind.code)) for kind in standing.types)


def _years(standing: ProductStanding, code: str) -> tuple[YearCoverage, ...]:
    left = standing.wallet[LicenseKind.SUBSCRIPTION][code]
    years = []
    for year in standing.years:
        in_wallet = min(left, year.missing[code])
        left -= in_wallet
        years.append(_year(standing, year, code, in_wallet))
    return tuple(years)


def _year(standing: ProductStanding, year: YearStanding, code: str, in_wallet: int) -> YearCoverage:
    first, last = year.year.first, year.year.last
    return YearCoverage(
        year=year.year,
        is_current=year.offset == 0,
        need=year.need[code],
        allocated=year.allocated[code],
        missing=year.missing[code],
        in_wallet=in_wallet,
        expiring=sum(lot.quantity for lot in standing.stock[code] if first <= use_by(lot.expires_on) <= last),
    )


def together(types: Sequence[TypeCoverage]) -> tuple[YearCoverage, ...]:
    """The years of all license types together: licenses of one type never serve for another, so each is counted by itself."""
    if not types:
        return ()
    sums = list(types[0].years)
    for kind in types[1:]:
        sums = [year.plus(other) for year, other in zip(sums, kind.years, strict=True)]
    return tuple(sums)
