"""The pictures of a product: its timeline, its devices over time, the coverage of its years. Geometry only, no words.

``mirrored`` is for languages that are read from the right.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from licensemgr.core.drawing import Across, Span, height_of, pixels, steps, ticks, value_on, with_room
from subscriptions import rules
from subscriptions.coverage import YearCoverage
from subscriptions.devices_over_time import Changes, DevicesOverTime
from subscriptions.queries import ProductStanding, YearStanding
from subscriptions.years_shown import Segment, timeline, year_label
from wallet.rules import use_by

# --- coverage ----------------------------------------------------------------------------------------------------

# Between two cells, in percent of the picture's width.
_GAP = 1.5


@dataclass(frozen=True)
class DrawnCell:
    """One year in a row of the coverage matrix; spans within the row's picture."""

    coverage: YearCoverage
    label: str
    # Where the cell's text begins.
    x: str
    whole: Span
    allocated: Span | None
    in_wallet: Span | None
    to_buy: Span | None


def coverage_row(years: Sequence[YearCoverage], *, mirrored: bool = False) -> tuple[DrawnCell, ...]:
    """The years side by side, each a bar of what it needs: allocated, then in the wallet, then to buy.

    Bars of one row have one scale: the largest need (or allocated quantity, where that is more) fills its cell.
    """
    most = max((max(year.need, year.allocated) for year in years), default=0)
    across = Across(0, 100, mirrored)
    wide = (100 + _GAP) / max(1, len(years)) - _GAP
    cells = []
    for number, year in enumerate(years):
        start = number * (wide + _GAP)
        ends = [start]
        for quantity in (year.allocated, year.in_wallet, year.to_buy):
            ends.append(ends[-1] + (wide * quantity / most if most else 0))
        spans = [across.span(first, last) if last > first else None for first, last in pairwise(ends)]
        cells.append(DrawnCell(year, year_label(year.year), across.at(start), across.span(start, start + wide), *spans))
    return tuple(cells)


# --- timeline ----------------------------------------------------------------------------------------------------


# What is shorter than this part of the line has no room for a name on a phone's screen.
_NAMED_FROM = 0.09


@dataclass(frozen=True)
class DrawnSegment:
    """The trial, or one subscription year, on the timeline; ``grace`` is the stretch below it."""

    segment: Segment
    # Whether there is room for its name.
    is_named: bool
    # The day on which it is drawn to begin: the year's first, or that from which the product is covered.
    opens: date
    x: str
    whole: Span
    fill: Span | None
    grace: Span | None
    grace_last_day: date | None
    missing: int
    # The number of the year; None of the trial.
    number: int | None


@dataclass(frozen=True)
class DrawnExpiry:
    """Licenses of the wallet that have to be used by a day; those of one month stand together on its first such day.

    ``until`` is the last such day of the month.
    """

    on: date
    until: date
    quantity: int
    x: str
    is_labelled: bool


@dataclass(frozen=True)
class DrawnTimeline:
    """A product's trial, years, renewals, grace periods and expiring licenses on one line of time."""

    on: date
    today: str
    # Whether the word at today has to stand before its line, since it is near the end.
    is_today_late: bool
    segments: tuple[DrawnSegment, ...]
    # The renewal dates, and where they lie.
    renewals: tuple[tuple[date, str], ...]
    expiries: tuple[DrawnExpiry, ...]
    height: int

    @property
    def has_trial(self) -> bool:
        return self.segments[0].segment.state in ("trial", "past")


def drawn_timeline(standing: ProductStanding, *, mirrored: bool = False) -> DrawnTimeline | None:
    """The trial alone before the start, or the years on offer after it and the trial if it was in the current year's time.

    None where there is neither: the product has no trial and is not started.
    """
    segments = timeline(standing)
    if not segments:
        return None
    on = standing.on
    years = (*[None] * (len(segments) - len(standing.years)), *standing.years)
    first = min(segments[0].start, on) if years[0] is None else years[0].covered_from
    across = Across.of_days(first, max(on, segments[-1].end), mirrored=mirrored)
    drawn = [_drawn_segment(standing, segment, year, across) for segment, year in zip(segments, years, strict=True)]
    expiries = _expiries(standing, across, segments[-1].end) if standing.years else ()
    share = across.share(on.toordinal() + 0.5)
    return DrawnTimeline(
        on=on,
        today=across.at(on.toordinal() + 0.5),
        is_today_late=share < 20 if mirrored else share > 80,
        segments=tuple(drawn),
        renewals=tuple((year.year.first, across.on(year.year.first)) for year in standing.years[1:]),
        expiries=expiries,
        height=142 if expiries else 102 if standing.years else 64,
    )


def _drawn_segment(
    standing: ProductStanding, segment: Segment, year: YearStanding | None, across: Across
) -> DrawnSegment:
    # The year in which the product started is drawn from the day from which it is covered (R8), after the trial.
    opens = segment.start if year is None else year.covered_from
    start, end = opens.toordinal(), segment.end.toordinal() + 1
    filled = start + (end - start) * segment.fill_percent / 100
    grace_last = _grace_last(standing, year)
    return DrawnSegment(
        segment=segment,
        is_named=end - opens.toordinal() > (across.last - across.first) * _NAMED_FROM,
        opens=opens,
        x=across.at(start),
        whole=across.span(start, end),
        fill=across.span(start, filled) if filled > start else None,
        grace=across.days(opens, grace_last) if grace_last else None,
        grace_last_day=grace_last,
        missing=year.missing_total if year else 0,
        number=year.year.number if year else None,
    )


def _grace_last(standing: ProductStanding, year: YearStanding | None) -> date | None:
    """The last day of a year's grace, cut at the year's end, since the next year's takes over there (R9)."""
    if year is None or standing.started_on is None:
        return None
    return min(year.year.last, rules.grace_last_day(year.year, standing.started_on))


def _expiries(standing: ProductStanding, across: Across, last: date) -> tuple[DrawnExpiry, ...]:
    """The lots of subscription licenses by use-by date, those of one month together."""
    months: defaultdict[tuple[int, int], list[tuple[date, int]]] = defaultdict(list)
    for lots in standing.stock.values():
        for lot in lots:
            day = use_by(lot.expires_on)
            if day <= last:
                months[day.year, day.month].append((day, lot.quantity))
    found = [sorted(lots) for _month, lots in sorted(months.items())]
    room = with_room([across.share(lots[0][0].toordinal()) for lots in found], 11)
    return tuple(
        DrawnExpiry(lots[0][0], lots[-1][0], sum(n for _day, n in lots), across.on(lots[0][0]), is_labelled)
        for lots, is_labelled in zip(found, room, strict=True)
    )


# --- devices over time -------------------------------------------------------------------------------------------

# How far down a value lies, in pixels.
_Down = Callable[[float], float]

# From the top of the picture to that of the plot, and the plot's height, in pixels.
PLOT_TOP = 46
PLOT_HEIGHT = 170
HEIGHT = PLOT_TOP + PLOT_HEIGHT + 24


@dataclass(frozen=True)
class Line:
    """A straight line of the picture."""

    x1: str
    y1: str
    x2: str
    y2: str


@dataclass(frozen=True)
class Area:
    """A rectangle below a line."""

    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True)
class DrawnDevices:
    """Devices and licenses as step lines, the allowance, and the pace as a straight line from today on."""

    height: int
    bottom: str
    # Where a line of text starts and ends.
    start: str
    end: str
    # (number, how far down) of the grid's lines, 0 left out.
    grid: tuple[tuple[int, str], ...]
    # The first days of the months that are named, and where they lie.
    months: tuple[tuple[date, str], ...]
    devices: tuple[Line, ...]
    areas: tuple[Area, ...]
    allocated: tuple[Line, ...]
    limit: Line | None
    pace: Line | None
    today: str
    is_today_late: bool
    now_y: str
    allocated_label_y: str
    limit_label_y: str
    # Where the allowance is passed at the pace; None where it is not, or is today already.
    passed: tuple[str, str] | None


def drawn_devices(found: DevicesOverTime, *, mirrored: bool = False) -> DrawnDevices:
    """The picture of devices over time; nothing is drawn above its scale, whose last line is above all that is shown."""
    across = Across.of_days(found.first, found.last, mirrored=mirrored)
    highest = max([value for _day, value in (*found.devices, *found.allocated)] + [found.limit or 0, found.expected, 1])
    numbers = ticks(highest)
    most = numbers[-1]

    def down(value: float) -> float:
        return PLOT_TOP + PLOT_HEIGHT - height_of(value, most, PLOT_HEIGHT)

    evening = found.on + timedelta(days=1)
    device_lines, areas = _steps(found.devices, found.on, across, down)
    allocated_lines, _areas = _steps(found.allocated, found.on, across, down)
    hold = value_on(found.allocated, found.on)
    if found.allocated and found.last > found.on:
        # What is allocated stays so to the year's end.
        y = pixels(down(hold))
        allocated_lines = (*allocated_lines, Line(across.on(evening), y, across.at(across.last), y))
    share = across.share(evening.toordinal())
    labels = _apart(down(hold) - 6, down(found.limit) - 6 if found.limit is not None else None)
    return DrawnDevices(
        height=HEIGHT,
        bottom=pixels(PLOT_TOP + PLOT_HEIGHT),
        start=across.at(across.first),
        end=across.at(across.last),
        grid=tuple((number, pixels(down(number))) for number in numbers[1:]),
        months=_months(found.first, found.last, across),
        devices=device_lines,
        areas=areas,
        allocated=allocated_lines,
        limit=_level(found.limit_since, found, across, down),
        pace=_pace(found, across, down),
        today=across.on(evening),
        is_today_late=share < 70 if mirrored else share > 30,
        now_y=pixels(down(found.devices_now)),
        allocated_label_y=pixels(labels[0]),
        limit_label_y=pixels(labels[1]),
        passed=_passed(found, across, down),
    )


def _steps(changes: Changes, last: date, across: Across, down: _Down) -> tuple[tuple[Line, ...], tuple[Area, ...]]:
    """The lines of a value that changes by steps up to the evening of ``last``, and the rectangles below them."""
    lines: list[Line] = []
    areas: list[Area] = []
    before: str | None = None
    bottom = PLOT_TOP + PLOT_HEIGHT
    for step in steps(changes, last):
        start, end = across.on(step.first), across.on(step.last + timedelta(days=1))
        y = pixels(down(step.value))
        if before is not None:
            lines.append(Line(start, before, start, y))
        lines.append(Line(start, y, end, y))
        span = across.days(step.first, step.last)
        if step.value:
            areas.append(Area(span.x, y, span.width, pixels(bottom - down(step.value))))
        before = y
    return tuple(lines), tuple(areas)


def _apart(licenses: float, limit: float | None, least: float = 16) -> tuple[float, float]:
    """How far down the words at the two lines' ends stand: the limit is never below the licenses, and words never overlap."""
    if limit is None:
        return licenses, licenses
    # A limit just above leaves no room between the lines: the licenses' words then go below their line.
    return (licenses if licenses - limit >= least else licenses + 20), limit


def _level(since: date | None, found: DevicesOverTime, across: Across, down: _Down) -> Line | None:
    """The allowance: from the day on which the year was fully licensed to the year's end."""
    if found.limit is None or since is None:
        return None
    y = pixels(down(found.limit))
    return Line(across.on(max(since, found.first)), y, across.at(across.last), y)


def _pace(found: DevicesOverTime, across: Across, down: _Down) -> Line | None:
    """From today's devices to those that the last day would have; None without a pace or days to come."""
    if found.last <= found.on or not found.devices or found.pace.days <= 0:
        return None
    start = found.on + timedelta(days=1)
    return Line(across.on(start), pixels(down(found.devices_now)), across.at(across.last), pixels(down(found.expected)))


def _passed(found: DevicesOverTime, across: Across, down: _Down) -> tuple[str, str] | None:
    if found.passed_on is None or found.is_passed or found.limit is None:
        return None
    return across.on(found.passed_on), pixels(down(found.limit))


def _months(first: date, last: date, across: Across) -> tuple[tuple[date, str], ...]:
    """The first days of each third month within the time shown, or of each where there are few."""
    days = [
        day
        for number in range((last.year - first.year) * 12 + last.month - first.month + 1)
        if first <= (day := _month_after(first, number)) <= last
    ]
    every = 3 if len(days) > 4 else 1
    # The last month's name would be cut off by the edge.
    return tuple((day, across.on(day)) for day in days[::every] if (last - day).days * 8 >= (last - first).days)


def _month_after(day: date, months: int) -> date:
    """The first day of the month that comes so many months after that of ``day``."""
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)
