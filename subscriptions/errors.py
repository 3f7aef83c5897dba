"""What subscriptions refuse, each with the sentence that the person reads."""

from collections.abc import Sequence
from datetime import date

from django.utils import formats
from django.utils.translation import gettext as _

from licensemgr.core.errors import Refused
from subscriptions.rules import Mismatch, Year


class AlreadyStarted(Refused):
    """The subscription was started before: it is done once per registered product (R7)."""

    code = "start"

    def __init__(self, *, started_on: date) -> None:
        super().__init__(
            _("The subscription was started on %(date)s. Nothing was changed.")
            % {"date": formats.date_format(started_on, "DATE_FORMAT")}
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
                "This confirmation was used before for something else. Nothing was allocated now. Start again from Product "
                "licensing."
            )
        )


class ConfirmationForged(AllocationRefused):
    """The confirmation does not come from this page."""

    code = "forged"

    def __init__(self) -> None:
        super().__init__(
            _("This confirmation can't be read. Nothing was allocated. Start again from Product licensing.")
        )


def year_name(year: Year) -> str:
    """A subscription year as pages name it: its first and its last day."""
    return _("%(first)s to %(last)s") % {
        "first": formats.date_format(year.first, "DATE_FORMAT"),
        "last": formats.date_format(year.last, "DATE_FORMAT"),
    }


def _mismatch_sentence(mismatch: Mismatch, year: Year) -> str:
    values = {
        "year": year_name(year),
        "type": mismatch.code,
        "entered": mismatch.entered,
        "missing": mismatch.missing,
        "difference": abs(mismatch.over),
    }
    if mismatch.over > 0:
        return _("%(year)s, %(type)s: %(entered)d entered, %(missing)d missing, so %(difference)d too many.") % values
    return _("%(year)s, %(type)s: %(entered)d entered, %(missing)d missing, so %(difference)d short.") % values
