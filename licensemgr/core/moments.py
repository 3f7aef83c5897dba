"""Instants in words: by the clocks of whoever reads, and how long ago."""

from datetime import datetime, timedelta

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def say_instant(local: datetime) -> str:
    """The day and the time of day of an instant that is in the reader's time zone already."""
    return f"{formats.date_format(local.date(), 'DATE_FORMAT')}, {formats.time_format(local.time(), 'H:i')}"


def say_ago(passed: timedelta) -> str:
    """How long ago that is, in whole minutes, hours or days; what lies ahead is just now."""
    if passed < _MINUTE:
        return _("just now")
    if passed < _HOUR:
        minutes = passed // _MINUTE
        return ngettext("%(n)d minute ago", "%(n)d minutes ago", minutes) % {"n": minutes}
    if passed < 2 * _DAY:
        hours = passed // _HOUR
        return ngettext("%(n)d hour ago", "%(n)d hours ago", hours) % {"n": hours}
    days = passed // _DAY
    return ngettext("%(n)d day ago", "%(n)d days ago", days) % {"n": days}
