"""What the examples of the pictures show: standings that no book holds, drawn by the very functions that the pages use."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from licensemgr.portal.styleguide.samples import LONG, ON
from products.models import LicenseKind, LicenseType, Product, RegisteredProduct
from subscriptions import rules
from subscriptions.coverage import coverage
from subscriptions.devices_over_time import Changes, DevicesOverTime
from subscriptions.pace import Pace
from subscriptions.pictures import coverage_row, drawn_devices, drawn_timeline
from subscriptions.queries import ProductStanding, YearStanding
from subscriptions.rules import Status
from wallet.pictures import drawn_wallet
from wallet.queries import LotLine, TypeStock, Wallet
from wallet.rules import LotStock

_ANCHOR = date(2026, 7, 31)
_TYPE = LicenseType(code="core", name="Core device")
_LARGE = 1_234_567


def _registered(trial_last_on: date | None, registered_on: date) -> RegisteredProduct:
    product = Product(code="camera-station", name="Camera Station")
    return RegisteredProduct(product=product, registered_on=registered_on, trial_last_on=trial_last_on)


def _year(number: int, need: int, allocated: int) -> YearStanding:
    year = rules.year_at(_ANCHOR, number)
    missing = max(0, need - allocated)
    return YearStanding(number, year, year.first, {"core": allocated}, {"core": need}, {"core": missing})


def _standing(need: int, allocated: list[int], lots: list[tuple[date, int]]) -> ProductStanding:
    """A product that was started on the organization's first day, with licenses allocated to its first years."""
    given = [*allocated, *[0] * (6 - len(allocated))]
    return ProductStanding(
        registered_product=_registered(date(2026, 7, 30), date(2026, 6, 30)),
        on=ON,
        types=(_TYPE,),
        devices={"core": need},
        systems=1,
        wallet={LicenseKind.SUBSCRIPTION: {"core": sum(quantity for _day, quantity in lots)}},
        stock={"core": tuple(LotStock(number, number, quantity, day) for number, (day, quantity) in enumerate(lots))},
        credit_days={},
        status=Status.LICENSED,
        anchor_on=_ANCHOR,
        started_on=_ANCHOR,
        years=tuple(_year(number, need, quantity) for number, quantity in enumerate(given)),
    )


def _trial() -> ProductStanding:
    return ProductStanding(
        registered_product=_registered(date(2026, 12, 8), date(2026, 11, 8)),
        on=ON,
        types=(_TYPE,),
        devices={"core": 0},
        systems=0,
        wallet={LicenseKind.SUBSCRIPTION: {"core": 0}},
        stock={"core": ()},
        credit_days={},
        status=Status.TRIAL,
    )


def _standings() -> Mapping[str, ProductStanding]:
    lots = [(date(2029, 2, 1), 4), (date(2031, 11, 1), 72)]
    return {
        "some": _standing(84, [84, 60], lots),
        "missing": _standing(84, [12], []),
        "nothing": _standing(0, [], []),
        "large": _standing(_LARGE, [_LARGE, 1], [(date(2030, 1, 1), _LARGE)]),
    }


def _coverage_row(mirrored: bool) -> dict[str, Any]:
    return {
        name: coverage_row(coverage(standing)[0].years, mirrored=mirrored) for name, standing in _standings().items()
    }


def _coverage_table(mirrored: bool) -> dict[str, Any]:
    rows = _coverage_row(mirrored)
    groups = [("Core device", rows["some"], None), ("Universal device", rows["nothing"], None)]
    return {"groups": groups, "long_groups": [(LONG, rows["large"], None)]}


def _timeline(mirrored: bool) -> dict[str, Any]:
    drawn = {name: drawn_timeline(standing, mirrored=mirrored) for name, standing in _standings().items()}
    return {**drawn, "trial": drawn_timeline(_trial(), mirrored=mirrored)}


def _over_time(devices: Changes, licenses: int | None, limit: int | None, expected: int) -> DevicesOverTime:
    """A year of devices; ``licenses`` allocated at its start and the allowance up to ``limit`` devices, or neither."""
    year, now = rules.year_at(_ANCHOR, 0), devices[-1][1]
    grows = expected > now
    return DevicesOverTime(
        on=ON,
        first=year.first,
        last=year.last,
        devices=devices,
        is_weekly=False,
        allocated=((year.first, licenses),) if licenses is not None else (),
        limit=limit,
        limit_since=year.first if limit is not None else None,
        room=limit - now if limit is not None else None,
        pace=Pace(ON - timedelta(days=90), ON, {"core": expected - now}),
        passed_on=date(2027, 3, 14) if grows and limit is not None and now <= limit < expected else None,
        expected=expected,
    )


def _devices_over_time(mirrored: bool) -> dict[str, Any]:
    def changes(*quantities: int) -> Changes:
        return tuple((_ANCHOR + timedelta(days=30 * number), each) for number, each in enumerate(quantities))

    found = {
        "growing": _over_time(changes(60, 72, 84), 80, 92, 110),
        "passed": _over_time(changes(80, 96, 99), 80, 92, 99),
        "without": _over_time(changes(1, 0), None, None, 0),
        "large": _over_time(changes(_LARGE - 9, _LARGE), _LARGE, _LARGE + 5000, _LARGE),
    }
    return {name: {"found": each, "drawn": drawn_devices(each, mirrored=mirrored)} for name, each in found.items()}


def _lot(name: str, kind: LicenseKind, quantity: int, use_by: date) -> LotLine:
    return LotLine(
        lot_id=1,
        type_code="",
        license_type=name,
        kind=kind,
        kind_label="subscription" if kind == LicenseKind.SUBSCRIPTION else "expansion",
        origin="key",
        origin_label="License key",
        quantity=quantity,
        quantity_entered=quantity,
        entered_on=ON,
        use_by=use_by,
        is_expiring=False,
        order_reference="",
        key_tail="",
    )


def _wallet(*lots: LotLine) -> Wallet:
    names = dict.fromkeys(lot.license_type for lot in lots)
    return Wallet(tuple(TypeStock(LicenseType(name=name), 0, 0, 0) for name in names), lots, date.max)


def _stored_until(mirrored: bool) -> dict[str, Any]:
    some, other = LicenseKind.SUBSCRIPTION, LicenseKind.HARDWARE
    wallets = {
        "some": _wallet(
            _lot("Core device", some, 12, date(2027, 2, 27)),
            _lot("Universal device", some, 4, date(2027, 2, 1)),
            _lot("Core device", other, 8, date(2029, 5, 1)),
            _lot("Universal device", other, 2, date(2031, 10, 1)),
            _lot("Core device", some, 60, date(2031, 11, 1)),
        ),
        "one": _wallet(_lot("Core device", some, 1, date(2031, 11, 1))),
        "large": _wallet(_lot(LONG, some, _LARGE, date(2028, 1, 1)), _lot(LONG, other, 1, date(2028, 4, 1))),
    }
    return {name: drawn_wallet(wallet, ON, mirrored=mirrored) for name, wallet in wallets.items()}


# Each is drawn for languages that are read from the left, or mirrored.
PICTURES: Mapping[str, Callable[[bool], Mapping[str, Any]]] = {
    "coverage_row": _coverage_row,
    "coverage_table": _coverage_table,
    "devices_over_time": _devices_over_time,
    "stored_until": _stored_until,
    "timeline": _timeline,
}
