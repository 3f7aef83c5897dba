"""Where the numbers of a subscription come from: need, allocated, missing, growth and its allowance (R10-R14)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from django.db.models import Q

from licensemgr.core.worded import gettext as _
from products.models import LicenseBasis, LicenseKind, LicenseType
from products.why import Addend, Counted, Explanation, explain, explain_devices, of_type, why_link
from subscriptions import rules
from subscriptions.advice import format_date
from subscriptions.coverage import YearCoverage, coverage
from subscriptions.errors import year_name
from subscriptions.queries import ProductStanding, YearStanding
from wallet.models import AccountCategory, Lot
from wallet.rules import use_by
from wallet.why import Accounts, by_types, explain_entries


def why_need(
    standing: ProductStanding, year: YearStanding | None, license_type: LicenseType | None, *, after: str = ""
) -> Explanation:
    """What a year has to hold (R10, R12, R13); without a year, of a product that has not started, its devices."""
    need = standing.devices if year is None else year.need
    title = _("current need") if year is None else _("current need of the year %(year)s")
    title = title % {"year": year_name(year.year) if year else ""}
    if year is not None and year.fully_licensed_on is not None:
        rule = _(
            "The year is fully licensed, so it needs what is allocated to it, and what the growth allowance does not reach."
        )
    else:
        rule = _("One license for each device that counts for the subscription today, whichever year it is for.")
    if license_type is None:
        return _by_type(standing, "need", year, need, title, rule)
    if year is None or year.fully_licensed_on is None:
        return explain_devices(
            standing.registered_product,
            license_type,
            where=Q(license_basis=LicenseBasis.SUBSCRIPTION),
            title=of_type(license_type, title),
            rule=rule,
            number=need[license_type.code],
            after=after,
        )
    code = license_type.code
    addends = [
        _addend(_("Allocated to the year"), year.allocated[code], "allocated", code, year),
        _addend(_("Beyond the growth allowance"), year.missing[code], "missing", code, year),
    ]
    return explain(of_type(license_type, title), need[code], Counted.LICENSES, rule, addends)


def _addend(text: str, quantity: int, what: str, code: str | None, year: YearStanding | None) -> Addend:
    """A part that is itself a number with an explanation."""
    return Addend(text, quantity, link=why_link(what, type=code, year=year.year.number if year else None))


def _by_type(
    standing: ProductStanding,
    what: str,
    year: YearStanding | None,
    quantities: Mapping[str, int],
    title: str,
    rule: str,
    counted: Counted = Counted.LICENSES,
) -> Explanation:
    """A number over all types: an addend a type."""
    number = year.year.number if year else None
    addends = by_types(standing.types, quantities, lambda kind: why_link(what, type=kind.code, year=number))
    return explain(of_type(None, title), sum(quantities.values()), counted, rule, addends)


def why_missing(standing: ProductStanding, year: YearStanding, license_type: LicenseType | None) -> Explanation:
    """What a year misses: devices less what is allocated, and less the growth that is free (R12, R13, R14)."""
    title = _("missing in the year %(year)s") % {"year": year_name(year.year)}
    licensed = year.fully_licensed_on is not None
    rule = (
        _(
            "The year is fully licensed, so devices beyond what is allocated are free as far as the growth allowance reaches; "
            "the rest is missing."
        )
        if licensed
        else _("What is needed less what is allocated to the year is missing; never less than 0.")
    )
    if license_type is None:
        return _by_type(standing, "missing", year, year.missing, title, rule)
    code = license_type.code
    addends = _beyond(standing, year, code)
    if licensed:
        free = _free(standing, year)[code]
        addends.append(_addend(_("Free by the growth allowance"), -free, "free", code, year))
    return explain(of_type(license_type, title), year.missing[code], Counted.LICENSES, rule, addends)


def _beyond(standing: ProductStanding, year: YearStanding, code: str) -> list[Addend]:
    """The devices of a type beyond what is allocated to the year, at least 0, in its parts."""
    devices, allocated = standing.devices[code], year.allocated[code]
    return [
        _addend(_("Devices that count for the subscription"), devices, "devices", code, None),
        _addend(_("Allocated to the year"), -allocated, "allocated", code, year),
        # A license of one type never serves for another, and none goes back by itself (R14).
        Addend(_("Allocated beyond the devices: it lowers nothing else"), max(0, allocated - devices)),
    ]


def why_allocated(
    standing: ProductStanding, year: YearStanding, license_type: LicenseType | None, *, after: str = ""
) -> Explanation:
    """What is allocated to a year, by the transfers that brought it there and took it back (R17, R34)."""
    title = _("allocated to the year %(year)s") % {"year": year_name(year.year)}
    rule = _("What was confirmed for this year, less what was returned from it before it began.")
    if license_type is None:
        return _by_type(standing, "allocated", year, year.allocated, title, rule)
    return explain_entries(
        _held(standing, year, license_type),
        title=of_type(license_type, title),
        rule=rule,
        number=year.allocated[license_type.code],
        after=after,
    )


def _coverage_of(standing: ProductStanding, year: YearStanding) -> dict[str, tuple[YearCoverage, ...]]:
    """By type code, how far the years up to this one are covered; the last is this one."""
    return {kind.license_type.code: kind.years[: year.offset + 1] for kind in coverage(standing)}


def why_in_wallet(standing: ProductStanding, year: YearStanding, license_type: LicenseType | None) -> Explanation:
    """What the wallet holds for a year that misses licenses, the nearest year first (R17)."""
    covered = _coverage_of(standing, year)
    title = _("in the wallet for the year %(year)s") % {"year": year_name(year.year)}
    rule = _("What the wallet holds is counted for the nearest year that misses licenses, then for the next.")
    if license_type is None:
        quantities = {code: years[-1].in_wallet for code, years in covered.items()}
        return _by_type(standing, "in-wallet", year, quantities, title, rule)
    code = license_type.code
    years = covered[code]
    number = years[-1].in_wallet
    held = standing.wallet[LicenseKind.SUBSCRIPTION][code]
    earlier = sum(each.in_wallet for each in years[:-1])
    link = why_link("wallet", type=code, kind=str(LicenseKind.SUBSCRIPTION))
    addends = [
        Addend(_("In the Product wallet"), held, link=link),
        Addend(_("Counted for the years before"), -earlier),
        Addend(_("More than this year misses"), number - held + earlier),
    ]
    return explain(of_type(license_type, title), number, Counted.LICENSES, rule, addends)


def why_to_buy(standing: ProductStanding, year: YearStanding, license_type: LicenseType | None) -> Explanation:
    """What a year misses, and the wallet does not hold for it either."""
    covered = _coverage_of(standing, year)
    title = _("to buy for the year %(year)s") % {"year": year_name(year.year)}
    rule = _("What the year misses and the wallet does not hold for it has to be bought.")
    if license_type is None:
        quantities = {code: years[-1].to_buy for code, years in covered.items()}
        return _by_type(standing, "to-buy", year, quantities, title, rule)
    code = license_type.code
    found = covered[code][-1]
    addends = [
        _addend(_("Missing in the year"), found.missing, "missing", code, year),
        _addend(_("In the wallet for the year"), -found.in_wallet, "in-wallet", code, year),
    ]
    return explain(of_type(license_type, title), found.to_buy, Counted.LICENSES, rule, addends)


def why_expiring(standing: ProductStanding, year: YearStanding, license_type: LicenseType | None) -> Explanation:
    """The licenses in the wallet that have to be used by a day of a year, by their lots (R22)."""
    covered = _coverage_of(standing, year)
    title = _("to be used by a day of the year %(year)s") % {"year": year_name(year.year)}
    rule = _("Licenses in the wallet that can be allocated up to a day of this year, and expire after it.")
    if license_type is None:
        quantities = {code: years[-1].expiring for code, years in covered.items()}
        return _by_type(standing, "expiring", year, quantities, title, rule)
    code = license_type.code
    addends = [
        Addend(
            _("Use by %(day)s") % {"day": format_date(use_by(lot.expires_on))},
            lot.quantity,
            link=why_link("lot", lot=lot.lot_id),
        )
        for lot in standing.stock[code]
        if year.year.first <= use_by(lot.expires_on) <= year.year.last
    ]
    return explain(of_type(license_type, title), covered[code][-1].expiring, Counted.LICENSES, rule, addends)


def why_of_all_years(standing: ProductStanding, what: str) -> Explanation:
    """What all years on offer have together to buy, or in the wallet, or allocated: an addend a year (R15)."""
    kinds = list(zip(*(kind.years for kind in coverage(standing)), strict=True))
    title, rule, quantities = {
        "to-buy": (
            _("to buy for all years on offer"),
            _("What a year misses and the wallet does not hold for it has to be bought, year by year."),
            [sum(each.to_buy for each in year) for year in kinds],
        ),
        "in-wallet": (
            _("in the wallet for all years on offer"),
            _("What the wallet holds is counted for the nearest year that misses licenses, then for the next."),
            [sum(each.in_wallet for each in year) for year in kinds],
        ),
        "allocated": (
            _("allocated to all years on offer"),
            _("What was confirmed for each year, less what was returned from it before it began."),
            [year.allocated_total for year in standing.years],
        ),
    }[what]
    addends = [
        Addend(
            _("Year %(year)s") % {"year": year_name(year.year)}, quantity, link=why_link(what, year=year.year.number)
        )
        for year, quantity in zip(standing.years, quantities, strict=True)
    ]
    return explain(of_type(None, title), sum(quantities), Counted.LICENSES, rule, addends)


def why_going_back(
    standing: ProductStanding, year: YearStanding, lot: Lot, license_type: LicenseType, *, after: str = ""
) -> Explanation:
    """What a coming year holds of one lot: so much goes back to it if the year is released (R34)."""
    accounts = replace(_held(standing, year, license_type), lot=lot)
    return explain_entries(
        accounts,
        title=of_type(
            license_type,
            _("allocated to the year %(year)s from the lot of %(day)s")
            % {"year": year_name(year.year), "day": format_date(lot.entered_on)},
        ),
        rule=_(
            "What was taken from this lot for the year, less what went back to it, goes back with the lot's own dates."
        ),
        number=accounts.net(),
        after=after,
    )


def why_allocated_on(standing: ProductStanding, year: YearStanding, day: date, *, after: str = "") -> Explanation:
    """What was allocated to a year in the evening of a day, by the movements up to it."""
    accounts = replace(_held(standing, year, None), day=day)
    return explain_entries(
        accounts,
        title=_("Allocated to the year %(year)s on %(day)s") % {"year": year_name(year.year), "day": format_date(day)},
        rule=_("What was confirmed for this year up to this day, less what was returned from it before it began."),
        number=accounts.net(),
        after=after,
    )


def _held(standing: ProductStanding, year: YearStanding, license_type: LicenseType | None) -> Accounts:
    """The accounts that hold what is allocated to a year: of one type, or of all."""
    conditions: dict[str, object] = {
        "category": AccountCategory.HELD,
        "year_holding__year__subscription": standing.subscription_id,
        "year_holding__year__number": year.year.number,
    }
    if license_type is not None:
        conditions["license_type"] = license_type.pk
    return Accounts(standing.registered_product, conditions)


def growth_used(standing: ProductStanding) -> int:
    """The growth of the current year, over all types; 0 before it is fully licensed (R12)."""
    current = standing.current
    if current is None or current.fully_licensed_on is None:
        return 0
    return sum(rules.growth(standing.codes, current.allocated, standing.devices).values())


def why_growth(standing: ProductStanding, year: YearStanding, license_type: LicenseType | None) -> Explanation:
    """The growth of a fully licensed year: devices beyond what is allocated, over all types (R12)."""
    growth = rules.growth(standing.codes, year.allocated, standing.devices)
    title = _("growth in the year %(year)s") % {"year": year_name(year.year)}
    rule = _("Devices beyond what is allocated to the year are its growth, over all license types together.")
    if license_type is None:
        return _by_type(standing, "growth", year, growth, title, rule, Counted.DEVICES)
    code = license_type.code
    return explain(of_type(license_type, title), growth[code], Counted.DEVICES, rule, _beyond(standing, year, code))


def _free(standing: ProductStanding, year: YearStanding) -> dict[str, int]:
    """The growth of each type, in catalogue order, that the allowance of a fully licensed year reaches (R12)."""
    growth = rules.growth(standing.codes, year.allocated, standing.devices)
    return {code: beyond - year.missing[code] for code, beyond in growth.items()}


def why_free(standing: ProductStanding, year: YearStanding, license_type: LicenseType) -> Explanation:
    """How many devices of a type are free by the allowance, which is spent on the types in catalogue order (R12)."""
    free = _free(standing, year)
    addends = [_addend(_("Growth allowance"), year.allowance or 0, "allowance", None, year)]
    left = year.allowance or 0
    for kind in standing.types:
        if kind == license_type:
            break
        left -= free[kind.code]
        spent = _("Spent on %(type)s before") % {"type": kind.name}
        addends.append(_addend(spent, -free[kind.code], "free", kind.code, year))
    addends.append(Addend(_("Not needed for this type"), free[license_type.code] - left))
    return explain(
        of_type(license_type, _("free in the year %(year)s") % {"year": year_name(year.year)}),
        free[license_type.code],
        Counted.DEVICES,
        _("The growth allowance is spent on the license types in the order of the catalogue; what it reaches is free."),
        addends,
    )


def why_allowance(standing: ProductStanding, year: YearStanding, *, after: str = "") -> Explanation:
    """The growth allowance: what was allocated to the year when it became fully licensed, over all types (R12)."""
    assert year.allowance is not None and year.fully_licensed_on is not None  # noqa: S101 - asked of such years only
    accounts = _held(standing, year, None)
    return explain_entries(
        accounts,
        title=_("Growth allowance of the year %(year)s") % {"year": year_name(year.year)},
        rule=_(
            "The allowance is as many devices as licenses were allocated to the year when it became fully licensed, on "
            "%(day)s; licenses allocated later do not raise it."
        )
        % {"day": format_date(year.fully_licensed_on)},
        number=year.allowance,
        counted=Counted.DEVICES,
        through=_last_of_allowance(accounts, year.allowance),
        after=after,
    )


def _last_of_allowance(accounts: Accounts, allowance: int) -> int:
    """The sequence number of the last transfer that the allowance counts.

    From the moment at which it was written down on, what is allocated to the year only grows: so it is the last at which so
    many were allocated.
    """
    last, so_far = 0, 0
    for row in accounts.net_by_transfer().order_by("transfer__sequence"):
        so_far += row["net"]
        if so_far == allowance:
            last = row["transfer__sequence"]
    return last
