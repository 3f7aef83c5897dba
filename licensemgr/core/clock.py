"""The one clock (R1). Nothing else in the project reads the time; a lint rule keeps it so.

In demonstration mode, and only there, the business date can be set. Sessions, tokens, limits and logs keep the
real time in either mode.
"""

import contextlib
import contextvars
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Protocol

from django.conf import settings

from licensemgr.core.calendar import LAST_DATE
from licensemgr.core.errors import Refused
from licensemgr.core.models import ClockReading, DemonstrationClock
from licensemgr.core.worded import gettext as _


class HasOwnDays(Protocol):
    """What the clock needs to know of an organization."""

    settled_through: date | None

    def time_zone_at(self, instant: datetime) -> str: ...


class ClockCannotMove(Refused):
    """The demonstration clock was asked for something that it can't do."""

    code = "clock"


class ClockJumped(Refused):
    """The date is further ahead of the last one seen than SETTLE_MAX_DAYS (R3)."""

    code = "clock jumped"
    status = 503


_jumps_allowed: contextvars.ContextVar[bool] = contextvars.ContextVar("jumps_allowed", default=False)


def real_now() -> datetime:
    """The instant by the machine's clock, in UTC: for `written` stamps, limits and logs."""
    return datetime.now(UTC)


def now() -> datetime:
    """The business instant in UTC: the machine's, or the demonstration's.

    A demonstration date begins at noon UTC, so that it is the same day from UTC-11 to UTC+11, and runs on for less
    than an hour: a demonstration's day never changes by itself.
    """
    real = real_now()
    if settings.DEMONSTRATION:
        setting = DemonstrationClock.objects.first()
        if setting is not None:
            noon = datetime(setting.date.year, setting.date.month, setting.date.day, 12, tzinfo=UTC)
            return noon + min(max(real - setting.set_at, timedelta()), timedelta(minutes=55))
    return real


@lru_cache(maxsize=1024)
def zone(name: str) -> zoneinfo.ZoneInfo:
    """The time zone of that IANA name."""
    return zoneinfo.ZoneInfo(name)


def local_date(instant: datetime, time_zone: str) -> date:
    """The calendar date at an instant in a time zone (R1)."""
    return instant.astimezone(zone(time_zone)).date()


def day_begins(day: date, time_zone: str) -> datetime:
    """The instant, in UTC, at which a calendar date begins in a time zone."""
    return datetime.combine(day, time(), tzinfo=zone(time_zone)).astimezone(UTC)


def today(organization: HasOwnDays) -> date:
    """The organization's today: the later of its local date and the last day settled (R1)."""
    instant = now()
    local = local_date(instant, organization.time_zone_at(instant))
    return max(local, organization.settled_through) if organization.settled_through else local


def set_demonstration_date(target: date) -> None:
    """Move the demonstration's date forward to ``target``.

    Raises ClockCannotMove outside of demonstration mode, backwards, or beyond the calendar.
    """
    if not settings.DEMONSTRATION:
        raise ClockCannotMove(_("The clock can be set in demonstration mode only. Nothing was changed."))
    current = now().date()
    if target < current:
        raise ClockCannotMove(
            _("The clock only moves forward, and today is %(today)s. Nothing was changed; choose a later date.")
            % {"today": current.isoformat()}
        )
    if target > LAST_DATE:
        raise ClockCannotMove(
            _("The calendar of the demonstration ends on %(last)s. Nothing was changed; choose an earlier date.")
            % {"last": LAST_DATE.isoformat()}
        )
    DemonstrationClock.objects.update_or_create(pk=1, defaults={"date": target, "set_at": real_now()})


def witness(on: date) -> None:
    """Note that the books of some organization are brought to ``on``; in production refuse a clock that jumped (R3).

    Raises ClockJumped when ``on`` is more than SETTLE_MAX_DAYS after the latest date seen so far.
    """
    reading = ClockReading.objects.filter(pk=1).first()
    if reading is None:
        ClockReading.objects.get_or_create(pk=1, defaults={"latest": on})
        return
    if on <= reading.latest:
        return
    jump = (on - reading.latest).days
    if settings.PRODUCTION and jump > settings.SETTLE_MAX_DAYS and not _jumps_allowed.get():
        raise ClockJumped(
            _(
                "The clock of this machine says %(on)s, %(jump)s days after the last date seen. Nothing was changed. "
                "If the date is right, the operator runs “run_daily --force” once."
            )
            % {"on": on.isoformat(), "jump": jump}
        )
    ClockReading.objects.filter(pk=1, latest__lt=on).update(latest=on)


@contextlib.contextmanager
def jumps_allowed() -> Iterator[None]:
    """Within this, a clock that jumped is believed: for `run_daily --force` and for histories that are played."""
    token = _jumps_allowed.set(True)
    try:
        yield
    finally:
        _jumps_allowed.reset(token)
