"""Instants in words: by the clocks of whoever reads, and how long ago."""

from datetime import date, datetime, timedelta

from django.utils import formats

from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext, reworded

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@reworded
def say_day(day: date) -> str:
    """The day as the reader's language writes it."""
    return formats.date_format(day, "DATE_FORMAT")


def say_instant(local: datetime) -> str:
    """The day and the time of day of an instant that is in the reader's time zone already."""
    return f"{formats.date_format(local.date(), 'DATE_FORMAT')}, {formats.time_format(local.time(), 'H:i')}"


def say_ago(passed: timedelta) -> str:
    """How long ago that is, in whole minutes, hours or days; what lies ahead is just now."""
    if passed < _MINUTE:
        return _("just now")
    if passed < _HOUR:
        minutes = passed // _MINUTE
        return ngettext("%(n)s minute ago", "%(n)s minutes ago", minutes) % {"n": grouped(minutes)}
    if passed < 2 * _DAY:
        hours = passed // _HOUR
        return ngettext("%(n)s hour ago", "%(n)s hours ago", hours) % {"n": grouped(hours)}
    days = passed // _DAY
    return ngettext("%(n)s day ago", "%(n)s days ago", days) % {"n": grouped(days)}
