"""Geometry of the pictures that pages draw as SVG: pure functions on numbers and dates.

A picture has no viewBox. Across, everything is in percent of its width, so that it fits any screen while its text keeps its
size; down, everything is in CSS pixels. Values are texts, since a template would write a number with the language's comma.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Span:
    """A stretch across the picture: where it begins on the left, and how wide it is, both as percentages."""

    x: str
    width: str


@dataclass(frozen=True)
class Across:
    """A scale from the start of a line of text (``first``) to its end (``last``); mirrored where one reads from the right."""

    first: float
    last: float
    mirrored: bool = False

    @classmethod
    def of_days(cls, first: date, last: date, *, mirrored: bool = False) -> "Across":
        """A scale from the morning of one day to the evening of another."""
        return cls(first.toordinal(), last.toordinal() + 1, mirrored)

    def share(self, value: float) -> float:
        """How far along the picture a value lies, 0 to 100 from the left; what lies outside is put on the edge."""
        whole = self.last - self.first
        part = min(1.0, max(0.0, (value - self.first) / whole)) if whole > 0 else 0.0
        return 100 * (1 - part if self.mirrored else part)

    def at(self, value: float) -> str:
        """Where a value lies."""
        return percent(self.share(value))

    def on(self, day: date) -> str:
        """Where a day begins."""
        return self.at(day.toordinal())

    def span(self, first: float, last: float) -> Span:
        """The stretch from one value to another."""
        left, right = sorted((self.share(first), self.share(last)))
        return Span(percent(left), percent(right - left))

    def days(self, first: date, last: date) -> Span:
        """The stretch from the morning of one day to the evening of another."""
        return self.span(first.toordinal(), last.toordinal() + 1)


def percent(share: float) -> str:
    """A share of 100 as an attribute of SVG: at most two decimals, a point as mark."""
    return f"{share:.2f}".rstrip("0").rstrip(".") + "%"


def height_of(value: float, most: float, height: float) -> float:
    """How many pixels high a value is drawn where ``most`` is ``height`` high; whatever is there is one pixel high at least."""
    if value <= 0 or most <= 0:
        return 0.0
    return max(1.0, round(height * min(value, most) / most, 1))


def pixels(value: float) -> str:
    """A number of pixels as an attribute of SVG."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def ticks(most: int, lines: int = 4) -> tuple[int, ...]:
    """Round whole numbers, evenly apart, from 0 up to the first that is not below ``most``; about ``lines`` above 0."""
    step = 1
    while step * lines < most:
        # 1, 2, 5, 10, 20, 50 …
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    count = max(1, -(-most // step))
    return tuple(step * number for number in range(count + 1))


@dataclass(frozen=True)
class Step:
    """A value that holds from one day on, to the last day before another's ``first``."""

    first: date
    last: date
    value: int


def steps(changes: Iterable[tuple[date, int]], last: date) -> tuple[Step, ...]:
    """The stretches between changes (day, value from that day on; in order) up to ``last``; equal neighbours are one."""
    kept: list[tuple[date, int]] = []
    for day, value in changes:
        if day > last:
            break
        if kept and kept[-1][0] == day:
            kept.pop()
        if not kept or kept[-1][1] != value:
            kept.append((day, value))
    if not kept:
        return ()
    ends = [date.fromordinal(day.toordinal() - 1) for day, _value in kept[1:]] + [last]
    return tuple(Step(day, end, value) for (day, value), end in zip(kept, ends, strict=True))


def value_on(changes: Sequence[tuple[date, int]], day: date) -> int:
    """The value that held on a day, by changes in order; 0 before the first."""
    index = bisect_right([changed for changed, _value in changes], day)
    return changes[index - 1][1] if index else 0


def with_room(shares: Sequence[float], least: float) -> list[bool]:
    """Which of the labels at these places (in order, in percent) have ``least`` percent to the last that is kept."""
    kept: list[bool] = []
    before: float | None = None
    for share in shares:
        fits = before is None or abs(share - before) >= least
        kept.append(fits)
        before = share if fits else before
    return kept
