"""The years of a subscription as pages show them: the dates before starting, and the timeline after."""

from dataclasses import dataclass
from datetime import date, timedelta

from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from subscriptions import rules
from subscriptions.advice import days_left
from subscriptions.queries import ProductStanding, YearStanding
from subscriptions.rules import Status


@dataclass(frozen=True)
class DatesAfterStart:
    """The dates that follow from starting a subscription (R7, R8, R9)."""

    is_first: bool
    anchor_on: date
    year: rules.Year
    covered_from: date
    grace_last_day: date
    # Where the grace of a start near the year's end passes to the next year's: that one's last day.
    next_grace_last_day: date | None
    renewal_on: date


def dates_after_start(anchor_on: date | None, on: date) -> DatesAfterStart:
    """What starting on ``on`` would set; ``anchor_on`` is None for the organization's first start."""
    anchor = anchor_on or on
    year = rules.current_year(anchor, on)
    renewal_on = year.last + timedelta(days=1)
    grace = rules.grace_last_day(year, on)
    follows = renewal_on + timedelta(days=rules.GRACE_DAYS) if grace >= renewal_on else None
    return DatesAfterStart(anchor_on is None, anchor, year, rules.covered_from(year, on), grace, follows, renewal_on)


@dataclass(frozen=True)
class Segment:
    """One stretch of the timeline: the trial, or a subscription year; ``start`` is the organization's first day of it."""

    label: str
    state: str
    start: date
    end: date
    detail: str
    current: bool = False
    fill_percent: int = 0
    covered_from: date | None = None


# A trial that ended longer before the current year's coverage is left out of the timeline: it would only make it small.
_TRIAL_SHOWN_DAYS = 365


def timeline(standing: ProductStanding) -> tuple[Segment, ...]:
    """The trial before the start; after it the six years on offer (R15), and before them a trial that led to the first."""
    trial = _trial(standing)
    return (*([trial] if trial else []), *(_segment(standing, year) for year in standing.years))


def _trial(standing: ProductStanding) -> Segment | None:
    last = standing.trial_last_on
    first = standing.registered_product.registered_on
    if last is None:
        return None
    if standing.started_on is not None and standing.current is not None:
        # The start ended it (R6).
        last = min(last, standing.started_on - timedelta(days=1))
        is_shown = standing.started_on >= standing.current.year.first and first <= last
        is_shown = is_shown and (standing.started_on - last).days <= _TRIAL_SHOWN_DAYS
        return Segment(_("Trial"), "past", first, last, _("Trial has ended")) if is_shown else None
    running = standing.on <= last
    detail = days_left(last, standing.on) if running else _("Trial has ended")
    return Segment(_("Trial"), "trial" if running else "past", first, last, detail, running)


def year_label(year: rules.Year) -> str:
    """A short name of a subscription year: the calendar years in which it lies."""
    first, last = year.first.year, year.last.year
    return str(first) if first == last else f"{first}/{last}"


def _segment(standing: ProductStanding, year: YearStanding) -> Segment:
    first, last = year.year.first, year.year.last
    label = year_label(year.year)
    need, allocated = year.need_total, year.allocated_total
    current = year.offset == 0
    if not year.missing_total:
        state = "licensed" if allocated else "none"
        detail = _("Fully licensed") if allocated else _("No licenses needed")
    else:
        in_grace = current and standing.status in (Status.STARTED, Status.RENEWAL_GRACE)
        state = "grace" if in_grace else "partial" if allocated else "missing" if current else "open"
        detail = _("%(missing)s of %(need)s missing") % {"missing": grouped(year.missing_total), "need": grouped(need)}
    return Segment(
        label=label,
        state=state,
        start=first,
        end=last,
        detail=detail,
        current=current,
        fill_percent=_percent(need - year.missing_total, need) if need else 0,
        covered_from=year.covered_from if year.covered_from != first else None,
    )


def _percent(part: int, whole: int) -> int:
    return max(0, min(100, part * 100 // whole)) if whole else 0
