"""What a confirmation of an allocation would do: worked out once, for the page that shows it and the service that does it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils import formats

from licensemgr.core.worded import gettext as _
from subscriptions import rules
from subscriptions.errors import NeedNotMatched, NotStarted, YearsNotOffered
from subscriptions.queries import ProductStanding, YearStanding
from wallet.errors import NotEnoughLicenses
from wallet.rules import LotStock, Taking, take

# Offset from the current year → license type code → quantity.
Plan = Mapping[int, Mapping[str, int]]


@dataclass(frozen=True)
class YearAllocation:
    """What a confirmation allocates to one year, and the lots from which it comes, per license type code."""

    standing: YearStanding
    quantities: Mapping[str, int]
    takings: Mapping[str, tuple[Taking, ...]]


@dataclass(frozen=True)
class AllocationPreview:
    """What R20 states before the final Confirm, and what the Confirm then does."""

    standing: ProductStanding
    plan: Plan
    years: tuple[YearAllocation, ...]
    wallet_left: Mapping[str, int]
    # Per type; only where something is allocated to the current year.
    compensation: Mapping[str, rules.Compensation]

    @property
    def total(self) -> int:
        return sum(sum(year.quantities.values()) for year in self.years)

    @property
    def licenses_given_back(self) -> int:
        return sum(compensation.licenses for compensation in self.compensation.values())


def clean_plan(plan: Plan) -> dict[int, dict[str, int]]:
    """The plan without types and years for which nothing is entered (R16)."""
    cleaned = {
        offset: {code: quantity for code, quantity in quantities.items() if quantity}
        for offset, quantities in sorted(plan.items())
    }
    return {offset: quantities for offset, quantities in cleaned.items() if quantities}


def preview_allocation(standing: ProductStanding, plan: Plan) -> AllocationPreview:
    """What confirming ``plan`` would do now.

    Raises, the first that holds: NotStarted, YearsNotOffered, NeedNotMatched (R15, R16), NotEnoughLicenses (R17).
    """
    if standing.started_on is None:
        raise NotStarted
    plan = clean_plan(plan)
    years = {year.offset: year for year in standing.years}
    if not plan:
        raise YearsNotOffered(
            _("Nothing was entered, so nothing was allocated. Enter the licenses that match the Current need.")
        )
    if any(offset not in years for offset in plan):
        raise YearsNotOffered(_("Only the current year and the five after it can be allocated. Nothing was allocated."))
    codes = set(standing.codes)
    if any(quantity < 0 or code not in codes for quantities in plan.values() for code, quantity in quantities.items()):
        raise YearsNotOffered(
            _("A license type or quantity was entered that this product does not have. Nothing was allocated.")
        )
    mismatches, gaps = rules.check_plan(standing.codes, plan, {offset: year.missing for offset, year in years.items()})
    if mismatches or gaps:
        raise NeedNotMatched(mismatches, gaps, {offset: year.year for offset, year in years.items()})
    allocated, left = _take_from_wallet(standing, plan)
    current = years[0]
    compensation = {
        code: rules.compensate(
            quantity=quantity,
            year=current.year,
            started_on=standing.started_on,
            on=standing.on,
            credit=standing.credit_days[code],
        )
        for code, quantity in plan.get(0, {}).items()
    }
    return AllocationPreview(standing, plan, tuple(allocated), left, compensation)


def _take_from_wallet(standing: ProductStanding, plan: Plan) -> tuple[list[YearAllocation], dict[str, int]]:
    stock = {code: list(lots) for code, lots in standing.stock.items()}
    short: dict[str, int] = {}
    allocated: list[YearAllocation] = []
    for offset, quantities in plan.items():
        takings: dict[str, tuple[Taking, ...]] = {}
        for code in standing.codes:
            taken, lacking = take(stock[code], quantities.get(code, 0), standing.on)
            if lacking:
                short[code] = short.get(code, 0) + lacking
            if taken:
                takings[code] = tuple(taken)
            stock[code] = _without(stock[code], taken)
        allocated.append(YearAllocation(standing.years[offset], quantities, takings))
    if short:
        raise NotEnoughLicenses(short)
    return allocated, {code: sum(lot.quantity for lot in lots) for code, lots in stock.items()}


def _without(lots: list[LotStock], taken: list[Taking]) -> list[LotStock]:
    used = {taking.lot.lot_id: taking.quantity for taking in taken}
    return [
        LotStock(lot.lot_id, lot.account_id, lot.quantity - used.get(lot.lot_id, 0), lot.expires_on) for lot in lots
    ]


def facts_shown(standing: ProductStanding) -> dict[str, Any]:
    """What a confirmation rests on: if any of it changes between page and Confirm, the page is shown anew (R20)."""
    return {
        "date": standing.on.isoformat(),
        "need": [dict(year.need) for year in standing.years],
        "missing": [dict(year.missing) for year in standing.years],
        "lots": {
            code: [[lot.lot_id, lot.quantity, lot.expires_on.isoformat()] for lot in lots]
            for code, lots in standing.stock.items()
        },
        "credit": dict(standing.credit_days),
    }


def fingerprint(facts: Mapping[str, Any]) -> str:
    """A short name of the facts; equal exactly when they are."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def describe_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What changed between two pages, in sentences (R20)."""
    changes: list[str] = []
    if before.get("date") != now["date"]:
        changes.append(
            _("Today is %(today)s now.")
            % {"today": formats.date_format(date.fromisoformat(now["date"]), "DATE_FORMAT")}
        )
    if before.get("need") != now["need"]:
        changes.append(_("The current need changed."))
    if before.get("missing") != now["missing"]:
        changes.append(_("What the years are missing changed."))
    if before.get("lots") != now["lots"]:
        changes.append(_("The licenses in the product wallet changed."))
    if before.get("credit") != now["credit"]:
        changes.append(_("The credit days changed."))
    return changes
