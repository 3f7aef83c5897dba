"""What beat runs: brings the books of every organization that has something due up to its today (R3)."""

import contextlib
import logging
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from licensemgr.core import clock
from licensemgr.core.models import JobRun
from licensemgr.core.tenancy import Part, acting, acting_for
from organizations import books
from organizations.models import Organization

logger = logging.getLogger(__name__)

JOB = "run_daily"


@dataclass(frozen=True)
class DailyFigures:
    """What one run did."""

    # Organizations for which something was due, those of them that were settled, and how many things were written down.
    looked_at: int = 0
    settled: int = 0
    written: int = 0
    # The slugs of the organizations that could not be settled; the log says why.
    failed: tuple[str, ...] = ()


def run_daily(*, on: date | None = None, force: bool = False) -> DailyFigures:
    """Settle every organization for which something has become due, each up to its own today (R1, R3).

    With ``on``, up to that date; never later than today. The failure of one organization stops no other. Running it
    twice changes nothing. Raises ClockJumped, before anything was changed, when in production the clock jumped more than
    SETTLE_MAX_DAYS, unless ``force``.
    """
    with acting(Part.UPKEEP), clock.jumps_allowed() if force else contextlib.nullcontext():
        return _run(on)


def _run(on: date | None) -> DailyFigures:
    utc_date = clock.now().date()
    # Seen also on days on which nothing is due, so that a quiet year is no jump (R3).
    clock.witness(min(on, utc_date) if on else utc_date)
    # No time zone is further ahead than the day after UTC's.
    latest = utc_date + timedelta(days=1)
    # Sorted here: an ORDER BY on the primary key tempts SQLite to read the whole table instead of the index.
    due = list(Organization.objects.filter(next_due_on__lte=min(on, latest) if on else latest).order_by())
    looked_at = settled = written = 0
    failed: list[str] = []
    for organization in sorted(due, key=lambda organization: organization.pk):
        today = clock.today(organization)
        through = min(on, today) if on else today
        if organization.next_due_on is None or organization.next_due_on > through:
            continue
        looked_at += 1
        try:
            with acting_for(organization.pk):
                written += books.settle(organization, through)
            settled += 1
        except clock.ClockJumped:
            raise
        except Exception:
            logger.exception("The books of %s could not be settled up to %s.", organization.slug, through)
            failed.append(organization.slug)
    figures = DailyFigures(looked_at, settled, written, tuple(failed))
    if looked_at:
        _note(figures, utc_date)
    return figures


def _note(figures: DailyFigures, business_date: date) -> None:
    """Keep the figures of the date's last run that had something to do."""
    now = clock.real_now()
    kept: dict[str, Any] = {**asdict(figures), "failed": list(figures.failed)}
    JobRun.objects.update_or_create(
        job=JOB,
        business_date=business_date,
        defaults={"finished_at": now, "figures": kept},
        create_defaults={"claimed_at": now, "finished_at": now, "figures": kept},
    )
