"""The picture of a wallet: what it holds by the quarter in which it has to be used (R22). Geometry only, no words.

``mirrored`` is for languages that are read from the right.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from licensemgr.core.calendar import anniversary
from licensemgr.core.drawing import Across, Span, height_of, pixels, ticks, with_room
from wallet.queries import LotLine, Wallet
from wallet.rules import STORAGE_YEARS

# From the top of the picture to that of the plot, and the plot's height, in pixels.
PLOT_TOP = 20
PLOT_HEIGHT = 130
HEIGHT = PLOT_TOP + PLOT_HEIGHT + 24
# As many ways of filling a bar as can be told apart without colour.
FILLS = 4


@dataclass(frozen=True)
class Series:
    """The lots of one license type and kind, and the number of the way in which they are filled."""

    license_type: str
    kind_label: str
    quantity: int
    fill: int


@dataclass(frozen=True)
class Part:
    """What one series has in a column, in pixels from the top."""

    fill: int
    y: str
    height: str
    quantity: int


@dataclass(frozen=True)
class Column:
    """The licenses of which the last day of use lies in one quarter; ``first`` is its first day."""

    first: date
    bar: Span
    middle: str
    top: str
    total: int
    # Whether its number fits on a phone's screen, too.
    has_room: bool
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class DrawnWallet:
    """Bars over the five years for which licenses can be kept; quarters in which nothing expires have none."""

    height: int
    bottom: str
    start: str
    series: tuple[Series, ...]
    columns: tuple[Column, ...]
    grid: tuple[tuple[int, str], ...]
    # The first days of calendar years, and where they lie.
    years: tuple[tuple[date, str], ...]


def drawn_wallet(wallet: Wallet, on: date, *, mirrored: bool = False) -> DrawnWallet | None:
    """The lots by use-by date; None where the wallet is empty."""
    if not wallet.lots:
        return None
    quarters = _quarters(on)
    across = Across(0, len(quarters), mirrored)
    series = _series(wallet)
    fills = {(one.license_type, one.kind_label): one.fill for one in series}
    held: defaultdict[date, list[LotLine]] = defaultdict(list)
    for lot in wallet.lots:
        held[_quarter_of(lot.use_by)].append(lot)
    numbers = ticks(max(sum(lot.quantity for lot in lots) for lots in held.values()), 3)
    filled = [number for number, quarter in enumerate(quarters) if quarter in held]
    # A number may be as wide as two columns of a phone's screen.
    room = dict(zip(filled, with_room([across.share(number) for number in filled], 9.5), strict=True))
    return DrawnWallet(
        height=HEIGHT,
        bottom=pixels(PLOT_TOP + PLOT_HEIGHT),
        start=across.at(0),
        series=series,
        columns=tuple(
            _column(number, quarters[number], held[quarters[number]], fills, numbers[-1], across, room[number])
            for number in filled
        ),
        grid=tuple((number, pixels(_down(number, numbers[-1]))) for number in numbers[1:]),
        years=tuple((day, across.at(number)) for number, day in enumerate(quarters) if day.month == 1),
    )


def _down(value: int, most: int) -> float:
    return PLOT_TOP + PLOT_HEIGHT - height_of(value, most, PLOT_HEIGHT)


def _quarter_of(day: date) -> date:
    """The first day of the calendar quarter in which a day lies."""
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def _quarters(on: date) -> list[date]:
    """From today's quarter to that in which a license that enters today has to be used (R22)."""
    first, last = _quarter_of(on), _quarter_of(anniversary(on, STORAGE_YEARS))
    found = [first]
    while found[-1] < last:
        day = found[-1]
        found.append(date(day.year + day.month // 10, (day.month + 2) % 12 + 1, 1))
    return found


def _series(wallet: Wallet) -> tuple[Series, ...]:
    """Per type and kind, in catalogue order, the subscription licenses first."""
    order = [stock.license_type.name for stock in wallet.types]
    totals: defaultdict[tuple[bool, int, str, str], int] = defaultdict(int)
    for lot in wallet.lots:
        totals[lot.kind != "subscription", order.index(lot.license_type), lot.license_type, lot.kind_label] += (
            lot.quantity
        )
    return tuple(
        Series(license_type, kind_label, quantity, number % FILLS)
        for number, ((_is_hardware, _place, license_type, kind_label), quantity) in enumerate(sorted(totals.items()))
    )


def _column(
    number: int,
    quarter: date,
    lots: list[LotLine],
    fills: dict[tuple[str, str], int],
    most: int,
    across: Across,
    has_room: bool,
) -> Column:
    by_series: defaultdict[tuple[str, str], int] = defaultdict(int)
    for lot in lots:
        by_series[lot.license_type, lot.kind_label] += lot.quantity
    parts, below = [], 0
    # In the order of the legend, the first at the bottom.
    for key in fills:
        if quantity := by_series.get(key, 0):
            top = _down(below + quantity, most)
            bottom = PLOT_TOP + PLOT_HEIGHT if not below else _down(below, most)
            parts.append(Part(fills[key], pixels(top), pixels(bottom - top), quantity))
            below += quantity
    return Column(
        first=quarter,
        bar=across.span(number + 0.12, number + 0.88),
        middle=across.at(number + 0.5),
        top=pixels(_down(below, most)),
        total=below,
        has_room=has_room,
        parts=tuple(parts),
    )
