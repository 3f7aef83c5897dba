"""What subscriptions refuse, each with the sentence that the person reads."""

from collections.abc import Sequence
from datetime import date

from licensemgr.core.errors import Refused
from licensemgr.core.moments import say_day
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext
from subscriptions.rules import Mismatch, Year


class AlreadyStarted(Refused):
    """The subscription was started before: it is done once per registered product (R7)."""

    code = "start"

    def __init__(self, *, started_on: date) -> None:
        super().__init__(
            _("The subscription was started on %(date)s. Nothing was changed.") % {"date": say_day(started_on)}
        )


class AllocationRefused(Refused):
    """A confirmation that can't take effect."""

    code = "allocate"


class NotStarted(AllocationRefused):
    """There is no subscription to allocate to."""

    code = "not started"

    def __init__(self) -> None:
        super().__init__(
            _("The subscription has not been started. Nothing was allocated. Start your subscription first.")
        )


class YearsNotOffered(AllocationRefused):
    """Nothing was entered, or a year that is not on offer (R15, R16)."""

    code = "years"


class NeedNotMatched(AllocationRefused):
    """What was entered is not what the years are missing (R15, R16)."""

    code = "need"

    def __init__(self, mismatches: Sequence[Mismatch], gaps: Sequence[int], years: dict[int, Year]) -> None:
        self.mismatches = mismatches
        self.gaps = gaps
        parts = [_mismatch_sentence(mismatch, years[mismatch.number]) for mismatch in mismatches]
        parts += [
            _("The year %(year)s has to be filled first.") % {"year": year_name(years[number])} for number in gaps
        ]
        super().__init__(" ".join([*parts, _("Nothing was allocated.")]))


class ConfirmationChanged(AllocationRefused):
    """What would be shown now differs from what was confirmed (R20)."""

    code = "changed"
    status = 409

    def __init__(self, changes: Sequence[str]) -> None:
        self.changes = changes
        super().__init__(
            " ".join(
                [
                    _("Something changed since this page was made, so nothing was allocated."),
                    *changes,
                    _("Look at the new amounts and confirm again."),
                ]
            )
        )


class ConfirmationUsed(AllocationRefused):
    """The same confirmation was sent with other content (R18)."""

    code = "used"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            _(
                "This confirmation was used before for something else. Nothing was changed now. Start again from Product "
                "licensing."
            )
        )


class ConfirmationForged(AllocationRefused):
    """The confirmation does not come from this page."""

    code = "forged"

    def __init__(self) -> None:
        super().__init__(_("This confirmation can't be read. Nothing was changed. Start again from Product licensing."))


def year_name(year: Year) -> str:
    """A subscription year as pages name it: its first and its last day."""
    return _("%(first)s to %(last)s") % {
        "first": say_day(year.first),
        "last": say_day(year.last),
    }


def _mismatch_sentence(mismatch: Mismatch, year: Year) -> str:
    values = {
        "year": year_name(year),
        "type": mismatch.code,
        "entered": grouped(mismatch.entered),
        "missing": grouped(mismatch.missing),
        "difference": grouped(abs(mismatch.over)),
    }
    if mismatch.over > 0:
        return _("%(year)s, %(type)s: %(entered)s entered, %(missing)s missing, so %(difference)s too many.") % values
    return _("%(year)s, %(type)s: %(entered)s entered, %(missing)s missing, so %(difference)s short.") % values


class ReleaseRefused(Refused):
    """A coming year that can't be released (R34)."""

    code = "release"


class ReleaseIsOff(ReleaseRefused):
    """Staff switched releasing off."""

    code = "release off"

    def __init__(self) -> None:
        super().__init__(
            _("Coming years can't be released in this portal. Nothing was changed. Ask the vendor for help.")
        )


class YearHasBegun(ReleaseRefused):
    """Only a coming year can be released: what is allocated to one that has begun is used (R34)."""

    code = "year begun"

    def __init__(self, *, first: date, ended: date) -> None:
        text = (
            _("The year that begins on %(first)s could be released before %(ended)s. Nothing was changed.")
            if ended < first
            else _("The year that begins on %(first)s is not a coming year any more. Nothing was changed.")
        )
        super().__init__(
            text
            % {
                "first": say_day(first),
                "ended": say_day(ended),
            }
        )


class NothingToRelease(ReleaseRefused):
    """Nothing is allocated to the year (R34)."""

    code = "nothing to release"

    def __init__(self) -> None:
        super().__init__(_("Nothing is allocated to this year, so nothing can be returned. Nothing was changed."))


class LaterYearFirst(ReleaseRefused):
    """Years are released from the last allocated one backwards (R34)."""

    code = "later year first"

    def __init__(self, later: Year) -> None:
        self.later = later
        super().__init__(
            _("The year %(year)s has to be released first, since it lies after this one. Nothing was changed.")
            % {"year": year_name(later)}
        )


class ExpiryNotAccepted(ReleaseRefused):
    """Some licenses would expire as soon as they are back, and nobody agreed to that (R34)."""

    code = "expiry not accepted"
    field = "accept_expiry"

    def __init__(self, expiring: int) -> None:
        super().__init__(
            ngettext(
                "%(expiring)s license would expire at once. Nothing was changed. Tick the box if that is what you want.",
                "%(expiring)s licenses would expire at once. Nothing was changed. Tick the box if that is what you want.",
                expiring,
            )
            % {"expiring": grouped(expiring)}
        )


class ReleaseChanged(ReleaseRefused):
    """What would be shown now differs from what was confirmed (R20, R34)."""

    code = "changed"
    status = 409

    def __init__(self, changes: Sequence[str]) -> None:
        self.changes = changes
        super().__init__(
            " ".join(
                [
                    _("Something changed since this page was made, so nothing was returned."),
                    *changes,
                    _("Look at the page again and confirm anew."),
                ]
            )
        )
